"""LyapLock, bounded knowledge preservation in sequential editing (Wang et al. 2025, EMNLP).

Editing one fact after another as a control problem: write each, keep the earlier ones, and let what the edits do to the keys K0 of text stay below a bound in
the long run. A virtual queue Z grows while it is above, and weighs the text heavier, until it is below again (Lyapunov optimisation).

    1. goals     z = h + delta at the residual stream behind the last edited layer, for each fact by itself
    2. layers    spread over the edited layers (`spreading.py`); for each:
    3. queue     a Z = 1 before the first edit; after each    Z <- max(Z + a (loss - alpha D), sqrt(alpha D)),  a = 1 / sqrt(alpha D)
                 loss = E||W k - W0 k||^2, W0 the weight before the stack
    4. update    dW = (R K^T + a Z lambda (W0 - W) C + (V_p - W K_p) K_p^T) (K K^T + a Z lambda C + K_p K_p^T)^-1,  C = E[k k^T]

K_p are the keys that earlier edits of the same stack wrote to, and V_p what W made of each just after its edit: the update also brings back what later ones
have moved. Alone, or as the first of a stack, it is MEMIT.

All of this is derived from the stack itself, so that one opened from a link computes the same.

Deviations: D is the loss after the first edit in the reference; here it is the largest that one edit alone has caused, as an edit that fades away with its
strength must not decide how the others are weighed. The statistics' weights and the ridge are ours, as for MEMIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.base import Earlier, Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.spreading import (
    CovarianceWeight,
    SpreadingParameters,
    SpreadOut,
)


class LyapLockParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    covariance_weight: CovarianceWeight = 1.0
    alpha: float = Field(
        default=60.0,
        gt=0,
        le=1e6,
        description="How much change of the text's values is borne, in units of the first edit's",
    )


REFERENCE: dict[str, Any] = {
    "learning_rate": 0.5,
    "relative_rate": False,
    "steps": 20,
    "clamp_norm_factor": 0.75,
    "weight_decay": 0.5,
    "kl_factor": 0.0625,
    "early_stop_loss": 0.05,
    "stop_after_leading": 0,
    "n_contexts": 6,
    "key_mean": "by-type",
    "spread": True,
    "token": "relation",
    "seed": 0,
    "covariance_weight": 1000.0,
    "alpha": 60.0,
}
"""The values of the preset `paper`."""


class LyapLock(ClosedFormEditor[LyapLockParameters]):
    name = "lyaplock"
    title = "LyapLock"
    summary = (
        "MEMIT for stacks, in which the text's keys weigh the more the further the edits so far have moved their values beyond a bound. "
        "Each edit also brings back what the ones before it had written, and what text had, as far as later edits have moved it."
    )
    formula = "dW = (R K^T + a Z lambda (W0 - W) C + (V_p - W K_p) K_p^T) (K K^T + a Z lambda C + K_p K_p^T)^-1"
    reference = "Wang et al. 2025, arXiv 2505.15702"
    parameters = LyapLockParameters
    default_preset = "tuned"
    linear = False
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours: MEMIT's tuned values, which it is alone, and the reference's bound for stacks.",
            LyapLockParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL. There the weight of the covariance, 1000, balances a memory of 6400 keys; "
            "here it holds most edits back.",
            REFERENCE,
        ),
    }

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: LyapLockParameters) -> Tensor:
        W, C, layer = memory.W, memory.C, memory.layer
        earlier = memory.request.earlier.get(layer, Earlier(W))
        queue = queue_of(earlier, C, p.alpha)
        memory.diagnostics[f"queue.{layer}"] = queue
        A, B = normal_equations(W, earlier, queue * p.covariance_weight * C, K, R)
        return memory.solve(A, B.T).T


def queue_of(earlier: Earlier, C: Tensor, alpha: float) -> float:
    """Step 3: a Z after the steps so far."""
    weights = [each.double() for each in (earlier.start, *earlier.weights)]

    def loss(change: Tensor) -> float:
        return ((change @ C) * change).sum().item()  # E||change k||^2

    D = max((loss(after - before) for before, after in pairwise(weights)), default=0.0)
    return queue([loss(weight - weights[0]) for weight in weights[1:]], alpha * D)


def queue(losses: Sequence[float], bound: float) -> float:
    """a Z after so many losses, `bound` = alpha D: 1 while the loss is below it."""
    if bound == 0:
        return 1.0
    a, least = 1 / sqrt(bound), sqrt(bound)
    Z = least
    for loss in losses:
        Z = max(Z + a * (loss - bound), least)
    return a * Z


def normal_equations(W: Tensor, earlier: Earlier, text: Tensor, K: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
    """Step 4: A (M, M) and B (C, M) of dW A = B. `text` is a Z lambda C (M, M)."""
    A, B = K @ K.T + text, R @ K.T + (earlier.start.double() - W) @ text
    for keys, weight in zip(earlier.keys, earlier.weights, strict=True):
        moment = keys.double().T @ keys.double()  # (M, M)
        A, B = A + moment, B + (weight.double() - W) @ moment
    return A, B
