"""R(D*) from sampled pairs, with its standard error: for tables of thousands of edits, where all pairs would take most of the time.

||D0||_F^2 has a closed form. ||D* - D0||_F^2 is a sum over pairs, of which an edit may move only a few: uniform samples would miss them.
By the triangle inequality, with delta_i how far entity i moved (less the mean of all),

    (d*_ij - d0_ij)^2  <=  |delta_i - delta_j|^2  <=  2 (|delta_i|^2 + |delta_j|^2)

so pairs are drawn with probability in proportion to the right-hand side: i by |delta_i|^2, j evenly. Every weight is then bounded and no
pair that matters is rare (importance sampling; Owen 2013, "Monte Carlo theory, methods and examples", chapter 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SampledShattering:
    """R per relation and its standard error, (n_relations,) float64 each."""

    R: Tensor
    standard_error: Tensor


def sampled_shattering(before: Tensor, after: Tensor, n_pairs: int, generator: torch.Generator) -> SampledShattering:
    """R(D*) per relation from `n_pairs` pairs each; see `shattering`, whose value it estimates.

    Args:
        before: (n_relations, n_entities, d).
        after: the same shape.
        n_pairs: at least 2.
        generator: of the device of `before`.

    Returns:
        0 with error 0 exactly where nothing moved but by a common shift; NaN where `before` or `after` is not finite, or D0 = 0.

    Raises:
        ValueError: shapes that differ or have not 3 dimensions, or fewer than 2 pairs.
    """
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(
            f"before and after must have the same shape (r, n, d), got {tuple(before.shape)} and {tuple(after.shape)}"
        )
    if n_pairs < 2:
        raise ValueError(f"n_pairs must be at least 2, got {n_pairs}")
    r, n, d = before.shape
    total = 2 * n * (before - before.mean(1, keepdim=True)).square().sum((1, 2), dtype=torch.float64)  # ||D0||_F^2
    moved = after - before
    length2 = (moved - moved.mean(1, keepdim=True)).square().sum(2)  # (r, n), |delta_i|^2
    cumulative = length2.cumsum(1, dtype=torch.float64)
    all2 = cumulative[:, -1:]  # (r, 1)
    u = torch.rand(2, r, n_pairs, dtype=torch.float64, generator=generator, device=before.device)
    i = torch.searchsorted(cumulative, (u[0] * all2).nan_to_num_(0.0)).clamp_(max=n - 1)
    j = (u[1] * n).long()

    rows = torch.arange(r, device=before.device)[:, None] * n
    i, j = (i + rows).flatten(), (j + rows).flatten()
    x, y = before.reshape(-1, d), after.reshape(-1, d)
    d0 = x.index_select(0, i).sub_(x.index_select(0, j))
    d1 = y.index_select(0, i).sub_(y.index_select(0, j))
    # d* - d0 = (|d1|^2 - |d0|^2) / (|d1| + |d0|), with the squares' difference as a product: nothing cancels.
    change = ((d1 - d0) * (d1 + d0)).sum(1) / (d0.norm(dim=1) + d1.norm(dim=1))
    length2 = length2.flatten()
    share = length2[i] + length2[j]
    ratio = torch.where(share > 0, change.square() / share, 0.0)  # also 0 / 0, a pair of one and the same entity
    weight = ratio.nan_to_num(0.0).view(r, n_pairs).double() * (2 * n * all2)  # its mean is ||D* - D0||_F^2
    finite = torch.isfinite(total + all2[:, 0]) & (total > 0)
    R2 = weight.mean(1) / total
    error = weight.std(1) / n_pairs**0.5 / total
    R = R2.sqrt()
    still = all2[:, 0] == 0
    zero, nan = torch.zeros_like(R), torch.full_like(R, torch.nan)
    # The delta method: the error of a square root.
    found = torch.where(finite, torch.where(still, zero, R), torch.where(still & (total == 0), zero, nan))
    spread = torch.where(R > 0, error / (2 * R), error)
    return SampledShattering(found, torch.where(finite, torch.where(still, zero, spread), found))
