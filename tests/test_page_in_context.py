"""The In context page in Chromium: what a link holds, reading on, another order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page_fixtures import PATIENCE, Server, ready
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def open_page(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/in-context{query}")
    page.wait_for_selector("#in-context-words .annotation-text")
    ready(page)


def test_a_text_is_read_on_and_the_address_holds_where_it_stands(page: Page, server: Server) -> None:
    open_page(page, server, "?graph=grid&seed=7&words=20")
    expect(page.locator("#in-context-read")).to_have_text("20 words")
    expect(page.locator("#in-context-seed")).to_have_value("7")
    shown = page.locator("#in-context-words .annotation-text").count()
    before = page.inner_text("#in-context-text")
    assert len(before.split()) == 20
    assert shown == len(set(before.split()))
    page.click("#in-context-play")
    expect(page.locator("#in-context-play")).to_have_text("Pause")
    page.wait_for_function("() => parseInt(document.querySelector('#in-context-read').textContent) >= 22")
    page.click("#in-context-play")
    expect(page.locator("#in-context-play")).to_have_text("Play")
    ready(page)
    read = page.inner_text("#in-context-text")
    assert read.startswith(before)
    assert f"words={len(read.split())}" in page.url
    assert "graph=grid" in page.url


def test_another_order_is_another_text_and_back_again_by_its_number(page: Page, server: Server) -> None:
    open_page(page, server)
    first = page.inner_text("#in-context-text")
    page.click("#in-context-another")
    page.wait_for_function("first => document.getElementById('in-context-text').innerText !== first", arg=first)
    ready(page)
    assert "seed=" in page.url
    page.fill("#in-context-seed", "0")
    page.press("#in-context-seed", "Enter")
    expect(page.locator("#in-context-text")).to_have_text(first)
    page.wait_for_function("() => location.search === ''")
