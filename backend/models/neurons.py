"""Hidden neurons added to an MLP beside its own: what `patch` writes, where other methods change weights.

They read what the MLP reads and add to what it puts out, so an MLP of M neurons with h added ones is an MLP of M + h. They are kept beside the
others, and not among them, so that the MLP's keys, which other methods write to, keep their width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, cat, nn


@dataclass(frozen=True)
class Neurons:
    """h neurons of the MLP of one layer: `down GELU(up z + bias)` is added to what the MLP puts out.

    Shapes: up (h, C), bias (h,), down (C, h).
    """

    layer: int
    up: Tensor
    bias: Tensor
    down: Tensor


class AddedNeurons(nn.Module):
    """(..., C) -> (..., C). Buffers that no `state_dict` holds, so that a model's parameters keep their names."""

    up: Tensor  # (h, C)
    bias: Tensor  # (h,)
    down: Tensor  # (C, h)

    def __init__(self, up: Tensor, bias: Tensor, down: Tensor) -> None:
        super().__init__()
        for name, value in (("up", up), ("bias", bias), ("down", down)):
            self.register_buffer(name, value, persistent=False)

    def __len__(self) -> int:
        return len(self.bias)

    def forward(self, z: Tensor) -> Tensor:
        return F.linear(F.gelu(F.linear(z, self.up, self.bias)), self.down)

    def with_more(self, other: AddedNeurons) -> AddedNeurons:
        return AddedNeurons(cat([self.up, other.up]), cat([self.bias, other.bias]), cat([self.down, other.down], 1))
