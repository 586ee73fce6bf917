"""What an editor is: a name, its parameters, and `compute`, which returns a weight delta and touches nothing.

A new editor costs one file with a subclass of `Editor` and one line in `registry.py`; its parameters appear in the API and the
interface by themselves, through their JSON Schema.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from backend.data.contexts import ContextSampler
from backend.model import Transformer


class EditorParameters(BaseModel):
    """Base of every editor's parameters: immutable, and an unknown name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=EditorParameters)


class EditNotPossibleError(ValueError):
    """The edit has no answer on this model (a vanishing key, values that are no longer finite)."""


@dataclass(frozen=True)
class Preset:
    """A named set of parameters, with a sentence on where they come from. Values not given are the schema's defaults."""

    summary: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class EditRequest:
    """The fact to write, in tokens: after `subject relation` the model shall answer `object`."""

    subject: int
    relation: int  # token id
    object: int
    contexts: ContextSampler

    def prompts(self, n: int, context: int, rng: np.random.Generator) -> list[list[int]]:
        """`n` token lists that end with `subject relation`: the bare prompt, then random true facts before it."""
        prompts = [[self.subject, self.relation]]
        lengths = rng.integers(3, context, size=n - 1) if context > 3 else np.empty(0, dtype=np.int64)
        for length in lengths:
            walk = self.contexts.arriving_at(np.array([self.subject]), int(length), rng)[0]
            prompts.append([*walk.tolist(), self.relation])
        return prompts


@dataclass(frozen=True)
class EditDelta:
    """What an edit adds to the weights, and how it went.

    Attributes:
        weights: parameter name -> what is added to it, of its shape and dtype.
        steps: optimisation steps taken.
        loss: of the value optimisation, at its end.
        constraint: (k, v) such that the edited MLP maps the key k (d_mlp,) to v (d_model,), bias included.
        warnings: sentences for people; degeneracies are results, not exceptions.
        diagnostics: the numbers behind them.
    """

    weights: dict[str, Tensor]
    steps: int
    loss: float
    constraint: tuple[Tensor, Tensor] | None = None
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, float] = field(default_factory=dict)

    @property
    def norm(self) -> float:
        """Frobenius norm over all weights."""
        return float(torch.stack([w.double().norm() for w in self.weights.values()]).norm())


class Editor(ABC, Generic[P]):
    """A method that writes one fact into the weights."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    reference: ClassVar[str]
    parameters: type[P]
    presets: ClassVar[Mapping[str, Preset]]
    default_preset: ClassVar[str]
    default_layer: ClassVar[int] = 0

    @abstractmethod
    def compute(
        self, model: Transformer, statistics: Mapping[int, Tensor], request: EditRequest, layer: int, parameters: P
    ) -> EditDelta:
        """The delta that writes `request` into `layer`. The model is left bit-identical; the same inputs give the same delta.

        Args:
            statistics: per layer (d_mlp, d_mlp) float64, E[k k^T] of the MLP keys.

        Raises:
            EditNotPossibleError: no finite update exists.
        """


def apply_delta(model: Transformer, delta: EditDelta, strength: float = 1.0) -> Transformer:
    """A copy of `model` with `strength * delta` added; `model` itself is never changed."""
    edited = copy.deepcopy(model)
    with torch.no_grad():
        for name, change in delta.weights.items():
            edited.get_parameter(name).add_(change, alpha=strength)
    return edited
