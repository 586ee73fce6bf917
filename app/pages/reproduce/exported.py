"""What the run that the Reproduce page shows can be taken away as."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from shatterscope.app.kit import ids, links, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import OFFLINE, Cited, Exporter, File, check_exact
from shatterscope.app.pages.reproduce import file
from shatterscope.app.pages.reproduce.runs import (
    ShownRun,
    elsewhere,
    first_edit,
    opened_link,
    opening_checkpoint,
    shown,
)
from shatterscope.app.pages.reproduce.state import RunView
from shatterscope.wire.reproduction import Report, Spread
from shatterscope.wire.sweeps import SweepRequest
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]
COLUMNS = (
    "record", "method", "preset", "kind", "distance", "edits", "name", "value", "sd", "n", "paper", "R", "token", "site", "taken",
)  # fmt: skip


@dataclass(frozen=True)
class AskedRun:
    """A run that is here; `requests` are what its sweeps were asked for, `path` its pinned address on any server,
    `origin` where this one is reached."""

    view: RunView
    checkpoint: CheckpointInfo
    run: ShownRun
    requests: list[SweepRequest]
    path: str
    origin: str

    @property
    def link(self) -> str:
        return self.origin + self.path


async def read(client: Client, query: str) -> AskedRun:
    """The run that a query means here.

    Raises:
        ApiError: 409 where what the link needs is not here, 422 where it cannot be read.
    """
    checkpoints = await client.checkpoints()
    if not checkpoints:
        raise ApiError(409, "There is no checkpoint here.")
    view, unread = RunView.from_query(query)
    if unread:
        raise ApiError(422, " ".join(unread))
    if view.checkpoint is None:
        view = replace(view, checkpoint=await opening_checkpoint(client, checkpoints))
    opened = opened_link(view, links.Pin.from_query(query), checkpoints)
    check_exact(opened, "/reproduce", lambda near: elsewhere(view, near).to_query())
    checkpoint = options.find_checkpoint(checkpoints, opened.checkpoint.id)
    view = replace(view, checkpoint=checkpoint.id)
    run = await shown(client, {"checkpoint": checkpoint.id, "jobs": list(view.jobs)})
    if run.lost:
        raise ApiError(409, f"The run of this link ({', '.join(run.lost)}) is not known here. Run it again first.")
    if not run.reports:
        raise ApiError(409, f"No run ships with {checkpoint.id}, so there is nothing to export. Run it first.")
    others = {each.provenance.checkpoint for each in run.reports} - {checkpoint.id}
    if others:
        raise ApiError(
            422, f"This run is of {', '.join(sorted(others))}, not of {checkpoint.id}: name that checkpoint."
        )
    path = f"/reproduce{links.pinned(view.to_query(), checkpoint)}"
    return AskedRun(view, checkpoint, run, await _requests(client, view), path, client.origin)


async def _requests(client: Client, view: RunView) -> list[SweepRequest]:
    if view.jobs:
        return [(await client.job(job)).request for job in view.jobs]
    shipped = await client.reproduction(view.checkpoint or "")
    return shipped.requests if shipped else []


# --- files -----------------------------------------------------------------------------------------------------------


async def html_file(client: Client, query: str) -> bytes:
    """Tables, sentences and figures of the page; rings, tracing and memory are computed where they have not been."""
    asked = await read(client, query)
    checkpoint, view = asked.checkpoint, asked.view
    edit = view.edit or await first_edit(client, checkpoint)
    found = file.Reproduced(
        view,
        checkpoint,
        await client.world(checkpoint.id),
        asked.run,
        asked.link,
        edit,
        (await client.edit(checkpoint.id, (edit,))).edits[0],
        await client.rings(checkpoint.id, (edit,), file.POINTS),
        await client.sites(checkpoint.id, (edit,)),
        await client.tracings(checkpoint.id),
        await client.keys_values(checkpoint.id, edit.relation, 0),
        await client.checkpoints(),
    )
    return (await asyncio.to_thread(file.compose, found, _cited(asked), datetime.now(UTC))).encode()


async def json_file(client: Client, query: str) -> bytes:
    asked = await read(client, query)
    run = asked.run
    found = {
        "link": asked.link,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **_specified(asked),
        "single": run.single.model_dump(mode="json") if run.single else None,
        "sequence": run.sequence.model_dump(mode="json") if run.sequence else None,
        "findings": run.findings if not asked.view.jobs else "",
    }
    return json.dumps(found, indent=1).encode()


async def csv_file(client: Client, query: str) -> bytes:
    """One table behind its provenance (lines that begin with `#`). `value` is a mean over `n` edits with its standard deviation `sd`;
    of a `fit point` it is the change of direct recall of the one edit, whose R stands in `R`, and of `two groups` the share of the variance that
    lies between them."""
    asked = await read(client, query)
    out = io.StringIO()
    told: Json = {"link": asked.link, "created": datetime.now(UTC).isoformat(timespec="seconds"), **_specified(asked)}
    told |= {f"provenance of {_part(each)}": each.provenance.model_dump(mode="json") for each in asked.run.reports}
    for name, value in told.items():
        out.write(f"# {name}: {value if isinstance(value, str) else json.dumps(value)}\n")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for report in asked.run.reports:
        writer.writerows(_lines(report))
    return out.getvalue().encode()


def _part(report: Report) -> str:
    return "sequences" if report.sequences else "single edits"


def _lines(report: Report) -> Iterator[Json]:
    for record in ("accuracy", "shattering", "methods"):
        for cell in getattr(report, record):
            about = {
                "record": record,
                **{name: getattr(cell, name) for name in ("method", "preset", "kind", "distance")},
            }
            about["token"] = cell.token
            if record == "accuracy":
                yield {**about, "name": cell.task, "paper": cell.paper, **_spread(cell.change)}
                if cell.probability is not None:
                    yield {
                        **about,
                        "name": f"{cell.task} probability",
                        "paper": cell.paper,
                        **_spread(cell.probability),
                    }
            elif record == "shattering":
                yield {
                    **about,
                    "name": cell.sub_graph,
                    "site": cell.site,
                    "paper": cell.paper,
                    **_spread(cell.shattering),
                }
            else:
                spreads = {name: value for name, value in cell if isinstance(value, Spread)}
                yield from (
                    {**about, "name": "shattering", "site": site, **_spread(R)} for site, R in cell.sites.items()
                )
                yield from ({**about, "name": name, **_spread(value)} for name, value in spreads.items())
    for fit in report.fits:
        about = {"method": fit.method, "preset": fit.preset, "token": fit.token, "site": fit.site}
        for name in ("slope", "intercept", "r2"):
            for of, found in (("", fit), (" probability", fit.probability)):
                line = {"record": "fit", "name": name + of, "value": getattr(found, name), "n": len(fit.points)}
                yield {**about, **line, "paper": fit.paper_r2 if name == "r2" else None}
        for point in fit.points:
            place = {
                "record": "fit point",
                "kind": point.kind,
                "distance": point.distance,
                "name": f"row {point.index}",
            }
            yield {**about, **place, "value": point.change, "n": 1, "R": point.shattering, "taken": point.success}
    for split in report.splits:
        about = {name: getattr(split, name) for name in ("method", "preset", "token", "kind", "distance", "site")}
        yield {
            **about,
            "record": "two groups",
            "name": split.of,
            "value": split.explained,
            "n": split.n,
            "taken": split.two,
        }
        for which, part in (("low", split.low), ("high", split.high)):
            line = {
                "record": "group",
                "name": f"{split.of} {which}",
                "value": part.mean,
                "n": part.n,
                "taken": part.taken,
            }
            yield {**about, **line}
    for curve in report.sequences:
        about = {
            "record": "sequence",
            **{name: getattr(curve, name) for name in ("method", "preset", "kind", "distance")},
        }
        for point_ in curve.points:
            spreads = {f"accuracy {task}": each for task, each in point_.accuracy.items()}
            spreads |= {name: each for name, each in point_ if isinstance(each, Spread)}
            for name, spread in spreads.items():
                yield {**about, "edits": point_.edits, "name": name, **_spread(spread)}
        yield {**about, "edits": curve.collapse, "name": "collapse", "n": len(curve.points)}


def _spread(spread: Spread) -> Json:
    return {"value": spread.mean, "sd": spread.deviation, "n": spread.n}


# --- citation --------------------------------------------------------------------------------------------------------


async def cited(client: Client, query: str) -> Cited:
    return _cited(await read(client, query))


def _specified(asked: AskedRun) -> Json:
    """What was run on which weights, and where its rows are."""
    return {
        "checkpoint": asked.checkpoint.id,
        "checkpoint_sha256": asked.run.reports[0].provenance.checkpoint_sha256,
        "sweeps": [sweep for each in asked.run.reports for sweep in each.provenance.sweeps],
        "protocol": [each.model_dump(mode="json", exclude_none=True) for each in asked.requests],
    }


def _cited(asked: AskedRun) -> Cited:
    return Cited(command(asked.run.reports, asked.requests), json.dumps(_specified(asked), indent=1))


def command(reports: list[Report], requests: list[SweepRequest]) -> str:
    """For the terminal, where the run followed the protocol of `shatterscope reproduce`; else the sweeps, for the API."""
    told = [each.provenance for each in reports]
    arguments = [argument for each in told for argument in each.arguments or []]
    single = any(argument.startswith("--edits=") for argument in arguments)
    if single and all(each.arguments for each in told) and len({each.seed for each in told}) == 1:
        rest = [] if len(told) > 1 else ["--no-sequences"]
        return shlex.join(["shatterscope", "reproduce", told[0].checkpoint, *arguments, *rest])
    body = "content-type: application/json"
    return "\n".join(
        f"curl -s localhost:8050/api/v1/sweeps -H {shlex.quote(body)} -d "
        + shlex.quote(each.model_dump_json(exclude_none=True))
        for each in requests
    )


def stem(query: str) -> str:
    view = RunView.from_query(query)[0]
    return "-".join(["shatterscope-reproduce", *filter(None, (view.checkpoint, *view.jobs))])


REPRODUCE = Exporter(
    "/reproduce",
    {
        "html": File(
            html_file,
            "HTML page",
            ids.EXPORT_HTML,
            f"{OFFLINE}: tables, figures, sentences and findings of this run",
        ),
        "csv": File(
            csv_file,
            "CSV",
            ids.EXPORT_CSV,
            "The numbers of tables and figures, with where they come from",
        ),
        "json": File(json_file, "JSON", ids.EXPORT_JSON, "The same as JSON, with the protocol"),
    },
    stem,
    cited,
    again="run this again",
)
