"""Pictures before and after."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from sklearn.decomposition import PCA

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.geometry.pca import fit_pca
from shatterscope.backend.geometry.residual import KeptDistances
from shatterscope.backend.pictures import METHODS, Align, Diagnostics, compare, fit, picture, project
from shatterscope.backend.shapes import layout
from shatterscope.wire.pictures import DiagnosticsInfo

ALIGNMENTS: tuple[Align, ...] = ("none", "procrustes", "shared")
N = 240
POSITIONS = np.random.default_rng(3).permutation(N)


def ring(size: float = 1.0, noise: float = 0.0, seed: int = 0) -> FloatArray:
    """A circle in 6 dimensions, entity i at ring position POSITIONS[i]."""
    angle = 2 * np.pi * POSITIONS / N
    rng = np.random.default_rng(seed)
    points = np.zeros((N, 6))
    points[:, 0], points[:, 1] = np.cos(angle), np.sin(angle)
    return size * points + noise * rng.standard_normal((N, 6))


def shattered() -> FloatArray:
    """A third of the circle's points thrown about."""
    points = ring()
    rng = np.random.default_rng(1)
    points[:80] += rng.standard_normal((80, 6))
    return points


def test_diagnostics_are_those_of_the_wire() -> None:
    assert [field.name for field in fields(Diagnostics)] == list(DiagnosticsInfo.model_fields)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("align", ALIGNMENTS)
def test_no_edit_gives_identical_pictures(method: str, dimensions: int, align: Align) -> None:
    points = ring(noise=0.01)
    picture = project(points, points.copy(), POSITIONS, method=method, dimensions=dimensions, align=align)
    assert picture.before.shape == (N, dimensions)
    assert picture.before.dtype == np.float32
    np.testing.assert_array_equal(picture.before, picture.after)
    assert picture.diagnostics_before == picture.diagnostics_after


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("align", ALIGNMENTS)
def test_a_ring_is_a_ring_and_a_shattered_one_is_not(method: str, align: Align) -> None:
    picture = project(ring(noise=1e-3), shattered(), POSITIONS, method=method, align=align)
    before, after = picture.diagnostics_before, picture.diagnostics_after
    assert abs(before.winding) == 1
    assert before.shape.verdict == "ring"
    assert after.shape.verdict == ("pieces" if method == "isomap" else "none")
    assert before.ring_neighbor_share > 0.95
    assert after.ring_neighbor_share < 0.8
    assert before.residual_variance < 0.05
    assert np.isfinite(picture.after).all()


def test_the_same_number_of_neighbors_serves_before_and_after() -> None:
    picture = project(ring(noise=1e-3), shattered(), POSITIONS)
    assert picture.diagnostics_before.n_neighbors == picture.diagnostics_after.n_neighbors
    assert picture.diagnostics_before.graph_components == 1
    assert picture.diagnostics_after.graph_components is not None
    assert picture.diagnostics_after.graph_components > 1


def test_pca_has_no_neighbors() -> None:
    diagnostics = project(ring(), shattered(), POSITIONS, method="pca").diagnostics_after
    assert diagnostics.n_neighbors is None
    assert diagnostics.graph_components is None


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_serves_many_edits(method: str) -> None:
    before = fit(ring(noise=0.01), POSITIONS, method=method)
    for after in (shattered(), ring(noise=0.01, seed=5)):
        once = project(ring(noise=0.01), after, POSITIONS, method=method)
        np.testing.assert_array_equal(compare(before, after).after, once.after)


@pytest.mark.parametrize("method", METHODS)
def test_procrustes_lays_a_turned_figure_onto_itself_at_its_own_size(method: str) -> None:
    points = ring(noise=0.01)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    turned = project(points, points @ turn + 5, POSITIONS, method=method, dimensions=2)
    np.testing.assert_allclose(turned.after, turned.before, atol=0.02)
    grown = project(points, 2 * points, POSITIONS, method=method, dimensions=2)
    np.testing.assert_allclose(grown.after, 2 * grown.before, atol=0.02)


def test_shared_pca_freezes_the_axes() -> None:
    picture = project(ring(noise=0.01), shattered(), POSITIONS, method="pca", align="shared")
    expected = fit_pca(ring(noise=0.01), 3).transform(shattered())
    np.testing.assert_allclose(picture.after, expected, rtol=1e-6)
    # Entities the edit did not touch stay put but for the noise.
    assert np.abs(picture.after[80:] - picture.before[80:]).max() < 0.1


