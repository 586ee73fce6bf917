"""What a restraint is: a filter on the change of one weight matrix, after any editor that changes weights.

    delta' = restrain(W unedited, W as edited so far, delta)

A filter weakens the write: the keys that the edit wrote to no longer get their values. With `keep_efficacy` what is left of the change is
made longer by one factor, so that they get them again as well as one factor can,

    c = <delta K, delta' K> / ||delta' K||^2,    which for a rank-one change, delta = v u^T, is  u.k / (u.P k)

So methods are compared at equal efficacy: a filter that only writes less does less damage as well. (The papers do not rescale; `keep_efficacy` is ours.)
A new restraint costs one file with a subclass of `Restraint` and one line in `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from shatterscope.backend.editors import EditDelta, EditNotPossibleError
from shatterscope.backend.models import LanguageModel

MUCH_LEFT = 0.5


class RestraintParameters(BaseModel):
    """Base of every restraint's parameters: immutable, and an unknown name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RescaledParameters(RestraintParameters):
    """Of restraints that change the direction of a change, not its length alone."""

    keep_efficacy: bool = Field(
        default=True,
        description="Make what is left of the change longer, so that the keys it was written to get their values again",
    )


P = TypeVar("P", bound=RestraintParameters)


class Restraint(ABC, Generic[P]):
    """A filter on a weight change. `summary` says what it does, `formula` how, `reference` who found it."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    reference: ClassVar[str]
    parameters: type[P]

    @abstractmethod
    def restrain(self, unedited: Tensor, edited: Tensor, delta: Tensor, parameters: P) -> Tensor:
        """delta', what is added to `edited` instead of `delta`.

        Args:
            unedited: (out, in) float64, the weight matrix of the unedited model.
            edited: (out, in) float64, as the edits before this one left it.
            delta: (out, in) float64, finite.
        """


def restrain(
    restraint: Restraint[Any], parameters: Any, unedited: LanguageModel, edited: LanguageModel, delta: EditDelta
) -> EditDelta:
    """`delta` with every weight matrix filtered; biases stay. The diagnostics tell the factor of each layer whose keys the editor told, and what
    share of the values is missing there all the same.

    Raises:
        EditNotPossibleError: what is left is not finite.
    """
    keys = {edited.written(layer): (layer, wrote) for layer, wrote in delta.keys.items()}
    weights, warnings, diagnostics = dict[str, Tensor](), list[str](), dict[str, float]()
    for name, change in delta.weights.items():
        if change.ndim != 2:
            weights[name] = change
            continue
        wanted = change.double()
        before, now = (model.get_parameter(name).detach().double() for model in (unedited, edited))
        kept = restraint.restrain(before, now, wanted, parameters)
        if name in keys:
            layer, wrote = keys[name]
            K = wrote.double().T  # (in, n)
            if getattr(parameters, "keep_efficacy", False):
                factor = diagnostics[f"restraint_factor.{layer}"] = rescaling(wanted @ K, kept @ K)
                kept = factor * kept
            left = ((wanted - kept) @ K).norm().item() / max(
                (wanted @ K).norm().item(), torch.finfo(torch.float64).tiny
            )
            diagnostics[f"restraint_left.{layer}"] = left
            if left > MUCH_LEFT:
                warnings.append(f"{restraint.title} holds back {left:.0%} of what was to be written at layer {layer}.")
        if not bool(torch.isfinite(kept).all()):
            raise EditNotPossibleError(
                f"what {restraint.title} leaves of the change is not finite; leave it out, or edit another layer or fact",
                "restraint",
            )
        weights[name] = kept.to(change.dtype)
    return replace(delta, weights=weights).noting(warnings, diagnostics)


def rescaling(wanted: Tensor, kept: Tensor) -> float:
    """The factor c for which c kept is nearest to `wanted`, (out, n) each; 1 where nothing is kept."""
    power = kept.square().sum().item()
    return (wanted * kept).sum().item() / power if power > 0 else 1.0
