"""Which questions are asked: per task and order, sampled or all of them, behind the same random contexts before and after an edit.

Tasks (Nishi et al. 2025, section 3.2): `direct` recall of stated facts, `logical` inference of held-out single facts, and compositions
`x r1 r2`, stated and held-out apart. The truth is always the unedited world's.

Context c has the same length for every query, so that a batch needs no padding, and is drawn once per subject. The lengths are spread
over what fits the model's context. A query whose answer stands in its subject's walk (some 4 % of them) goes behind a second walk to the same
subject, which names none of the answers that stand in the first: no context names the answer, let alone the fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.worlds import ABSENT, Holdout, World
from shatterscope.backend.worlds.base import IntArray

Task = Literal["direct", "logical", "composition_stated", "composition_held_out"]
SHORTEST = 5  # tokens of context that a fact and a composition behind it need
TASKS: tuple[Task, ...] = ("direct", "logical", "composition_stated", "composition_held_out")


@dataclass(frozen=True)
class Cell:
    """The queries of one task and group. `relations` are token ids, (Q, 1) or (Q, 2); `subjects` (Q,) entities; `objects` (Q, most) those that are
    right, `ABSENT` where a query has fewer. `walks` (contexts, Q) says behind which row of each context a query is asked."""

    task: Task
    group: int
    subjects: Tensor
    relations: Tensor
    objects: Tensor
    walks: Tensor
    n_available: int

    def __len__(self) -> int:
        return len(self.subjects)


@dataclass(frozen=True)
class QuerySet:
    """`contexts[c]` is (n_entities + more, length_c) token ids: row x is a walk of true stated facts that arrives at entity x, and the rows behind
    are the second walks."""

    cells: tuple[Cell, ...]
    contexts: tuple[Tensor, ...]
    n_entities: int

    def walks(self, c: int) -> tuple[Tensor, list[Tensor]]:
        """The rows of context c that are needed, and for each cell where among them its queries' walks are, (Q,)."""
        needed, where = torch.unique(torch.cat([cell.walks[c] for cell in self.cells]), return_inverse=True)
        return needed, list(torch.split(where, [len(cell) for cell in self.cells]))


