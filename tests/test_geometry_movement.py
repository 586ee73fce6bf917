"""What moved against the distance of ring neighbours, on rings whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.geometry import moved as how_far
from shatterscope.backend.geometry import strain as how_uneven

N = 64
STEP = 2 * math.sin(math.pi / N)  # between neighbours on the unit circle


def movement(before: Tensor, after: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """`moved` and `strain`."""
    return how_far(before, after, edges), how_uneven(before, after, edges)


def circle(n: int = N, d: int = 5) -> Tensor:
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    points = torch.zeros(n, d, dtype=torch.float64)
    points[:, 0], points[:, 1] = angle.cos(), angle.sin()
    return points


def ring(order: Tensor) -> Tensor:
    return torch.stack([order, order.roll(-1)], dim=1)


def rotation(d: int, seed: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    return q


ORDER = torch.arange(N)
EDGES = ring(ORDER)


def test_nothing_moved() -> None:
    assert [float(value) for value in movement(circle(), circle(), EDGES)] == [0.0, 0.0]


def test_a_shift_moves_everything_and_strains_nothing() -> None:
    shift = torch.tensor([0.0, 0.0, 3 * STEP, 0.0, 0.0])
    moved, strain = movement(circle(), circle() + shift, EDGES)
    assert float(moved) == pytest.approx(3)
    assert float(strain) == pytest.approx(0, abs=1e-9)


def test_one_step_along_the_ring_is_one_step() -> None:
    moved, strain = movement(circle(), circle().roll(-1, 0), EDGES)
    assert float(moved) == pytest.approx(1)
    assert float(strain) == pytest.approx(0, abs=1e-9), "the ring was only turned"


@given(st.floats(0.1, 3))
def test_growing_strains_by_the_growth(factor: float) -> None:
    moved, strain = movement(circle(), factor * circle(), EDGES)
    assert float(strain) == pytest.approx(abs(factor - 1))
    assert float(moved) == pytest.approx(abs(factor - 1) / STEP)


def test_a_zigzag_strains_by_twice_its_height() -> None:
    """Every other entity lifted off the plane by h steps, the rest pushed down as far."""
    h, up = 0.3, torch.zeros(5, dtype=torch.float64)
    up[3] = 0.3 * STEP
    sign = torch.where(ORDER % 2 == 0, 1.0, -1.0)[:, None]
    moved, strain = movement(circle(), circle() + sign * up, EDGES)
    assert float(moved) == pytest.approx(h)
    assert float(strain) == pytest.approx(2 * h)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_strain_is_blind_to_where_the_ring_lies_and_both_to_scale_and_names(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    noise = 0.2 * STEP * torch.randn(N, 5, dtype=torch.float64, generator=generator)
    before, after = circle(), circle() + noise
    moved, strain = movement(before, after, EDGES)
    there = after @ rotation(5, seed) + torch.randn(5, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(movement(before, there, EDGES)[1], strain, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(movement(scale * before, scale * after, EDGES)[0], moved, rtol=1e-6, atol=1e-9)
    named = torch.randperm(N, generator=generator)  # entity named[i] stands at place i
    places = torch.argsort(named)
    torch.testing.assert_close(
        torch.stack(movement(before[places], after[places], ring(named))), torch.stack([moved, strain])
    )


def test_float32_is_measured_precise_copy() -> None:
    before, after = circle().float(), (circle() + 0.1 * torch.randn(N, 5)).float()
    moved, strain = movement(before, after, EDGES)
    assert moved.dtype == strain.dtype == torch.float64
    torch.testing.assert_close(
        torch.stack(movement(before.double(), after.double(), EDGES)), torch.stack([moved, strain])
    )


def test_what_has_no_answer_is_nan_and_neighbours_that_coincide_are_passed_over() -> None:
    broken = circle()
    broken[3, 0] = math.inf
    assert all(math.isnan(float(value)) for value in movement(circle(), broken, EDGES))
    point = torch.zeros(N, 5, dtype=torch.float64)
    assert all(math.isnan(float(value)) for value in movement(point, circle(), EDGES))
    pair = circle()
    pair[1] = pair[0]
    assert float(movement(pair, pair + torch.eye(5)[2] * STEP, EDGES)[0]) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("other", [circle(32), circle()[0]])
def test_shapes_that_do_not_belong_together_are_refused(other: Tensor) -> None:
    with pytest.raises(ValueError, match="same shape"):
        movement(circle(), other, EDGES)
    with pytest.raises(ValueError, match="same shape"):
        movement(circle(), circle(), EDGES[:, 0])
