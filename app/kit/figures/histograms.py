"""Are the edits of a kind one group or two? Histograms as small multiples: a row a preset, a column a kind of edit, those that took apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.fit import group_name
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note, nothing
from shatterscope.wire.reproduction import FitInfo, FitPoint, Measure, Split

BINS = 24
FAR = 2.5  # times what 98 of 100 edits stay below
GAP = 0.36  # of a row's height: for the numbers below its panels, and for what stands above the next one's
TAKEN, FAILED = "taken", "not taken"


def histograms(fits: Sequence[FitInfo], splits: Sequence[Split], of: str, measure: Measure = "argmax") -> Figure:
    """Of R (`of` is "shattering"), or of the change of direct recall.

    Args:
        fits: of one method and site, one for each preset.
        splits: of the same, by what is drawn; "two groups" is written where they say so.
    """
    fits = [fit for fit in fits if fit.points]
    if not fits:
        return nothing("No edit has been measured yet.")
    kinds = sorted(
        {(p.kind, p.distance) for fit in fits for p in fit.points}, key=lambda k: (k[0] != "corrective", k[1])
    )
    divided = {(each.preset, (each.kind, each.distance)): each for each in splits}
    data: list[Figure] = []
    annotations: list[Figure] = []
    axes: Figure = {}
    for row, fit in enumerate(fits):
        every = [_value(point, of, measure) for point in fit.points]
        edges = _edges(every) if of == "shattering" else np.histogram_bin_edges(every, BINS)
        top = 1 - row / len(fits)
        bottom = top - (1 - GAP) / len(fits)
        annotations.append(
            note(fit.preset, -0.012, (top + bottom) / 2, xanchor="right", yanchor="middle", textangle=-90)
        )
        for column, kind in enumerate(kinds):
            number = row * len(kinds) + column + 1
            suffix = "" if number == 1 else str(number)
            members = [point for point in fit.points if (point.kind, point.distance) == kind]
            for taken in (True, False):
                values = [_value(point, of, measure) for point in members if point.success == taken]
                counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
                data.append(
                    _steps(edges, counts, taken, f"{fit.preset}, {group_name(kind)}", suffix, first=number == 1)
                )
            low, high = column / len(kinds) + 0.006, (column + 1) / len(kinds) - 0.006
            form = "~g" if of == "shattering" else ".0%"
            axes[f"xaxis{suffix}"] = axis(
                domain=[low, high],
                anchor=f"y{suffix}",
                showgrid=False,
                tickformat=form,
                nticks=3,
                tickangle=0,
                range=[edges[0], edges[-1]],
            )
            axes[f"yaxis{suffix}"] = axis(
                domain=[bottom, top - 0.02], anchor=f"x{suffix}", showticklabels=False, showgrid=False
            )
            if row == 0:
                annotations.append(note(group_name(kind), (low + high) / 2, 1.05, xanchor="center", yanchor="bottom"))
            split = divided.get((fit.preset, kind))
            beyond = sum(_value(point, of, measure) > edges[-1] for point in members)
            if beyond:  # above the last bar
                annotations.append(note(f"{beyond} beyond", high, top - 0.02, xanchor="right", yanchor="top"))
            if split is not None:
                text = f"{'two groups' if split.two else 'one group'}, {100 * split.explained:.0f} %"
                annotations.append(note(text, high, top - 0.02, xanchor="right", yanchor="bottom"))
    legend = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.12, "yanchor": "bottom", "itemclick": False}
    axes |= {"annotations": annotations, "showlegend": True, "legend": legend}
    return {"data": data, "layout": layout(left=26, top=64, right=14, bottom=8, **axes)}


def _edges(values: list[float]) -> np.typing.NDArray[np.float64]:
    """Of the bins of R, which has no bound. A few edits far beyond all others would press these into one bin: they count in the last."""
    most = float(np.quantile(values, 0.98))
    if max(values) > FAR * most > 0:
        return np.linspace(min(values), 1.25 * most, BINS + 1)
    return np.histogram_bin_edges(values, BINS)


def _value(point: FitPoint, of: str, measure: Measure) -> float:
    if of == "shattering":
        return point.shattering
    return point.change if measure == "argmax" or point.probability is None else point.probability


def _steps(
    edges: np.typing.NDArray[np.float64],
    counts: np.typing.NDArray[np.int64],
    taken: bool,
    name: str,
    suffix: str,
    *,
    first: bool,
) -> Figure:
    what = TAKEN if taken else FAILED
    return {
        "type": "scatter", "mode": "lines", "name": what, "legendgroup": what, "showlegend": first, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}",
        "x": ((edges[:-1] + edges[1:]) / 2).tolist(), "y": counts.tolist(), "fill": "tozeroy",
        "line": {"color": theme.method_color("rome") if taken else theme.ACCENT, "width": 1, "shape": "hvh"},
        "meta": {"columns": {"x": f"{name}: middle of the bin", "y": "edits"}},
        "hovertemplate": f"{name}<br>%{{y}} edits {what} near %{{x:.3~f}}<extra></extra>",
    }  # fmt: skip
