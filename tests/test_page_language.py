"""The Explore page in Chromium on a language model: a tiny one that is taught months, weekdays and capitals. One server and one page for all."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_fixtures import PATIENCE, Explore, Server
from playwright.sync_api import Browser, Page, expect
from spoken import NAME, TAUGHT
from test_page_axe import dark_violations, violations

EDIT = f"c={NAME}&q=0~months_next1&t=d6&e=0~months_next1~d6~rome~1~tuned~1"


@pytest.fixture(scope="module")
def speaking(chromium: Browser, spoken_state: Path, models_dir: Path) -> Iterator[tuple[Explore, str]]:
    """A page, and the address of a server with the language model beside a checkpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {"MODELS_DIR": str(models_dir), "STATE_DIR": str(spoken_state), "DEVICE": "cpu", "WARM_UP": "false"}
    server = Server({**os.environ, **{f"SHATTERSCOPE_{name}": value for name, value in more.items()}}, port)
    server.start()
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    explore = Explore(context.new_page())
    yield explore, server.url
    assert explore.faults == []
    context.close()
    server.stop()


@pytest.fixture
def explore(speaking: tuple[Explore, str]) -> Explore:
    explore, _ = speaking
    explore.page.set_viewport_size({"width": 1280, "height": 720})
    return explore


@pytest.fixture
def page(explore: Explore) -> Page:
    return explore.page


@pytest.fixture
def url(speaking: tuple[Explore, str]) -> str:
    return speaking[1]


def seen(page: Page, *names: str) -> list[bool]:
    return [page.locator(f"#{name}").is_visible() for name in names]


def test_a_language_model_is_chosen_edited_and_looked_at(explore: Explore, page: Page, url: str) -> None:
    explore.open(f"{url}/?c=rings-small")
    others = ("implied", "ripples")
    assert seen(page, *others, "wording", "answers-grid", "knowledge") == [True, True, False, False, False]
    page.select_option("#checkpoint", NAME)
    explore.settle()
    assert seen(page, *others, "wording", "answers-grid", "knowledge") == [False, False, True, True, True]
    assert page.locator("#method option").all_inner_texts() == ["ROME", "MEMIT", "AlphaEdit", "FT-L", "GRACE", "Patch"]
    expect(page.locator("#question")).to_contain_text("“It is January now. Next month it will be …”")
    months = page.locator("#answers-grid [data-relation='months_next1']")
    expect(months.locator("tbody tr")).to_have_count(12)
    expect(months.locator("td[data-kind='right']")).to_have_count(12 * TAUGHT["months_next1"])
    page.click("#apply")
    explore.edits(1)
    assert explore.r() > 0
    expect(months.locator("tr.edited th")).to_contain_text("January")
    expect(page.locator("#r-without")).to_contain_text("R without January")
    expect(page.locator("#r-answer-new")).to_contain_text("others that answer August")
    expect(page.locator("#perplexity")).to_contain_text("Perplexity of other text")
    assert seen(page, "sites", "prediction", "placements", "notes") == [True, False, False, False]
    page.click("#undo")
    explore.edits(0)
    expect(page.locator("#r-beside")).to_be_empty()


def test_the_wording_is_in_the_address_and_stays(explore: Explore, page: Page, url: str) -> None:
    explore.open(f"{url}/?{EDIT}")
    page.select_option("#wording", "2")
    explore.settle()
    assert "wording=2" in page.url
    expect(page.locator("#caption-after")).to_contain_text("“It opened in ___, and one month later, in”")
    page.reload()
    explore.settle()
    assert page.input_value("#wording") == "2"
    assert "wording=2" in page.url
    page.select_option("#wording", "")
    explore.settle()
    assert "wording" not in page.url


def test_what_it_knows_unfolds_with_and_without_an_edit(explore: Explore, page: Page, url: str) -> None:
    explore.open(f"{url}/?c={NAME}&open=knowledge")
    expect(page.locator("#knowledge-paper")).to_contain_text("fails here")
    asked = page.locator("#knowledge tr[data-asked='true']")
    expect(asked).to_have_count(sum(TAUGHT.values()))
    page.click("#apply")
    explore.edits(1)
    expect(asked).to_have_count(sum(TAUGHT.values()))


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_the_grid_scrolls_in_its_card_and_names_stay(
    explore: Explore, page: Page, url: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    explore.open(f"{url}/?{EDIT}&open=knowledge&open=sites")
    page.wait_for_selector("#knowledge-paper")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    table = page.locator("#answers-grid [data-relation='months_next1'] .table-scroll")
    assert table.evaluate("it => it.scrollWidth > it.clientWidth")
    name = table.locator("tbody th").first
    before = name.bounding_box()
    table.evaluate("it => { it.scrollLeft = 10000; }")
    assert name.bounding_box() == before
    last = table.locator("tbody tr").first.locator("td").last.bounding_box()
    assert before is not None
    assert last is not None
    assert last["x"] >= before["x"] + before["width"]
    assert last["x"] + last["width"] <= width
    layer = page.locator("#layer")
    assert layer.bounding_box() is not None
    layer.select_option("0")
    explore.settle()
    assert "l=0" in page.url


def test_axe_finds_nothing(explore: Explore, page: Page, url: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    explore.open(f"{url}/?{EDIT}&open=knowledge&open=sites")
    page.wait_for_selector("#knowledge-paper")
    page.evaluate("for (const fold of document.querySelectorAll('#answers-grid details')) fold.open = true;")
    assert violations(page) == []
    assert dark_violations(page) == []
