"""A click means what was on screen when it was made, once, on any network: in Chromium, with every request late."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from page_fixtures import Explore, Server, ready
from playwright.sync_api import BrowserContext, Page, expect


class Slow(Explore):
    """The Explore page at the end of a slow line."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.line = page.context.new_cdp_session(page)
        self.line.send("Network.enable")

    def late(self, seconds: float) -> None:
        """Every request from now on."""
        conditions = {"offline": False, "latency": 1000 * seconds, "downloadThroughput": -1, "uploadThroughput": -1}
        self.line.send("Network.emulateNetworkConditions", conditions)

    def ask(self, subject: int) -> None:
        self.page.fill("#subject", str(subject))
        self.page.press("#subject", "Enter")

    def apply(self) -> None:
        with self.page.expect_request("**/_dash-update-component*"):
            self.page.click("#apply")

    def answered(self) -> list[str]:
        """The subjects of the edits, once every click is answered; what the address and the chips say."""
        self.page.wait_for_function("() => !window.shatterscope.clicks.waiting()")
        ready(self.page)
        edits: list[str] = self.page.evaluate(
            "() => new URLSearchParams(window.location.search).getAll('e').map(edit => edit.split('~')[0])"
        )
        shown = self.page.locator("#edit-stack .chip.edit b").all_inner_texts()
        assert [text.split()[0] for text in shown] == edits
        return edits

    def start(self, *edits: int) -> None:
        """At a stack of these subjects, with their steps in the browser's history; the question is about 1."""
        self.late(0)
        self.page.click("#reset", force=True) if self.page.is_enabled("#reset") else None
        self.answered()
        for subject in edits:
            self.ask(subject)
            self.apply()
            self.answered()
        self.ask(1)
        self.answered()


@pytest.fixture(scope="module")
def slow(window: BrowserContext, server: Server) -> Iterator[Slow]:
    page = window.new_page()
    slow = Slow(page)
    slow.open(f"{server.url}/?v=pca")
    yield slow
    page.close()


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_an_edit_is_the_one_on_screen_at_the_click_and_each_click_counts_once(slow: Slow, seconds: float) -> None:
    slow.start()
    page = slow.page
    slow.late(seconds)
    slow.apply()
    slow.ask(2)
    slow.page.select_option("#method", "ft")
    slow.apply()
    slow.ask(3)
    assert slow.answered() == ["1", "2"]
    assert "e=1~I_C1~d64~rome~" in page.url
    assert "e=2~I_C1~d64~ft~" in page.url
    assert page.input_value("#subject") == "3"
    page.go_back()
    assert slow.answered() == ["1"], "each edit is a step in the browser's history, though one answer made both"
    page.select_option("#method", "rome")


def test_two_clicks_are_two_edits_and_a_double_click_is_one(slow: Slow) -> None:
    slow.start()
    slow.late(0.4)
    slow.apply()
    slow.apply()
    assert slow.answered() == ["1", "1"]
    slow.page.dblclick("#apply")
    assert slow.answered() == ["1", "1", "1"]


def test_undo_and_back_take_back_the_newest_click_also_before_its_answer(slow: Slow) -> None:
    slow.start(5)
    slow.late(0.4)
    slow.apply()
    slow.page.click("#undo")
    assert slow.answered() == ["5"]
    slow.page.click("#redo")
    assert slow.answered() == ["5", "1"]
    slow.ask(2)
    slow.answered()
    slow.apply()
    slow.page.go_back()
    assert slow.answered() == ["5", "1"]
    assert slow.page.input_value("#subject") == "2"
    slow.apply()
    slow.ask(3)
    slow.apply()
    slow.page.go_back()
    assert slow.answered() == ["5", "1", "2"]
    slow.page.go_back()
    assert slow.answered() == ["5", "1"]


def test_chips_strength_and_picked_points_keep_their_order(slow: Slow) -> None:
    slow.start(5, 6, 7)
    page, chips = slow.page, slow.page.locator("#edit-stack .chip.edit button")
    slow.late(0.4)
    page.locator("#strength").fill("0.5")  # of 7
    chips.nth(0).click()
    chips.nth(1).click()  # the 6 that is on screen, whatever its place is by then
    slow.apply()
    slow.ask(2)
    assert slow.answered() == ["7", "1"]
    assert "e=7~I_C1~d64~rome~0~tuned~0.5&" in page.url
    page.mouse.click(*slow.place_of(40))
    slow.apply()
    slow.ask(3)
    assert slow.answered() == ["7", "1", "40"]
    page.click("#errors-fold summary")
    mistake = page.locator("#errors button").first
    wrong = mistake.inner_text().split()[0]
    mistake.click()
    slow.apply()
    slow.ask(3)
    assert slow.answered() == ["7", "1", "40", wrong]
    assert page.inner_text("#edit-stack").startswith("model = base + 4 edits")
    expect(page.locator("#edit-stack .chip.edit").last).to_contain_text("corrective")


def test_a_late_answer_cannot_undo_a_newer_one(slow: Slow) -> None:
    slow.start()
    slow.late(1.5)
    slow.apply()
    slow.late(0)
    slow.ask(2)
    slow.apply()
    assert slow.answered() == ["1", "2"]
    slow.page.wait_for_timeout(1600)
    assert slow.answered() == ["1", "2"]
    assert slow.faults == []


def test_a_drag_of_the_strength_draws_real_models_in_between_and_gives_up_no_request(slow: Slow) -> None:
    slow.start(5)
    page, r = slow.page, slow.r()
    whole = re.search(r"e=5~[^&]*~tuned~(?=1&)", page.url)
    assert whole
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url))
    box = page.locator("#strength").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for share in (0.7, 0.3, 0.1):
        page.mouse.move(box["x"] + box["width"] * share, y, steps=5)
        value = float(page.input_value("#strength"))
        page.wait_for_selector(f"#caption-after[data-strength='{value:.2f}']", state="attached")
        place = "gd => { const { x, y, z } = gd._fullData[0]; return [x[7], y[7], z[7]]; }"
        drawn = page.locator("#scene-after .js-plotly-plot").evaluate(place)
        assert f"{whole[0]}{value:g}&" not in page.url, "a step in the history is made when it is let go"
    page.mouse.up()
    assert slow.answered() == ["5"]
    assert f"{whole[0]}{value:g}&" in page.url
    assert page.locator("#scene-after .js-plotly-plot").evaluate(place) == pytest.approx(drawn), "this very model"
    expect(page.locator("#caption-after")).not_to_have_attribute("data-strength", re.compile(""))
    assert 0 < slow.r() < r
    assert given_up == []
