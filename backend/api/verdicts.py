"""Verdicts on the pictures before and after an edit. A computation of its own, so that no picture waits for its numbers."""

from __future__ import annotations

import time

from shatterscope.backend import convert
from shatterscope.backend.activations import drawn_activations
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.measures import edited_model, fit_before, get_projection, language_points, place_of
from shatterscope.backend.convert import values_of
from shatterscope.backend.layouts import belonging
from shatterscope.backend.verdicts import Side, side
from shatterscope.wire.pictures import ProjectionRequest
from shatterscope.wire.verdicts import VerdictsResult


async def get_verdicts(laboratory: Laboratory, request: ProjectionRequest) -> VerdictsResult:
    start = time.perf_counter()
    checkpoint, relation, site = place_of(laboratory, request)
    edited = await edited_model(laboratory, checkpoint, request.edit)
    drawn = await get_projection(laboratory, request)
    place, fitted = await fit_before(laboratory, request)
    kind, layout = belonging(checkpoint.world, relation)

    spoken = await language_points(laboratory, checkpoint, request, relation, site, edited, request.edit)

    def judge_after() -> Side:
        points = spoken
        if points is None:
            assert edited is not None
            points = drawn_activations(edited.model, checkpoint.world, relation, site).numpy()
        return side(kind, layout, values_of(drawn.after), fitted.points, points)

    before = await laboratory.compute(
        f"verdict/{place}", lambda: side(kind, layout, fitted.map.embedding, fitted.points, fitted.points)
    )
    after = before if request.edit is None else await laboratory.compute(f"verdict/{drawn.id}", judge_after)
    return VerdictsResult(
        checkpoint=checkpoint.id,
        edit=request.edit,
        relation=relation.name,
        site=site,
        kind=kind,
        before=convert.verdict(drawn.diagnostics["before"]),
        after=convert.verdict(drawn.diagnostics["after"]),
        statistics=convert.statistic_changes(kind, before, after),
        seconds=time.perf_counter() - start,
    )
