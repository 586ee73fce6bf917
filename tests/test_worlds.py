"""What every world keeps, whatever its kind: a new one passes by its line in the registry. Configs are drawn at random from the types of their fields."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from world_examples import EXAMPLES

from shatterscope.backend.assessment import TASKS, assess
from shatterscope.backend.data import TextSampler, Vocabulary
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.evaluation import draw_queries
from shatterscope.backend.models import ModelConfig, Transformer
from shatterscope.backend.worlds import (
    ABSENT,
    WORLDS,
    Holdout,
    Relation,
    World,
    build,
    config_table,
    draw_holdout,
    read_config,
)

every_kind = pytest.mark.parametrize("kind", WORLDS)
SMALL = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def defaults(kind: str) -> Any:
    return read_config({"kind": kind} | EXAMPLES.get(kind, {}))


@st.composite
def worlds(draw: st.DrawFn, kind: str) -> World:
    """A world of the kind, its sizes at most the defaults."""
    values = config_table(defaults(kind))
    for field in dataclasses.fields(WORLDS[kind].Config):
        default = getattr(defaults(kind), field.name)
        if field.name == "seed":
            values[field.name] = draw(st.integers(0, 1000))
        elif field.name.startswith("held_out"):
            values[field.name] = draw(st.sampled_from([0.0, 0.05, 0.2, 0.5]))
        elif isinstance(default, bool):
            values[field.name] = draw(st.booleans())
        elif isinstance(default, int):
            values[field.name] = draw(st.integers(1, min(default, 60)))
    try:
        return build(read_config({"kind": kind} | values))
    except ValueError:
        reject()


def facts(world: World, tokens: list[int]) -> list[tuple[int, list[int], int]]:
    """(subject, relations, object) of every complete fact of one text."""
    found, subject, path = [], tokens[0], list[int]()
    for token in tokens[1:]:
        if token >= world.n_entities:
            path.append(token - world.n_entities)
        else:
            found.append((subject, path, token))
            subject, path = token, []
    return found


def assert_stated(world: World, holdout: Holdout, text: list[list[int]]) -> None:
    """Every fact of the texts is true and not held out."""
    pairs = {(int(a), int(b)): column for column, (a, b) in enumerate(world.compositions)}
    for tokens in text:
        for subject, path, object in facts(world, tokens):
            if len(path) == 1:
                assert object in world.objects_of(subject, world.relations[path[0]])
                assert not holdout.single[subject, path[0]]
            else:
                column = pairs[path[0], path[1]]
                assert object == world.composition_objects[subject, column]
                assert not holdout.composition[subject, column]


@every_kind
def test_a_config_is_a_table_and_back(kind: str) -> None:
    config = defaults(kind)
    assert read_config(json.loads(json.dumps(config_table(config)))) == config
    assert read_config(config) is config
    assert type(build(config)) is WORLDS[kind]


@every_kind
def test_what_cannot_be_is_refused_by_the_name_of_its_field(kind: str) -> None:
    for field in dataclasses.fields(WORLDS[kind].Config):
        default = getattr(defaults(kind), field.name)
        if isinstance(default, bool) or not isinstance(default, int | float):
            continue
        with pytest.raises(ValueError, match=field.name):
            read_config({"kind": kind, **EXAMPLES.get(kind, {}), field.name: -1})
    for share in ("held_out_facts", "held_out_compositions"):
        with pytest.raises(ValueError, match=share):
            read_config({"kind": kind, **EXAMPLES.get(kind, {}), share: 0.51})


@every_kind
@SMALL
@given(data=st.data())
def test_names_are_short_and_different(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    names = Vocabulary.of(world).names
    assert len(set(names)) == len(names)
    assert [relation.index for relation in world.relations] == list(range(world.n_relations))
    for relation in world.relations:
        assert relation.name.isascii()
        assert " " not in relation.name
        assert "{subject}" in relation.phrase
        assert relation.phrase.endswith("?")
        assert world.relation(relation.name) is relation
    assert world.rules, "what is held out follows by some rule"


@every_kind
@SMALL
@given(data=st.data())
def test_inverses_undo_each_other(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    for relation in world.relations:
        inverse = world.inverse(relation)
        if inverse is None:
            continue
        assert world.inverse(inverse) == relation
        forward = {(x, y) for x in world.domain(relation).tolist() for y in world.objects_of(x, relation)}
        back = {(y, x) for x in world.domain(inverse).tolist() for y in world.objects_of(x, inverse)}
        assert forward == back


@every_kind
@SMALL
@given(data=st.data())
def test_held_out_facts_follow_from_what_is_stated(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    holdout = draw_holdout(world)
    assert not (holdout.single & ~world.present).any()
    for subject, r in np.argwhere(holdout.single).tolist():
        grounds = world.grounds(subject, world.relations[r])
        assert any(not any(holdout.single[cell] for cell in ground) for ground in grounds)
    again = draw_holdout(build(world.config))
    assert (again.single == holdout.single).all()
    assert (again.composition == holdout.composition).all()


@every_kind
def test_some_facts_are_held_out_by_default(kind: str) -> None:
    world = build(defaults(kind))
    holdout = draw_holdout(world)
    assert holdout.single.sum() / world.present.sum() == pytest.approx(0.05, abs=0.04)
    for group in range(len(world.groups)):
        at = [relation.index for relation in world.relations_of(group)]
        assert holdout.single[:, at].any()


@every_kind
@SMALL
@given(data=st.data())
def test_who_is_reached_by_a_composition_is_reached_by_a_stated_one(kind: str, data: st.DataObject) -> None:
    """`ContextSampler` counts on it."""
    world = data.draw(worlds(kind))
    objects, held_out = world.composition_objects, draw_holdout(world).composition
    stated = objects[(objects != ABSENT) & ~held_out]
    assert set(stated.tolist()) == set(objects[objects != ABSENT].tolist())


@every_kind
@SMALL
@given(data=st.data(), seed=st.integers(0, 1000))
def test_text_is_true_and_never_stops(kind: str, data: st.DataObject, seed: int) -> None:
    world = data.draw(worlds(kind))
    holdout = draw_holdout(world)
    text = TextSampler(world, holdout).sample(40, 17, torch.Generator().manual_seed(seed))
    assert text.shape == (40, 17)
    assert_stated(world, holdout, text.tolist())


@every_kind
@SMALL
@given(data=st.data(), length=st.sampled_from([1, 3, 4, 7, 10]))
def test_contexts_are_true_and_arrive(kind: str, data: st.DataObject, length: int) -> None:
    world = data.draw(worlds(kind))
    holdout = draw_holdout(world)
    everyone = np.arange(world.n_entities)
    walks = ContextSampler(world, holdout).arriving_at(everyone, length, np.random.default_rng(0))
    assert (walks[:, -1] == everyone).all()
    assert_stated(world, holdout, walks.tolist())


@every_kind
@SMALL
@given(data=st.data())
def test_every_entity_can_be_left_and_reached(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    stated = world.present & ~draw_holdout(world).single
    assert stated.any(axis=1).all()
    assert set(world.truths[stated].ravel().tolist()) - {ABSENT} == set(range(world.n_entities))


@every_kind
@SMALL
@given(data=st.data())
def test_distances_are_those_of_a_graph(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    for index, group in enumerate(world.groups):
        members = group.members[:: max(1, len(group.members) // 12)]
        steps = np.stack([world.distances(index, x)[members] for x in members])
        assert (steps == steps.T).all()
        assert (np.diag(steps) == 0).all()
        assert (steps[:, :, None] + steps[None] >= steps[:, None]).all(), "no way is shorter round another"
        for a, b in group.edges[:20].tolist():
            assert world.distance(index, a, b) == 1
            assert {a, b} <= set(group.members.tolist())
        assert np.isfinite(group.coordinates[group.members]).all()
        assert ((group.color[group.members] >= 0) & (group.color[group.members] <= 1)).all()
        assert sorted(group.positions(group.members)) == list(range(len(group.members)))
        assert len(np.unique(group.coordinates[group.members].round(9), axis=0)) == len(group.members)


@every_kind
@SMALL
@given(data=st.data())
def test_counterfactuals_are_of_the_relation_and_at_their_distance(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    relation = data.draw(st.sampled_from(world.relations))
    subject = data.draw(st.sampled_from(world.domain(relation).tolist()))
    truth = world.object_of(subject, relation)
    objects = set(world.truths[:, relation.index].ravel().tolist())
    found = world.counterfactuals(subject, relation)
    assert list(found) == sorted(found)
    for distance, others in found.items():
        chosen = world.counterfactual(subject, relation, distance)
        assert chosen in others
        assert chosen in objects
        assert chosen not in world.objects_of(subject, relation)
        assert world.distance(relation.group, truth, chosen) == distance
    with pytest.raises(ValueError, match=r"distance|steps"):
        world.counterfactual(subject, relation, world.n_entities + 1)


@st.composite
def edits(draw: st.DrawFn, world: World, relation: Relation) -> tuple[int, int]:
    subject = draw(st.sampled_from(world.domain(relation).tolist()))
    options = [y for others in world.counterfactuals(subject, relation).values() for y in others]
    return subject, draw(st.sampled_from([world.object_of(subject, relation), *options]))


@every_kind
@SMALL
@given(data=st.data())
def test_consequences_are_questions_with_their_truths(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    columns = {(int(a), int(b)): column for column, (a, b) in enumerate(world.compositions)}
    relation = data.draw(st.sampled_from(world.relations))
    subject, new = data.draw(edits(world, relation))
    found = world.consequences(subject, relation, new)
    assert len({(each.subject, each.relations) for each in found}) == len(found)
    asked = {(each.subject, each.relations): each.expected for each in found}
    if world.single_valued[relation.index]:
        assert asked[subject, (relation.name,)] == new
    for each in found:
        path = [world.relation(name) for name in each.relations]
        assert each.kind == "contradicted" if each.expected is None else 0 <= each.expected < world.n_entities
        if len(path) == 1:
            assert each.truth in world.objects_of(each.subject, path[0])
        else:
            assert each.truth == world.composition_objects[each.subject, columns[path[0].index, path[1].index]]
    inverse = world.inverse(relation)
    if inverse is not None and world.single_valued[inverse.index] and world.present[new, inverse.index]:
        assert asked[new, (inverse.name,)] == subject


@every_kind
@SMALL
@given(data=st.data())
def test_what_is_implied_agrees_with_itself(kind: str, data: st.DataObject) -> None:
    """Of a world with the new fact and all single facts that it implies, each implied composition is what one arrives at, step by step."""
    world = data.draw(worlds(kind))
    for relation in world.relations:
        subject, new = data.draw(edits(world, relation))
        implied = [each for each in world.consequences(subject, relation, new) if each.kind == "implied"]
        anew = {(subject, relation.name): new}
        anew |= {(each.subject, *each.relations): each.expected for each in implied if len(each.relations) == 1}
        for each in implied:
            if len(each.relations) == 2:
                at = each.subject
                for name in each.relations:
                    at = anew.get((at, name), world.object_of(at, world.relation(name)))
                assert at == each.expected, each


@every_kind
@SMALL
@given(data=st.data())
def test_all_its_questions_can_be_drawn_and_a_model_of_it_assessed(kind: str, data: st.DataObject) -> None:
    world = data.draw(worlds(kind))
    holdout = draw_holdout(world)
    queries = draw_queries(world, holdout, 8, n_contexts=1, queries=20)
    for cell in queries.cells:
        assert (cell.objects[:, :1] != ABSENT).all()
    model = Transformer(ModelConfig(Vocabulary.of(world).size, d_model=8, n_heads=2), torch.Generator().manual_seed(0))
    assessment = assess(model.requires_grad_(False), world, holdout, n_subjects=5)
    assert set(assessment.accuracy) == set(TASKS)
    assert set(assessment.rings.neighbor_share) == set(world.relation_names)
    rings = {relation.name for relation in world.relations if world.groups[relation.group].shape == "ring"}
    assert set(assessment.rings.winding) == rings
    assert set(assessment.rings.shape) <= set(world.relation_names)
    assert set(assessment.rings.whole) <= set(assessment.rings.shape)


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown kind of world 'moebius'; there are rings, calendar"):
        read_config({"kind": "moebius"})
