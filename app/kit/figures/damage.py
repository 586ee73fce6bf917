"""Damage against distance: how far representations moved, and what is still recalled, near and far from the edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shatterscope.app.kit import theme
from shatterscope.wire.measures import DamageBin

Figure = dict[str, Any]

# The strips of ring places: clockwise (1) and anticlockwise (-1), their lower and upper edges in the figure.
WAYS = {1: "↻", -1: "↺"}
STRIPS = {1: (0.062, 0.102), -1: (0.01, 0.05)}
SLICES = 8


def bin_name(item: DamageBin) -> str:
    if item.distance_from == item.distance_to:
        return str(item.distance_from)
    return f"{item.distance_from}–{item.distance_to}"


def damage_figure(bins: Sequence[DamageBin], place: int | None = 0, n_entities: int = 1) -> Figure:
    """Two panels over one axis of distances. Text and grid lines take their colours from the style sheet.

    Below them, two strips give each distance the colours its places have in the scenes: clockwise and anticlockwise of the
    edited subject, which stands at `place` of a ring of `n_entities`. Without a place there are none: steps go along the lines of the scenes.
    """
    steps = "ring steps" if place is not None else "steps"
    starts = [str(item.distance_from) for item in bins]
    names = [f"{bin_name(item)} steps away, {item.n_entities} entities" for item in bins]

    def line(values: list[float | None], name: str, color: str, axis: str, form: str = ".2f") -> Figure:
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "x": starts,
            "text": names,
            "y": values,
            "name": name,
            "xaxis": "x",
            "yaxis": axis,
            "line": {"color": color, "width": 2},
            "marker": {"color": color, "size": 6},
            "hovertemplate": f"{name}: %{{y:{form}}} (%{{text}})<extra></extra>",
            "showlegend": False,
        }

    data = [
        line([item.displacement for item in bins], "moved", theme.ACCENT, "y2"),
        line([item.accuracy.before for item in bins], "recalled before", theme.NEUTRAL, "y", form=".1%"),
        line([item.accuracy.after for item in bins], "recalled after", theme.ACCENT, "y", form=".1%"),
    ]
    layout = {
        "autosize": True,
        "margin": {"l": 48, "r": 12, "t": 26, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12},
        "hovermode": "x unified",
        "uirevision": "kept",
    }
    if not bins:
        hidden = {"visible": False, "range": [0, 1]}
        nothing = _text("Apply an edit to see how far its damage reaches.", 0, 1)
        axes = {"xaxis": hidden, "yaxis": hidden, "yaxis2": hidden}
        margin = {"l": 0, "r": 0, "t": 26, "b": 0}
        return {"data": data, "layout": {**layout, **axes, "margin": margin, "annotations": [nothing]}}
    moved = f"how far representations moved, in {steps}"
    if all(item.displacement is None for item in bins):
        moved = "how far they moved: not told in steps, none are neighbours"
    farthest = max(item.displacement or 0 for item in bins)  # an automatic range stays what it was for the edit before
    layout |= {
        "xaxis": {
            "type": "category", "title": {"text": f"{steps} from the edited subject", "font": {"size": 12}}, "fixedrange": True,
            "showgrid": False, "anchor": "free", "position": 0, "tickangle": 0, "tickfont": {"size": 11},
            "range": [-0.5, len(bins) - 0.5],
        },
        "yaxis": {"domain": [0.19, 0.52], "range": [-0.03, 1.05], "tickformat": ".0%", "nticks": 4, "fixedrange": True, "zeroline": False},
        "yaxis2": {"domain": [0.66, 1], "range": [0, farthest * 1.08 or 1], "nticks": 4, "fixedrange": True, "zeroline": False, "anchor": "x"},
        "shapes": [] if place is None else [shape for way in WAYS for shape in _strip(bins, place, n_entities, way)],
        "annotations": [
            _text(moved, 0, 1.0),
            _text("facts still recalled: grey before, red after", 0, 0.53),
            *(_text(WAYS[way], -0.01, low, xanchor="right", yanchor="bottom") for way, (low, _) in STRIPS.items() if place is not None),
        ],
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _text(text: str, x: float, y: float, xanchor: str = "left", yanchor: str = "bottom") -> Figure:
    return {
        "text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False,
        "xanchor": xanchor, "yanchor": yanchor, "borderpad": 0, "font": {"size": 12},
    }  # fmt: skip


def _strip(bins: Sequence[DamageBin], place: int, n_entities: int, way: int) -> list[Figure]:
    """One way round the ring; a bin of many distances shows the colours it runs through."""
    low, high = STRIPS[way]
    shapes: list[Figure] = []
    for index, item in enumerate(bins):
        width = item.distance_to - item.distance_from + 1
        slices = min(width, SLICES)
        for part in range(slices):
            distance = item.distance_from + (part + 0.5) * width / slices - 0.5
            left, right = (index - 0.44 + 0.88 * edge / slices for edge in (part, part + 1))
            shapes.append(
                {
                    "type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right, "y0": low, "y1": high,
                    "fillcolor": theme.ring_color((place + way * distance) / n_entities), "line": {"width": 0},
                }
            )  # fmt: skip
    return shapes
