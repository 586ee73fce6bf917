"""Start here: the whole story of representation shattering in one file (Nishi et al. 2025).

    1. a checkpoint: a small transformer that knows a world of rings
    2. an edit: one fact is changed in its weights
    3. representations: what the model holds of every entity, for every relation, before and after
    4. shattering: how far the geometry of those representations was distorted, R(D*) = ||D* - D0|| / ||D0||
    5. accuracy: what the model still recalls and infers, by task and order

    baseline = measure_baseline(checkpoint)
    edited = run_edits(checkpoint, [complete_spec(checkpoint.world, 2, subject=7, relation="I_C2", distance=4)])
    experiment = measure(checkpoint, edited, baseline)

Everything about the unedited model is in the `Baseline`, measured once and shared by all edits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.edits import EditedModel
from shatterscope.backend.evaluation import (
    AnsweredRipple,
    DistanceBin,
    Quality,
    QuerySet,
    Score,
    answer_ripples,
    damage,
    draw_queries,
    quality,
    relation_shattering,
    ring_means,
    score,
    sub_graphs,
)
from shatterscope.backend.evaluation.queries import Task
from shatterscope.backend.measures import MEASURES, Measurement, gathered, of_model, of_relations
from shatterscope.backend.worlds import World
from shatterscope.wire.base import SubGraph

DEFAULT_QUERIES = 200


@dataclass(frozen=True)
class Baseline:
    """The unedited model: (n_relations, n_entities, d_model) representations, the questions, and a score for each of their cells."""

    representations: Tensor
    queries: QuerySet
    scores: list[Score]

    def only(self, task: Task) -> Baseline:
        """The same with the questions of one task."""
        kept = [i for i, cell in enumerate(self.queries.cells) if cell.task == task]
        queries = replace(self.queries, cells=tuple(self.queries.cells[i] for i in kept))
        return replace(self, queries=queries, scores=[self.scores[i] for i in kept])


@dataclass(frozen=True)
class TaskChange:
    """One task in one order; NaN where it has no queries."""

    task: Task
    order: str
    sub_graph: SubGraph
    before: Score
    after: Score
    n_queries: int
    n_available: int
    n_contexts: int


@dataclass(frozen=True)
class Geometry:
    """What an edit did to the representations. `shattering` is R per relation, `sub_graph_shattering` the mean over each
    sub-graph's relations (a world of fewer than three orders lacks some); `measures` by name (`backend/measures`); `without_edited` that of the edited group
    without the edited entities, of a world of few."""

    shattering: Mapping[str, float]
    sub_graph_shattering: Mapping[SubGraph, float]
    measures: Mapping[str, Measurement]
    damage: list[DistanceBin]
    without_edited: float | None = None


@dataclass(frozen=True)
class Recall:
    """What an edit did to the answers."""

    scores: list[TaskChange]
    ripples: list[AnsweredRipple]
    quality: Quality


@dataclass(frozen=True)
class Experiment:
    """What an edit did. Sub-graphs, damage and ripples are those of the stack's last edit; quality is of all its edits. Those at strength 0
    do not count, unless none is above."""

    edited: EditedModel
    geometry: Geometry
    recall: Recall


def measure_baseline(
    checkpoint: AnyCheckpoint, *, n_contexts: int = 5, queries: int | Literal["all"] = DEFAULT_QUERIES, seed: int = 0
) -> Baseline:
    """Measure the unedited model, once. Raises `ValueError` for counts below 1."""
    model = checkpoint.model
    questions = draw_queries(
        checkpoint.world,
        checkpoint.holdout,
        model.config.context,
        n_contexts=n_contexts,
        queries=queries,
        seed=seed,
        device=model.device,
    )
    return Baseline(all_activations(model, checkpoint.world.n_entities), questions, score(model, questions))


def measure(checkpoint: AnyCheckpoint, edited: EditedModel, baseline: Baseline) -> Experiment:
    """Measure an edited model against the unedited one: steps 3 to 5."""
    return Experiment(
        edited, measure_geometry(checkpoint, edited, baseline), measure_recall(checkpoint, edited, baseline)
    )


def measure_shattering(checkpoint: AnyCheckpoint, edited: EditedModel, baseline: Baseline) -> Tensor:
    """R of every relation, (n_relations,) float64: the greater part of `measure_geometry`'s work."""
    world = checkpoint.world
    return relation_shattering(world, baseline.representations, all_activations(edited.model, world.n_entities))


def measure_geometry(
    checkpoint: AnyCheckpoint, edited: EditedModel, baseline: Baseline, R: Tensor | None = None
) -> Geometry:
    """Steps 3 and 4. `R`: from `measure_shattering`, where it is known."""
    world, last = checkpoint.world, edited.made[-1]
    relation = world.relation(last.spec.relation)
    before, after = baseline.representations, all_activations(edited.model, world.n_entities)
    R = relation_shattering(world, before, after) if R is None else R  # (n_relations,)
    moved = before[relation.index], after[relation.index]
    return Geometry(
        shattering=dict(zip(world.relation_names, R.tolist(), strict=True)),
        sub_graph_shattering=ring_means(world, relation.group, R),
        measures=gathered(
            world,
            relation.group,
            of_relations(MEASURES, world, world.relations, before, after),
            of_model(MEASURES, checkpoint.model, edited.model),
        ),
        damage=damage(world, relation, last.spec.subject, (checkpoint.model, edited.model), moved),
    )


def measure_recall(checkpoint: AnyCheckpoint, edited: EditedModel, baseline: Baseline) -> Recall:
    """Step 5."""
    world, last = checkpoint.world, edited.made[-1]
    found = world.consequences(last.spec.subject, world.relation(last.spec.relation), last.new_object)
    facts = [(each.spec.subject, world.relation(each.spec.relation), each.new_object) for each in edited.made]
    return Recall(
        task_changes(checkpoint, edited, baseline),
        answer_ripples(world, found, checkpoint.model, edited.model),
        quality(world, checkpoint.holdout, checkpoint.model, edited.model, facts),
    )


def task_changes(checkpoint: AnyCheckpoint, edited: EditedModel, baseline: Baseline) -> list[TaskChange]:
    """Every cell of the baseline's questions, asked again."""
    world, queries = checkpoint.world, baseline.queries
    group = world.relation(edited.made[-1].spec.relation).group
    return score_changes(world, group, queries, baseline.scores, score(edited.model, queries))


def score_changes(
    world: World, edited: int, queries: QuerySet, before: Sequence[Score], after: Sequence[Score]
) -> list[TaskChange]:
    """A score of every cell before and after an edit in the group `edited`."""
    parts = sub_graphs(len(world.groups), edited)
    return [
        TaskChange(
            task=cell.task,
            order=world.group_names[cell.group],
            sub_graph=parts[cell.group],
            before=was,
            after=now,
            n_queries=len(cell),
            n_available=cell.n_available,
            n_contexts=len(queries.contexts),
        )
        for cell, was, now in zip(queries.cells, before, after, strict=True)
    ]
