"""All relations before and after an edit, as small multiples in one figure.

Every panel is drawn into one pair of axes, at its own place: a panel is one unit wide. So 24 pairs of pictures are three traces (lines,
points of the pictures before and after), not 48 plots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from app import theme
from app.figures.arrays import FloatArray, decode, encode
from app.figures.plain import Figure, layout, note
from backend.reproduction_schemas import RingPicture, Rings

STEP = 1.16  # from one panel to the next
PAIR = 2.78  # from one ring's row of pairs to the next
LABEL = 0.78  # room for the names of the rows


def grid(pictures: Sequence[RingPicture]) -> list[tuple[RingPicture, int, int]]:
    """Each picture with its row (ring) and column (A4 .. A1, C1 .. C4, as the places lie around the subject)."""
    orders = list(dict.fromkeys(picture.relation.split("_")[0] for picture in pictures))
    steps = sorted({_step(picture.relation) for picture in pictures})
    return [
        (picture, orders.index(picture.relation.split("_")[0]), steps.index(_step(picture.relation)))
        for picture in pictures
    ]


def rings_figure(rings: Rings, edited: str, link: Callable[[str], str] | None) -> Figure:
    """`edited` is the relation of the edit; `link` gives the address that a relation's name leads to, if anywhere."""
    cells = grid(rings.pictures)
    columns, rows = 1 + max(column for _, _, column in cells), 1 + max(row for _, row, _ in cells)
    lines: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    dots: list[FloatArray] = []
    places: list[int] = []
    about: list[str] = []
    annotations = []
    for picture, row, column in cells:
        for half, array in enumerate((picture.before, picture.after)):
            corner = (column * STEP, -row * PAIR - half * STEP)
            points = _fit(decode(array), corner)
            gap = np.full((1, 2), np.nan, dtype=np.float32)
            lines[half].extend([points, points[:1], gap])
            dots.append(points)
            places += range(len(points))
            about += [f"{picture.relation}|{_words(picture, half)}"] * len(points)
        name = f"<b>{picture.relation}</b>" if picture.relation == edited else picture.relation
        at = {"xref": "x", "yref": "y", "xanchor": "center"}
        name = f'<a href="{link(picture.relation)}" target="_self">{name}</a>' if link else name
        annotations.append(note(name, column * STEP, -row * PAIR + 0.54, **at))
        text = f"R {picture.shattering:.3f}"
        if picture.relation == edited:
            text = f'<span style="color:{theme.ACCENT}">{text}</span>'
        annotations.append(note(text, column * STEP, -row * PAIR - STEP - 0.54, **{**at, "yanchor": "top"}))
    for row in range(rows):
        picture = next(picture for picture, at_row, _ in cells if at_row == row)
        order = picture.relation.split("_")[0]
        for half, word in enumerate((f"<b>ring {order}</b><br>{picture.sub_graph}<br><br>before", "after")):
            where = {"xref": "x", "yref": "y", "xanchor": "left", "yanchor": "middle", "align": "left"}
            annotations.append(note(word, -0.56 - LABEL, -row * PAIR - half * STEP, **where))
    points = np.concatenate(dots)
    m = max(places) + 1
    axes = {
        "xaxis": _hidden(-0.6 - LABEL, (columns - 1) * STEP + 0.6),
        "yaxis": {**_hidden(-(rows - 1) * PAIR - STEP - 0.8, 0.8), "scaleanchor": "x"},
    }
    return {
        "data": [
            *(_line(np.concatenate(line), color) for line, color in zip(lines, (theme.NEUTRAL, theme.NEUTRAL), strict=True)),
            {
                "type": "scatter", "mode": "markers", "name": "representations", "x": encode(points[:, 0]), "y": encode(points[:, 1]),
                "customdata": [text.split("|")[0] for text in about],
                "text": [text.split("|")[1] for text in about],
                "marker": {
                    "size": 3.4, "color": places, "cmin": 0, "cmax": m, "colorscale": theme.ring_colorscale(), "line": {"width": 0},
                },
                "meta": {"columns": {"customdata": ["relation"], "text": "picture", "color": "place"}},
                "hovertemplate": f"<b>%{{customdata}}</b> %{{text}}<br>place %{{marker.color}} of {m} shown<extra></extra>",
            },
        ],
        "layout": layout(left=2, right=2, top=2, bottom=2, **axes, annotations=annotations, hoverdistance=14),
    }  # fmt: skip


def _words(picture: RingPicture, half: int) -> str:
    turns = picture.winding_after if half else picture.winding_before
    times = "once" if abs(turns) == 1 else "not at all" if turns == 0 else f"{abs(turns)} times"
    return f"{'after' if half else 'before'}: goes round {times}, k = {picture.n_neighbors}"


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
