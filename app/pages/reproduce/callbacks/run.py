"""Running it again: how much it would be, starting, following and steering the jobs.

Progress comes to the browser as server-sent events (`frontend_assets/reproduce`); where those cannot be had, it asks here.
"""

from __future__ import annotations

import time
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.pages.reproduce import names, sentences
from shatterscope.app.pages.reproduce.protocol import again
from shatterscope.app.pages.reproduce.runs import requests
from shatterscope.wire.sweeps import ENDED

Json = dict[str, Any]
MAX_TOKENS = 100
STEERS = {names.PAUSE: "pause", names.RESUME: "resume", ids.SWEEP_CANCEL: "cancel"}


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("reproduce", "follow"),
        Output(names.RUNNING, "hidden"),
        Input(names.RUN, "data"),
        Input(names.STEERED, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("reproduce", "progress"),
        Output(names.PROGRESS_WORDS, "children"),
        Output(ids.REPRODUCE_PROGRESS, "aria-valuenow"),
        Output(ids.REPRODUCE_PROGRESS, "data-state"),
        Output(ids.REPRODUCE_PROGRESS, "style"),
        Output(names.PAUSE, "hidden"),
        Output(names.RESUME, "hidden"),
        Output(ids.SWEEP_CANCEL, "hidden"),
        Output(ids.REPRODUCE_RUN, "disabled"),
        Input(names.RUNNING_JOBS, "data"),
        State(names.RUN, "data"),
    )

    @app.callback(
        Output(names.ESTIMATE, "children"),
        Input(names.RUN, "data"),
        Input(names.EDITS, "value"),
        Input(names.PARTS, "value"),
        prevent_initial_call=True,
    )
    async def estimate(run: Json | None, edits: int, parts: str) -> Any:
        if run is None:
            raise PreventUpdate
        try:
            return sentences.estimate(
                again(await requests(client, run["checkpoint"]), run["checkpoint"], edits, parts == "all")
            )
        except ApiError:
            return ""  # the tables say what is wrong

    @app.callback(
        Output(names.STARTED, "data"),
        Output(names.TOKENS, "data"),
        Output(names.PROBLEM_RUN, "children"),
        Input(ids.REPRODUCE_RUN, "n_clicks"),
        State(ids.URL_IN, "data"),
        State(ids.CHECKPOINT, "value"),
        State(names.SHIPPED, "n_clicks"),
        State(names.EDITS, "value"),
        State(names.PARTS, "value"),
        State(names.TOKENS, "data"),
        running=[(Output(ids.REPRODUCE_RUN, "disabled"), True, False)],  # a second click would start a second run
        prevent_initial_call=True,
    )
    async def start(
        clicks: int | None, url: Json | None, checkpoint: str | None, shipped: int | None, edits: int, parts: str,
        tokens: Json | None,
    ) -> Any:  # fmt: skip
        """The run is shown where the page is still what it was at the click; else it goes on, and its checkpoint's page tells of it."""
        if not clicks or url is None or checkpoint is None:
            raise PreventUpdate
        jobs: dict[str, str] = {}
        problem = ""
        try:
            asked = again(await requests(client, checkpoint), checkpoint, edits, parts == "all")
            while len(jobs) < len(asked):
                job = await client.sweep(asked[len(jobs)])
                jobs[job.id] = job.token
        except ApiError as error:  # what was started before goes on
            problem = f"{'The sequences' if jobs else 'The run'} could not be started: {error.message}"
        if not jobs:
            return no_update, no_update, problem
        asked_on = {"url": url["at"], "shipped": shipped, "checkpoint": checkpoint}
        return {"jobs": list(jobs), "at": time.time(), "asked": asked_on}, _kept({**(tokens or {}), **jobs}), problem

    @app.callback(
        Output(names.STEERED, "data"),
        Output(names.PROBLEM_RUN, "children", allow_duplicate=True),
        *(Input(name, "n_clicks") for name in STEERS),
        State(names.RUN, "data"),
        State(names.RUNNING_JOBS, "data"),
        State(names.TOKENS, "data"),
        running=[
            (Output(name, "disabled"), True, False) for name in STEERS
        ],  # what was ordered is done before the next
        prevent_initial_call=True,
    )
    async def steer(pause: int, resume: int, cancel: int, run: Json, jobs: Json | None, tokens: Json | None) -> Any:
        what = STEERS.get(ctx.triggered_id)
        if what is None or not any((pause, resume, cancel)):
            raise PreventUpdate
        status = {id: (jobs or {}).get(id, {}).get("status") for id in run["jobs"]}
        chosen = [id for id in run["jobs"] if (status[id] != "done" if what == "resume" else status[id] not in ENDED)]
        try:
            # The last one first: else it would begin when the one before it stops.
            for id in chosen if what == "resume" else reversed(chosen):
                await client.steer(id, what, (tokens or {}).get(id))
        except ApiError as error:
            if error.status in (401, 403):
                return (
                    time.time(),
                    "Only the browser that started this run can steer it, and the computer that the server runs on.",
                )
            return time.time(), f"The run could not be steered: {error.message}"
        return time.time(), ""

    @app.callback(
        Output(names.RUNNING_JOBS, "data"),
        Output(names.POLL, "disabled"),
        Input(names.POLL, "n_intervals"),
        State(names.RUN, "data"),
        prevent_initial_call=True,
    )
    async def poll(_: int, run: Json | None) -> Any:
        if run is None or not run["jobs"]:
            return no_update, True
        found = {}
        try:
            for id in run["jobs"]:
                found[id] = (await client.job(id)).model_dump(mode="json")
        except ApiError as error:
            return no_update, error.status == 404
        return found, all(info["status"] in ENDED for info in found.values())


def _kept(tokens: Json) -> Json:
    """The latest of them: a browser's storage is small."""
    return dict(list(tokens.items())[-MAX_TOKENS:])
