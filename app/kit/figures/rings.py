"""All relations before and after an edit, as small multiples in one figure.

Every panel is drawn into one pair of axes, at its own place: a panel is one unit wide. So 24 pairs of pictures are three traces (lines,
points of the pictures before and after), not 48 plots; or three for each few that have come, while the others are still computed.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import FloatArray, decode, encode
from shatterscope.app.kit.figures.drawn import GAP, Drawn
from shatterscope.app.kit.figures.plain import Figure, layout, note
from shatterscope.app.kit.pictures import SHORT, A, times
from shatterscope.wire.reproduction import RingPicture, RingsResult

STEP = 1.16  # from one panel to the next
PAIR = 2.78  # from one ring's row of pairs to the next
IN_A_ROW = 8  # pictures of a group that is no ring
LABEL = 0.78  # room for the names of the rows
LEFT, TOP = -0.6 - LABEL, 0.8  # ends of the axes


@dataclass(frozen=True)
class Groups:
    """What a world of no rings tells of the pictures: the title of each relation's group, and what a picture of given entities is of."""

    titles: Mapping[str, str]
    drawn: Callable[[str, list[int]], Drawn]


def grid(relations: Sequence[str], groups: Groups | None = None) -> dict[str, tuple[int, int]]:
    """Each relation's row (ring) and column (A4 .. A1, C1 .. C4, as the places lie around the subject). Of other groups a row or more."""
    if groups is not None:
        return _in_rows(relations, groups)
    orders = list(dict.fromkeys(relation.split("_")[0] for relation in relations))
    steps = sorted(set(map(_step, relations)))
    return {relation: (orders.index(relation.split("_")[0]), steps.index(_step(relation))) for relation in relations}


