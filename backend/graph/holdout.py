"""Facts kept out of training, so that inference can be told from recall (Nishi et al. 2025, section 3.2).

Single facts: a share is held out, chosen so that of a fact and its inverse at most one is; every held-out fact
(x, r, y) therefore has its inverse (y, r^-1, x) stated, and stays inferable. Compositions `x r1 r2`: a share is
held out at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shatterscope.backend.graph.knowledge_graph import KnowledgeGraph

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Holdout:
    """Masks of what training never states.

    Attributes:
        single: (n_entities, n_relations), True where the fact is held out.
        composition: (n_entities, n_compositions), True where the two-relation fact is held out.
    """

    single: BoolArray
    composition: BoolArray


def draw_holdout(graph: KnowledgeGraph) -> Holdout:
    """Draw the held-out masks; shares and seed are the graph's own (`GraphConfig`)."""
    rng = np.random.default_rng([graph.config.seed, 1])
    return Holdout(
        single=_draw_single(graph, graph.config.held_out_facts, rng),
        composition=rng.random(graph.composition_objects.shape) < graph.config.held_out_compositions,
    )


def _draw_single(graph: KnowledgeGraph, share: float, rng: np.random.Generator) -> BoolArray:
    """Each fact/inverse pair loses one side (a fair coin says which) with probability 2 * share."""
    mask = np.zeros(graph.objects.shape, dtype=bool)
    for relation in graph.relations:
        if relation.direction == "A":
            continue  # its facts are the inverses of the clockwise ones
        loses_one = rng.random(graph.n_entities) < 2 * share
        loses_clockwise = rng.random(graph.n_entities) < 0.5
        subjects = np.arange(graph.n_entities)
        mask[subjects[loses_one & loses_clockwise], relation.index] = True
        objects = graph.objects[loses_one & ~loses_clockwise, relation.index]
        mask[objects, graph.inverse(relation).index] = True
    return mask
