"""Two browsers at once: a presenter and those who follow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from page_fixtures import PATIENCE, Explore, Server
from playwright.sync_api import Browser, BrowserContext, expect


class Pair:
    """A presenter in a room, and a way to let followers in, each with a profile of its own."""

    def __init__(self, chromium: Browser, server: Server) -> None:
        self.chromium, self.server = chromium, server
        self.contexts: list[BrowserContext] = []
        self.presenter = self.someone()
        self.presenter.open(server.url)
        self.presenter.page.click("#share > summary")
        self.presenter.page.click("#room-create")
        expect(self.presenter.page.locator("#room-link")).to_have_attribute("href", re.compile("room="))
        self.link = self.presenter.page.get_attribute("#room-link", "href") or ""
        self.presenter.page.click("#share > summary")

    def someone(self, **how: Any) -> Explore:
        context = self.chromium.new_context(viewport={"width": 1100, "height": 720}, **how)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        return Explore(context.new_page())

    def follower(self, **how: Any) -> Explore:
        follower = self.someone(**how)
        follower.open(self.link)
        role(follower, "follower")
        return follower

    def in_step(self, follower: Explore) -> None:
        """Until both show the same view and the same numbers."""
        self.presenter.settle()
        query = state(self.presenter)
        follower.page.wait_for_function(
            "wanted => JSON.stringify(window.shatterscope.state()) === wanted", arg=query, timeout=PATIENCE
        )
        follower.settle()
        assert follower.numbers() == self.presenter.numbers()


def state(explore: Explore) -> str:
    found: str = explore.page.evaluate("() => JSON.stringify(window.shatterscope.state())")
    return found


def role(explore: Explore, wanted: str) -> None:
    expect(explore.page.locator("html")).to_have_attribute("data-room", wanted, timeout=PATIENCE)


def live(explore: Explore) -> None:
    expect(explore.page.locator("html")).to_have_attribute("data-room-link", "live", timeout=PATIENCE)


def secrets(explore: Explore) -> dict[str, dict[str, str]]:
    """What the browser keeps of rooms it presents."""
    found: dict[str, dict[str, str]] = explore.page.evaluate(
        "() => JSON.parse(localStorage.getItem('shatterscope-rooms')) || {}"
    )
    return found


def forgotten(explore: Explore) -> None:
    """The browser keeps nothing of a room, as soon as its own answer has come."""
    explore.page.wait_for_function(
        "() => !Object.keys(JSON.parse(localStorage.getItem('shatterscope-rooms')) || {}).length"
    )


@pytest.fixture
def pair(chromium: Browser, server: Server) -> Iterator[Pair]:
    pair = Pair(chromium, server)
    yield pair
    for context in pair.contexts:
        context.close()


@pytest.fixture(scope="module")
def kept(chromium: Browser, server: Server) -> Iterator[tuple[Pair, Explore, Explore]]:
    pair = Pair(chromium, server)
    yield pair, pair.follower(), pair.follower()
    for context in pair.contexts:
        context.close()


@pytest.fixture
def room(kept: tuple[Pair, Explore, Explore]) -> tuple[Pair, Explore, Explore]:
    """One room with two followers for all tests that leave it as it is: back at the start."""
    pair, *followers = kept
    pair.presenter.page.evaluate("window.shatterscope.go({ path: '/', query: '?t=d64' })")
    pair.presenter.edits(0)
    for each in (pair.presenter, *followers):
        each.faults.clear()
    for follower in followers:
        live(follower)
        role(follower, "follower")
        pair.in_step(follower)
    return pair, *followers


def test_pages_in_step_ask_the_same_to_the_byte(room: tuple[Pair, Explore, Explore]) -> None:
    """So that the server answers them once (`shatterscope.app.kit.serving.pure`). The first: nobody has been on their own yet."""
    pair, one, two = room
    presenter = pair.presenter
    presenter.edit(3)  # what they have seen before the first step was each its own
    presenter.edits(1)
    asked: dict[Explore, list[str]] = {one: [], two: []}

    def listen(follower: Explore) -> None:
        follower.page.on("request", lambda sent: asked[follower].append(sent.post_data) if sent.post_data else None)

    for follower in asked:
        pair.in_step(follower)
        listen(follower)
    presenter.page.fill("#subject", "17")
    presenter.page.press("#subject", "Enter")
    expect(presenter.page).to_have_url(re.compile("q=17"))
    for follower in asked:
        pair.in_step(follower)
    assert sorted(asked[one]) == sorted(asked[two])
    assert len(asked[one]) >= 4


def test_a_follower_stays_in_step_through_edits_pages_reloads_and_a_turn_of_the_scene(
    room: tuple[Pair, Explore, Explore],
) -> None:
    pair, follower, _ = room
    presenter = pair.presenter
    expect(presenter.page.locator("#room-followers")).to_have_text("2 following")
    presenter.edit(4)
    presenter.edits(1)
    pair.in_step(follower)
    assert follower.r() > 0
    assert "room=" in follower.page.url

    presenter.page.evaluate(
        """() => { const send = window.fetch; window.told = []; window.fetch = (...sent) => {
            if (sent[1] && sent[1].method === 'PUT') window.told.push(performance.now());
            return send(...sent); }; }"""
    )
    presenter.turn("scene-before")
    told = presenter.page.evaluate("window.told")
    assert told
    assert min((after - before for before, after in pairwise(told)), default=100) > 95, "at most ten a second"
    wanted = json.dumps([round(x, 2) for x in presenter.camera("scene-after")])
    for scene in ("scene-before", "scene-after"):
        follower.page.wait_for_function(
            """([id, wanted]) => { const c = document.querySelector(`#${id} .js-plotly-plot`)._fullLayout.scene._scene.getCamera();
                return JSON.parse(wanted).every((x, i) => Math.abs(x - [c.eye, c.center, c.up].flatMap(v => [v.x, v.y, v.z])[i]) < 0.02); }""",
            arg=[scene, wanted],
        )
    pair.in_step(follower)

    presenter.page.reload()
    presenter.settle()
    role(presenter, "presenter")
    presenter.page.click("#undo")
    presenter.edits(0)
    pair.in_step(follower)

    presenter.page.click(".pages a[href*='compare']")
    follower.page.wait_for_url(re.compile(r"/compare\?room="))
    role(follower, "follower")
    presenter.page.click(".pages a >> nth=0")
    presenter.settle()
    pair.in_step(follower)
    (secret,) = (kept["token"] for kept in secrets(presenter).values())
    assert secret not in presenter.page.url + follower.page.url + follower.page.content()
    assert not secrets(follower)
    assert follower.faults == []
    assert presenter.faults == []


def test_who_comes_late_and_who_was_cut_off_catch_up(room: tuple[Pair, Explore, Explore], server: Server) -> None:
    pair, follower, _ = room
    presenter = pair.presenter
    follower.page.context.set_offline(True)
    expect(follower.page.locator("#room-words")).to_have_text("Reconnecting")
    presenter.edit(2)
    presenter.edits(1)
    late = pair.follower()
    pair.in_step(late)
    assert follower.r() == 0
    follower.page.context.set_offline(False)
    live(follower)
    pair.in_step(follower)
    assert follower.r() > 0

    server.stop()
    expect(follower.page.locator("#room-words")).to_have_text("Reconnecting")
    server.start()
    for each in (presenter, follower, late):
        live(each)
    presenter.page.fill("#subject", "17")
    presenter.page.press("#subject", "Enter")
    expect(presenter.page).to_have_url(re.compile("q=17"))
    pair.in_step(follower)
    pair.in_step(late)
    expect(presenter.page.locator("#room-followers")).to_have_text("3 following")
    late.page.context.close()


def test_a_follower_looks_around_alone_and_returns(room: tuple[Pair, Explore, Explore]) -> None:
    pair, follower, _ = room
    presenter = pair.presenter
    expect(follower.page.locator("#room-follow")).to_be_hidden()
    follower.page.fill("#subject", "9")
    follower.page.press("#subject", "Enter")
    role(follower, "explorer")
    presenter.edit(3)
    presenter.edits(1)
    follower.settle()
    assert "q=9" in follower.page.url
    assert follower.r() == 0, "the presenter's edit waits"
    follower.page.reload()
    role(follower, "explorer")
    follower.page.click("#room-follow")
    role(follower, "follower")
    pair.in_step(follower)
    follower.turn("scene-after")
    role(follower, "explorer")
    follower.page.click("#undo")
    follower.edits(0)
    follower.page.click("#room-follow")
    role(follower, "follower")
    pair.in_step(follower)

    follower.page.click("#room-leave")
    expect(follower.page.locator("#room")).to_be_hidden()
    assert "room=" not in follower.page.url
    expect(presenter.page.locator("#room-followers")).to_have_text("1 following")
    follower.open(pair.link)
    role(follower, "follower")


def test_the_presenter_hands_over_and_the_room_ends_for_all(pair: Pair) -> None:
    presenter, next_one, follower = pair.presenter, pair.someone(), pair.follower()
    presenter.page.click("#share > summary")
    presenter.page.evaluate("window.prompt = () => null")
    presenter.page.click("#room-handover")
    link = presenter.page.get_attribute("#room-offer a", "href") or ""
    presenter.edit(3)
    presenter.edits(1)
    next_one.open(link)
    role(next_one, "presenter")
    next_one.edits(1)  # from where the room is, not anew
    assert "take=" not in next_one.page.url
    role(presenter, "follower")
    forgotten(presenter)
    next_one.edit(2)
    next_one.edits(2)
    for each in (presenter, follower):
        expect(each.page.locator("#edit-stack .chip.edit")).to_have_count(2)
    again = pair.someone()
    again.page.goto(link)
    expect(again.page.locator("#room-problem")).to_contain_text("used")
    role(again, "follower")

    next_one.page.click("#room-leave")
    next_one.page.click("#room-leave")
    expect(next_one.page.locator("#room")).to_be_hidden()
    for each in (presenter, follower):
        expect(each.page.locator("#room-words")).to_have_text("The live room has ended")


def test_a_closed_tab_does_not_lose_the_room_and_two_tabs_do_not_both_drive(pair: Pair) -> None:
    presenter, follower = pair.presenter, pair.follower()
    presenter.edit(4)
    presenter.edits(1)
    pair.in_step(follower)
    browser = presenter.page.context
    follower.page.evaluate(
        """() => { window.said = []; new MutationObserver(() => window.said.push(document.querySelector('#room-words').textContent))
            .observe(document.querySelector('#room-words'), { childList: true, characterData: true, subtree: true }); }"""
    )
    presenter.page.reload()
    role(presenter, "presenter")
    presenter.settle()
    assert follower.page.evaluate("window.said") == [], "a reload is no absence"

    # A copy of the presenter's tab remembers what that does.
    with browser.expect_page() as opened:
        presenter.page.evaluate("() => { window.open('/'); }")
    copied = Explore(opened.value)
    copied.settle()
    copied.page.wait_for_timeout(400)
    expect(copied.page.locator("#room")).to_be_hidden()
    copied.page.click("#share > summary")
    expect(copied.page.locator("#room-resume")).to_have_text("Present from this tab")
    role(presenter, "presenter")

    presenter.page.close()
    expect(follower.page.locator("#room-words")).to_have_text("Waiting for the presenter", timeout=PATIENCE)
    pair.presenter = reopened = Explore(browser.new_page())
    reopened.open(pair.server.url)
    role(reopened, "own")
    reopened.page.click("#room-take")
    role(reopened, "presenter")
    reopened.edits(1)
    pair.in_step(follower)
    assert follower.r() > 0, "the room stays as it was"
    expect(follower.page.locator("#room-words")).to_have_text("Live")

    # Where it is taken, the other tab lets go.
    copied.page.click("#room-resume")
    role(copied, "presenter")
    role(reopened, "follower")
    pair.presenter = copied
    copied.page.click("#undo")
    copied.edits(0)
    pair.in_step(follower)
    pair.in_step(reopened)
    copied.page.click("#room-leave")
    copied.page.click("#room-leave")
    expect(follower.page.locator("#room-words")).to_have_text("The live room has ended")
    forgotten(copied)
    assert follower.faults == reopened.faults == copied.faults == []


def test_a_lecture_in_a_room(room: tuple[Pair, Explore, Explore]) -> None:
    pair, follower, _ = room
    presenter = pair.presenter
    presenter.page.evaluate("window.shatterscope.go({ path: '/', query: '?lesson=editing-101&step=1' })")
    title = presenter.page.locator("#lecture-title")
    for step in ("1 / 10", "2 / 10", "3 / 10"):
        expect(presenter.page.locator("#lecture-step")).to_have_text(step)
        expect(follower.page.locator("#lecture-step")).to_have_text(step)
        expect(follower.page.locator("#lecture-title")).to_have_text(title.inner_text())
        pair.in_step(follower)
        presenter.page.keyboard.press("ArrowRight")
    expect(presenter.page.locator("#lecture-reveal")).to_be_visible()  # the third step asks
    expect(follower.page.locator("#lecture-reveal")).to_be_visible()
    assert follower.page.url.count("room=") == 1
    assert "room=" not in presenter.page.url.replace(pair.link, "")
    # Nobody ends it by accident: not a follower, and the presenter, for whom Esc closes Share first, is asked.
    follower.page.keyboard.press("Escape")
    expect(follower.page.locator("#lecture")).to_be_visible()
    role(follower, "follower")
    presenter.page.click("#share > summary")
    presenter.page.keyboard.press("Escape")
    presenter.page.keyboard.press("Escape")
    expect(presenter.page.locator("#lecture-leave")).to_have_text("Esc again: leave, for everyone")
    expect(follower.page.locator("#lecture")).to_be_visible()
    presenter.page.keyboard.press("Escape")
    for each in (presenter, follower):
        expect(each.page.locator("#lecture")).to_be_hidden()
    assert follower.faults == []
    assert presenter.faults == []


def test_a_question_of_a_lecture_is_answered_on_a_phone(room: tuple[Pair, Explore, Explore]) -> None:
    pair, other, _ = room
    presenter, phone = pair.presenter, pair.someone(has_touch=True)
    phone.page.set_viewport_size({"width": 390, "height": 844})
    phone.open(pair.link)
    role(phone, "follower")
    scene, rail = phone.page.locator("#scene-before").bounding_box(), phone.page.locator(".rail").bounding_box()
    assert scene
    assert rail
    assert scene["y"] < 300 < 844 < rail["y"], "the scenes come first"
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    presenter.page.evaluate("window.shatterscope.go({ path: '/', query: '?lesson=shattering&step=4' })")
    choices = phone.page.locator("#lecture-question button")
    expect(choices).to_have_count(3, timeout=PATIENCE)
    expect(phone.page.locator("#lecture-next")).to_be_hidden()
    choices.nth(2).tap()
    choices.nth(1).tap()
    expect(phone.page.locator("#room-words")).to_have_text("Your answer is sent")
    expect(choices.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(phone.page.locator("#lecture-reveal")).to_be_hidden()
    role(phone, "follower")

    expect(presenter.page.locator("#room-answers")).to_have_text("Show 1 answer")
    other.page.locator("#lecture-question button").nth(1).click()
    expect(presenter.page.locator("#room-answers")).to_have_text("Show 2 answers")
    for each in (presenter, other, phone):
        expect(each.page.locator("#lecture-question .count")).to_have_count(0)
    presenter.page.click("#room-answers")
    for each in (presenter, other, phone):
        expect(each.page.locator("#lecture-question .count")).to_have_text(["0", "2", "0"])
        expect(each.page.locator("#lecture-reveal")).to_be_hidden()
    presenter.page.reload()
    expect(presenter.page.locator("#lecture-question .count")).to_have_text(["0", "2", "0"], timeout=PATIENCE)
    presenter.page.keyboard.press("ArrowRight")
    for each in (presenter, phone):
        expect(each.page.locator("#lecture-reveal")).to_be_visible()
        expect(each.page.locator("#lecture-question [data-right=true]")).to_have_text(re.compile("^Next to nothing"))
    pair.in_step(phone)
    expect(presenter.page.locator("#room-answers")).to_be_hidden()

    # A lecturer who has a clicker and no mouse: what the room thought comes with the answer.
    presenter.page.evaluate("window.shatterscope.go({ path: '/', query: '?lesson=editing-101&step=3' })")
    expect(phone.page.locator("#lecture-step")).to_have_text("3 / 10", timeout=PATIENCE)
    choices.first.tap()
    expect(presenter.page.locator("#room-answers")).to_have_text("Show 1 answer")
    presenter.page.keyboard.press("PageDown")
    for each in (presenter, phone):
        expect(each.page.locator("#lecture-reveal")).to_be_visible()
        expect(each.page.locator("#lecture-question .count").first).to_have_text("1")
    presenter.page.keyboard.press("PageDown")
    expect(phone.page.locator("#lecture-step")).to_have_text("4 / 10")
    assert phone.faults == presenter.faults == []
    phone.page.context.close()


def test_no_presenter_leads_anywhere_but_to_pages_of_this_server(tab: Explore, server: Server) -> None:
    room = httpx.post(f"{server.url}/api/v1/rooms").json()
    follower = tab
    follower.open(room["audience_url"])
    secret = {"Authorization": f"Bearer {room['presenter_token']}"}
    sound = {"path": "/", "query": "?q=5~II_C1", "camera": None}
    for bad in (
        {"path": "//example.org/"},
        {"path": "javascript:alert(1)"},
        {"query": "x"},
        {"camera": {"at": [1]}},
        {},
    ):
        body = {"state": {**sound, **bad}}
        httpx.put(f"{server.url}/api/v1/rooms/{room['id']}/state", json=body, headers=secret).raise_for_status()
        follower.page.wait_for_timeout(300)
    follower.page.wait_for_function("() => window.shatterscope.state().query.includes('q=5~II_C1')")
    follower.settle()
    assert follower.page.url.startswith(f"{server.url}/?room=")
    assert follower.faults == []
