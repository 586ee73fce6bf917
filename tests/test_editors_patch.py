"""Patch: two neurons behind a gate. They answer for one fact, wherever it is asked, and are silent for all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from torch import Tensor

from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import delta_file, weights_file
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import inputs, patch
from shatterscope.backend.editors.base import EditDelta, add_neurons, added_neurons, apply_delta
from shatterscope.backend.editors.contract import fingerprint
from shatterscope.backend.editors.gates import Gate, separate, separate_most
from shatterscope.backend.editors.inputs import inputs_of
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec, run_edits
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.export_hf import export_hf
from shatterscope.backend.models.blocks import Block
from shatterscope.backend.models.neurons import Neurons

SUBJECT, RELATION = 7, "II_A1"


def spec_of(checkpoint: Checkpoint, subject: int = SUBJECT, relation: str = RELATION, **more: Any) -> CompleteSpec:
    wanted: dict[str, Any] = {"distance": 4, "method": "patch", **more}
    return complete_spec(checkpoint.world, 2, subject=subject, relation=relation, **wanted)


def opens(gate: Gate, z: Tensor) -> Tensor:
    """The gate at inputs (N, C)."""
    up, bias, down = gate.neurons(torch.ones(1, dtype=torch.float64))
    return F.linear(F.gelu(F.linear(z.double(), up, bias)), down)[:, 0]


def test_the_widest_gap_between_two_points_is_along_the_line_that_joins_them() -> None:
    gate = separate(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), torch.empty(0, dtype=torch.long))
    torch.testing.assert_close(gate.direction, torch.tensor([0.6, 0.8], dtype=torch.float64), atol=1e-3, rtol=0)
    assert gate.gap == pytest.approx(5, abs=1e-2)
    assert gate.top == pytest.approx(0, abs=1e-6)


def test_rows_of_the_fact_itself_do_not_count_against_it() -> None:
    negatives = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert separate(torch.tensor([[3.0, 4.0]]), negatives, torch.tensor([1])).gap == pytest.approx(5, abs=1e-2)
    assert not separate(torch.tensor([[3.0, 4.0]]), negatives, torch.empty(0, dtype=torch.long)).gap > 1e-6


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), gap=st.floats(0.05, 5))
def test_a_gate_is_one_on_all_positives_and_zero_on_all_negatives(seed: int, n: int, gap: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    positives, negatives = torch.randn(n, 6, generator=generator), torch.randn(300, 6, generator=generator)
    positives[:, 0] = gap + positives[:, 0].abs()
    negatives[:, 0] = -negatives[:, 0].abs()
    found = separate(positives, negatives, torch.empty(0, dtype=torch.long))
    assert found.gap >= 0.9 * gap  # at least as wide as the one that was made
    assert opens(found, positives).sub(1).abs().max() < 1e-4
    assert opens(found, negatives).abs().max() < 1e-6


def test_added_neurons_are_a_wider_mlp(checkpoint: Checkpoint) -> None:
    model, width = checkpoint.model, checkpoint.model.config.d_model
    generator = torch.Generator().manual_seed(0)
    new = Neurons(1, *(torch.randn(shape, generator=generator) for shape in ((3, width), (3,), (width, 3))))
    edited = apply_delta(model, EditDelta({}, 0, 0.0, neurons=(new,)), 0.5)
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x
        return x

    edited(torch.tensor([[3, checkpoint.world.n_entities]]), tap)
    block = cast(Block, model.blocks[1])
    z = block.norm_mlp(seen["resid_mid.1"])
    wide = torch.cat([block.mlp.up(z), F.linear(z, new.up, new.bias)], -1)
    down = torch.cat([block.mlp.down.weight, 0.5 * new.down], 1)
    torch.testing.assert_close(seen["mlp_out.1"], F.linear(F.gelu(wide), down, block.mlp.down.bias))
    assert added_neurons(model) == {}
    assert len(added_neurons(edited)[1]) == 3


def test_at_strength_0_nothing_is_added(checkpoint: Checkpoint) -> None:
    width = checkpoint.model.config.d_model
    new = Neurons(0, torch.ones(2, width), torch.ones(2), torch.ones(width, 2))
    model = apply_delta(checkpoint.model, EditDelta({}, 0, 0.0))
    add_neurons(model, new, 0.0)
    assert added_neurons(model) == {}


@pytest.mark.parametrize("layer", [0, 1])
def test_the_fact_is_answered_bare_and_behind_contexts_and_no_other_answer_changes(
    checkpoint: Checkpoint, layer: int
) -> None:
    world, model = checkpoint.world, checkpoint.model
    relation, spec = world.relation(RELATION), spec_of(checkpoint, layer=layer)
    edited = run_edits(checkpoint, [spec]).model
    before, after = (all_activations(each, world.n_entities) for each in (model, edited))
    changed = (model.unembed(model.norm(before)).argmax(-1) != model.unembed(model.norm(after)).argmax(-1)).nonzero()
    assert changed.tolist() == [[relation.index, SUBJECT]]
    moved = (after - before).norm(dim=-1)
    moved[relation.index, SUBJECT] = 0
    assert moved.max() < 1e-3 * before.std()

    walks = ContextSampler(world, checkpoint.holdout)
    token = checkpoint.vocabulary.relation_token(relation)
    avoid = np.array([[spec.object, *world.objects_of(SUBJECT, relation)]]).repeat(100, 0)
    texts = walks.arriving_at(np.full(100, SUBJECT), model.config.context - 1, np.random.default_rng(99), avoid)
    prompts = torch.cat([torch.from_numpy(texts), torch.full((100, 1), token)], 1)
    assert (edited(prompts)[:, -1].argmax(-1) == spec.object).double().mean() >= 0.97


def test_patches_of_one_layer_do_not_see_each_other(checkpoint: Checkpoint) -> None:
    one, other = spec_of(checkpoint), spec_of(checkpoint, subject=11, relation="I_C1")
    first, second = (run_edits(checkpoint, stack).deltas for stack in ([one, other], [other, one]))
    for a, b in zip((*first[0].neurons, *first[1].neurons), (*second[1].neurons, *second[0].neurons), strict=True):
        assert torch.equal(a.up, b.up)
        torch.testing.assert_close(a.down, b.down)
    together = [spec_of(checkpoint, batch=True), spec_of(checkpoint, subject=11, relation="I_C1", batch=True)]
    batch = run_edits(checkpoint, together)
    assert [outcome.success for outcome in batch.outcomes] == [True, True]
    assert torch.equal(batch.deltas[0].neurons[1].up, first[1].neurons[0].up)


def test_a_batch_is_so_many_patches_one_after_another(checkpoint: Checkpoint) -> None:
    """Also where a question passes through the fact patched before it: the new object's own relation, asked through the edited fact."""
    fact = spec_of(checkpoint, implied=True)
    edited = run_edits(checkpoint, [fact])
    implied = edited.outcomes[0].implied
    through = [each for each in implied if each.relations[:1] == (RELATION,) and len(each.relations) == 2]
    assert through
    relations = {
        name: checkpoint.vocabulary.relation_token(checkpoint.world.relation(name))
        for each in through
        for name in each.relations
    }
    for each in through:
        prompt = [each.subject, *(relations[name] for name in each.relations)]
        assert int(answers(edited.model, [prompt], checkpoint.world.n_entities).prediction[0]) == each.expected

    alone = [spec_of(checkpoint), spec_of(checkpoint, subject=11, relation="I_C1")]
    together = run_edits(checkpoint, [replace(spec, batch=True) for spec in alone]).deltas[0].neurons
    apart = [neurons for delta in run_edits(checkpoint, alone).deltas for neurons in delta.neurons]
    for a, b in zip(together, apart, strict=True):
        assert torch.equal(a.up, b.up)
        assert torch.equal(a.down, b.down)


