"""Where one fact can be written: the last edit of a stack, made at every layer and token of the model.

A method writes into one layer (or from one on, where it spreads its change), at the relation's token, where the answer is read, or at the subject's
before it. Not every place takes the fact: what the last layer puts out at the subject's token reaches no answer, and at others the optimisation ends
before the new object leads. So the same edit is made at each, with layer and token changed and nothing else: method, parameters, strength and the
edits before it stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EditNotPossibleError, method_named
from shatterscope.backend.editors.course import rank_of
from shatterscope.backend.edits import CompleteSpec, EditedModel, PlaceError, check_place, steps_of
from shatterscope.backend.experiment import Baseline, TaskChange, task_changes
from shatterscope.wire.base import Token

TOKENS: tuple[Token, ...] = ("relation", "subject")


@dataclass(frozen=True)
class WritePlace:
    layer: int
    token: Token


@dataclass(frozen=True)
class Effect:
    """Of an edit at one place: `rank` of the new object among all tokens on the bare prompt (1 where it leads), and `recall` by order."""

    rank: int
    recall: list[TaskChange]


def places(n_layers: int) -> list[WritePlace]:
    """Every layer at the relation's token and at the subject's."""
    return [WritePlace(layer, token) for layer in range(n_layers) for token in TOKENS]


def place_of(spec: CompleteSpec) -> WritePlace:
    return WritePlace(spec.layer, spec.parameters.get("token", "relation"))


def last_step(specs: Sequence[CompleteSpec]) -> list[int]:
    """The edits of a stack that are made elsewhere: the last that is there and all that are written together with it. Where all are at strength 0,
    the last.

    Raises:
        EditError: as `steps_of`.
    """
    steps = steps_of(specs)
    if not steps:
        return [len(specs) - 1]
    return [i for i in range(*steps[-1]) if specs[i].strength]


def placed(specs: Sequence[CompleteSpec], place: WritePlace, n_layers: int) -> list[CompleteSpec]:
    """The stack with its last step at `place`. Raises `PlaceError` where its method cannot make it there."""
    stack, step = list(specs), last_step(specs)
    for i in step:
        editor = method_named(stack[i].method)
        try:
            parameters = editor.at_token(editor.parameters(**stack[i].parameters), place.token)
        except EditNotPossibleError as error:
            raise PlaceError(error.field, str(error)) from None
        stack[i] = replace(stack[i], layer=place.layer, parameters=parameters.model_dump())
        check_place(stack[i], n_layers)
    return stack


def measure_effect(checkpoint: Checkpoint, edited: EditedModel, baseline: Baseline) -> Effect:
    """`baseline`: of the unedited model, with questions of direct recall among others."""
    return Effect(_rank(checkpoint, edited), task_changes(checkpoint, edited, baseline.only("direct")))


@torch.no_grad()
def _rank(checkpoint: Checkpoint, edited: EditedModel) -> int:
    spec = edited.made[-1].spec
    model, world = edited.model, checkpoint.world
    prompt = world.prompt(spec.subject, [world.relation(spec.relation)])
    logits = model.unembed(model.trunk(torch.tensor([prompt], device=model.device))[0, -1])
    return int(rank_of(logits, spec.object))
