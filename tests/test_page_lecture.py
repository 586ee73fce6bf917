"""A lecture in Chromium: stepped through by keys, with notes in a second window, over a page that stays alive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_fixtures import PATIENCE, Explore, Server, answer_late, at_rest, fitted, ready
from playwright.sync_api import BrowserContext, Page, expect

LESSON = "editing-101"


class Lecture(Explore):
    def step(self, number: int) -> None:
        """Until the step stands, with its scenes."""
        expect(self.page.locator("#lecture-step")).to_have_text(f"{number} / 10", timeout=PATIENCE)
        self.settle()

    def press(self, key: str, number: int) -> None:
        self.page.keyboard.press(key)
        self.step(number)

    @property
    def title(self) -> str:
        return self.page.inner_text("#lecture-title")


@pytest.fixture
def lecture(window: BrowserContext, server: Server) -> Iterator[Lecture]:
    page = window.new_page()
    lecture = Lecture(page)
    page.goto(f"{server.url}/?lesson={LESSON}&step=1")
    lecture.step(1)
    yield lecture
    page.close()


def test_lessons_are_listed_and_started(window: BrowserContext, server: Server) -> None:
    page = window.new_page()
    page.goto(f"{server.url}/lecture")
    expect(page.locator(".lesson")).to_have_count(5, timeout=PATIENCE)
    expect(page.locator(".lesson").nth(2)).to_contain_text(
        "A class that has never heard of knowledge editing · 15 minutes · 10 steps"
    )
    page.click(".lesson:nth-child(3) .start")
    expect(page.locator("#lecture-title")).to_have_text("A model knows things", timeout=PATIENCE)
    page.close()


def test_the_explore_page_leads_to_the_lecture(explore: Explore) -> None:
    explore.page.click("#lecture-start")
    expect(explore.page.locator("#lecture-step")).to_have_text("1 / 14", timeout=PATIENCE)


PANELS = {
    "lesson": "title: Panels\naudience: Tests\nminutes: 1",
    "01": 'title: Foreseen\nview: "t=d16&colors=damage"',
    "02": 'title: Told\nview: "t=d16&e=0~I_C1~d16~rome~0~tuned~1"\npanel: notes',
    "03": 'title: Neither\nview: "t=d16&e=0~I_C1~d16~rome~0~tuned~1"',
}


@pytest.fixture
def panels(server: Server) -> Iterator[str]:
    """The id of a lesson whose second step shows a panel."""
    folder = Path(server.environment["SHATTERSCOPE_LESSONS_DIR"]) / "panels"
    folder.mkdir()
    for name, head in PANELS.items():
        (folder / f"{name}.md").write_text(f"---\n{head}\n---\nText.\n")
    yield folder.name
    shutil.rmtree(folder)


def test_a_step_shows_a_panel_and_whom_an_edit_will_move(window: BrowserContext, server: Server, panels: str) -> None:
    page = window.new_page()
    page.goto(f"{server.url}/?lesson={panels}&step=1")
    expect(page.locator(".scene.before .scene-caption")).to_contain_text("whom the edit will move", timeout=PATIENCE)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#notes [data-told='others kept']")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#prediction")).to_be_hidden()
    expect(page.locator(".scene.after")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#notes")).to_be_hidden(timeout=PATIENCE)
    expect(page.locator(".scene.after")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("#lecture-step")).to_have_text("1 / 3")
    ready(page)
    page.keyboard.press("Escape")
    expect(page.locator("#lecture")).to_be_hidden()
    assert "colors=damage" in page.url, "a link holds the colours"
    page.click("label:has(#expected-shown)")
    page.wait_for_function("() => !location.search.includes('colors')", timeout=PATIENCE)
    page.close()


def test_a_link_goes_on_to_another_lesson(window: BrowserContext, server: Server) -> None:
    page = window.new_page()
    page.goto(f"{server.url}/?lesson=shattering&step=14")
    page.click("#lecture-body a", timeout=PATIENCE)
    expect(page.locator("#lecture-step")).to_have_text("1 / 10", timeout=PATIENCE)
    assert "lesson=mending" in page.url
    assert len(window.pages) == 1
    page.close()


def test_keys_step_and_the_address_says_where(lecture: Lecture) -> None:
    page = lecture.page
    first = lecture.title
    lecture.press("ArrowRight", 2)
    assert lecture.title != first
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('#lecture-body')).fontSize)") >= 24
    assert f"lesson={LESSON}&step=2" in page.url
    lecture.press("ArrowRight", 3)
    page.go_back()
    lecture.step(2)
    page.go_back()
    lecture.step(1)
    page.go_forward()
    lecture.step(2)
    lecture.press("PageUp", 1)
    lecture.press(" ", 2)
    lecture.press("End", 10)
    assert page.is_disabled("#lecture-next")
    assert lecture.r() > 0, "the step's own edit is made"
    page.reload()
    lecture.step(10)
    assert lecture.r() > 0
    expect(page.locator("#lecture-back")).to_be_hidden()
    lecture.press("ArrowLeft", 9)
    lecture.press("Home", 1)
    assert lecture.r() == 0
    assert page.is_disabled("#lecture-prev")
    page.click("#lecture-next")
    lecture.step(2)
    page.click("#lecture-prev")
    lecture.step(1)
    assert lecture.faults == []


def test_a_question_is_asked_before_its_answer_is_shown(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=7")
    lecture.step(7)
    choices = page.locator("#lecture-question button")
    expect(choices).to_have_count(3)
    expect(page.locator("#lecture-reveal")).to_be_hidden()
    expect(page.locator(".scene.after")).to_be_hidden()
    page.evaluate("document.addEventListener('shatterscope:answer', (event) => { window.answered = event.detail; })")
    choices.nth(0).click()
    expect(page.locator("#lecture-reveal")).to_be_visible()
    lecture.step(7)
    assert page.evaluate("window.answered") == {"lesson": LESSON, "step": 7, "choice": 0}
    assert "reveal=1" in page.url
    expect(choices.nth(0)).to_have_attribute("aria-pressed", "true")
    expect(choices.nth(1)).to_have_attribute("data-right", "true")
    expect(page.locator(".scene.after")).to_be_visible()
    assert lecture.r() > 0
    counts = {"lesson": LESSON, "step": 7, "counts": [3, 12, 1]}
    page.evaluate(
        "counts => document.dispatchEvent(new CustomEvent('shatterscope:counts', { detail: counts }))", counts
    )
    expect(page.locator("#lecture-question .count")).to_have_text(["3", "12", "1"])
    lecture.press("PageDown", 8)
    page.keyboard.press("PageDown")  # reveals, without an answer
    expect(page.locator("#lecture-reveal")).to_be_visible()
    lecture.step(8)
    page.goto(f"{server.url}/?lesson={LESSON}&step=2&reveal=1")  # a step that asks nothing has nothing to reveal
    lecture.step(2)
    expect(page.locator("#lecture-body")).to_be_visible()
    assert lecture.faults == []


def test_whoever_gathers_answers_may_hold_the_reveal(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=7")
    lecture.step(7)
    page.evaluate("document.addEventListener('shatterscope:answer', (event) => event.preventDefault())")
    page.click("#lecture-question button:nth-of-type(2)")
    expect(page.locator("#lecture-question button").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#lecture-reveal")).to_be_hidden()


def test_notes_stay_in_step_both_ways(lecture: Lecture) -> None:
    page = lecture.page
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes: Page = opened.value
    expect(notes.locator("#notes-title")).to_have_text(lecture.title)
    expect(notes.locator("#notes-text")).to_contain_text("Ask the class")
    lecture.press("ArrowRight", 2)
    expect(notes.locator("#notes-step")).to_have_text("2 / 10")
    notes.keyboard.press("ArrowRight")
    lecture.step(3)
    expect(notes.locator("#notes-state")).to_have_text("The audience is answering.")
    notes.reload()
    expect(notes.locator("#notes-step")).to_have_text("3 / 10")
    page.reload()
    lecture.step(3)
    notes.click("[data-press=previous]")
    lecture.step(2)
    notes.keyboard.press("b")
    expect(page.locator("#lecture-cover")).to_be_visible()
    notes.keyboard.press("b")
    expect(page.locator("#lecture-cover")).to_have_count(0)
    notes.close()


def test_the_page_is_alive_and_the_steps_view_is_one_press_away(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=9")
    lecture.step(9)
    whole = lecture.r()
    expect(page.locator("#lecture-back")).to_be_hidden()
    page.locator("#strength").fill("0.5")
    lecture.settle()
    assert 0 < lecture.r() < whole
    assert "step=9" in page.url
    page.click("#lecture-back")
    lecture.settle()
    expect(page.locator("#lecture-back")).to_be_hidden()
    assert lecture.r() == whole
    page.focus("#strength")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#lecture-step")).to_have_text("9 / 10")
    lecture.press("PageDown", 10)


def test_leaving_keeps_what_is_shown(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=9")
    lecture.step(9)
    page.click("#share > summary")
    page.fill("#view-title", "Mine", force=True)
    page.keyboard.press("Escape")
    expect(page.locator("#link-copy")).to_be_hidden()
    expect(page.locator("#lecture-step")).to_have_text("9 / 10")
    seen = lecture.numbers()
    page.focus("#strength")
    page.keyboard.press("Escape")
    expect(page.locator("#strength")).not_to_be_focused()
    page.keyboard.press("b")
    expect(page.locator("#lecture-cover")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#lecture-cover")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#lecture")).to_be_hidden()
    lecture.edits(1)
    assert lecture.numbers() == seen
    assert "lesson" not in page.url
    assert "e=0~II_C2~d1" in page.url
    expect(page.locator("#apply")).to_be_visible()
    page.click(".pages a[href*='/lecture']")
    expect(page.locator("#lecture-start")).to_be_visible(timeout=PATIENCE)
    page.click(".pages a[href*='/']:first-child")
    lecture.edits(1)
    expect(page.locator("#lecture")).to_be_hidden()
    assert lecture.faults == []


def test_a_lesson_that_is_not_here_says_so(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson=nothing&step=2")
    expect(page.locator("#problem-lecture")).to_contain_text("there is no lesson 'nothing'", timeout=PATIENCE)
    page.locator("#status:not([data-state=busy])").wait_for(state="attached")  # while it computes, Escape means cancel
    page.keyboard.press("Escape")
    expect(page.locator("#lecture")).to_be_hidden()


def test_the_world_is_shown_before_any_model(lecture: Lecture) -> None:
    page = lecture.page
    expect(page.locator("#scene-before")).to_be_hidden()
    legend, scenes = page.locator(".legend").bounding_box(), page.locator(".scenes").bounding_box()
    assert legend
    assert scenes
    assert legend["height"] > scenes["height"] / 2
    marks = "marks => marks.map((mark) => [mark.dataset.name, getComputedStyle(mark, '::after').content])"
    found = page.locator(".legend .tick.subject, .legend .tick.old").evaluate_all(marks)
    assert found == [["0", '"0"'], ["43", '"43"']]
    lecture.press("ArrowRight", 2)
    expect(page.locator("#scene-before")).to_be_visible()
    assert (page.locator(".legend").bounding_box() or {})["height"] < 100


def test_a_presenters_keys(lecture: Lecture) -> None:
    page = lecture.page
    lecture.press("End", 10)
    lecture.press("PageUp", 9)
    lecture.press("Home", 1)
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    expect(page.locator(".bar")).to_be_hidden()
    lecture.press("PageDown", 2)
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")
    page.keyboard.press(".")  # some clickers blank with it
    expect(page.locator("#lecture-cover")).to_be_visible()
    lecture.press("PageDown", 3)
    expect(page.locator("#lecture-cover")).to_be_visible()
    page.click("#lecture-cover")
    expect(page.locator("#lecture-cover")).to_have_count(0)
    expect(page.locator("#lecture-step")).to_have_text("3 / 10")
    assert lecture.faults == []


def test_the_notes_tell_reveal_blank_and_the_end(lecture: Lecture) -> None:
    page = lecture.page
    with page.expect_popup() as opened:
        page.click("#lecture-notes")
    notes: Page = opened.value
    expect(notes.locator("#notes-after")).to_have_text("Next: Where is a fact kept?")
    notes.keyboard.press("End")
    lecture.step(10)
    expect(notes.locator("#notes-after")).to_have_text("This is the last step.")
    notes.keyboard.press("Home")
    lecture.step(1)
    notes.keyboard.press("PageDown")
    notes.click("[data-press=next]")
    lecture.step(3)
    expect(notes.locator("#notes-after")).to_have_text("Next: the answer")
    page.keyboard.press(" ")
    expect(notes.locator("#notes-state")).to_be_empty()
    expect(notes.locator("#notes-after")).to_have_text("Next: First try: train on the new fact")
    notes.click("[data-press=blank]")
    expect(notes.locator("#notes-state")).to_have_text("The screen is blank.")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(notes.locator("#notes-state")).to_contain_text("The lecture is over")
    notes.close()


MOVED = """() => { window.moved = [];
    for (const kind of ["transitionrun", "animationstart"])
        document.addEventListener(kind, (event) => window.moved.push(event.propertyName || event.animationName), true); }"""


def test_nothing_moves_by_itself_where_that_is_not_wanted(lecture: Lecture) -> None:
    page = lecture.page
    page.evaluate(MOVED)
    lecture.press("End", 10)
    page.fill("#strength", "0.5")
    lecture.settle()
    assert page.evaluate("window.moved.length") > 0
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("window.moved = []")
    page.fill("#strength", "1.5")
    lecture.settle()
    lecture.press("PageUp", 9)
    lecture.press("PageUp", 8)
    assert page.evaluate("window.moved") == []


def test_a_scene_reached_by_tab_turns_by_the_arrows_and_one_clicked_leaves_them_to_the_lecture(
    lecture: Lecture, server: Server
) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=9")
    lecture.step(9)
    while not page.evaluate("document.activeElement.matches('.scene')"):
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    before = lecture.camera("scene-after")
    page.keyboard.press("ArrowRight")
    at_rest(page, "scene-after", before)
    expect(page.locator("#lecture-step")).to_have_text("9 / 10")
    lecture.turn("scene-after")
    lecture.press("ArrowRight", 10)


def test_a_phone_shows_question_and_scenes_without_scrolling_sideways(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    for width, height in ((360, 740), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{server.url}/?lesson={LESSON}&step=7&reveal=1")
        lecture.step(7)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        before, after = (page.locator(f".scene.{name}").bounding_box() for name in ("before", "after"))
        assert before
        assert after
        assert (before["y"], before["width"]) == (after["y"], pytest.approx(after["width"], abs=2)), "side by side"
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, select, summary, input")]
                .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 40).map((e) => e.outerHTML)"""
        )
        assert small == [], "too small for a finger"


