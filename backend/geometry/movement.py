"""What moved, in units of the distance between neighbours: the representations themselves, and against each other.

R (`shattering.py`) compares all distances with all, so it is as large for a ring that is torn as for one that grew, and blind to one that went
elsewhere as a whole. Two numbers tell these apart. With x_i before and y_i after an edit, i ~ j for neighbours (on a ring: those beside each
other), and Q the rotation that lays the centred y best over the centred x:

    moved   median over i of      ||y_i - x_i|| / min over j ~ i of ||x_j - x_i||
    strain  median over i ~ j of  ||Q (y_j - y_i) - (x_j - x_i)|| / ||x_j - x_i||

The model reads answers off fixed directions, so `moved` concerns answers, however whole the ring: at 1 half of the entities have moved farther
than to their nearer neighbour. `strain` concerns the shape: it is 0 for a ring that was only shifted and turned, and at 1 the steps from
neighbour to neighbour have changed by as much as they are long. Both are ours; neither has a threshold.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def moved(before: Tensor, after: Tensor, edges: Tensor) -> Tensor:
    """How far the representations moved (see the module). Neighbours that coincide before have no distance to measure by and are passed over.

    Args:
        before: (n, d), the representations of entity i in row i.
        after: the same shape.
        edges: (m, 2) rows that are neighbours.

    Returns:
        (), float64: 0 exactly where nothing moved; NaN where values are not finite, or no neighbours are apart.

    Raises:
        ValueError: shapes that do not belong together.
    """
    if (known := _known(before, after, edges)) is not None:
        return known
    x, y = before.double(), after.double()
    start, end = edges.T
    length = (x[end] - x[start]).norm(dim=1)
    nearest = length.new_full((len(x),), torch.inf)
    nearest.scatter_reduce_(0, edges.T.flatten(), length.repeat(2), "amin")
    return _median((y - x).norm(dim=1), nearest)


@torch.no_grad()
def strain(before: Tensor, after: Tensor, edges: Tensor) -> Tensor:
    """How much the steps between neighbours changed. Arguments, result and errors as of `moved`."""
    if (known := _known(before, after, edges)) is not None:
        return known
    x, y = before.double(), after.double()
    u, _, vt = torch.linalg.svd((y - y.mean(0)).T @ (x - x.mean(0)))
    start, end = edges.T
    beside = y @ (u @ vt) - x  # its steps are the turned steps less those before
    return _median((beside[end] - beside[start]).norm(dim=1), (x[end] - x[start]).norm(dim=1))


def _known(before: Tensor, after: Tensor, edges: Tensor) -> Tensor | None:
    """What needs no computation: 0 where nothing moved, NaN where values are not finite."""
    if before.shape != after.shape or before.ndim != 2 or edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(
            "before and after must have the same shape (n, d), and edges (m, 2), "
            f"got {tuple(before.shape)}, {tuple(after.shape)} and {tuple(edges.shape)}"
        )
    nothing = torch.zeros((), dtype=torch.float64, device=before.device)
    if torch.equal(before, after):  # also false for NaN
        return nothing
    # A sum is finite only where all are: half of the time of asking each.
    total = before.sum(dtype=torch.float64) + after.sum(dtype=torch.float64)
    return None if bool(total.isfinite()) else nothing + torch.nan


def _median(moved: Tensor, unit: Tensor) -> Tensor:
    """Median of moved / unit, the mean of the middle two, over the entities that have a unit; NaN where there is none."""
    ratio = (moved / unit)[(unit > 0) & unit.isfinite()].sort().values
    n = len(ratio)
    return (ratio[(n - 1) // 2] + ratio[n // 2]) / 2 if n else moved.new_tensor(torch.nan)
