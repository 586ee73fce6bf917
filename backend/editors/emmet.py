"""EMMET, equality-constrained mass model editing in a transformer (Gupta et al. 2024, "A Unified Framework for Model Editing", section 3.3).

ROME and MEMIT have one aim, to keep what the memory W holds and to store new pairs. MEMIT weighs the two against each other; ROME demands the new
pair exactly. EMMET is ROME's demand for many facts at once: among all dW with dW K = R the one that disturbs the other keys least,

    1. goals     z = h + delta at the residual stream behind the last edited layer, for each fact by itself
    2. layers    one, or spread over several (`spreading.py`); for each:
    3. update    dW = R (K^T A^-1 K + ridge I)^-1 K^T A^-1,  A = lambda C + K_p K_p^T,  C = E[k k^T]

K_p are the keys that earlier edits of the same stack wrote to. Of one fact the update is ROME's with `key = r-rome`. The ridge is added where
several facts are written at once, whose keys may nearly depend on each other; lambda matters beside it and beside K_p alone.

Deviations: the statistics' weights and the ridge of `least_squares.py` are ours, as for ROME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.spreading import (
    CarryKeys,
    CovarianceWeight,
    SpreadingParameters,
    SpreadOut,
)


class EmmetParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    covariance_weight: CovarianceWeight = 1.0
    ridge: float = Field(
        default=1e-3,
        ge=0,
        le=1e6,
        description="Added to the diagonal of K^T A^-1 K where several facts are written at once",
    )
    carry_keys: CarryKeys = True


REFERENCE = {
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
    "spread": False,
    "token": "relation",
    "seed": 0,
    "covariance_weight": 10000.0,
    "ridge": 0.1,
    "carry_keys": True,
}
"""The values of the preset `paper`."""


class Emmet(ClosedFormEditor[EmmetParameters]):
    name = "emmet"
    title = "EMMET"
    summary = (
        "ROME for many facts at once: all of them are written exactly, by the change that disturbs the other keys least. "
        "Of one fact it is ROME with the averaged key."
    )
    formula = "dW = R (K^T A^-1 K + ridge I)^-1 K^T A^-1,  A = lambda C + K_p K_p^T"
    reference = "Gupta et al. 2024, arXiv 2403.14236"
    parameters = EmmetParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: ROME's search of the value, a small ridge, and the keys of earlier edits weighed like the text's.",
            EmmetParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL, which edit one layer. The covariance weighs 10000 there, beside which a ridge of .1 is "
            "large: of a batch hardly anything is written here.",
            REFERENCE,
        ),
    }

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: EmmetParameters) -> Tensor:
        A = p.covariance_weight * memory.C
        if p.carry_keys:
            A = A + memory.carried()
        return equality_constrained(K, R, memory.solve(A, K), p.ridge if K.shape[1] > 1 else 0.0)


def equality_constrained(K: Tensor, R: Tensor, solved: Tensor, ridge: float) -> Tensor:
    """R (K^T A^-1 K + ridge I)^-1 K^T A^-1, (C, M), with `solved` = A^-1 K (M, n). Where two keys are one, the least change that is nearest."""
    gram = K.T @ solved + ridge * torch.eye(K.shape[1], dtype=K.dtype, device=K.device)  # (n, n)
    return R @ torch.linalg.pinv(gram, hermitian=True) @ solved.T
