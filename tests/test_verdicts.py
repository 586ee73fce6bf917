"""Is it still a ring, a tree, a grid? The numbers behind the verdicts, by the API and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import families
import numpy as np
import pytest
from dash_page import DashPage
from starlette.testclient import TestClient

from shatterscope.app.main import create_app
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.settings import load_settings
from shatterscope.backend.shapes import STATISTICS, followed, for_kind, layout
from shatterscope.backend.verdicts import on_the_way, side
from shatterscope.backend.worlds import registry

EDIT = {"subject": 7, "relation": "parent", "object": 5, "method": "rome"}
QUERY = "?e=7~parent~o5~rome~0~tuned~1&q=7~parent"


def circle(n: int) -> np.ndarray[Any, Any]:
    angle = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle), np.zeros(n)])


def test_a_ring_passes_and_its_points_in_no_order_do_not() -> None:
    points, ring = circle(60), layout.ring(np.arange(60))
    shuffled = points[np.random.default_rng(1).permutation(60)]
    whole, broken = side("ring", ring, points, points, points), side("ring", ring, shuffled, points, shuffled)
    assert all(each.beats_chance and each.value > 0.9 for each in whole.statistics.values())
    # The hole is still there: no label takes part in it. All else is gone.
    assert [name for name, each in broken.statistics.items() if each.beats_chance] == ["loop"]
    assert whole.cka.value == pytest.approx(1)
    assert not broken.cka.beats_chance


def test_turned_and_stretched_it_is_the_same_representation() -> None:
    points = np.random.default_rng(0).normal(size=(40, 6))
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))
    found = side("ring", layout.ring(np.arange(40)), points[:, :3], points, 3 * points @ turn + 1)
    assert found.cka.value == pytest.approx(1)


def test_too_little_to_judge_has_no_statistics() -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert side("tree", layout.Layout(5), points, points, points).statistics == {}
    assert on_the_way("tree", layout.Layout(5), points) == {}


@pytest.mark.parametrize("kind", ["ring", "chain", "tree", "grid", "torus", "clusters", "graph"])
def test_the_strength_is_followed_by_quick_statistics_of_the_kind(kind: Any) -> None:
    names = followed(kind)
    assert 1 <= len(names) <= 2
    assert set(names) <= set(for_kind(kind))
    assert all(STATISTICS[name].quick for name in names)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.WORLDS, "families", families.Families)
        folder = tmp_path_factory.mktemp("models")
        families.train(folder / "kin")
        server = create_api(load_settings(models_dir=folder, state_dir=tmp_path_factory.mktemp("state"), device="cpu"))
        create_app(server)
        with TestClient(server) as client:
            yield client


def asked(site: TestClient, **more: Any) -> dict[str, Any]:
    made = site.post("/api/v1/edits", json={"checkpoint": "kin", "edits": [EDIT]}).json()
    return {"checkpoint": "kin", "edit": made["id"], "relation": "parent", **more}


def test_the_api_tells_each_number_before_and_after(site: TestClient) -> None:
    request = asked(site)
    found = site.post("/api/v1/verdicts", json=request).json()
    assert found["kind"] == "tree"
    assert [each["name"] for each in found["statistics"]] == ["neighbors", "distances", "branches", "cka"]
    drawn = site.post("/api/v1/projections", json=request).json()["diagnostics"]
    for at in ("before", "after"):
        assert found[at]["word"] == drawn[at]["judgement"]["word"]
        judged = {each["name"]: each["value"] for each in drawn[at]["judgement"]["statistics"]}
        told = {each["name"]: each[at]["value"] for each in found["statistics"] if each["of"] == "picture"}
        assert told == pytest.approx(judged, abs=1e-5)
    for each in found["statistics"]:
        for at in ("before", "after"):
            assert each[at]["above_chance"] == (each[at]["value"] > each[at]["chance_95"])


def test_without_an_edit_nothing_differs(site: TestClient) -> None:
    found = site.post("/api/v1/verdicts", json={"checkpoint": "kin", "relation": "next born"}).json()
    assert found["kind"] == "chain"
    assert found["before"] == found["after"]
    assert all(each["before"] == each["after"] for each in found["statistics"])


def test_two_numbers_come_with_every_strength(site: TestClient) -> None:
    request = asked(site)
    whole = {each["name"]: each for each in site.post("/api/v1/verdicts", json=request).json()["statistics"]}
    found = site.post("/api/v1/projections/strengths", json={**request, "strengths": [0.0, 1.0]}).json()["pictures"]
    names = [name for name, each in whole.items() if each["follows"]]
    assert names == ["neighbors", "branches"]
    for picture, at in zip(found, ("before", "after"), strict=True):
        told = {each["name"]: each["value"] for each in picture["statistics"]}
        assert told == pytest.approx({name: whole[name][at]["value"] for name in names}, abs=1e-5)


def test_the_card_says_what_it_was_and_what_it_is(site: TestClient) -> None:
    page = DashPage(site, "/")
    page.set("url-in", "data", {"query": QUERY, "at": 1})
    card = str(page.values["verdicts-table", "content"])
    assert "Is it still a tree?" in card
    assert "silhouette" in card
    assert "linear CKA" in card
    assert "follow the strength slider" in card
    assert page.values["problem-verdicts", "children"] == ""
    page.set("url-in", "data", {"query": "?q=7~parent", "at": 2})
    unedited = str(page.values["verdicts-table", "content"])
    assert "after" not in unedited
    assert "linear CKA" not in unedited, "with itself it is 1"


def test_the_slider_is_told_the_numbers_that_follow(site: TestClient) -> None:
    found = site.get(f"/strengths?at=0.5&{QUERY[1:]}").json()["0.5"]
    assert set(found["scenes"]) == {"after"}
    assert set(found["statistics"]) == {"neighbors", "branches"}
    assert found["words"].startswith(f"Neighbours kept: {found['statistics']['neighbors']}. Branches apart: ")


def test_a_file_and_a_table_hold_the_card(site: TestClient) -> None:
    file = site.get(f"/export.html{QUERY}").text
    assert "Is it still a tree?" in file
    assert "strength slider" not in file, "there is none"
    assert "Each branch of the family has its colour." in file
    table = site.get(f"/export.csv{QUERY}").text
    names = [line.split(",")[1] for line in table.splitlines() if line.startswith("statistic,")]
    assert [name for name in names if "chance" not in name] == ["neighbors", "distances", "branches", "cka"]