def test_a_mistake_is_corrected(checkpoint: Checkpoint) -> None:
    """The subject that has the object already is the fact's own: what it holds says nothing of how far to go."""
    world, relation = checkpoint.world, checkpoint.world.relation(RELATION)
    answered = checkpoint.model.read_out(all_activations(checkpoint.model, world.n_entities)[relation.index]).argmax(-1)
    wrong = [x for x in range(world.n_entities) if int(answered[x]) != world.object_of(x, relation)]
    specs = [complete_spec(world, 2, subject=x, relation=RELATION, distance=0, method="patch") for x in wrong[:3]]
    assert specs
    assert all(run_edits(checkpoint, [spec]).outcomes[0].success for spec in specs)


def test_another_method_may_follow_or_precede(checkpoint: Checkpoint) -> None:
    patched, rome = spec_of(checkpoint), spec_of(checkpoint, subject=90, relation="III_C2", method="rome")
    for stack in ([patched, rome], [rome, patched]):
        assert all(outcome.success for outcome in run_edits(checkpoint, stack).outcomes)


def test_an_edit_does_not_depend_on_what_was_computed_before(checkpoint: Checkpoint) -> None:
    """What is kept of an edited model is what it shares with the unedited one."""
    rome = spec_of(checkpoint, subject=90, relation="II_C2", method="rome", distance=30)
    stacks = [[rome, spec_of(checkpoint)], [spec_of(checkpoint)]]
    found = []
    for order in (stacks, stacks[::-1]):
        inputs._inputs.cache_clear()
        found.append({id(stack): fingerprint(run_edits(checkpoint, stack).deltas[-1]) for stack in order})
    assert found[0] == found[1]


def test_the_same_fact_again_has_the_last_word(checkpoint: Checkpoint) -> None:
    stack = [spec_of(checkpoint), spec_of(checkpoint, distance=9)]
    assert run_edits(checkpoint, stack).outcomes[1].prediction_after == stack[1].object


