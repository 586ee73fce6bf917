"""The board, with open edges and wrapped ones."""

import numpy as np
import pytest

from shatterscope.backend.worlds.grid import Grid, GridConfig

board, torus = (Grid.of(GridConfig(width=6, height=5, torus=wrapped)) for wrapped in (False, True))
at = {name: i for i, name in enumerate(board.entities)}


@pytest.mark.parametrize(
    ("field", "step", "reached"),
    [("B2", "east1", "C2"), ("B2", "north2", "B4"), ("D5", "south1", "D4"), ("F1", "west2", "D1")],
)
def test_steps_go_where_they_say(field: str, step: str, reached: str) -> None:
    for world in (board, torus):
        assert world.entities[world.object_of(at[field], world.relation(step))] == reached


def test_an_open_edge_leads_nowhere_and_a_wrapped_one_to_the_other_side() -> None:
    with pytest.raises(ValueError, match="F3 has no east1"):
        board.object_of(at["F3"], board.relation("east1"))
    assert torus.entities[torus.object_of(at["F3"], torus.relation("east2"))] == "B3"
    assert torus.total
    assert not board.total


def test_distance_is_counted_in_steps() -> None:
    assert board.distance(0, at["A1"], at["F5"]) == 5 + 4
    assert torus.distance(0, at["A1"], at["F5"]) == 1 + 1
    assert torus.distance(0, at["A1"], at["D3"]) == 3 + 2


def test_the_picture_of_a_board_is_its_lattice() -> None:
    (group,) = board.groups
    start, end = group.coordinates[group.edges.T]
    assert np.linalg.norm(start - end, axis=1) == pytest.approx(2 / 5)
    assert len(group.edges) == 5 * 5 + 6 * 4
    north, east = group.coordinates[at["A5"]] - group.coordinates[at["A1"]], group.coordinates[at["F1"]]
    assert north[1] > 0
    assert east[0] == 1


def test_the_picture_of_a_torus_is_a_ring_of_rings() -> None:
    (group,) = torus.groups
    assert (group.shape, group.coordinates.shape) == ("torus", (30, 3))
    assert len(group.edges) == 2 * 30
    from_hole = np.hypot(group.coordinates[:, 0], group.coordinates[:, 1])
    assert np.ptp(from_hole.reshape(5, 6), axis=1) == pytest.approx(0), "a row keeps its distance from the hole"


def test_sides_that_steps_would_go_round_are_refused() -> None:
    with pytest.raises(ValueError, match=r"height must lie in 5\.\..*2 \* n_hops \+ 1.*got 4"):
        GridConfig(height=4)
    with pytest.raises(ValueError, match=r"width must lie in 5\.\.26"):
        GridConfig(width=30)
