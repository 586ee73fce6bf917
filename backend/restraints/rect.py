"""RECT, regularised by relative change (Gu et al. 2024, "Model Editing Harms General Abilities of Large Language Models: Regularization to the Rescue").

Of the change only the entries stay that are largest beside the weight they are added to, |delta / (W + 1e-8)|: the reference keeps 40 %.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.restraints.base import RescaledParameters, Restraint

TINY = 1e-8


class RectParameters(RescaledParameters):
    keep: float = Field(default=0.4, gt=0, le=1, description="Share of the entries that stay")


class Rect(Restraint[RectParameters]):
    name = "rect"
    title = "RECT"
    summary = (
        "Keeps the entries of the change that are largest beside the weight they are added to, and drops the others."
    )
    formula = "delta'_ij = delta_ij where |delta_ij / (W_ij + 1e-8)| is among the largest 40 %, else 0"
    reference = "Gu et al. 2024, arXiv 2401.04700"
    parameters = RectParameters

    def restrain(self, unedited: Tensor, edited: Tensor, delta: Tensor, parameters: RectParameters) -> Tensor:
        relative = (delta / (edited + TINY)).abs().flatten()
        kept = relative.topk(max(round(parameters.keep * len(relative)), 1)).indices
        found = torch.zeros_like(relative)
        found[kept] = delta.flatten()[kept]
        return found.view_as(delta)
