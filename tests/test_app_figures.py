"""Figures are pure functions of arrays, and their colours mean one thing."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.figures import Mark, Scene, damage_figure, frame, frames, scene_figure, scene_update
from shatterscope.app.kit.figures.arrays import decode, encode
from shatterscope.app.kit.figures.drawn import GAP, joined, ring, trails
from shatterscope.app.kit.figures.small import small_figure
from shatterscope.app.kit.rings import RingSteps, place_colors
from shatterscope.wire.base import Array
from shatterscope.wire.measures import Change, DamageBin
from shatterscope.wire.world import GraphInfo

N = 31


def values(field: dict[str, str]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(field["bdata"]), dtype=field["dtype"])


def circle(dimensions: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A ring whose entities stand in a scrambled order."""
    position = np.random.default_rng(0).permutation(N)
    angle = 2 * np.pi * position / N
    points = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)[:, :dimensions]
    return points.astype(np.float32), position


def scene(dimensions: int = 3) -> Scene:
    points, position = circle(dimensions)
    marks = [Mark(3, "subject", "subject 3"), Mark(7, "new", "new object 7")]
    return Scene(points, ring(position, "ring II"), frame(points), marks)


def test_arrays_survive_the_wire() -> None:
    points, _ = circle(3)
    wire = Array(shape=[N, 3], bdata=base64.b64encode(points.astype("<f4").tobytes()).decode())
    assert np.array_equal(decode(wire), points)
    assert np.array_equal(values(encode(points[:, 0])), points[:, 0])


def test_neighbours_along_the_ring_are_joined_and_the_ring_is_closed() -> None:
    trace = scene_figure(scene())["data"][0]
    line = np.stack([values(trace[axis]) for axis in "xyz"], axis=1)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert len(line) == N + 1
    assert np.array_equal(line[0], line[-1])
    assert steps == pytest.approx(2 * np.sin(np.pi / N), abs=1e-5)


def test_hover_names_the_entity_that_is_drawn_there() -> None:
    shown = scene()
    trace = scene_figure(shown)["data"][0]
    entities = values(trace["customdata"])
    assert shown.drawn.place is not None
    assert np.array_equal(shown.drawn.place[entities[:-1]], np.arange(N))
    assert np.array_equal(values(trace["x"]), shown.points[entities, 0])
    assert "on ring II" in trace["hovertemplate"]


def test_two_dimensions_are_seen_flat_from_above() -> None:
    figure = scene_figure(scene(2))
    assert not values(figure["data"][0]["z"]).any()
    assert figure["layout"]["scene"]["camera"]["projection"]["type"] == "orthographic"


def test_an_update_never_moves_the_camera_and_covers_what_changes() -> None:
    update = scene_update(scene())
    assert not any("camera" in path for path in update)
    assert {path[:3] for path in update} >= {("data", 0, "x"), ("data", 1, "x"), ("layout", "scene", "annotations")}


def test_marks_stand_on_their_entities_and_carry_their_names() -> None:
    shown = scene()
    figure = scene_figure(shown)
    marks = figure["data"][1]
    assert marks["x"] == pytest.approx(shown.points[[3, 7, 3, 7], 0].tolist())  # the rims, then the marks upon them
    assert marks["marker"]["size"][0] > marks["marker"]["size"][2]
    assert marks["marker"]["color"][3] == theme.ACCENT
    texts = [item["text"] for item in figure["layout"]["scene"]["annotations"]]
    assert texts[0] == "subject 3"
    assert theme.ACCENT in texts[1]


def test_the_frame_holds_every_point_in_a_cube() -> None:
    points, _ = circle(3)
    ranges = frame(points * 3).ranges()
    assert {round(high - low, 5) for low, high in ranges} == {round(ranges[0][1] - ranges[0][0], 5)}
    assert all(low < -2.9 and high > 2.9 for low, high in ranges[:2])


@pytest.mark.parametrize(("scale", "same"), [(1.0, True), (0.7, True), (0.2, False), (5.0, False)])
def test_the_first_frame_ignores_the_second_cloud_and_serves_both_where_it_can(scale: float, same: bool) -> None:
    points, _ = circle(3)
    first, second = frames(points, points * np.float32(scale), shared=False)
    assert first == frame(points)
    assert (second == first) is same
    assert frames(points, points * 5, shared=True) == (frame(points * 5), frame(points * 5))


