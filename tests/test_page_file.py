"""A view of each page as one HTML file, opened from disk without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_fixtures import PATIENCE, at_rest, camera
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient
from test_page_axe import violations
from test_page_scenes import LOSE, PRINTED, SHOWS

from shatterscope.backend.settings import REPOSITORY
from tests.test_reproduction_api import own_models, shipped

__all__ = ["own_models", "shipped"]

QUERY = "?c=rings-small&q=7~I_C2&e=7~I_C2~d40~rome~0~tuned~1&cam=1.1~-0.9~0.8~0~0~0~0~0~1"
EDIT = {"subject": 7, "relation": "I_C2", "distance": 40, "method": "rome", "layer": 0, "preset": "tuned"}


def answers(client: TestClient) -> dict[str, Any]:
    """What the API says of the view."""
    made = client.post("edits", json={"checkpoint": "rings-small", "edits": [EDIT]}).json()
    asked = {"checkpoint": "rings-small", "edit": made["id"]}
    evaluation = client.post("evaluations", json=asked).json()
    return {"edit": made, "evaluation": evaluation}


def export(query: str, file: Path, **environment: str) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        "from shatterscope.backend.cli import main; main()",
        "export",
        query,
        str(file),
    ]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    assert (done.stderr, str(file) in done.stdout) == ("", True)
    assert file.stat().st_size < 3e6


@contextmanager
def opened(chromium: Browser, file: Path, **options: Any) -> Iterator[Page]:
    """The file in a browser without a network. It asks for nothing, no script of it fails, and axe-core finds nothing serious."""
    context = chromium.new_context(offline=True, **{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    requests: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(file.as_uri())
    yield page
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert faults == []
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def turn(page: Page, scene: str) -> list[float]:
    """Drags the scene; returns where it is seen from then."""
    page.locator(f"#{scene}").scroll_into_view_if_needed()
    box = page.locator(f"#{scene}").bounding_box()
    assert box is not None
    before = camera(page, scene)
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 180, steps=6)
    page.mouse.up()
    return at_rest(page, scene, before)


def test_a_view_opens_from_disk_without_a_network_with_the_numbers_of_the_api(
    client: TestClient, chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "view.html"
    export(QUERY, file)
    told = answers(client)

    with opened(chromium, file) as page:
        page.wait_for_selector("#scene-before[data-drawn='1']")
        page.wait_for_selector("#scene-after[data-drawn='1']")
        shattering = told["evaluation"]["shattering"]
        for part in ("edit", "retain", "test"):
            assert float(page.get_attribute(f"#r-{part}", "data-value") or "") == shattering[part]
        cells = page.locator("#accuracy td[data-after]").evaluate_all("all => all.map((cell) => cell.dataset.after)")
        assert sorted(cells) == sorted(f"{score['accuracy']['after']:.6f}" for score in told["evaluation"]["scores"])
        specification = json.loads(page.inner_text("#specification"))
        assert specification["edit"] == told["edit"]["id"]
        assert specification["edits"][0]["parameters"] == told["edit"]["edits"][0]["spec"]["parameters"]
        body = page.inner_text("body")
        for words in (
            "arXiv",
            "2410.17194",
            specification["checkpoint_sha256"],
            "shatterscope edit rings-small 7 I_C2",
        ):
            assert words in body
        assert page.locator("#damage .main-svg").count() > 0
        assert page.locator("#course .main-svg").count() > 0

        first = camera(page, "scene-before")
        assert first[:3] == pytest.approx([1.1, -0.9, 0.8], abs=1e-3), "from where the link looks"
        page.evaluate(LOSE, "scene-before")
        page.wait_for_function(SHOWS, arg="scene-before")
        assert camera(page, "scene-before") == pytest.approx(first, abs=1e-3), "a lost context comes back"
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert [picture["drawn"] > 5000 for picture in page.evaluate(PRINTED)] == [True, True]
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        turned = turn(page, "scene-before")
        assert turned != pytest.approx(first, abs=1e-2)
        assert camera(page, "scene-after") == pytest.approx(turned, abs=1e-3)
        page.keyboard.press("Tab")
        page.locator(".scene.after").focus()
        page.keyboard.press("ArrowLeft")
        again = at_rest(page, "scene-after", turned)
        assert again != pytest.approx(turned, abs=1e-2)
        assert camera(page, "scene-before") == pytest.approx(again, abs=1e-3)


COMPARED = "/compare?c=rings-small&q=7~I_C2&t=d40"


def test_a_comparison_has_a_turning_scene_and_a_row_for_every_method(
    client: TestClient, chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "comparison.html"
    export(f"{COMPARED}&by=rome:tuned&by=ft:tuned&by=grace:tuned&sort=-r_edit", file)
    with opened(chromium, file) as page:
        for scene in ("scene-before", "scene-0", "scene-1", "scene-2"):
            page.wait_for_selector(f"#{scene}[data-drawn='1']")
        first = camera(page, "scene-0")
        turned = turn(page, "scene-0")
        assert turned != pytest.approx(first, abs=1e-2)
        for scene in ("scene-before", "scene-1", "scene-2"):
            assert camera(page, scene) == pytest.approx(turned, abs=1e-3)
        specification = json.loads(page.inner_text("#specification"))
        shown = {}
        for row in page.locator(".sort-table tbody tr").all():
            shown[row.get_attribute("data-key")] = float(
                row.locator("[data-column=r_edit]").get_attribute("data-value") or ""
            )
        told = {}
        for variant in specification["variants"]:
            made = client.post("edits", json={"checkpoint": "rings-small", "edits": variant["edits"]}).json()
            assert made["id"] == variant["edit"]
            asked = {"checkpoint": "rings-small", "edit": made["id"]}
            evaluation = client.post("evaluations", json=asked).json()
            told[f"{variant['method']}:{variant['preset']}"] = evaluation["shattering"]["edit"]
        assert shown == told
        assert list(shown.values()) == sorted(told.values(), reverse=True), "sorted as the link says"
        assert "shatterscope export '/compare?c=rings-small" in page.inner_text("#command")


def test_more_scenes_than_a_browser_bears_are_drawn_as_they_come_near(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "many.html"
    names = ("rome", "memit", "alphaedit", "ft", "ft-l", "grace")
    export(COMPARED + "".join(f"&by={name}:{preset}" for name in names for preset in ("tuned", "paper")), file)
    with opened(chromium, file) as page:
        page.wait_for_selector("#scene-before[data-drawn='1']")
        last = page.locator("#scene-11")
        assert last.get_attribute("data-drawn") is None
        turned = turn(page, "scene-before")
        last.scroll_into_view_if_needed()
        page.wait_for_selector("#scene-11[data-drawn='1']")
        assert camera(page, "scene-11") == pytest.approx(turned, abs=1e-3), "it turned with the others"
        assert page.locator("[data-drawn]:has(canvas)").count() <= 10
        page.locator("#scene-before").scroll_into_view_if_needed()
        page.wait_for_selector("#scene-before[data-drawn='1']")


def test_a_run_has_its_tables_figures_and_findings(
    chromium: Browser, tmp_path: Path, shipped: Path, own_models: Path
) -> None:
    (own_models / "rings-small" / "reproduction" / "findings.md").write_text("**Some 12\n% of it.** <b>text</b>")
    file = tmp_path / "run.html"
    export("/reproduce?c=rings-small", file, SHATTERSCOPE_MODELS_DIR=str(own_models))
    with opened(chromium, file) as page:
        for figure in ("fit-tuned", "sequences-direct", "rings", "tracing-subject", "memory"):
            page.wait_for_selector(f"#{figure}[data-drawn='1'] .main-svg")
        assert page.locator(".numbers td[data-value]").count() > 6
        assert page.locator(".findings b").count() == 0, "tags in Markdown are text"
        assert page.inner_text(".findings strong") == "Some 12\u00a0% of it."
        assert "--edits=3 --seed=0 --sequence-edits=5" in page.inner_text("#command")
        assert json.loads(page.inner_text("#specification"))["protocol"][0]["edits_per_cell"] == 3
        checkpoint_hash = json.loads(page.inner_text("#specification"))["checkpoint_sha256"]
        assert checkpoint_hash in page.inner_text(".card > dl")
