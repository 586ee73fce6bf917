"""Geometry made in context: the texts, the measures on figures whose numbers are known, the model that ships, its route and its page's parts."""

from __future__ import annotations

import math
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.figures.in_context import curves_figure, words_figure
from shatterscope.app.pages.in_context.callbacks import met, seen, text
from shatterscope.app.pages.in_context.state import ContextView
from shatterscope.backend.cli import cli
from shatterscope.backend.in_context import GRAPHS, WORDS, ModelFolderError, draw, load_model
from shatterscope.backend.in_context.measure import (
    dirichlet_energy,
    distance_correlation,
    neighbour_share,
    pictures,
    recent_mean,
    recent_means,
)
from shatterscope.backend.in_context.model import METADATA, SHIPPED, WEIGHTS, assess
from shatterscope.backend.in_context.text import GraphName, N
from shatterscope.backend.in_context.train import MODEL, ContextTraining, Stage, train
from shatterscope.backend.models import Transformer
from shatterscope.wire.in_context import InContextResult

seeds = st.integers(0, 2**31 - 1)
names = st.sampled_from(sorted(GRAPHS))
ring, grid = GRAPHS["ring"], GRAPHS["grid"]
ANGLE = 2 * math.pi * np.arange(N) / N
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)])


# --- texts -----------------------------------------------------------------------------------------------------------


def test_a_ring_has_two_neighbours_each_and_a_grid_its_seventeen_edges() -> None:
    assert len(set(WORDS)) == N
    assert (ring.adjacency.sum(axis=1) == 2).all()
    assert grid.adjacency.sum() == 2 * 17
    assert sorted(grid.adjacency.sum(axis=1)) == [2] * 4 + [3] * 6 + [4] * 2
    assert np.exp(ring.floor) == pytest.approx(3)


@given(name=names, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_each_step_stays_or_goes_to_a_neighbour_and_each_text_has_an_order_of_its_own(
    name: GraphName, seed: int
) -> None:
    found = draw(GRAPHS[name], 8, 60, torch.Generator().manual_seed(seed))
    walks = found.vertices.numpy()
    assert (GRAPHS[name].steps[walks[:, :-1], walks[:, 1:]] <= 1).all()
    assert (np.sort(found.names.numpy(), axis=1) == np.arange(N)).all()
    assert len({tuple(order) for order in found.names.tolist()}) == 8
    again = draw(GRAPHS[name], 8, 60, torch.Generator().manual_seed(seed))
    assert torch.equal(found.tokens, again.tokens)


def test_staying_and_each_neighbour_are_as_likely() -> None:
    walks = draw(ring, 400, 100, torch.Generator().manual_seed(0)).vertices.numpy()
    steps = (np.diff(walks, axis=1) + 1) % N - 1
    for step in (-1, 0, 1):
        assert np.mean(steps == step) == pytest.approx(1 / 3, abs=0.01)


# --- measures --------------------------------------------------------------------------------------------------------


def test_of_a_perfect_ring_the_numbers_are_those_computed_by_hand() -> None:
    """Chords of one step are 2 sin(pi/n) long; the mean of all squared chords is 2n/(n-1)."""
    assert neighbour_share(CIRCLE, ring.adjacency) == (1.0, pytest.approx(2 / (N - 1)))
    assert dirichlet_energy(CIRCLE, ring.adjacency) == pytest.approx(4 * math.sin(math.pi / N) ** 2 * (N - 1) / (2 * N))
    assert distance_correlation(CIRCLE, ring.steps) > 0.97


def test_of_a_perfect_grid_every_nearest_word_is_a_neighbour() -> None:
    cells = np.column_stack(np.divmod(np.arange(N), 3)).astype(np.float64)
    share, chance = neighbour_share(cells, grid.adjacency)
    assert share == 1.0
    assert chance == pytest.approx((4 * 4 + 6 * 9 + 2 * 16) / (N - 1) / 34)


@pytest.mark.parametrize("name", GRAPHS)
def test_shuffled_words_are_at_chance(name: GraphName) -> None:
    rng, adjacency = np.random.default_rng(0), GRAPHS[name].adjacency
    shuffled = [CIRCLE[rng.permutation(N)] for _ in range(2000)]
    shares, chance = zip(*(neighbour_share(points, adjacency) for points in shuffled), strict=True)
    assert np.mean(shares) == pytest.approx(chance[0], abs=0.01)
    assert np.mean([dirichlet_energy(points, adjacency) for points in shuffled]) == pytest.approx(1, abs=0.01)


@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10), seed=seeds)
@settings(max_examples=25, deadline=None)
def test_no_number_depends_on_size_or_place(scale: float, shift: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(N, 5))
    moved = scale * points + shift
    assert dirichlet_energy(moved, ring.adjacency) == pytest.approx(dirichlet_energy(points, ring.adjacency))
    assert neighbour_share(moved, ring.adjacency) == neighbour_share(points, ring.adjacency)
    assert distance_correlation(moved, ring.steps) == pytest.approx(distance_correlation(points, ring.steps))


