"""The part of a `SweepRow` that a report needs, for reading thousands of them: half of the time of reading them whole.

The field names are the row's own, so that a `SweepRow` does as well wherever one of these does.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from backend.schemas import Task
from backend.sweep_schemas import Versions


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ChangeDigest(_Part):
    before: float
    after: float
    change: float


class ScoreDigest(_Part):
    task: Task
    order: str
    accuracy: ChangeDigest
    n_available: int


class EstimateDigest(_Part):
    value: float | None


class ShatteringDigest(_Part):
    edit: EstimateDigest
    retain: EstimateDigest | None
    test: EstimateDigest | None


class OutcomeDigest(_Part):
    success: bool
    relative_delta_norm: float


class WantedDigest(_Part):
    accuracy: ChangeDigest


class QualityDigest(_Part):
    efficacy: WantedDigest | None
    generality: WantedDigest | None
    locality: WantedDigest | None
    portability: WantedDigest | None


class HoldingDigest(_Part):
    after: int
    written: float | None
    holding: float | None


class RowDigest(_Part):
    index: int
    method: str
    preset: str
    kind: Literal["counterfactual", "corrective"]
    distance: int
    outcomes: list[OutcomeDigest]
    shattering: ShatteringDigest | None
    scores: list[ScoreDigest]
    quality: QualityDigest | None
    sequence: HoldingDigest | None
    edit_seconds: float
    device: str
    versions: Versions
    finished: str
