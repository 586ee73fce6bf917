"""What the next edit will do, as far as it can be known before: for the rail, the scenes and files."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shatterscope.app.kit import actions, aims
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.figures.arrays import FloatArray, decode
from shatterscope.app.kit.state import Edit, ViewState
from shatterscope.wire.pictures import ProjectionResult
from shatterscope.wire.predictions import PredictionResult
from shatterscope.wire.world import CheckpointInfo


@dataclass(frozen=True)
class AtApply:
    """The edit that `Apply` would add, which teaches `new`; `result` is None where the model answers that already."""

    edit: Edit
    new: int
    result: PredictionResult | None


async def foresee(client: Client, view: ViewState, checkpoint: CheckpointInfo) -> AtApply | None:
    """None where there is nothing false to teach, or the edit is the last of the stack, so that its damage is there to be seen; and of a language model, of
    which nothing can be foreseen. Raises `ApiError`."""
    edit = actions.next_edit(view, actions.resolve(view, checkpoint, await client.editors()))
    aim = await aims.look_up(client, checkpoint.id, edit.subject, edit.relation, edit.target)
    if aim.new is None or aim.new in aim.truths or _applied(view.edits, edit):
        return None
    now = await client.fact(checkpoint.id, edit.subject, edit.relation, view.edits)
    if now.prediction == aim.new:
        return AtApply(edit, aim.new, None)
    if checkpoint.language is not None:
        return None
    return AtApply(edit, aim.new, await client.prediction(checkpoint.id, (*view.edits, edit)))


def shades(found: PredictionResult | None, picture: ProjectionResult) -> FloatArray | None:
    """How far each point of the picture is to move, where that is known of it."""
    if found is None or found.overlap is None or found.relation != picture.relation:
        return None
    return decode(found.overlap).ravel()


def _applied(edits: tuple[Edit, ...], edit: Edit) -> bool:
    return bool(edits) and replace(edits[-1], strength=edit.strength, batch=edit.batch) == edit
