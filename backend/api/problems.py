"""Every error as an RFC 9457 problem document (`application/problem+json`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from shatterscope.backend.api.executor import Busy, TooLong
from shatterscope.backend.lm.pretrained import LanguageModelError
from shatterscope.backend.store import StoreError
from shatterscope.wire.base import FieldError, Problem

MAX_ERRORS = 20  # that are told
MAX_TEXT = 300  # characters of one of them


class ProblemError(Exception):
    """An error a route answers with; `errors` are (field path, message) pairs."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = [FieldError(field=field, message=message) for field, message in errors]
        self.headers = headers


def invalid(field: str, message: str) -> ProblemError:
    """A 422 about one field, its path as in `body.edits.0.subject`."""
    return ProblemError(422, f"{field}: {message}", [(field, message)])


def problem_response(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors))
    return JSONResponse(problem.model_dump(mode="json"), status, headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn everything that can be raised into a problem document."""

    @app.exception_handler(ProblemError)
    async def on_problem(_: Request, error: ProblemError) -> JSONResponse:
        return problem_response(error.status, error.detail, error.errors, error.headers)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 304:
            return Response(status_code=304, headers=error.headers)
        detail = str(error.detail)
        if error.status_code == 404 and detail == "Not Found":
            detail = f"there is nothing at {request.url.path}; the routes are listed at /api/v1/docs"
        elif error.status_code == 405:
            detail = f"{request.method} is not possible at {request.url.path}"
        return problem_response(error.status_code, detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        errors = [_field_error(item) for item in found[:MAX_ERRORS]]
        detail = "; ".join(f"{item.field}: {item.message}" for item in errors[:3])
        if len(found) > len(errors):
            detail += f"; {len(found)} errors in all, of which the first {len(errors)} are listed"
        return problem_response(422, detail, errors)

    @app.exception_handler(Busy)
    async def on_busy(_: Request, error: Busy) -> JSONResponse:
        return problem_response(429, str(error), headers={"Retry-After": str(error.retry_after)})

    @app.exception_handler(TooLong)
    async def on_too_long(_: Request, error: TooLong) -> JSONResponse:
        return problem_response(422, str(error))

    @app.exception_handler(LanguageModelError)
    async def on_language_model(_: Request, error: LanguageModelError) -> JSONResponse:
        return problem_response(409, str(error))

    @app.exception_handler(StoreError)
    async def on_store(_: Request, error: StoreError) -> JSONResponse:
        return problem_response(503, error.public)

    @app.exception_handler(Exception)
    async def on_anything(_: Request, error: Exception) -> JSONResponse:  # it is raised again after this, and logged
        return problem_response(500, "the server failed at this request; its log has the details")


def _field_error(item: Any) -> FieldError:
    path = ".".join(str(part) for part in item["loc"]) or "body"
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "unknown field; remove it"
    return FieldError(field=_short(path), message=_short(message))


def _short(text: str) -> str:
    """What came from outside is not sent back at any length."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


# Documented with every route, so that the OpenAPI document says what can come back.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        404: "No such checkpoint, edit, job, shipped run, lesson, room or view.",
        409: "A language model is not on this machine, or cannot be asked this; or the edit or shipped run was made on weights that are here no longer, the run is damaged, the job has ended, or the files of a lesson cannot be used.",
        413: "The request body is larger than 1 MiB.",
        422: "Invalid input; `errors` names the fields.",
        429: "Too many computations are waiting; `Retry-After` says when to try again.",
        503: "The store cannot be read or written, or keeps as many views as it may.",
    }.items()
}
