"""The closed forms' linear algebra, in float64: how an MLP's output projection changes so that keys K are mapped R further."""

from __future__ import annotations

from threading import Lock

import torch
from cachetools import LRUCache
from torch import Tensor

RIDGE = 1e-9
ILL_CONDITIONED = 1e8


_eigen = LRUCache[int, tuple[Tensor, tuple[Tensor, Tensor]]](2)
_lock = Lock()


def eigen(C: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric C in float64. Of the two asked for last they are kept: where keys have thousands of numbers
    they take seconds."""
    with _lock:
        known = _eigen.get(id(C))
        if known is not None and known[0] is C:
            return known[1]
    values, vectors = torch.linalg.eigh(C.double())
    with _lock:
        _eigen[id(C)] = (C, (values, vectors))  # C is held, so that no other has its id
    return values, vectors


def solve_covariance(C: Tensor, k: Tensor) -> tuple[Tensor, float]:
    """C^-1 k, and the condition number of C. A relative ridge of `RIDGE` times the mean eigenvalue of C keeps the solve sane where few
    neurons are ever active. C is (M, M), k is (M,) or (M, n)."""
    values, vectors = eigen(C)
    condition = (values[-1] / values[0].clamp(min=torch.finfo(torch.float64).tiny)).item()
    ridge = RIDGE * values.mean()
    stretched = values.clamp(min=0) + ridge
    return vectors @ ((vectors.T @ k) / (stretched if k.ndim == 1 else stretched[:, None])), condition


def ill_conditioned(condition: float) -> str:
    """The warning that goes with it."""
    return (
        f"The covariance of the keys is ill-conditioned (condition number {condition:.1e}): the update's direction leans "
        "on neurons that are hardly ever active."
    )


def null_space(C: Tensor, threshold: float, *, relative: bool) -> tuple[Tensor, int]:
    """(P, rank P): the projector (M, M) onto the eigenvectors of C that hardly any key uses.

    Those are the ones with an eigenvalue below `threshold`; with `relative`, as many of the smallest as together make up at most that share
    of all eigenvalues' sum (so the choice does not depend on the scale of the keys).
    """
    values, vectors = eigen(C)
    total = values.clamp(min=0).cumsum(0)
    small = total <= threshold * total[-1] if relative else values < threshold
    kept = vectors[:, small]
    return kept @ kept.T, kept.shape[1]
