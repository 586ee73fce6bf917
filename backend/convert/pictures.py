"""Pictures before and after."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.convert.arrays import array
from shatterscope.backend.convert.verdicts import judgement
from shatterscope.backend.pictures import Diagnostics, Fit, Projection
from shatterscope.backend.worlds import Relation
from shatterscope.wire.pictures import (
    DiagnosticsInfo,
    ProjectionRequest,
    ProjectionResult,
    ShapeInfo,
    StrengthPicture,
    StrengthsRequest,
    StrengthsResult,
    UnmovedInfo,
)


def projection_result(
    checkpoint: AnyCheckpoint,
    relation: Relation,
    site: str,
    id: str,
    request: ProjectionRequest,
    picture: Projection,
    seconds: float,
) -> ProjectionResult:
    shape = checkpoint.world.groups[relation.group].shape
    return ProjectionResult(
        id=id,
        checkpoint=checkpoint.id,
        edit=request.edit,
        relation=relation.name,
        site=site,
        method=request.method,
        dimensions=request.dimensions,
        align=request.align,
        before=array(picture.before),
        after=array(picture.after),
        entities=_drawn(checkpoint, relation),
        order_position=checkpoint.world.positions(relation).tolist(),
        diagnostics={
            "before": _diagnostics(picture.diagnostics_before, shape),
            "after": _diagnostics(picture.diagnostics_after, shape),
        },
        unmoved=None
        if picture.unmoved is None
        else UnmovedInfo(moved=picture.unmoved.moved, shape=ShapeInfo(**asdict(picture.unmoved.shape))),
        seconds=seconds,
    )


def _drawn(checkpoint: AnyCheckpoint, relation: Relation) -> list[int] | None:
    """The entities of a relation's picture; None where these are all."""
    found = checkpoint.world.domain(relation)
    return None if len(found) == checkpoint.world.n_entities else found.tolist()


def _diagnostics(found: Diagnostics, kind: str) -> DiagnosticsInfo:
    fields = asdict(replace(found, judgement=None))
    judged = None if found.judgement is None else judgement(found.judgement, kind)
    return DiagnosticsInfo(**{**fields, "judgement": judged})


def strengths_result(
    checkpoint: AnyCheckpoint,
    relation: Relation,
    site: str,
    request: StrengthsRequest,
    before: Fit,
    pictures: list[StrengthPicture],
    seconds: float,
) -> StrengthsResult:
    return StrengthsResult(
        checkpoint=checkpoint.id,
        edit=request.edit,
        relation=relation.name,
        site=site,
        method=request.method,
        dimensions=request.dimensions,
        align=request.align,
        before=array(before.map.embedding.astype(np.float32)),
        entities=_drawn(checkpoint, relation),
        order_position=checkpoint.world.positions(relation).tolist(),
        pictures=pictures,
        seconds=seconds,
    )
