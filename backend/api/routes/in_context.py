"""Geometry made in context: no checkpoint and no edit takes part."""

from __future__ import annotations

import time

import torch
from fastapi import APIRouter

from shatterscope.backend import convert
from shatterscope.backend.api.dependencies import LaboratoryDep
from shatterscope.backend.api.problems import ProblemError
from shatterscope.backend.in_context import GRAPHS, ModelFolderError, draw, read, shipped
from shatterscope.wire.in_context import InContextRequest, InContextResult

router = APIRouter(tags=["in context"])


@router.post("/in-context")
async def read_in_context(laboratory: LaboratoryDep, request: InContextRequest) -> InContextResult:
    """A small model reads a random walk on a graph whose words have been put in a new order, and each word's representation is looked at behind every
    word of the text: whether neighbours in the graph come to stand together. A 409 where the model's files cannot be used."""

    def job() -> InContextResult:
        start = time.perf_counter()
        graph, model = GRAPHS[request.graph], shipped()
        text = draw(graph, 1, model.config.context + 1, torch.Generator().manual_seed(request.seed))
        (reading,) = read(model, graph, text)
        return convert.in_context_result(request, graph, reading, time.perf_counter() - start)

    try:
        return await laboratory.compute(f"in-context/{request.graph}/{request.seed}", job)
    except ModelFolderError as error:
        raise ProblemError(409, f"the model that reads cannot be used: {error}") from None