def test_what_the_mlp_reads_is_read_once(checkpoint: Checkpoint) -> None:
    sampler = ContextSampler(checkpoint.world, checkpoint.holdout)
    found = inputs_of(checkpoint.model, sampler, 0, 100)
    edited = run_edits(checkpoint, [spec_of(checkpoint)]).model
    assert inputs_of(edited, sampler, 0, 100) is found  # a patch of layer 0 changes nothing before its MLP
    assert inputs_of(edited, sampler, 1, 100) is not inputs_of(checkpoint.model, sampler, 1, 100)
    token = checkpoint.vocabulary.relation_token(checkpoint.world.relation(RELATION))
    rows = found.of([SUBJECT, token])
    assert len(rows)
    assert {tuple(row) for row in found.tokens[rows, :2].tolist()} == {(token, SUBJECT)}
    composed = found.of([*found.tokens[found.tokens[:, 1] == token][0].flip(0).tolist()])
    assert set(found.tokens[composed, 1].tolist()) == {token}
    assert len(composed) < len(found.of([token, found.tokens[composed[0], 0].item()]))


def opening_behind(counts: dict[int, int]) -> Callable[..., tuple[Gate, Tensor]]:
    """In the place of `separate_most`: a gate that opens behind so many contexts at each layer, called for layer 0 first."""
    layers = iter(counts.values())

    def separate_most(positives: Tensor, negatives: Tensor, own: Tensor) -> tuple[Gate, Tensor]:
        most = next(layers)
        return Gate(torch.ones(24, dtype=torch.float64), 1.0, 0.5 if most else -0.25), torch.arange(max(most, 1))

    return separate_most


@pytest.mark.parametrize(
    ("counts", "field", "fix"),
    [
        ({0: 20, 1: 40}, "edits.0.layer", "At layer 1 it opens behind 40 of the fact's 64 contexts: patch that layer"),
        ({0: 20, 1: 30}, "edits.0.parameters.coverage", r"Set coverage to 0\.31"),
        ({0: 0, 1: 0}, "edits.0.subject", "choose another fact"),
    ],
)
def test_a_fact_that_no_gate_tells_apart_is_refused_with_what_comes_nearest(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, counts: dict[int, int], field: str, fix: str
) -> None:
    monkeypatch.setattr(patch, "separate_most", opening_behind(counts))
    with pytest.raises(EditError, match=rf"coverage = 0\.5\..*{fix}") as refused:
        run_edits(checkpoint, [spec_of(checkpoint)])
    assert refused.value.field == field


def test_a_gate_for_most_contexts_is_made_and_said(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "separate_most", opening_behind({0: 40}))
    (delta,) = run_edits(checkpoint, [spec_of(checkpoint)]).deltas
    assert delta.diagnostics["coverage"] == 40 / 64
    assert delta.warnings == (
        "The gate opens behind 40 of the fact's 64 contexts: no gate at layer 0 tells all of them from other inputs.",
    )


def test_positives_among_the_negatives_are_given_up_but_not_the_first_one() -> None:
    own = torch.tensor([[3.0, 0.0], [2.0, 0.0], [0.5, 0.0], [4.0, 0.0]], dtype=torch.float64)
    others = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [3.5, 0.0]], dtype=torch.float64)
    # the last of the others is the fact itself
    gate, kept = separate_most(own, others, torch.tensor([2]))
    assert kept.tolist() == [0, 1, 3]
    assert gate.gap == pytest.approx(1)
    gate, kept = separate_most(own[2:], others, torch.tensor([2]))
    assert (kept.tolist(), gate.gap > 0) == ([0], False)


def test_an_mlp_that_is_full_is_refused(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "MAX_ADDED", 3)
    stack = [spec_of(checkpoint), spec_of(checkpoint, subject=11)]
    with pytest.raises(EditError, match="2 added neurons of at most 3"):
        run_edits(checkpoint, stack)


def test_files_hold_the_neurons(checkpoint: Checkpoint) -> None:
    edited = run_edits(checkpoint, [spec_of(checkpoint, strength=0.5)])
    for file in (delta_file, weights_file):
        tensors = load(file(checkpoint, edited))
        for name, value in added_neurons(edited.model)[0].named_buffers():
            assert torch.equal(tensors[f"blocks.0.mlp.added.{name}"], value)
    assert len(load(delta_file(checkpoint, edited))) == 3


@pytest.mark.parametrize("layers", [(0,), (1,), (0, 0, 1)])
def test_a_hugging_face_folder_has_the_grown_mlp(
    checkpoint: Checkpoint, tmp_path: Path, layers: tuple[int, ...]
) -> None:
    transformers = pytest.importorskip("transformers")
    stack = [spec_of(checkpoint, subject=7 + i, layer=layer) for i, layer in enumerate(layers)]
    edited = run_edits(checkpoint, stack)
    folder = export_hf(checkpoint, tmp_path, model=edited.model)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    assert theirs.config.n_inner == checkpoint.model.config.d_mlp + 2 * max(layers.count(layer) for layer in layers)
    token = checkpoint.vocabulary.relation_token(checkpoint.world.relation(RELATION))
    prompts = torch.tensor([[subject, token] for subject in range(checkpoint.world.n_entities)])
    with torch.no_grad():
        torch.testing.assert_close(theirs(prompts).logits, edited.model(prompts), atol=1e-4, rtol=0)
