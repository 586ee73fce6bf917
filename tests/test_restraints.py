"""Restraints: what each takes out of a weight change, what the rescaling gives back, and what they are part of."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec, delta_key, edit_id, run_edits
from shatterscope.backend.restraints import RESTRAINTS
from shatterscope.backend.restraints.base import rescaling
from shatterscope.backend.restraints.prune import Prune, PruneParameters
from shatterscope.backend.restraints.rect import Rect, RectParameters
from shatterscope.backend.restraints.sphere import Sphere, SphereParameters, principal_directions

STEPS = {"steps": 12}


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spec_of(checkpoint: Checkpoint, method: str = "rome", subject: int = 7, **more: object) -> CompleteSpec:
    asked = {"subject": subject, "relation": "II_A1", "distance": 4, "method": method, "parameters": STEPS, **more}
    return complete_spec(checkpoint.world, checkpoint.model.config.n_layers, **asked)  # type: ignore[arg-type]


# --- SPHERE ----------------------------------------------------------------------------------------------------------


def test_rows_that_point_one_way_have_one_principal_direction() -> None:
    W = torch.outer(torch.arange(1.0, 6.0), torch.tensor([3.0, 4.0, 0.0])).double()
    U = principal_directions(W, 0.5)
    assert U.shape == (3, 1)
    torch.testing.assert_close(U @ U.T, torch.outer(W[0], W[0]) / W[0].square().sum())


def test_orthogonal_rows_are_counted_up_to_beta_and_one_more() -> None:
    assert [principal_directions(torch.eye(4).double(), beta).shape[1] for beta in (0.0, 0.2, 0.5, 0.9)] == [1, 1, 3, 4]


def test_sphere_takes_the_principal_directions_out() -> None:
    W, delta = random(0, 6, 8), random(1, 6, 8)
    U = principal_directions(W, 0.5)
    none, half, all_ = (Sphere().restrain(W, W, delta, SphereParameters(alpha=alpha)) for alpha in (0.0, 0.5, 1.0))
    torch.testing.assert_close(none, delta)
    torch.testing.assert_close(all_ @ U, torch.zeros(6, U.shape[1]).double())
    torch.testing.assert_close(half, (none + all_) / 2)


# --- RECT ------------------------------------------------------------------------------------------------------------


def test_rect_keeps_what_is_large_beside_its_weight() -> None:
    W = torch.tensor([[10.0, 1.0], [0.1, 1.0]]).double()
    delta = torch.tensor([[5.0, 0.2], [0.1, -0.8]]).double()  # |delta / W| is .5, .2, 1, .8
    kept = Rect().restrain(W, W, delta, RectParameters(keep=0.5))
    assert torch.equal(kept, torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double() * delta)
    assert torch.equal(Rect().restrain(W, W, delta, RectParameters(keep=1.0)), delta)


@given(seed=st.integers(0, 99), keep=st.floats(0.01, 1))
def test_rect_keeps_its_share_as_it_is(seed: int, keep: float) -> None:
    W, delta = random(seed, 5, 7), random(seed + 1, 5, 7)
    kept = Rect().restrain(W, W, delta, RectParameters(keep=keep))
    stays = kept != 0
    assert int(stays.sum()) == max(round(keep * 35), 1)
    assert torch.equal(kept[stays], delta[stays])


# --- PRUNE -----------------------------------------------------------------------------------------------------------


def test_prune_leaves_a_small_change_alone() -> None:
    W = random(0, 6, 8)
    delta = 1e-3 * random(1, 6, 8)
    assert Prune().restrain(W, W, delta, PruneParameters()) is delta


def test_what_prune_leaves_replaces_what_was_accumulated() -> None:
    W = torch.eye(3).double()  # its largest singular value is 1
    before, delta = (
        torch.diag(torch.tensor([2.0, 0.5, 0.0])).double(),
        torch.diag(torch.tensor([2.0, 0.0, 0.3])).double(),
    )
    added = before + Prune().restrain(W, W + before, delta, PruneParameters())
    torch.testing.assert_close(added, torch.diag(torch.tensor([1 + torch.tensor(4.0).log().item(), 0.5, 0.3])).double())


@settings(max_examples=30)
@given(seed=st.integers(0, 99), size=st.floats(0.1, 100))
def test_prune_never_lengthens(seed: int, size: float) -> None:
    W, before, delta = random(seed, 5, 7) / 8, size * random(seed + 1, 5, 7), size * random(seed + 2, 5, 7)
    left = before + Prune().restrain(W, W + before, delta, PruneParameters())
    was, now = torch.linalg.svdvals(before + delta), torch.linalg.svdvals(left)
    assert bool((now <= was + 1e-9).all())
    bound = torch.linalg.svdvals(W)[0]
    torch.testing.assert_close(now[was <= bound], was[was <= bound], atol=1e-8, rtol=1e-8)


# --- efficacy --------------------------------------------------------------------------------------------------------


def test_a_rank_one_change_is_lengthened_by_u_k_over_u_P_k() -> None:
    v, u, k = random(0, 6), random(1, 8), random(2, 8)
    P = torch.eye(8).double() - 0.5 * (U := principal_directions(random(3, 6, 8), 0.5)) @ U.T
    delta = torch.outer(v, u)
    factor = rescaling((delta @ k)[:, None], (delta @ P @ k)[:, None])
    assert factor == pytest.approx(((u @ k) / (u @ P @ k)).item())
    torch.testing.assert_close(factor * delta @ P @ k, delta @ k)
    assert rescaling(delta @ k, torch.zeros(6).double()) == 1.0


@pytest.mark.parametrize("method", ["rome", "memit", "alphaedit"])
def test_an_edit_through_sphere_writes_its_key_as_without_it(checkpoint: Checkpoint, method: str) -> None:
    plain, restrained, weak = (
        run_edits(checkpoint, [spec_of(checkpoint, method, restraint=restraint)]).deltas[0]
        for restraint in (None, "sphere", {"name": "sphere", "parameters": {"keep_efficacy": False}})
    )
    (layer, key), name = next(iter(plain.keys.items())), checkpoint.model.written(0)
    assert layer == 0
    wanted, got, less = (each.weights[name].double() @ key.double().T for each in (plain, restrained, weak))
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    assert less.norm() < wanted.norm()
    assert not torch.equal(restrained.weights[name], plain.weights[name])
    assert restrained.diagnostics["restraint_factor.0"] > 1
    assert "restraint_factor.0" not in weak.diagnostics


# --- in specifications -----------------------------------------------------------------------------------------------


def test_without_a_restraint_nothing_is_another(checkpoint: Checkpoint) -> None:
    spec = spec_of(checkpoint)
    assert "restraint" not in spec.as_dict()
    assert "implied" not in spec.as_dict()
    restrained = spec_of(checkpoint, restraint="rect")
    assert restrained.restraint == {"name": "rect", "parameters": {"keep_efficacy": True, "keep": 0.4}}
    assert edit_id(checkpoint, [spec]) != edit_id(checkpoint, [restrained])
    assert delta_key(checkpoint.identity, [spec]) != delta_key(checkpoint.identity, [restrained])
    again = complete_spec(checkpoint.world, checkpoint.model.config.n_layers, **restrained.as_dict())
    assert edit_id(checkpoint, [again]) == edit_id(checkpoint, [restrained])


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"restraint": "cage"}, "restraint.name", "there are sphere, rect, prune"),
        ({"restraint": "sphere", "method": "grace"}, "restraint", "grace changes no weights"),
        ({"restraint": {"name": "sphere", "parameters": {"alpha": 2}}}, "restraint.parameters.alpha", "less than"),
        ({"restraint": {"name": "prune", "parameters": {"alpha": 0.5}}}, "restraint.parameters.alpha", "it has bound"),
    ],
)
def test_what_cannot_be_is_refused(checkpoint: Checkpoint, more: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(EditError, match=said) as refused:
        spec_of(checkpoint, **{**({"parameters": {}} if "method" in more else {}), **more})  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize("name", list(RESTRAINTS))
@pytest.mark.parametrize("method", [name for name, editor in EDITORS.items() if editor.weights])
def test_every_method_that_changes_weights_can_be_restrained(checkpoint: Checkpoint, method: str, name: str) -> None:
    spec = spec_of(checkpoint, method, restraint=name)
    edited = run_edits(checkpoint, [spec])
    assert edited.outcomes[0].spec == spec
    assert all(bool(torch.isfinite(change).all()) for change in edited.deltas[0].weights.values())
    half = run_edits(checkpoint, [replace(spec, strength=0.5)])
    for key, change in edited.deltas[0].weights.items():
        assert torch.equal(half.deltas[0].weights[key], change)


def test_one_batch_has_one_restraint(checkpoint: Checkpoint) -> None:
    one = spec_of(checkpoint, "memit", batch=True, restraint="sphere")
    other = spec_of(checkpoint, "memit", subject=8, batch=True)
    with pytest.raises(EditError, match="share their restraint"):
        run_edits(checkpoint, [one, other])
    assert len(run_edits(checkpoint, [one, replace(other, restraint=one.restraint)]).deltas) == 1


def test_prune_bounds_the_whole_stack(checkpoint: Checkpoint) -> None:
    bound = {"name": "prune", "parameters": {"bound": 0.5}}
    more = {"restraint": bound, "parameters": {}, "distance": 60}
    stack = [spec_of(checkpoint, subject=subject, **more) for subject in (7, 8, 9)]
    edited, name = run_edits(checkpoint, stack), checkpoint.model.written(0)
    W = checkpoint.model.get_parameter(name).detach().double()
    added = edited.model.get_parameter(name).detach().double() - W
    limit = 0.5 * torch.linalg.svdvals(W)[0].item()
    free = run_edits(checkpoint, [replace(spec, restraint=None) for spec in stack])
    was = torch.linalg.svdvals(free.model.get_parameter(name).detach().double() - W)[0].item()
    assert limit < torch.linalg.svdvals(added)[0].item() < was
