"""Edits one after another, as many as a thousand, no two of the same fact: how many are still there after 10, 100 and 1000, and what of the rest.

Recall is asked of facts that the stack does not edit, behind contexts. A stack that takes longer than its limit is not measured further, which is told as such.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np
import torch

from shatterscope.backend import __version__
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import finite
from shatterscope.backend.edits import EditedModel, SoFar, run_edits
from shatterscope.backend.evaluation import QuerySet, score
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.league.measure import Contender, LeagueBench, attempt, now
from shatterscope.backend.league.rows import MeasuredStack
from shatterscope.backend.league.sets import SetEdit
from shatterscope.backend.models import LanguageModel

LIMIT = 120.0  # seconds of edits, for one stack


class Stacker:
    """Stacks of one checkpoint, all of the same edits.

    Args:
        edits: in their order, at least as many as the last stage has.
        stages: numbers of edits after which is measured, ascending.
    """

    def __init__(
        self, bench: LeagueBench, edits: Sequence[SetEdit], stages: Sequence[int], limit: float = LIMIT
    ) -> None:
        self.bench, self.edits, self.limit = bench, edits, limit
        self.stages = sorted({stage for stage in stages if stage <= len(edits)})
        said = {(edit.subject, edit.relation) for edit in edits}
        self.queries = unedited(bench, said)
        self._before = score(bench.checkpoint.model, self.queries)

    def id(self, contender: Contender, after: int) -> str:
        return self.bench.id(contender, self.edits[:after])

    def rows(self, contender: Contender) -> Iterator[MeasuredStack]:
        """A row for every stage, as it is reached."""
        current, so_far = self.bench.checkpoint, SoFar(self.bench.checkpoint.model)
        seconds, failed, done = 0.0, 0, 0
        for stage in self.stages:
            for edit in self.edits[done:stage]:
                if seconds > self.limit:
                    break
                start = time.perf_counter()
                edited = attempt(partial(self._next, current, so_far, contender, edit))
                seconds += time.perf_counter() - start
                done += 1
                if isinstance(edited, str):
                    failed += 1
                else:
                    current, so_far = replace(current, model=edited.model), edited.so_far or so_far
            yield self._row(contender, stage, done, failed, seconds, current.model)

    def _next(self, current: Checkpoint, so_far: SoFar, contender: Contender, edit: SetEdit) -> EditedModel:
        return run_edits(current, [self.bench.spec(contender, edit)], so_far=so_far)

    def _row(
        self, contender: Contender, stage: int, done: int, failed: int, seconds: float, model: LanguageModel
    ) -> MeasuredStack:
        about = MeasuredStack(
            edit=self.id(contender, stage),
            method=contender[0],
            preset=contender[1],
            after=stage,
            failed=failed,
            seconds=seconds,
            limit=self.limit,
            version=__version__,
            finished=now(),
        )
        if done < stage:
            stopped = f"more than {self.limit:g} s: {done} edits took {seconds:.0f} s"
            return about.model_copy(update={"stopped": stopped})
        R = fmean(self.bench.probe.measure(model).shattered[self.bench.probe.sites[0]].R)
        found = {"kept": self._kept(model, self.edits[:stage]), "recall": self._recall(model), "R": finite(R)}
        return about.model_copy(update=found)

    def _kept(self, model: LanguageModel, edits: Sequence[SetEdit]) -> float:
        world, token = self.bench.checkpoint.world, self.bench.checkpoint.vocabulary.relation_token
        prompts = [[edit.subject, token(world.relation(edit.relation))] for edit in edits]
        found = answers(model, prompts, world.n_entities).prediction
        wanted = torch.tensor([edit.object for edit in edits], device=found.device)
        return (found == wanted).double().mean().item()

    def _recall(self, model: LanguageModel) -> float | None:
        after = score(model, self.queries)
        changes = [new.accuracy - old.accuracy for old, new in zip(self._before, after, strict=True)]
        known = [change for change in changes if change == change]
        return fmean(known) if known else None


def unedited(bench: LeagueBench, said: set[tuple[int, str]]) -> QuerySet:
    """Of the questions of direct recall those of other facts than `said`."""
    queries, world = bench.probe.queries, bench.checkpoint.world
    names = {bench.checkpoint.vocabulary.relation_token(relation): relation.name for relation in world.relations}
    cells = []
    for cell in queries.cells:
        if cell.task != "direct":
            continue
        asked = zip(cell.subjects.tolist(), cell.relations[:, 0].tolist(), strict=True)
        other = [(subject, names[token]) not in said for subject, token in asked]
        keep = torch.from_numpy(np.flatnonzero(other)).to(cell.subjects.device)
        cells.append(
            replace(
                cell,
                subjects=cell.subjects[keep],
                relations=cell.relations[keep],
                objects=cell.objects[keep],
                walks=cell.walks[:, keep],
            )
        )
    return replace(queries, cells=tuple(cells))
