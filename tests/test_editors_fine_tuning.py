"""FT, FT-L and FT-M: whose tokens count, the bound, and that the suffix they optimise is the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, EditDelta, Fact, WriteRequest, apply_delta
from shatterscope.backend.editors.fine_tuning import IGNORED, tokens_and_targets

DOWN = "blocks.{}.mlp.down.weight"


def request_of(checkpoint: Checkpoint) -> WriteRequest:
    relation = checkpoint.world.relation("II_A1")
    target = checkpoint.world.counterfactual(7, relation, 1)
    fact = Fact(7, checkpoint.vocabulary.relation_token(relation), target)
    return WriteRequest((fact,), ContextSampler(checkpoint.world, checkpoint.holdout))


def compute(checkpoint: Checkpoint, name: str, layer: int = 0, **parameters: Any) -> EditDelta:
    editor = EDITORS[name]
    chosen = editor.parameters(**{"steps": 15, **parameters})
    return editor.compute(checkpoint.model, checkpoint.statistics, request_of(checkpoint), layer, chosen)


def test_text_counts_every_token_but_the_first_and_answer_only_the_last() -> None:
    prompts = [[1, 8], [2, 9, 1, 8]]
    tokens, targets = tokens_and_targets(prompts, 4, "text")
    assert tokens.tolist() == [[1, 8, 0, 0], [2, 9, 1, 8]]
    assert targets.tolist() == [[8, 4, IGNORED, IGNORED], [9, 1, 8, 4]]
    _, targets = tokens_and_targets(prompts, 4, "answer")
    assert targets.tolist() == [[IGNORED, 4, IGNORED, IGNORED], [IGNORED, IGNORED, IGNORED, 4]]


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(("name", "on"), [("ft", "text"), ("ft", "answer"), ("ft-l", "answer"), ("ft-m", "answer")])
def test_the_loss_is_the_edited_models(checkpoint: Checkpoint, name: str, on: Any, layer: int) -> None:
    chosen = {"loss_on": on} if name == "ft" else {}
    delta = compute(checkpoint, name, layer, n_contexts=1, early_stop_loss=0.0, **chosen)
    fact = request_of(checkpoint).fact
    tokens, targets = tokens_and_targets([[fact.subject, fact.relation]], fact.object, on)
    logits = apply_delta(checkpoint.model, delta)(tokens)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    assert delta.loss == pytest.approx(expected.item(), rel=1e-3, abs=1e-3)
    assert delta.steps == 15


@pytest.mark.parametrize("bound", [1e-3, 1e-2])
def test_ft_l_changes_no_weight_by_more_than_its_bound(checkpoint: Checkpoint, bound: float) -> None:
    delta = compute(checkpoint, "ft-l", norm_constraint=bound, learning_rate=2e-3, early_stop_loss=0.0)
    largest = delta.weights[DOWN.format(0)].abs().max().item()
    assert largest == pytest.approx(bound)
    assert delta.diagnostics["largest_change"] == pytest.approx(bound)


def test_ft_and_ft_m_are_ft_l_without_the_bound(checkpoint: Checkpoint) -> None:
    same = {"learning_rate": 1e-3, "n_contexts": 4, "early_stop_loss": 0.1}
    free, wide = compute(checkpoint, "ft-m", **same), compute(checkpoint, "ft-l", norm_constraint=10, **same)
    for each in (compute(checkpoint, "ft", **same), wide):
        assert all(torch.equal(free.weights[name], change) for name, change in each.weights.items())
    tight = compute(checkpoint, "ft-l", norm_constraint=1e-3, **same)
    assert tight.norm < free.norm


def test_one_projection_changes_and_stopping_at_once_changes_nothing(checkpoint: Checkpoint) -> None:
    """Its weight and its bias, as in the reference implementation."""
    for name in ("ft", "ft-l", "ft-m"):
        delta = compute(checkpoint, name, 1)
        assert delta.weights.keys() == {DOWN.format(1), DOWN.format(1).replace("weight", "bias")}
        assert all(bool(change.any()) for change in delta.weights.values())
    for name in ("ft", "ft-l", "ft-m"):
        editor, request = EDITORS[name], request_of(checkpoint)
        truth = checkpoint.world.object_of(7, checkpoint.world.relation("II_A1"))
        known = replace(request, facts=(replace(request.fact, object=truth),))
        parameters = editor.parameters(early_stop_loss=5, n_contexts=1)
        none = editor.compute(checkpoint.model, checkpoint.statistics, known, 0, parameters)
        assert none.steps == 0
        assert none.norm == 0


def test_the_first_step_of_adam_moves_every_weight_by_the_rate(checkpoint: Checkpoint) -> None:
    delta = compute(checkpoint, "ft-m", steps=1, learning_rate=1e-3, weight_decay=0.0)
    moved = delta.weights[DOWN.format(0)].abs()
    assert moved.max().item() == pytest.approx(1e-3, rel=1e-3)
    assert moved.median().item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("name", ["ft", "ft-l", "ft-m"])
def test_the_model_stays_itself_while_it_is_being_fine_tuned(checkpoint: Checkpoint, name: str) -> None:
    """Others may read it meanwhile: at no step may another weight stand in its place."""
    down = checkpoint.model.get_submodule("blocks.0.mlp.down")
    weight, seen = down.weight, []
    handle = down.register_forward_pre_hook(lambda *_: seen.append(down.weight is weight))
    try:
        compute(checkpoint, name, early_stop_loss=1e-9)
    finally:
        handle.remove()
    assert seen
    assert all(seen)
