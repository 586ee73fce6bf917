"""R(D*) from sampled pairs is R(D*) of all pairs, as closely as its standard error says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.geometry import shattering
from shatterscope.backend.geometry.sampled import sampled_shattering


def clouds(seed: int, r: int = 6, n: int = 400, d: int = 24) -> Tensor:
    return torch.randn(r, n, d, generator=torch.Generator().manual_seed(seed))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 1000), size=st.sampled_from([1e-3, 0.1, 1.0]))
def test_within_five_standard_errors_of_all_pairs(seed: int, size: float) -> None:
    before = clouds(seed)
    after = before + size * clouds(seed + 1)
    found = sampled_shattering(before, after, 2000, generator(seed))
    assert bool(((found.R - shattering(before, after)).abs() < 5 * found.standard_error).all())
    assert bool((found.standard_error < 0.05 * found.R).all())


@given(seed=st.integers(0, 1000), moved=st.integers(1, 5))
def test_an_edit_that_moves_a_few_entities_far_is_seen(seed: int, moved: int) -> None:
    """Uniform samples would miss them. The error told is an estimate too, from the few pairs that moved far: hence seven of it."""
    before = clouds(seed)
    after = before.clone()
    after[:, :moved] += 10 * clouds(seed + 1, n=moved)
    found = sampled_shattering(before, after, 2000, generator(seed))
    assert bool(((found.R - shattering(before, after)).abs() < 7 * found.standard_error).all())
    assert bool((found.standard_error < 0.05 * found.R).all())


def test_the_standard_error_is_that_of_many_repetitions() -> None:
    before = clouds(0, r=1)
    after = before + 0.3 * clouds(1, r=1)
    found = [sampled_shattering(before, after, 500, generator(seed)) for seed in range(300)]
    R = torch.cat([each.R for each in found])
    told = torch.cat([each.standard_error for each in found]).mean()
    assert R.std().item() == pytest.approx(told.item(), rel=0.15)
    assert R.mean().item() == pytest.approx(shattering(before, after).item(), rel=0.01)


def test_the_same_seed_gives_the_same_number() -> None:
    before, after = clouds(0), clouds(1)
    one, two = (sampled_shattering(before, after, 100, generator(7)) for _ in range(2))
    assert torch.equal(one.R, two.R)
    assert torch.equal(one.standard_error, two.standard_error)


def test_no_change_is_exactly_zero_without_error() -> None:
    found = sampled_shattering(clouds(0), clouds(0), 100, generator())
    assert found.R.tolist() == found.standard_error.tolist() == [0.0] * 6


def test_blind_to_translation() -> None:
    before = clouds(0)
    assert sampled_shattering(before, before + 3, 1000, generator()).R.max() < 1e-6


def test_what_is_not_finite_is_not_a_number() -> None:
    broken = clouds(0)
    broken[2, 5, 0] = torch.nan
    broken[3, 5, 0] = torch.inf
    for before, after in ((clouds(1), broken), (broken, clouds(1))):
        found = sampled_shattering(before, after, 100, generator())
        assert found.R.isnan().tolist() == [False, False, True, True, False, False]
        assert found.standard_error.isnan().tolist() == found.R.isnan().tolist()


def test_points_that_all_coincide_have_no_r() -> None:
    alike = torch.zeros(1, 5, 3)
    assert sampled_shattering(alike, clouds(0, 1, 5, 3), 10, generator()).R.isnan()
    assert sampled_shattering(alike, alike, 10, generator()).R == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="same shape"):
        sampled_shattering(clouds(0), clouds(0)[0], 10, generator())
    with pytest.raises(ValueError, match="at least 2"):
        sampled_shattering(clouds(0), clouds(0), 1, generator())
