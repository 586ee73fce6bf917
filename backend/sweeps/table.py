"""Rows as a table: one line each, a column for every number."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from shatterscope.wire.sweeps import SweepRow

log = logging.getLogger(__name__)

# What differs from method to method stays one column of JSON.
AS_JSON = ("edits", "parameters", "diagnostics", "warnings", "problems", "restraint", "implied")


def sound_rows(job: str, rows: Iterable[str]) -> Iterator[tuple[str, SweepRow]]:
    """Rows as they are stored (JSON), each with what it says; those that cannot be read are named in the log and passed over."""
    for text in rows:
        try:
            yield text, SweepRow.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            log.warning("a row of job %s is passed over: %s: %s", job, where, first["msg"])


def is_object(text: str) -> bool:
    """Whether this is a JSON object at all."""
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False


def flatten(row: SweepRow) -> dict[str, Any]:
    """Column -> value. Of a sequence's row, the columns of an edit are those of its last one, and `edits` lists all that were made
    since the row before: what was asked for, whether it was written, and with which probability."""
    values = row.model_dump(mode="json")
    outcomes, scores, quality = values.pop("outcomes"), values.pop("scores"), values.pop("quality") or {}
    measures = values.pop("measures")
    shattering, sequence, sites = values.pop("shattering") or {}, values.pop("sequence") or {}, values.pop("sites")
    edits = [_edit(outcome) for outcome in outcomes] if sequence else None
    outcome = outcomes[-1] if outcomes else {}
    spec, course = outcome.pop("spec", {}), outcome.pop("course", None) or {}
    del values["method"], values["preset"], values["kind"], values["distance"]
    columns: dict[str, Any] = {
        "index": values.pop("index"),
        "method": row.method,
        "preset": row.preset,
        "kind": row.kind,
        "distance": row.distance,
        "repetition": values.pop("repetition"),
        **sequence,
        **({} if edits is None else {"edits": edits}),
        **{
            name: spec.get(name)
            for name in ("subject", "relation", "layer", "strength", "parameters", "restraint")
            if spec
        },
        **{name: value for name, value in outcome.items() if name not in ("kind", "distance")},
        **{f"course.{name}": course[name] for name in ("ended",) if course},
        **{
            f"course.{name}": course[name][-1] for name in ("loss", "probability", "rank", "length") if course.get(name)
        },
    }
    for part in ("edit", "retain", "test"):
        _estimate(columns, f"R.{part}", shattering.get(part))
    columns["R.pairs"] = shattering.get("n_pairs")
    for site, rings in sites.items():
        for part in ("edit", "retain", "test"):
            _estimate(columns, f"R.{site}.{part}", rings[part])
        columns[f"R.{site}.pairs"] = rings["n_pairs"]
    columns |= measures
    for name, each in quality.items():
        for what in ("accuracy", "probability") if each else ():
            for when in ("before", "after"):
                columns[f"{name}.{what}.{when}"] = each[what][when]
        if each:
            columns[f"{name}.queries"] = each["n_queries"]
    for score in scores:
        for what in ("accuracy", "probability"):
            for when in ("before", "after"):
                columns[f"{what}.{score['task']}.{score['order']}.{when}"] = score[what][when]
        columns[f"queries.{score['task']}.{score['order']}"] = score["n_queries"]
        columns[f"sub_graph.{score['order']}"] = score["sub_graph"]
    for name, each in shattering.get("per_relation", {}).items():
        _estimate(columns, f"R.{name}", each)
    values.update({f"version.{name}": version for name, version in values.pop("versions").items()})
    columns.update(values)
    return {
        name: json.dumps(value, separators=(",", ":")) if name in AS_JSON else value for name, value in columns.items()
    }


def _edit(outcome: dict[str, Any]) -> dict[str, Any]:
    shown = ("old_object", "new_object", "success", "probability_before", "probability_after", "relative_delta_norm")
    return {
        **{name: outcome["spec"][name] for name in ("subject", "relation")},
        **{name: outcome[name] for name in shown},
    }


def _estimate(columns: dict[str, Any], name: str, estimate: dict[str, Any] | None) -> None:
    found = estimate or {"value": None, "standard_error": None}
    columns[name], columns[f"{name}.error"] = found["value"], found["standard_error"]


def csv_lines(rows: Callable[[], Iterable[SweepRow]]) -> Iterator[str]:
    """A CSV file, line by line. `rows` is called twice: once for the columns there are, once for the values."""
    names: dict[str, None] = {}
    for row in rows():
        names.update(dict.fromkeys(flatten(row)))
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows():
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        writer.writerow({name: "" if value is None else value for name, value in flatten(row).items() if name in names})
    yield buffer.getvalue()
