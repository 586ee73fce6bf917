"""Whom an edit moves: those whose key points where the edit writes.

An edit of one fact adds v u^T to the MLP's output projection W (`Editor.direction`). What the MLP answers to the key k_j then moves by v (u . k_j),
and what it answers to the edited key k by v (u . k). So entity j moves |u . k_j| / |u . k| as far as the edited one: exactly behind W, and as
far as the layers behind are linear at the end. Whether an answer changes also depends on how far it leads: overlap / margin ranks that better.
"""

from __future__ import annotations

import torch
from torch import Tensor


def overlaps(keys: Tensor, direction: Tensor, edited: Tensor) -> Tensor:
    """|u . k_j| / |u . k|, (n,) float64: 1 for the edited key itself.

    Args:
        keys: (n, d_mlp).
        direction: u (d_mlp,), of any length.
        edited: k (d_mlp,), the edited key.

    Raises:
        ValueError: the direction does not touch the edited key, so nothing can be written along it.
    """
    along = direction.double()
    return (keys.double() @ along).abs() / _own(along, edited)


def rms_overlap(moment: Tensor, direction: Tensor, edited: Tensor) -> float:
    """The root mean square of `overlaps` over the keys of which `moment` (d_mlp, d_mlp) is E[k k^T]. Raises `ValueError` as `overlaps`."""
    along = direction.double()
    return (along @ moment.double() @ along).clamp(min=0).sqrt().item() / _own(along, edited)


def _own(along: Tensor, edited: Tensor) -> float:
    own = (edited.double() @ along).abs().item()
    if not own or not torch.isfinite(along).all():
        raise ValueError("the direction of the edit does not touch its own key: nothing can be written along it")
    return own
