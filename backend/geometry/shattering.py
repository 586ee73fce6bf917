"""How far an edit changed the shape of the representations (Nishi et al. 2025, section 3.5).

With D the matrix of pairwise Euclidean distances between the representations of all entities, D0 before the edit and
D* after it,

    R(D*) = ||D* - D0||_F / ||D0||_F

R is blind to translation, rotation and reflection, and by design not to permutation: two entities that swap places
are damage. No distance matrix is ever stored: both are made block by block, of the upper triangle only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend import interrupt

# Rows a block has: two blocks of 128 x 2048 stay in a core's cache; 64 and 256 were measured to be no faster.
BLOCK_ROWS = 128


def shattering(before: Tensor, after: Tensor) -> Tensor:
    """R(D*) of representations before and after an edit.

    Args:
        before: (n_entities, d) or (n_relations, n_entities, d), any real dtype, any device.
        after: the same shape, on the same device.

    Returns:
        () or (n_relations,) float64: 0 exactly where nothing changed; NaN where `before` or `after` has NaN or
        infinities, and where all points of `before` coincide and those of `after` do not (D0 = 0).

    Raises:
        ValueError: shapes that differ or have not 2 or 3 dimensions.
    """
    if before.shape != after.shape or before.ndim not in (2, 3):
        raise ValueError(
            "before and after must have the same shape (n, d) or (r, n, d), "
            f"got {tuple(before.shape)} and {tuple(after.shape)}"
        )
    if before.ndim == 2:
        return _shattering_one(before, after)
    if len(before) == 0:
        return torch.zeros(0, dtype=torch.float64, device=before.device)
    return torch.stack([_shattering_one(x, y) for x, y in zip(before, after, strict=True)])


def _shattering_one(before: Tensor, after: Tensor) -> Tensor:
    interrupt.checkpoint()
    if torch.equal(before, after):  # also false for NaN
        return torch.zeros((), dtype=torch.float64, device=before.device)
    scale = float(before.abs().max()) or 1.0  # R does not depend on it; float32 squares would overflow without
    left0, right0 = _factors(before, scale)
    left1, right1 = _factors(after, scale)
    change = torch.zeros((), dtype=torch.float64, device=before.device)
    total = torch.zeros_like(change)
    for start in range(0, len(before), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        d0 = _distances(left0[rows], right0[start:])
        d1 = _distances(left1[rows], right1[start:])
        total += _both_triangles(d0)
        change += _both_triangles(d1.sub_(d0))
    return torch.nan_to_num((change / total).sqrt(), nan=torch.nan, posinf=torch.nan)  # D0 = 0


def _factors(points: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Two (n, d + 2) matrices whose product is the squared distances: [x, |x|^2, 1] . [-2y, 1, |y|^2].

    float64 and centred, because |x|^2 + |y|^2 - 2 x.y cancels for close pairs, and neighbours are close.
    """
    x = points.to(torch.float64) / scale
    x = x - x.mean(dim=0, keepdim=True)
    squares = x.square().sum(dim=1, keepdim=True)
    ones = torch.ones_like(squares)
    return torch.cat([x, squares, ones], dim=1), torch.cat([-2 * x, ones, squares], dim=1)


def _distances(left: Tensor, right: Tensor) -> Tensor:
    """(rows, columns) float32: the cancellation is over, and what follows is twice as fast."""
    return (left @ right.T).float().clamp_(min=0).sqrt_()


def _both_triangles(block: Tensor) -> Tensor:
    """Sum of squares of a block of the upper triangle that begins at the diagonal, counted for both triangles."""
    diagonal = block[:, : len(block)]
    return 2 * _sum_of_squares(block) - _sum_of_squares(diagonal)


def _sum_of_squares(block: Tensor) -> Tensor:
    return block.square().sum().to(torch.float64)
