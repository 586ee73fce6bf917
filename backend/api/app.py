"""`create_app`: settings in, the FastAPI application out.

The API is an application of its own, mounted at `/api/v1`: its paths, errors and documentation stay apart from whatever is
served at `/` (the dashboard), and an unknown path under `/api` is a 404 for every method.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from shatterscope.backend import __version__
from shatterscope.backend.api import docs, measures, problems
from shatterscope.backend.api.bodies import MAX_BODY_BYTES, MAX_DEPTH, MAX_ITEMS
from shatterscope.backend.api.door import Door
from shatterscope.backend.api.jobs import JobDesk
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.oracles import Oracles
from shatterscope.backend.api.rooms import (
    LIFETIME_SECONDS,
    MAX_FOLLOWERS,
    MAX_ROOMS,
    MAX_STATE_BYTES,
    RoomLimits,
    Rooms,
)
from shatterscope.backend.api.routes import (
    checkpoints,
    edits,
    exports,
    health,
    in_context,
    league,
    lessons,
    oracles,
    representations,
    reproduction,
    rooms,
    sweeps,
    views,
)
from shatterscope.backend.api.shared import Judge, SharedAnswers
from shatterscope.backend.api.views import MAX_VIEWS, view_limit
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.settings import Settings
from shatterscope.backend.store import RoomStore
from shatterscope.wire.base import Problem
from shatterscope.wire.edits import MAX_EDITS
from shatterscope.wire.sweeps import MAX_SEQUENCE, SweepRow

log = logging.getLogger(__name__)

API_PREFIX = "/api/v1"

DESCRIPTION = f"""Change one fact inside a small transformer and watch the geometry of the others break.

Entities are integers `0..n-1`, relations names (`I_C2`), orders `I`, `II`, `III`; layers count from 0. Accuracies and
probabilities are fractions in [0, 1], times are seconds. Big arrays are base64 of little-endian float32 with a shape.

**Limits.** A body has at most {MAX_BODY_BYTES // 1024} KiB, {MAX_ITEMS} fields and elements, {MAX_DEPTH} levels; an edit stack at most {MAX_EDITS} edits,
and SHATTERSCOPE_WORK_LIMIT steps x contexts in all. Computations run in a bounded queue, clients and kinds of work in turn, small before
large: beyond it the answer is 429 with `Retry-After`. One that runs for SHATTERSCOPE_COMPUTE_SECONDS, or that nobody waits for, is stopped; so is a method of an installed
package after SHATTERSCOPE_EDITOR_SECONDS. A request that asks for what is being computed already joins it
and costs nothing. At most {MAX_ROOMS} rooms are open, {MAX_FOLLOWERS} followers each, for {LIFETIME_SECONDS / 3600:.0f} hours; a
state has at most {MAX_STATE_BYTES // 1024} KiB. Models for the oracle are trained in processes, SHATTERSCOPE_WORKERS at a time. A sweep has at most SHATTERSCOPE_SWEEP_LIMIT edits, a sequence at most {MAX_SEQUENCE}.
At most {MAX_VIEWS} views are stored: those that nobody has opened for the longest time go first, those without a title before the others.

**Errors** are `application/problem+json` (RFC 9457); for invalid input `errors` names the fields. Unknown fields are refused.
"""


def create_app(settings: Settings) -> FastAPI:
    """The whole server but the dashboard, which attaches itself at `/`.

    `app.state.laboratory`, `app.state.rooms` and `app.state.jobs` are there for whoever composes.

    Raises:
        SettingsError: the device or the default checkpoint does not exist.
        StoreError: the state folder cannot be written.
    """
    laboratory = Laboratory(settings)
    for point, reason in EDITORS.problems.items():
        log.warning("the method %s cannot be used: %s", point, reason)
    open_rooms = Rooms(RoomStore(laboratory.store))
    limits, desk = RoomLimits(), JobDesk(laboratory)
    trained = Oracles(laboratory)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(measures.warm_up(laboratory))
        keeping = asyncio.create_task(open_rooms.keep())
        desk.supervisor.start()
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            open_rooms.close()
            await keeping
            desk.close_streams()
            await trained.close()
            await asyncio.to_thread(desk.supervisor.close)
            laboratory.close()

    app = Server(settings, title="Shatterscope", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    api = _create_api()
    for each in (app, api):
        each.state.laboratory, each.state.rooms, each.state.jobs = laboratory, open_rooms, desk
        each.state.oracles = trained
        each.state.room_limits, each.state.view_limit = limits, view_limit()
    app.mount(API_PREFIX, api)
    app.mount("/api", _unknown)
    problems.install(app)
    return app


class Server(FastAPI):
    """An application behind the door, whatever is added to it later."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings
        self.state.inline_scripts = []  # digests of the scripts within pages, as the content policy writes them
        self.state.share_answers = self._share_answers

    def _share_answers(self, path: str, wanted: Judge, sound: Judge) -> None:
        """For a page that many have open at once; see `SharedAnswers`."""
        self.add_middleware(SharedAnswers, path=path, wanted=wanted, sound=sound)

    def build_middleware_stack(self) -> ASGIApp:
        return Door(super().build_middleware_stack(), self._settings, self.state.inline_scripts)


def _create_api() -> FastAPI:
    api = FastAPI(
        title="Shatterscope",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": API_PREFIX}],
        root_path_in_servers=False,
        redirect_slashes=False,
        responses=problems.RESPONSES,
        generate_unique_id_function=lambda route: route.name,
    )
    # Level 1: half of the time of level 6 for the same size (base64 leaves little to find, the rest is small).
    api.add_middleware(_Gzip, minimum_size=1024, compresslevel=1)
    problems.install(api)
    for module in (
        health,
        checkpoints,
        edits,
        oracles,
        representations,
        in_context,
        sweeps,
        reproduction,
        league,
        lessons,
        rooms,
        views,
        exports,
    ):
        api.include_router(module.router)
    docs.install(api)
    _describe_problems(api)
    return api


class _Gzip(GZipMiddleware):
    """Tensors go out as they are: their ETag promises the same bytes, and compression would save next to nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith(("/delta", "/weights")):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _describe_problems(api: FastAPI) -> None:
    """Put `Problem` among the schemas and take FastAPI's own error models out: no route answers with them."""
    plain = api.openapi

    def openapi() -> dict[str, object]:
        if api.openapi_schema is None:
            document = plain()
            schemas = document["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for model in (Problem, SweepRow):  # named by routes that do not return them
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
                schemas.update(schema.pop("$defs"))
                schemas[model.__name__] = schema
        assert api.openapi_schema is not None
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)
