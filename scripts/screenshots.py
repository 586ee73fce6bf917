"""Take the pages' pictures into `docs/screenshots`: `make screenshots`, or with `--url` from a running server.

`<size>-<theme>.png` show one ROME edit of the default checkpoint, made through the Explore page itself; `compare.png` the same edit by
four methods, `reproduce.png` the shipped run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

from playwright.sync_api import Browser, Page

from benchmarks.server import running_server
from scripts.chromium import chromium

SIZES = {"desktop": (1440, 900), "projector": (1280, 720), "phone": (390, 844)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PATIENCE_MS = 120_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running server; by default one is started and stopped again")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/screenshots"), help="folder of the pictures (%(default)s)"
    )
    parser.add_argument("--only", choices=SIZES, action="append", help="only this size (may be repeated)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    server = nullcontext(SimpleNamespace(url=arguments.url.rstrip("/"))) if arguments.url else running_server()
    with server as running, chromium() as browser:
        for name in arguments.only or SIZES:
            for theme in THEMES:
                path = arguments.out / f"{name}-{theme}.png"
                take(browser, running.url, SIZES[name], theme, path, explore)
                print(path)
        for show in () if arguments.only else (compare, reproduce):
            path = arguments.out / f"{show.__name__}.png"
            take(browser, running.url, SIZES["desktop"], "light", path, show)
            print(path)


def take(
    browser: Browser,
    url: str,
    size: tuple[int, int],
    theme: Literal["light", "dark"],
    path: Path,
    show: Callable[[Page, str], None],
) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    try:
        show(page, url)
        page.evaluate("window.scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # the scenes' last frame, drawn in software
        page.screenshot(path=path)
    finally:
        context.close()


def explore(page: Page, url: str) -> None:
    page.goto(url)
    idle(page)
    page.locator("#apply").click()
    page.locator("#r-edit[data-value]:not([data-value=''])").wait_for(state="attached")
    idle(page)


def compare(page: Page, url: str) -> None:
    page.goto(f"{url}/compare")
    idle(page)
    page.locator("#compare-run").click()
    page.locator("#compare-table tbody tr:nth-child(4)").wait_for(state="attached")
    idle(page)
    page.wait_for_timeout(3000)  # the last picture


def reproduce(page: Page, url: str) -> None:
    page.goto(f"{url}/reproduce")
    page.locator("#reproduce-r2[data-value]").wait_for(state="attached")
    idle(page)


def idle(page: Page) -> None:
    """Wait until nothing is being computed, for a moment at a stretch: one callback sets off the next."""
    page.locator("#status[data-state=idle]").wait_for(state="attached")
    page.wait_for_timeout(500)
    page.locator("#status[data-state=idle]").wait_for(state="attached")


if __name__ == "__main__":
    main()
