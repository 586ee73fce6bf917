"""R(D*): what it must see and what it must not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.geometry import shattering


def cloud(seed: int, n: int = 300, d: int = 24) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def rotation(seed: int, d: int = 24) -> Tensor:
    gaussian = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q: Tensor = torch.linalg.qr(gaussian)[0]
    return q


def by_definition(before: Tensor, after: Tensor) -> float:
    d0 = torch.cdist(before.double(), before.double(), compute_mode="donot_use_mm_for_euclid_dist")
    d1 = torch.cdist(after.double(), after.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return float((d1 - d0).norm() / d0.norm())


@pytest.mark.parametrize("n", [2, 127, 128, 129, 300])
def test_is_the_formula_of_the_paper(n: int) -> None:
    before, after = cloud(0, n), cloud(1, n)
    assert shattering(before, after).item() == pytest.approx(by_definition(before, after), rel=1e-6)


def test_a_batch_is_one_number_for_each_relation() -> None:
    before, after = torch.stack([cloud(0), cloud(1)]), torch.stack([cloud(2), cloud(1)])
    result = shattering(before, after)
    assert result.shape == (2,)
    assert result[0] == shattering(before[0], after[0])
    assert result[1] == 0


def test_no_change_is_exactly_zero() -> None:
    assert shattering(cloud(0), cloud(0)).item() == 0


@given(seed=st.integers(0, 100), scale=st.sampled_from([1e-25, 1e-3, 1.0, 1e4, 1e25]), shift=st.floats(-10, 10))
def test_blind_to_rotation_and_translation(seed: int, scale: float, shift: float) -> None:
    before = cloud(seed, 200).double() * scale
    after = before @ rotation(seed) + shift * scale
    assert shattering(before, after).item() < 1e-6
    assert shattering(before.float(), after.float()).item() < 1e-5


def test_close_pairs_far_from_the_origin_do_not_cancel() -> None:
    """Pairs of points 1e-4 apart in a cloud of size 1: their distances alone are doubled."""
    base = cloud(0, 100, 4).double()
    near = 1e-4 * cloud(1, 100, 4).double()
    before = torch.cat([base, base + near])
    after = torch.cat([base, base + 2 * near])
    assert shattering(before + 50, after + 50).item() == pytest.approx(by_definition(before, after), rel=1e-3)


@given(seed=st.integers(0, 50), factor=st.floats(0.0, 5.0))
def test_growing_by_a_factor_is_its_distance_from_one(seed: int, factor: float) -> None:
    before = cloud(seed, 50)
    assert shattering(before, factor * before).item() == pytest.approx(abs(factor - 1), rel=1e-4, abs=1e-5)


def test_two_points_that_swap_places_are_damage() -> None:
    before = cloud(0)
    after = before.clone()
    after[[0, 1]] = before[[1, 0]]
    assert shattering(before, after).item() > 1e-3


def test_degenerate_input_is_not_a_number_instead_of_a_wrong_one() -> None:
    alike = torch.zeros(5, 3)
    assert shattering(alike, alike).item() == 0
    assert shattering(alike, cloud(0, 5, 3)).isnan()
    broken = cloud(0, 5, 3)
    broken[0, 0] = torch.nan
    assert shattering(cloud(0, 5, 3), broken).isnan()
    assert shattering(broken, broken).isnan()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="same shape"):
        shattering(cloud(0, 5), cloud(0, 6))
