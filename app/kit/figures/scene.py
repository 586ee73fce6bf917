"""One 3D scene: the representations of entities, joined to their neighbours in the world.

All points and lines are one trace, a pen's way along them (`drawn.py`). A ring is one closed line, so that its colour is simply 0, 1, 2, ... and
a broken ring shows as long chords. Two dimensions are the same scene seen from straight above. Nothing here knows the theme: what WebGL draws suits
light and dark, and labels are SVG, coloured by the style sheet.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import FloatArray, encode
from shatterscope.app.kit.figures.drawn import GAP, Drawn

Figure = dict[str, Any]
Range = list[float]

CAMERA_3D = (0.33, -1.1, 1.3, 0.0, 0.0, -0.05, 0.0, 0.0, 1.0)
CAMERA_2D = (0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)

# `rim` tells a white mark from a white page. It is neither of the pages' colours, or the mark would seem to cut the curve.
ROLE_STYLE: dict[str, dict[str, Any]] = {
    "subject": {"symbol": "diamond", "fill": "#ffffff", "rim": theme.INK},
    "old": {"symbol": "circle", "fill": "#ffffff", "rim": theme.INK},
    "new": {"symbol": "circle", "fill": theme.ACCENT, "rim": theme.ACCENT_DARK},
}
MARK_SIZE, RIM_SIZE = 10, 15
FAINTEST = 0.01  # of `Scene.shades`: below it all have one colour
MOST_NAMED = 24  # points whose names find room beside them


@dataclass(frozen=True)
class Mark:
    """A named entity: `role` is `subject`, `old` (object) or `new` (object)."""

    entity: int
    role: str
    label: str


@dataclass(frozen=True)
class Frame:
    """The cube the scene shows: its centre (3,) and half of its edge."""

    center: tuple[float, float, float]
    half: float

    def ranges(self) -> list[Range]:
        return [[middle - self.half, middle + self.half] for middle in self.center]


@dataclass(frozen=True)
class Scene:
    """What one scene shows.

    Attributes:
        points: (n, 2 or 3), row i that of `drawn.entities[i]`.
        marks: those that the picture has no point for are left out.
        shades: (n,) above 0, at most 1 as a rule: a colour for each row by its size, on a logarithmic scale, instead of its place.
    """

    points: FloatArray
    drawn: Drawn
    frame: Frame
    marks: Sequence[Mark] = ()
    shades: FloatArray | None = None

    @property
    def flat(self) -> bool:
        return self.points.shape[1] == 2

    @property
    def named(self) -> bool:
        """Whether every point has its name beside it: they have names, and are few."""
        return self.drawn.names is not None and self.drawn.n <= MOST_NAMED

    @property
    def marked(self) -> list[tuple[Mark, int]]:
        """The marks that have a point, and its row."""
        rows = self.drawn.rows_of([mark.entity for mark in self.marks])
        return [(mark, row) for mark, row in zip(self.marks, rows, strict=True) if row is not None]


def frame(cloud: FloatArray) -> Frame:
    """The smallest cube that holds the cloud, with a little air."""
    points = _three(cloud)
    low, high = points.min(axis=0), points.max(axis=0)
    center = (low + high) / 2
    half = float((high - low).max() / 2 * 1.04) or 1.0
    return Frame((float(center[0]), float(center[1]), float(center[2])), half)


def frames(before: FloatArray, after: FloatArray, *, shared: bool, scale: str = "own") -> tuple[Frame, Frame]:
    """Frames for the two scenes: one for both where the axes are `shared`, equally large where the `scale` is to be the `same`.

    Otherwise the first does not depend on the second, so an edit leaves the picture before it alone.
    """
    first = frame(before)
    if shared:
        both = frame(np.concatenate([before, after]))
        return both, both
    second = frame_beside(first, after, scale)
    if scale == "same" and second.half > first.half:
        first = Frame(first.center, second.half)
    return first, second


def frame_beside(first: Frame, cloud: FloatArray, scale: str = "own") -> Frame:
    """The frame of a cloud beside one that is drawn in `first`: the same cube where that shows it well. A cloud that has left it, or has
    shrunk to less than half of it, gets its own; at the `same` scale only one that has outgrown it does."""
    own = frame(cloud)
    reach = float(np.abs(_three(cloud) - np.array(first.center, dtype=np.float32)).max()) / first.half
    if scale == "same":
        return first if reach <= 1.02 else Frame(own.center, max(own.half, first.half))
    return first if 0.5 <= reach <= 1.02 else own


def scene_figure(scene: Scene, camera: tuple[float, ...] | None = None) -> Figure:
    """The whole figure, for the first drawing."""
    size = float(np.clip(135 / np.sqrt(scene.drawn.n), 2.4, 6.5))
    update = scene_update(scene)
    colors, faint = _colors(scene.drawn) if scene.shades is None else _shaded(scene.drawn, scene.shades)
    lines = {
        "type": "scatter3d",
        "mode": "lines+markers",
        **{axis: update["data", 0, axis] for axis in "xyz"},
        "customdata": update["data", 0, "customdata"],
        # The label under the pointer is scene/point.js's, which also says what a click picks: plotly's own may mean another point.
        "hovertemplate": update["data", 0, "hovertemplate"],
        **({"text": update["data", 0, "text"]} if scene.drawn.names else {}),
        "hoverinfo": "skip",
        "marker": {"size": size, **colors, "line": {"width": 0}},
        "line": {"width": 1.2, **faint},
        "showlegend": False,
    }
    marks = {
        "type": "scatter3d",
        "mode": "markers",
        **{axis: update["data", 1, axis] for axis in "xyz"},
        "marker": update["data", 1, "marker"],
        "hoverinfo": "skip",
        "showlegend": False,
    }
    names = ("xaxis", "yaxis", "zaxis")
    hidden = {"visible": False, "showspikes": False, "autorange": False}
    layout = {
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "uirevision": "kept",
        # For the browser: from where a view is seen whose address does not say.
        "meta": {
            "view": "flat" if scene.flat else "solid",
            "camera": camera_dict(CAMERA_2D if scene.flat else CAMERA_3D, flat=scene.flat),
        },
        "hoverlabel": {
            "bgcolor": "#22252b",
            "bordercolor": "#22252b",
            "font": {"color": "#fff", "family": "inherit", "size": 12},
        },
        "scene": {
            "bgcolor": "rgba(0,0,0,0)",
            "aspectmode": "cube",
            "dragmode": "pan" if scene.flat else "orbit",
            "camera": camera_dict(camera or (CAMERA_2D if scene.flat else CAMERA_3D), flat=scene.flat),
            "annotations": update["layout", "scene", "annotations"],
            **{name: {**hidden, "range": update["layout", "scene", name, "range"]} for name in names},
        },
    }
    return {"data": [lines, marks, *([_names_beside(update)] if scene.named else [])], "layout": layout}


def _names_beside(update: dict[tuple[str | int, ...], Any]) -> Figure:
    return {
        "type": "scatter3d",
        "mode": "text",
        **{axis: update["data", 2, axis] for axis in "xyz"},
        "text": update["data", 2, "text"],
        "textposition": "top center",
        "textfont": {"size": 12, "color": theme.NEUTRAL},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def scene_update(scene: Scene) -> dict[tuple[str | int, ...], Any]:
    """What changes from drawing to drawing, by its path in the figure. The camera is never part of it."""
    drawn, n = scene.drawn, int(scene.drawn.entities.max(initial=0)) + 1
    points = _three(scene.points)
    pen = np.where((drawn.path == GAP)[:, None], np.float32(np.nan), points[drawn.path])
    marked = scene.marked
    chosen = points[[row for _, row in marked]] if marked else np.zeros((0, 3), np.float32)
    styles = [ROLE_STYLE[mark.role] for mark, _ in marked]
    entities = np.where(drawn.path == GAP, GAP, drawn.entities[drawn.path])
    update: dict[tuple[str | int, ...], Any] = {
        ("data", 0, "customdata"): encode(entities.astype(np.int16 if n < 2**15 else np.int32)),
        ("data", 0, "hovertemplate"): _hover(drawn, scene.shades is not None),
        # Each mark is drawn twice, its rim first and so below it: the outlines of WebGL's own markers are hairlines.
        ("data", 1, "marker"): {
            "size": [RIM_SIZE] * len(styles) + [MARK_SIZE] * len(styles),
            "symbol": [style["symbol"] for style in styles] * 2,
            "color": [style[part] for part in ("rim", "fill") for style in styles],
            "opacity": 1,
            "line": {"width": 0},
        },
        ("layout", "scene", "annotations"): [
            _label(mark, point) for (mark, _), point in zip(marked, chosen, strict=True)
        ],
    }
    names = [html.escape(name, quote=False) for name in drawn.names or ()]
    if drawn.names is not None:
        update["data", 0, "text"] = ["" if row == GAP else names[row] for row in drawn.path.tolist()]
    if scene.named:  # but for the marks, which have labels
        beside = sorted({*range(drawn.n)} - {row for _, row in marked})
        update["data", 2, "text"] = [names[row] for row in beside]
        for letter, column in zip("xyz", points[beside].T, strict=True):
            update["data", 2, letter] = [float(value) for value in column]
    for axis, name, extent in zip(range(3), ("xaxis", "yaxis", "zaxis"), scene.frame.ranges(), strict=True):
        update["data", 0, "xyz"[axis]] = encode(pen[:, axis])
        update["data", 1, "xyz"[axis]] = [float(value) for value in chosen[:, axis]] * 2
        update["layout", "scene", name, "range"] = extent
    return update


def camera_dict(camera: tuple[float, ...], *, flat: bool) -> Figure:
    """Nine numbers (eye, centre, up) as plotly's camera."""
    eye, center, up = (dict(zip("xyz", camera[start : start + 3], strict=True)) for start in (0, 3, 6))
    return {"eye": eye, "center": center, "up": up, "projection": {"type": "orthographic" if flat else "perspective"}}


