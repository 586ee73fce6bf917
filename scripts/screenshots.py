"""Take the page's pictures, `docs/screenshots/<size>-<theme>.png`: `make screenshots`, or with `--url` from a running server.

The pictures show one ROME edit of the default checkpoint, made through the page itself.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.server import running_server

SIZES = {"desktop": (1440, 900), "projector": (1280, 720), "phone": (390, 844)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL in software, where there is no graphics card.
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
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
                take(browser, running.url, SIZES[name], theme, path)
                print(path)


@contextmanager
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=BROWSER_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def take(browser: Browser, url: str, size: tuple[int, int], theme: Literal["light", "dark"], path: Path) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    try:
        page.goto(url)
        idle(page)
        page.locator("#apply").click()
        page.locator("#r-edit[data-value]:not([data-value=''])").wait_for(state="attached")
        idle(page)
        page.evaluate("window.scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # the scenes' last frame, drawn in software
        page.screenshot(path=path)
    finally:
        context.close()


def idle(page: Page) -> None:
    """Wait until nothing is being computed, for a moment at a stretch: one callback sets off the next."""
    page.locator("#status[data-state=idle]").wait_for(state="attached")
    page.wait_for_timeout(500)
    page.locator("#status[data-state=idle]").wait_for(state="attached")


if __name__ == "__main__":
    main()
