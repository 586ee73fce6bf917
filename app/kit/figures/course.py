"""How an edit's optimisation went, step by step: probability of the new object, loss, and the length of the value's change."""

from __future__ import annotations

from dataclasses import dataclass

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note, nothing
from shatterscope.wire.edits import CourseInfo, EditOutcome

NAMES = {
    "probability": "probability of the new object",
    "loss": "loss",
    "length": "|delta|, in units of |v0|",
}
TITLES = {
    "probability": "new object’s probability",
    "loss": "loss",
    "length": "|delta| / |v0|",
}  # short enough for a phone
PANELS = {3: ((0.58, 0.94), (0.29, 0.46), (0.0, 0.17)), 2: ((0.5, 0.93), (0.0, 0.36))}
CLOSE = 1.5  # a bound is drawn where the line comes this near to it: farther off it would flatten the line
AT_BOUND = 1 - 1e-6


@dataclass(frozen=True)
class Bounds:
    """Where the optimisation may stop, and what it may not pass; None where the method has no such."""

    stop: float | None
    clamp: float | None


def bounds(item: EditOutcome) -> Bounds:
    given = item.spec.parameters
    return Bounds(given.get("early_stop_loss") or None, given.get("clamp_norm_factor"))


def clamped_from(course: CourseInfo, clamp: float | None) -> int | None:
    """The first step of those at the end that stood at the clamp."""
    if clamp is None or course.length is None:
        return None
    return _last_run([length is not None and length >= clamp * AT_BOUND for length in course.length])


def leads_from(course: CourseInfo) -> int | None:
    """The first step of those at the end at which the new object led on the bare prompt."""
    return _last_run([rank == 1 for rank in course.rank])


def _last_run(holds: list[bool]) -> int | None:
    if not holds[-1]:
        return None
    return next((step for step in range(len(holds) - 1, 0, -1) if not holds[step - 1]), 0)


def course_figure(item: EditOutcome | None) -> Figure:
    """Panels over one axis of steps. Dashed lines are the loss to stop at and the clamp; a dotted one where the new object begins to lead."""
    if item is None or item.course is None:
        return nothing("Nothing was optimised.")
    course, limit, end = item.course, bounds(item), len(item.course.step) - 1
    values = {"probability": course.probability, "loss": course.loss}
    if course.length is not None:
        values["length"] = course.length
    data: list[Figure] = []
    axes: Figure = {}
    shapes: list[Figure] = []
    titles: list[Figure] = []
    for number, ((name, line), (low, high)) in enumerate(zip(values.items(), PANELS[len(values)], strict=True)):
        suffix = str(number + 1) if number else ""
        bound = {"loss": limit.stop, "length": limit.clamp}.get(name)
        largest = max((value for value in line if value is not None), default=0.0)
        drawn = bound is not None and (name == "loss" or largest * CLOSE >= bound)
        top = max(largest, bound if drawn and bound is not None else 0.0) * 1.08 or 1.0
        share: Figure = {"range": [-0.04, 1.06], "tickformat": ".0%", "nticks": 3}
        rest: Figure = {"range": [-0.04 * top, top], "nticks": 3}
        axes[f"yaxis{suffix}"] = axis(domain=[low, high], anchor="x", **(share if name == "probability" else rest))
        titles.append(note(TITLES[name] + _told(name, bound, drawn), 0, high + 0.01))
        data.append(_line(name, course, line, suffix))
        if drawn:
            shapes.append(_rule(x0=0, x1=1, xref="paper", y0=bound, y1=bound, yref=f"y{suffix}", dash="dash"))
    leads = leads_from(course)
    if leads is not None:
        low, high = PANELS[len(values)][0]
        shapes.append(_rule(x0=leads, x1=leads, xref="x", y0=low, y1=high, yref="paper", dash="dot"))
    titles[0]["text"] += "; it does not lead" if leads is None else "; dotted: it leads"
    axes["xaxis"] = axis(
        "step", anchor=f"y{len(values)}", range=[-0.02 * end - 0.1, end * 1.02 + 0.1], showgrid=False, tickformat="d"
    )
    figure = layout(left=46, top=6, bottom=38, **axes, shapes=shapes, annotations=titles, hovermode="x unified")
    return {"data": data, "layout": figure}


def _told(name: str, bound: float | None, drawn: bool) -> str:
    if bound is None:
        return ""
    what = "stops below" if name == "loss" else "clamped at"
    return f"; {'dashed: ' if drawn else ''}{what} {bound:g}"


def _line(name: str, course: CourseInfo, values: list[float | None], suffix: str) -> Figure:
    first = name == "probability"
    line: Figure = {
        "type": "scatter", "mode": "lines", "x": course.step, "y": values, "name": NAMES[name], "xaxis": "x", "yaxis": f"y{suffix}",
        "line": {"color": theme.ACCENT if first else theme.NEUTRAL, "width": 2.5 if first else 1.5},
        "meta": {"columns": {"x": "step", "y": NAMES[name]}},
        "hovertemplate": f"{NAMES[name]}: %{{y:.4g}}<extra></extra>",
    }  # fmt: skip
    if first:
        line |= {"mode": "lines+markers", "marker": {"color": theme.ACCENT, "size": [0] * (len(values) - 1) + [8]}}
        line |= {"customdata": course.rank, "hovertemplate": "probability %{y:.1%}, rank %{customdata}<extra></extra>"}
        line["meta"] = {
            "columns": {"x": "step", "y": NAMES[name], "customdata": ["rank on the bare prompt"]},
        }
    return line


def _rule(*, dash: str, **ends: object) -> Figure:
    return {"type": "line", **ends, "line": {"color": theme.NEUTRAL, "width": 1, "dash": dash}}
