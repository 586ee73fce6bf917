"""MOSE, multiplicative orthogonal sequential editing (Xu et al. 2026, section 3).

Nothing is added to the MLP's output projection W: it is turned, W' = O W, by the orthogonal matrix O that brings the keys K nearest to the values
V = W K + R and leaves the keys of text nearest to where they were. This is the orthogonal Procrustes problem

    min over O of  ||O W K - V||^2 + lambda E||O W k - W k||^2 + ||O W K_p - W K_p||^2

    1. goals    z = h + delta as for MEMIT, R = (z - h) / layers left
    2. layers   one, or spread over several (`spreading.py`); for each:
    3. moment   M = V (W K)^T + W (lambda C + K_p K_p^T) W^T,  C = E[k k^T];  M = U S T^T
    4. update   W' = O W,  O = U T^T

A rotation keeps the norm of W, its singular values, and all distances between outputs of the MLP exactly. What may change is how they stand to the rest of
the residual stream, to which they are added. It also keeps the length of W k: a value that is longer than that is reached in direction alone. K_p are the keys
that earlier edits of the same stack wrote to.

Deviations: the published code finds O by Adam, as blocks (I - S)(I + S)^-1 with S skew; here it is the closed form of the paper's problem, over all of W. The
MLP's bias stays, so V is without it. `paper` has the published search for the value, and lambda = 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.spreading import (
    CarryKeys,
    CovarianceWeight,
    SpreadingParameters,
    SpreadOut,
)


class MoseParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    covariance_weight: CovarianceWeight = 0.1
    carry_keys: CarryKeys = True


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
    "covariance_weight": 1.0,
    "carry_keys": True,
}
"""The values of the preset `paper`."""


class Mose(ClosedFormEditor[MoseParameters]):
    name = "mose"
    title = "MOSE"
    summary = (
        "Turns the MLP's output projection instead of adding to it, by the rotation that brings the fact nearest to its new value. "
        "All distances between outputs of this MLP stay exactly what they were."
    )
    formula = "W' = U T^T W,  U S T^T = V (W K)^T + W (lambda C + K_p K_p^T) W^T,  V = W K + R"
    reference = "Xu et al. 2026, arXiv 2601.07873"
    parameters = MoseParameters
    default_preset = "tuned"
    linear = False
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: one layer alone, and the text's keys at a tenth of their weight. The rotation turns every output of the MLP: it does more damage "
            "than ROME, and a heavier text loses the fact before it spares the rest.",
            MoseParameters().model_dump(),
        ),
        "paper": Preset(
            "MEMIT's search for the value, as published for GPT-2 XL, and keys of text that weigh like the new facts. The published code learns the rotation "
            "step by step, which has no weight of this kind.",
            REFERENCE,
        ),
    }

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: MoseParameters) -> Tensor:
        spared = p.covariance_weight * memory.C
        if p.carry_keys:
            spared = spared + memory.carried()
        return nearest_rotation(memory.W, K, memory.W @ K + R, spared) @ memory.W - memory.W


def nearest_rotation(W: Tensor, K: Tensor, V: Tensor, spared: Tensor) -> Tensor:
    """Steps 3 and 4: O (C, C), orthogonal. K is (M, n), V (C, n), `spared` (M, M) the second moment of the keys to be left where they are."""
    U, _, T = torch.linalg.svd(V @ (W @ K).T + W @ spared @ W.T)  # T is T^T of the module
    return U @ T