def test_where_all_points_coincide_nothing_is_told() -> None:
    assert dirichlet_energy(np.zeros((4, 2)), ring.adjacency[:4, :4]) == 1.0
    assert distance_correlation(np.zeros((4, 2)), ring.steps[:4, :4]) == 0.0


def test_a_words_mean_is_over_its_last_occurrences() -> None:
    means = recent_means(np.array([[1.0], [5.0], [2.0], [3.0], [4.0]]), np.array([7, 1, 7, 7, 7]), occurrences=2)
    assert means[:, 7, 0].tolist() == [1, 1, 1.5, 2.5, 3.5]
    assert np.isnan(means[0, 1, 0])
    assert means[1:, 1, 0].tolist() == [5] * 4
    assert np.isnan(means[:, 0]).all()


def test_a_mean_of_the_last_losses() -> None:
    values = np.arange(40.0)
    assert recent_mean(values)[[0, 1, 15, 39]].tolist() == [0, 0.5, 7.5, 31.5]


def test_pictures_of_a_growing_ring_stay_where_they_are() -> None:
    means = np.full((N, N, 2), np.nan)
    for step in range(N):
        means[step, : step + 1] = CIRCLE[: step + 1]
    found = pictures(means)
    for step in range(N):
        assert found[step, : step + 1] == pytest.approx(found[-1, : step + 1], abs=1e-6)
        assert np.isnan(found[step, step + 1 :]).all()


# --- the model -------------------------------------------------------------------------------------------------------


def test_the_figures_that_ship_are_those_of_the_model_that_ships() -> None:
    model, metadata = load_model()
    assert metadata.model == MODEL
    assert metadata.training == ContextTraining()
    for name in GRAPHS:
        for length, now in assess(model, name).items():
            told = metadata.reached[name][length]
            for key, value in now:
                assert value == pytest.approx(getattr(told, key), abs=0.02), (name, length, key)


def test_the_ring_grows_with_the_context_and_not_without_training() -> None:
    _, metadata = load_model()
    reached, untrained = metadata.reached["ring"], metadata.untrained["ring"]
    assert reached[128].share > 0.7 > 3 * reached[128].chance
    assert reached[128].energy < reached[32].energy < 0.8
    assert reached[128].loss < reached[32].loss
    for found in untrained.values():
        assert found.share == pytest.approx(found.chance, abs=0.1)
        assert found.energy == pytest.approx(1, abs=0.1)


def test_training_is_determined_by_its_seed() -> None:
    def losses(seed: int) -> list[float]:
        model = Transformer(MODEL, torch.Generator().manual_seed(seed))
        return [
            loss
            for _, loss in train(
                ContextTraining((Stage(("ring",), 2), Stage(("ring", "grid"), 1)), batch=4, seed=seed), model
            )
        ]

    assert losses(1) == losses(1) != losses(2)


def test_a_damaged_folder_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=f"{METADATA} is missing"):
        load_model(tmp_path)
    folder = shutil.copytree(SHIPPED, tmp_path / "copy")
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelFolderError, match="sha256 differs"):
        load_model(folder)
    (folder / METADATA).write_text("{}")
    with pytest.raises(ModelFolderError, match="cannot be used"):
        load_model(folder)


