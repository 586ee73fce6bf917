"""What is said of a picture: below it what it shows, and to newcomers what to do next; where it is no ring, where one is."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from shatterscope.app.kit import pictures, words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.state import See, ViewState
from shatterscope.app.kit.world import World
from shatterscope.wire.edits import EditResult
from shatterscope.wire.pictures import ProjectionResult
from shatterscope.wire.world import CheckpointInfo

APPLY = html.B("Apply edit")


def of_model(n_edits: int, made: EditResult | None, *more: str) -> Node:
    """Which model a scene shows, and what edits did not take; `more` follows."""
    failure = words.failure(made)
    mark = html.B(f" · {failure}", className="not-taken") if failure else None
    return html.Span(
        [words.model(n_edits), mark, "".join(f" · {each}" for each in more if each)], className="quiet of-model"
    )


def caption(result: ProjectionResult, side: pictures.Side) -> list[Node]:
    item = result.diagnostics[side]
    said = html.Span(pictures.shows(result, side), **tip(pictures.rests_on(item)))
    return [said, f" {pictures.trust(item, result.method)}"]


def invitation(
    result: ProjectionResult,
    subject: int,
    checkpoint: CheckpointInfo,
    checkpoints: Sequence[CheckpointInfo],
    world: World,
) -> list[Node]:
    told = _invitation(result, subject, checkpoint, checkpoints, world)
    if checkpoint.notes is None:
        return told
    return [*told, " Then unfold ", html.B("Tell it instead"), " below: this model obeys the same fact as a note."]


def _invitation(
    result: ProjectionResult,
    subject: int,
    checkpoint: CheckpointInfo,
    checkpoints: Sequence[CheckpointInfo],
    world: World,
) -> list[Node]:
    group = world.group_of(result.relation)
    title = group.title
    if world.spoken:
        known = words.percent(checkpoint.accuracy.direct[group.name])
        return [
            f"A pretrained language model answers {known} of what it is asked about {title}. Press ", APPLY,
            " to teach it one false fact, then see below which names answer it too.",
        ]  # fmt: skip
    if not world.rings:
        return [
            f"A small transformer has learned {title}; the lines join neighbours in the world. Press ", APPLY,
            " to teach it one false fact, then try a smaller distance.",
        ]  # fmt: skip
    if result.diagnostics["before"].shape.verdict == "ring":
        return [
            f"A small transformer has learned where every entity stands on {title}. Press ", APPLY,
            " to teach it one false fact, then try a smaller distance.",
        ]  # fmt: skip
    known = f"The model knows {words.percent(checkpoint.accuracy.direct[group.name])} of the facts on {title}."
    return [
        f"{pictures.shows(result, 'before')} {known} ", *_elsewhere(result, subject, checkpoint, checkpoints), "Or press ", APPLY,
        ": R and the accuracies tell what breaks, whatever the picture.",
    ]  # fmt: skip


def _elsewhere(
    result: ProjectionResult, subject: int, checkpoint: CheckpointInfo, checkpoints: Sequence[CheckpointInfo]
) -> list[Node]:
    """A link to the nearest picture that is a ring: of the same relation, the same model, another model."""
    here = [name for name, verdict in (checkpoint.rings.shape or {}).items() if verdict == "ring"]
    best = pictures.clearest(checkpoints)
    if result.relation in here:
        name, text = result.relation, "Isomap of the last layer shows a ring"
    elif here:
        name, text = here[0], f"{here[0]} shows a ring"
    elif best is not None and best.rings.shape:
        name = next(name for name, verdict in best.rings.shape.items() if verdict == "ring")
        return ["For rings, see ", _link(best.title, best, 0, name), ". "]
    else:
        return []
    return [_link(text, checkpoint, subject, name), ". "]


def _link(text: str, checkpoint: CheckpointInfo, subject: int, relation: str) -> Node:
    view = ViewState(checkpoint.id, subject, relation, see=See())
    return html.A(text, href=f"/?{view.to_query()}")
