"""The League page in Chromium: a small table, sorted, filtered, and opened again from its address."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_fixtures import PATIENCE, Server
from playwright.sync_api import Browser, expect

from shatterscope.backend.league.run import Asked, run, ship
from shatterscope.backend.settings import REPOSITORY, load_settings

SMALL = "rings-small"


@pytest.fixture(scope="module")
def league_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models, state = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("state")
    shutil.copytree(REPOSITORY / "models_cache" / SMALL, models / SMALL, ignore=shutil.ignore_patterns("league"))
    settings = load_settings(models_dir=models, state_dir=state, device="cpu")
    asked = Asked(SMALL, methods=["rome:tuned", "memit:tuned", "grace:tuned"], edits=1)
    ship(settings, run(settings, asked, lambda *_: None))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {"MODELS_DIR": models, "STATE_DIR": state, "DEVICE": "cpu", "WARM_UP": "false", "DEFAULT_CHECKPOINT": SMALL}
    server = Server({**os.environ, **{f"SHATTERSCOPE_{name}": str(value) for name, value in more.items()}}, port)
    server.start()
    yield server
    server.stop()


def test_the_table_is_sorted_filtered_and_shared(chromium: Browser, league_server: Server, tmp_path: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{league_server.url}/league")
    rows = page.locator("#league-table tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator("#league-front .point").first).to_be_attached()
    expect(page.locator("#league-over")).to_contain_text("The set “open”: edits of every distance")

    page.click('#league-table button[data-column="R_edit"]')
    expect(page).to_have_url(re.compile("sort=R_edit"))
    expect(rows.first).to_contain_text("GRACE")
    page.check('#league-family input[value="weights"]')
    expect(rows).to_have_count(2)
    page.check('#league-at input[value="full"]')
    expect(page.locator('#league-table [data-column="success"]').first).to_contain_text("success")
    expect(page).to_have_url(re.compile("by=weights.*at=full"))
    address = page.url

    other = context.new_page()
    other.goto(address)
    expect(other.locator("#league-table tbody tr")).to_have_count(2)
    with other.expect_download() as download:
        other.click("#league-csv")
    download.value.save_as(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().startswith("checkpoint,set,distance,method")
    other.locator("#league-table tbody a").first.click()
    expect(other.locator("#edit-stack .chip.edit")).to_have_count(1)
    assert faults == []
    context.close()
