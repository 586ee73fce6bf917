"""EMMET, ENCORE, BetaEdit, MOSE, LyapLock, UltraEdit and CrispEdit: their closed forms, batches and stacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, Earlier, EditDelta, Fact, WriteRequest, apply_delta
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.editors.betaedit import BetaEditParameters, leak_controlled
from shatterscope.backend.editors.betaedit import spared_moment as protected
from shatterscope.backend.editors.crispedit import CrispEditParameters, FlatSubspace, gradient_moment, spared_moment
from shatterscope.backend.editors.emmet import equality_constrained
from shatterscope.backend.editors.least_squares import null_space, solve_covariance
from shatterscope.backend.editors.lyaplock import normal_equations, queue, queue_of
from shatterscope.backend.editors.mose import nearest_rotation
from shatterscope.backend.editors.rome import Rome, RomeParameters
from shatterscope.backend.editors.spreading import SpreadingParameters, residual_goals
from shatterscope.backend.editors.targets import ValueTarget, read_site
from shatterscope.backend.editors.ultraedit import Features, normalised_step
from shatterscope.backend.edits import CompleteSpec, complete_spec, run_edits

CLOSED = ["emmet", "encore", "betaedit", "mose", "lyaplock"]
BATCHES = [*CLOSED, "ultraedit"]
DOWN = "blocks.{}.mlp.down.weight"
QUICK = {"steps": 12, "n_contexts": 1, "stop_after_leading": 0}


def request_of(checkpoint: Checkpoint, n: int = 1, **more: Any) -> WriteRequest:
    world = checkpoint.world
    facts = []
    for i in range(n):
        relation = world.relations[5 * i % world.n_relations]
        token = checkpoint.vocabulary.relation_token(relation)
        facts.append(Fact(7 + 31 * i, token, world.counterfactual(7 + 31 * i, relation, 4)))
    return WriteRequest(tuple(facts), ContextSampler(world, checkpoint.holdout), **more)


def compute(checkpoint: Checkpoint, name: str, request: WriteRequest, layer: int = 0, **parameters: Any) -> EditDelta:
    editor = EDITORS[name]
    given = {name: value for name, value in QUICK.items() if name in editor.parameters.model_fields}
    chosen = editor.parameters(**{**given, **parameters})
    return editor.compute(checkpoint.model, checkpoint.statistics, request, layer, chosen)


def change_of(delta: EditDelta, layer: int) -> Tensor:
    return delta.weights[DOWN.format(layer)].double()


def wanted(checkpoint: Checkpoint, request: WriteRequest, layer: int) -> Tensor:
    """(C, n), the residuals before anything is written, for the parameters of `compute`."""
    p = SpreadingParameters(**QUICK)
    bare = [[fact.subject, fact.relation] for fact in request.facts]
    now = read_site(precise_copy(checkpoint.model), bare, layer).resid_post
    return (residual_goals(checkpoint.model, request, layer, p).values - now).T


def carried_keys(checkpoint: Checkpoint, layer: int, n: int = 2) -> Tensor:
    bare = [[100 + i, checkpoint.world.n_entities] for i in range(n)]
    return read_site(precise_copy(checkpoint.model), bare, layer).keys


def wrote(checkpoint: Checkpoint, layer: int, keys: Tensor) -> Earlier:
    """An edit that wrote to these keys and changed nothing."""
    weight = checkpoint.model.get_parameter(DOWN.format(layer))
    return Earlier(weight, (keys,), (weight,))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def spec_of(
    checkpoint: Checkpoint, method: str, subject: int = 7, relation: str = "II_A1", **more: Any
) -> CompleteSpec:
    return complete_spec(
        checkpoint.world, 2, **{"subject": subject, "relation": relation, "distance": 4, "method": method, **more}
    )


# --- EMMET -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [0, 1])
def test_emmet_of_one_fact_is_r_rome(checkpoint: Checkpoint, layer: int) -> None:
    """Of the same value: ROME measures its length by the MLP's output, EMMET by the stream, so both are given one."""
    request = request_of(checkpoint)
    fact, model = request.fact, precise_copy(checkpoint.model)
    delta = compute(checkpoint, "emmet", request, layer, covariance_weight=3.0, ridge=0.5)  # neither matters
    R = wanted(checkpoint, request, layer)[:, 0]
    site = read_site(model, [[fact.subject, fact.relation], [fact.subject]], layer)
    target = ValueTarget(R, 0, 0.0, 0.0, delta.courses[0])
    p = RomeParameters(key="r-rome", n_contexts=1)
    theirs = Rome().write(DOWN.format(layer), checkpoint.statistics[layer], site, target, p, torch.float64)
    torch.testing.assert_close(change_of(delta, layer), change_of(theirs, layer), rtol=1e-4, atol=1e-6)


