"""MEMIT, PMET and AlphaEdit: their closed forms, batches, several layers, and the keys of earlier edits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, Earlier, EditDelta, Fact, WriteRequest, apply_delta
from shatterscope.backend.editors.least_squares import null_space
from shatterscope.backend.editors.pmet import ATTENTION, MLP, PmetParameters, attention_moments, joint_target, with_both
from shatterscope.backend.editors.spreading import SpreadingParameters, residual_goals
from shatterscope.backend.editors.targets import read_site
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec, run_edits

NAMES = ["memit", "pmet", "alphaedit"]
DOWN = "blocks.{}.mlp.down.weight"


def request_of(checkpoint: Checkpoint, n: int = 1, carried: dict[int, Tensor] | None = None) -> WriteRequest:
    world = checkpoint.world
    facts = []
    for i in range(n):
        relation = world.relations[5 * i % world.n_relations]
        token = checkpoint.vocabulary.relation_token(relation)
        facts.append(Fact(7 + 31 * i, token, world.counterfactual(7 + 31 * i, relation, 4)))
    earlier = {layer: wrote(checkpoint, layer, keys) for layer, keys in (carried or {}).items()}
    return WriteRequest(tuple(facts), ContextSampler(world, checkpoint.holdout), earlier)


def wrote(checkpoint: Checkpoint, layer: int, keys: Tensor) -> Earlier:
    """An edit that wrote to these keys and changed nothing."""
    weight = checkpoint.model.get_parameter(DOWN.format(layer))
    return Earlier(weight, (keys,), (weight,))


def compute(checkpoint: Checkpoint, name: str, request: WriteRequest, layer: int = 0, **parameters: Any) -> EditDelta:
    editor = EDITORS[name]
    chosen = editor.parameters(**{"steps": 12, "n_contexts": 1, **parameters})
    return editor.compute(checkpoint.model, checkpoint.statistics, request, layer, chosen)


def wanted(checkpoint: Checkpoint, request: WriteRequest, layer: int) -> Tensor:
    """(C, n), the residuals before anything is written, for the parameters of `compute`."""
    p = SpreadingParameters(steps=12, n_contexts=1)
    bare = [[fact.subject, fact.relation] for fact in request.facts]
    now = read_site(checkpoint.model, bare, layer).resid_post
    return (residual_goals(checkpoint.model, request, layer, p).values - now).double().T


def carried_keys(checkpoint: Checkpoint, layer: int, n: int = 2) -> dict[int, Tensor]:
    bare = [[100 + i, checkpoint.world.n_entities] for i in range(n)]
    return {layer: read_site(checkpoint.model, bare, layer).keys.double()}


@pytest.mark.parametrize("carry", [True, False])
def test_memit_solves_its_normal_equations(checkpoint: Checkpoint, carry: bool) -> None:
    carried = carried_keys(checkpoint, 1)
    request = request_of(checkpoint, 3, carried)
    delta = compute(checkpoint, "memit", request, 1, covariance_weight=0.7, carry_keys=carry)
    K, R = delta.keys[1].T, wanted(checkpoint, request, 1)
    A = 0.7 * checkpoint.statistics[1] + K @ K.T
    if carry:
        A = A + carried[1].T @ carried[1]
    change = delta.weights[DOWN.format(1)].double()
    torch.testing.assert_close(change @ A, R @ K.T, rtol=1e-4, atol=1e-4)


def test_memit_without_a_memory_to_spare_writes_the_value_exactly(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint)
    delta = compute(checkpoint, "memit", request, covariance_weight=1e-9)
    assert delta.diagnostics["residual_left"] < 1e-3
    (key,), R = delta.keys[0], wanted(checkpoint, request, 0)
    torch.testing.assert_close(delta.weights[DOWN.format(0)].double() @ key, R[:, 0], rtol=1e-3, atol=1e-4)


def test_memit_writes_a_share_that_the_covariance_weight_sets(checkpoint: Checkpoint) -> None:
    """One fact: dW k = R s / (1 + s) with s = k^T C^-1 k / lambda."""
    request = request_of(checkpoint)
    R = wanted(checkpoint, request, 0)[:, 0]
    for weight in (1.0, 30.0, 1000.0):
        delta = compute(checkpoint, "memit", request, covariance_weight=weight)
        (key,) = delta.keys[0]
        s = (key @ torch.linalg.solve(checkpoint.statistics[0], key)).item() / weight
        torch.testing.assert_close(delta.weights[DOWN.format(0)].double() @ key, R * s / (1 + s), rtol=1e-3, atol=1e-4)
    assert any("part of the wanted change" in warning for warning in delta.warnings)


@pytest.mark.parametrize("carry", [True, False])
@pytest.mark.parametrize("relative", [True, False])
def test_alphaedit_solves_its_projected_normal_equations(checkpoint: Checkpoint, carry: bool, relative: bool) -> None:
    carried = carried_keys(checkpoint, 1)
    request = request_of(checkpoint, 3, carried)
    delta = compute(
        checkpoint, "alphaedit", request, 1, nullspace_threshold=0.05, l2=0.3, relative_l2=relative, carry_keys=carry
    )
    K, R = delta.keys[1].T, wanted(checkpoint, request, 1)
    P, rank = null_space(checkpoint.statistics[1], 0.05, relative=True)
    assert delta.diagnostics["null_space_rank.1"] == rank
    M = K @ K.T + (carried[1].T @ carried[1] if carry else 0)
    l2 = 0.3 * ((P @ K).square().sum(0).mean() if relative else 1)
    change = delta.weights[DOWN.format(1)].double()
    torch.testing.assert_close(
        change @ (M @ P + l2 * torch.eye(len(P), dtype=P.dtype)), R @ K.T @ P, rtol=1e-4, atol=1e-4
    )


def test_alphaedit_leaves_the_preserved_directions_alone(checkpoint: Checkpoint) -> None:
    delta = compute(checkpoint, "alphaedit", request_of(checkpoint, 2), nullspace_threshold=0.05)
    C = checkpoint.statistics[0]
    values, vectors = torch.linalg.eigh(C)
    rank = int(delta.diagnostics["null_space_rank.0"])
    assert 0 < rank < len(C)
    assert values[:rank].sum() <= 0.05 * values.sum() < values[: rank + 1].sum()
    change = delta.weights[DOWN.format(0)].double()
    assert (change @ vectors[:, rank:]).norm() < 1e-4 * change.norm()


def test_alphaedit_threshold_absolute_as_in_the_reference(checkpoint: Checkpoint) -> None:
    delta = compute(
        checkpoint, "alphaedit", request_of(checkpoint), nullspace_threshold=0.02, relative_threshold=False, spread=True
    )
    for layer in (0, 1):
        below = int((torch.linalg.eigvalsh(checkpoint.statistics[layer]) < 0.02).sum())
        assert delta.diagnostics[f"null_space_rank.{layer}"] == below


def test_an_empty_null_space_is_said_and_writes_nothing(checkpoint: Checkpoint) -> None:
    delta = compute(checkpoint, "alphaedit", request_of(checkpoint), nullspace_threshold=1e-9)
    assert delta.norm == 0
    assert delta.diagnostics["null_space_rank.0"] == 0
    assert any("raise nullspace_threshold" in warning for warning in delta.warnings)
    full = compute(checkpoint, "alphaedit", request_of(checkpoint), nullspace_threshold=1.0)
    assert any("lower nullspace_threshold" in warning for warning in full.warnings)


def test_a_share_above_one_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(EditError) as caught:
        spec_of(checkpoint, "alphaedit", parameters={"nullspace_threshold": 3})
    assert caught.value.field == "parameters.nullspace_threshold"
    assert "relative_threshold" in caught.value.message
    assert spec_of(checkpoint, "alphaedit", parameters={"nullspace_threshold": 3, "relative_threshold": False})


def test_the_projector_is_one() -> None:
    keys = torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 9)
    C = keys.T @ keys / 50
    P, rank = null_space(C, 0.2, relative=True)
    torch.testing.assert_close(P @ P, P)
    torch.testing.assert_close(P, P.T)
    assert rank == round(P.trace().item())
    assert null_space(C * 100, 0.2, relative=True)[1] == rank  # a share does not depend on the scale


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 3])
def test_the_update_has_at_most_one_rank_per_fact(checkpoint: Checkpoint, name: str, n: int) -> None:
    delta = compute(checkpoint, name, request_of(checkpoint, n), spread=True)
    assert delta.weights.keys() == {DOWN.format(0), DOWN.format(1)}
    for change in delta.weights.values():
        singular = torch.linalg.svdvals(change.double())
        assert singular[n] < 1e-5 * singular[0]


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_this_one_or_this_and_all_behind_it(checkpoint: Checkpoint, name: str) -> None:
    request = request_of(checkpoint)
    for layer, spread, edited in ((0, False, [0]), (0, True, [0, 1]), (1, False, [1]), (1, True, [1])):
        delta = compute(checkpoint, name, request, layer, spread=spread, steps=3)
        assert delta.weights.keys() == {DOWN.format(each) for each in edited}
        assert list(delta.keys) == edited


def test_the_first_of_two_layers_takes_half_and_the_last_makes_up_for_it(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint)
    delta = compute(checkpoint, "memit", request, covariance_weight=1e-9, spread=True)
    (key,), R = delta.keys[0], wanted(checkpoint, request, 1)[:, 0]
    torch.testing.assert_close(delta.weights[DOWN.format(0)].double() @ key, R / 2, rtol=1e-3, atol=1e-4)
    assert delta.diagnostics["residual_left"] < 1e-3


def test_pmet_spreads_by_a_square_root_and_keeps_only_the_mlps_part(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint)
    p = PmetParameters(steps=12, n_contexts=1)
    fact = request.fact
    site = read_site(checkpoint.model, [[fact.subject, fact.relation], [fact.subject]], 1)
    found = joint_target(checkpoint.model, site, fact, p).delta.double()
    assert found[ATTENTION].norm() > 0
    delta = compute(checkpoint, "pmet", request, covariance_weight=1e-9, spread=True)
    (key,) = delta.keys[0]
    torch.testing.assert_close(delta.weights[DOWN.format(0)].double() @ key, found[MLP] / 2**0.5, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1])
def test_pmet_may_write_the_attentions_part_as_well(checkpoint: Checkpoint, layer: int) -> None:
    """With no memory to spare both then put out what they did before the edit, and their deltas."""
    request, model = request_of(checkpoint), checkpoint.model
    fact = request.fact
    same = {"covariance_weight": 1e-9, "attention_rate": 1.0, "early_stop_loss": 0.0}
    delta = compute(checkpoint, "pmet", request, layer, write_attention=True, **same)
    assert delta.weights.keys() == {DOWN.format(layer), f"blocks.{layer}.attn.out.weight"}
    assert delta.diagnostics["residual_left"] < 1e-3
    assert delta.keys.keys() == {layer}  # of the MLPs alone, which is what other editors carry
    site = read_site(model, [[fact.subject, fact.relation], [fact.subject]], layer)
    p = PmetParameters(steps=12, n_contexts=1, **same)
    found = joint_target(model, site, fact, p).delta
    bare = [[fact.subject, fact.relation]]
    after = read_site(apply_delta(model, delta), bare, layer)
    torch.testing.assert_close(after.attn_out[0] - site.attn_out[0], found[ATTENTION], rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(after.values[0] - site.values[0], found[MLP], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("n", [1, 3])
def test_the_attentions_update_is_pmets_closed_form(checkpoint: Checkpoint, n: int) -> None:
    """Its rank is that of the facts, and it spares the attention's keys by the same normal equations."""
    request, model = request_of(checkpoint, n), checkpoint.model
    delta = compute(checkpoint, "pmet", request, 1, write_attention=True, covariance_weight=0.3, attention_rate=1.0)
    change = delta.weights["blocks.1.attn.out.weight"].double()
    singular = torch.linalg.svdvals(change)
    assert singular[n] < 1e-5 * singular[0]
    bare = [[fact.subject, fact.relation] for fact in request.facts]
    K = read_site(model, bare, 1).attn_keys.double().T
    moments = attention_moments(model, request, [1], seed=0)[1]
    goals = []
    for fact, prompt in zip(request.facts, bare, strict=True):
        site = read_site(model, [prompt, [fact.subject]], 1)
        p = PmetParameters(steps=12, n_contexts=1, attention_rate=1.0)
        goals.append(joint_target(model, site, fact, p).delta[ATTENTION].double())
    torch.testing.assert_close(change @ (0.3 * moments + K @ K.T), torch.stack(goals, 1) @ K.T, rtol=1e-3, atol=1e-3)


