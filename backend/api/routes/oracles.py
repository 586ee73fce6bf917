"""Oracles: a fact learned by training, beside a control."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shatterscope.backend import convert
from shatterscope.backend.api.dependencies import OraclesDep
from shatterscope.backend.api.problems import ProblemError
from shatterscope.backend.editors import ORACLE
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.oracles import OracleCreated, OracleInfo, OracleRequest

router = APIRouter(tags=["oracles"])

OracleId = Annotated[str, Path(description="id of an oracle, as returned by POST /oracles")]
Asker = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="the token of POST /oracles")),
]
REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"description": "The bearer token is missing."},
    403: {"description": "It is of no request for this oracle."},
}


@router.get("/oracles/method")
async def get_oracle_method() -> EditorInfo:
    """What the oracle is, and its parameters as JSON Schema. It is no editor, but `oracle` is a method of POST /edits: that waits until it is trained."""
    return convert.editor_info(ORACLE)


@router.post("/oracles", status_code=202)
async def start_oracle(oracles: OraclesDep, request: OracleRequest) -> OracleCreated:
    """Train two models in the background, from the checkpoint's weights on: one on the world's text with the fact changed, and a control on the same
    text without. Where the same is in training, this joins it; where it is kept, it is done at once. Keep the token: it takes the request back."""
    return await oracles.create(request)


@router.get("/oracles")
async def list_oracles(oracles: OraclesDep) -> list[OracleInfo]:
    """Those in training, and those that failed of late."""
    return oracles.list()


@router.get("/oracles/{id}")
async def get_oracle(oracles: OraclesDep, id: OracleId) -> OracleInfo:
    """How far it is, and what went wrong."""
    return await oracles.get(id)


@router.delete("/oracles/{id}", responses=REFUSED)
async def cancel_oracle(oracles: OraclesDep, id: OracleId, asker: Asker) -> OracleInfo:
    """Take the request back. When nobody waits any more, training ends at once and nothing is kept; one that is done stays."""
    await oracles.get(id)
    if asker is None:
        detail = "send the token of POST /oracles as `Authorization: Bearer <token>`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
    return await oracles.cancel(id, asker.credentials)
