"""Adam (Kingma & Ba 2015, algorithm 1) on small tensors; `torch.optim` would cost more than the step itself."""

from __future__ import annotations

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """`rate` is the step size, a number or a tensor that broadcasts: of (n, C) values that are searched side by side, (n, 1)."""

    def __init__(self, like: Tensor, rate: float | Tensor) -> None:
        self.rate, self.t = rate, 0
        self.m, self.v = torch.zeros_like(like), torch.zeros_like(like)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        self.t += 1
        self.m.lerp_(gradient, 1 - BETA1)
        self.v.lerp_(gradient * gradient, 1 - BETA2)
        spread = (self.v / (1 - BETA2**self.t)).sqrt_().add_(EPSILON)
        rate = self.rate / (1 - BETA1**self.t)
        if isinstance(rate, float):  # one pass over the numbers less
            return x.addcdiv(self.m, spread, value=-rate)
        return x.addcdiv(rate * self.m, spread, value=-1)

    def keep(self, rows: Tensor) -> None:
        """Go on with some rows of `like` alone, where each has a rate of its own."""
        assert isinstance(self.rate, Tensor)
        self.rate, self.m, self.v = self.rate[rows], self.m[rows], self.v[rows]


def step_size(rate: float, norm: float, width: int, relative: bool) -> float:
    """Of a search for a value of `width` numbers: `rate` itself, or (relative) such that the first step, whose length is step_size * sqrt(width),
    has length rate * norm."""
    return rate * (norm / width**0.5 if relative else 1.0)
