"""ENCORE, early stopping and norm-constrained robust editing (Gupta et al. 2025, "Lifelong Sequential Knowledge Editing without Model Degradation", section 4).

MEMIT for long stacks, against the two things that the authors saw them break by: values optimised beyond what the answer needs, and weights that grow.

    1. goals     z = h + delta as for MEMIT, but stopped as soon as the new object has led behind all contexts for a few steps (MPES, `targets.py`)
    2. layers    spread over the edited layers (`spreading.py`); for each:
    3. update    dW = R K^T (l_p C + l_n I + K_p K_p^T + K K^T)^-1,  C = E[k k^T]

l_p weighs what the memory holds, l_n the length of the change, and K_p are the keys that earlier edits of the same stack wrote to.

Deviations: the reference counts its leading steps whether or not they follow each other, and leaves the bare prompt out; here they are successive, behind
all contexts. The statistics' weights and the ridge are ours, as for MEMIT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

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
from shatterscope.backend.editors.targets import StopAfterLeading


class EncoreParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    stop_after_leading: StopAfterLeading = 8
    spread: SpreadOut = False
    covariance_weight: CovarianceWeight = 0.1
    norm_weight: float = Field(default=1e-4, ge=0, le=1e9, description="l_n: weight of the length of the change")
    carry_keys: CarryKeys = True


REFERENCE: dict[str, Any] = {
    "learning_rate": 0.5,
    "relative_rate": False,
    "steps": 20,
    "clamp_norm_factor": 0.75,
    "weight_decay": 0.5,
    "kl_factor": 0.0625,
    "early_stop_loss": 0.05,
    "stop_after_leading": 4,
    "n_contexts": 6,
    "key_mean": "by-type",
    "spread": True,
    "token": "relation",
    "seed": 0,
    "covariance_weight": 20000.0,
    "norm_weight": 10.0,
    "carry_keys": True,
}
"""The values of the preset `paper`."""


class Encore(ClosedFormEditor[EncoreParameters]):
    name = "encore"
    title = "ENCORE"
    summary = (
        "MEMIT made for long stacks: the value is optimised only until the new object leads, and the change is kept short. "
        "The keys of earlier edits are spared as well."
    )
    formula = "dW = R K^T (l_p C + l_n I + K_p K_p^T + K K^T)^-1,  R = (z - h) / layers left"
    reference = "Gupta et al. 2025, arXiv 2502.01636"
    parameters = EncoreParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: one layer alone, and a value that has led for eight steps. Stopped sooner, a tenth of the facts are lost as the weights hold "
            "part of the change back; stopped by the loss alone, as MEMIT, it breaks a third more.",
            EncoreParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL. There the weight of the covariance, 20000, balances a memory of 6400 keys; "
            "here it holds nearly every edit back.",
            REFERENCE,
        ),
    }

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: EncoreParameters) -> Tensor:
        C = memory.C
        A = p.covariance_weight * C + p.norm_weight * torch.eye(len(C), dtype=C.dtype, device=C.device) + K @ K.T
        if p.carry_keys:
            A = A + memory.carried()
        return R @ memory.solve(A, K).T
