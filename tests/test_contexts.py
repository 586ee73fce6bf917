"""Contexts: true, stated walks that arrive at the subject, in which the answer to the question does not stand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import Fact, WriteRequest
from shatterscope.backend.evaluation import draw_queries
from shatterscope.backend.evaluation.tracing import draw_facts
from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.base import IntArray
from shatterscope.backend.worlds.rings import Rings, RingsConfig

N = 96
world = Rings(RingsConfig(n_entities=N, n_orders=3, n_hops=2))
holdout = draw_holdout(world)
sampler = ContextSampler(world, holdout)
column = {(int(a), int(b)): i for i, (a, b) in enumerate(world.compositions)}


def facts_of(walk: IntArray) -> Iterator[tuple[int, list[int], int]]:
    """(subject, relations, object) of a walk, one after the other."""
    at = 0
    while at < len(walk) - 1:
        end = at + 1
        while walk[end] >= N:
            end += 1
        yield int(walk[at]), [int(token) - N for token in walk[at + 1 : end]], int(walk[end])
        at = end


@pytest.mark.parametrize("length", [1, 3, 4, 5, 6, 13])
def test_contexts_are_true_stated_walks_that_arrive_at_the_subject(length: int) -> None:
    everyone = np.arange(N)
    for x, walk in enumerate(sampler.arriving_at(everyone, length, np.random.default_rng(length))):
        assert len(walk) == length
        assert walk[-1] == x
        for subject, path, object in facts_of(walk):
            if len(path) == 1:
                assert world.objects[subject, path[0]] == object
                assert not holdout.single[subject, path[0]]
            else:
                assert world.composition_objects[subject, column[path[0], path[1]]] == object
                assert not holdout.composition[subject, column[path[0], path[1]]]


def test_no_walk_has_two_tokens() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        sampler.arriving_at(np.arange(N), 2, np.random.default_rng(0))


@given(st.integers(3, 14), st.integers(0, 2**32), st.lists(st.integers(0, N - 1), min_size=1, max_size=12))
def test_what_is_to_be_avoided_is_not_named(length: int, seed: int, avoid: list[int]) -> None:
    kept_out = np.broadcast_to(np.array([*avoid, -1]), (N, len(avoid) + 1))
    walks = sampler.arriving_at(np.arange(N), length, np.random.default_rng(seed), kept_out)
    assert not np.isin(walks[:, :-1], avoid).any()
    assert (walks[:, -1] == np.arange(N)).all(), "the subject itself may be one of them"


def test_a_world_without_another_way_names_it_all_the_same() -> None:
    tiny = Rings(RingsConfig(n_entities=5, n_orders=1, n_hops=1))
    walks = ContextSampler(tiny, draw_holdout(tiny)).arriving_at(
        np.arange(5), 7, np.random.default_rng(0), np.broadcast_to(np.arange(5), (5, 5))
    )
    assert walks.shape == (5, 7)


@pytest.mark.parametrize("queries", [40, "all"])
def test_no_answer_stands_in_the_context_of_its_query(queries: int) -> None:
    drawn = draw_queries(world, holdout, 16, n_contexts=4, queries=queries, seed=5)  # type: ignore[arg-type]
    behind_second = total = 0
    for cell in drawn.cells:
        for context, rows in zip(drawn.contexts, cell.walks, strict=True):
            walks = context[rows]
            assert torch.equal(walks[:, -1], cell.subjects)
            assert not (walks[:, :-1] == cell.objects).any()
            behind_second += int((rows >= N).sum())
            total += len(rows)
    assert 0 < behind_second < 0.25 * total
    for context in drawn.contexts:
        assert len(context) <= 2 * N, "one second walk serves all questions about a subject"


def test_editors_and_tracing_do_not_name_the_answers_either(checkpoint: Checkpoint) -> None:
    world, n = checkpoint.world, checkpoint.world.n_entities
    contexts = ContextSampler(world, checkpoint.holdout)
    for relation in world.relations:
        fact = Fact(7, n + relation.index, 100)
        asked = WriteRequest((fact,), contexts).prompts(fact, 40, 16, np.random.default_rng(0))
        assert asked[0] == [7, n + relation.index]
        assert not {100, world.object_of(7, relation)} & {token for prompt in asked for token in prompt[:-2]}
    traced = draw_facts(world, checkpoint.holdout, checkpoint.model, 64, np.random.default_rng(0))
    assert not bool((traced.clean[:, 0] == traced.objects).any())
