"""The `paper` presets against the reference implementations' formulas (`references.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import references
import torch
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, Earlier, EditDelta, Fact, WriteRequest, apply_delta
from shatterscope.backend.editors.pmet import attention_moments

SPREADING_CONTEXTS = 6  # memit_main.py, pmet_main.py and AlphaEdit_main.py: the bare prompt and five texts
ROME_CONTEXTS = 21  # rome_main.py: the bare prompt and twenty


def request_of(checkpoint: Checkpoint, n: int = 1, first: int = 0, distance: int = 4) -> WriteRequest:
    world, facts = checkpoint.world, []
    for i in range(first, first + n):
        relation = world.relations[5 * i % world.n_relations]
        subject = (7 + 31 * i) % world.n_entities
        token = checkpoint.vocabulary.relation_token(relation)
        facts.append(Fact(subject, token, world.counterfactual(subject, relation, distance)))
    return WriteRequest(tuple(facts), ContextSampler(world, checkpoint.holdout))


def compute(checkpoint: Checkpoint, name: str, request: WriteRequest, layer: int, **parameters: object) -> EditDelta:
    editor = EDITORS[name]
    chosen = editor.parameters(**{**editor.presets["paper"].parameters, **parameters})
    return editor.compute(checkpoint.model, checkpoint.statistics, request, layer, chosen)


def prompts_of(checkpoint: Checkpoint, request: WriteRequest, n: int) -> dict[Fact, list[list[int]]]:
    context = checkpoint.model.config.context
    return {fact: request.prompts(fact, n, context, np.random.default_rng(0)) for fact in request.facts}


def agree(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """All weights as one vector: cosine at least .9999, norms within a thousandth."""
    assert ours.keys() == theirs.keys()
    a = torch.cat([ours[name].double().flatten() for name in sorted(ours)])
    b = torch.cat([theirs[name].flatten() for name in sorted(ours)])
    assert b.norm() > 0
    cosine, ratio = (a @ b / (a.norm() * b.norm())).item(), (a.norm() / b.norm()).item()
    assert cosine >= 0.9999, (cosine, ratio)
    assert ratio == pytest.approx(1, abs=1e-3), (cosine, ratio)


LAYERS = pytest.mark.parametrize("layer", [0, 1])
# At the subject's token the last layer does not reach the answer.
PLACES = pytest.mark.parametrize(("layer", "token"), [(0, "relation"), (1, "relation"), (0, "subject")])
BATCHES = pytest.mark.parametrize("n", [1, 4])


@PLACES
@pytest.mark.parametrize("key", ["rome", "r-rome"])
@pytest.mark.parametrize("distance", [1, 40])
def test_rome(checkpoint: Checkpoint, layer: int, token: str, key: str, distance: int) -> None:
    request = request_of(checkpoint, first=1, distance=distance)
    (prompts,) = prompts_of(checkpoint, request, ROME_CONTEXTS).values()
    ours = compute(checkpoint, "rome", request, layer, key=key, token=token)
    C, repaired = checkpoint.statistics[layer].double(), key == "r-rome"
    agree(
        ours.weights,
        references.rome(checkpoint.model, C, prompts, request.fact, layer, repaired=repaired, token=token),
    )


@PLACES
@pytest.mark.parametrize("name", ["rome", "memit"])
def test_the_second_of_a_stack(checkpoint: Checkpoint, name: str, layer: int, token: str) -> None:
    first = compute(checkpoint, "rome", request_of(checkpoint), layer, token=token)
    edited = replace(checkpoint, model=apply_delta(checkpoint.model, first))
    request = request_of(checkpoint, first=3)
    ours = compute(edited, name, request, layer, token=token)
    if name == "rome":
        (prompts,) = prompts_of(checkpoint, request, ROME_CONTEXTS).values()
        C = checkpoint.statistics[layer].double()
        theirs = references.rome(edited.model, C, prompts, request.fact, layer, repaired=False, token=token)
    else:
        several = prompts_of(checkpoint, request, SPREADING_CONTEXTS)
        theirs = references.memit(edited.model, checkpoint.statistics, several, layer, token)
    agree(ours.weights, theirs)


@PLACES
@BATCHES
def test_memit(checkpoint: Checkpoint, layer: int, token: str, n: int) -> None:
    request = request_of(checkpoint, n)
    prompts = prompts_of(checkpoint, request, SPREADING_CONTEXTS)
    ours = compute(checkpoint, "memit", request, layer, token=token)
    agree(ours.weights, references.memit(checkpoint.model, checkpoint.statistics, prompts, layer, token))


@PLACES
@BATCHES
def test_alphaedit_and_its_keys_of_earlier_edits(checkpoint: Checkpoint, layer: int, token: str, n: int) -> None:
    cache: dict[int, Tensor] = {}
    earlier: dict[int, Earlier] = {}
    for first in (0, n):  # both on the unedited model: it is the keys that count here
        request = request_of(checkpoint, n, first)
        prompts = prompts_of(checkpoint, request, SPREADING_CONTEXTS)
        ours = compute(
            checkpoint, "alphaedit", WriteRequest(request.facts, request.contexts, earlier), layer, token=token
        )
        theirs = references.alphaedit(checkpoint.model, checkpoint.statistics, prompts, layer, cache, token)
        agree(ours.weights, theirs)
        weights = {layer: checkpoint.model.get_parameter(checkpoint.model.written(layer)) for layer in ours.keys}
        earlier = {layer: Earlier(weights[layer], (keys,), (weights[layer],)) for layer, keys in ours.keys.items()}


@PLACES
@BATCHES
@pytest.mark.parametrize("both", [False, True])
def test_pmet(checkpoint: Checkpoint, layer: int, token: str, n: int, both: bool) -> None:
    request = request_of(checkpoint, n)
    prompts = prompts_of(checkpoint, request, SPREADING_CONTEXTS)
    moments = {
        references.MLP: checkpoint.statistics,
        references.ATTENTION: attention_moments(checkpoint.model, request, [0, 1], 0),
    }
    ours = compute(checkpoint, "pmet", request, layer, write_attention=both, token=token)
    agree(ours.weights, references.pmet(checkpoint.model, moments, prompts, layer, both=both, token=token))


@PLACES
@pytest.mark.parametrize(("name", "bound"), [("ft", None), ("ft-m", None), ("ft-l", 5e-4)])
@pytest.mark.parametrize("distance", [1, 40])
def test_fine_tuning(
    checkpoint: Checkpoint, layer: int, token: str, name: str, bound: float | None, distance: int
) -> None:
    request = request_of(checkpoint, distance=distance)
    ours = compute(checkpoint, name, request, layer, token=token)
    theirs = references.fine_tuning(checkpoint.model, request.fact, layer, bound=bound, token=token)
    agree(ours.weights, theirs)


@LAYERS
def test_grace(checkpoint: Checkpoint, layer: int) -> None:
    request = request_of(checkpoint)
    (entry,) = compute(checkpoint, "grace", request, layer).entries
    start = torch.rand(checkpoint.model.config.d_model, generator=torch.Generator().manual_seed(0))
    key, value = references.grace(checkpoint.model, request.fact, layer, start)
    agree({"key": entry.key}, {"key": key})
    agree({"value": entry.value}, {"value": value})
    assert (entry.layer, entry.label, entry.radius) == (layer, request.fact.object, 1.0)
