"""Facts kept out of training, so that inference can be told from recall (Nishi et al. 2025, section 3.2).

Single facts: a share is held out, chosen so that of a fact and its inverse at most one is; every held-out fact
(x, r, y) therefore has its inverse (y, r^-1, x) stated, and stays inferable. A relation without an inverse loses nothing.
Compositions `x r1 r2`: a share is held out at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shatterscope.backend.worlds.base import ABSENT, BoolArray, Relation, World


@dataclass(frozen=True)
class Holdout:
    """Masks of what training never states.

    Attributes:
        single: (n_entities, n_relations), True where the fact is held out, with all of its objects.
        composition: (n_entities, n_compositions), True where the two-relation fact is held out.
    """

    single: BoolArray
    composition: BoolArray


def draw_holdout(world: World) -> Holdout:
    """Draw the held-out masks; shares and seed are the world's own (its config)."""
    rng = np.random.default_rng([world.config.seed, 1])
    single = _draw_single(world, world.config.held_out_facts, rng)
    drawn = rng.random(world.composition_objects.shape) < world.config.held_out_compositions
    return Holdout(single=single, composition=drawn & (world.composition_objects != ABSENT))


def _draw_single(world: World, share: float, rng: np.random.Generator) -> BoolArray:
    """Each fact/inverse pair loses one side (a fair coin says which) with probability 2 * share."""
    mask = np.zeros(world.objects.shape, dtype=bool)
    # Facts left that begin and that end at each entity: text goes on everywhere and leads everywhere.
    leaving, arriving = world.present.sum(axis=1), (world.n_sources > 0).sum(axis=1)
    for relation in world.relations:
        inverse = world.inverse(relation)
        if inverse is None or inverse.index < relation.index:
            continue  # its facts are the inverses of another's
        loses_one = rng.random(world.n_entities) < 2 * share
        loses_itself = rng.random(world.n_entities) < 0.5
        for x in np.flatnonzero(loses_one & world.present[:, relation.index]).tolist():
            cells = [(x, relation)] if loses_itself[x] else [(y, inverse) for y in world.objects_of(x, relation)]
            for subject, each in cells:
                objects = world.objects_of(subject, each)
                spare = leaving[subject] > 1 and all(arriving[y] > 1 for y in objects)
                if spare and not any(mask[cell] for cell in _undoing(world, subject, each)):
                    mask[subject, each.index] = True
                    leaving[subject] -= 1
                    arriving[objects] -= 1
    return mask


def _undoing(world: World, subject: int, relation: Relation) -> Iterator[tuple[int, int]]:
    """The cells of the inverse facts, and the cell itself."""
    yield subject, relation.index
    inverse = world.inverse(relation)
    if inverse is not None:
        for y in world.objects_of(subject, relation):
            yield y, inverse.index