@pytest.mark.parametrize("scale", [0.1, 0.7, 1.0, 5.0])
def test_at_the_same_scale_both_frames_are_equally_large_and_hold_their_clouds(scale: float) -> None:
    points, _ = circle(3)
    after = points * np.float32(scale) + np.float32([0.3, 0, 0])
    first, second = frames(points, after, shared=False, scale="same")
    assert first.half == second.half >= frame(points).half
    for shown, cloud in ((first, points), (second, after)):
        assert np.abs(cloud - np.float32(shown.center)).max() <= 1.02 * shown.half


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.0, ""),
        (1.01, ""),
        (7.31, "shown enlarged 7.3x (the cloud has shrunk)"),
        (250.4, "shown enlarged 250x (the cloud has shrunk)"),
        (0.4, "shown reduced 2.5x (the cloud has grown)"),
        (0.001, "shown reduced 1000x (the cloud has grown)"),
    ],
)
def test_another_scale_is_said_with_what_happened_to_the_cloud(factor: float, said: str) -> None:
    assert words.magnified(factor) == said


def test_no_mark_has_the_colour_of_a_page_around_it() -> None:
    colors = scene_figure(scene())["data"][1]["marker"]["color"]
    assert not {"#ffffff", "#17191d"} & set(colors[:2]), "it would seem to cut the curve"


def test_damage_shows_before_after_and_displacement() -> None:
    change = Change(before=1.0, after=0.4, change=-0.6)
    bins = [
        DamageBin(distance_from=start, distance_to=end, displacement=2.0, accuracy=change, n_entities=2)
        for start, end in ((0, 0), (1, 3))
    ]
    figure = damage_figure(bins)
    assert [trace["y"] for trace in figure["data"]] == [[2.0, 2.0], [1.0, 1.0], [0.4, 0.4]]
    assert figure["layout"]["yaxis2"]["range"][1] > 2.0, "no point lies outside the panel"
    assert damage_figure([])["data"][0]["y"] == []
    assert "Apply an edit" in damage_figure([])["layout"]["annotations"][0]["text"]


def test_distances_have_the_colours_their_places_have_in_the_scenes() -> None:
    change = Change(before=1.0, after=0.4, change=-0.6)
    bins = [
        DamageBin(distance_from=start, distance_to=end, displacement=2.0, accuracy=change, n_entities=2)
        for start, end in ((0, 0), (1, 1), (2, 3))
    ]
    shapes = damage_figure(bins, place=5, n_entities=N)["layout"]["shapes"]
    strips = [[item["fillcolor"] for item in shapes[start : start + 4]] for start in (0, 4)]
    assert strips[0] == [theme.ring_color(place / N) for place in (5, 6, 7, 8)]
    assert strips[1] == [theme.ring_color(place / N) for place in (5, 4, 3, 2)]
    assert all(0 <= item["y0"] < item["y1"] < 0.19 for item in shapes)


def test_the_relation_picker_has_the_colour_of_the_place_each_choice_leads_to() -> None:
    world = GraphInfo(n_entities=4, n_orders=2, n_hops=2, orders=["I", "II"], relations=[])
    rings = {"I": [0, 1, 2, 3], "II": [3, 2, 1, 0]}
    colors = place_colors(world, rings, 1, RingSteps("I", "C", 1))
    assert colors["order"] == [theme.ring_color(2 / 4), theme.ring_color(3 / 4)]
    assert colors["direction"] == [theme.ring_color(2 / 4), theme.ring_color(0 / 4)]
    assert colors["hops"] == [theme.ring_color(2 / 4), theme.ring_color(3 / 4)]


# --- colour ----------------------------------------------------------------------------------------------------------


def _linear(color: str) -> np.ndarray[Any, Any]:
    channels = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _oklab(rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.793617785, -0.0040720468],
            [1.9779984951, -2.428592205, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.808675766],
        ]
    )
    found: np.ndarray[Any, Any] = lab @ np.cbrt(lms @ rgb)
    return found


