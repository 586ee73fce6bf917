"""The Reproduce page in Chromium: the small checkpoint, with a run of eight edits and a short sequence shipped beside it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_fixtures import PATIENCE, Server, ready
from playwright.sync_api import BrowserContext, Page, expect

from shatterscope.backend.reproduction.report import Run
from shatterscope.backend.reproduction.shipped import ship
from shatterscope.backend.settings import REPOSITORY
from shatterscope.wire.sweeps import SweepRequest, SweepRow

SMALL, BARE = "rings-small", "rings-without-a-run"
SINGLE: dict[str, Any] = {
    "checkpoint": SMALL, "methods": [{"name": name, "preset": "tuned"} for name in ("rome", "memit")], "distances": [1, 4],
    "corrective": False, "edits_per_cell": 2, "queries": 10, "contexts": 1,
}  # fmt: skip
SEQUENCE = {**SINGLE, "methods": SINGLE["methods"][:1], "distances": [4], "edits_per_cell": 4, "sequence": {"every": 2}}


def swept(url: str, request: dict[str, Any]) -> tuple[Run, list[str]]:
    """A sweep done by the server, as it is shipped."""
    job = httpx.post(f"{url}/api/v1/sweeps", json=request, timeout=60).raise_for_status().json()
    while job["status"] not in ("done", "cancelled", "failed"):
        time.sleep(0.3)
        job = httpx.get(f"{url}/api/v1/jobs/{job['id']}").json()
    assert job["status"] == "done", job
    rows = [SweepRow.model_validate(row) for row in httpx.get(f"{url}/api/v1/sweeps/{job['id']}/rows").json()]
    run = Run(job["id"], rows[0].checkpoint_sha256, SweepRequest.model_validate(request), job["total"])
    return run, [row.model_dump_json() for row in rows]


@pytest.fixture(scope="module")
def shipped_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models: Path = tmp_path_factory.mktemp("models")
    for name in (SMALL, BARE):
        shutil.copytree(
            REPOSITORY / "models_cache" / SMALL, models / name, ignore=shutil.ignore_patterns("reproduction")
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "SHATTERSCOPE_MODELS_DIR": str(models),
        "SHATTERSCOPE_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "SHATTERSCOPE_DEVICE": "cpu",
        "SHATTERSCOPE_DEFAULT_CHECKPOINT": SMALL,
        "SHATTERSCOPE_SWEEP_WORKERS": "1",
    }
    server = Server(environment, port)
    server.start()
    ship(models / SMALL, swept(server.url, SINGLE), swept(server.url, SEQUENCE))
    yield server
    server.stop()


@pytest.fixture
def page(window: BrowserContext, shipped_server: Server) -> Iterator[Page]:
    """The page, opened, with its tables on screen. Faults of its scripts fail the test."""
    page = window.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{shipped_server.url}/reproduce")
    edits_measured(page, 4)
    yield page
    page.close()
    assert faults == []


def edits_measured(page: Page, n: int) -> None:
    """Until R against accuracy stands on `n` edits (of ROME)."""
    expect(page.locator("#reproduce-r2")).to_have_attribute("data-n", str(n), timeout=PATIENCE)


def run(page: Page, size: int) -> None:
    """Press the button, without sequences; `size` is the place of the choice."""
    page.click("#reproduce-parts label:nth-child(2)")
    page.click(f"#reproduce-edits label:nth-child({size})")
    page.click("#reproduce-run")
    page.wait_for_url(re.compile(r"run=[0-9a-f]+"), timeout=PATIENCE)


def test_it_opens_on_the_shipped_run_with_every_number_beside_the_papers(page: Page) -> None:
    value = float(page.get_attribute("#reproduce-r2", "data-value") or "nan")
    assert 0 <= value <= 1
    cells = page.locator("#reproduce-table td[data-value]").evaluate_all(
        "cells => cells.map(cell => Number(cell.dataset.n))"
    )
    assert len(cells) == 2 * 2 * 3  # tables, distances, columns
    assert set(cells) == {2}
    expect(page.locator("#reproduce-accuracy td.theirs").first).to_have_text("−1.5")
    expect(page.locator("#reproduce-agreement")).to_contain_text("differ")
    expect(page.locator("#reproduce-provenance")).to_contain_text("shipped with the checkpoint")
    expect(page.locator("#reproduce-estimate")).to_contain_text("80 single edits and 4 in sequences")
    page.click("#reproduce-method label:nth-child(2)")
    ready(page)
    assert "m=memit" in page.url
    expect(page.locator("#reproduce-agreement")).to_contain_text("its tables are by ROME")


def test_running_again_fills_the_tables_and_the_shipped_run_comes_back(page: Page) -> None:
    run(page, 1)
    expect(page.locator("#reproduce-progress")).to_have_attribute("data-state", "done", timeout=PATIENCE)
    expect(page.locator("#reproduce-progress")).to_have_attribute("aria-valuenow", "100.0")
    expect(page.locator("#reproduce-progress-words")).to_contain_text("all 20 rows")
    edits_measured(page, 10)
    expect(page.locator("#reproduce-provenance")).to_contain_text("yours")
    page.click("#reproduce-shipped")
    edits_measured(page, 4)
    assert "run=" not in page.url
    expect(page.locator("#reproduce-progress")).to_be_hidden()
    page.go_back()
    edits_measured(page, 10)


def test_a_run_outlives_a_reload_and_is_paused_resumed_and_cancelled(page: Page) -> None:
    run(page, 3)
    progress = page.locator("#reproduce-progress")
    expect(progress).to_have_attribute("data-state", "running", timeout=PATIENCE)
    page.wait_for_function(
        "() => Number(document.querySelector('#reproduce-progress').ariaValueNow) > 0", timeout=PATIENCE
    )
    address = page.url
    page.reload()
    expect(progress).to_have_attribute("data-state", "running", timeout=PATIENCE)
    assert page.url == address
    page.click("#sweep-pause")
    expect(progress).to_have_attribute("data-state", "paused", timeout=PATIENCE)
    page.click("#reproduce-shipped")
    page.click("#reproduce-going a")
    expect(progress).to_have_attribute("data-state", "paused", timeout=PATIENCE)
    page.click("#sweep-resume")
    expect(progress).to_have_attribute("data-state", "running", timeout=PATIENCE)
    page.click("#sweep-cancel")
    expect(progress).to_have_attribute("data-state", "cancelled", timeout=PATIENCE)
    expect(page.locator("#reproduce-progress-words")).to_contain_text("are kept")
    expect(page.locator("#sweep-cancel")).to_be_hidden()
    expect(page.locator("#reproduce-run")).to_be_enabled()


def test_where_events_cannot_be_had_the_page_asks(page: Page) -> None:
    page.route("**/api/v1/jobs/*/events", lambda route: route.fulfill(status=404))
    run(page, 1)
    expect(page.locator("#reproduce-progress")).to_have_attribute("data-state", "done", timeout=PATIENCE)
    edits_measured(page, 10)


def test_all_rings_are_drawn_for_the_chosen_edit_and_open_in_explore(page: Page) -> None:
    title = page.locator("#rings-title")
    expect(title).to_contain_text("I_C1 of 0", timeout=PATIENCE)
    page.fill("#rings-subject", "7")
    page.press("#rings-subject", "Enter")
    expect(title).to_contain_text("I_C1 of 7", timeout=PATIENCE)
    ready(page)
    assert "e=7~I_C1~d128~rome" in page.url
    page.locator("#reproduce-rings").scroll_into_view_if_needed()  # a figure out of view is drawn last
    page.locator("#reproduce-rings .annotation-text a[*|href*='e=7~I_C1']").first.wait_for(
        state="attached", timeout=PATIENCE
    )
    links = page.locator("#reproduce-rings .annotation-text a")
    names = {name for name in links.all_text_contents() if name}
    assert len(names) == 24
    link = links.filter(has_text="II_A3").first.get_attribute("href") or links.filter(
        has_text="II_A3"
    ).first.get_attribute("xlink:href")
    assert link is not None
    assert "e=7~I_C1~d128~rome" in link
    assert "r=II_A3" in link
    page.click("#rings-sites-fold summary")
    expect(page.locator("#rings-sites tr.shown")).to_have_attribute("data-site", "resid_post.1", timeout=PATIENCE)


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_no_choice_is_lost_on_a_slow_network(page: Page, seconds: float) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    conditions = {"offline": False, "latency": 1000 * seconds, "downloadThroughput": -1, "uploadThroughput": -1}
    line.send("Network.emulateNetworkConditions", conditions)
    for part in ("method", "preset"):
        page.click(f"#reproduce-{part} label:nth-child(2)")
        page.wait_for_timeout(150)
    page.fill("#rings-subject", "7")
    page.press("#rings-subject", "Enter")
    page.wait_for_url(re.compile("m=memit&p=(tuned|paper)&e=7~I_C1~d128"), timeout=PATIENCE)
    page.fill("#rings-distance", "5")
    page.press("#rings-distance", "Enter")
    page.click("#reproduce-method label:nth-child(1)")
    page.wait_for_url(re.compile("[?&]c=[^&]*&p=(tuned|paper)&e=7~I_C1~d5~"), timeout=PATIENCE)


def test_the_tracing_writes_every_cell(page: Page) -> None:
    cells = page.locator("#reproduce-tracing .textpoint text")
    expect(cells.first).to_be_attached(timeout=PATIENCE)
    ready(page)
    assert cells.count() == 2 * 9 * 4  # what is replaced, sites, positions
    assert "100 %" in cells.all_text_contents()
    expect(page.locator("#memory-over")).to_contain_text("correlate with r =", timeout=PATIENCE)


def test_tables_and_figures_are_saved_as_what_is_seen(page: Page) -> None:
    ready(page)
    with page.expect_download() as download:
        page.locator("#reproduce-table [data-table-csv]").first.click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "method,preset,kind,distance,task,mean,sd,n,paper,taken"
    assert len(lines) == 1 + 2 * 3
    with page.expect_download() as download:
        page.locator(".fit [data-download=csv]").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "series,R,change_of_direct_recall,row"
    assert len(lines) == 1 + 4


def test_the_run_is_taken_away_and_cited(page: Page) -> None:
    ready(page)
    page.click("#share > summary")
    expect(page.locator("#export-weights")).to_have_count(0)
    for ending in ("html", "csv", "json"):
        with page.expect_download() as download:
            page.click(f"#export-{ending}")
        assert download.value.suggested_filename == f"shatterscope-reproduce-{SMALL}.{ending}"
    names = page.locator(".share-picture > span").all_inner_texts()
    assert names[:4] == [
        "R, by preset and kind of edit",
        "Change of direct recall, by preset and kind of edit",
        "R against the change of direct recall",
        "Where each method collapses",
    ]
    with page.expect_download() as download:
        page.locator(".share-picture").first.get_by_role("button", name="SVG").click()
    assert download.value.path().read_bytes().startswith(b"<svg")
    page.click("#cite > summary")
    expect(page.locator("#cite-command")).to_contain_text('"edits_per_cell":2')
    expect(page.locator("#cite-spec")).to_contain_text('"protocol"')


def test_a_checkpoint_without_a_run_says_so_and_offers_one(page: Page, shipped_server: Server) -> None:
    page.goto(f"{shipped_server.url}/reproduce?c={BARE}")
    expect(page.locator("#reproduce-no-run")).to_contain_text(f"No run ships with {BARE}", timeout=PATIENCE)
    expect(page.locator("#reproduce-run")).to_have_text("Run")
    expect(page.locator("#reproduce-estimate")).to_contain_text("80 single edits")
    page.goto(f"{shipped_server.url}/reproduce?c={BARE}&run=0123456789abcdef")
    expect(page.locator("#problem-page")).to_contain_text("not known on this server any more", timeout=PATIENCE)


def test_nothing_overflows_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    ready(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
