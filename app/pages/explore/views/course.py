"""Why an edit took or did not, from the course of its optimisation, in words."""

from __future__ import annotations

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.figures.course import bounds, clamped_from, leads_from
from shatterscope.app.kit.words import Name
from shatterscope.wire.edits import CourseInfo, EditOutcome, EditResult


def course_choices(result: EditResult | None, name: Name = str) -> list[dict[str, str]]:
    """The edits of a stack that have a course, as options."""
    if result is None:
        return []
    return [
        {
            "value": str(index),
            "label": f"{index + 1}: {words.fact(item, name)}, {theme.method_name(item.spec.method)}",
        }
        for index, item in enumerate(result.edits)
        if item.course is not None
    ]


def course_over(item: EditOutcome, name: Name = str) -> str:
    """What the figure's lines are means over."""
    course = item.course
    if course is None:
        return ""
    behind = "the bare prompt alone"
    if course.contexts > 1:
        behind = f"{course.contexts} prompts, the bare one and {words.plural(course.contexts - 1, 'random context')} before it"
    alone = ", not over its batch" if item.spec.batch else ""
    return f"{words.fact(item, name)}: loss and probability over {behind}{alone}"


def course_words(item: EditOutcome, name: Name = str) -> str:
    """How it ended, how near the new object came, and what became of it in the weights."""
    course = item.course
    if course is None:
        return ""
    if len(course.step) == 1 and course.ended == "steps":
        return f"No step was made. {_answer(item, name)}"
    return " ".join([_ended(item, course), _led(course), _answer(item, name)])


def _ended(item: EditOutcome, course: CourseInfo) -> str:
    end, limit = course.step[-1], bounds(item)
    clamped = clamped_from(course, limit.clamp)
    found = "Taken" if item.success else "Found"
    if course.ended == "reached":
        enough = "" if limit.stop is None else f" below {limit.stop:g}"
        return f"{found} at step {end}: the loss fell{enough or ' far enough'}."
    if course.ended == "converged":
        return f"{found} at step {end}: no step lowered the loss much more."
    if course.ended == "led":
        return f"{found} at step {end}: the new object had led in all contexts for as many steps as were asked for."
    if course.ended == "settled":
        return f"{found} at step {end}: the new object led in all contexts and the neutral prompt had hardly moved."
    missed = "" if limit.stop is None else f" without reaching a loss below {limit.stop:g}"
    if course.loss[-1] is not None and missed:
        missed += f" (it was {_loss(course.loss[-1])})"
    if clamped is not None:
        return f"Stopped at the clamp: from step {clamped} on |delta| was as long as it may be, {limit.clamp:g} |v0|. Ended after {words.plural(end, 'step')}{missed}."
    return f"Ended after {words.plural(end, 'step')}{missed}."


def _loss(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _led(course: CourseInfo) -> str:
    leads, best = leads_from(course), min(course.rank)
    if leads is not None:
        said = f"On the bare prompt the new object led from step {leads} on"
    elif best == 1:
        said = f"On the bare prompt the new object led at step {course.rank.index(1)}, but no longer at the end"
    else:
        said = f"On the bare prompt the new object never led: rank {best} at best, at step {course.rank.index(best)}"
    last = course.probability[-1]
    return f"{said}." if last is None else f"{said}; its probability ended at {words.percent(last)}."


def _answer(item: EditOutcome, name: Name) -> str:
    """With the weights changed; `course` is of the optimisation alone."""
    if item.success:
        return f"The edited model answers {name(item.new_object)}."
    at = "" if item.spec.strength == 1 else f", at strength {item.spec.strength:g},"
    lost = item.course is not None and leads_from(item.course) is not None
    lead = (
        f"But written into the weights{at} it is lost: the"
        if lost
        else f"The edit did not take: the edited model{at} answers"
    )
    return f"{lead} {'model answers ' if lost else ''}{name(item.prediction_after)}."
