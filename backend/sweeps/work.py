"""The science of a sweep: a task in, finished rows out. Knows no database and no process.

A grid's edits are each made alone on the unedited model, a task's worth of them together where the method can (`together.py`). A
sequence's edits are made one after another, and measured after every few.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Set
from dataclasses import replace
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import numpy as np
import torch

from shatterscope.backend import __version__, convert
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import CompleteSpec, EditedModel, EditError, Outcome, SoFar, run_edits
from shatterscope.backend.evaluation import quality, sub_graphs
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.experiment import score_changes
from shatterscope.backend.measures import MEASURES, of_model, of_relations
from shatterscope.backend.sweeps.plan import Plan, SweepTask, named_sites
from shatterscope.backend.sweeps.probe import Probe, Probed, Shattered
from shatterscope.backend.sweeps.together import compute_together
from shatterscope.wire.edits import EditOutcome
from shatterscope.wire.measures import EditQuality, TaskScore
from shatterscope.wire.sweeps import (
    Estimate,
    Holding,
    RingShattering,
    SweepRequest,
    SweepRow,
    SweepShattering,
    Versions,
)

MAX_GENERALITY = 400  # questions of a row's edits behind contexts


class Bench:
    """Computes tasks of one sweep. The unedited model is measured once, when this is made."""

    def __init__(self, sweep: str, checkpoint: Checkpoint, request: SweepRequest, plan: Plan) -> None:
        self.sweep, self.checkpoint, self.request, self.plan = sweep, checkpoint, request, plan
        self.sites = named_sites(request.sites, checkpoint.model.config.n_layers)
        self.probe = Probe(
            checkpoint, n_contexts=request.contexts, queries=request.queries, seed=request.seed, sites=self.sites
        )
        self._versions = Versions(
            shatterscope=__version__, python=platform.python_version(), torch=torch.__version__, numpy=np.__version__
        )

    def rows(self, task: SweepTask, done: Set[int] = frozenset()) -> Iterator[SweepRow]:
        """The rows of `task` but those that are `done`: the same, whichever are missing."""
        missing = [index for index in task.indices if index not in done]
        if not missing:
            return
        yield from self._grid(task, missing) if task.distance is None else self._sequence(task, task.distance, missing)

    # --- grids --------------------------------------------------------------------------------------------------

    def _grid(self, task: SweepTask, missing: list[int]) -> Iterator[SweepRow]:
        specs: dict[int, CompleteSpec] = {}
        for index in task.indices:
            distance, repetition = self.plan.place(task, index)
            fact = self.plan.fact(distance, repetition)
            specs[index] = self.plan.spec(self.checkpoint, task.method, distance, fact)
        start = time.perf_counter()
        # All of them, also those that are done: what is computed together depends, in the last digit, on the company.
        deltas = compute_together(self.checkpoint, list(specs.values()))
        share = (time.perf_counter() - start) / len(specs)
        for index in missing:
            start = time.perf_counter()
            edited, problems = None, []
            try:
                edited = run_edits(self.checkpoint, [specs[index]], deltas)
            except EditError as error:
                problems.append(f"{specs[index].subject} {specs[index].relation}: {error.message}")
            seconds = share + time.perf_counter() - start
            yield self._row(task, index, specs[index], seconds, edited, problems=problems)

    # --- sequences ----------------------------------------------------------------------------------------------

    def _sequence(self, task: SweepTask, distance: int, missing: list[int]) -> Iterator[SweepRow]:
        plan, current = self.plan, self.checkpoint
        so_far = SoFar(current.model)
        made: list[Outcome] = []
        assert plan.every is not None
        for index in task.indices:
            first = (index - task.start) * plan.every
            stop = min(first + plan.every, plan.per_cell)
            start, since, problems = time.perf_counter(), list[Outcome](), list[str]()
            for i in range(first, stop):
                fact = plan.fact(distance, task.repetition * plan.per_cell + i)
                spec = plan.spec(self.checkpoint, task.method, distance, fact)
                try:
                    edited = run_edits(current, [spec], so_far=so_far)
                except EditError as error:
                    problems.append(f"edit {i + 1}, {spec.subject} {spec.relation}: {error.message}")
                    continue
                current, so_far = replace(current, model=edited.model), edited.so_far or so_far
                since += edited.outcomes
            made += since
            seconds = time.perf_counter() - start
            if index in missing:
                stack = EditedModel("", current.model, tuple(since), ()) if made else None
                holding = self._holding(current, made, since, stop)
                yield self._row(task, index, spec, seconds, stack, problems=problems, holding=holding)

    def _holding(self, current: Checkpoint, made: list[Outcome], since: list[Outcome], after: int) -> Holding:
        vocabulary, world = current.vocabulary, current.world
        holding: float | None = None
        probability: float | None = None
        if made:
            relations = [vocabulary.relation_token(world.relation(each.spec.relation)) for each in made]
            prompts = [[each.spec.subject, token] for each, token in zip(made, relations, strict=True)]
            found = answers(current.model, prompts, world.n_entities)
            objects = torch.tensor([each.new_object for each in made], device=found.prediction.device)
            holding = (found.prediction == objects).double().mean().item()
            probability = convert.finite(found.probability.gather(1, objects[:, None]).double().mean().item())
        return Holding(
            after=after,
            made=len(made),
            written=fmean(each.success for each in since) if since else None,
            holding=holding,
            probability=probability,
        )

    # --- rows ---------------------------------------------------------------------------------------------------

    def _row(
        self,
        task: SweepTask,
        index: int,
        spec: CompleteSpec,
        edit_seconds: float,
        edited: EditedModel | None,
        *,
        problems: list[str],
        holding: Holding | None = None,
    ) -> SweepRow:
        """`spec` is the last edit asked for, made or not: it says which sub-graph is which."""
        start = time.perf_counter()
        probed = None if edited is None else self.probe.measure(edited.model)
        found = None if edited is None else self._quality(edited)
        world = self.checkpoint.world
        group = world.relation(spec.relation).group
        measures = {} if edited is None or probed is None else self._measures(edited, probed, group)
        measure_seconds = time.perf_counter() - start
        distance, repetition = self.plan.place(task, index)
        parts = sub_graphs(len(world.groups), group)
        method, request = self.plan.methods[task.method], self.request
        return SweepRow(
            sweep=self.sweep,
            index=index,
            checkpoint=self.checkpoint.id,
            checkpoint_sha256=self.checkpoint.sha256,
            method=method.name,
            preset=method.preset,
            kind="counterfactual" if distance else "corrective",
            distance=distance,
            repetition=repetition,
            edit=None if edited is None or holding is not None else edited.id,
            outcomes=[] if edited is None else [_outcome(each) for each in edited.outcomes],
            problems=problems,
            shattering=None if probed is None else self._shattering(probed.shattered[self.probe.sites[0]], parts),
            sites={} if probed is None else {site: self._rings(probed.shattered[site], parts) for site in self.sites},
            measures=measures,
            scores=[] if probed is None else self._scores(probed, group),
            quality=found,
            sequence=holding,
            edit_seconds=edit_seconds,
            measure_seconds=measure_seconds,
            seed=request.seed,
            contexts=request.contexts,
            queries=request.queries,
            device=str(self.probe.device),
            versions=self._versions,
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def _quality(self, edited: EditedModel) -> EditQuality | None:
        """Of the edits of the row; a long stretch of a sequence has fewer contexts for each."""
        world = self.checkpoint.world
        facts = [(each.spec.subject, world.relation(each.spec.relation), each.new_object) for each in edited.outcomes]
        if not facts:
            return None
        contexts = max(1, min(self.request.contexts, MAX_GENERALITY // len(facts)))
        models, holdout = (self.checkpoint.model, edited.model), self.checkpoint.holdout
        found = quality(world, holdout, *models, facts, n_contexts=contexts, seed=self.request.seed)
        return convert.edit_quality(found)

    def _shattering(self, found: Shattered, parts: tuple[Any, ...]) -> SweepShattering:
        each = map(_estimate, found.R, found.standard_error)
        return SweepShattering(
            **dict(self._rings(found, parts)),
            per_relation=dict(zip(self.checkpoint.world.relation_names, each, strict=True)),
        )

    def _rings(self, found: Shattered, parts: tuple[Any, ...]) -> RingShattering:
        world = self.checkpoint.world
        by_part: dict[str, Estimate] = {}
        for part in ("edit", "retain", "test"):
            rows = [i for i, relation in enumerate(world.relations) if parts[relation.group] == part]
            if rows:
                error = math.hypot(*(found.standard_error[i] for i in rows)) / len(rows)
                by_part[part] = _estimate(fmean(found.R[i] for i in rows), error)
        return RingShattering(
            edit=by_part["edit"],
            retain=by_part.get("retain"),
            test=by_part.get("test"),
            n_pairs=found.n_pairs,
        )

    def _measures(self, edited: EditedModel, probed: Probed, group: int) -> dict[str, float | None]:
        """Of the edited group alone: the others would take as long again, each."""
        world, probe = self.checkpoint.world, self.probe
        own = [relation for relation in world.relations if relation.group == group]
        before = probe.representations[probe.sites[0]]
        found = {
            name: fmean(values.values())
            for name, values in of_relations(MEASURES, world, own, before, probed.representations).items()
        } | of_model(MEASURES, self.checkpoint.model, edited.model)
        return {name: convert.finite(found[name]) for name in MEASURES}

    def _scores(self, probed: Probed, group: int) -> list[TaskScore]:
        """`group`: of the edit."""
        world, probe = self.checkpoint.world, self.probe
        return convert.task_scores(score_changes(world, group, probe.queries, probe.scores, probed.scores))


def _estimate(value: float, standard_error: float) -> Estimate:
    return Estimate(value=convert.finite(value), standard_error=convert.finite(standard_error))


def _outcome(found: Outcome) -> EditOutcome:
    """Of the course a row keeps what tables are made of."""
    course = None if found.course is None else convert.course_end(found.course, found.steps)
    return convert.edit_outcome(found, course)
