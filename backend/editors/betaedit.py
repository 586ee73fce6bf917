"""BetaEdit, null-space constrained sequential editing (Liu et al. 2026, IJCAI).

AlphaEdit, with what leaks out of its null space held back. The space P is only nearly null: in AlphaEdit nothing limits what a change does to the keys
within it, so that over a long stack it adds up. Here C stays in the normal equations, and P is found anew after every so many edits:

    1. null space  P projects onto the eigenvectors with the smallest eigenvalues of C = E[k k^T], and from the `refresh_every`-th edit on of
                   (K_q K_q^T / q + l1 C) / (1 + l1), K_q the keys of the q edits up to the last refreshing
    2. goals       z = h + delta, as for MEMIT
    3. layers      spread over the edited layers (`spreading.py`); for each:
    4. update      dW^T = (P (K K^T + K_p K_p^T + l1 C) + l2 I)^-1 P K R^T

K_p are the keys that earlier edits of the same stack wrote to.

Deviations: as for AlphaEdit the threshold of P may be a share of the sum of the eigenvalues, and l2 in units of k^T P k. The reference stops for good once
a change is longer than 20 a fact, a guard against a broken run; here a stack goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.closed_form import ClosedFormEditor, LayerMemory
from shatterscope.backend.editors.least_squares import null_space
from shatterscope.backend.editors.spreading import (
    NullSpaceL2,
    NullSpaceThreshold,
    RelativeL2,
    RelativeThreshold,
    SpreadingParameters,
    SpreadOut,
    check_share,
    useless_null_space,
)


class BetaEditParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    nullspace_threshold: NullSpaceThreshold = 0.01
    relative_threshold: RelativeThreshold = True
    covariance_weight: float = Field(
        default=0.1,
        ge=0,
        le=1e9,
        description="l1: weight of the existing keys against the new facts, inside the null space",
    )
    l2: NullSpaceL2 = 0.001
    relative_l2: RelativeL2 = True
    refresh_every: int = Field(default=1000, ge=1, le=10**6, description="Edits of a stack after which P is found anew")


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
    "nullspace_threshold": 0.02,
    "relative_threshold": False,
    "covariance_weight": 3000.0,
    "l2": 10.0,
    "relative_l2": False,
    "refresh_every": 1000,
}
"""The values of the preset `paper`."""


class BetaEdit(ClosedFormEditor[BetaEditParameters]):
    name = "betaedit"
    title = "BetaEdit"
    summary = (
        "As AlphaEdit, a change confined to directions that hardly any key of the text uses, and held back by the little that keys do use them. "
        "In a long stack these directions are found anew, with the edits so far among the keys."
    )
    formula = "dW^T = (P (K K^T + K_p K_p^T + l1 C) + l2 I)^-1 P K R^T,  P: the null space of C = E[k k^T]"
    reference = "Liu et al. 2026, arXiv 2605.09285"
    parameters = BetaEditParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: one layer alone, AlphaEdit's null space, and inside it a tenth of the text's weight. More weight spares more, but "
            "loses the far facts; it never spares as much as MEMIT does without a null space.",
            BetaEditParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL, with the absolute threshold: how many directions that leaves free differs between "
            "checkpoints and layers (rank P tells). l1 = 3000 belongs to far more keys; here it holds nearly every edit back.",
            REFERENCE,
        ),
    }

    def check(self, parameters: BetaEditParameters, layer: int, n_layers: int) -> None:
        super().check(parameters, layer, n_layers)
        check_share(parameters.nullspace_threshold, relative=parameters.relative_threshold)

    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: BetaEditParameters) -> Tensor:
        spared = spared_moment(memory.C, memory.request.carried.get(memory.layer), p)
        P, rank = null_space(spared, p.nullspace_threshold, relative=p.relative_threshold)
        memory.diagnostics[f"null_space_rank.{memory.layer}"] = rank
        memory.warnings.extend(useless_null_space(memory.layer, rank, len(P)))
        return leak_controlled(P, memory.C, K, R, memory.carried(), p)


def spared_moment(C: Tensor, carried: Tensor | None, p: BetaEditParameters) -> Tensor:
    """Step 1: (M, M), what P is the null space of. `carried` (n, M), keys of earlier edits in their order."""
    q = 0 if carried is None else len(carried) // p.refresh_every * p.refresh_every
    if carried is None or not q:
        return C
    keys = carried[:q].to(C)
    return (keys.T @ keys / q + p.covariance_weight * C) / (1 + p.covariance_weight)


def leak_controlled(P: Tensor, C: Tensor, K: Tensor, R: Tensor, H: Tensor, p: BetaEditParameters) -> Tensor:
    """Step 4: (C, M); P, C and H = K_p K_p^T are (M, M). Zero where the keys have no part in the null space."""
    inside = P @ K  # (M, n)
    power = inside.square().sum(0).mean()
    if power == 0:
        return torch.zeros(len(R), len(K), dtype=K.dtype, device=K.device)
    l2 = p.l2 * power if p.relative_l2 else p.l2
    A = P @ (K @ K.T + H + p.covariance_weight * C) + l2 * torch.eye(len(P), dtype=P.dtype, device=P.device)
    return R @ torch.linalg.solve(A, inside).T
