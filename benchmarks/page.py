"""What a person at the page waits for, in Chromium against the real server: from a click, or a key, to the last drawing.

Without a graphics card WebGL is drawn by the processor, so these are times of the slowest kind of machine.
"""

from __future__ import annotations

import math
import statistics
import time

from playwright.sync_api import Page

from benchmarks.row import Row
from benchmarks.server import running_server
from scripts.chromium import chromium

DISTANCES = (500, 4, 32, 1, 100, 8, 250)
LESSON = "shattering"
TALK_MS = 2500  # a lecturer says something before the next step; it is prepared meanwhile
DRAG_SECONDS = 4.0
PATIENCE_MS = 120_000

# Milliseconds, by the page's clock, from `act` to the frame after the last drawing or change of a number; it is the last when
# nothing has been computed or drawn for half a second.
WAIT = """
act => new Promise((resolve) => {
  const started = performance.now();
  let last = started;
  const note = () => requestAnimationFrame(() => requestAnimationFrame(() => { last = performance.now(); }));
  const plots = [...document.querySelectorAll(".scene .js-plotly-plot")];
  plots.forEach((plot) => plot.on("plotly_afterplot", note));
  const watch = new MutationObserver(note);
  const parts = document.querySelectorAll(".measures, .scenes > .scene > :not(.graph), #edit-stack, #lecture-text");
  parts.forEach((part) => watch.observe(part, { subtree: true, childList: true, characterData: true, attributes: true }));
  const look = setInterval(() => {
    const idle = document.getElementById("status").dataset.state !== "busy";
    if (!idle || performance.now() - Math.max(last, started + 300) < 500) return;
    clearInterval(look);
    watch.disconnect();
    plots.forEach((plot) => plot.removeListener("plotly_afterplot", note));
    resolve(last - started);
  }, 50);
  if (act === "apply") document.getElementById("apply").click();
  else document.body.dispatchEvent(new KeyboardEvent("keydown", { key: act, bubbles: true, cancelable: true }));
})
"""


def run() -> list[Row]:
    with running_server() as server, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(PATIENCE_MS)
        clicks = _clicks(page, server.url)
        first, again = _drag(page), _drag(page)
        steps = _lecture(page, server.url)
    return [
        Row(
            "Apply to new picture and numbers, in the browser",
            statistics.median(clicks),
            note=f"the longest of {len(clicks)}: {max(clicks):.2f} s; WebGL without a graphics card",
        ),
        Row(
            "pictures while the strength is dragged, in the browser",
            first,
            unit="/s",
            note=f"each of a real model; begun {TALK_MS / 1000} s after the edit, {again:.1f} in the next; WebGL without a graphics card",
        ),
        Row(
            "a step of the lecture, in the browser",
            statistics.median(steps),
            note=f"key to the last drawing, the longest of {len(steps)}: {max(steps):.2f} s",
        ),
    ]


def _clicks(page: Page, url: str) -> list[float]:
    page.goto(url)
    _settle(page)
    times = []
    for distance in (DISTANCES[0], *DISTANCES):  # the first is for the browser to compile what it needs
        page.fill("#distance", str(distance))
        page.press("#distance", "Enter")
        _settle(page)
        times.append(_time(page, "apply"))
        page.click("#undo")
        _settle(page)
    return times[1:]


def _drag(page: Page) -> float:
    """Pictures a second, the thumb going to and fro; the first time of an edit that has been on the page for as long as one looks at it."""
    if page.is_disabled("#strength"):
        page.click("#apply")
        _settle(page)
        page.wait_for_timeout(TALK_MS)
    box = page.locator("#strength").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.evaluate(
        """() => { const plot = document.querySelector("#scene-after .js-plotly-plot");
            if (window.drawn === undefined) plot.on("plotly_afterplot", () => { window.drawn += 1; });
            window.drawn = 0; }"""
    )
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < DRAG_SECONDS:
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.45 * math.sin(1.5 * passed)), y)
        page.wait_for_timeout(16)
    drawn: int = page.evaluate("() => window.drawn")
    page.mouse.up()
    _settle(page)
    return drawn / passed


def _lecture(page: Page, url: str) -> list[float]:
    page.goto(f"{url}/?lesson={LESSON}&step=1")
    _settle(page)
    page.wait_for_timeout(2 * TALK_MS)
    times = []
    while not page.is_disabled("#lecture-next"):
        times.append(_time(page, "ArrowRight"))
        page.wait_for_timeout(TALK_MS)
    return times


def _time(page: Page, act: str) -> float:
    milliseconds: float = page.evaluate(WAIT, act)
    return milliseconds / 1000


def _settle(page: Page) -> None:
    page.locator("#scene-before canvas").first.wait_for(state="attached")
    idle = page.locator("#status[data-state=idle]")
    idle.wait_for(state="attached")
    page.wait_for_timeout(400)  # one callback sets off the next
    idle.wait_for(state="attached")
