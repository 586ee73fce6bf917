"""axe-core finds no serious violation on any page, in light and dark, and with its folds open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from page_fixtures import PATIENCE, Server
from playwright.sync_api import Browser, Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
EDIT = "e=7~I_C2~d40~rome~0~tuned~1"
PAGES = {
    "explore": f"/?{EDIT}",
    "compare": f"/compare?{EDIT}&by=rome:tuned&run=1",
    "reproduce": "/reproduce",
    "gallery": "/gallery",
    "lecture": "/lecture",
    "lesson": "/?lesson=editing-101&step=2",
}


@pytest.fixture(scope="module")
def saved(server: Server) -> None:
    """Something in the gallery."""
    body = {"state": {"path": "/", "query": f"?{EDIT}"}, "title": "A far edit", "note": "Look at ring I."}
    httpx.post(f"{server.url}/api/v1/views", json=body).raise_for_status()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme=request.param)
    context.set_default_timeout(PATIENCE)
    # Colours are looked at where they come to rest.
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    """Serious and critical ones: rule, and where."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{item['id']}: {node['html'][:160]} ({' '.join(node['failureSummary'].split())[:260]})"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation(page: Page, server: Server, saved: None, name: str) -> None:
    page.goto(server.url + PAGES[name])
    page.wait_for_selector("#status[data-state=idle]")
    page.wait_for_timeout(300)
    page.wait_for_selector("#status[data-state=idle]")
    assert violations(page) == []
    page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.click("#link-qr")
    page.wait_for_selector("#share-qr img")
    page.wait_for_selector("#status[data-state=idle]")
    assert violations(page) == []
