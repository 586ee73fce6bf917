"""What is known of an edit before it is made: whom it will move, and the few numbers that say by how much.

Everything is read from the model as it stands. Nothing is optimised but the few steps of `step.py`, so that it answers while somebody turns the controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.activations import relation_tokens
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS, Fact
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.editors.targets import read_fact
from shatterscope.backend.edits import CompleteSpec, SoFar, write_request
from shatterscope.backend.evaluation import sub_graphs
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.prediction.overlap import overlaps, rms_overlap
from shatterscope.backend.prediction.step import shortest_step
from shatterscope.backend.worlds import Relation, World

SMALL = 1e-6  # below which a logarithm is not taken


@dataclass(frozen=True)
class Reading:
    """What a model holds of the entities that have a fact under one relation, in the order of `World.domain`.

    Attributes:
        keys: (n, d_mlp) of the MLP of one layer, at the relation's token or the subject's.
        margins: (n,) by how much the answer leads, in logits.
        answers: (n,) the answers.
    """

    keys: Tensor
    margins: Tensor
    answers: Tensor


@torch.no_grad()
def read(model: LanguageModel, world: World, relation: Relation, layer: int, token: str = "relation") -> Reading:
    subjects = torch.from_numpy(world.domain(relation)).to(model.device)
    prompts = torch.stack([subjects, torch.full_like(subjects, world.n_entities + relation.index)], 1)
    found: list[Tensor] = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name == f"mlp_key.{layer}":
            found.append(x[:, -1 if token == "relation" else 0])
        return x

    final = model.trunk(prompts, tap)[:, -1]
    best = model.unembed(final)[:, : world.n_entities].topk(2)
    return Reading(found[0], best.values[:, 0] - best.values[:, 1], best.indices[:, 0])


@torch.no_grad()
def group_moments(model: LanguageModel, world: World, layer: int) -> Tensor:
    """(n_groups, d_mlp, d_mlp) float64, E[k k^T] of the keys of all facts of each group, at the relation's token."""
    subjects = torch.arange(world.n_entities, device=model.device)[:, None]
    past = model.prefix(model.embed(subjects))
    tokens = relation_tokens(model, world.n_entities).to(model.device)
    found: list[Tensor] = []  # (n_entities, d_mlp) of each relation

    def tap(name: str, x: Tensor) -> Tensor:
        if name == f"mlp_key.{layer}":
            found.append(x.expand(world.n_entities, -1))
        return x

    for token in tokens:
        interrupt.checkpoint()
        model.step(model.embed(token[None], 1), past, tap)
    moments = []
    for group in range(len(world.groups)):
        of = [found[each.index][torch.from_numpy(world.domain(each))] for each in world.relations_of(group)]
        keys = torch.cat(of).double()
        moments.append(keys.T @ keys / max(1, len(keys)))
    return torch.stack(moments)


@dataclass(frozen=True)
class Foreseen:
    """Of one edit.

    Attributes:
        overlaps: (n,) how far each entity of the relation's domain will move, the edited one 1. None: the method writes in no one direction that is
            known before, or it changes no weight.
        features: by name, what the expected damage is computed from (`fit.py`): logarithms of the surprise -log p(y*), of the shortest step of the
            value, and of the rms overlap of each sub-graph.
    """

    overlaps: Tensor | None
    features: Mapping[str, float] = field(default_factory=dict)


def token_of(spec: CompleteSpec) -> str:
    """Where the edit writes."""
    return str(spec.parameters.get("token", "relation"))


@torch.no_grad()
def foresee(
    checkpoint: Checkpoint, spec: CompleteSpec, so_far: SoFar, model: LanguageModel, reading: Reading, moments: Tensor
) -> Foreseen:
    """What is known of `spec` on `model`, which the edits `so_far` have left.

    Args:
        reading: `read` at the edit's relation, layer and token.
        moments: `group_moments` at its layer.

    Raises:
        ValueError: nothing can be written along the direction of the edit.
    """
    world = checkpoint.world
    relation = world.relation(spec.relation)
    fact = Fact.of(world, spec.subject, [relation], spec.object)
    exact, token = precise_copy(model), token_of(spec)
    site = read_fact(exact, fact, [fact.question], spec.layer, token)
    zero = torch.zeros_like(site.values[0])
    surprise = -site.logits(exact, zero)[0].log_softmax(-1)[fact.object].item()
    features = {"surprise": _log(surprise), "step": _log(shortest_step(exact, site, fact.object))}
    editor = EDITORS[spec.method]
    request = write_request(checkpoint, [fact], so_far)
    parameters = editor.parameters(**spec.parameters)
    direction = editor.direction(model, checkpoint.statistics, request, spec.layer, parameters)
    if direction is None:
        return Foreseen(None, features)
    edited = site.keys[0]
    if token == "relation":
        features |= _by_part(world, relation, moments, direction, edited)
    return Foreseen(overlaps(reading.keys, direction, edited), features)


def _by_part(world: World, relation: Relation, moments: Tensor, direction: Tensor, edited: Tensor) -> dict[str, float]:
    parts: Sequence[str] = sub_graphs(len(world.groups), relation.group)
    found: dict[str, float] = {}
    for part in dict.fromkeys(parts):
        mine = moments[[each == part for each in parts]].mean(0)
        found[f"overlap_{part}"] = _log(rms_overlap(mine, direction, edited))
    return found


def _log(value: float) -> float:
    return log(max(value, SMALL))