@given(n=st.integers(1, 5), seed=st.integers(0, 99))
def test_emmet_writes_all_facts_exactly_and_disturbs_the_rest_least(n: int, seed: int) -> None:
    K, R, half = random(8, n, seed=seed), random(3, n, seed=seed + 1), random(8, 20, seed=seed + 2)
    C = half @ half.T / 20
    dW = equality_constrained(K, R, torch.linalg.solve(C, K), 0.0)
    torch.testing.assert_close(dW @ K, R)
    other = random(3, 8, seed=seed + 3)
    other = dW + other - other @ K @ torch.linalg.pinv(K)  # writes the same
    torch.testing.assert_close(other @ K, R)
    assert (dW @ C @ dW.T).trace() <= (other @ C @ other.T).trace() + 1e-9


def test_emmet_with_the_same_fact_twice_is_finite() -> None:
    K, R = random(8, 1).repeat(1, 2), random(3, 1).repeat(1, 2)
    torch.testing.assert_close(equality_constrained(K, R, K, 0.0) @ K, R)


# --- ENCORE ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carry", [True, False])
def test_encore_solves_its_normal_equations(checkpoint: Checkpoint, carry: bool) -> None:
    keys = carried_keys(checkpoint, 1)
    request = request_of(checkpoint, 3, earlier={1: wrote(checkpoint, 1, keys)})
    same = {"covariance_weight": 0.7, "norm_weight": 0.2}
    delta = compute(checkpoint, "encore", request, 1, carry_keys=carry, **same)
    K, R = delta.keys[1].T, wanted(checkpoint, request, 1)
    A = 0.7 * checkpoint.statistics[1] + 0.2 * torch.eye(len(K)) + K @ K.T + (keys.T @ keys if carry else 0)
    torch.testing.assert_close(change_of(delta, 1) @ A, R @ K.T, rtol=1e-4, atol=1e-4)


