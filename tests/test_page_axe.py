"""axe-core finds no serious violation on any page, in light and dark, on a phone, with its folds open; Tab walks through all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from page_fixtures import PATIENCE, Server, fitted, ready
from playwright.sync_api import Browser, Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
EDIT = "e=7~I_C2~d40~rome~0~tuned~1"
PAGES = {
    "explore": f"/?{EDIT}",
    "stack": "/?e=7~I_C2~d40~memit~0~tuned~1&e=8~I_C2~d40~memit~0~tuned~1",
    "compare": f"/compare?{EDIT}&by=rome:tuned&run=1",
    "reproduce": "/reproduce",
    "league": "/league",
    "gallery": "/gallery",
    "in_context": "/in-context?words=40",
    "lecture": "/lecture",
    "question": "/?lesson=editing-101&step=7",
    "answer": "/?lesson=editing-101&step=7&reveal=1",
}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def saved(server: Server) -> None:
    """Something in the gallery."""
    body = {"state": {"path": "/", "query": f"?{EDIT}"}, "title": "A far edit", "note": "Look at ring I."}
    httpx.post(f"{server.url}/api/v1/views", json=body).raise_for_status()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    # Colours are looked at where they come to rest.
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    yield page
    context.close()


def violations(page: Page, within: str = "html", rules: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical ones of these rules, or of all: rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(
        """([within, rules]) => axe.run(within, { resultTypes: ['violations'], ...(rules.length ? { runOnly: rules } : {}) })""",
        [within, rules],
    )
    return [
        f"{item['id']}: {node['html'][:160]} ({' '.join(node['failureSummary'].split())[:260]})"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


def dark_violations(page: Page, within: str = "html") -> list[str]:
    """Dark differs from light in nothing but the colours of the style sheets: no page is opened anew for it."""
    page.emulate_media(color_scheme="dark")
    found = violations(page, within, ("color-contrast",))
    page.emulate_media(color_scheme="light")
    return found


def walk(page: Page, most: int = 120) -> None:
    """By Tab from the top until the page is left, or for `most` stops: each stop is new, on screen, and has a ring around it."""
    page.evaluate("() => { document.activeElement.blur(); window.stops = new Set(); window.scrollTo(0, 0); }")
    for _ in range(most):
        page.keyboard.press("Tab")
        fault = page.evaluate(
            """() => { const at = document.activeElement;
                if (at === document.body) return "left";
                const shown = at.matches(":is(.choice, .checks-item) input") ? at.nextElementSibling : at;
                const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
                const named = at.id || at.outerHTML.slice(0, 120);
                if (window.stops.has(at)) return window.stops.values().next().value === at ? "left" : `a trap: ${named}`;
                window.stops.add(at);
                if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return `no ring: ${named}`;
                const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
                return seen ? "" : `off screen: ${named}`; }"""
        )
        if fault == "left":
            return
        assert fault == ""


def cut_off(page: Page) -> list[str]:
    """What reaches over the right edge of the screen and cannot be scrolled to. The page clips it, so that its own width says nothing."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((each) => {
            const box = each.getBoundingClientRect();
            if (!each.checkVisibility({ opacityProperty: true }) || !box.width || !box.height || each.closest("svg, canvas, .js-plotly-plot, .unseen, .skip")) return false;
            if (box.right <= innerWidth + 1) return false;
            for (let around = each.parentElement; around !== document.body; around = around.parentElement) {
                const { overflowX, textOverflow } = getComputedStyle(around);
                if (["auto", "scroll"].includes(overflowX) || (overflowX === "hidden" && textOverflow === "ellipsis")) return false;
            }
            return true;
        }).map((each) => `${each.tagName} ${each.id || each.className}: ${each.textContent.slice(0, 60)}`)"""
    )
    return found


def count(page: Page) -> list[int]:
    """The bytes that the page's answers take on the wire, each as it ends."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    ended: list[int] = []
    devtools.on("Network.loadingFinished", lambda event: ended.append(event["encodedDataLength"]))
    return ended


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation(page: Page, server: Server, saved: None, name: str) -> None:
    """And a first visit, with nothing kept from before, is no burden on a slow network."""
    bytes_of_answers, faults = count(page), list[str]()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(server.url + PAGES[name])
    ready(page)
    assert 300_000 < sum(bytes_of_answers) < 1_500_000
    assert faults == []
    walk(page)
    assert violations(page) == []
    page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.click("#link-qr")
    page.wait_for_selector("#share-qr img")
    ready(page)
    assert violations(page) == []
    assert dark_violations(page, "#share") == []
    page.press("#share > summary", "Enter")
    assert dark_violations(page) == []
    page.set_viewport_size(PHONE)
    fitted(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert cut_off(page) == []
    page.press("#share > summary", "Enter")
    assert violations(page, "#share") == []


def test_a_followers_phone(page: Page, server: Server) -> None:
    room = httpx.post(f"{server.url}/api/v1/rooms").json()
    query = "?c=rings-small&q=0~II_C2&t=d4&lesson=editing-101&step=7"
    httpx.put(
        f"{server.url}/api/v1/rooms/{room['id']}/state",
        json={"state": {"path": "/", "query": query, "camera": None}},
        headers={"Authorization": f"Bearer {room['presenter_token']}"},
    ).raise_for_status()
    page.set_viewport_size(PHONE)
    page.goto(room["audience_url"])
    page.wait_for_selector("#lecture-question button")
    ready(page)
    assert violations(page) == []
    assert dark_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    last = page.locator("#lecture-question button").last.bounding_box()
    assert last
    assert last["height"] >= 40
    assert last["y"] + last["height"] < PHONE["height"], "the question is on screen with all its choices"
