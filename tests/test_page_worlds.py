"""The pages in Chromium on worlds that are not rings: a tree, and months with weekdays. One server and one page for all."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from page_fixtures import PATIENCE, Explore, Server
from playwright.sync_api import Browser, Page, expect

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.models import ModelConfig
from shatterscope.backend.recipes import Recipe
from shatterscope.backend.training import Round, TrainConfig
from shatterscope.backend.training_run import train_checkpoint
from shatterscope.backend.worlds import build
from shatterscope.backend.worlds.calendar import CalendarConfig
from shatterscope.backend.worlds.tree import TreeConfig

TREE = "c=tree&q=5~parent&t=o3"
MONTHS = "c=months&q=2~months_next1&t=d3"


def train(folder: Path) -> None:
    for name, config in (("tree", TreeConfig(depth=3)), ("months", CalendarConfig())):
        model = ModelConfig(vocab_size=Vocabulary.of(build(config)).size, d_model=16, n_heads=2, n_layers=2)
        recipe = Recipe(name.capitalize(), TrainConfig((Round(20),), batch=16, warmup=2), model, graph=config)
        list(train_checkpoint(recipe, folder / name, torch.device("cpu")))


@pytest.fixture(scope="module")
def worlds(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Explore, str]]:
    """A page, and the address of a server with these worlds."""
    models = tmp_path_factory.mktemp("models")
    train(models)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {
        "MODELS_DIR": str(models), "STATE_DIR": str(tmp_path_factory.mktemp("state")), "DEVICE": "cpu", "WARM_UP": "false",
    }  # fmt: skip
    server = Server({**os.environ, **{f"SHATTERSCOPE_{name}": value for name, value in more.items()}}, port)
    server.start()
    context = chromium.new_context(viewport={"width": 1100, "height": 720})
    context.set_default_timeout(PATIENCE)
    explore = Explore(context.new_page())
    yield explore, server.url
    assert explore.faults == []
    context.close()
    server.stop()


def drawn(page: Page) -> None:
    """Both scenes, with the names of what is asked."""
    expect(page.locator("#scene-before .annotation-text").first).to_be_attached()
    expect(page.locator("#scene-after canvas").first).to_be_attached()


def test_a_tree_is_asked_edited_and_judged(worlds: tuple[Explore, str]) -> None:
    explore, url = worlds
    page = explore.page
    page.goto(f"{url}/?{TREE}")
    expect(page.locator("#question")).to_have_text("Who is the parent of 1.2?")
    drawn(page)
    for ring in ("order", "hops", "direction"):
        expect(page.locator(f"#{ring}")).to_be_hidden()
    expect(page.locator("#relation")).to_be_visible()
    expect(page.locator("#legend")).to_contain_text("Each branch of the tree has its colour.")
    card = page.locator("#verdicts-table")
    expect(card).to_contain_text("Is it still a tree?")

    page.click("#apply")
    expect(page.locator("#edit-stack .chip.edit")).to_contain_text("1.2 parent → 3")
    expect(card.locator(".after").first).to_be_attached()
    expect(card.locator("tbody th")).to_contain_text(
        ["Neighbours kept", "Distances in order", "Branches apart", "Same representation"]
    )


def test_two_numbers_follow_the_strength(worlds: tuple[Explore, str]) -> None:
    page = worlds[0].page
    expect(page.locator("#status")).to_have_attribute("data-state", "idle")
    slider, now = page.locator("#strength"), page.locator("#verdicts-table .after[data-now]")
    expect(slider).to_be_enabled()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=4)
    expect(now).to_have_count(2)
    expect(page.locator("#words-after")).to_have_attribute(
        "data-now", re.compile(r"^Neighbours kept: [−0-9.]+\. Branches apart: [−0-9.]+$")
    )
    page.mouse.up()
    expect(now).to_have_count(0)
    expect(page.locator("#edit-stack .chip.edit")).to_contain_text("× 0.")


def test_a_month_is_found_by_its_name(worlds: tuple[Explore, str]) -> None:
    explore, url = worlds
    page = explore.page
    page.goto(f"{url}/?{MONTHS}")
    expect(page.locator("#question")).to_have_text("Which month comes 1 month after March?")
    drawn(page)
    page.fill("#entity", "october")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_have_text("Which month comes 1 month after October?")
    expect(page.locator("#entity")).to_have_value("October")
    expect(page.locator("#truth")).to_contain_text("November")
    expect(page.locator("#scene-before .annotation-text").first).to_contain_text("subject October")


def test_methods_are_compared_and_a_report_says_which_world_it_is_of(worlds: tuple[Explore, str]) -> None:
    explore, url = worlds
    page = explore.page
    page.goto(f"{url}/compare/?c=months&e=2~months_next1~d3~rome~0~tuned~1&by=ft:tuned&run=1")
    expect(page.locator("#compare-table")).to_contain_text("Edited group")
    expect(page.locator("#compare-edit")).to_contain_text("March months_next1")
    page.goto(f"{url}/reproduce/?c=tree")
    expect(page.locator("h1:visible")).to_have_text(re.compile("another world"))
    expect(page.get_by_text("Our numbers beside the paper’s")).to_be_hidden()
    expect(page.get_by_text("Accuracy, and R by distance")).to_be_visible()
    expect(page.locator("#reproduce-rings .annotation-text").first).to_be_attached()
