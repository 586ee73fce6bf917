"""What the next edit will do, in the rail; and beside what it did, in its panel."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from dash_page import DashPage
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.app.kit.figures import Scene, frame, scene_figure
from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.figures.drawn import ring
from shatterscope.app.kit.figures.prediction import prediction_image
from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.state import Edit, Target
from shatterscope.app.main import create_app
from shatterscope.app.pages.explore.panels.prediction import Foretold, prediction
from shatterscope.app.pages.explore.views import expected
from shatterscope.backend.convert import array
from shatterscope.wire.base import Array
from shatterscope.wire.predictions import ExpectedDamage, FittedOn, MeasuredMove, PredictionResult

EDIT = Edit(2, "I_C2", Target(4), "rome", preset="tuned")


def result(**changes: object) -> PredictionResult:
    overlap = np.array([0.5, 0.01, 1.0, 0.25])
    found = PredictionResult(
        checkpoint="mine", relation="I_C2", entities=None, overlap=array(overlap), margin=array(overlap), writes="direction",
        expected=[
            ExpectedDamage(of="edit", value=0.11, low=0.08, high=0.15, r2=0.86, measured=0.09),
            ExpectedDamage(of="loss", value=0.41, low=0.33, high=0.5, r2=0.74, measured=0.2),
        ],
        fitted=FittedOn(preset="tuned", layer=0, edits=120, spearman=0.99, auc=0.87),
        outside=[], move=MeasuredMove(displacement=array(2 * overlap), changed=1, spearman=1.0, auc=None), seconds=0.1,
    )  # fmt: skip
    return found.model_copy(update=changes)


def test_the_line_says_r_and_recall_with_their_error() -> None:
    shown = to_html(expected(result(), EDIT))
    assert "R 0.110 (0.080 to 0.150) on the edited ring, recall −41 points (−50 to −33) over all rings" in shown
    assert "120 edits by ROME" in shown
    assert "log R edit 0.86" in shown


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expected": [], "fitted": None}, "shatterscope predict mine --method rome --ship"),
        ({"expected": [], "outside": ["layer"]}, "another layer"),
        ({"outside": ["stack"]}, "Behind other edits"),
        ({"expected": [], "fitted": None, "overlap": None, "writes": "gate"}, "changes no weight"),
        ({"expected": [], "problem": "It is damaged"}, "It is damaged"),
    ],
)
def test_where_nothing_can_be_expected_it_says_why(changes: dict[str, object], told: str) -> None:
    assert told in to_html(expected(result(**changes), EDIT))


def test_the_panel_holds_what_was_foreseen_beside_what_happened() -> None:
    shown = to_html(prediction(Foretold(EDIT, result())))
    assert "Spearman 1.000 over 4 entities" in shown
    assert '<td class="inside">0.090' in shown  # within the error; the loss was not
    assert "recall lost, points, all rings" in shown
    assert "33.0 to 50.0" in shown
    assert '<td class="">20.0' in shown


def test_without_a_direction_the_panel_has_no_picture() -> None:
    shown = to_html(prediction(Foretold(EDIT, result(overlap=None, writes="unknown"))))
    assert "<img" not in shown
    assert "writes in no one direction" in shown


def test_the_picture_has_a_dot_for_each_entity_also_for_one_that_stays() -> None:
    image = prediction_image(np.array([1.0, 0.5, 0.0]), np.array([2.0, 1.0, 0.0]), 0)
    kind, _, data = image.partition(",")
    assert kind == "data:image/svg+xml;base64"
    svg = base64.b64decode(data).decode()
    assert svg.count("M") >= 3
    assert "nan" not in svg
    assert "<circle" in svg


@pytest.fixture
def page(app: FastAPI) -> Iterator[DashPage]:
    create_app(app)
    with TestClient(app) as pages:
        page = DashPage(pages, "/")
        page.set("url-in", "data", {"query": "", "at": 1})
        yield page


def test_it_is_told_until_the_edit_is_applied(page: DashPage) -> None:
    assert "shatterscope predict rings-small" in str(page.values["expected", "content"])
    values = {id: value for (id, name), value in page.values.items() if name == "value"}
    click = {"id": 1, "kind": "apply", "what": None, "value": values, "form": []}
    page.set("clicks", "data", {"queue": [click]})
    assert page.values["expected", "content"] == []
    page.set("prediction-asked", "data", page.values["part-model", "data"])
    assert "Spearman" in str(page.values["prediction-table", "content"])
    page.set("part-tool", "data", {**page.values["part-tool", "data"], "method": "memit"})
    assert "there is nothing left to teach" in str(page.values["expected", "content"])
    page.set("part-aim", "data", {**page.values["part-aim", "data"], "target": "d9"})
    assert "there is nothing left to teach" not in str(page.values["expected", "content"])


def test_before_is_coloured_by_it_while_asked_for(page: DashPage) -> None:
    def color() -> Any:
        figure = page.values["scene-before", "figure"]
        return figure["data"][0]["marker"] if "data" in figure else None

    place = color()
    page.set("expected-shown", "value", True)
    shaded = color()
    assert (shaded["cmin"], shaded["cmax"]) == (-2, 0)
    assert shaded["color"] != place["color"]
    assert "whom the edit will move" in str(page.values["caption-before", "children"])
    page.set("expected-shown", "value", False)
    assert color() == place


def test_a_shade_follows_its_row_and_the_faintest_have_one_colour() -> None:
    points, drawn = np.eye(3, dtype=np.float32), ring(np.array([0, 2, 1]), "I")
    figure = scene_figure(Scene(points, drawn, frame(points), shades=np.array([1.0, 0.1, 1e-9])))
    assert decode(Array.model_validate({"shape": [4], **figure["data"][0]["marker"]["color"]})).tolist() == [
        0,
        -2,
        -1,
        0,
    ]