def test_encore_that_weighs_the_length_writes_little(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint)
    norms = [compute(checkpoint, "encore", request, norm_weight=weight).norm for weight in (0.0, 1.0, 1e3, 1e6)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-3 * norms[0]


def test_encore_without_a_length_is_memit(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint, 2)
    plain = {"norm_weight": 0.0, "covariance_weight": 1.0, "stop_after_leading": 0}
    ours, theirs = (compute(checkpoint, name, request, **more) for name, more in (("encore", plain), ("memit", {})))
    assert torch.equal(change_of(ours, 0), change_of(theirs, 0))


# --- BetaEdit --------------------------------------------------------------------------------------------------------


@given(n=st.integers(1, 4), seed=st.integers(0, 99))
def test_betaedit_over_the_whole_space_without_a_past_is_least_squares(n: int, seed: int) -> None:
    K, R, half = random(8, n, seed=seed), random(3, n, seed=seed + 1), random(8, 20, seed=seed + 2)
    C, eye = half @ half.T / 20, torch.eye(8, dtype=torch.float64)
    p = BetaEditParameters(covariance_weight=0.3, l2=0.2, relative_l2=False)
    found = leak_controlled(eye, C, K, R, torch.zeros_like(C), p)
    torch.testing.assert_close(found @ (K @ K.T + 0.3 * C + 0.2 * eye), R @ K.T)


def test_betaedit_without_its_control_is_alphaedit(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint, 3, earlier={1: wrote(checkpoint, 1, carried_keys(checkpoint, 1))})
    ours = compute(checkpoint, "betaedit", request, 1, covariance_weight=0.0, l2=0.01)
    theirs = compute(checkpoint, "alphaedit", request, 1)
    torch.testing.assert_close(change_of(ours, 1), change_of(theirs, 1), rtol=1e-6, atol=1e-9)


def test_betaedit_leaves_the_directions_outside_its_null_space_alone(checkpoint: Checkpoint) -> None:
    change = change_of(compute(checkpoint, "betaedit", request_of(checkpoint, 2), nullspace_threshold=0.05), 0)
    P, rank = null_space(checkpoint.statistics[0], 0.05, relative=True)
    assert 0 < rank < len(P)
    assert (change - change @ P).norm() < 1e-4 * change.norm()


def test_betaedit_finds_its_null_space_anew_after_so_many_edits() -> None:
    C, keys = torch.eye(4, dtype=torch.float64), random(5, 4)
    p = BetaEditParameters(refresh_every=2, covariance_weight=3.0)
    assert protected(C, None, p) is C
    assert protected(C, keys[:1], p) is C
    first = (keys[:2].T @ keys[:2] / 2 + 3 * C) / 4
    torch.testing.assert_close(protected(C, keys[:2], p), first)
    torch.testing.assert_close(protected(C, keys[:3], p), first)
    torch.testing.assert_close(protected(C, keys, p), (keys[:4].T @ keys[:4] / 4 + 3 * C) / 4)


# --- MOSE ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [0, 1])
def test_mose_turns_the_weight_and_keeps_all_distances_of_the_mlps_output(checkpoint: Checkpoint, layer: int) -> None:
    model = precise_copy(checkpoint.model)
    request = WriteRequest(request_of(checkpoint, 2).facts, ContextSampler(checkpoint.world, checkpoint.holdout))
    delta = EDITORS["mose"].compute(
        model, checkpoint.statistics, request, layer, EDITORS["mose"].parameters(steps=12, n_contexts=1)
    )
    assert delta.norm > 0
    W = model.get_parameter(DOWN.format(layer))
    edited = W + delta.weights[DOWN.format(layer)]
    torch.testing.assert_close(edited.T @ edited, W.T @ W)
    torch.testing.assert_close(torch.linalg.svdvals(edited), torch.linalg.svdvals(W))
    keys = read_site(model, [[i, checkpoint.world.n_entities] for i in range(40)], layer).keys
    after, before = keys @ edited.T, keys @ W.T
    torch.testing.assert_close(torch.pdist(after), torch.pdist(before))


@given(seed=st.integers(0, 99), n=st.integers(1, 4))
def test_moses_rotation_is_orthogonal_and_the_nearest(seed: int, n: int) -> None:
    W, K, V, half = (
        random(4, 9, seed=seed),
        random(9, n, seed=seed + 1),
        random(4, n, seed=seed + 2),
        random(9, 30, seed=seed + 3),
    )
    C, eye = half @ half.T / 30, torch.eye(4, dtype=torch.float64)

    def cost(turn: Tensor) -> float:
        moved = turn @ W - W
        return float((turn @ W @ K - V).square().sum() + (moved @ C @ moved.T).trace())

    found = nearest_rotation(W, K, V, C)
    torch.testing.assert_close(found @ found.T, eye)
    for i in range(5):
        skew = 0.3 * random(4, 4, seed=seed + 10 + i)
        near = torch.linalg.matrix_exp(skew - skew.T) @ found
        assert cost(found) <= cost(near) + 1e-9
    torch.testing.assert_close(nearest_rotation(W, K, W @ K, C), eye)  # nothing to write


def test_mose_reaches_a_value_of_the_same_length() -> None:
    W, K = random(4, 9), random(9, 1, seed=1)
    V = (W @ K).norm() * torch.nn.functional.normalize(random(4, 1, seed=2), dim=0)
    turn = nearest_rotation(W, K, V, 1e-12 * torch.eye(9, dtype=torch.float64))
    torch.testing.assert_close(turn @ W @ K, V)


# --- LyapLock --------------------------------------------------------------------------------------------------------


def test_lyaplock_alone_is_memit(checkpoint: Checkpoint) -> None:
    request = request_of(checkpoint, 3)
    ours, theirs = (compute(checkpoint, name, request, 1, covariance_weight=0.4) for name in ("lyaplock", "memit"))
    torch.testing.assert_close(change_of(ours, 1), change_of(theirs, 1), rtol=1e-6, atol=1e-9)


@given(n=st.integers(8, 12), seed=st.integers(0, 99))
def test_lyaplock_whose_queue_is_empty_is_plain_least_squares(n: int, seed: int) -> None:
    """Over the new facts and all earlier ones, each with the value that it was given."""
    W0, W1, W2 = (random(3, 6, seed=seed + i) for i in range(3))
    K, R = random(6, n, seed=seed + 3), random(3, n, seed=seed + 4)
    first, second = random(4, 6, seed=seed + 5), random(5, 6, seed=seed + 6)
    earlier = Earlier(W0).then(first, W1).then(second, W2)
    A, B = normal_equations(W2, earlier, torch.zeros(6, 6, dtype=torch.float64), K, R)
    edited = W2 + torch.linalg.solve(A, B.T).T
    keys = torch.cat([K.T, first, second])
    values = torch.cat([(W2 @ K + R).T, first @ W1.T, second @ W2.T])
    torch.testing.assert_close(edited.T, torch.linalg.lstsq(keys, values).solution)


def test_lyaplock_brings_back_the_text_the_more_its_queue_has_grown() -> None:
    W0, W1, C = random(3, 6), random(3, 6, seed=1), torch.eye(6, dtype=torch.float64)
    K, R = random(6, 1, seed=2), random(3, 1, seed=3)
    far = []
    for weight in (0.0, 1.0, 1e3, 1e9):
        A, B = normal_equations(W1, Earlier(W0).then(random(1, 6, seed=4), W1), weight * C, K, R)
        far.append((W1 + solve_covariance(A, B.T)[0].T - W0).norm().item())
    assert far[1:] == sorted(far[1:], reverse=True)
    assert far[-1] < 1e-6


@given(losses=st.lists(st.floats(0, 100), max_size=9), bound=st.floats(0.1, 50))
def test_the_queue_is_one_below_its_bound_and_grows_above_it(losses: list[float], bound: float) -> None:
    found = queue(losses, bound)
    assert found >= 1 - 1e-9
    if all(loss <= bound for loss in losses):
        assert found == pytest.approx(1)
    above = queue([*losses, 3 * bound], bound)
    assert above == pytest.approx(found + 2)  # a (3 alpha D - alpha D) a


def test_the_queue_of_a_stack_by_hand() -> None:
    C = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    zero = torch.zeros(1, 2, dtype=torch.float64)
    keys = torch.ones(1, 2, dtype=torch.float64)
    stack = Earlier(zero).then(keys, zero + torch.tensor([1.0, 0.0]))  # loss 1
    stack = stack.then(keys, zero + torch.tensor([3.0, 1.0]))  # loss 13, of the step alone 8
    assert queue_of(Earlier(zero), C, 60.0) == 1
    assert queue_of(stack, C, 60.0) == pytest.approx(1)
    assert queue_of(stack, C, 1.0) == pytest.approx(1 + (13 - 8) / 8)
    assert queue_of(Earlier(zero).then(keys, zero), C, 1.0) == 1  # nothing was changed


def test_a_stack_tells_what_its_steps_did(checkpoint: Checkpoint) -> None:
    specs = [spec_of(checkpoint, "rome", 7), spec_of(checkpoint, "memit", 20, strength=0.5)]
    both = run_edits(checkpoint, specs)
    found, name = both.so_far.written[0], DOWN.format(0)
    assert torch.equal(found.start, checkpoint.model.get_parameter(name))
    assert torch.equal(found.weights[1], both.model.get_parameter(name))
    assert torch.equal(found.keys[1], 0.5 * both.deltas[1].keys[0])
    one = run_edits(checkpoint, specs[:1])
    again = run_edits(replace(checkpoint, model=one.model), specs[1:], so_far=one.so_far)
    for a, b in zip(found.weights, again.so_far.written[0].weights, strict=True):
        assert torch.equal(a, b)


# --- UltraEdit -------------------------------------------------------------------------------------------------------


def read(keys: Tensor, gradients: Tensor) -> Features:
    return Features(keys, gradients, torch.empty(len(keys), 0))


def test_ultraedit_by_hand_on_two_facts() -> None:
    """Keys and gradients of two facts: each number's z-score is 1 or -1, or 0 where both have the same."""
    keys = torch.tensor([[2.0, 0.0, 5.0], [0.0, 2.0, 5.0]], dtype=torch.float64)
    gradients = torch.tensor([[7.0, 1.0], [3.0, 1.0]], dtype=torch.float64)
    V = torch.tensor([[-0.2, 0.0], [0.2, 0.0]], dtype=torch.float64)  # -.1 * 2 * (1, 0) and -.1 * 2 * (-1, 0)
    A = keys.T @ keys + torch.eye(3)
    found = normalised_step(read(keys, gradients), read(keys[:0], gradients[:0]), 0.1, 1.0)
    torch.testing.assert_close(A @ found.T, keys.T @ V, rtol=1e-6, atol=1e-6)


@given(scale=st.floats(0.1, 1e3), shift=st.floats(-10, 10))
def test_ultraedit_does_not_know_the_scale_of_gradients(scale: float, shift: float) -> None:
    keys, gradients = random(12, 5), random(12, 3, seed=1)
    one, other = (
        normalised_step(read(keys[:4], g[:4]), read(keys[4:], g[4:]), 0.1, 1.0)
        for g in (gradients, scale * gradients + shift)
    )
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


# --- CrispEdit -------------------------------------------------------------------------------------------------------


@given(energy=st.floats(0.05, 1), seed=st.integers(0, 99))
def test_the_flat_subspace_holds_nothing_of_what_is_spared(energy: float, seed: int) -> None:
    left, right, x = random(4, 9, seed=seed), random(6, 9, seed=seed + 1), random(4, 6, seed=seed + 2)
    A, B = right @ right.T / 9, left @ left.T / 9
    flat = FlatSubspace.of(A, B, energy)
    found = flat.project(x)
    torch.testing.assert_close(flat.project(found), found)
    coordinates = flat.outputs.T @ found @ flat.keys
    assert coordinates[~flat.free].abs().max() < 1e-9
    curvature = torch.outer(*(torch.linalg.eigvalsh(each) for each in (B, A)))
    spared = curvature[~flat.free]
    assert spared.sum() >= energy * curvature.sum() - 1e-9
    assert spared.sum() - spared.min() < energy * curvature.sum() + 1e-9  # and no more than it takes
    assert not flat.free.any() or curvature[flat.free].max() <= spared.min()


@pytest.mark.parametrize("spares", ["loss", "geometry"])
def test_crispedit_changes_nothing_along_what_it_spares(checkpoint: Checkpoint, spares: str) -> None:
    request = request_of(checkpoint)
    p = CrispEditParameters(spares=spares, energy=0.8)
    delta = compute(checkpoint, "crispedit", request, spares=spares, energy=0.8)
    flat = FlatSubspace.of(checkpoint.statistics[0], spared_moment(checkpoint.model, request, 0, p), 0.8)
    change = change_of(delta, 0)
    assert delta.weights.keys() == {DOWN.format(0)}
    assert (flat.project(change) - change).norm() < 1e-5 * change.norm()
    free = compute(checkpoint, "crispedit", request, spares=spares, energy=0.8, project_change=False)
    assert (flat.project(change_of(free, 0)) - change_of(free, 0)).norm() > 1e-2 * change_of(free, 0).norm()


def test_what_is_spared_of_the_geometry_is_the_mean_of_its_jacobians(checkpoint: Checkpoint) -> None:
    """In the last layer the representation is the MLP's output and what it is added to: J is 1 at the relation's token, and 0 before."""
    request = request_of(checkpoint)
    B = spared_moment(checkpoint.model, request, 1, CrispEditParameters(spares="geometry"))
    eye = torch.eye(len(B), dtype=B.dtype) / 2  # over two tokens
    assert (B - eye).norm() < 0.2 * eye.norm()
    assert torch.equal(B, spared_moment(checkpoint.model, request, 1, CrispEditParameters(spares="geometry")))


def test_gradients_are_taken_at_their_site(checkpoint: Checkpoint) -> None:
    model = precise_copy(checkpoint.model)
    tokens = torch.tensor([[7, checkpoint.world.n_entities]])
    B = gradient_moment(model, tokens, "mlp_out.1", lambda seen, out: 3 * seen["mlp_out.1"][0, 1, 2])
    expected = torch.zeros_like(B)
    expected[2, 2] = 9 / 2
    torch.testing.assert_close(B, expected)


# --- what all promise ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_writes_all_its_facts_by_one_delta(checkpoint: Checkpoint, name: str) -> None:
    facts = [(7, "II_A1"), (40, "I_C2"), (90, "III_C3")]
    edited = run_edits(checkpoint, [spec_of(checkpoint, name, s, r, batch=True) for s, r in facts])
    assert len(edited.deltas) == 1
    assert [outcome.success for outcome in edited.outcomes] == [True] * 3
    torch.testing.assert_close(edited.model.state_dict(), apply_delta(checkpoint.model, edited.deltas[0]).state_dict())


@pytest.mark.parametrize("name", BATCHES)
def test_the_order_of_a_batch_does_not_matter(checkpoint: Checkpoint, name: str) -> None:
    request = request_of(checkpoint, 3)
    one = compute(checkpoint, name, request, n_contexts=4)
    other = compute(checkpoint, name, replace(request, facts=request.facts[::-1]), n_contexts=4)
    torch.testing.assert_close(one.weights, other.weights, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", CLOSED)
def test_later_edits_spare_the_keys_of_earlier_ones(checkpoint: Checkpoint, name: str) -> None:
    first, second = spec_of(checkpoint, "rome", 7), spec_of(checkpoint, name, 8, parameters={"steps": 20})
    stack = run_edits(checkpoint, [first, second])
    (key,) = stack.deltas[0].keys[0]
    spec = EDITORS[name].parameters(**second.parameters)
    world, relation = checkpoint.world, checkpoint.world.relation("II_A1")
    fact = Fact(8, checkpoint.vocabulary.relation_token(relation), second.object)
    edited = replace(checkpoint, model=run_edits(checkpoint, [first]).model)
    deaf = WriteRequest((fact,), ContextSampler(world, checkpoint.holdout))
    hit = EDITORS[name].compute(edited.model, checkpoint.statistics, deaf, 0, spec)
    assert (change_of(stack.deltas[1], 0) @ key).norm() < 0.95 * (change_of(hit, 0) @ key).norm()
