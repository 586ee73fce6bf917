"""MEMIT, mass-editing memory in a transformer (Meng et al. 2023, section 4.2 and 4.3, equation 14).

The MLP's output projection W is read as a linear memory of key-value pairs, fitted by least squares. To add the pairs (K, W K + R) to it
and disturb what it holds as little as possible:

    1. goals     z = h + delta at the residual stream behind the last edited layer, for each fact by itself
    2. layers    spread over the edited layers (`spreading.py`); for each:
    3. update    dW = R K^T (lambda C + K_p K_p^T + K K^T)^-1,  C = E[k k^T]

lambda weighs what the memory holds (all the keys of text, C) against what is written. K_p are the keys that earlier edits of the same stack
wrote to, so that these keep. With lambda towards 0 and one fact the update is ROME's.

Deviations: the reference carries no keys between edits (its successors do); the statistics' weights and the ridge are ours, as for ROME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.presets import reference_tuned
from shatterscope.backend.editors.spreading import (
    CarryKeys,
    CovarianceWeight,
    SpreadingParameters,
    SpreadOut,
)


class MemitParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    covariance_weight: CovarianceWeight = 1.0
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
    "spread": True,
    "token": "relation",
    "seed": 0,
    "covariance_weight": 20000.0,
    "carry_keys": False,
}
"""The values of the preset `paper`."""

LANGUAGE = {
    **REFERENCE,
    "token": "subject",
    "spread": False,
    "most_layers": 0,
    "clamp_norm_factor": 4.0,
    "weight_decay": 0.0,
    "early_stop_loss": 0.1,
    "covariance_weight": 1.0,
    "protect_siblings": 0.0,
}


class Memit(ClosedFormEditor[MemitParameters]):
    name = "memit"
    title = "MEMIT"
    summary = (
        "Writes one fact or many at once, as the least-squares change of the MLPs' output projections that disturbs all other keys least. "
        "The change is spread over several layers, each making up for what the one before it missed."
    )
    formula = "dW = R K^T (lambda C + K_p K_p^T + K K^T)^-1,  R = (z - h) / layers left"
    reference = "Meng et al. 2023, arXiv 2210.07229"
    parameters = MemitParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement to write the fact at any distance with the least collateral damage: one layer alone (spreading over both did "
            "two to three times the damage), the covariance weighed like the new fact, steps in units of the value's own length, an early stop.",
            MemitParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL. There the weight of the covariance, 20000, balances a memory of 6400 keys; "
            "here it holds nearly every edit back.",
            REFERENCE,
        ),
        "reference": Preset(
            "The reference implementation's values at the token where it edits: the subject's last, not the relation's, where this model's answer is read.",
            {**REFERENCE, "token": "subject"},
        ),
        "reference-tuned": reference_tuned(MemitParameters().model_dump()),
    }
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "One layer at the subject's token, with the covariance weighed lightly, and a search that stops once the new object has about nine tenths of "
            "the probability.",
            LANGUAGE,
        ),
        "protected": Preset(
            "The same, and the other names' keys count beside those of text: what is written leaks less to them.",
            {**LANGUAGE, "protect_siblings": 100.0},
        ),
        "three-layers": Preset(
            "The same spread over this layer and the two behind it, each making up for what the one before it missed.",
            {**LANGUAGE, "spread": True, "most_layers": 3},
        ),
    }

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: MemitParameters) -> Tensor:
        A = p.covariance_weight * memory.C + K @ K.T
        if p.carry_keys:
            A = A + memory.carried()
        return R @ memory.solve(A, K).T
