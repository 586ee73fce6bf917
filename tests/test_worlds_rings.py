"""The world: analytic cases on tiny rings, then properties of any ring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig

configs = st.builds(
    RingsConfig,
    n_entities=st.integers(17, 80),
    n_orders=st.integers(1, 4),
    n_hops=st.integers(1, 4),
    held_out_facts=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)


def test_relations_are_named_order_by_order() -> None:
    world = Rings(RingsConfig(n_entities=9, n_orders=2, n_hops=2))
    assert world.relation_names == ["I_C1", "I_C2", "I_A1", "I_A2", "II_C1", "II_C2", "II_A1", "II_A2"]
    assert world.relation("II_A2").step == -2


def test_the_papers_world_has_24_relations_and_49152_facts() -> None:
    world = Rings(RingsConfig())
    assert (world.n_entities, world.n_relations, world.objects.size) == (2048, 24, 49_152)
    assert world.composition_objects.size == 393_216


def test_walking_round_the_ring_comes_home() -> None:
    world = Rings(RingsConfig(n_entities=20, n_orders=1, n_hops=1))
    c1 = world.relation("I_C1")
    seen, entity = [], 0
    for _ in range(20):
        seen.append(entity)
        entity = world.object_of(entity, c1)
    assert entity == 0
    assert sorted(seen) == list(range(20))


@given(configs, st.data())
def test_facts_follow_the_ring(config: RingsConfig, data: st.DataObject) -> None:
    world = Rings(config)
    relation = data.draw(st.sampled_from(world.relations))
    subject = data.draw(st.integers(0, config.n_entities - 1))
    target = world.object_of(subject, relation)
    assert world.distance(relation.group, subject, target) == relation.hops
    assert world.object_of(target, world.inverse(relation)) == subject
    distance = data.draw(st.integers(1, config.n_entities // 2))
    moved = world.counterfactual(subject, relation, distance)
    assert world.distance(relation.group, target, moved) == distance


@given(configs)
def test_of_a_fact_and_its_inverse_at_most_one_is_held_out(config: RingsConfig) -> None:
    world = Rings(config)
    held_out = draw_holdout(world).single
    for relation in world.relations:
        inverse_column = world.inverse(relation).index
        assert not (held_out[:, relation.index] & held_out[world.objects[:, relation.index], inverse_column]).any()


def test_the_held_out_shares_are_those_asked_for() -> None:
    holdout = draw_holdout(Rings(RingsConfig(held_out_facts=0.05, held_out_compositions=0.1)))
    assert holdout.single.mean() == pytest.approx(0.05, abs=0.005)
    assert holdout.composition.mean() == pytest.approx(0.1, abs=0.005)


def test_compositions_stay_in_one_order_and_compose() -> None:
    world = Rings(RingsConfig(n_entities=33, n_hops=2))
    first, second = (world.relations[index] for index in world.compositions[5])
    assert first.group == second.group
    for subject in (0, 7):
        middle = world.object_of(subject, first)
        assert world.composition_objects[subject, 5] == world.object_of(middle, second)


def test_same_seed_same_world() -> None:
    a, b = (Rings(RingsConfig(n_entities=40, seed=3)) for _ in range(2))
    assert np.array_equal(a.orders, b.orders)
    assert not np.array_equal(a.orders, Rings(RingsConfig(n_entities=40, seed=4)).orders)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n_orders": 0}, "n_orders"),
        ({"n_hops": 0}, "n_hops"),
        ({"n_entities": 16}, "n_entities"),
        ({"held_out_facts": 0.6}, "held_out_facts"),
    ],
)
def test_a_bad_world_is_refused_by_name(fields: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        RingsConfig(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("distance", [0, 21, -21])
def test_a_distance_off_the_ring_is_refused(distance: int) -> None:
    world = Rings(RingsConfig(n_entities=40))
    with pytest.raises(ValueError, match="distance"):
        world.counterfactual(0, world.relations[0], distance)


def test_an_unknown_relation_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="I_C9"):
        Rings(RingsConfig(n_entities=40)).relation("I_C9")
