"""The only module that talks to the API: in process by default, over HTTP when pointed at a URL.

Every method takes the edits themselves, not an edit's id: the id is a cache key of the server, and asking for the edits first
(`POST /edits`) makes a page outlive a restarted server.

What a page shows is asked for once: callbacks that want the same at the same time share one request, and its answer is kept for a minute, by what was
asked. When the server's checkpoints are others than before, all that it answered is forgotten.
"""

from __future__ import annotations

import copy
import json
import logging
import re
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shatterscope.app.kit.answers import AskedOnce
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.world import World
from shatterscope.wire.base import Problem
from shatterscope.wire.edits import EditorInfo, EditResult, ImpliedFact
from shatterscope.wire.in_context import GraphName, InContextResult
from shatterscope.wire.league import League
from shatterscope.wire.lessons import Lesson, LessonList
from shatterscope.wire.measures import EvaluationResult, SitesResult
from shatterscope.wire.notes import NotesResult
from shatterscope.wire.oracles import OracleCreated, OracleInfo
from shatterscope.wire.pictures import ProjectionResult, StrengthsResult
from shatterscope.wire.placements import PlacementsResult
from shatterscope.wire.predictions import PredictionResult
from shatterscope.wire.reproduction import KeysValues, Report, Reproduction, RingsResult, Tracing
from shatterscope.wire.share import NewView, View, ViewCreated
from shatterscope.wire.sweeps import ENDED, JobCreated, JobInfo, SweepRequest
from shatterscope.wire.verdicts import VerdictsResult
from shatterscope.wire.world import CheckpointInfo, ErrorList, FactInfo, KnowledgeInfo, Targets, WorldInfo

Model = TypeVar("Model", bound=BaseModel)
Edits = tuple[Edit, ...]

TIMEOUT = httpx.Timeout(120.0, connect=5.0)
KEEP_SECONDS = 60.0
MAX_RECENT = 128  # answers of a minute; the largest, pictures at several strengths, have some 300 KB
MAX_LASTING = 1024  # worlds, and targets of questions
INSIDE = "shatterscope.inside"


