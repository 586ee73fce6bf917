"""SPHERE, hyperspherical energy (Liu et al. 2025, "Energy-Regularized Sequential Model Editing on Hyperspheres").

The rows of W are read as points on a sphere, and a change spares the directions in which they mostly point:

    1. rows       w_i / ||w_i||, the rows of the unedited W (d_model, d_mlp)
    2. principal  S = W^T W / d_model over these rows; U (d_mlp, r) its r largest eigenvectors, r = #(cumulative share <= beta) + 1
    3. project    delta' = delta (I - alpha U U^T)

The reference takes beta = 0.5, and alpha = 0.5 behind AlphaEdit, 0.8 behind MEMIT.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.restraints.base import RescaledParameters, Restraint


class SphereParameters(RescaledParameters):
    alpha: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the change along the principal directions that is taken away; the paper's for AlphaEdit, 0.8 for MEMIT",
    )
    beta: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Share of the rows' spread that the principal directions make up, without the last of them",
    )


class Sphere(Restraint[SphereParameters]):
    name = "sphere"
    title = "SPHERE"
    summary = (
        "Takes out of the change part of what lies along the directions in which the rows of the unedited weights mostly point, so that the rows stay "
        "spread over their sphere as they were."
    )
    formula = "delta' = delta (I - alpha U U^T),  U: the r largest eigenvectors of W^T W / d_model, rows of W at norm 1"
    reference = "Liu et al. 2025, arXiv 2510.01172"
    parameters = SphereParameters

    def restrain(self, unedited: Tensor, edited: Tensor, delta: Tensor, parameters: SphereParameters) -> Tensor:
        U = principal_directions(unedited, parameters.beta)
        return delta - parameters.alpha * (delta @ U) @ U.T


def principal_directions(W: Tensor, beta: float) -> Tensor:
    """(in, r), steps 1 and 2 of the module, of W (out, in). A row of zeros points nowhere."""
    rows = torch.nn.functional.normalize(W, dim=1)
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))  # ascending
    share = values.flip(0).clamp(min=0).cumsum(0)
    r = min(int((share <= beta * share[-1]).sum()) + 1, len(values))
    return vectors[:, len(values) - r :]
