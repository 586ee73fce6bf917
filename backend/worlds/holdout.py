"""Facts kept out of training, so that inference can be told from recall (Nishi et al. 2025, section 3.2).

Single facts: a share is held out, chosen so that each stays inferable from facts that are stated (`World.grounds`). Of a fact and its inverse
at most one is held out: of (x, r, y) the inverse (y, r^-1, x) is stated.
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
    return Holdout(single=single, composition=_led_to(world, drawn & (world.composition_objects != ABSENT)))


def _led_to(world: World, drawn: BoolArray) -> BoolArray:
    """Without those that an entity would lose every composition by that leads to it: a walk may have to arrive by one."""
    objects, stated = world.composition_objects, np.zeros(world.n_entities, dtype=bool)
    stated[objects[(objects != ABSENT) & ~drawn]] = True
    return drawn & stated[objects]


def _draw_single(world: World, share: float, rng: np.random.Generator) -> BoolArray:
    """Each fact/inverse pair loses one side (a fair coin says which) with probability 2 * share; a fact that has no inverse, or where there
    are several objects, is lost with probability share. So it is where some of its grounds are left, which then stay."""
    mask, stays = np.zeros((2, *world.objects.shape), dtype=bool)
    # Facts left that begin and that end at each entity: text goes on everywhere and leads everywhere.
    leaving, arriving = world.present.sum(axis=1), (world.n_sources > 0).sum(axis=1)
    for relation, subject in _drawn(world, share, rng):
        cell, objects = (subject, relation.index), world.objects_of(subject, relation)
        if mask[cell] or stays[cell] or leaving[subject] < 2 or any(arriving[y] < 2 for y in objects):
            continue
        for ground in world.grounds(subject, relation):
            if cell not in ground and not any(mask[each] for each in ground):
                mask[cell] = True
                leaving[subject] -= 1
                arriving[objects] -= 1
                for each in ground:
                    stays[each] = True
                break
    return mask


def _drawn(world: World, share: float, rng: np.random.Generator) -> Iterator[tuple[Relation, int]]:
    """Facts to hold out, as (relation, subject)."""
    single = world.single_valued
    for relation in world.relations:
        inverse = world.inverse(relation)
        if inverse is None or not (single[relation.index] and single[inverse.index]):
            lost = (rng.random(world.n_entities) < share) & world.present[:, relation.index]
            yield from ((relation, x) for x in np.flatnonzero(lost).tolist())
        elif inverse.index >= relation.index:  # the facts of the others are the inverses of these
            loses_one = rng.random(world.n_entities) < 2 * share
            loses_itself = rng.random(world.n_entities) < 0.5
            for x in np.flatnonzero(loses_one & world.present[:, relation.index]).tolist():
                if loses_itself[x]:
                    yield relation, x
                elif inverse != relation:  # of one that undoes itself each pair comes twice
                    yield inverse, int(world.objects[x, relation.index])