class ApiError(Exception):
    """What went wrong, in words for the person at the page; `detail` names fields as the API does."""

    def __init__(self, status: int, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail or message

    def answer(self) -> PlainTextResponse:
        """For who asked for a file or a drawing: what the API refused is refused; where it failed or was not reached, later may be better."""
        status = self.status if 400 <= self.status < 500 else 503
        return PlainTextResponse(self.message, status, {"Retry-After": "10"} if status in (429, 503) else None)


class Client:
    """`server`: the API in this process; `base_url`: an API elsewhere (give one of the two)."""

    def __init__(self, server: FastAPI | None = None, base_url: str | None = None) -> None:
        if (server is None) == (base_url is None):
            raise ValueError("give exactly one of `server` and `base_url`")
        transport = None if server is None else httpx.ASGITransport(app=_logged(server), raise_app_exceptions=False)
        headers = (
            {} if server is None else {"Accept-Encoding": "identity"}
        )  # nothing is saved by compressing in one process
        self.address = (base_url or "").rstrip("/")  # for links: empty where the API is on this page's own server
        self.origin = ""  # the address of the pages, for links in files that are read elsewhere
        self._checkpoints = AskedOnce(1, KEEP_SECONDS)
        self._recent, self._lasting = AskedOnce(MAX_RECENT, KEEP_SECONDS), AskedOnce(MAX_LASTING)
        self._known: list[CheckpointInfo] = []  # the checkpoints that these answers are about
        self._http = httpx.AsyncClient(
            transport=transport,
            base_url=f"{(base_url or 'http://in-process').rstrip('/')}/api/v1",
            timeout=TIMEOUT,
            headers=headers,
        )

    def reached_at(self, origin: str) -> Client:
        """The same, for whoever reaches the pages at `origin`."""
        found = copy.copy(self)
        found.origin = origin
        return found

    async def checkpoints(self, anew: bool = False) -> list[CheckpointInfo]:
        """`anew`: as they are now, for a page that is opened."""
        if anew:
            self._checkpoints.clear()
        return await self._checkpoints.get("all", self._ask_checkpoints)

    async def _ask_checkpoints(self) -> list[CheckpointInfo]:
        found = TypeAdapter(list[CheckpointInfo]).validate_python(await self._json("GET", "/checkpoints"))
        if found != self._known:
            if self._known:
                self._recent.clear()
                self._lasting.clear()
            self._known[:] = found
        return found

    async def editors(self) -> list[EditorInfo]:
        """Asked for once: what a server can do does not change while it runs."""

        async def ask() -> list[EditorInfo]:
            return TypeAdapter(list[EditorInfo]).validate_python(await self._json("GET", "/editors"))

        return await self._lasting.get("editors", ask)

    async def compared(self) -> list[EditorInfo]:
        """The editors, and the oracle behind them, which is made as an edit is."""
        return [*await self.editors(), await self._lasting.get("oracle", self._ask_oracle)]

    async def _ask_oracle(self) -> EditorInfo:
        return await self._get("/oracles/method", EditorInfo, {})

    async def start_oracle(self, checkpoint: str, edit: Edit) -> OracleCreated:
        """Begin to train what `edit` says, or join the training."""
        spec = edit.to_spec()
        asked = {name: spec[name] for name in ("subject", "relation", "object", "distance", "implied") if name in spec}
        return OracleCreated.model_validate(
            await self._json("POST", "/oracles", json={"checkpoint": checkpoint, **asked})
        )

    async def oracle(self, id: str) -> OracleInfo:
        return await self._get(f"/oracles/{quote(id, safe='')}", OracleInfo, {})

    async def cancel_oracle(self, id: str, token: str) -> None:
        """Take back what `start_oracle` asked for."""
        await self._answer("DELETE", f"/oracles/{quote(id, safe='')}", headers={"Authorization": f"Bearer {token}"})

    async def fact(self, checkpoint: str, subject: int, relation: str, edits: Edits = ()) -> FactInfo:
        params: dict[str, Any] = {"subject": subject, "relation": relation}
        return await self._with_edit(
            "GET", f"/checkpoints/{checkpoint}/facts", FactInfo, checkpoint, edits, params=params
        )

    async def targets(self, checkpoint: str, subject: int, relation: str) -> Targets:
        """Asked for once: facts of a world do not change."""
        path, params = f"/checkpoints/{checkpoint}/targets", {"subject": subject, "relation": relation}
        return await self._lasting.get(f"{path} {subject} {relation}", lambda: self._get(path, Targets, params))

    async def implied(
        self, checkpoint: str, subject: int, relation: str, object: int, edits: Edits = ()
    ) -> list[ImpliedFact]:
        """What an edit of this fact, made after `edits` with all that it implies, writes together with it."""
        params: dict[str, Any] = {"subject": subject, "relation": relation, "object": object}
        if edits:
            params["edit"] = (await self.edit(checkpoint, edits)).id
        found = await self._json("GET", f"/checkpoints/{checkpoint}/implied", params=params)
        return TypeAdapter(list[ImpliedFact]).validate_python(found)

    async def errors(self, checkpoint: str, limit: int = 12) -> ErrorList:
        return await self._get(f"/checkpoints/{checkpoint}/errors", ErrorList, {"limit": limit})

    async def edit(self, checkpoint: str, edits: Edits) -> EditResult:
        return await self._shared("POST", "/edits", EditResult, json=_stack(checkpoint, edits))

    async def projection(self, checkpoint: str, edits: Edits, **what: Any) -> ProjectionResult:
        """`what`: relation, site, method, dimensions, n_neighbors, align, as in `ProjectionRequest`."""
        body = {"checkpoint": checkpoint, **_given(what)}
        return await self._with_edit("POST", "/projections", ProjectionResult, checkpoint, edits, json=body)

    async def verdicts(self, checkpoint: str, edits: Edits, **what: Any) -> VerdictsResult:
        """On the pictures of `projection`."""
        body = {"checkpoint": checkpoint, **_given(what)}
        return await self._with_edit("POST", "/verdicts", VerdictsResult, checkpoint, edits, json=body)

    async def strengths(self, checkpoint: str, edits: Edits, strengths: list[float], **what: Any) -> StrengthsResult:
        """Pictures of the stack with its last step at each of `strengths`; `what` as for `projection`."""
        body = {"checkpoint": checkpoint, "strengths": strengths, **_given(what)}
        return await self._with_edit("POST", "/projections/strengths", StrengthsResult, checkpoint, edits, json=body)

    async def evaluation(self, checkpoint: str, edits: Edits) -> EvaluationResult:
        body: dict[str, Any] = {"checkpoint": checkpoint, "edit": None}
        return await self._with_edit("POST", "/evaluations", EvaluationResult, checkpoint, edits, json=body)

    async def sites(self, checkpoint: str, edits: Edits, sites: Sequence[str] | None = None) -> SitesResult:
        """R of `edits` at `sites` (None: at all sites)."""
        body = {"checkpoint": checkpoint, "sites": None if sites is None else list(sites)}
        return await self._with_edit("POST", "/evaluations/sites", SitesResult, checkpoint, edits, json=body)

    async def placements(self, checkpoint: str, edits: Edits) -> PlacementsResult:
        """The last of `edits` that is there, made at every layer and token."""
        return await self._shared("POST", "/evaluations/placements", PlacementsResult, json=_stack(checkpoint, edits))

    async def prediction(self, checkpoint: str, edits: Edits, measured: bool = False) -> PredictionResult:
        """What the last of `edits` will do behind the others; `measured`: beside what it does."""
        body = {**_stack(checkpoint, edits), "measured": measured}
        return await self._shared("POST", "/predictions", PredictionResult, json=body)

    async def notes(self, checkpoint: str, edits: Edits) -> NotesResult:
        """What `edits` say in the end, told before the question to the unedited model."""
        said = {(edit.subject, edit.relation): edit.to_spec() for edit in edits}
        kept = ("subject", "relation", "object", "distance")
        body = {
            "checkpoint": checkpoint,
            "notes": [{name: each[name] for name in kept if name in each} for each in said.values()],
        }
        return await self._shared("POST", "/evaluations/notes", NotesResult, json=body)

    async def world(self, checkpoint: str) -> World:
        """Asked for once: a checkpoint's world does not change."""

        async def ask() -> World:
            return World(await self._get(f"/checkpoints/{checkpoint}/world", WorldInfo, {}))

        return await self._lasting.get(f"world {checkpoint}", ask)

    async def knowledge(self, checkpoint: str) -> KnowledgeInfo:
        """Asked for once, of a language model: what it knows does not change."""
        path = f"/checkpoints/{checkpoint}/knowledge"
        return await self._lasting.get(path, lambda: self._get(path, KnowledgeInfo, {}))

    async def reproduction(self, checkpoint: str) -> Reproduction | None:
        """The run that ships with a checkpoint; None where there is none."""
        try:
            return await self._get(f"/checkpoints/{checkpoint}/reproduction", Reproduction, {})
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def league(self, checkpoint: str, set: str, distance: int | None) -> League | None:
        """The table that ships with a checkpoint; None where there is none."""
        params = {"set": set} | ({} if distance is None else {"distance": distance})
        try:
            return await self._get(f"/checkpoints/{checkpoint}/league", League, params)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def report(self, sweep: str) -> Report:
        return await self._get(f"/sweeps/{sweep}/report", Report, {})

    async def sweep(self, request: SweepRequest) -> JobCreated:
        """Starts a job."""
        return JobCreated.model_validate(await self._json("POST", "/sweeps", json=request.model_dump(mode="json")))

    async def job(self, id: str) -> JobInfo:
        return await self._get(f"/jobs/{id}", JobInfo, {})

    async def going(self, checkpoint: str) -> list[JobInfo]:
        """Sweeps of a checkpoint that have not ended, the oldest first."""
        found = TypeAdapter(list[JobInfo]).validate_python(await self._json("GET", "/jobs"))
        return [job for job in reversed(found) if job.checkpoint == checkpoint and job.status not in ENDED]

    async def steer(self, id: str, what: str, token: str | None = None) -> JobInfo:
        """`what`: pause, resume or cancel; `token`: the job's, where this browser asked for it."""
        method, path = ("DELETE", f"/jobs/{id}") if what == "cancel" else ("POST", f"/jobs/{id}/{what}")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return JobInfo.model_validate(await self._json(method, path, headers=headers))

    async def tracings(self, checkpoint: str) -> list[Tracing]:
        found = await self._json("POST", "/tracings", json={"checkpoint": checkpoint})
        return TypeAdapter(list[Tracing]).validate_python(found)

    async def keys_values(self, checkpoint: str, relation: str, layer: int) -> KeysValues:
        body = {"checkpoint": checkpoint, "relation": relation, "layer": layer}
        return KeysValues.model_validate(await self._json("POST", "/keys-values", json=body))

    async def rings(self, checkpoint: str, edits: Edits, entities: int, relations: Sequence[str] = ()) -> RingsResult:
        """Relations (all, if none is named) before and after `edits`; `entities` points of each."""
        body: dict[str, Any] = {"checkpoint": checkpoint, "entities": entities, "relations": list(relations)}
        return await self._with_edit("POST", "/rings", RingsResult, checkpoint, edits, json=body)

    async def in_context(self, graph: GraphName, seed: int) -> InContextResult:
        """A text about a graph, read by the model that ships for it."""
        return await self._shared("POST", "/in-context", InContextResult, json={"graph": graph, "seed": seed})

    async def lessons(self) -> LessonList:
        return await self._get("/lessons", LessonList, {})

    async def lesson(self, id: str) -> Lesson:
        return await self._get(f"/lessons/{quote(id, safe='')}", Lesson, {})

    async def store_view(self, view: NewView) -> ViewCreated:
        return ViewCreated.model_validate(await self._json("POST", "/views", json=view.model_dump(mode="json")))

    async def view(self, id: str) -> View:
        return await self._get(f"/views/{quote(id, safe='')}", View, {})

    async def gallery(self) -> list[View]:
        return TypeAdapter(list[View]).validate_python(await self._json("GET", "/views"))

    async def delete_view(self, id: str, token: str) -> None:
        await self._answer("DELETE", f"/views/{quote(id, safe='')}", headers={"Authorization": f"Bearer {token}"})

    async def qr(self, text: str) -> str:
        """A QR code, an SVG."""
        return (await self._answer("GET", "/qr", params={"text": text})).text

    async def export(self, checkpoint: str, edits: Edits, format: str, **what: Any) -> bytes:
        """`format`: json or csv; `what` as for `projection`, and `link`."""
        body = {**_stack(checkpoint, edits), **_given(what)}
        return (await self._answer("POST", "/exports", params={"format": format}, json=body)).content

    async def weights(self, checkpoint: str, edits: Edits, what: str) -> bytes:
        """A safetensors file; `what`: weights (the complete edited ones) or delta (the change)."""
        id = (await self.edit(checkpoint, edits)).id
        return (await self._answer("GET", f"/edits/{id}/{what}")).content

    async def _with_edit(
        self, method: str, path: str, model: type[Model], checkpoint: str, edits: Edits, **request: dict[str, Any]
    ) -> Model:
        """Sends the request with the id of `edits`; asks once more, for the edits as well, if the server does not know the id any more."""
        place = "params" if method == "GET" else "json"
        for last_try in (False, True):
            if edits:
                request[place]["edit"] = (await self.edit(checkpoint, edits)).id
            try:
                return await self._shared(method, path, model, **request)
            except ApiError as error:
                if error.status != 404 or not edits or last_try:
                    raise
                self._recent.forget(_key("POST", "/edits", json=_stack(checkpoint, edits)))
        raise AssertionError("unreachable")

    async def _shared(self, method: str, path: str, model: type[Model], **request: Any) -> Model:
        """One request for all who ask the same, now and for some time."""

        async def ask() -> Model:
            return model.model_validate(await self._json(method, path, **request))

        return await self._recent.get(_key(method, path, **request), ask)

    async def _get(self, path: str, model: type[Model], params: dict[str, Any]) -> Model:
        return model.model_validate(await self._json("GET", path, params=params))

    async def _json(self, method: str, path: str, **request: Any) -> Any:
        return (await self._answer(method, path, **request)).json()

    async def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **request)
        except httpx.TimeoutException as error:
            raise ApiError(
                0, "The server did not answer in two minutes. Try again, or make the request smaller."
            ) from error
        except httpx.HTTPError as error:
            raise ApiError(
                0, "The server cannot be reached. Is it running? The page tries again with your next click."
            ) from error
        if response.is_success:
            return response
        raise _refused(response)


