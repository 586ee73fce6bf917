"""The League page's callback: address and controls in, the table and the figure out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from dash import Dash, Input, Output, State, html
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figures.front import front_figure
from shatterscope.app.kit.figures.plain import nothing
from shatterscope.app.kit.parts import Node
from shatterscope.app.pages.league import names, rows
from shatterscope.app.pages.league.state import LeagueView
from shatterscope.wire.league import League, SetName
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]
CONTROLS = (ids.CHECKPOINT, names.SET, names.DISTANCE, names.FAMILY, names.AT, names.EFFICACY)


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "seen": Output(names.SEEN, "data"),
            "url": Output(ids.URL_OUT, "data"),
            "value": {name: Output(name, "value") for name in CONTROLS},
            "checkpoints": Output(ids.CHECKPOINT, "options"),
            "distances": Output(names.DISTANCE, "options"),
            "note": Output(ids.CHECKPOINT_NOTE, "children"),
            "over": Output(names.OVER, "children"),
            "empty": Output(names.EMPTY, "children"),
            "hidden": Output(names.BOARD, "hidden"),
            "choices_hidden": Output(names.CHOICES, "hidden"),
            "front": Output(names.FRONT, "figure"),
            "front_over": Output(names.FRONT_OVER, "children"),
            "columns": Output(names.TABLE, "columns"),
            "rows": Output(names.TABLE, "rows"),
            "sort": Output(names.TABLE, "sort"),
            "table_over": Output(names.TABLE_OVER, "children"),
            "csv": Output(names.CSV, "href"),
            "notice": Output(ids.NOTICE, "children"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "url": Input(ids.URL_IN, "data"),
            "value": {name: Input(name, "value") for name in CONTROLS},
            "sort": Input(names.TABLE, "sort"),
            "seen": State(names.SEEN, "data"),
        },
        prevent_initial_call=True,
    )
    async def show(url: Json | None, value: Json, sort: str | None, seen: Json | None) -> Any:
        if url is None:
            raise PreventUpdate
        opened = seen is None or url["at"] != seen["url"]
        view, notices = LeagueView.from_query(url["query"] or "") if opened else (of_controls(value, sort), [])
        try:
            checkpoints, notice = options.trained(await client.checkpoints(anew=opened), view.checkpoint)
            if notice:
                notices.append(notice)
                view = replace(view, checkpoint=None)
            asked = view.distance
            view, found = await _table(client, view, checkpoints)
            if view.distance != asked:
                notices.append(f"There are no {rows.named(asked)} here, so all are shown.")
            elsewhere = [] if found else await _elsewhere(client, view, checkpoints)
        except ApiError as error:
            found, problem = None, error.message
            checkpoints, elsewhere = [], []
        else:
            problem = ""
        checkpoint = options.find_checkpoint(checkpoints, view.checkpoint) if checkpoints else None
        return {
            "seen": {"url": url["at"]},
            "url": view.to_query(),
            "value": {
                ids.CHECKPOINT: view.checkpoint,
                names.SET: view.set,
                names.DISTANCE: "all" if view.distance is None else str(view.distance),
                names.FAMILY: view.family,
                names.AT: view.at,
                names.EFFICACY: view.efficacy,
            },
            "checkpoints": [{"value": item.id, "label": item.title} for item in checkpoints],
            "note": checkpoint.note if checkpoint else "",
            "sort": view.sort,
            "notice": " ".join(notices),
            "problem": problem,
            **shown(client.address, view, found, elsewhere),
        }


def of_controls(value: Json, sort: str | None) -> LeagueView:
    """The view that the controls stand at."""
    distance = value[names.DISTANCE]
    return LeagueView(
        value[ids.CHECKPOINT],
        value[names.SET] or "open",
        None if distance in (None, "all") else int(distance),
        value[names.FAMILY] or "all",
        value[names.AT] or "equal",
        value[names.EFFICACY] or "success",
        sort or "",
    )


async def _table(
    client: Client, view: LeagueView, checkpoints: list[CheckpointInfo]
) -> tuple[LeagueView, League | None]:
    """The table of the view; where the address names no checkpoint, of the first that has one. A distance that it has no edits at gives way to all."""
    default = options.find_checkpoint(checkpoints, view.checkpoint)
    asked = [default, *(item for item in checkpoints if item is not default)] if view.checkpoint is None else [default]
    for checkpoint in asked:
        try:
            found = await client.league(checkpoint.id, view.set, view.distance)
        except ApiError as error:
            if error.status != 422:
                raise
            view = replace(view, distance=None)
            found = await client.league(checkpoint.id, view.set, None)
        if found is not None:
            return replace(view, checkpoint=checkpoint.id), found
    return replace(view, checkpoint=default.id), None


async def _elsewhere(
    client: Client, view: LeagueView, checkpoints: list[CheckpointInfo]
) -> list[tuple[CheckpointInfo, SetName]]:
    """Where there are tables, those of the same set first."""

    async def there(checkpoint: CheckpointInfo, set: SetName) -> bool:
        try:
            return await client.league(checkpoint.id, set, None) is not None
        except ApiError:
            return False

    sets = sorted(get_args(SetName), key=lambda each: each != view.set)
    places = [(checkpoint, each) for each in sets for checkpoint in checkpoints]
    found = await asyncio.gather(*(there(*place) for place in places))
    return [place for place, table in zip(places, found, strict=True) if table]


def without(view: LeagueView, elsewhere: Sequence[tuple[CheckpointInfo, SetName]]) -> list[Node]:
    """That there is no table, where there are some, and how one is made."""
    command = f"shatterscope league {view.checkpoint} --set {view.set} --ship"
    links: list[Node] = []
    for checkpoint, each in elsewhere:
        query = replace(view, checkpoint=checkpoint.id, set=each).to_query()
        other = "" if each == view.set else f", set “{each}”"
        links += [" · " if links else "", html.A(f"{checkpoint.title}{other}", href=f"/league?{query}")]
    told = f"There is no table of this checkpoint on the set “{view.set}” yet."
    return [
        html.P([html.B(told), *([" There is one of: ", *links, "."] if links else [])]),
        html.P(["Make one with ", html.Code(command), ", in some minutes to hours."], className="quiet"),
    ]


def shown(
    address: str, view: LeagueView, found: League | None, elsewhere: Sequence[tuple[CheckpointInfo, SetName]] = ()
) -> Json:
    """Everything below the controls, and whether those stay that choose from a table."""
    if found is None or not found.rows:
        return {
            "distances": [{"value": "all", "label": "all"}],
            "over": "",
            "empty": without(view, elsewhere),
            "hidden": True,
            "choices_hidden": True,
            "front": nothing(""),
            "front_over": "",
            "columns": [],
            "rows": [],
            "table_over": "",
            "csv": "",
        }
    entries = rows.entries(found, view)
    efficacy = (
        "generality"
        if view.efficacy == "generality"
        else "share of edits that take"
        if view.at == "equal"
        else "success"
    )
    at = rows.EQUAL if view.at == "equal" else rows.FULL
    labels = {0: "corrective"}
    query = f"set={found.set}" + ("" if found.distance is None else f"&distance={found.distance}")
    return {
        "distances": [
            {"value": "all", "label": "all"},
            *({"value": str(each), "label": labels.get(each, str(each))} for each in found.distances),
        ],
        "over": rows.over(found),
        "empty": "",
        "hidden": False,
        "choices_hidden": False,
        "front": front_figure(entries, efficacy),
        "front_over": f"Up to {max((entry.R.n for entry in entries), default=0)} edits a point, {at}. {rows.hints(rows.of_family(found, view), view)} ",
        "columns": rows.columns(found, view),
        "rows": rows.rows(found, view),
        "table_over": f"{at}; small: 95 % intervals{rows.none_whole(found)}",
        "csv": f"{address}/api/v1/checkpoints/{found.checkpoint}/league?{query}&format=csv",
    }