def _three(points: FloatArray) -> FloatArray:
    """A flat cloud lies in the plane z = 0."""
    return points if points.shape[1] == 3 else np.pad(points, ((0, 0), (0, 1)))


def _colors(drawn: Drawn) -> tuple[Figure, Figure]:
    """Of the points, and, fainter, of the lines between them. (Transparency would need the lines sorted by depth.)"""
    if drawn.place is None:
        along = [theme.NEUTRAL if row == GAP else drawn.colors[row] for row in drawn.path.tolist()]
        return {"color": along}, {"color": [theme.faint(color) for color in along]}
    n, scale = drawn.n, theme.ring_colorscale()
    place = {"color": encode(np.arange(n + 1, dtype=np.int16 if n < 2**15 - 1 else np.int32)), "cmin": 0, "cmax": n}
    return {**place, "colorscale": scale}, {**place, "colorscale": [(at, theme.faint(color)) for at, color in scale]}


def _shaded(drawn: Drawn, shades: FloatArray) -> tuple[Figure, Figure]:
    """As `_colors`, by the size of `shades`; where the pen is lifted nothing is seen."""
    along = np.log10(np.maximum(shades, FAINTEST)).astype(np.float32)[drawn.path]
    color = {"color": encode(along), "cmin": float(np.log10(FAINTEST)), "cmax": 0}
    scale = theme.sequential_colorscale()
    return {**color, "colorscale": scale}, {**color, "colorscale": [(at, theme.faint(each)) for at, each in scale]}


def _hover(drawn: Drawn, shaded: bool = False) -> str:
    """What is told of the point under the pointer (scene/point.js fills it in)."""
    name = "entity %{customdata}" if drawn.names is None else "%{text}"
    title = html.escape(drawn.title, quote=False)
    where = title if drawn.place is None or shaded else f"place %{{marker.color}} of {drawn.n} on {title}"
    return f"<b>{name}</b><br>{where}<extra></extra>"


def _label(mark: Mark, point: FloatArray) -> Figure:
    """A mark's name. Where it stands depends on the camera: scene_labels.js finds a place beside the curve."""
    color = f"color:{theme.ACCENT}" if mark.role == "new" else ""
    label = html.escape(mark.label, quote=False)
    text = f'<span style="{color}">{label}</span>' if color else label
    return {
        **{axis: float(value) for axis, value in zip("xyz", point, strict=True)},
        "text": text,
        "showarrow": True,
        "arrowside": "none",
        "arrowwidth": 1,
        "arrowcolor": theme.ACCENT if mark.role == "new" else theme.NEUTRAL,
        "standoff": 5,
        "borderpad": 3,
        "font": {"size": 12, "family": "inherit"},
    }