# --- the route, and what the page makes of its answer --------------------------------------------------------------------


@pytest.fixture
def result(client: TestClient) -> InContextResult:
    answer = client.post("in-context", json={"graph": "ring", "seed": 3})
    assert answer.status_code == 200
    return InContextResult.model_validate(answer.json())


def test_an_answer_has_a_value_for_each_number_of_words(client: TestClient, result: InContextResult) -> None:
    points = decode(result.points)
    assert points.shape == (128, N, 2)
    assert sorted(result.words) == sorted(WORDS)
    assert len(result.edges) == N
    for length in range(1, 129):
        occurred = set(result.text[:length])
        assert set(np.flatnonzero(~np.isnan(points[length - 1, :, 0]))) == occurred
        assert (result.energy[length - 1] is None) == (len(occurred) < 3)
    assert (
        len(result.loss)
        == len(result.floor)
        == len(result.share)
        == len(result.chance)
        == len(result.correlation)
        == 128
    )
    again = client.post("in-context", json={"seed": 3}).json()
    assert again["points"] == result.points.model_dump()
    assert client.post("in-context", json={"seed": 4}).json()["words"] != result.words


@pytest.mark.parametrize(
    ("body", "field"),
    [({"graph": "cube"}, "graph"), ({"seed": -1}, "seed"), ({"seed": 2**31}, "seed"), ({"words": 3}, "words")],
)
def test_bad_input_names_the_field(client: TestClient, body: dict[str, object], field: str) -> None:
    answer = client.post("in-context", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]


@pytest.mark.parametrize("length", [1, 2, 40, 128])
def test_the_picture_has_the_words_met_and_the_edges_between_them(result: InContextResult, length: int) -> None:
    occurred = set(result.text[:length])
    edges, words = words_figure(result, length)["data"]
    assert set(words["text"]) == {result.words[vertex] for vertex in occurred}
    assert len(edges["x"]) == 3 * sum(i in occurred and j in occurred for i, j in result.edges)
    assert curves_figure(result, length)["layout"]["shapes"][0]["x0"] == length
    assert met(result, length).startswith(f"{len(occurred)} of 12 words met")
    assert text(result, length)[-1].children == result.words[result.text[length - 1]]
    assert seen(result, length)


@pytest.mark.parametrize("side", [256, 600], ids=["phone", "desk"])
@pytest.mark.parametrize("length", [3, 10, 20, 40, 70, 128])
def test_no_name_lies_on_another(result: InContextResult, length: int, side: int) -> None:
    figure = words_figure(result, length)["layout"]
    scale = side / max(float(np.ptp(figure[axis]["range"])) for axis in ("xaxis", "yaxis"))  # pixels
    boxes = [
        (each["x"] * scale + each["ax"], each["y"] * scale - each["ay"], 3.5 * len(each["text"]), 7)
        for each in figure["annotations"]
    ]
    assert len(boxes) == len(set(result.text[:length]))
    for (x, y, wide, high), (x2, y2, wide2, high2) in combinations(boxes, 2):
        assert abs(x - x2) >= wide + wide2 or abs(y - y2) >= high + high2


@given(name=names, seed=seeds, length=st.integers(1, 128))
def test_a_view_survives_its_address(name: GraphName, seed: int, length: int) -> None:
    view = ContextView(name, seed, length)
    assert ContextView.from_query(view.to_query()) == (view, [])


@pytest.mark.parametrize(
    "query", ["graph=cube", "seed=-1", "seed=x", "seed=99999999999", "words=0", "words=129", "words=²"]
)
def test_what_cannot_be_read_is_told_and_left_out(query: str) -> None:
    view, notices = ContextView.from_query(query)
    assert view == ContextView()
    assert len(notices) == 1
    assert query.split("=")[0] in notices[0]


def test_a_folder_that_holds_something_is_not_trained_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    answer = CliRunner().invoke(cli, ["train-in-context", str(tmp_path)])
    assert answer.exit_code == 1
    assert "is not empty" in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
