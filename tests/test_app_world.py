"""What the dashboard knows of a world."""

from __future__ import annotations

import pytest

from shatterscope.app.kit.world import World
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import world_info


@pytest.fixture
def world(checkpoint: Checkpoint) -> World:
    return World(world_info(checkpoint))


def test_places_are_those_of_the_rings(world: World, checkpoint: Checkpoint) -> None:
    for name, places in zip(checkpoint.world.group_names, checkpoint.world.places, strict=True):  # type: ignore[attr-defined]
        assert world.positions(name) == places.tolist()


def test_a_question_names_its_subject(world: World) -> None:
    assert world.question(7, "II_A2") == "On ring II, who stands 2 steps anticlockwise of 7?"
    assert world.group_of("II_A2").name == "II"
    assert not world.named


@pytest.mark.parametrize("entity", [-1, 4444])
def test_an_entity_that_is_not_there_is_called_by_its_number(world: World, entity: int) -> None:
    """A link may name one: the API refuses it, and the page shows both."""
    assert world.name(entity) == str(entity)
    assert str(entity) in world.question(entity, "II_A2")


def test_an_unknown_relation_is_an_error(world: World) -> None:
    with pytest.raises(KeyError):
        world.relation("II_A99")
