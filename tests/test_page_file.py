"""A view as one HTML file, opened from disk without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from page_fixtures import PATIENCE
from playwright.sync_api import Browser
from starlette.testclient import TestClient
from test_page_axe import violations

from backend.settings import REPOSITORY

QUERY = "?c=rings-small&q=7~I_C2&e=7~I_C2~d40~rome~0~tuned~1&cam=1.1~-0.9~0.8~0~0~0~0~0~1"
EDIT = {"subject": 7, "relation": "I_C2", "distance": 40, "method": "rome", "layer": 0, "preset": "tuned"}


def answers(client: TestClient) -> dict[str, Any]:
    """What the API says of the view."""
    made = client.post("edits", json={"checkpoint": "rings-small", "edits": [EDIT]}).json()
    asked = {"checkpoint": "rings-small", "edit": made["id"]}
    evaluation = client.post("evaluations", json=asked).json()
    return {"edit": made, "evaluation": evaluation}


def test_it_opens_from_disk_without_a_network_with_the_numbers_of_the_api(
    client: TestClient, chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "view.html"
    command = [sys.executable, "-W", "error", "-c", "from backend.cli import main; main()", "export", QUERY, str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert (done.stderr, str(file) in done.stdout) == ("", True)
    assert file.stat().st_size < 3e6
    told = answers(client)

    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    requests: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(file.as_uri())
    page.wait_for_selector("#scene-before[data-drawn]")
    page.wait_for_selector("#scene-after[data-drawn]")

    shattering = told["evaluation"]["shattering"]
    for part in ("edit", "retain", "test"):
        assert float(page.get_attribute(f"#r-{part}", "data-value") or "") == shattering[part]
    cells = page.locator("#accuracy td[data-after]").evaluate_all("all => all.map((cell) => cell.dataset.after)")
    assert sorted(cells) == sorted(f"{score['accuracy']['after']:.6f}" for score in told["evaluation"]["scores"])
    specification = json.loads(page.inner_text("#specification"))
    assert specification["edit"] == told["edit"]["id"]
    assert specification["edits"][0]["parameters"] == told["edit"]["edits"][0]["spec"]["parameters"]
    body = page.inner_text("body")
    for words in ("arXiv", "2410.17194", specification["checkpoint_sha256"], "shatterscope edit rings-small 7 I_C2"):
        assert words in body
    assert page.locator("#damage .main-svg").count() > 0

    camera = """id => { const c = document.getElementById(id)._fullLayout.scene._scene.getCamera(); return [c.eye.x, c.eye.y, c.eye.z]; }"""
    first = page.evaluate(camera, "scene-before")
    assert first == pytest.approx([1.1, -0.9, 0.8], abs=1e-3), "from where the link looks"
    box = page.locator("#scene-before").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 290, box["y"] + 230, steps=6)
    page.mouse.up()
    page.wait_for_timeout(400)
    turned = page.evaluate(camera, "scene-before")
    assert turned != pytest.approx(first, abs=1e-2)
    assert page.evaluate(camera, "scene-after") == pytest.approx(turned, abs=1e-3)
    page.keyboard.press("Tab")
    page.locator(".scene.after").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(400)
    again = page.evaluate(camera, "scene-after")
    assert again != pytest.approx(turned, abs=1e-2)
    assert page.evaluate(camera, "scene-before") == pytest.approx(again, abs=1e-3)

    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert faults == []
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    assert violations(page) == []
    context.close()
