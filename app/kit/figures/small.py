"""One small picture among many: representations in the plane, as SVG. (Browsers allow about 8 to 16 WebGL pictures a page.)"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import encode
from shatterscope.app.kit.figures.drawn import IntArray
from shatterscope.app.kit.figures.scene import ROLE_STYLE, Frame, Scene

Figure = dict[str, Any]

MOST_POINTS = 512
LINE = "rgba(128,128,128,0.45)"
NAMES = {"subject": "subject", "old": "true object", "new": "new object"}


def drawn_every(n_entities: int) -> int:
    """Every how many-th entity in the order of the colours is drawn."""
    return -(-n_entities // MOST_POINTS)


def small_figure(scene: Scene) -> Figure:
    """Every `drawn_every`-th entity, coloured and joined to its neighbours that are drawn, on a ring to the next one drawn; the marks always."""
    # A little more room than a scene has: marks are large here.
    (left, right), (low, high) = Frame(scene.frame.center, scene.frame.half * 1.06).ranges()[:2]
    hidden = {"visible": False, "fixedrange": True}
    return {
        "data": [*(_joined(scene) if scene.drawn.place is None else _ring(scene)), *_marks(scene)],
        "layout": {
            "margin": {"l": 6, "r": 6, "t": 6, "b": 6},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "dragmode": False,
            "hovermode": "closest",
            "hoverlabel": {
                "bgcolor": "#22252b",
                "bordercolor": "#22252b",
                "font": {"color": "#fff", "family": "inherit", "size": 12},
            },
            "xaxis": {**hidden, "range": [left, right]},
            "yaxis": {**hidden, "range": [low, high], "scaleanchor": "x"},
        },
    }


def _ring(scene: Scene) -> list[Figure]:
    """One closed curve."""
    drawn = scene.drawn
    rows = drawn.path[: -1 : drawn_every(drawn.n)]
    rows = np.concatenate([rows, rows[:1]])
    assert drawn.place is not None
    color = {
        "color": encode(drawn.place[rows].astype(np.int32)),
        "colorscale": theme.ring_colorscale(),
        "cmin": 0,
        "cmax": drawn.n,
    }
    path = {
        **_points(scene, rows),
        "mode": "lines+markers",
        "marker": {"size": 4, **color, "line": {"width": 0}},
        "line": {"width": 0.8, "color": LINE},
    }
    return [path]


def _joined(scene: Scene) -> list[Figure]:
    """The lines, then the points upon them."""
    drawn = scene.drawn
    shown = np.zeros(drawn.n + 1, dtype=np.bool_)  # the last for GAP
    shown[: -1 : drawn_every(drawn.n)] = True
    pen = np.where(shown[drawn.path, None], scene.points[drawn.path, :2], np.float32(np.nan))
    rows = np.flatnonzero(shown)
    lines = {
        "type": "scatter",
        "mode": "lines",
        "x": encode(pen[:, 0]),
        "y": encode(pen[:, 1]),
        "line": {"width": 0.8, "color": LINE},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"csv": False},
    }
    points = {
        **_points(scene, rows),
        "mode": "markers",
        "marker": {"size": 5, "color": [drawn.colors[row] for row in rows], "line": {"width": 0}},
    }
    return [lines, points]


def _points(scene: Scene, rows: IntArray) -> Figure:
    name = "entity " if scene.drawn.names is None else ""
    return {**_told(scene, rows, name), "name": "entities"}


def _marks(scene: Scene) -> list[Figure]:
    return [
        {
            **_told(scene, np.array([row]), f"{NAMES[mark.role]} "),
            "mode": "markers",
            "name": NAMES[mark.role],
            "marker": {
                "size": 10,
                "symbol": ROLE_STYLE[mark.role]["symbol"],
                "color": ROLE_STYLE[mark.role]["fill"],
                "line": {"width": 2, "color": ROLE_STYLE[mark.role]["rim"]},
            },
            "cliponaxis": False,
        }
        for mark, row in scene.marked
    ]


def _told(scene: Scene, rows: IntArray, before: str) -> Figure:
    """Points and what is told of each: its entity, its place on a ring, its name; `before` its name."""
    drawn = scene.drawn
    columns: dict[str, list[Any]] = {"entity": drawn.entities[rows].tolist()}
    where = html.escape(drawn.title, quote=False)
    if drawn.place is not None:
        columns["place on the ring"] = drawn.place[rows].tolist()
        where = f"place %{{customdata[1]}} of {drawn.n} on {where}"
    if drawn.names is not None:
        columns["name"] = [drawn.names[row] for row in rows.tolist()]
    named = len(columns) - 1 if drawn.names is not None else 0
    return {
        "type": "scatter",
        "x": encode(scene.points[rows, 0]),
        "y": encode(scene.points[rows, 1]),
        "customdata": [list(values) for values in zip(*columns.values(), strict=True)],
        "hovertemplate": f"<b>{before}%{{customdata[{named}]}}</b><br>{where}<extra></extra>",
        "showlegend": False,
        "meta": {"columns": {"x": "coordinate 1", "y": "coordinate 2", "customdata": list(columns)}},
    }
