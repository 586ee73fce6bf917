"""The verdict on a picture: figures that everybody would name, in two and three dimensions, few and many points, clean and noisy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.shapes import gap_by_chance, shape
from shatterscope.backend.shapes.loops import loops

SIZES = (48, 256, 2048)


def turn(n: int) -> FloatArray:
    return 2 * np.pi * np.arange(n) / n


def ellipse(short: float) -> Callable[[int], FloatArray]:
    return lambda n: np.column_stack([np.cos(turn(n)), short * np.sin(turn(n))])


def arc(share: float) -> Callable[[int], FloatArray]:
    return lambda n: np.column_stack([np.cos(share * turn(n)), np.sin(share * turn(n))])


def figure_eight(n: int) -> FloatArray:
    return np.column_stack([np.sin(turn(n)), np.sin(2 * turn(n))])


def trefoil(n: int) -> FloatArray:
    t = turn(n)
    return np.column_stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)])


def winds(times: int) -> Callable[[int], FloatArray]:
    """Round a torus, through the hole `times` by `times + 1`."""

    def curve(n: int) -> FloatArray:
        t = turn(n)
        around = 1 + 0.4 * np.cos((times + 1) * t)
        return np.column_stack([around * np.cos(times * t), around * np.sin(times * t), 0.4 * np.sin((times + 1) * t)])

    return curve


def two_circles(n: int) -> FloatArray:
    first = np.arange(n) < n // 2
    t = 2 * turn(n)
    return np.column_stack([np.cos(t) + np.where(first, 0, 3.5), np.sin(t)])


def saddle(n: int) -> FloatArray:
    """A circle as Isomap draws it in three dimensions."""
    return np.column_stack([np.cos(turn(n)), np.sin(turn(n)), 0.3 * np.cos(2 * turn(n))])


def with_stub(n: int) -> FloatArray:
    """A circle of which a twelfth has closed up into a stub."""
    points, m = ellipse(1)(n), n // 12
    points[:m] = np.column_stack([1.2 - 0.4 * np.abs(np.arange(m) / m - 0.5), np.zeros(m)])
    return points


def peanut(n: int) -> FloatArray:
    return ellipse(1)(n) * (1 + 0.3 * np.cos(2 * turn(n)))[:, None]


def stick(n: int) -> FloatArray:
    """There and back on the same way."""
    return np.column_stack([np.abs(np.linspace(-1, 1, n, endpoint=False)), np.zeros(n)])


def horseshoe(n: int) -> FloatArray:
    """A stick bent into half a circle."""
    t = np.pi * np.abs(np.linspace(-1, 1, n, endpoint=False))
    return np.column_stack([np.cos(t), np.sin(t)])


FIGURES: dict[str, tuple[str, Callable[[int], FloatArray]]] = {
    "circle": ("ring", ellipse(1)),
    "ellipse 4:3": ("ring", ellipse(0.75)),
    "ellipse 2:1": ("ring", ellipse(0.5)),
    "saddle": ("ring", saddle),
    "with a stub": ("ring", with_stub),
    "peanut": ("ring", peanut),
    "ellipse 20:1": ("line", ellipse(0.05)),
    "stick": ("line", stick),
    "horseshoe": ("line", horseshoe),
    "quarter of a circle": ("line", arc(0.25)),
    "half a circle": ("line", arc(0.5)),
    "two thirds of a circle": ("line", arc(2 / 3)),
    "figure eight": ("knot", figure_eight),
    "trefoil": ("knot", trefoil),
    "winds twice": ("knot", winds(2)),
    "winds five times": ("knot", winds(5)),
    "two circles": ("pieces", two_circles),
}


def drawn(figure: FloatArray, dimensions: int, noise: float, seed: int = 0) -> FloatArray:
    """The figure in so many dimensions, turned anyhow, with normal noise: a share of its root mean square radius."""
    random = np.random.default_rng(seed)
    centered = figure - figure.mean(axis=0)
    radius = np.sqrt(np.square(centered).sum(axis=1).mean())
    flat = np.pad(centered / radius, ((0, 0), (0, max(0, dimensions - figure.shape[1]))))
    turned = flat @ np.linalg.qr(random.standard_normal((flat.shape[1], flat.shape[1])))[0]
    return turned + noise * random.standard_normal(turned.shape)


@pytest.mark.parametrize("noise", [0, 0.01, 0.03])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_called_what_a_person_calls_it(name: str, n: int, noise: float) -> None:
    verdict, figure = FIGURES[name]
    points = figure(n)
    for dimensions in {points.shape[1], 3}:
        found = shape(drawn(points, dimensions, noise), np.arange(n), chance=0.6)
        assert found.verdict == verdict, (dimensions, found)


def test_noise_has_no_clear_shape_and_a_circle_in_no_order_neither() -> None:
    random = np.random.default_rng(0)
    for n in SIZES:
        for dimensions in (2, 3):
            found = shape(random.standard_normal((n, dimensions)), np.arange(n))
            assert found.verdict == "none"
            assert found.step == pytest.approx(1, abs=0.15)
        assert shape(ellipse(1)(n), random.permutation(n), chance=0.6).verdict == "none"


def test_the_winding_number_alone_is_no_verdict() -> None:
    """Many orders of a cloud that is no ring go round once."""
    random = np.random.default_rng(0)
    cloud = random.standard_normal((64, 3))
    found = [shape(cloud, random.permutation(64), chance=0.6) for _ in range(40)]
    assert sum(abs(each.winding) == 1 for each in found) >= 6
    assert {each.verdict for each in found} == {"none"}


def test_a_ring_with_a_point_astray_is_a_ring() -> None:
    """What GRACE does."""
    points = np.pad(ellipse(1)(256), ((0, 0), (0, 1)))
    points[17] = [0.2, 0.1, 0.9]
    assert shape(points, np.arange(256)).verdict == "ring"


def test_what_its_graph_says_is_in_pieces_is_no_ring() -> None:
    found = shape(ellipse(1)(256), np.arange(256), pieces=2)
    assert (found.verdict, found.pieces) == ("pieces", 2)
    assert shape(two_circles(256), np.arange(256), pieces=1).pieces == 2


def test_points_all_alike_are_a_point_and_a_few_are_nothing() -> None:
    for dimensions in (2, 3):
        assert shape(np.zeros((64, dimensions)), np.arange(64)).verdict == "point"
        assert shape(np.full((64, dimensions), 0.1), np.arange(64)).verdict == "point"
    assert shape(ellipse(1)(5), np.arange(5)).verdict == "none"


def test_a_circle_has_one_loop_of_known_size() -> None:
    """The hole of a circle is filled at sqrt 3 of its radius (Adamaszek & Adams 2017), and opened by the distance of two points."""
    found = loops(ellipse(1)(48))
    assert found.size == pytest.approx(2)
    assert found.born == pytest.approx(np.sin(np.pi / 48))
    assert found.born + found.lives == pytest.approx(np.sqrt(3) / 2, abs=0.01)
    assert (found.gap, found.path, found.pieces) == (1, pytest.approx(1), 1)


def test_a_shapeless_cloud_has_a_gap_too_but_seldom_a_large_one() -> None:
    chance = gap_by_chance(256, 3)
    assert chance == gap_by_chance(2048, 3), "of as many landmarks, whatever the number of points"
    random = np.random.default_rng(1)
    larger = [loops(random.standard_normal((64, 3))).gap > chance for _ in range(60)]
    assert 0 < chance < 1
    assert sum(larger) <= 9, "about one in twenty"


@given(
    name=st.sampled_from(sorted(FIGURES)), seed=st.integers(0, 1000), start=st.integers(0, 199), mirrored=st.booleans(),
    scale=st.sampled_from([1e-6, 0.3, 1.0, 4e5]),
)  # fmt: skip
@settings(deadline=None, max_examples=30)
def test_turned_mirrored_shifted_and_scaled_it_is_the_same(
    name: str, seed: int, start: int, mirrored: bool, scale: float
) -> None:
    """And wherever the ring starts, whichever way it is counted, and whatever the entities are called."""
    verdict, figure = FIGURES[name]
    points = drawn(figure(200), 3, 0.01)
    random = np.random.default_rng(seed)
    turned = (points @ np.linalg.qr(random.standard_normal((3, 3)))[0] + random.standard_normal(3)) * scale
    positions = (np.arange(200) * (-1 if mirrored else 1) + start) % 200
    named = random.permutation(200)
    found, was = shape(turned[named], positions[named], chance=0.6), shape(points, np.arange(200), chance=0.6)
    assert (found.verdict, found.pieces) == (verdict, was.pieces)
    assert found.roundness == pytest.approx(was.roundness, rel=1e-6)
    assert found.step == pytest.approx(was.step, rel=0.05)


def test_bad_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="two coordinates"):
        shape(np.arange(9.0)[:, None], np.arange(9))
    with pytest.raises(ValueError, match="permutation"):
        shape(ellipse(1)(9), [0] * 9)
    with pytest.raises(ValueError, match="NaN"):
        shape(np.full((9, 2), np.nan), np.arange(9))
