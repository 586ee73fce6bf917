"""AlphaEdit, null-space constrained editing (Fang et al. 2025, sections 3.2 and 3.3, equation 14).

As MEMIT, but what the memory holds is not weighed against the new facts: the change is projected where hardly any key points.

    1. null space  P projects onto the eigenvectors of C = E[k k^T] with the smallest eigenvalues, so that dW K_0 ~ 0 for the keys K_0 of text
    2. goals       z = h + delta, as for MEMIT
    3. layers      spread over the edited layers (`spreading.py`); for each:
    4. update      dW = R K^T P ((K_p K_p^T + K K^T) P + L2 I)^-1

K_p are the keys that earlier edits of the same stack wrote to.

Deviations: the reference takes the eigenvalues below an absolute threshold (2e-2). How many those are is a matter of the keys' scale: on one
checkpoint nearly half of the directions of a layer, on another a single one. So by default the threshold is relative: as many of the smallest
eigenvalues as together make up at most that share of their sum; the diagnostics tell the rank of P for the layer at hand.
Likewise L2 may be in units of k^T P k, the part of the key that the change can use: then a single fact is written by 1 / (1 + L2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.least_squares import null_space
from shatterscope.backend.editors.presets import reference_tuned
from shatterscope.backend.editors.spreading import (
    CarryKeys,
    NullSpaceL2,
    NullSpaceThreshold,
    RelativeL2,
    RelativeThreshold,
    SpreadingParameters,
    SpreadOut,
    check_share,
    useless_null_space,
)


class AlphaEditParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    nullspace_threshold: NullSpaceThreshold = 0.01
    relative_threshold: RelativeThreshold = True
    l2: NullSpaceL2 = 0.01
    relative_l2: RelativeL2 = True
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
    "nullspace_threshold": 0.02,
    "relative_threshold": False,
    "l2": 10.0,
    "relative_l2": False,
    "carry_keys": True,
}
"""The values of the preset `paper`."""

LANGUAGE = {
    **REFERENCE,
    "token": "subject",
    "spread": False,
    "clamp_norm_factor": 4.0,
    "weight_decay": 0.0,
    "early_stop_loss": 0.1,
    "nullspace_threshold": 0.02,
    "relative_threshold": True,
    "l2": 0.01,
    "relative_l2": True,
    "protect_siblings": 0.0,
}


class AlphaEdit(ClosedFormEditor[AlphaEditParameters]):
    name = "alphaedit"
    title = "AlphaEdit"
    summary = (
        "Writes one fact or many at once, with a change confined to the directions that hardly any key of the text uses. "
        "Other facts are left alone as far as such directions exist: rank P says how many there are."
    )
    formula = "dW = R K^T P ((K_p K_p^T + K K^T) P + L2 I)^-1,  P: the null space of C = E[k k^T]"
    reference = "Fang et al. 2025, arXiv 2410.02355"
    parameters = AlphaEditParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: one layer alone, the directions that carry 1 % of the keys' power, and a hundredth of the change held back. "
            "Fewer directions need a longer change to reach the same value, more spare less.",
            AlphaEditParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL, with the absolute threshold. How many directions that leaves free differs "
            "between checkpoints and layers (rank P tells), and L2 = 10 is large against the keys there: hardly any of the edit is written.",
            REFERENCE,
        ),
        "reference": Preset(
            "The reference implementation's values at the token where it edits: the subject's last, not the relation's, where this model's answer is read.",
            {**REFERENCE, "token": "subject"},
        ),
        "reference-tuned": reference_tuned(AlphaEditParameters().model_dump()),
    }
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "One layer at the subject's token, the directions that carry 2 % of the keys' power, and a hundredth of the change held back.",
            LANGUAGE,
        ),
        "protected": Preset(
            "The same, and the other names' keys count beside those of text, so that they are outside the null space.",
            {**LANGUAGE, "protect_siblings": 100.0},
        ),
    }

    def check(self, parameters: AlphaEditParameters, layer: int, n_layers: int) -> None:
        super().check(parameters, layer, n_layers)
        check_share(parameters.nullspace_threshold, relative=parameters.relative_threshold)

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: AlphaEditParameters) -> Tensor:
        P, rank = null_space(memory.C, p.nullspace_threshold, relative=p.relative_threshold)
        memory.diagnostics[f"null_space_rank.{memory.layer}"] = rank
        inside = P @ K  # (M, n)
        power = inside.square().sum(0).mean()
        memory.diagnostics[f"key_in_null_space.{memory.layer}"] = (power / K.square().sum(0).mean()).sqrt().item()
        memory.warnings.extend(useless_null_space(memory.layer, rank, len(P)))
        if power == 0:
            return torch.zeros(len(R), len(K), dtype=K.dtype, device=K.device)
        M = K @ K.T
        if p.carry_keys:
            M = M + memory.carried()
        l2 = p.l2 * power if p.relative_l2 else p.l2
        A = P @ M + l2 * torch.eye(len(P), dtype=P.dtype, device=P.device)
        return R @ torch.linalg.solve(A, inside).T
