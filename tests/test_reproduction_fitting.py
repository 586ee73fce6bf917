"""The paper's protocol in a world of no rings."""

from __future__ import annotations

import families
import pytest

from shatterscope.backend.reproduction.fitting import fitted
from shatterscope.backend.reproduction.protocol import POINTS, sequences, single_edits
from shatterscope.backend.sweeps.plan import KnownFacts, with_objects_at
from shatterscope.backend.worlds.rings import Rings, RingsConfig

WORLD = families.Families.of(families.FamiliesConfig())
KNOWN = KnownFacts([(x, r.name) for r in WORLD.relations for x in WORLD.domain(r).tolist()], [])


@pytest.mark.parametrize("edits", [1, 5, 20])
def test_single_edits_are_at_distances_that_enough_facts_have(edits: int) -> None:
    found = fitted(WORLD, single_edits("kin", edits), KNOWN)
    assert 1 <= len(found.distances) <= 4
    assert found.distances == sorted(set(found.distances))
    assert len(with_objects_at(WORLD, KNOWN.right, found.distances)) >= edits


def test_sequences_are_as_long_as_the_facts_last() -> None:
    found = fitted(WORLD, sequences("kin", 100), KNOWN)
    assert found.sequence is not None
    there = with_objects_at(WORLD, KNOWN.right, found.distances)
    by_group = [sum(WORLD.relation(name).group == group for _, name in there) for group in (0, 1)]
    # Three sequences of two groups: the first group has two of them.
    assert found.edits_per_cell == min(by_group[0] // 2, by_group[1])
    assert found.sequence.every == -(-found.edits_per_cell // POINTS)


def test_what_fits_stays_as_it_is() -> None:
    short = sequences("kin", 2)
    assert fitted(WORLD, short, KNOWN).edits_per_cell == 2
    rings = Rings.of(RingsConfig(n_entities=20))
    assert fitted(rings, single_edits("rings"), KNOWN) == single_edits("rings")


def test_a_world_that_cannot_serve_is_left_to_the_plan() -> None:
    assert fitted(WORLD, single_edits("kin"), KnownFacts([], [])) == single_edits("kin")
