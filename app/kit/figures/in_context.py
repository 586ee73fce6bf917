"""Geometry made in context: where each word stands after so many words of a text, and how the numbers went until then."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import FloatArray, decode
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note
from shatterscope.wire.in_context import GraphName, InContextResult

LINE = "rgba(128,128,128,0.6)"
ROWS = 3  # of the grid: its vertices go through one column after the other
SIDES = (256, 400, 600)  # pixels, of the picture on a phone and on larger screens
LETTER, LINE_HEIGHT = 8.5, 18.0  # of a name, in pixels
DOT = np.array([17.0, 17.0])
GAPS = (9, 20, 32, 46, 62, 80)  # between a point and its name
TURNS = [sign * math.pi * k / 8 for k in range(9) for sign in (1, -1)]
PANELS = ((0.72, 0.95), (0.36, 0.59), (0.0, 0.23))


def color(graph: GraphName, vertex: int, n: int) -> str:
    """On a ring its place, on a grid its column."""
    if graph == "ring":
        return theme.ring_color(vertex / n)
    return theme.branch_color(vertex // ROWS, n // ROWS, (vertex % ROWS) / (ROWS - 1))


def words_figure(result: InContextResult, length: int) -> Figure:
    """The words met so far, and the edges of the graph between them, which the model has never been shown. The frame has room for all
    pictures from here on: it closes in on the last one and does not jump."""
    every = decode(result.points)
    points = every[length - 1]
    met = np.flatnonzero(~np.isnan(points[:, 0]))
    now = result.text[length - 1]
    n = len(result.words)
    hidden = {"visible": False, "fixedrange": True}
    across, up = (_range(every[length - 1 :, :, axis]) for axis in (0, 1))
    return {
        "data": [
            _edges(result, points),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "words",
                "x": points[met, 0].tolist(),
                "y": points[met, 1].tolist(),
                "text": [result.words[vertex] for vertex in met],
                "cliponaxis": False,
                "customdata": [[int(vertex)] for vertex in met],
                "marker": {
                    "opacity": 1,
                    "size": [20 if vertex == now else 13 for vertex in met],
                    "color": [color(result.graph, int(vertex), n) for vertex in met],
                    "line": {"width": [3 if vertex == now else 0 for vertex in met], "color": theme.INK},
                },
                "hovertemplate": f"<b>%{{text}}</b><br>place %{{customdata[0]}} of {n} in this {result.graph}<extra></extra>",
                "meta": {
                    "columns": {"x": "coordinate 1", "y": "coordinate 2", "text": "word", "customdata": ["place"]}
                },
            },
        ],
        "layout": layout(
            left=56,
            right=56,
            top=26,
            bottom=26,
            xaxis={**hidden, "range": across},
            yaxis={**hidden, "range": up, "scaleanchor": "x"},
            annotations=_names([result.words[vertex] for vertex in met], points[met], across, up),
        ),
    }


def _names(names: list[str], points: FloatArray, across: list[float], up: list[float]) -> list[Figure]:
    """A name beside each of `points`, (n, 2), and no two on each other: near its point where there is room, else further off at a line's end."""
    corner, wide = np.array([across[0], up[0]]), max(across[1] - across[0], up[1] - up[0])  # both axes have one scale
    # (screens, n, 2) in pixels, upwards: a name that is free on a phone may not be so where points lie further apart.
    places = np.array([(points - corner) * side / wide for side in SIDES])
    away = places[0] - places[0].mean(axis=0)
    low, high = places - DOT / 2, places + DOT / 2  # of what is taken, (screens, boxes, 2)
    found: list[Figure] = []
    for i in np.argsort(-np.linalg.norm(away, axis=1)):
        size = np.array([LETTER * len(names[i]), LINE_HEIGHT])
        turned = math.atan2(away[i, 1], away[i, 0]) + np.array(TURNS)
        ways = np.column_stack([np.cos(turned), np.sin(turned)])
        offsets = np.concatenate(
            [ways * (gap + size / 2) for gap in GAPS]
        )  # the nearer first, and those that point away from the middle
        middle = places[:, i, None] + offsets  # (screens, offsets, 2)
        common = np.minimum(middle[:, :, None] + size / 2, high[:, None]) - np.maximum(
            middle[:, :, None] - size / 2, low[:, None]
        )
        covered = common.clip(min=0).prod(axis=-1).sum(axis=(0, 2)).round()  # pixels of each place that are taken
        best = int(np.argmin(covered))
        offset = offsets[best]
        low, high = (
            np.concatenate([each, middle[:, best, None] + half], axis=1)
            for each, half in ((low, -size / 2), (high, size / 2))
        )
        found.append(
            {
                "text": names[i], "x": float(points[i, 0]), "y": float(points[i, 1]), "ax": float(offset[0]), "ay": -float(offset[1]),
                "xanchor": "center", "yanchor": "middle", "font": {"size": 13}, "showarrow": True, "arrowhead": 0, "arrowwidth": 1, "standoff": 7,
                "borderpad": 0, "arrowcolor": LINE if best >= len(TURNS) else "rgba(0,0,0,0)",
            }
        )  # fmt: skip
    return found


