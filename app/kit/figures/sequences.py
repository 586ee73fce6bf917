"""Edits one after another: R, what is still recalled, and the share of the edits that still hold, by method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note, nothing
from shatterscope.wire.reproduction import PaperTask, SequenceCurve, SequencePoint, Spread
from shatterscope.wire.sweeps import LAST

Value = Callable[[SequencePoint], Spread | None]
PANELS = ((0.0, 0.29), (0.355, 0.645), (0.71, 1.0))
TASKS: dict[PaperTask, str] = {"direct": "direct recall", "logical": "logical inference", "compositional": "two steps"}


def sequence_figure(curves: Sequence[SequenceCurve], task: PaperTask = "direct", site: str = LAST) -> Figure:
    """Three panels over the number of edits. A ring on a curve of accuracy marks where the method has collapsed."""
    if not any(curve.points for curve in curves):
        return nothing("No sequence has been measured yet.")
    panels: list[tuple[str, str, Value]] = [
        (
            "R, mean over the sub-graphs" if site == LAST else f"R at {site}, mean over the sub-graphs",
            ".3f",
            lambda point: point.sites.get(site) if point.sites else point.shattering,
        ),
        (f"accuracy: {TASKS[task]}", ".1%", lambda point: point.accuracy.get(task)),
        ("edits that still hold", ".1%", lambda point: point.holding),
    ]
    data: list[Figure] = []
    for number, (name, form, value) in enumerate(panels):
        for curve in curves:
            start = curve.unedited.get(task) if number == 1 else 0.0 if number == 0 else None
            data += _curve(curve, number, name, form, value, start)
    data += [mark for curve in curves if (mark := _collapse(curve, task)) is not None]
    axes: Figure = {}
    for number, (low, high) in enumerate(PANELS):
        suffix = "" if number == 0 else str(number + 1)
        share: Figure = {"tickformat": ".0%", "range": [-0.03, 1.05]} if number else {"rangemode": "tozero"}
        axes[f"xaxis{suffix}"] = axis(
            "edits", domain=[low, high], anchor=f"y{suffix}", showgrid=False, rangemode="tozero"
        )
        axes[f"yaxis{suffix}"] = axis(anchor=f"x{suffix}", **share)
    titles = [note(name, PANELS[number][0], 1.02) for number, (name, _, _) in enumerate(panels)]
    legend = {"orientation": "h", "x": 0, "y": 1.13, "yanchor": "bottom", "font": {"size": 12}, "itemclick": False}
    return {
        "data": data,
        "layout": layout(left=46, top=62, **axes, annotations=titles, showlegend=True, legend=legend),
    }


def label(curve: SequenceCurve) -> str:
    return f"{theme.method_name(curve.method)} ({curve.preset})"


def _axes(number: int) -> Figure:
    suffix = "" if number == 0 else str(number + 1)
    return {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}


def _curve(curve: SequenceCurve, number: int, name: str, form: str, value: Value, start: float | None) -> list[Figure]:
    """The line through the means, and a band of one standard deviation where there are several sequences."""
    found = [(point.edits, spread) for point in curve.points if (spread := value(point)) is not None]
    color = theme.method_color(curve.method)
    x = ([0] if start is not None else []) + [edits for edits, _ in found]
    y = ([start] if start is not None else []) + [spread.mean for _, spread in found]
    about = ([[None, None]] if start is not None else []) + [[spread.deviation, spread.n] for _, spread in found]
    line = {
        "type": "scatter", "mode": "lines+markers", "customdata": about,
        "meta": {"columns": {"x": "edits", "y": name, "customdata": [f"{name}, sd", f"{name}, n"]}}, "x": x, "y": y, "name": label(curve), **_axes(number),
        "line": {"color": color, "width": 2}, "legendgroup": label(curve), "showlegend": number == 0,
        "marker": {"color": color, "size": 6, "symbol": theme.method_symbol(curve.method)},
        "hovertemplate": f"{label(curve)}<br>after %{{x}} edits: %{{y:{form}}} ({name})<extra></extra>",
    }  # fmt: skip
    wide = [(edits, spread.mean, spread.deviation) for edits, spread in found if spread.deviation is not None]
    if not wide:
        return [line]
    band = {
        "type": "scatter", "mode": "lines", **_axes(number), "fill": "toself", "fillcolor": color, "opacity": 0.14,
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "meta": {"csv": False}, "legendgroup": label(curve),
        "x": [edits for edits, _, _ in wide] + [edits for edits, _, _ in reversed(wide)],
        "y": [mean + sd for _, mean, sd in wide] + [mean - sd for _, mean, sd in reversed(wide)],
    }  # fmt: skip
    return [band, line]


def _collapse(curve: SequenceCurve, task: PaperTask) -> Figure | None:
    at = next((point for point in curve.points if point.edits == curve.collapse), None)
    if at is None or task not in at.accuracy:
        return None
    return {
        "type": "scatter", "mode": "markers", "x": [at.edits], "y": [at.accuracy[task].mean], **_axes(1), "showlegend": False,
        "name": "collapse", "meta": {"csv": False},
        "marker": {"symbol": "circle-open", "size": 17, "color": theme.method_color(curve.method), "line": {"width": 2.5}},
        "hovertemplate": f"{label(curve)}: less than half of its direct recall is left after {at.edits} edits<extra></extra>",
    }  # fmt: skip
