"""Procrustes alignment undoes what it may, and only that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.geometry.alignment import procrustes


@given(seed=st.integers(0, 1000), k=st.sampled_from([2, 3]), mirrored=st.booleans())
def test_undoes_rotation_reflection_and_translation(seed: int, k: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    figure = rng.standard_normal((20, k))
    turn = np.linalg.qr(rng.standard_normal((k, k)))[0]
    if mirrored:
        turn[:, 0] *= -1
    np.testing.assert_allclose(procrustes(figure @ turn + rng.standard_normal(k), figure), figure, atol=1e-9)


@given(seed=st.integers(0, 1000), n=st.integers(1, 20), scaling=st.booleans())
def test_never_moves_further_away(seed: int, n: int, scaling: bool) -> None:
    rng = np.random.default_rng(seed)
    moving, onto = rng.standard_normal((2, n, 3))
    before = np.linalg.norm(moving - onto)
    assert np.linalg.norm(procrustes(moving, onto, scaling=scaling) - onto) <= before + 1e-9


def test_keeps_the_size_unless_asked() -> None:
    figure = np.random.default_rng(0).standard_normal((20, 3))
    np.testing.assert_allclose(procrustes(3 * figure, figure).std(), 3 * figure.std(), rtol=0.1)
    np.testing.assert_allclose(procrustes(3 * figure, figure, scaling=True), figure, atol=1e-9)


def test_a_point_has_nothing_to_turn() -> None:
    assert np.isfinite(procrustes(np.zeros((4, 3)), np.ones((4, 3)), scaling=True)).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="same shape"):
        procrustes(np.zeros((3, 2)), np.zeros((3, 3)))