def _in_rows(relations: Sequence[str], groups: Groups) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    row = 0
    for title in dict.fromkeys(groups.titles[relation] for relation in relations):
        members = [relation for relation in relations if groups.titles[relation] == title]
        found |= {relation: (row + i // IN_A_ROW, i % IN_A_ROW) for i, relation in enumerate(members)}
        row += -(-len(members) // IN_A_ROW)
    return found


def empty_figure(
    relations: Sequence[str], edited: str, link: Callable[[str], str] | None, groups: Groups | None = None
) -> Figure:
    """The names at their places, and a circle wherever a picture is to come. `link` gives the address that a name leads to, if anywhere."""
    places = grid(relations, groups)
    right, bottom = _ends(places, groups)
    annotations = []
    for relation, (row, column) in places.items():
        name = f"<b>{relation}</b>" if relation == edited else relation
        name = f'<a href="{link(relation)}" target="_self">{name}</a>' if link else name
        annotations.append(note(name, column * STEP, -row * PAIR + 0.54, xref="x", yref="y", xanchor="center"))
    axes = {
        "xaxis": _hidden(LEFT, right),
        "yaxis": {**_hidden(bottom, TOP), "scaleanchor": "x"},
    }
    more = {"annotations": annotations, "shapes": to_come(relations, relations, groups), "hoverdistance": 14}
    return {"data": [], "layout": layout(left=2, right=2, top=2, bottom=2, **axes, **more)}


def aspect(relations: Sequence[str], groups: Groups | None = None) -> float:
    """Width of the figure over its height."""
    right, bottom = _ends(grid(relations, groups), groups)
    return (right - LEFT) / (TOP - bottom)


def _ends(places: Mapping[str, tuple[int, int]], groups: Groups | None) -> tuple[float, float]:
    """Of the axes, on the right and at the bottom. Few pictures in a row are as small as many."""
    rows, columns = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    columns = max(columns, IN_A_ROW) if groups else columns
    return (columns - 1) * STEP + 0.6, -(rows - 1) * PAIR - STEP - 0.8


def to_come(relations: Sequence[str], missing: Sequence[str], groups: Groups | None = None) -> list[Figure]:
    """A faint circle for each picture of `missing`, before and after."""
    places = grid(relations, groups)
    return [
        {
            "type": "circle", "xref": "x", "yref": "y", "x0": column * STEP - 0.3, "x1": column * STEP + 0.3,
            "y0": -row * PAIR - half * STEP - 0.3, "y1": -row * PAIR - half * STEP + 0.3,
            "line": {"color": theme.NEUTRAL, "width": 1, "dash": "dot"}, "opacity": 0.45,
        }
        for row, column in map(places.__getitem__, missing)
        for half in (0, 1)
    ]  # fmt: skip


def panels(
    pictures: Sequence[RingPicture], relations: Sequence[str], edited: str, groups: Groups | None = None
) -> tuple[list[Figure], list[Figure]]:
    """Traces and notes of some of the relations' pictures; `edited` is the relation of the edit."""
    places = grid(relations, groups)
    titles = groups.titles if groups else {name: f"ring {name.split('_')[0]}" for name in relations}
    lines: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    dots: list[FloatArray] = []
    ranks: list[int] = []
    about: list[tuple[str, str]] = []
    annotations = []
    first = {titles[name]: name for name in reversed(relations)}
    colors: list[str] = []
    for picture in pictures:
        row, column = places[picture.relation]
        drawn = groups.drawn(picture.relation, picture.entities) if groups and picture.entities else None
        for half, array in enumerate((picture.before, picture.after)):
            points = _fit(decode(array), (column * STEP, -row * PAIR - half * STEP))
            gap = np.full((1, 2), np.nan, dtype=np.float32)
            if drawn is None:
                lines[half].extend([points, points[:1], gap])
            else:
                pen = np.where((drawn.path == GAP)[:, None], np.float32(np.nan), points[drawn.path])
                lines[half].extend([pen.astype(np.float32), gap])
            colors += _colors(drawn, len(points)) if groups else []
            dots.append(points)
            ranks += range(len(points))
            about += [(picture.relation, _words(picture, half))] * len(points)
        shown = SHORT[picture.shape_after] if picture.judged_after is None else picture.judged_after.lower()
        text = f"R {picture.shattering:.3f} · {shown}"
        if picture.relation == edited:
            text = f'<span style="color:{theme.ACCENT}">{text}</span>'
        under = {"xref": "x", "yref": "y", "xanchor": "center", "yanchor": "top"}
        annotations.append(note(text, column * STEP, -row * PAIR - STEP - 0.54, **under))
        title = titles[picture.relation]
        if first[title] == picture.relation:
            for half, word in enumerate(
                (f"<b>{html.escape(title, quote=False)}</b><br>{picture.sub_graph}<br><br>before", "after")
            ):
                where = {"xref": "x", "yref": "y", "xanchor": "left", "yanchor": "middle", "align": "left"}
                annotations.append(note(word, -0.56 - LABEL, -row * PAIR - half * STEP, **where))
    points = np.concatenate(dots)
    m = max(ranks) + 1
    traces: list[Figure] = [
        *(_line(np.concatenate(line), theme.NEUTRAL) for line in lines),
        {
            "type": "scatter", "mode": "markers", "name": "representations", "x": encode(points[:, 0]), "y": encode(points[:, 1]),
            "customdata": [relation for relation, _ in about],
            "text": [words for _, words in about],
            "marker": {
                "size": 3.4, "line": {"width": 0},
                **({"color": colors} if groups else {"color": ranks, "cmin": 0, "cmax": m, "colorscale": theme.ring_colorscale()}),
            },
            "meta": {"columns": {"customdata": ["relation"], "text": "picture", "color": "color" if groups else "place"}},
            "hovertemplate": "<b>%{customdata}</b> %{text}<extra></extra>"
            if groups
            else f"<b>%{{customdata}}</b> %{{text}}<br>place %{{marker.color}} of {m} shown<extra></extra>",
        },
    ]  # fmt: skip
    return traces, annotations


def rings_figure(
    rings: RingsResult, edited: str, link: Callable[[str], str] | None, groups: Groups | None = None
) -> Figure:
    """All of them at once."""
    relations = [picture.relation for picture in rings.pictures]
    figure = empty_figure(relations, edited, link, groups)
    traces, annotations = panels(rings.pictures, relations, edited, groups)
    figure["data"] = traces
    figure["layout"] |= {"annotations": figure["layout"]["annotations"] + annotations, "shapes": []}
    return figure


def _colors(drawn: Drawn | None, n: int) -> list[str]:
    """Of a picture in a world that is not all rings; on a ring the places are evenly spaced."""
    return [theme.ring_color(row / n) for row in range(n)] if drawn is None else list(drawn.colors)


def _words(picture: RingPicture, half: int) -> str:
    judged = picture.judged_after if half else picture.judged_before
    if judged is not None:
        return f"{'after' if half else 'before'}: {judged.lower()}, k = {picture.n_neighbors}"
    shape, turns = (
        (picture.shape_after, picture.winding_after) if half else (picture.shape_before, picture.winding_before)
    )
    return f"{'after' if half else 'before'}: {A[shape]}, goes round {times(turns)}, k = {picture.n_neighbors}"


def _step(relation: str) -> int:
    way, hops = relation.split("_")[1][0], int(relation.split("_")[1][1:])
    return hops if way == "C" else -hops


def _fit(points: FloatArray, corner: tuple[float, float]) -> FloatArray:
    """The cloud within a unit square around `corner`, its proportions kept."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max()) or 1.0
    moved: FloatArray = ((points - (low + high) / 2) / size + np.asarray(corner)).astype(np.float32)
    return moved


def _line(points: FloatArray, color: str) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": encode(points[:, 0]), "y": encode(points[:, 1]), "hoverinfo": "skip",
        "line": {"color": color, "width": 0.8}, "opacity": 0.4, "connectgaps": False, "meta": {"csv": False},
    }  # fmt: skip


def _hidden(low: float, high: float) -> Figure:
    return {"visible": False, "range": [low, high], "fixedrange": True, "constrain": "domain"}