def test_shared_isomap_moves_only_what_moved() -> None:
    points = ring(noise=1e-3)
    after = points.copy()
    far = np.flatnonzero(POSITIONS == 120)[0]
    near = np.flatnonzero(POSITIONS == 0)[0]
    after[near] = points[far]
    picture = project(points, after, POSITIONS, dimensions=2, align="shared")
    np.testing.assert_allclose(picture.after[near], picture.before[far], atol=1e-3)
    others = np.arange(N) != near
    np.testing.assert_allclose(picture.after[others], picture.before[others], atol=1e-3)


def test_whether_it_is_the_others_that_changed_is_told() -> None:
    """An oval whose one point in the middle ties both long sides together; and one of which all points have moved."""
    oval = ring() * np.array([1, 0.5, 1, 1, 1, 1])
    pinched = oval.copy()
    pinched[5] = 0
    found = project(oval, pinched, POSITIONS, dimensions=2, n_neighbors=3)
    assert found.diagnostics_before.shape.verdict == "ring"
    assert found.diagnostics_after.shape.verdict != "ring"
    assert found.unmoved is not None
    assert (found.unmoved.moved, found.unmoved.shape.verdict) == (1, "ring")
    assert project(oval, oval * 1.01, POSITIONS).unmoved is None, "still a ring"
    assert project(oval, shattered(), POSITIONS).unmoved is None, "a third of them moved"


def test_pca_agrees_with_scikit_learn() -> None:
    points = np.random.default_rng(0).standard_normal((100, 6)) * np.arange(1, 7)
    ours, theirs = fit_pca(points, 3), PCA(3).fit(points)
    signs = np.sign((ours.embedding * theirs.transform(points)).sum(axis=0))
    np.testing.assert_allclose(ours.embedding * signs, theirs.transform(points), atol=1e-9)
    np.testing.assert_allclose(ours.transform(points[:7]), ours.embedding[:7], atol=1e-9)
    assert (ours.embedding[np.abs(ours.embedding).argmax(axis=0), range(3)] > 0).all()


def test_residual_variance_is_what_the_picture_misses() -> None:
    points = np.random.default_rng(0).standard_normal((50, 3))
    assert fit_pca(points, 3).residual_variance == pytest.approx(0, abs=1e-9)
    assert 0.05 < fit_pca(points, 2).residual_variance < 0.9
    one_place = KeptDistances(np.array([0]), np.array([[0, 1, 2]], dtype=np.float32))
    assert one_place.residual_variance(np.zeros((3, 2))) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("n", [2, 3, 5])
def test_tiny_worlds_and_collapsed_ones_are_drawn(method: str, align: Align, n: int) -> None:
    points = np.random.default_rng(0).standard_normal((n, 4))
    for after in (np.zeros((n, 4)), 1e12 * points):
        picture = project(points, after, np.arange(n), method=method, align=align)
        assert picture.after.shape == (n, 3)
        assert np.isfinite(picture.after).all()
        assert 0 <= picture.diagnostics_after.residual_variance <= 1


def test_bad_input_is_named() -> None:
    before = fit(ring(), POSITIONS)
    with pytest.raises(ValueError, match="after has NaN or infinite"):
        compare(before, np.full((N, 6), np.nan))
    with pytest.raises(ValueError, match="shape of before"):
        compare(before, np.zeros((N, 5)))
    with pytest.raises(ValueError, match="align must be one of none, procrustes, shared"):
        compare(before, ring(), align="scaled")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="method must be one of isomap, pca"):
        fit(ring(), POSITIONS, method="tsne")
    with pytest.raises(ValueError, match="dimensions must be 2 or 3"):
        fit(ring(), POSITIONS, dimensions=4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_picture_stands_as_its_world_does(method: str, dimensions: int) -> None:
    """A board that lies askew in 6 dimensions is drawn with its own columns rightward and its own rows upward; so are edited points, however aligned."""
    cells = np.array([(x, y) for x in range(8) for y in range(5)])
    axes = np.linalg.qr(np.random.default_rng(5).standard_normal((6, 6)))[0][:2]
    board = cells @ axes
    before = fit(board, np.arange(40), method=method, dimensions=dimensions, belongs=("grid", layout.grid(cells)))
    moved = board.copy()
    moved[0] += 0.1
    for shown in (before.map.embedding, *(compare(before, moved, align=align).after for align in ALIGNMENTS)):
        assert np.corrcoef(shown[:, 0], cells[:, 0])[0, 1] > 0.95
        assert np.corrcoef(shown[:, 1], cells[:, 1])[0, 1] > 0.95
    np.testing.assert_allclose(before.map.transform(board), before.map.embedding, atol=1e-6)
    for align in ALIGNMENTS:
        np.testing.assert_array_equal(picture(before, moved, align=align), compare(before, moved, align=align).after)
