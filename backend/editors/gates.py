"""A gate: two hidden neurons that put out 1 on the inputs of one fact and 0 on all others.

(The neurons of Huang et al. 2023, "Transformer-Patcher", with the largest margin there is.) For inputs z (C,) of an MLP, those of the fact called
positives and all others negatives:

    1. direction  w of length 1 with the largest gap = min over positives of w . z - max over negatives of w . z
    2. ramp       from t0 to t1, between the two: the top of the negatives plus RISES and FULL of the gap
    3. gate       g(z) = [GELU(s (w . z - t0)) - GELU(s (w . z - t1))] / (s (t1 - t0)),  s = STEEPNESS / (t0 - top of the negatives)

GELU is a ramp with a rounded corner, and the difference of two is a step: from the steepness on that is 0 below and 1 above to nine digits. Layer norm
puts the inputs on an ellipsoid, where every point is an extreme one: so a direction exists for (nearly) every fact.

The widest gap is the support vector machine's, with no point on the wrong side: the shortest x with y (x . z + b) >= 1. That is a least-distance problem,
solved exactly by non-negative least squares (Lawson & Hanson 1974, "Solving Least Squares Problems", chapter 23). A handful of the many negatives decides
it: those that come highest along the direction found are added, until no others come higher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from shatterscope.backend import interrupt

RISES, FULL, STEEPNESS = 0.35, 0.75, 6.0
ROUNDS, ACTIVE = 12, 400
GIVEN_UP = 5  # of so many positives below the top one, at a time
OFFSET = 10.0  # scale of b, which is part of the distance: large, so that it costs next to nothing
SEPARATED = 1e-10


@dataclass(frozen=True)
class Gate:
    """w (C,) float64, the largest w . z of the negatives, and the gap above it (not positive where the fact cannot be told from others)."""

    direction: Tensor
    top: float
    gap: float

    @property
    def ramp(self) -> tuple[float, float]:
        return self.top + RISES * self.gap, self.top + FULL * self.gap

    def neurons(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """up (2, C), bias (2,), down (C, 2): neurons that put out `value` (C,) times the gate."""
        start, end = self.ramp
        steepness = STEEPNESS / (RISES * self.gap)
        up = steepness * torch.stack([self.direction, self.direction])
        bias = -steepness * self.direction.new_tensor([start, end])
        column = value / (steepness * (end - start))
        return up, bias, torch.stack([column, -column], 1)


def separate(positives: Tensor, negatives: Tensor, own: Tensor) -> Gate:
    """The gate of `positives` (n, C) against `negatives` (N, C), of which the rows `own` are passed over: they are the fact itself. Where no direction
    separates the two, the best that was seen, with a gap that is not positive."""
    P = positives.double()
    direction = P.mean(0) - negatives.mean(0).double()
    active = np.empty(0, dtype=np.int64)
    best: Gate | None = None
    for _ in range(ROUNDS):
        w = direction / direction.norm()
        scores = negatives @ w.to(negatives)
        scores[own] = -math.inf
        highest = scores.topk(min(ACTIVE, len(scores) - len(own)))
        top = float(highest.values[0])
        gate = Gate(w, top, float((P @ w).min()) - top)
        if best is None or gate.gap > best.gap:
            best = gate
        known = len(active)
        active = np.union1d(active, highest.indices.cpu().numpy())
        if len(active) == known:
            break
        chosen = negatives[torch.from_numpy(active).to(negatives.device)].double()
        found = _least_distance(P.cpu().numpy(), chosen.cpu().numpy())
        if found is None:
            break
        direction = torch.from_numpy(found).to(direction)
    assert best is not None
    return best


def separate_most(positives: Tensor, negatives: Tensor, own: Tensor) -> tuple[Gate, Tensor]:
    """The gate of as many of the positives as can be found, and which they are. The first one, the bare fact, is always among them: where not even that can
    be told from the negatives, the gap is not positive. Those that come lowest along the best direction are given up, some at a time (which is not sure to
    keep the most that there are)."""
    kept = torch.arange(len(positives), device=positives.device)
    while True:
        interrupt.checkpoint()
        gate = separate(positives[kept], negatives, own)
        if gate.gap > 0 or len(kept) == 1:
            return gate, kept
        scores = positives[kept[1:]].double() @ gate.direction
        low = int((scores <= gate.top).sum())
        kept = torch.cat([kept[:1], kept[1:][scores.argsort()[max(1, low // GIVEN_UP) :].sort().values]])


def _least_distance(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """x (C,) of the widest gap, None where there is no gap."""
    points = np.concatenate([positives, negatives])
    y = np.r_[np.ones(len(positives)), -np.ones(len(negatives))]
    constraints = (
        y[:, None] * np.c_[points - points.mean(0), np.full(len(points), OFFSET)]
    )  # times (x, b) shall be at least 1
    wanted = np.zeros(constraints.shape[1] + 1)
    wanted[-1] = 1
    matrix = np.vstack([constraints.T, np.ones(len(points))])
    try:
        weights, _ = nnls(matrix, wanted)
    except RuntimeError:  # it has not ended after three times as many steps as there are points
        return None
    left = matrix @ weights - wanted
    return None if abs(left[-1]) < SEPARATED else np.asarray(-left[:-2] / left[-1])
