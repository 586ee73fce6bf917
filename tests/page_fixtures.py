"""A real server in a process of its own, and Chromium looking at it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from scripts.chromium import chromium as run_chromium
from scripts.chromium import find
from shatterscope.backend.settings import REPOSITORY

PATIENCE = 60_000  # milliseconds; a loaded machine is slow, not wrong
expect.set_options(timeout=PATIENCE)


@dataclass
class Server:
    """`shatterscope serve` on its own port, which can be stopped and started again."""

    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable,
            "-c",
            "from shatterscope.backend.cli import main; main()",
            "serve",
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stdout=subprocess.DEVNULL)
        for _ in range(600):
            assert self.process.poll() is None, "the server ended while starting"
            try:
                httpx.get(f"{self.url}/api/v1/health", timeout=2).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the server did not start in a minute")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "SHATTERSCOPE_MODELS_DIR": str(models_dir),
        "SHATTERSCOPE_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "SHATTERSCOPE_LESSONS_DIR": str(tmp_path_factory.mktemp("lessons")),  # empty, for those of a test
        "SHATTERSCOPE_DEVICE": "cpu",
    }
    server = Server(environment, port)
    server.start()
    yield server
    server.stop()


# While Playwright's loop runs, no asynchronous test can: it ends with the module, and so the files may run in any order.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if find() is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: the browser tests cannot run")
        pytest.skip("CHROMIUM IS MISSING: the browser tests did not run (install it with: apt-get install chromium)")
    with run_chromium() as browser:
        yield browser


# Of an answer to a callback that names one of `outputs` (to any, where there is none) the head comes at once and the rest when it has been computed,
# sent, and read by a machine with more to do: `late` milliseconds after. What a page is to set off next leaves after that.
LATE = """([late, outputs]) => {
    const fetch = window.fetch.bind(window);
    window.fetch = async (resource, options) => {
        const answer = await fetch(resource, options);
        const asked = String(resource instanceof Request ? resource.url : resource).includes('_dash-update-component') && JSON.parse(options.body).output;
        if (answer.status !== 200 || !asked || (outputs.length && !outputs.some((output) => asked.includes(output)))) return answer;
        const content = new Uint8Array(await answer.arrayBuffer());
        const start = (stream) => setTimeout(() => { stream.enqueue(content); stream.close(); }, late);
        return new Response(new ReadableStream({ start }), { headers: answer.headers });
    };
}"""


# No callback is left, and what they answered stands on the page.
READY = "['idle', 'error'].includes(document.querySelector('#status')?.dataset.state) && !window.shatterscope.pending()"


def ready(page: Page) -> None:
    """Until it is so, and nothing is wrong."""
    page.wait_for_function(f"() => {READY} && document.querySelector('#status').dataset.state === 'idle'")


def fitted(page: Page) -> None:
    """Until each figure has been drawn at the size that its place has now."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('.js-plotly-plot')].every((gd) => !gd.clientWidth
            || Math.abs(gd._fullLayout.width - gd.clientWidth) < 1 && Math.abs(gd._fullLayout.height - gd.clientHeight) < 1)"""
    )
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


# Where a scene is seen from; `id` is that of the figure or of what it stands in.
CAMERA = """id => { const c = document.querySelector(`#${id} .js-plotly-plot, .js-plotly-plot#${id}`)._fullLayout.scene._scene.getCamera();
    return [c.eye, c.center, c.up].flatMap(v => [v.x, v.y, v.z]); }"""


def camera(page: Page, scene: str) -> list[float]:
    found: list[float] = page.evaluate(CAMERA, scene)
    return found


def at_rest(page: Page, scene: str, before: list[float]) -> list[float]:
    """Where a scene is seen from, once it has turned away from `before` and rests."""
    page.wait_for_function(
        f"""([id, before]) => new Promise((rests) => {{
            let last = String(before), frames = 0;
            const look = () => {{
                const now = String(({CAMERA})(id));
                frames = now === last && now !== String(before) ? frames + 1 : 0;
                last = now;
                if (frames > 5) rests(true); else requestAnimationFrame(look);
            }};
            look(); }})""",
        arg=[scene, before],
    )
    return camera(page, scene)


def answer_late(page: Page, milliseconds: int, *outputs: str) -> None:
    """From the next page on."""
    page.add_init_script(f"({LATE})({json.dumps([milliseconds, outputs])})")


class Explore:
    """The Explore page as a person uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.settle()

    def settle(self) -> None:
        """Until the page has answered, with a fact, both scenes and the numbers on screen."""
        self.page.wait_for_function(
            f"""() => {READY}
                && document.querySelector('#r-edit')?.dataset.value !== undefined
                && /[0-9A-Za-z]/.test(document.querySelector('#truth').textContent)
                && document.querySelector('#scene-before canvas') && document.querySelector('#scene-after canvas')""",
            timeout=PATIENCE,
        )

    def r(self, name: str = "edit") -> float:
        value = self.page.get_attribute(f"#r-{name}", "data-value")
        assert value is not None
        return float(value)

    def edit(self, distance: int) -> None:
        self.page.fill("#distance", str(distance))
        self.page.click("#apply")
        self.edits(None)

    def edits(self, count: int | None) -> None:
        if count is not None:
            expect(self.page.locator("#edit-stack .chip.edit")).to_have_count(count, timeout=PATIENCE)
        self.settle()

    def numbers(self) -> list[str | None]:
        cells = self.page.locator("#accuracy td").evaluate_all("cells => cells.map(cell => cell.dataset.after)")
        return [*(self.page.get_attribute(f"#r-{name}", "data-value") for name in ("edit", "retain", "test")), *cells]

    def camera(self, scene: str) -> list[float]:
        return camera(self.page, scene)

    def place_of(self, entity: int) -> tuple[float, float]:
        """Where an entity's point is drawn in the first scene."""
        x, y = self.page.evaluate(
            """entity => { const gd = document.querySelector('#scene-before .js-plotly-plot');
                const trace = gd._fullData[0], scene = gd._fullLayout.scene._scene, box = gd.getBoundingClientRect();
                const i = trace.customdata.indexOf(entity);
                let v = [trace.x[i], trace.y[i], trace.z[i]].map((value, axis) => value * scene.dataScale[axis]).concat(1);
                for (const m of [scene.glplot.cameraParams.model, scene.glplot.cameraParams.view, scene.glplot.cameraParams.projection])
                    v = [0, 1, 2, 3].map(r => m[r] * v[0] + m[4 + r] * v[1] + m[8 + r] * v[2] + m[12 + r] * v[3]);
                return [box.left + (v[0] / v[3] + 1) / 2 * box.width, box.top + (1 - v[1] / v[3]) / 2 * box.height]; }""",
            entity,
        )
        return x, y

    def turn(self, scene: str) -> None:
        before, address = self.camera(scene), self.page.url
        box = self.page.locator(f"#{scene}").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 90, y + 20, steps=6)
        self.page.mouse.up()
        at_rest(self.page, scene, before)
        self.page.wait_for_url(lambda url: url != address and "cam=" in url)  # which holds where it rests


@pytest.fixture(scope="module")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """One profile for all tests of a module, so that scripts are compiled once; smaller than a screen, because it is drawn without a GPU."""
    context = chromium.new_context(viewport={"width": 1100, "height": 720})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def tab(window: BrowserContext) -> Iterator[Explore]:
    """Nothing is opened in it yet."""
    page = window.new_page()
    yield Explore(page)
    page.close()


@pytest.fixture
def explore(tab: Explore, server: Server) -> Explore:
    tab.open(server.url)
    return tab
