"""Queries and scores: what is asked, and that the short cuts give the plain answer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation import TASKS, QuerySet, draw_queries, score
from shatterscope.backend.evaluation.subgraphs import sub_graphs
from shatterscope.backend.worlds import Holdout, draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig


def queries_of(checkpoint: Checkpoint, **more: object) -> QuerySet:
    context = checkpoint.model.config.context
    return draw_queries(checkpoint.world, checkpoint.holdout, context, **more)  # type: ignore[arg-type]


@torch.no_grad()
def test_scores_agree_with_the_plain_way(checkpoint: Checkpoint) -> None:
    """Every prompt whole, one context at a time, softmax over the whole vocabulary."""
    queries = queries_of(checkpoint, queries=20, n_contexts=3)
    n = checkpoint.world.n_entities
    for cell, got in zip(queries.cells, score(checkpoint.model, queries), strict=True):
        correct, probability = [], []
        for context, walks in zip(queries.contexts, cell.walks, strict=True):
            logits = checkpoint.model(torch.cat([context[walks], cell.relations], dim=1))[:, -1]
            correct.append((logits[:, :n].argmax(1) == cell.objects[:, 0]).double())
            probability.append(logits.softmax(1).gather(1, cell.objects).double())
        assert got.accuracy == pytest.approx(float(torch.cat(correct).mean()))
        assert got.probability == pytest.approx(float(torch.cat(probability).mean()), rel=1e-4, abs=1e-6)


def test_every_cell_asks_true_facts_of_its_kind(checkpoint: Checkpoint) -> None:
    world, holdout, n = checkpoint.world, checkpoint.holdout, checkpoint.world.n_entities
    column = {(int(a), int(b)): i for i, (a, b) in enumerate(world.compositions)}
    queries = queries_of(checkpoint, queries=50)
    assert [(cell.task, cell.group) for cell in queries.cells] == [(t, o) for t in TASKS for o in range(3)]
    for cell in queries.cells:
        single = cell.task in ("direct", "logical")
        questions = set()
        for x, relations, y in zip(
            cell.subjects.tolist(), cell.relations.tolist(), cell.objects[:, 0].tolist(), strict=True
        ):
            path = [world.relations[token - n] for token in relations]
            assert {relation.group for relation in path} == {cell.group}
            assert world.walk(cell.group, x, sum(relation.step for relation in path)) == y
            held = (
                holdout.single[x, path[0].index]
                if single
                else holdout.composition[x, column[path[0].index, path[1].index]]
            )
            assert held == (cell.task in ("logical", "composition_held_out"))
            questions.add((x, *relations))
        assert len(questions) == len(cell) <= cell.n_available
    assert all(torch.equal(context[:n, -1], torch.arange(n)) for context in queries.contexts)


def test_the_same_seed_asks_the_same(checkpoint: Checkpoint) -> None:
    first, again, other = (queries_of(checkpoint, queries=30, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a.subjects, b.subjects) for a, b in zip(first.cells, again.cells, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first.contexts, again.contexts, strict=True))
    assert not all(torch.equal(a.subjects, b.subjects) for a, b in zip(first.cells, other.cells, strict=True))


def test_all_asks_every_fact_once(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    cells = queries_of(checkpoint, queries="all", n_contexts=1).cells
    assert all(len(cell) == cell.n_available for cell in cells)
    asked = {task: sum(len(cell) for cell in cells if cell.task == task) for task in TASKS}
    assert asked["direct"] + asked["logical"] == world.objects.size
    assert asked["composition_stated"] + asked["composition_held_out"] == world.composition_objects.size


def test_a_task_without_queries_has_no_score(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    all_stated = replace(world.config, held_out_facts=0.0, held_out_compositions=0.0)
    queries = draw_queries(
        world, draw_holdout(Rings(all_stated)), checkpoint.model.config.context, queries=5, n_contexts=1
    )
    scores = dict(
        zip([(cell.task, cell.group) for cell in queries.cells], score(checkpoint.model, queries), strict=True)
    )
    assert math.isnan(scores["logical", 0].accuracy)
    assert not math.isnan(scores["direct", 0].accuracy)


def test_bad_counts_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="contexts"):
        queries_of(checkpoint, n_contexts=0)
    with pytest.raises(ValueError, match="queries"):
        queries_of(checkpoint, queries=0)
    world = Rings(RingsConfig(n_entities=20, n_hops=1))
    holdout: Holdout = draw_holdout(world)
    with pytest.raises(ValueError, match="context"):
        draw_queries(world, holdout, 4)


def test_sub_graphs_follow_the_edited_order_in_cyclic_order() -> None:
    assert sub_graphs(3, 0) == ("edit", "retain", "test")
    assert sub_graphs(3, 1) == ("test", "edit", "retain")
    assert sub_graphs(3, 2) == ("retain", "test", "edit")
    assert sub_graphs(1, 0) == ("edit",)
    assert sub_graphs(2, 1) == ("retain", "edit")
    assert sub_graphs(5, 3) == ("test", "test", "test", "edit", "retain")
