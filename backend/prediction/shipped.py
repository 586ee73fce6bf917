"""The edits that a prediction is fitted to, in the checkpoint's folder: `predictions.json`.

It holds what was measured, not the lines: these are fitted when it is read, so that no figure can differ from what it was computed from. A checkpoint
without the file works as before, and one with other weights than those that were measured is not predicted.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import CompleteSpec
from shatterscope.backend.files import UnreadableFile, read_file, read_json
from shatterscope.backend.prediction.fit import FEWEST, Fitted, Sample, fit
from shatterscope.backend.prediction.sampled import Sampled
from shatterscope.backend.reproduction.shipped import shortened
from shatterscope.wire.predictions import Damage, Outside

FILE = "predictions.json"
FORMAT = 1
MAX_BYTES = 16 * 1024 * 1024


class PredictionsError(Exception):
    """A file that cannot be used; the message says what is wrong and what to do."""


class SampledEdit(BaseModel):
    """One edit, and what was known and measured of it (`fit.Sample`)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    subject: int
    relation: str
    object: int
    features: dict[str, float]
    measured: dict[Damage, float]
    spearman: float | None
    auc: float | None

    def sample(self) -> Sample:
        return Sample(self.features, self.measured, self.spearman, self.auc)


class MethodRows(BaseModel):
    """Edits by one method, with all of its parameters. All have the same features and measures."""

    model_config = ConfigDict(extra="forbid")

    preset: str
    layer: int
    parameters: dict[str, Any]
    seed: int
    edits: list[SampledEdit] = Field(min_length=FEWEST)

    @model_validator(mode="after")
    def _alike(self) -> Self:
        first = self.edits[0]
        for each in self.edits:
            if each.features.keys() != first.features.keys() or each.measured.keys() != first.measured.keys():
                raise ValueError("the edits of one method have the same features and the same measures")
        return self

    def outside(self, spec: CompleteSpec) -> list[Outside]:
        """In which ways `spec` is another edit than those that were measured."""
        found: list[Outside] = []
        identifying = EDITORS[spec.method].parameters.identifying
        if identifying(spec.parameters) != identifying(self.parameters):
            found.append("parameters")
        if spec.layer != self.layer:
            found.append("layer")
        if spec.restraint is not None:
            found.append("restraint")
        if spec.implied:
            found.append("implied")
        if spec.strength != 1:
            found.append("strength")
        return found

    def fitted(self) -> Fitted:
        return fit([each.sample() for each in self.edits])


class Predictions(BaseModel):
    """The contents of `predictions.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    checkpoint_sha256: str
    methods: dict[str, MethodRows]


def rows_of(found: Iterable[Sampled], preset: str, seed: int) -> MethodRows:
    """Edits by one method as they are shipped, six significant digits each. Raises `ValueError` for too few."""
    edits = list(found)
    rows = [
        SampledEdit(
            subject=each.spec.subject,
            relation=each.spec.relation,
            object=each.spec.object,
            **shortened(
                {
                    "features": dict(each.sample.features),
                    "measured": dict(each.sample.measured),
                    "spearman": each.sample.spearman,
                    "auc": each.sample.auc,
                }
            ),
        )
        for each in edits
    ]
    if len(rows) < FEWEST:
        raise ValueError(f"a prediction is fitted to at least {FEWEST} edits, got {len(rows)}")
    spec = edits[0].spec
    return MethodRows(preset=preset, layer=spec.layer, parameters=dict(spec.parameters), seed=seed, edits=rows)


def load(folder: Path, checkpoint: Checkpoint) -> Predictions | None:
    """What ships with a checkpoint; None where nothing does.

    Raises:
        PredictionsError: it is damaged, or was measured on other weights.
    """
    name = f"{checkpoint.id}/{FILE}"
    again = f"make it again with: {shlex.join(['shatterscope', 'predict', checkpoint.id, '--ship'])}"
    try:
        found = Predictions.model_validate(read_json(read_file(folder / FILE, MAX_BYTES)))
    except FileNotFoundError:
        return None
    except UnreadableFile as error:
        raise PredictionsError(f"{name} {error}; {again}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "contents"
        raise PredictionsError(f"{name} is damaged ({where}: {first['msg']}); {again}") from None
    if found.format != FORMAT:
        raise PredictionsError(f"{name} has format {found.format}, this version reads {FORMAT}; {again}")
    if found.checkpoint_sha256 != checkpoint.sha256:
        raise PredictionsError(f"{name} was measured on other weights than those of {checkpoint.id!r} now; {again}")
    return found


def ship(folder: Path, checkpoint: Checkpoint, methods: Mapping[str, MethodRows]) -> Path:
    """Write `methods`, beside those that are there and not measured again. Raises `OSError` where it cannot be written."""
    try:
        there = load(folder, checkpoint)
    except PredictionsError:
        there = None
    kept = {} if there is None else there.methods
    file = folder / FILE
    found = Predictions(format=FORMAT, checkpoint_sha256=checkpoint.sha256, methods={**kept, **methods})
    temporary = file.with_name(f"{FILE}.part")
    temporary.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)
    return file
