"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321, algorithm 3).

Neighbours on a ring differ along the directions of least variance of their codes, where Adam, which scales each coordinate
apart, makes no headway: at 2048 entities it found the three rings after some 9000 steps, and not from every start; SOAP finds
them within 2000.

For a weight W (m, n) with gradient G, running means L of G G^T and R of G^T G have eigenbases P and Q. Adam's second moment
is that of P^T G Q; the step it proposes there is turned back. A side longer than `max_side` (the vocabulary) keeps its own axes,
and so do vectors: for these it is Adam. The bases start as the axes and are brought up to date by `refresh`, one step of power
iteration, every few steps.

Every number is a tensor that stays where it is, and `refresh` stands apart from `step`: so a step can be captured as a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.95)
EPSILON = 1e-8
MAX_SIDE = 128


class Soap:
    """Adam(0.9, 0.95) in rotated coordinates; plain Adam where `max_side` is 0.

    Attributes:
        rate: () learning rate of the next step; fill it in place, as the other two.
        shares: name of parameter -> (), of that rate; a parameter that is not named has the whole. Empty at first.
        weight_decay: () shrinks the matrices by their rate x decay a step, apart from the gradient (Loshchilov & Hutter 2019).
        state: name of parameter -> slots: `mean` and `square` (shape of the parameter), and per rotated side i `gram.i` and
            `basis.i` (size of the side, twice).
    """

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], max_side: int = MAX_SIDE) -> None:
        self.parameters = dict(parameters)
        device = next(iter(self.parameters.values())).device
        self.rate = torch.zeros((), device=device)
        self.weight_decay = torch.zeros((), device=device)
        self.shares: dict[str, Tensor] = {}
        self.steps = torch.zeros((), device=device)
        self.state = {name: _fresh(parameter.detach(), max_side) for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradients."""
        mean_share, square_share = BETAS
        self.steps += 1
        correction = (1 - square_share**self.steps).sqrt() / (1 - mean_share**self.steps)
        for name, parameter in self.parameters.items():
            gradient, slots = parameter.grad, self.state[name]
            if gradient is None:
                continue
            left, right = slots.get("basis.0"), slots.get("basis.1")
            mean = slots["mean"].lerp_(gradient, 1 - mean_share)
            square = slots["square"].lerp_(_rotate(gradient, left, right).square(), 1 - square_share)
            update = _rotate(mean, left, right) / square.sqrt().add_(EPSILON)
            rate = self.rate * self.shares[name] if name in self.shares else self.rate
            if parameter.dim() == 2:
                parameter.mul_(1 - rate * self.weight_decay)
            parameter.addcmul_(_rotate_back(update, left, right), -rate * correction)
            if left is not None:
                slots["gram.0"].lerp_(gradient @ gradient.T, 1 - square_share)
            if right is not None:
                slots["gram.1"].lerp_(gradient.T @ gradient, 1 - square_share)

    @torch.no_grad()
    def refresh(self) -> None:
        """Turn every basis towards the eigenvectors of its Gram matrix, largest eigenvalue first."""
        for slots in self.state.values():
            for side in (0, 1):
                if (basis := slots.get(f"basis.{side}")) is None:
                    continue
                image = slots[f"gram.{side}"] @ basis
                order = (basis * image).sum(dim=0).argsort(descending=True)
                basis.copy_(torch.linalg.qr(image[:, order])[0])
                slots["square"].copy_(slots["square"].index_select(side, order))


def _fresh(parameter: Tensor, max_side: int) -> dict[str, Tensor]:
    slots = {"mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
    if parameter.dim() == 2:
        for side, size in enumerate(parameter.shape):
            if size <= max_side:
                slots[f"gram.{side}"] = parameter.new_zeros(size, size)
                slots[f"basis.{side}"] = torch.eye(size, dtype=parameter.dtype, device=parameter.device)
    return slots


def _rotate(x: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:  # P^T x Q
    x = x if left is None else left.T @ x
    return x if right is None else x @ right


def _rotate_back(x: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:  # P x Q^T
    x = x if left is None else left @ x
    return x if right is None else x @ right.T
