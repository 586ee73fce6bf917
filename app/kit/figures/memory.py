"""The edited MLP as a memory: its keys and its values, one point per entity, coloured as in the scenes."""

from __future__ import annotations

import html

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import decode, encode
from shatterscope.app.kit.figures.drawn import Drawn, ring
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note
from shatterscope.wire.reproduction import KeysValues


def memory_figure(memory: KeysValues, drawn: Drawn | None = None) -> Figure:
    """Two pictures by PCA, each on axes of its own with equal units. `drawn`: what the points are of; None: one ring of all entities."""
    drawn = drawn or ring(np.asarray(memory.order_position), "")
    n = drawn.n
    if drawn.place is None:
        color: Figure = {"color": list(drawn.colors)}
        where = html.escape(drawn.title, quote=False)
    else:
        place = encode(drawn.place.astype(np.int32))
        color = {"color": place, "cmin": 0, "cmax": n, "colorscale": theme.ring_colorscale()}
        where = f"place %{{marker.color}} of {n}"
    columns: Figure = {"x": "component 1", "y": "component 2", "customdata": ["entity"]}
    columns |= {"color": "place"} if drawn.place is not None else {}
    names: Figure = {}
    if drawn.names is not None:
        names, columns["text"] = {"text": [html.escape(each, quote=False) for each in drawn.names]}, "name"
    called = "%{text}" if drawn.names is not None else "entity %{customdata}"
    panels = (("keys", memory.keys, memory.keys_variance), ("values", memory.values, memory.values_variance))
    data: list[Figure] = []
    axes: Figure = {}
    annotations = []
    for number, (name, array, variance) in enumerate(panels):
        points = decode(array)
        suffix = "" if number == 0 else "2"
        domain = [0.0, 0.485] if number == 0 else [0.515, 1.0]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": name, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}",
                "x": encode(points[:, 0]), "y": encode(points[:, 1]), "customdata": encode(drawn.entities.astype(np.int32)), **names,
                "meta": {"columns": columns},
                "marker": {"size": float(np.clip(110 / np.sqrt(n), 3.2, 7)), **color, "line": {"width": 0}},
                "hovertemplate": f"{called}<br>{where}<extra>{name}</extra>",
            }
        )  # fmt: skip
        low, high = points.min(axis=0), points.max(axis=0)
        half = 0.54 * float((high - low).max()) or 1.0
        ranges = [[float(mid - half), float(mid + half)] for mid in (low + high) / 2]
        hidden: Figure = {"showgrid": False, "showticklabels": False, "ticks": ""}
        axes[f"xaxis{suffix}"] = axis(**hidden, domain=domain, anchor=f"y{suffix}", range=ranges[0])
        axes[f"yaxis{suffix}"] = axis(
            **hidden, domain=[0, 0.93], anchor=f"x{suffix}", range=ranges[1], scaleanchor=f"x{suffix}"
        )
        annotations.append(note(f"{name}: {variance:.0%} of the variance", domain[0], 0.95))
    return {"data": data, "layout": layout(left=6, right=6, top=6, bottom=6, **axes, annotations=annotations)}