def draw_queries(
    world: World,
    holdout: Holdout,
    context: int,
    *,
    n_contexts: int = 5,
    queries: int | Literal["all"] = 300,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> QuerySet:
    """Draw `queries` per task and order without replacement (fewer where there are not as many), deterministic by `seed`.

    In two stages, subjects and then their facts: every fact is equally likely to be drawn.

    Raises:
        ValueError: `n_contexts` or `queries` below 1, or a model context too short for a composition behind a fact.
    """
    if n_contexts < 1:
        raise ValueError(f"contexts must be at least 1, got {n_contexts}")
    if queries != "all" and queries < 1:
        raise ValueError(f"queries must be at least 1, or 'all', got {queries}")
    if context < SHORTEST:
        raise ValueError(f"a fact and a composition need a context of {SHORTEST} tokens, the model has {context}")
    rng = np.random.default_rng([seed, 2])

    def tensor(values: IntArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    populations = list(_populations(world, holdout))
    pool = _pool([available for _, _, available, _, _ in populations], queries, rng)
    asked = []
    for task, group, available, columns, objects in populations:
        row, column = np.nonzero(available[pool])
        if queries != "all" and queries < len(row):
            chosen = rng.choice(len(row), queries, replace=False)
            row, column = row[chosen], column[chosen]
        x = pool[row]
        asked.append((task, group, x, world.n_entities + columns[column], objects[x, column], int(available.sum())))

    walker = ContextSampler(world, holdout)
    subjects, answers = (np.concatenate([each[i] for each in asked]) for i in (2, 4))
    lengths = [int(length) for length in _spread(3, context - 2, n_contexts, rng)]
    first = [walker.arriving_at(np.arange(world.n_entities), length, rng) for length in lengths]
    contexts, rows = zip(*(_second_walks(walker, walks, subjects, answers, rng) for walks in first), strict=True)
    ends = np.cumsum([len(each[2]) for each in asked])[:-1]
    cells = [
        Cell(task, group, tensor(x), tensor(tokens), tensor(objects), tensor(walks), n_available)
        for (task, group, x, tokens, objects, n_available), walks in zip(
            asked, np.split(np.stack(rows), ends, axis=1), strict=True
        )
    ]
    return QuerySet(tuple(cells), tuple(map(tensor, contexts)), world.n_entities)


def _second_walks(
    walker: ContextSampler, first: IntArray, subjects: IntArray, answers: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """The walks of one context with second ones below them, and the row that each query goes behind.

    Args:
        first: (n_entities, length), one walk to each entity.
        subjects, answers: (Q,) and (Q, most) of all queries.
    """
    named = (first[subjects, :-1, None] == answers[:, None]).any(1)  # (Q, most)
    told = np.flatnonzero(named.any(1))
    entities, at = np.unique(subjects[told], return_inverse=True)
    subject, right = np.repeat(at, answers.shape[1]), answers[told].ravel()
    subject, right = subject[right != ABSENT], right[right != ABSENT]
    rank = np.zeros(len(right), dtype=np.int64)  # of an answer among those of the same subject
    by_entity = np.argsort(subject, kind="stable")
    starts = np.searchsorted(subject[by_entity], np.arange(len(entities)))
    rank[by_entity] = np.arange(len(right)) - starts[subject[by_entity]]
    avoid = np.full((len(entities), int(rank.max(initial=0)) + 1), ABSENT)
    avoid[subject, rank] = right
    rows = subjects.copy()
    rows[told] = len(first) + at
    second = walker.arriving_at(entities, first.shape[1], rng, avoid)
    return np.concatenate([first, second]), rows


def _pool(members: list[NDArray[np.bool_]], queries: int | Literal["all"], rng: np.random.Generator) -> IntArray:
    """Subjects to ask about: a random sample, as small as holds enough queries of every task and order.

    All cells share it, since most of the cost of a subject's first query is its context, which the others share.
    """
    shuffled = rng.permutation(len(members[0]))
    if queries == "all":
        return shuffled
    enough = 0
    for available in members:
        found = np.cumsum(available[shuffled].sum(1))
        enough = max(enough, int(np.searchsorted(found, min(queries, int(found[-1])))) + 1)
    return shuffled[:enough]


def _populations(world: World, holdout: Holdout) -> Iterator[tuple[Task, int, NDArray[np.bool_], IntArray, IntArray]]:
    """Per task and group: (n_entities, k) which facts belong to it, (k, 1 or 2) relations, (n_entities, k, most) objects."""
    single_group = np.array([relation.group for relation in world.relations])
    pair_group = single_group[world.compositions[:, 0]]
    singles = np.arange(world.n_relations)[:, None]
    most = world.truths.shape[2]
    composed = np.pad(world.composition_objects[:, :, None], ((0, 0), (0, 0), (0, most - 1)), constant_values=ABSENT)
    for task in TASKS:
        single = task in ("direct", "logical")
        held = holdout.single if single else holdout.composition
        there = world.present if single else composed[:, :, 0] != ABSENT
        member = held if task in ("logical", "composition_held_out") else there & ~held
        for group in range(len(world.groups)):
            if single:
                at = single_group == group
                yield task, group, member[:, at], singles[at], world.truths[:, at]
            else:
                at = pair_group == group
                yield task, group, member[:, at], world.compositions[at], composed[:, at]


def _spread(low: int, high: int, n: int, rng: np.random.Generator) -> IntArray:
    """`n` random integers in low..high, one from each of n equal stretches."""
    u = (np.arange(n) + rng.random(n)) / n
    return np.asarray(low + np.floor(u * (high - low + 1)), dtype=np.int64)
