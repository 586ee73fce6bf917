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
def movement(before: Tensor, after: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """`moved` and `strain` (see the module). Neighbours that coincide before have no distance to measure by and are passed over.

    Args:
        before: (n, d) or (r, n, d), the representations of entity i in row i.
        after: the same shape.
        edges: (m, 2) rows that are neighbours.

    Returns:
        Two of () or (r,), float64: 0 exactly where nothing moved; NaN where values are not finite, or no neighbours are apart.

    Raises:
        ValueError: shapes that do not belong together.
    """
    if before.shape != after.shape or before.ndim not in (2, 3) or edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(
            "before and after must have the same shape (n, d) or (r, n, d), and edges (m, 2), "
            f"got {tuple(before.shape)}, {tuple(after.shape)} and {tuple(edges.shape)}"
        )
    if before.ndim == 3:
        each = [movement(x, y, edges) for x, y in zip(before, after, strict=True)]
        both = torch.tensor(each, dtype=torch.float64, device=before.device).view(-1, 2)
        return both[:, 0], both[:, 1]
    nothing = torch.zeros((), dtype=torch.float64, device=before.device)
    if torch.equal(before, after):  # also false for NaN
        return nothing, nothing
    x, y = before.double(), after.double()
    if not bool(torch.isfinite(x).all() and torch.isfinite(y).all()):
        return nothing + torch.nan, nothing + torch.nan
    u, _, vt = torch.linalg.svd((y - y.mean(0)).T @ (x - x.mean(0)))
    start, end = edges.T
    step, turned = x[end] - x[start], (y[end] - y[start]) @ (u @ vt)
    length = step.norm(dim=1)
    nearest = length.new_full((len(x),), torch.inf)
    nearest.scatter_reduce_(0, edges.T.flatten(), length.repeat(2), "amin")
    return _median((y - x).norm(dim=1), nearest), _median((turned - step).norm(dim=1), length)


def _median(moved: Tensor, unit: Tensor) -> Tensor:
    """Median of moved / unit, the mean of the middle two, over the entities that have a unit; NaN where there is none."""
    ratio = (moved / unit)[(unit > 0) & unit.isfinite()]
    return ratio.quantile(0.5) if len(ratio) else moved.new_tensor(torch.nan)
