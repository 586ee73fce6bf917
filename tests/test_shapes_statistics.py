"""Statistics of shape: cases worked out by hand, the libraries' values, and what shuffled labels make of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import silhouette_score

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.shapes import STATISTICS, Kind, Layout, Measured, for_kind, layout, ring_neighbor_share
from shatterscope.backend.shapes.branches import silhouette
from shatterscope.backend.shapes.chance import SAMPLE, measured, sample, shuffles
from shatterscope.backend.shapes.distances import order_correlation, rank_correlation
from shatterscope.backend.shapes.fits import fourier_share, probe, procrustes_share
from shatterscope.backend.shapes.layout import Steps
from shatterscope.backend.shapes.loops import loop_gap
from shatterscope.backend.shapes.neighborhoods import neighbor_share


def circle(n: int, turns: int = 1) -> FloatArray:
    angle = 2 * np.pi * turns * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def cloud(n: int, d: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, d))


def steps_of(known: Layout) -> Steps:
    assert known.steps is not None
    return known.steps


# --- chance ----------------------------------------------------------------------------------------------------------


def test_chance_is_the_mean_and_the_quantile_of_the_shuffles() -> None:
    found = measured(0.9, np.arange(99) / 99)
    assert (found.value, found.chance) == (0.9, pytest.approx(49 / 99))
    assert found.chance_95 == pytest.approx(94 / 99), "four of 99 are above: with the value itself, five in a hundred"
    assert found.beats_chance is False
    assert found.lift == pytest.approx((0.9 - 49 / 99) / (1 - 49 / 99))


def test_where_chance_is_perfect_nothing_is_gained() -> None:
    assert measured(1, [1, 1, 1]).lift == 0
    assert not measured(1, [1, 1, 1]).beats_chance


def test_shuffles_are_permutations_and_always_the_same() -> None:
    assert shuffles(7).shape == (99, 7)
    assert (np.sort(shuffles(7), axis=1) == np.arange(7)).all()
    assert not (shuffles(7)[0] == shuffles(7)[1]).all()
    with pytest.raises(ValueError, match="read-only"):
        shuffles(7)[0, 0] = 3


def test_a_sample_is_of_different_points() -> None:
    np.testing.assert_array_equal(sample(9), np.arange(9))
    assert len(np.unique(sample(4 * SAMPLE))) == SAMPLE


# --- neighbours ------------------------------------------------------------------------------------------------------


def test_neighbors_by_hand() -> None:
    """Points 0 1 3 on a line, of a graph that joins 0 and 2 alone: only the outer two are one step apart, and no nearest neighbour is that."""
    apart = np.array([[0, 9, 1], [9, 0, 9], [1, 9, 0]])
    steps = steps_of(layout.graph(apart))
    points = np.array([[0.0], [1.0], [3.0]])
    assert neighbor_share(points, steps, k=1, within=1).value == 0
    assert neighbor_share(points, steps, k=2, within=1).value == pytest.approx(1 / 3)
    assert neighbor_share(points, steps, k=9, within=9).value == 1


@given(n=st.integers(3, 60), k=st.integers(1, 5), within=st.integers(1, 4), seed=st.integers(0, 100))
@settings(deadline=None)
def test_on_a_ring_it_is_the_share_of_ring_neighbors(n: int, k: int, within: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(n)
    points = cloud(n, 3, seed)
    ring = layout.ring(order)
    steps = steps_of(ring)
    every = np.arange(n)
    as_matrix = steps_of(layout.graph(steps(every[:, None], every[None])))
    wanted = ring_neighbor_share(points, order, k, within)
    assert neighbor_share(points, steps, k, within).value == wanted
    assert neighbor_share(points, as_matrix, k, within).value == wanted


def test_neighbors_by_chance_are_as_frequent_as_near_pairs() -> None:
    found = neighbor_share(circle(200), steps_of(layout.ring(np.arange(200))))
    assert found.chance == pytest.approx(4 / 199, abs=0.003)


# --- distances -------------------------------------------------------------------------------------------------------


def test_on_a_line_distances_are_those_of_the_chain() -> None:
    assert rank_correlation(np.arange(20.0)[:, None], steps_of(layout.chain(np.arange(20)))).value == pytest.approx(1)


def test_a_star_whose_edges_stand_square_keeps_all_distances() -> None:
    """Centre and five leaves: the leaves are sqrt 2 apart, and two steps."""
    apart = np.full((6, 6), 2) - 2 * np.eye(6, dtype=int)
    apart[0, 1:] = apart[1:, 0] = 1
    points = np.vstack([np.zeros(5), np.eye(5)])
    assert rank_correlation(points, steps_of(layout.graph(apart))).value == pytest.approx(1)


def test_the_rank_correlation_is_spearmans() -> None:
    points, steps = cloud(40, 3), steps_of(layout.ring(np.arange(40)))
    wanted = spearmanr(pdist(points), steps(*np.triu_indices(40, 1))).statistic
    assert rank_correlation(points, steps).value == pytest.approx(wanted)


def test_of_many_points_a_sample_tells_the_same() -> None:
    n = 1500
    noisy = circle(n) + 0.5 * cloud(n, 2)
    steps = steps_of(layout.ring(np.arange(n)))
    wanted = spearmanr(pdist(noisy), steps(*np.triu_indices(n, 1))).statistic
    assert rank_correlation(noisy, steps).value == pytest.approx(wanted, abs=0.02)


def test_a_bent_chain_keeps_its_order_and_a_closed_one_has_none() -> None:
    along = np.linspace(0, 1, 60)
    spiral = np.column_stack([(1 + along) * np.cos(9 * along), (1 + along) * np.sin(9 * along)])
    order = np.arange(60)
    assert order_correlation(spiral, order).value == pytest.approx(1)
    assert order_correlation(spiral, order[::-1]).value == pytest.approx(1), "from whichever end"
    assert abs(np.corrcoef(spiral[:, 0], order)[0, 1]) < 0.5, "an axis would not tell"
    assert not order_correlation(circle(60), order).beats_chance


# --- branches --------------------------------------------------------------------------------------------------------


def test_the_silhouette_by_hand() -> None:
    """Two pairs, 1 apart, 10 between: a = 1 for all, b = 10.5 for the outer two and 9.5 for the inner."""
    found = silhouette(np.array([[0.0], [1.0], [10.0], [11.0]]), [7, 7, -2, -2])
    assert found.value == pytest.approx((9.5 / 10.5 + 8.5 / 9.5) / 2)


@given(seed=st.integers(0, 100), groups=st.integers(2, 9))
@settings(deadline=None, max_examples=25)
def test_the_silhouette_is_scikit_learns(seed: int, groups: int) -> None:
    points, labels = cloud(50, 4, seed), np.random.default_rng(seed).integers(0, groups, 50)
    assert silhouette(points, labels).value == pytest.approx(silhouette_score(points, labels), abs=1e-5)


# --- fits ------------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 100), d=st.integers(1, 9))
@settings(deadline=None, max_examples=25)
def test_the_probe_is_a_regression_and_its_chance_is_one_in_n_a_column(seed: int, d: int) -> None:
    points, wanted = cloud(40, d, seed), circle(40)
    found = probe(points, wanted)
    assert found.value == pytest.approx(LinearRegression().fit(points, wanted).score(points, wanted))
    assert found.chance == pytest.approx(d / 39, abs=0.03)


def test_the_probe_reads_a_circle_through_any_linear_map() -> None:
    assert probe(circle(50) @ cloud(2, 7), circle(50)).value == pytest.approx(1)
    assert probe(cloud(12, 24), circle(12)) == Measured(pytest.approx(1), pytest.approx(1), pytest.approx(1)), (
        "chance tells"
    )


@pytest.mark.parametrize(("turns", "wanted"), [(1, 1), (4, 1), (5, 0)])
def test_waves_of_up_to_four_turns_are_smooth(turns: int, wanted: float) -> None:
    assert fourier_share(circle(100, turns), np.arange(100)).value == pytest.approx(wanted, abs=1e-9)


def test_the_fourier_share_is_that_of_the_transform() -> None:
    points, order = cloud(101, 5), np.random.default_rng(3).permutation(101)
    power = np.square(np.abs(np.fft.fft(points[np.argsort(order)], axis=0))).sum(axis=1)
    found = fourier_share(points, order)
    assert found.value == pytest.approx(2 * power[1:5].sum() / power[1:].sum())
    assert found.chance == pytest.approx(8 / 100, abs=0.01)


@given(seed=st.integers(0, 100), d=st.integers(2, 5))
@settings(deadline=None, max_examples=25)
def test_the_procrustes_share_is_scipys(seed: int, d: int) -> None:
    points, wanted = cloud(30, d, seed), circle(30)
    padded = np.pad(wanted, ((0, 0), (0, d - 2)))
    assert procrustes_share(points, wanted).value == pytest.approx(1 - procrustes(padded, points)[2])


def test_a_stretched_layout_fits_less_and_can_still_be_read_off() -> None:
    stretched = circle(40) * [1, 0.25]
    assert procrustes_share(stretched, circle(40)).value == pytest.approx(1.25**2 / 2 / (1 + 0.25**2))
    assert probe(stretched, circle(40)).value == pytest.approx(1)


# --- loops -----------------------------------------------------------------------------------------------------------


def torus_points(width: int, height: int) -> FloatArray:
    return np.hstack([np.repeat(circle(width), height, axis=0), np.tile(circle(height), (width, 1))])


def test_a_circle_has_one_loop_and_a_torus_two() -> None:
    torus = torus_points(20, 20)
    assert loop_gap(circle(60)).value == 1
    assert loop_gap(circle(60), classes=2).value == 0
    assert loop_gap(torus).value < 0.1, "both are alike"
    assert loop_gap(torus, classes=2).value > 0.5
    assert loop_gap(torus, classes=2).beats_chance
    assert loop_gap(cloud(3, 2)).value == 0


def test_a_speck_behind_one_loop_is_no_second_one() -> None:
    dented = circle(60)
    dented[::2] *= 1.01
    assert loop_gap(dented, classes=2).value < 0.05


# --- all of them -----------------------------------------------------------------------------------------------------

CELLS = np.array([(i, j) for i in range(8) for j in range(8)])
EXAMPLES: dict[Kind, tuple[Callable[[], FloatArray], Layout]] = {
    "ring": (lambda: circle(64), layout.ring(np.arange(64))),
    "chain": (lambda: np.linspace([0, 0], [1, 2], 64), layout.chain(np.arange(64))),
    "grid": (lambda: CELLS.astype(float), layout.grid(CELLS)),
    "torus": (lambda: torus_points(8, 8), layout.torus(CELLS, 8, 8)),
    "clusters": (
        lambda: np.repeat(5 * cloud(4, 3), 16, axis=0) + 0.1 * cloud(64, 3),
        layout.clusters(np.arange(64) // 16),
    ),
}


@given(kind=st.sampled_from(sorted(EXAMPLES)), seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 0.3, 4e5]))
@settings(deadline=None, max_examples=40)
def test_turned_mirrored_shifted_and_scaled_they_are_the_same(kind: Kind, seed: int, scale: float) -> None:
    figure, known = EXAMPLES[kind]
    random = np.random.default_rng(seed)
    points = figure() + 0.02 * random.standard_normal(figure().shape)
    d = points.shape[1]
    turn = np.linalg.qr(random.standard_normal((d, d)))[0]
    turn[:, 0] *= random.choice([-1, 1])
    moved = (points @ turn + random.standard_normal(d)) * scale
    for name in for_kind(kind):
        was, found = STATISTICS[name].measure(points, known), STATISTICS[name].measure(moved, known)
        assert found.value == pytest.approx(was.value, abs=1e-3), name
        assert found.chance_95 == pytest.approx(was.chance_95, abs=1e-3), name


@given(kind=st.sampled_from(sorted(EXAMPLES)), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_shuffled_labels_bring_each_to_its_chance(kind: Kind, seed: int) -> None:
    figure, known = EXAMPLES[kind]
    shuffled = figure()[np.random.default_rng(seed).permutation(64)]
    for name in for_kind(kind):
        if not STATISTICS[name].needs:
            continue  # no label takes part
        found, clean = STATISTICS[name].measure(shuffled, known), STATISTICS[name].measure(figure(), known)
        assert clean.beats_chance, name
        assert clean.lift > 0.85, name
        spread = found.chance_95 - found.chance
        assert abs(found.value - found.chance) < 4 * spread, name


def test_every_statistic_fits_some_kind_and_says_what_it_is() -> None:
    kinds: tuple[Kind, ...] = ("ring", "chain", "tree", "grid", "torus", "clusters", "graph")
    assert {name for kind in kinds for name in for_kind(kind)} == set(STATISTICS)
    for each in STATISTICS.values():
        assert each.title
        assert each.sentence.endswith(".")


def test_what_a_layout_lacks_is_named() -> None:
    bare = layout.clusters(np.arange(64) // 16)
    for name, each in STATISTICS.items():
        for need in each.needs:
            if need != "branches":
                with pytest.raises(ValueError, match=f"the layout has no {need}"):
                    STATISTICS[name].measure(circle(64), bare)
    with pytest.raises(ValueError, match="kind must be one of ring, chain"):
        for_kind("blob")  # type: ignore[arg-type]


def test_bad_input_is_named() -> None:
    steps = steps_of(layout.ring(np.arange(5)))
    with pytest.raises(ValueError, match="k must be at least 1"):
        neighbor_share(circle(5), steps, k=0)
    with pytest.raises(ValueError, match="NaN or infinite"):
        rank_correlation(np.full((5, 2), np.nan), steps)
    with pytest.raises(ValueError, match="permutation"):
        order_correlation(circle(5), [0, 1, 2, 3, 3])
    with pytest.raises(ValueError, match="permutation"):
        fourier_share(circle(5), [0, 1])
    with pytest.raises(ValueError, match="two different values"):
        silhouette(circle(5), [1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="one entry for each"):
        silhouette(circle(5), [1, 2])
    with pytest.raises(ValueError, match="a row for each of 5"):
        probe(circle(5), circle(4))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_points_all_alike_have_numbers_too(kind: Kind) -> None:
    for name in for_kind(kind):
        found = STATISTICS[name].measure(np.ones((64, 3)), EXAMPLES[kind][1])
        assert np.isfinite([found.value, found.chance, found.chance_95]).all(), name
