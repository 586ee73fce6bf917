"""Exports: the coordinates and everything measured of one view, with what it takes to compute them again."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from shatterscope.backend import __version__, convert
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.measures import get_evaluation, get_projection, get_sites
from shatterscope.backend.api.verdicts import get_verdicts
from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.spoken.recorded import RecordedCheckpoint
from shatterscope.wire.base import Array
from shatterscope.wire.edits import EditRequest, EditResult
from shatterscope.wire.measures import EvaluationRequest, EvaluationResult, Shattering, SiteShattering, SitesRequest
from shatterscope.wire.pictures import ProjectionRequest
from shatterscope.wire.share import Coordinates, Export, ExportProvenance, ExportRequest

PAPER = (
    "Nishi, Ramesh, Okawa, Khona, Tanaka, Lubana: Representation Shattering in Transformers: A Synthetic Study with "
    "Knowledge Editing. ICML 2025. arXiv:2410.17194"
)
COLUMNS = (
    "record", "name", "order", "sub_graph", "before", "after", "change", "n", "entity", "place",
    "before_x", "before_y", "before_z", "after_x", "after_y", "after_z",
)  # fmt: skip


async def get_export(laboratory: Laboratory, request: ExportRequest) -> Export:
    """Everything of one view, from the same computations that the page shows.

    Raises:
        ProblemError: 422 naming the field at fault.
    """
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    info = convert.checkpoint_info(checkpoint, checkpoint.id == laboratory.default_id)
    edit, evaluation, sites, id = None, None, None, None
    if request.edits:
        edit = await laboratory.edit(EditRequest(checkpoint=checkpoint.id, edits=request.edits))
        id = edit.id
    looked_at = ProjectionRequest(edit=id, **request.model_dump(exclude={"edits", "link"}))
    picture, verdicts = await get_projection(laboratory, looked_at), await get_verdicts(laboratory, looked_at)
    asked = EvaluationRequest(checkpoint=checkpoint.id, edit=None)
    unedited = await get_evaluation(laboratory, asked)
    if id is not None:
        evaluation = await get_evaluation(laboratory, asked.model_copy(update={"edit": id}))
        if not isinstance(checkpoint, RecordedCheckpoint):
            sites = (await get_sites(laboratory, SitesRequest(checkpoint=checkpoint.id, edit=id))).sites
    provenance = ExportProvenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        link=request.link,
        checkpoint=checkpoint.id,
        checkpoint_sha256=checkpoint.sha256,
        edit=id,
        edits=[item.spec for item in edit.edits] if edit else [],
        relation=picture.relation,
        wording=None if request.wording is None else _wording(checkpoint, picture.relation, request.wording),
        site=picture.site,
        projection=picture.method,
        dimensions=picture.dimensions,
        n_neighbors_asked=request.n_neighbors,
        n_neighbors=picture.diagnostics["before"].n_neighbors,
        align=picture.align,
        contexts=0 if info.language else asked.contexts,
        queries="all" if info.language else asked.queries,
        seed=asked.seed,
        versions={
            "shatterscope": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        paper=PAPER,
    )
    return Export(
        provenance=provenance,
        accuracy=info.accuracy,
        unedited=unedited.scores,
        edit=edit,
        evaluation=evaluation,
        sites=sites,
        diagnostics=picture.diagnostics,
        verdicts=verdicts,
        coordinates=Coordinates(
            entities=picture.entities,
            names=convert.names_of(checkpoint.world, picture.entities or range(checkpoint.world.n_entities)),
            place=picture.order_position,
            before=_rows(picture.before),
            after=_rows(picture.after),
        ),
    )


def _wording(checkpoint: AnyCheckpoint, relation: str, wording: int) -> str:
    (info,) = (each for each in convert.world_info(checkpoint).relations if each.name == relation)
    return info.wordings[wording].text


def _rows(array: Array) -> list[list[float]]:
    """Nine digits give a float32 back exactly."""
    return [[float(f"{value:.9g}") for value in row] for row in convert.values_of(array).tolist()]


def to_csv(export: Export) -> str:
    """One table, which `pandas.read_csv(file, comment="#")` reads. Its first lines, which begin with `#`, say where it comes from. Then `record` says what
    a row is. `metric`: a number that was measured. `answer`: of a language model, the entities that it answers to a wording, before and after. `shape`: `verdict ring` and the like are 1 where that is the verdict on the picture; of rings the rest
    of `wire.pictures.Shape` follows. `statistic`: one of `wire.verdicts`, and `by chance` what 95 of 100 shuffles stay below. `entity`: a point of the
    picture, with its name where it has one."""
    out = io.StringIO()
    for name, value in export.provenance.model_dump(mode="json").items():
        shown = value if isinstance(value, str) else json.dumps(value)
        out.write(f"# {name}: {' '.join(shown.split())}\n")
    columns = list(COLUMNS)
    if export.coordinates.names is not None:
        columns.insert(columns.index("entity") + 1, "entity_name")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in (*_metrics(export), *_answers(export), *_shapes(export), *_entities(export)):
        writer.writerow(row)
    return out.getvalue()


def _metrics(export: Export) -> Iterator[dict[str, Any]]:
    found = export.evaluation
    if found is None or export.edit is None:
        yield from _unedited(export)
        return
    yield from _made(export.edit)
    yield from _measured(found)
    yield from _by_site(export.sites or (), found.shattering)


def _answers(export: Export) -> Iterator[dict[str, Any]]:
    told = export.evaluation.language if export.evaluation is not None else None
    for each in told.answers if told is not None else ():
        for wording, before, after in zip(each.wordings, each.before, each.after, strict=True):
            for entity, was, now in zip(each.subjects, before, after, strict=True):
                yield {"record": "answer", "name": wording, "entity": entity, "before": was, "after": now}


def _shapes(export: Export) -> Iterator[dict[str, Any]]:
    """The verdicts on both pictures, what they rest on, and of rings the counts behind them."""
    found, n = export.verdicts, len(export.coordinates.place)

    def row(record: str, name: str, was: float, now: float) -> dict[str, Any]:
        return {"record": record, "name": name, "before": was, "after": now, "change": now - was, "n": n}

    words = found.before.word, found.after.word
    for word in dict.fromkeys(words):
        yield row("shape", f"verdict {word}", *(int(each == word) for each in words))
    if all(each.judgement is None for each in export.diagnostics.values()):
        before, after = (export.diagnostics[side].shape for side in ("before", "after"))
        for name, was in before.model_dump(exclude={"verdict"}).items():
            yield row("shape", name, was, getattr(after, name))
    for item in found.statistics:
        yield row("statistic", item.name, item.before.value, item.after.value)
        yield row("statistic", f"{item.name} by chance", item.before.chance_95, item.after.chance_95)


def _unedited(export: Export) -> Iterator[dict[str, Any]]:
    """Over every bare question, and (`sampled`) over those that an edited model is asked."""
    available: dict[tuple[str, str], int] = {}
    for score in export.unedited:
        tasks = [score.task, "compositional"] if score.task.startswith("composition") else [score.task]
        for task in tasks:
            available[task, score.order] = available.get((task, score.order), 0) + score.n_available
    for task, per_order in export.accuracy.model_dump().items():
        for order, value in per_order.items():
            n = available.get((task, order))
            same = {"before": value, "after": value, "change": 0.0, "n": n}
            yield {"record": "metric", "name": f"accuracy {task}", "order": order, **same}
    for score in export.unedited:
        for name, value in (("accuracy", score.accuracy), ("probability", score.probability)):
            same = {**value.model_dump(), "n": score.n_queries}
            yield {"record": "metric", "name": f"sampled {name} {score.task}", "order": score.order, **same}


def _made(edit: EditResult) -> Iterator[dict[str, Any]]:
    """Whether each edit of the stack that is there took, right after it was made; and means over them."""
    outcomes, n = edit.made, len(edit.made)
    before = sum(each.probability_before for each in outcomes) / n
    after = sum(each.probability_after for each in outcomes) / n
    row = {"record": "metric", "n": n}
    if edit.there:
        yield {**row, "name": "success", "after": sum(each.success for each in edit.there) / n}
    for each in edit.there:
        spec = each.spec
        name = f"success {spec.subject} {spec.relation} -> {each.new_object}"
        yield {"record": "metric", "name": name, "after": float(each.success), "n": 1}
    yield {**row, "name": "probability of the new object", "before": before, "after": after, "change": after - before}
    yield {**row, "name": "relative delta norm", "after": sum(each.relative_delta_norm for each in outcomes) / n}
    yield {**row, "name": "seconds", "after": edit.seconds}


def _measured(found: EvaluationResult) -> Iterator[dict[str, Any]]:
    for part in ("edit", "retain", "test"):
        value = getattr(found.shattering, part)
        if value is not None:
            n = found.shattering.n_entities
            yield {
                "record": "metric",
                "name": "R",
                "sub_graph": part,
                "before": 0.0,
                "after": value,
                "change": value,
                "n": n,
            }
    metric: dict[str, Any] = {"record": "metric"}
    if found.shattering.without_edited is not None:
        R = found.shattering.without_edited
        yield {**metric, "name": "R without the edited", "sub_graph": "edit", "before": 0.0, "after": R, "change": R}
    if found.language is not None:
        perplexity = found.language.perplexity.model_dump()
        yield {**metric, "name": "perplexity", "n": found.language.n_tokens, **perplexity}
    for relation, value in found.shattering.per_relation.items():
        yield {"record": "metric", "name": f"R {relation}", "before": 0.0, "after": value, "change": value}
    for measure in found.measures:
        name = f"{measure.name} ({measure.unit})" if measure.unit else measure.name
        values: list[tuple[str | None, float | None]] = (
            [(None, measure.value)] if measure.parts is None else list(measure.parts)
        )
        for ring, value in values:
            if value is None and (ring is None or getattr(found.shattering, ring) is None):
                continue  # there is no such group
            change = None if value is None else value - measure.unedited
            place: dict[str, Any] = {"record": "metric", "name": name, "sub_graph": ring}
            over = None if ring is None else found.shattering.n_entities
            yield {**place, "before": measure.unedited, "after": value, "change": change, "n": over}
    for score in found.scores:
        place = {"record": "metric", "order": score.order, "sub_graph": score.sub_graph, "n": score.n_queries}
        yield {**place, "name": f"accuracy {score.task}", **score.accuracy.model_dump()}
        yield {**place, "name": f"probability {score.task}", **score.probability.model_dump()}
    for name, wanted in found.quality or ():
        if wanted is not None:
            yield {"record": "metric", "name": name, "n": wanted.n_queries, **wanted.accuracy.model_dump()}
    for item in found.damage:
        where = f"distance {item.distance_from}..{item.distance_to}"
        moved = {"before": 0.0, "after": item.displacement, "change": item.displacement}
        if item.displacement is not None:
            yield {"record": "metric", "name": f"displacement {where}", "n": item.n_entities, **moved}
        yield {"record": "metric", "name": f"accuracy {where}", "n": item.n_entities, **item.accuracy.model_dump()}


def _by_site(sites: Sequence[SiteShattering], r: Shattering) -> Iterator[dict[str, Any]]:
    """R at every site, for each ring there is; without numbers where it is not defined."""
    for row in sites:
        for part in ("edit", "retain", "test"):
            if getattr(r, part) is None:
                continue
            value = getattr(row, part)
            told = {} if value is None else {"before": 0.0, "after": value, "change": value}
            yield {"record": "metric", "name": f"R at {row.site}", "sub_graph": part, "n": r.n_entities, **told}


def _entities(export: Export) -> Iterator[dict[str, Any]]:
    points = export.coordinates
    entities = points.entities or range(len(points.place))
    names = points.names or [""] * len(points.place)
    for entity, name, place, before, after in zip(
        entities, names, points.place, points.before, points.after, strict=True
    ):
        row: dict[str, Any] = {"record": "entity", "entity": entity, "place": place}
        row |= {"entity_name": name} if points.names else {}
        for side, values in (("before", before), ("after", after)):
            row.update({f"{side}_{axis}": value for axis, value in zip("xyz", values, strict=False)})
        yield row