def _range(values: FloatArray) -> list[float]:
    """Of (lengths, vertices), from the middle of the last picture."""
    middle = float(np.nanmean(values[-1]))
    half = 1.1 * float(np.nanmax(np.abs(values - middle))) or 1.0
    return [middle - half, middle + half]


def _edges(result: InContextResult, points: FloatArray) -> Figure:
    ends = [(points[i], points[j]) for i, j in result.edges if not np.isnan(points[[i, j], 0]).any()]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "edges",
        "x": [value for a, b in ends for value in (float(a[0]), float(b[0]), None)],
        "y": [value for a, b in ends for value in (float(a[1]), float(b[1]), None)],
        "line": {"color": LINE, "width": 1.5},
        "hoverinfo": "skip",
        "meta": {"csv": False},
    }


def curves_figure(result: InContextResult, length: int) -> Figure:
    """Three panels over the number of words read, a line at the present one; what is grey is what a number is held against."""
    shuffled = [None if value is None else 1.0 for value in result.energy]
    panels: tuple[tuple[str, list[Any], str, list[Any], Figure], ...] = (
        (
            "Dirichlet energy; dashed: words shuffled",
            result.energy,
            "words shuffled",
            shuffled,
            {"range": [0, max(1.35, *(value or 0 for value in result.energy))]},
        ),
        (
            "nearest words that are neighbours; dashed: by chance",
            result.share,
            "by chance",
            result.chance,
            {"range": [-0.03, 1.06], "tickformat": ".0%"},
        ),
        (
            "loss, nats; dashed: of one who knows the graph",
            list(result.loss),
            "of one who knows the graph",
            list(result.floor),
            {"range": [0.8, max(2.7, *result.loss)]},
        ),
    )
    words = list(range(1, len(result.text) + 1))
    data: list[Figure] = []
    axes: Figure = {}
    titles: list[Figure] = []
    for number, ((title, values, other, against, scale), (low, high)) in enumerate(zip(panels, PANELS, strict=True)):
        suffix = str(number + 1) if number else ""
        axes[f"yaxis{suffix}"] = axis(domain=[low, high], anchor="x", **{"nticks": 4, **scale})
        titles.append(note(title, 0, high + 0.01))
        name = title.split(";")[0]
        data += [
            _curve(other, words, against, suffix, {"color": theme.NEUTRAL, "width": 1.5, "dash": "dash"}),
            _curve(name, words, values, suffix, {"color": theme.METHODS["rome"][1], "width": 2.5}),
        ]
    axes["xaxis"] = axis("words read", anchor=f"y{len(PANELS)}", range=[0, len(words) + 1], showgrid=False)
    here = {
        "type": "line", "x0": length, "x1": length, "xref": "x", "y0": 0, "y1": 0.95, "yref": "paper", "line": {"color": theme.INK, "width": 1.5},
    }  # fmt: skip
    return {
        "data": data,
        "layout": layout(left=46, top=6, bottom=40, **axes, shapes=[here], annotations=titles, hovermode="x unified"),
    }


def _curve(name: str, words: list[int], values: list[Any], suffix: str, line: Figure) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": words, "y": values, "xaxis": "x", "yaxis": f"y{suffix}", "line": line,
        "connectgaps": False, "hovertemplate": f"{name}: %{{y:.3g}}<extra></extra>", "meta": {"columns": {"x": "words read", "y": name}},
    }  # fmt: skip
