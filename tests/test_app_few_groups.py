"""Every page on a world with fewer rings than the paper's three: what there is is shown, what there is not is left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from dash_page import DashPage
from starlette.testclient import TestClient

from shatterscope.app.main import create_app
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.data import Vocabulary
from shatterscope.backend.models import ModelConfig
from shatterscope.backend.recipes import Recipe
from shatterscope.backend.settings import load_settings
from shatterscope.backend.training import Round, TrainConfig
from shatterscope.backend.training_run import train_checkpoint
from shatterscope.backend.worlds.rings import Rings, RingsConfig

EDIT = "7~I_C1~d4~rome~0~paper~1"


@pytest.fixture(scope="module", params=[1, 2], ids=["one ring", "two rings"])
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server whose only checkpoint is of a small world, hardly trained."""
    world = RingsConfig(n_entities=24, n_orders=request.param, n_hops=2)
    model = ModelConfig(vocab_size=Vocabulary.of(Rings(world)).size, d_model=8, n_heads=2, n_layers=2)
    recipe = Recipe("Few", TrainConfig((Round(20),), batch=16, warmup=2), model, graph=world)
    folder = tmp_path_factory.mktemp("models")
    list(train_checkpoint(recipe, folder / "few", torch.device("cpu")))
    server = create_api(load_settings(models_dir=folder, state_dir=tmp_path_factory.mktemp("state"), device="cpu"))
    create_app(server)
    with TestClient(server) as client:
        yield client


def opened(pages: TestClient, prefix: str, query: str = "") -> DashPage:
    page = DashPage(pages, prefix)
    page.set("url-in", "data", {"query": query, "at": 1})
    return page


def test_explore_shows_an_edit_and_all_its_details(pages: TestClient) -> None:
    page = opened(pages, "/", f"?e={EDIT}")
    page.set("errors-fold", "n_clicks", 1)
    for store in ("r-site-asked", "sites-asked"):
        page.set(store, "data", {"checkpoint": "few", "edits": [EDIT], "site": "attn_out.1"})
    for store in ("placements-asked", "notes-asked", "prediction-asked"):
        page.set(store, "data", {"checkpoint": "few", "edits": [EDIT]})
    assert "could not" not in str(page.values).lower()
    assert page.values["scene-after", "figure"]["data"]


def test_compare_shows_every_method(pages: TestClient) -> None:
    page = opened(pages, "/compare/", f"?e={EDIT}&by=ft:tuned&run=1")
    assert "could not" not in str(page.values).lower()


def test_reproduce_says_what_it_has(pages: TestClient) -> None:
    page = opened(pages, "/reproduce/")
    page.set("rings-sites-fold", "open", True)
    assert "could not" not in str(page.values).lower()


@pytest.mark.parametrize("kind", ["json", "csv", "html"])
@pytest.mark.parametrize("page", ["/export.{}?", "/compare/export.{}?by=ft:tuned&"])
def test_what_is_shown_can_be_taken_away(pages: TestClient, page: str, kind: str) -> None:
    found = pages.get(f"{page.format(kind)}e={EDIT}")
    assert found.status_code == 200, found.text[:500]