# By the step on screen.
COUNT = """() => { window.drawn = {};
    document.querySelectorAll('.scene .js-plotly-plot').forEach((plot) => plot.on('plotly_afterplot', () => {
        const at = new URLSearchParams(location.search), key = `${plot.parentElement.id} in step ${at.get('step')}${at.get('reveal') ? ', revealed' : ''}`;
        window.drawn[key] = (window.drawn[key] || 0) + 1; })); }"""
LAST = [8, 8, 9, 10]  # of those told twice the first asks


@pytest.mark.parametrize(
    ("steps", "late"),
    [
        ([2, 3, 3, 4, 5, 6, 7, 7, *LAST], ()),
        (LAST, ("",)),
        (LAST, ("checkpoint.value",)),
        (LAST, ("scene-before.figure",)),
        (LAST, ("edit-stack.children", "r-edit.content", "truth.children")),
    ],
    ids=["on a fast line", "every answer late", "the state late", "the scenes late", "the scenes first"],
)
def test_a_step_draws_each_scene_once_at_most(
    window: BrowserContext, server: Server, steps: list[int], late: tuple[str, ...]
) -> None:
    """A drawing takes a tenth of a second where there is no graphics card: a step's new size, data and names come in one."""
    page = window.new_page()
    lecture = Lecture(page)
    if late:
        answer_late(page, 1000, *late)
    page.goto(f"{server.url}/?lesson={LESSON}&step={steps[0] - 1}&reveal=1")
    lecture.step(steps[0] - 1)
    page.evaluate(COUNT)
    for number in steps:
        page.keyboard.press("ArrowRight")
        lecture.step(number)
        fitted(page)
    drawn = page.evaluate("window.drawn")
    assert drawn
    assert {place: times for place, times in drawn.items() if times > 1} == {}
    page.close()


def test_scenes_keep_their_size_whatever_arrives_after_them(lecture: Lecture, server: Server) -> None:
    page = lecture.page
    page.goto(f"{server.url}/?lesson={LESSON}&step=9")
    lecture.step(9)
    for hide in ("", "r", "accuracy", "quality"):
        heights = page.evaluate(
            """hide => { document.documentElement.dataset.lectureHide = hide;
                const height = () => document.querySelector('.scenes').clientHeight, full = height();
                document.querySelector('.notice').textContent = 'A word';
                const parts = [...document.querySelectorAll('#edit-stack, .rs > *, #accuracy, .accuracy-panel .note')].map((part) => [part, [...part.childNodes]]);
                parts.forEach(([part]) => part.replaceChildren());
                const empty = height();
                parts.forEach(([part, content]) => part.append(...content));
                document.querySelector('.notice').textContent = '';
                return [full, empty]; }""",
            hide,
        )
        assert heights[0] == heights[1] > 150, hide