def _given(what: dict[str, Any]) -> dict[str, Any]:
    """Without what is left to the API's own defaults."""
    return {key: value for key, value in what.items() if value is not None}


def _stack(checkpoint: str, edits: Edits) -> dict[str, Any]:
    return {"checkpoint": checkpoint, "edits": [edit.to_spec() for edit in edits]}


def _key(method: str, path: str, **request: Any) -> str:
    """What is asked, to the letter."""
    return f"{method} {path} {json.dumps(request, sort_keys=True)}"


def _logged(app: ASGIApp) -> ASGIApp:
    """The same application, asked from inside (the door looks at `INSIDE`); what goes wrong in it is written to the log, as a server on
    a port does."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app({**scope, INSIDE: True}, receive, send)
        except Exception:
            logging.getLogger(__name__).exception("%s %s failed", scope.get("method"), scope.get("path"))
            raise

    return logged


def _refused(response: httpx.Response) -> ApiError:
    """One line from a problem document: the detail, and the fields at fault that it does not name, each once and as the page calls it."""
    status = response.status_code
    if status == 429:
        wait = response.headers.get("Retry-After", "a few")
        return ApiError(status, f"The server is busy with other people's requests. Try again in {wait} seconds.")
    try:
        problem = Problem.model_validate(response.json())
    except (ValueError, ValidationError):
        return ApiError(status, f"The server answered {status} without an explanation. Its log has the reason.")
    said = problem.detail or problem.title
    fields = "; ".join(f"{error.field}: {error.message}" for error in problem.errors if error.message not in said)
    return ApiError(status, _FIELD.sub(_field, f"{said}{f' ({fields})' if fields else ''}"), said)


_FIELD = re.compile(r"\bbody\.(?:edits\.([0-9]+)(?:\.parameters)?(\.)?)?")


def _field(found: re.Match[str]) -> str:
    """`body.edits.0.parameters.token` is the token of edit 1."""
    return "" if found[1] is None else f"edit {int(found[1]) + 1}{', ' if found[2] else ''}"
