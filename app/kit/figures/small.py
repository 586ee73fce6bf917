"""One small picture among many: representations in the plane, as SVG. (Browsers allow about 8 to 16 WebGL pictures a page.)"""

from __future__ import annotations

from typing import Any

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import encode
from shatterscope.app.kit.figures.scene import ROLE_STYLE, Frame, Scene

Figure = dict[str, Any]

MOST_POINTS = 512
NAMES = {"subject": "subject", "old": "true object", "new": "new object"}


def drawn_every(n_entities: int) -> int:
    """Every how many-th entity along the ring is drawn."""
    return -(-n_entities // MOST_POINTS)


def small_figure(scene: Scene) -> Figure:
    """Every `drawn_every`-th entity of the ring, coloured by place and joined to the next one drawn; the marks always."""
    n = len(scene.position)
    ring = scene.ring[: -1 : drawn_every(n)]
    closed = np.concatenate([ring, ring[:1]])
    points = scene.points[closed]
    place = scene.position[closed]
    # A little more room than a scene has: marks are large here.
    (left, right), (low, high) = Frame(scene.frame.center, scene.frame.half * 1.06).ranges()[:2]
    columns = {"x": "coordinate 1", "y": "coordinate 2", "customdata": ["entity", "place on the ring"]}
    path = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "entities",
        "x": encode(points[:, 0]),
        "y": encode(points[:, 1]),
        "customdata": [[int(entity), int(at)] for entity, at in zip(closed, place, strict=True)],
        "hovertemplate": f"<b>entity %{{customdata[0]}}</b><br>place %{{customdata[1]}} of {n} on ring {scene.order}<extra></extra>",
        "marker": {
            "size": 4,
            "color": encode(place.astype(np.int32)),
            "colorscale": theme.ring_colorscale(),
            "cmin": 0,
            "cmax": n,
            "line": {"width": 0},
        },
        "line": {"width": 0.8, "color": "rgba(128,128,128,0.45)"},
        "showlegend": False,
        "meta": {"columns": columns},
    }
    marks = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": NAMES[mark.role],
            "x": [float(scene.points[mark.entity, 0])],
            "y": [float(scene.points[mark.entity, 1])],
            "customdata": [[mark.entity, int(scene.position[mark.entity])]],
            "hovertemplate": f"<b>{NAMES[mark.role]} %{{customdata[0]}}</b><br>place %{{customdata[1]}} of {n} on ring {scene.order}<extra></extra>",
            "marker": {
                "size": 10,
                "symbol": ROLE_STYLE[mark.role]["symbol"],
                "color": ROLE_STYLE[mark.role]["fill"],
                "line": {"width": 2, "color": ROLE_STYLE[mark.role]["rim"]},
            },
            "cliponaxis": False,
            "showlegend": False,
            "meta": {"columns": columns},
        }
        for mark in scene.marks
    ]
    hidden = {"visible": False, "fixedrange": True}
    return {
        "data": [path, *marks],
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
