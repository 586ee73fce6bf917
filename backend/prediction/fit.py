"""How much an edit will break, from edits that were measured: lines by least squares, and their error on edits that they have not seen.

    log R of each sub-graph, and the square root of the loss of recall  =  intercept + sum of coefficient * feature

R spans three decades and fails by factors, so that its logarithm is fitted; the square root makes the error of the loss alike from small to large.
The features are those of `foresee.Foreseen`. The lines are fitted to all edits; their error is measured on edits that were held out: each fifth is
foreseen by lines that are fitted to the other four (cross-validation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

import numpy as np

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.wire.predictions import Damage

LOSS: Damage = "loss"
FOLDS = 5
FEWEST = 24  # edits, below which no line is fitted
SMALL = 1e-6


@dataclass(frozen=True)
class Sample:
    """One edit that was made and measured.

    Attributes:
        features: what was known before (`foresee.Foreseen`).
        measured: R of each sub-graph, and `loss`, the share of direct recall lost (mean over the groups).
        spearman: rank correlation of overlap and displacement over the entities of the relation; None where nothing was predicted.
        auc: how well overlap / margin ranks the answers that changed above those that did not; None where all or none did.
    """

    features: Mapping[str, float]
    measured: Mapping[Damage, float]
    spearman: float | None = None
    auc: float | None = None


@dataclass(frozen=True)
class Expected:
    """A value, and where two of three edits lie: one standard deviation of the error to either side, on the scale that was fitted."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DamageLine:
    """
    Attributes:
        intercept, coefficients: on the fitted scale.
        error: root mean square of the held-out residuals, on that scale.
        r2: of the held-out edits, on that scale.
    """

    target: Damage
    intercept: float
    coefficients: Mapping[str, float]
    error: float
    r2: float

    def expected(self, features: Mapping[str, float]) -> Expected:
        """Raises `KeyError` for a feature that is not there."""
        middle = self.intercept + sum(weight * features[name] for name, weight in self.coefficients.items())
        value, low, high = (_real(self.target, middle + shift) for shift in (0, -self.error, self.error))
        return Expected(value, low, high)


@dataclass(frozen=True)
class Fitted:
    """Lines by target, and how well entities were foreseen: means over the edits of Spearman and AUC, which nothing is fitted for."""

    lines: Mapping[Damage, DamageLine]
    n_edits: int
    spearman: float | None
    auc: float | None


def fit(samples: Sequence[Sample]) -> Fitted:
    """Fit a line for each measure that all samples have. Raises `ValueError` for fewer than `FEWEST`."""
    if len(samples) < FEWEST:
        raise ValueError(f"a prediction is fitted to at least {FEWEST} edits, got {len(samples)}")
    targets = [name for name in samples[0].measured if all(name in each.measured for each in samples)]
    return Fitted(
        {target: least_squares(target, samples) for target in targets},
        len(samples),
        _mean([each.spearman for each in samples]),
        _mean([each.auc for each in samples]),
    )


def least_squares(target: Damage, samples: Sequence[Sample]) -> DamageLine:
    """The line of one measure, by the features that all samples have."""
    names = [name for name in samples[0].features if all(name in each.features for each in samples)]
    X = np.array([[1.0, *(each.features[name] for name in names)] for each in samples])
    y = np.array([_scaled(target, each.measured[target]) for each in samples])
    fold = np.arange(len(y)) % FOLDS
    residual = np.empty_like(y)
    for k in range(FOLDS):
        residual[fold == k] = y[fold == k] - X[fold == k] @ _solve(X[fold != k], y[fold != k])
    spread = float(np.square(y - y.mean()).mean())
    missed = float(np.square(residual).mean())
    weights = _solve(X, y)
    coefficients = dict(zip(names, weights[1:].tolist(), strict=True))
    return DamageLine(target, float(weights[0]), coefficients, missed**0.5, 1 - missed / spread if spread else 0.0)


def _solve(X: FloatArray, y: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(X, y, rcond=None)[0])


def _scaled(target: Damage, value: float) -> float:
    return max(value, 0.0) ** 0.5 if target == LOSS else log(max(value, SMALL))


def _real(target: Damage, scaled: float) -> float:
    return min(max(scaled, 0.0) ** 2, 1.0) if target == LOSS else exp(min(scaled, 5.0))


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
