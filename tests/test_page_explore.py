"""The Explore page in Chromium, with the shipped small checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from page_fixtures import PATIENCE, Explore, Server, answer_late
from playwright.sync_api import Browser, BrowserContext, expect


@pytest.fixture(scope="module")
def opened(window: BrowserContext, server: Server) -> Iterator[Explore]:
    page = window.new_page()
    opened = Explore(page)
    opened.open(server.url)
    yield opened
    page.close()


@pytest.fixture
def explore(opened: Explore) -> Explore:
    """One page for all tests (but those that open a `tab`): brought back to what it shows when it opens."""
    page = opened.page
    page.set_viewport_size({"width": 1100, "height": 720})
    page.evaluate(
        """() => { document.querySelectorAll('details[open]').forEach((fold) => { fold.open = false; });
            window.scrollTo(0, 0);
            window.shatterscope.go({ path: '/', query: '?t=d64' }); }"""
    )
    opened.edits(0)
    opened.faults.clear()
    return opened


def far(explore: Explore) -> int:
    """Half of the ring: as far as an edit can reach."""
    return int(explore.page.get_attribute("#distance", "max") or 0)


def test_it_opens_with_a_fact_and_its_ring_and_asks_nothing_of_the_network(tab: Explore, server: Server) -> None:
    page = tab.page
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    tab.open(server.url)
    assert [url for url in elsewhere if not url.startswith((server.url, "data:", "blob:"))] == []
    assert page.inner_text("#truth").split()[0] == page.inner_text("#answer").split()[0]
    assert tab.r() == 0
    assert page.url == f"{server.url}/?t=d64", "the new object a quarter of this small ring away, and nothing else"
    assert tab.faults == []


def test_a_far_edit_shatters_more_than_a_near_one(explore: Explore) -> None:
    page = explore.page
    explore.edit(1)
    explore.edits(1)
    near = explore.r()
    assert near > 0
    page.click("#reset")
    explore.edits(0)
    assert explore.r() == 0
    explore.edit(far(explore))
    explore.edits(1)
    assert explore.r() > near
    assert explore.faults == []


def test_the_answer_follows_the_edit_and_undo_and_redo_take_it_back_and_forth(explore: Explore) -> None:
    page = explore.page
    truth = page.inner_text("#truth")
    explore.edit(4)
    explore.edits(1)
    after, taught = explore.numbers(), page.inner_text("#answer").split()[0]
    assert taught != truth
    page.click("#undo")
    explore.edits(0)
    assert page.inner_text("#answer").split()[0] == truth
    page.click("#redo")
    explore.edits(1)
    assert explore.numbers() == after
    assert page.inner_text("#answer").split()[0] == taught


def test_changing_the_question_or_the_distance_edits_nothing(explore: Explore) -> None:
    page = explore.page
    page.fill("#subject", "17")
    page.press("#subject", "Enter")
    page.click("#order label:nth-child(2)")
    page.click("#direction label:nth-child(2)")
    page.click("#hops label:nth-child(3)")
    page.fill("#distance", "9")
    page.press("#distance", "Enter")
    explore.edits(0)
    expect(page.locator("#question")).to_contain_text("3 steps anticlockwise of 17")
    assert "q=17~II_A3" in page.url
    assert "e=" not in page.url
    assert explore.r() == 0


def test_the_distance_keeps_its_sign_and_its_three_faces_agree(explore: Explore) -> None:
    page = explore.page
    page.fill("#distance", "-7")
    page.press("#distance", "Enter")
    explore.settle()
    assert page.input_value("#distance") == "-7"
    assert page.get_attribute("#distance-slider", "aria-valuetext") == "7"
    assert "t=d-7" in page.url
    page.click("#near label:nth-child(3)")
    explore.settle()
    assert page.input_value("#distance") == "3"
    assert page.get_attribute("#distance-slider", "aria-valuetext") == "3"


def test_a_copied_link_shows_the_same_numbers_in_another_browser(explore: Explore, chromium: Browser) -> None:
    page = explore.page
    page.fill("#subject", "5")
    page.press("#subject", "Enter")
    explore.edit(far(explore))
    explore.edits(1)
    explore.edit(2)
    explore.edits(2)
    explore.turn("scene-after")
    page.click("#mode label:nth-child(2)")
    explore.settle()
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    other = Explore(context.new_page())
    other.open(page.url)
    other.edits(2)
    assert other.numbers() == explore.numbers()
    assert other.page.url == page.url
    assert other.camera("scene-after") == pytest.approx(explore.camera("scene-after"), abs=1e-3)
    assert other.page.get_attribute("#scenes", "data-mode") == "one"
    context.close()


def test_the_cameras_are_locked_and_no_update_moves_them(explore: Explore) -> None:
    before = explore.camera("scene-before")
    explore.turn("scene-before")
    turned = explore.camera("scene-before")
    assert turned != pytest.approx(before, abs=1e-2)
    assert explore.camera("scene-after") == pytest.approx(turned, abs=1e-3)
    explore.edit(3)
    explore.edits(1)
    explore.page.click("#order label:nth-child(3)")
    explore.settle()
    for scene in ("scene-before", "scene-after"):
        assert explore.camera(scene) == pytest.approx(turned, abs=1e-3)


def test_everything_by_keyboard(explore: Explore) -> None:
    page = explore.page
    page.focus("#subject")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("12")
    page.keyboard.press("Tab")  # the explanation of "ring"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # the next ring
    explore.settle()
    assert "q=12~II_C1" in page.url
    page.focus("#distance")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("7")
    page.keyboard.press("ControlOrMeta+Enter")
    explore.edits(1)
    assert "12~II_C1~d7" in page.url
    page.focus("#apply")
    page.keyboard.press("ControlOrMeta+z")
    explore.edits(0)
    page.keyboard.press("ControlOrMeta+Shift+z")
    explore.edits(1)
    told = r"Base \+ 1 edit\. Distances on the edited ring changed by .*\s%\. Direct recall on ring II: from .*\s% to .*\s%\."
    expect(page.locator("#told")).to_have_text(re.compile(told))
    visible = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert visible != "none"


def test_a_reload_forgets_neither_undo_nor_redo_and_the_link_stays_clean(explore: Explore, server: Server) -> None:
    page = explore.page
    explore.edit(4)
    explore.edits(1)
    explore.edit(9)
    explore.edits(2)
    both = page.url
    page.click("#undo")
    explore.edits(1)
    one, numbers = page.url, explore.numbers()
    assert one.count("e=") == 1
    page.reload()
    explore.edits(1)
    assert page.url == one
    assert explore.numbers() == numbers
    page.click("#redo")
    explore.edits(2)
    assert page.url == both
    page.click("#undo")
    explore.edits(1)
    page.click("#undo")
    explore.edits(0)
    page.click("#redo")
    explore.edits(1)
    assert page.url == one


SLOW = "x=early_stop_loss:0&x=n_contexts:128&x=steps:1000"


def test_a_slow_edit_can_be_cancelled_and_nothing_is_lost(tab: Explore, server: Server) -> None:
    page = tab.page
    tab.open(f"{server.url}/?q=7~I_C1&t=d9&{SLOW}")
    url, numbers, truth = page.url, tab.numbers(), page.inner_text("#truth")
    assert not page.is_visible("#cancel")
    page.click("#apply")
    page.wait_for_selector("#cancel", state="visible")
    expect(page.locator("#status-time")).to_contain_text("s")
    page.click("#cancel")
    expect(page.locator("#notice")).to_contain_text("Cancelled", timeout=PATIENCE)
    tab.edits(0)
    assert page.url == url
    assert tab.numbers() == numbers
    assert page.inner_text("#truth") == truth
    assert page.input_value("#distance") == "9"
    assert not page.is_visible("#cancel")
    page.fill("#distance", "3")  # the page works on
    page.press("#distance", "Enter")
    tab.settle()
    assert "t=d3" in page.url
    page.click("#redo")
    tab.edits(1)
    assert "e=7~I_C1~d9" in page.url
    assert tab.r() > 0
    assert tab.faults == []


def test_a_request_by_an_address_of_any_kind_goes_through(explore: Explore) -> None:
    """Requests pass through what watches the callbacks."""
    for address in ("'/api/v1/health'", "new URL('/api/v1/health', location)", "new Request('/api/v1/health')"):
        assert explore.page.evaluate(f"fetch({address}).then((answer) => answer.status)") == 200


@pytest.mark.parametrize("late", [0, 1200], ids=["on a fast line", "every answer late"])
def test_a_slow_link_can_be_cancelled_while_it_opens(tab: Explore, server: Server, late: int) -> None:
    page = tab.page
    answer_late(page, late)
    slow = "e=11~I_C1~d9~rome~0~tuned~1~early_stop_loss:0~n_contexts:128~steps:1000"
    page.goto(f"{server.url}/?{slow}")
    page.wait_for_selector("#cancel", state="visible")
    page.keyboard.press("Escape")
    expect(page.locator("#notice")).to_contain_text("Redo", timeout=PATIENCE)
    tab.edits(0)
    assert tab.r() == 0
    assert page.is_enabled("#redo")


def test_method_preset_and_parameters_reach_the_edit(explore: Explore) -> None:
    page = explore.page
    page.select_option("#preset", "paper")
    explore.settle()
    page.click("text=Parameters")
    steps = page.locator("#parameters input[id*='\"steps\"']")
    assert steps.input_value() == "20"
    steps.fill("12")
    steps.press("Enter")
    explore.settle()
    page.select_option("#layer", "1")
    explore.edit(4)
    explore.edits(1)
    assert "~rome~1~paper~1~steps:12" in page.url
    page.select_option("#preset", "reference")
    page.select_option("#layer", "0")
    explore.settle()
    assert page.locator("#parameters select[id*='\"token\"']").input_value() == "subject"
    explore.edit(4)
    expect(page.locator("#edit-stack .chip.edit").last).to_contain_text("subject’s token")


def test_both_layers_can_be_chosen_where_the_method_spreads(explore: Explore) -> None:
    page = explore.page
    assert page.locator("#layer option").all_inner_texts() == ["0", "1"]  # ROME writes to one
    page.select_option("#method", "memit")
    explore.settle()
    assert page.locator("#layer option").all_inner_texts() == ["0", "1", "both"]
    page.select_option("#layer", label="both")
    explore.edit(4)
    explore.edits(1)
    assert "~memit~0~tuned~1~spread:true" in page.url
    page.select_option("#layer", "1")
    explore.settle()
    assert "spread" not in page.url.split("&e=")[-1].split("&", 1)[-1]
    assert page.input_value("#layer") == "1"
    page.select_option("#preset", "paper")  # which spreads
    explore.settle()
    page.select_option("#layer", "0")
    explore.settle()
    page.reload()
    explore.settle()
    assert page.input_value("#layer") == "0"
    assert "x=spread:false" in page.url
    assert explore.faults == []


def test_neighbours_of_one_method_can_be_made_one_batch(explore: Explore, chromium: Browser) -> None:
    page = explore.page
    join = page.locator("#edit-stack button.join")
    explore.edit(4)
    explore.edits(1)
    page.select_option("#method", "memit")
    explore.settle()
    for subject in (30, 60):
        page.fill("#subject", str(subject))
        page.press("#subject", "Enter")
        explore.edit(4)
    explore.edits(3)
    apart = explore.numbers()
    assert join.all_inner_texts() == ["+"]  # between the two by MEMIT, not before ROME's
    join.click()
    explore.settle()
    assert join.all_inner_texts() == ["&"]
    assert page.url.count("~batch") == 2
    together = explore.numbers()
    assert together != apart
    expect(page.locator("#outcomes")).to_contain_text("one batch")
    page.locator("#strength").fill("0.5")  # of the batch
    explore.settle()
    assert page.url.count("~0.5~batch") == 2
    page.locator("#strength").fill("1")
    explore.settle()
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    other = Explore(context.new_page())
    other.open(page.url)
    other.edits(3)
    assert other.numbers() == together
    context.close()
    join.click()
    explore.settle()
    assert "batch" not in page.url
    assert explore.numbers() == apart
    page.click("#undo")
    explore.settle()
    assert join.all_inner_texts() == ["&"]
    page.locator("#edit-stack .chip.edit button").nth(1).click()
    explore.edits(2)
    assert "batch" not in page.url
    assert explore.faults == []


def test_how_well_an_edit_was_made_and_what_its_method_says(explore: Explore) -> None:
    page = explore.page
    assert page.inner_text("#quality-line") == ""
    page.select_option("#method", "alphaedit")
    expect(page.locator("#method-title")).to_have_text("What AlphaEdit does", timeout=PATIENCE)
    page.click("#method-title")
    note = page.locator("#method-note")
    expect(note).to_contain_text("dW = R K^T P")
    expect(note.locator("a")).to_have_attribute("href", re.compile(r"^https://arxiv\.org/abs/2410\.02355$"))
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "_dash-update" in request.url else None)
    explore.edit(4)
    explore.edits(1)
    assert sum('"output":"..edit-stack.' in each for each in asked) == 1
    assert not any('"output":"..r-site.' in each for each in asked)  # the scenes show where the R above is read
    for name in ("efficacy", "generality", "locality", "portability"):
        expect(page.locator("#quality-line")).to_contain_text(name)
        assert page.get_attribute(f"#quality-{name} th", "data-tip")
    assert page.get_attribute("#quality-efficacy td", "data-after") == "1.000000"
    assert page.get_attribute("#quality-locality td", "data-before") == "1.000000"
    notes = page.inner_text("#outcomes")
    expect(page.locator("#course-words")).to_contain_text(re.compile(r"the new object led from step \d+ on"))
    expect(page.locator("#course-figure .scatterlayer .trace")).to_have_count(3)  # drawn by now, though out of view
    expect(page.locator("#course-edit")).to_be_hidden()  # nothing to choose from
    found = re.search(r"Null space of layer 0: (\d+) of (\d+) directions", notes)
    assert found
    assert 0 < int(found[1]) < int(found[2])


def test_a_click_on_a_point_asks_about_it_or_makes_it_the_new_object(explore: Explore) -> None:
    page = explore.page
    place = explore.place_of(40)
    page.mouse.click(*place)
    expect(page.locator("#question")).to_contain_text("of 40?", timeout=PATIENCE)
    explore.settle()
    page.click("#pick label:nth-child(2)")
    place = explore.place_of(90)
    page.mouse.click(*place)
    expect(page.locator("#target")).to_contain_text("Teach it 90", timeout=PATIENCE)


def test_actions_overtaken_by_the_next_one_are_not_lost(explore: Explore) -> None:
    page = explore.page
    page.evaluate(
        """() => { document.querySelector('#apply').click();
            document.querySelector('#order label:nth-child(2) input').click();
            document.querySelector('#hops label:nth-child(3) input').click(); }"""
    )
    explore.edits(1)
    assert "e=" in page.url
    expect(page.locator("#question")).to_contain_text("ring II, who stands 3 steps")


def test_where_a_fact_can_be_written_and_a_click_writes_it_there(explore: Explore) -> None:
    page = explore.page
    explore.edit(4)
    explore.edits(1)
    url = page.url
    page.click("#placements-fold summary")
    cells, own = page.locator("#placements-table td"), page.locator("#placements-table td.own")
    expect(cells).to_have_count(4)
    expect(own).to_have_attribute("data-place", "0-relation")
    expect(cells.last).to_contain_text("cannot be made")
    page.get_by_role("button", name="Write it here: layer 1, relation’s token").press("Enter")
    expect(own).to_have_attribute("data-place", "1-relation")
    assert "~rome~1~tuned~1" in page.url
    page.go_back()
    expect(own).to_have_attribute("data-place", "0-relation")
    assert page.url == url
    assert explore.faults == []


def test_what_an_edit_will_do_is_told_before_it_and_held_against_it_after(explore: Explore) -> None:
    page = explore.page
    expect(page.locator("#expected")).to_contain_text("shatterscope predict")
    page.click("label:has(#expected-shown)")
    expect(page.locator("#caption-before")).to_contain_text("whom the edit will move")
    page.click("label:has(#expected-shown)")
    expect(page.locator("#caption-before")).to_contain_text("the unedited model")
    explore.edit(4)
    explore.edits(1)
    expect(page.locator("#expected-shown")).to_be_hidden()
    page.click("#prediction summary")
    expect(page.locator("#prediction [data-spearman]")).to_contain_text("Spearman 0.9")
    assert page.locator("#prediction img").bounding_box()
    assert explore.faults == []


def test_other_relations_sites_and_projections_can_be_looked_at(explore: Explore) -> None:
    page = explore.page
    page.select_option("#see-relation", "III_A2")
    page.select_option("#site", "resid_post.0")
    page.select_option("#projection", "pca")
    page.select_option("#align", "shared")
    page.click("#dimensions label:nth-child(2)")
    explore.settle()
    expect(page.locator("#caption-before")).to_contain_text("III_A2")
    expect(page.locator("#words-before")).to_contain_text("PCA", timeout=PATIENCE)
    for part in ("r=III_A2", "s=resid_post.0", "v=pca", "a=shared", "dim=2"):
        assert part in page.url
    assert page.inner_text("#r-site") == ""  # nothing is edited, so there is no R
    explore.edit(4)
    explore.edits(1)
    expect(page.locator("#r-site")).to_contain_text("at what is shown (layer 0, residual stream)")
    expect(page.locator("#r-at")).to_have_text("at layer 1, residual stream")
    here, r = page.get_attribute("#r-site-edit", "data-value"), page.get_attribute("#r-edit", "data-value")
    assert here != r
    page.click("#sites-fold summary")
    for site, value in (("resid_post.0", here), ("resid_post.1", r)):
        cell = page.locator(f"#sites-table [data-site='{site}'] td").first
        expect(cell).to_have_attribute("data-value", str(value))
    expect(page.locator("#sites-table tr.shown")).to_have_attribute("data-site", "resid_post.0")
    assert explore.faults == []


def test_a_garbled_link_opens_the_default_view_and_says_so(tab: Explore, server: Server) -> None:
    tab.open(f"{server.url}/?q=zzz&e=1~2~3&k=many&cam=0")
    assert tab.r() == 0
    notice = tab.page.inner_text("#notice")
    for word in ("question", "edits", "neighbours", "camera"):
        assert word in notice
    tab.page.goto(f"{server.url}/?e=7~I_C1~d4~rome~1~tuned~1~token:subject")
    expect(tab.page.locator("#problem-scene")).to_contain_text("could not be made: ")
    expect(tab.page.locator("#problem-scene")).to_contain_text("does not reach the answer")


def test_status_is_busy_during_work_and_bad_input_is_answered_in_place(explore: Explore) -> None:
    page = explore.page
    states = page.evaluate_handle(
        """() => { const seen = []; const status = document.querySelector('#status');
            new MutationObserver(() => seen.push(status.dataset.state)).observe(status, {attributes: true}); return seen; }"""
    )
    explore.edit(2)
    explore.edits(1)
    assert "busy" in states.json_value()
    page.fill("#neighbors", "banana")
    page.press("#neighbors", "Enter")
    explore.settle()
    expect(page.locator("#notice")).to_contain_text("whole number")
    explore.edits(1)


def test_the_page_keeps_its_state_when_the_server_is_restarted_under_it(explore: Explore, server: Server) -> None:
    page = explore.page
    explore.edit(far(explore))
    explore.edits(1)
    numbers, url = explore.numbers(), page.url
    server.stop()
    page.click("#hops label:nth-child(2)")
    page.wait_for_function("() => document.querySelector('#status').dataset.state === 'error'", timeout=PATIENCE)
    assert page.url == url
    server.start()
    page.click("#hops label:nth-child(1)")
    explore.settle()
    page.click("#hops label:nth-child(3)")
    explore.edits(1)
    assert "e=" in page.url
    assert explore.numbers() == numbers


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720)])
def test_all_that_matters_fits_the_screen_and_the_scenes_take_half_of_it(
    explore: Explore, width: int, height: int
) -> None:
    page = explore.page
    page.set_viewport_size({"width": width, "height": height})
    explore.edit(4)
    explore.edits(1)
    area = 0.0
    for name in ("subject", "apply", "scene-before", "scene-after", "r-edit", "r-test", "accuracy", "edit-stack"):
        box = page.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, name
        area += box["width"] * box["height"] if name.startswith("scene") else 0
    if height == 900:
        assert area > width * height / 2


def test_no_screen_scrolls_sideways_and_a_phone_has_the_result_in_view(explore: Explore) -> None:
    explore.page.set_viewport_size({"width": 390, "height": 844})
    explore.edit(4)
    explore.edits(1)
    for name in ("#apply", ".scene.after", "#r-edit", "#accuracy"):
        expect(explore.page.locator(name)).to_be_in_viewport(ratio=0.9)
    for width in (390, 320, 360, 768, 820, 901, 1024, 1100, 1141, 1180, 1280, 1440, 1600, 1920, 2560):
        explore.page.set_viewport_size({"width": width, "height": max(768, width // 2)})
        assert explore.page.evaluate("() => document.documentElement.scrollWidth") <= width
        select, status = (explore.page.locator(each).bounding_box() for each in ("#checkpoint", "#status"))
        assert select
        assert status
        beside = select["x"] + select["width"] <= status["x"]
        assert beside or select["y"] >= status["y"] + status["height"], f"at {width} the one lies over the other"


@pytest.mark.parametrize("size", [(1000, 700), (1280, 720)])
def test_on_a_small_screen_the_first_words_lie_beside_the_pictures(explore: Explore, size: tuple[int, int]) -> None:
    width, height = size
    explore.page.set_viewport_size({"width": width, "height": height})
    words = explore.page.locator("#invitation").bounding_box()
    assert words
    for scene in ("scene-before", "scene-after"):
        picture = explore.page.locator(f"#{scene}").bounding_box()
        assert picture
        assert words["y"] + words["height"] <= picture["y"]


def test_a_panels_link_unfolds_it_and_brings_what_it_shows_into_view(explore: Explore) -> None:
    page = explore.page
    explore.edit(4)
    for name, told in (("prediction", "figure"), ("notes", "table")):
        page.click(f".to-panel[href='#{name}']")
        expect(page.locator(f"#{name}-table {told}").first).to_be_visible()
        explore.settle()
        expect(page.locator(f"#{name}-table {told}").first).to_be_in_viewport()


def test_a_link_unfolds_what_it_names(tab: Explore, server: Server) -> None:
    tab.open(f"{server.url}/?c=rings-small&e=3~I_C1~d60~rome~~tuned~1&open=notes&open=nonsense")
    expect(tab.page.locator("#notes [data-told=recall]")).to_be_in_viewport(timeout=PATIENCE)
    expect(tab.page.locator("#sites-fold")).not_to_have_attribute("open", "")
    expect(tab.page.locator("#notice")).to_be_empty()
    assert tab.faults == []
