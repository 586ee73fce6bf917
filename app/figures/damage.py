"""Damage against ring distance: how far representations moved, and what is still recalled, near and far from the edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import theme
from backend.schemas import DamageBin

Figure = dict[str, Any]


def bin_name(item: DamageBin) -> str:
    if item.distance_from == item.distance_to:
        return str(item.distance_from)
    return f"{item.distance_from}–{item.distance_to}"


def damage_figure(bins: Sequence[DamageBin]) -> Figure:
    """Two panels over one axis of distances. Text and grid lines take their colours from the style sheet."""
    starts = [str(item.distance_from) for item in bins]
    names = [f"{bin_name(item)} steps away, {item.n_entities} entities" for item in bins]

    def line(values: list[float], name: str, color: str, axis: str, dash: str = "solid", form: str = ".2f") -> Figure:
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "x": starts,
            "text": names,
            "y": values,
            "name": name,
            "xaxis": "x",
            "yaxis": axis,
            "line": {"color": color, "width": 2, "dash": dash},
            "marker": {"color": color, "size": 6},
            "hovertemplate": f"{name}: %{{y:{form}}} (%{{text}})<extra></extra>",
            "showlegend": False,
        }

    data = [
        line([item.displacement for item in bins], "moved", theme.ACCENT, "y2"),
        line([item.accuracy.before for item in bins], "recalled before", theme.NEUTRAL, "y", form=".1%"),
        line([item.accuracy.after for item in bins], "recalled after", theme.ACCENT, "y", form=".1%"),
    ]

    def title(text: str, y: float) -> Figure:
        return {
            "text": text, "x": 0, "y": y, "xref": "paper", "yref": "paper", "showarrow": False,
            "xanchor": "left", "yanchor": "bottom", "font": {"size": 12},
        }  # fmt: skip

    layout = {
        "autosize": True,
        "margin": {"l": 48, "r": 12, "t": 26, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12},
        "hovermode": "x unified",
        "uirevision": "kept",
        "xaxis": {
            "type": "category", "title": {"text": "ring steps from the edited subject"}, "fixedrange": True,
            "showgrid": False, "anchor": "y", "tickangle": 0,
        },
        "yaxis": {"domain": [0, 0.43], "range": [-0.03, 1.05], "tickformat": ".0%", "nticks": 4, "fixedrange": True, "zeroline": False},
        "yaxis2": {"domain": [0.58, 1], "rangemode": "tozero", "nticks": 4, "fixedrange": True, "zeroline": False, "anchor": "x"},
        "annotations": [
            title("how far representations moved, in ring steps", 1.0),
            title("facts still recalled: grey before, red after", 0.44),
        ],
    }  # fmt: skip
    return {"data": data, "layout": layout}
