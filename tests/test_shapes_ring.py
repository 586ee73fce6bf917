"""Ring measures, on figures whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.shapes import ring_neighbor_share, winding_number


def turns(n: int, times: int) -> FloatArray:
    """n points going `times` round the circle; a little off each other where turns overlap."""
    angle = 2 * np.pi * times * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("times", [1, -1, 2, 5, 0])
def test_winding_counts_the_turns(times: int) -> None:
    positions = np.random.default_rng(0).permutation(97)
    figure = turns(97, times)[positions] + [3.0, -2.0]
    assert winding_number(figure, positions) == times


def test_a_third_coordinate_changes_no_winding() -> None:
    figure = np.column_stack([turns(50, 1), np.random.default_rng(0).standard_normal(50)])
    assert winding_number(figure, np.arange(50)) == 1


def test_an_arc_gone_there_and_back_does_not_turn() -> None:
    angle = np.concatenate([np.linspace(-1, 1, 50), np.linspace(1, -1, 50)])
    radius = np.repeat([1.0, 0.95], 50)
    arc = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    assert winding_number(arc, np.arange(100)) == 0


def test_a_ring_has_its_ring_neighbors() -> None:
    positions = np.random.default_rng(0).permutation(64)
    figure = turns(64, 1)[positions]
    assert ring_neighbor_share(figure, positions) == 1
    assert ring_neighbor_share(figure, positions, k=4, within=2) == 1
    assert ring_neighbor_share(figure, positions, k=4, within=1) == 0.5


def test_a_shuffled_ring_has_none_to_speak_of() -> None:
    rng = np.random.default_rng(0)
    share = ring_neighbor_share(turns(2000, 1), rng.permutation(2000))
    assert share < 0.02


@given(n=st.integers(2, 30), k=st.integers(1, 40), within=st.integers(0, 20), seed=st.integers(0, 1000))
def test_shares_are_fractions(n: int, k: int, within: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert 0 <= ring_neighbor_share(rng.standard_normal((n, 3)), rng.permutation(n), k, within) <= 1


@pytest.mark.parametrize("n", [2, 3, 40])
def test_points_all_alike_have_numbers_too(n: int) -> None:
    alike, positions = np.ones((n, 2)), np.arange(n)
    assert winding_number(alike, positions) == 0
    assert 0 <= ring_neighbor_share(alike, positions) <= 1


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"permutation of 0\.\.4"):
        winding_number(turns(5, 1), [0, 1, 2, 3, 3])
    with pytest.raises(ValueError, match="two coordinates"):
        winding_number(np.arange(5.0)[:, None], np.arange(5))
    with pytest.raises(ValueError, match="k must be at least 1"):
        ring_neighbor_share(turns(5, 1), np.arange(5), k=0)
    with pytest.raises(ValueError, match="NaN or infinite"):
        ring_neighbor_share(np.full((5, 2), np.nan), np.arange(5))
