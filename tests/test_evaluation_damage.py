"""Damage against ring distance, and the ripples of an edit."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shatterscope.backend.activations import activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation import answer_ripples, damage
from shatterscope.backend.evaluation.damage import distance_bins
from shatterscope.backend.worlds.rings import Rings, RingsConfig

GRAPH = Rings(RingsConfig(n_entities=60, n_hops=4))


@given(st.integers(4, 5000))
def test_bins_cover_every_distance_once(n: int) -> None:
    bins = distance_bins(n)
    assert bins[:3] == [(0, 0), (1, 1), (2, 2)]
    assert bins[-1][1] == n
    assert all(low <= high for low, high in bins)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bins))


def test_damage_is_nothing_where_nothing_changed(checkpoint: Checkpoint) -> None:
    world, model = checkpoint.world, checkpoint.model
    relation = world.relations[0]
    x = activations(model, world.n_entities, relation)
    bins = damage(world, relation, 7, (model, model), (x, x))
    assert all(each.displacement == 0 for each in bins)
    assert all(each.accuracy_before == each.accuracy_after for each in bins)
    assert sum(each.n_entities for each in bins) == world.n_entities


def test_displacement_is_measured_in_ring_steps(checkpoint: Checkpoint) -> None:
    """On a circle, moving everyone to the next place is a displacement of one, at every distance."""
    world, model = checkpoint.world, checkpoint.model
    relation = world.relations[0]
    angle = torch.from_numpy(world.places[relation.group]) * (2 * torch.pi / world.n_entities)
    circle = torch.zeros(world.n_entities, model.config.d_model)
    circle[:, 0], circle[:, 1] = torch.cos(angle), torch.sin(angle)
    turned = circle[torch.from_numpy(world.walk(relation.group, torch.arange(world.n_entities).numpy(), 1))]
    for each in damage(world, relation, 3, (model, model), (circle, turned)):
        assert each.displacement == pytest.approx(1, rel=1e-3)


@settings(max_examples=60)
@given(st.integers(0, 59), st.integers(0, GRAPH.n_relations - 1), st.integers(1, 30))
def test_ripples_are_few_true_and_told_apart(subject: int, index: int, distance: int) -> None:
    relation = GRAPH.relations[index]
    new = GRAPH.counterfactual(subject, relation, distance)
    found = GRAPH.consequences(subject, relation, new)
    assert 5 <= len(found) <= 12
    assert len({(each.subject, each.relations) for each in found}) == len(found)
    for each in found:
        path = [GRAPH.relation(name) for name in each.relations]
        assert {step.group for step in path} == {relation.group}
        assert GRAPH.walk(relation.group, each.subject, sum(step.step for step in path)) == each.truth
        assert each.explanation
    backwards = next(each for each in found if each.subject == new and each.relations == (relation.inverse,))
    assert backwards.kind in ("implied", "contradicted")
    assert backwards.expected == subject or new == GRAPH.object_of(subject, relation)
    assert found[0].subject == subject
    assert found[0].expected == new


def test_the_ripples_of_one_edit_spelt_out() -> None:
    x, C2 = 11, GRAPH.relation("I_C2")

    def at(steps: int) -> int:
        return int(GRAPH.walk(0, x, steps))

    new = at(12)  # ten steps past the truth
    found = {(each.subject, each.relations): each for each in GRAPH.consequences(x, C2, new)}
    contradicted = {key: each.expected for key, each in found.items() if each.kind == "contradicted"}
    assert contradicted == {
        (x, ("I_C2",)): new,
        (at(2), ("I_A2",)): at(10),
        (at(1), ("I_C1",)): new,
        (at(-1), ("I_C3",)): new,
    }
    implied = {key: each.expected for key, each in found.items() if each.kind == "implied"}
    assert implied == {
        (new, ("I_A2",)): x,
        (x, ("I_C2", "I_C1")): at(13),
        (x, ("I_C2", "I_A1")): at(11),
        (at(-1), ("I_C1", "I_C2")): new,
        (at(1), ("I_A1", "I_C2")): new,
        (x, ("I_C3",)): at(13),
        (x, ("I_C1",)): at(11),
    }


def test_a_corrected_fact_contradicts_nothing() -> None:
    relation = GRAPH.relation("II_A3")
    found = GRAPH.consequences(5, relation, GRAPH.object_of(5, relation))
    assert {each.kind for each in found} == {"implied"}
    assert all(each.expected == each.truth for each in found)


def test_ripples_are_asked_of_both_models(checkpoint: Checkpoint) -> None:
    world, model = checkpoint.world, checkpoint.model
    relation = world.relations[0]
    found = world.consequences(7, relation, world.counterfactual(7, relation, 5))
    asked = answer_ripples(world, found, model, model)
    assert [each.ripple for each in asked] == found
    for each in asked:
        prompt = [
            each.ripple.subject,
            *(world.n_entities + world.relation(name).index for name in each.ripple.relations),
        ]
        p = model(torch.tensor([prompt]))[0, -1].softmax(0)[: world.n_entities]
        assert each.before == each.after
        assert each.before[0] == int(p.argmax())
        assert each.before[1] == pytest.approx(float(p.max()), rel=1e-4)