# Full deuteranopia and protanopia after Machado, Oliveira and Fernandes 2009, on linear RGB.
VISIONS = {
    "full": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


@pytest.mark.parametrize("vision", VISIONS)
def test_places_on_the_ring_keep_their_own_colours_for_every_eye(vision: str) -> None:
    turns = np.arange(0, 1, 1 / 48)
    seen = np.stack([_oklab(np.clip(VISIONS[vision] @ _linear(theme.ring_color(turn)), 0, 1)) for turn in turns])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    far = np.abs((turns[:, None] - turns[None] + 0.5) % 1 - 0.5) >= 0.125
    assert apart[far].min() > 0.05


def test_the_ring_map_is_cyclic_even_and_visible_on_both_themes() -> None:
    colors = [theme.ring_color(turn) for turn in np.arange(0, 1, 1 / 48)]
    assert theme.ring_color(0.0) == theme.ring_color(1.0)
    lab = np.stack([_oklab(_linear(color)) for color in colors])
    steps = np.linalg.norm(np.diff(np.vstack([lab, lab[:1]]), axis=0), axis=1)
    assert steps.max() < 2.5 * steps.min()
    assert lab[:, 0].min() > 0.45
    assert lab[:, 0].max() < 0.85
    accent = _oklab(_linear(theme.ACCENT))
    assert np.linalg.norm(lab - accent, axis=1).min() > 0.08


# --- pictures of groups that are no rings --------------------------------------------------------------------------------


@given(st.integers(1, 12), st.data())
def test_a_pen_goes_along_every_line_once_and_over_every_point(n: int, data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = sorted(data.draw(st.sets(pairs, max_size=20 if n > 1 else 0)))
    path = trails(n, np.array(edges, dtype=np.int64).reshape(-1, 2)).tolist()
    lines = [tuple(sorted(pair)) for pair in pairwise(path) if GAP not in pair]
    assert sorted(lines) == edges
    assert set(path) - {GAP} == set(range(n))
    assert not any(pair == (GAP, GAP) for pair in pairwise(path))


def test_a_chain_is_drawn_in_one_stroke() -> None:
    assert trails(4, np.array([[2, 3], [0, 1], [1, 2]])).tolist() == [0, 1, 2, 3]


def tree() -> Scene:
    """Entities 10, 11 and 12, a parent and its children, and 14 by itself."""
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    drawn = joined(
        np.array([10, 11, 12, 14]),
        np.array([[0, 1], [0, 2]]),
        ("#112233", "#445566", "#778899", "#aabbcc"),
        "the family",
        ("Ada", "<b>", "C & D", "E"),
    )
    return Scene(points, drawn, frame(points), [Mark(12, "subject", "subject C & D"), Mark(3, "old", "true object 3")])


def test_lines_of_a_group_join_its_neighbours_and_no_others() -> None:
    trace = scene_figure(tree())["data"][0]
    line = np.stack([values(trace[axis]) for axis in "xyz"], axis=1)
    entities = values(trace["customdata"]).tolist()
    assert entities == [11, 10, 12, GAP, 14]
    assert np.isnan(line[3]).all()
    assert not np.isnan(line[[0, 1, 2, 4]]).any()
    assert trace["marker"]["color"][:3] == ["#445566", "#112233", "#778899"]
    assert trace["text"] == ["&lt;b&gt;", "Ada", "C &amp; D", "", "E"]
    assert trace["hovertemplate"] == "<b>%{text}</b><br>the family<extra></extra>"


def test_a_mark_without_a_point_is_left_out() -> None:
    figure = scene_figure(tree())
    assert [item["text"] for item in figure["layout"]["scene"]["annotations"]] == ["subject C &amp; D"]
    assert figure["data"][1]["x"] == [0.0, 0.0]


def test_few_points_have_their_names_beside_them_but_for_the_marks() -> None:
    scene = tree()
    names = scene_figure(scene)["data"][2]
    assert names["text"] == ["Ada", "&lt;b&gt;", "E"]
    assert list(zip(*(names[axis] for axis in "xyz"), strict=True)) == [(0, 0, 0), (1, 0, 0), (5, 5, 5)]
    many = np.arange(25)
    crowd = joined(many, np.zeros((0, 2), np.int64), ("#112233",) * 25, "the crowd", tuple(map(str, many)))
    cloud = np.zeros((25, 3), np.float32)
    assert len(scene_figure(Scene(cloud, crowd, frame(cloud)))["data"]) == 2


def test_a_small_picture_has_every_point_once_in_its_table() -> None:
    lines, points, mark = small_figure(tree())["data"]
    assert lines["meta"] == {"csv": False}
    assert points["customdata"] == [[10, "Ada"], [11, "<b>"], [12, "C & D"], [14, "E"]]
    assert points["meta"]["columns"]["customdata"] == ["entity", "name"]
    assert mark["customdata"] == [[12, "C & D"]]