def test_the_attentions_moments_are_of_its_output_projections_keys(checkpoint: Checkpoint) -> None:
    request, model = request_of(checkpoint), checkpoint.model
    moments = attention_moments(model, request, [0, 1], seed=3)
    assert moments.keys() == {0, 1}
    for layer, C in moments.items():
        assert C.shape == (model.config.d_model, model.config.d_model)
        assert torch.linalg.eigvalsh(C)[0] > -1e-9
        site = read_site(model, [[7, checkpoint.world.n_entities]], layer)
        with torch.no_grad():
            out = model.get_submodule(f"blocks.{layer}.attn.out")(site.attn_keys)
        torch.testing.assert_close(out, site.attn_out)
    other = attention_moments(model, request, [0], seed=4)[0]
    assert (other - moments[0]).norm() < 0.1 * moments[0].norm()  # enough walks: the seed hardly matters


def test_pmets_optimisation_sees_what_the_model_does(checkpoint: Checkpoint) -> None:
    fact, model = request_of(checkpoint).fact, checkpoint.model
    prompts = [[fact.subject, fact.relation], [fact.subject]]
    shift = torch.randn(2, model.config.d_model, generator=torch.Generator().manual_seed(0))
    for layer in (0, 1):
        site = read_site(model, prompts, layer)
        with torch.no_grad():
            got = site.logits_from(model, with_both(model, site, shift))
        for prompt, logits in zip(prompts, got, strict=True):

            def tap(name: str, x: Tensor, layer: int = layer) -> Tensor:
                row = {f"mlp_out.{layer}": MLP, f"attn_out.{layer}": ATTENTION}.get(name)
                return x if row is None else torch.cat([x[:, :-1], x[:, -1:] + shift[row]], dim=1)

            torch.testing.assert_close(logits, model(torch.tensor([prompt]), tap)[0, -1], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_a_batch_does_not_matter(checkpoint: Checkpoint, name: str) -> None:
    request = request_of(checkpoint, 3)
    one = compute(checkpoint, name, request, n_contexts=4)
    other = compute(checkpoint, name, replace(request, facts=request.facts[::-1]), n_contexts=4)
    torch.testing.assert_close(one.weights, other.weights, rtol=1e-3, atol=1e-5)


# --- in a stack ------------------------------------------------------------------------------------------------------


def spec_of(
    checkpoint: Checkpoint, method: str, subject: int = 7, relation: str = "II_A1", **more: Any
) -> CompleteSpec:
    return complete_spec(checkpoint.world, 2, subject=subject, relation=relation, distance=4, method=method, **more)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_writes_all_its_facts_by_one_delta(checkpoint: Checkpoint, name: str) -> None:
    facts = [(7, "II_A1"), (40, "I_C2"), (90, "III_C3")]
    specs = [spec_of(checkpoint, name, s, r, batch=True) for s, r in facts]
    edited = run_edits(checkpoint, specs)
    assert len(edited.deltas) == 1
    assert [outcome.success for outcome in edited.outcomes] == [True] * 3
    assert len({outcome.delta_norm for outcome in edited.outcomes}) == 1
    torch.testing.assert_close(edited.model.state_dict(), apply_delta(checkpoint.model, edited.deltas[0]).state_dict())


@pytest.mark.parametrize("name", ["memit", "alphaedit"])
def test_later_edits_spare_the_keys_of_earlier_ones_of_their_stack(checkpoint: Checkpoint, name: str) -> None:
    """Also those that another method wrote; never those of another stack."""
    first = spec_of(checkpoint, "rome", 7)
    second = spec_of(checkpoint, name, 8, parameters={"steps": 20})
    deaf = spec_of(checkpoint, name, 8, parameters={"steps": 20, "carry_keys": False})
    alone = run_edits(checkpoint, [second]).deltas[0]
    stack, forgetful = run_edits(checkpoint, [first, second]), run_edits(checkpoint, [first, deaf])
    (key,) = stack.deltas[0].keys[0]
    weight = DOWN.format(0)
    spared, hit = ((each.deltas[1].weights[weight].double() @ key).norm() for each in (stack, forgetful))
    assert spared < 0.9 * hit
    assert torch.equal(run_edits(checkpoint, [second]).deltas[0].weights[weight], alone.weights[weight])
    silenced = run_edits(checkpoint, [replace(first, strength=0.0), second]).deltas[0]
    assert torch.equal(silenced.weights[weight], alone.weights[weight])
