"""PRUNE, bounded perturbation (Ma et al. 2024, "Perturbation-Restrained Sequential Model Editing").

What all edits together have added must not outgrow the weights. Of the accumulated change, this one included,

    sigma' = ln(sigma) - ln(b) + b   for singular values above b = bound * sigma_max(W unedited), the others as they are

and the result *replaces* what was accumulated: delta' = pruned(accumulated + delta) - accumulated. (Added on top of what was accumulated it
would count the earlier edits twice.)

Deviation: never longer than it was. Where b is below 1 the formula lengthens what is just above it.

It has no `keep_efficacy`: of a rank-one change PRUNE takes length and nothing else, and to make it as long again would undo it.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.restraints.base import Restraint, RestraintParameters


class PruneParameters(RestraintParameters):
    bound: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Where singular values begin to be held back, in units of the unedited weight's largest",
    )


class Prune(Restraint[PruneParameters]):
    name = "prune"
    title = "PRUNE"
    summary = (
        "Holds back the singular values of all that the edits so far have added, this one included, where they exceed the largest of the unedited "
        "weights. Below that it changes nothing: it is made for long stacks."
    )
    formula = (
        "sigma' = ln(sigma) - ln(sigma_max) + sigma_max where sigma > sigma_max(W),  sigma: of the accumulated change"
    )
    reference = "Ma et al. 2024, arXiv 2405.16821"
    parameters = PruneParameters

    def restrain(self, unedited: Tensor, edited: Tensor, delta: Tensor, parameters: PruneParameters) -> Tensor:
        accumulated = edited - unedited
        U, sigma, Vh = torch.linalg.svd(accumulated + delta, full_matrices=False)
        bound = parameters.bound * torch.linalg.matrix_norm(unedited, ord=2)
        if sigma[0] <= bound:
            return delta
        held = torch.where(sigma > bound, sigma.minimum(sigma.log() - bound.log() + bound), sigma)
        return (U * held) @ Vh - accumulated
