"""Methods whose whole change is a formula of keys and residuals: they search the same values and write them through layers in the same way
(`spreading.py`), and differ in the formula alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import ClassVar, TypeVar

from torch import Tensor

from shatterscope.backend.editors.base import EditDelta, Editor, WriteRequest
from shatterscope.backend.editors.least_squares import ILL_CONDITIONED, ill_conditioned, solve_covariance
from shatterscope.backend.editors.spreading import (
    SpreadingParameters,
    Update,
    WrittenPart,
    direction_of,
    edited_layers,
    residual_goals,
    write,
)
from shatterscope.backend.editors.targets import spared_moment
from shatterscope.backend.models import LanguageModel

S = TypeVar("S", bound=SpreadingParameters)


@dataclass(frozen=True)
class LayerMemory:
    """The output projection of one layer, as it was before the edit, read as a memory of keys and values.

    Attributes:
        W: (C, M) float64.
        C: (M, M) float64, E[k k^T] of the keys of text.
        request: what is written, and what earlier edits of the stack wrote.
        warnings, diagnostics: what there is to say of the edit; the formula adds to them.
    """

    layer: int
    W: Tensor
    C: Tensor
    request: WriteRequest
    warnings: list[str]
    diagnostics: dict[str, float]

    def carried(self) -> Tensor:
        """(M, M), K_p K_p^T of the keys that earlier edits wrote to."""
        return self.request.carried_moment(self.layer, self.C)

    def solve(self, A: Tensor, B: Tensor) -> Tensor:
        """A^-1 B for a moment A (M, M) of keys; how well it is conditioned is told."""
        solved, condition = solve_covariance(A, B)
        self.diagnostics[f"condition_number.{self.layer}"] = condition
        if condition > ILL_CONDITIONED:
            self.warnings.append(ill_conditioned(condition))
        return solved


@dataclass(frozen=True)
class _Told:
    warnings: list[str] = field(default_factory=list)
    diagnostics: dict[str, float] = field(default_factory=dict)


class ClosedFormEditor(Editor[S]):
    """`linear`: whether the change is linear in the residuals, and so, of one fact, an outer product with a direction that is known before them."""

    batches = True
    linear: ClassVar[bool] = True

    @abstractmethod
    def change(self, memory: LayerMemory, K: Tensor, R: Tensor, p: S) -> Tensor:
        """The formula: keys K (M, n) and residuals R (C, n) -> dW (C, M), all float64."""

    def compute(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, layer: int, parameters: S
    ) -> EditDelta:
        p, layers, told = parameters, edited_layers(model, layer, parameters), _Told()
        goals = residual_goals(model, request, layers[-1], p)
        part = WrittenPart(goals.values, attrgetter("resid_post"), self._update(model, statistics, request, p, told))
        delta = write(model, request, layers, goals.targets, [part], p, share=float)
        return delta.noting(told.warnings, told.diagnostics)

    def direction(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, layer: int, parameters: S
    ) -> Tensor | None:
        if not self.linear:
            return None
        update = self._update(model, statistics, request, parameters, _Told())
        return direction_of(update, model, request, layer, parameters)

    def _update(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, p: S, told: _Told
    ) -> Update:
        def update(layer: int, K: Tensor, R: Tensor) -> Tensor:
            W = model.get_parameter(model.written(layer)).double()
            C = spared_moment(statistics[layer], model, request, layer, p.token, p.protect_siblings)
            return self.change(LayerMemory(layer, W, C, request, told.warnings, told.diagnostics), K, R, p)

        return update
