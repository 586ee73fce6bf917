"""Before against after: the libraries' values, cases worked out by hand, and entities that have traded names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness as trustworthiness_of_scikit_learn
from sklearn.neighbors import NearestNeighbors

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.shapes import COMPARISONS
from shatterscope.backend.shapes.changes import linear_cka, neighbor_overlap, trustworthiness


def cloud(n: int, d: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, d))


def test_cka_by_hand() -> None:
    """A square and the same square pressed to 1/2 along one axis: tr(K L) / (|K| |L|) with axes' variances (1, 1) and (1, 1/4)."""
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert linear_cka(square, square * [1, 0.5]).value == pytest.approx(1.25 / np.sqrt(2 * (1 + 1 / 16)))
    assert linear_cka(square, square[:, :1]).value == pytest.approx(1 / np.sqrt(2))


@given(seed=st.integers(0, 100), d=st.integers(1, 8), e=st.integers(1, 8))
@settings(deadline=None, max_examples=25)
def test_cka_is_the_alignment_of_centred_kernels_and_its_chance_follows_from_their_traces(
    seed: int, d: int, e: int
) -> None:
    x, y = cloud(40, d, seed), cloud(40, e, seed + 1)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    k, m = x @ x.T, y @ y.T
    size = np.linalg.norm(k) * np.linalg.norm(m)
    found = linear_cka(x, y)
    assert found.value == pytest.approx(np.sum(k * m) / size)
    assert found.chance == pytest.approx(np.trace(k) * np.trace(m) / 39 / size, rel=0.5)


def test_overlap_by_hand() -> None:
    """Three points on a line; the last one jumps over the others: 0 had 1 next to it and still has, 1 had 0, 2 had 1."""
    before, after = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [1.0], [-0.5]])
    assert neighbor_overlap(before, after, k=1).value == pytest.approx(1 / 3)
    assert neighbor_overlap(before, after, k=5).value == 1


@given(seed=st.integers(0, 100), k=st.integers(1, 10))
@settings(deadline=None, max_examples=25)
def test_overlap_is_that_of_scikit_learns_neighbors(seed: int, k: int) -> None:
    x, y = cloud(40, 3, seed), cloud(40, 5, seed + 1)
    near = [NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False) for points in (x, y)]
    wanted = np.mean([len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)])
    found = neighbor_overlap(x, y, k)
    assert found.value == pytest.approx(wanted)
    assert found.chance == pytest.approx(k / 39, abs=0.03)


@given(seed=st.integers(0, 100), k=st.integers(1, 19))
@settings(deadline=None, max_examples=25)
def test_trustworthiness_is_scikit_learns_and_its_chance_that_of_random_ranks(seed: int, k: int) -> None:
    n = 40
    x, y = cloud(n, 3, seed), cloud(n, 2, seed + 1)
    found = trustworthiness(x, y, k)
    assert found.value == pytest.approx(trustworthiness_of_scikit_learn(x, y, n_neighbors=k))
    assert found.chance == pytest.approx(1 - (n - 1 - k) * (n - k) / ((n - 1) * (2 * n - 3 * k - 1)), abs=0.05)


@pytest.mark.parametrize("name", sorted(COMPARISONS))
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 0.3, 4e5]))
@settings(deadline=None, max_examples=15)
def test_turned_shifted_and_scaled_all_is_as_before(name: str, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    points = cloud(60, 4, seed)
    turn = np.linalg.qr(random.standard_normal((4, 4)))[0]
    turn[:, 0] *= random.choice([-1, 1])
    found = COMPARISONS[name].measure(points, scale * (points @ turn + random.standard_normal(4)))
    assert found.value == pytest.approx(1)
    assert found.beats_chance


@pytest.mark.parametrize("name", sorted(COMPARISONS))
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=15)
def test_names_traded_at_random_leave_chance(name: str, seed: int) -> None:
    points = cloud(80, 4)
    found = COMPARISONS[name].measure(points, points[np.random.default_rng(seed).permutation(80)])
    assert abs(found.value - found.chance) < 4 * (found.chance_95 - found.chance)


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_the_more_noise_the_less_is_left(name: str) -> None:
    points, noise = cloud(100, 3), cloud(100, 3, 1)
    values = [COMPARISONS[name].measure(points, points + share * noise).value for share in (0, 0.1, 0.5, 2)]
    assert values == sorted(values, reverse=True)
    assert COMPARISONS[name].title
    assert COMPARISONS[name].sentence.endswith(".")


def test_bad_input_is_named() -> None:
    for each in COMPARISONS.values():
        with pytest.raises(ValueError, match="as many points, got 30 and 29"):
            each.measure(cloud(30, 2), cloud(29, 2))
        with pytest.raises(ValueError, match="after has NaN"):
            each.measure(cloud(30, 2), np.full((30, 2), np.nan))
    with pytest.raises(ValueError, match="k must be at least 1"):
        neighbor_overlap(cloud(30, 2), cloud(30, 2), k=0)
    with pytest.raises(ValueError, match="below half of the 20 points"):
        trustworthiness(cloud(20, 2), cloud(20, 2))
    assert linear_cka(np.ones((5, 2)), cloud(5, 2)).value == 0
