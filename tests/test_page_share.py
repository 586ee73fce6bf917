"""Sharing in Chromium: the popover, links that cannot be shown, the gallery, the citation."""

from __future__ import annotations

import json
import re

import pytest
from page_fixtures import PATIENCE, Explore, Server, at_rest
from playwright.sync_api import Browser, expect

QUERY = "?c=rings-small&q=7~I_C2&t=d64&e=7~I_C2~d40~rome~0~tuned~1"


def share(explore: Explore) -> None:
    explore.page.click("#share > summary")
    expect(explore.page.locator("#link-copy")).to_be_visible()


def copied(explore: Explore) -> str:
    page = explore.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#link-copy")
    expect(page.locator("#share-said")).to_contain_text("copied")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_link_to_other_weights_says_so_and_offers_the_nearest(tab: Explore, server: Server) -> None:
    page = tab.page
    tab.open(f"{server.url}/{QUERY}&h=0123456789ab~256~3~4&ver=1")
    tab.edits(0)
    expect(page.locator("#notice")).to_contain_text("other weights of rings-small (0123456789ab")
    page.click("#notice a")
    tab.edits(1)
    assert page.inner_text("#notice") == ""
    tab.open(f"{server.url}/?c=gone&e=7~I_C2~d40~mend~0~tuned~1&h=0123456789ab~256~3~4&ver=0")
    expect(page.locator("#notice")).to_contain_text("gone (weights 0123456789ab…) is not here")
    page.goto(f"{server.url}/compare{QUERY.replace('rings-small', 'gone')}&run=1")
    expect(page.locator("#notice")).to_contain_text("gone is not here")
    gone = "h=0123456789ab~256~3~4&ver=1"
    page.goto(f"{server.url}/compare?c=gone&q=7~I_C2&t=d40&by=rome:tuned&run=1&{gone}")
    expect(page.locator("#notice")).to_contain_text(
        "gone (weights 0123456789ab…) is not here. rings-small has its shape"
    )
    expect(page.locator("#compare-table tbody tr")).to_have_count(0)
    page.click("#notice a")
    expect(page.locator("#compare-table tr[data-state=done]")).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#notice")).to_be_empty()
    page.goto(f"{server.url}/reproduce?c=gone&run=abc&e=7~I_C1~d20~rome~~~1&{gone}")
    expect(page.locator("#notice")).to_contain_text("gone (weights 0123456789ab…) is not here")
    expect(page.locator("#notice")).to_contain_text("Its run (abc) was made on them. rings-small is shown.")
    page.click("#notice a")
    expect(page.locator("#rings-title")).to_contain_text("I_C1 of 7", timeout=PATIENCE)
    assert "run=abc" not in page.url


def test_the_popover_is_worked_by_keyboard_copies_a_link_and_closes(explore: Explore, server: Server) -> None:
    page = explore.page
    page.focus("#share > summary")
    page.keyboard.press("Enter")
    expect(page.locator("#link-copy")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "link-copy"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Escape")
    expect(page.locator("#link-copy")).to_be_hidden()
    assert page.evaluate("document.activeElement.parentElement.id") == "share"
    page.keyboard.press("Enter")
    link = copied(explore)
    assert link.startswith(f"{server.url}/?c=rings-small&")
    assert "&h=" in link, "the weights by name"
    assert link.endswith("~256~3~4&ver=1")
    page.mouse.click(600, 400)
    expect(page.locator("#link-copy")).to_be_hidden()


@pytest.mark.parametrize("edits", [1, 12])
def test_a_long_link_gets_a_short_one_in_its_qr_code(tab: Explore, server: Server, edits: int) -> None:
    page = tab.page
    stack = "".join(f"&e={subject}~I_C2~d1~rome~0~tuned~1" for subject in range(edits))
    tab.open(f"{server.url}/?c=rings-small{stack}")
    tab.edits(edits)
    share(tab)
    page.click("#link-qr")
    page.wait_for_selector("#share-qr img")
    assert page.evaluate("document.querySelector('#share-qr img').naturalWidth") > 0
    link = page.inner_text("#share-qr a")
    assert ("/v/" in link) == (edits > 1)
    numbers = tab.numbers()
    page.goto(link)
    tab.edits(edits)
    assert tab.numbers() == numbers
    assert page.inner_text("#notice") == ""
    assert tab.faults == []


def test_files_and_pictures_are_saved_and_what_is_cited_makes_them_again(tab: Explore, server: Server) -> None:
    page = tab.page
    tab.open(server.url + QUERY)
    tab.edits(1)
    share(tab)
    r = page.get_attribute("#r-edit", "data-value")
    for button, ending in (
        ("export-html", "html"),
        ("export-csv", "csv"),
        ("export-json", "json"),
        ("export-weights", "safetensors"),
        ("export-delta", "delta.safetensors"),
    ):
        with page.expect_download() as download:
            page.click(f"#{button}")
        assert download.value.suggested_filename == f"shatterscope-rings-small-7-I_C2-d40-rome.{ending}"
        if ending == "json":
            found = json.loads(download.value.path().read_text())
            assert repr(found["evaluation"]["shattering"]["edit"]) == r
        if ending == "html":
            assert f'data-value="{r}"' in download.value.path().read_text()
    for world in ("scene-before", "scene-after", "damage-figure"):
        for kind, begins in (("png", b"\x89PNG"), ("svg", b"<svg")):
            with page.expect_download() as download:
                page.click(f'[data-picture="{world}.{kind}"]')
            content = download.value.path().read_bytes()
            assert content.startswith(begins)
            if kind == "svg" and world.startswith("scene"):
                assert b"<image" in content, "the points"
                assert b"subject 7" in content, "the labels"
            if kind == "svg":
                assert b"@font-face{font-family:Inter;" in content, "the page's type goes along"
    page.click("#cite > summary")
    expect(page.locator("#cite-bibtex")).to_contain_text("2410.17194")
    expect(page.locator("#cite-command")).to_contain_text("shatterscope edit rings-small 7 I_C2 --distance=40")
    expect(page.locator("#cite-command")).to_contain_text("shatterscope export '?c=rings-small&")
    specification = json.loads(page.inner_text("#cite-spec"))
    assert specification["edits"][0]["subject"] == 7
    body = {"checkpoint": specification["checkpoint"], "edits": specification["edits"]}
    made = page.request.post(f"{server.url}/api/v1/edits", data=body).json()
    assert made["id"] == specification["edit"]
    page.click("#reset")
    tab.edits(0)
    share(tab)
    page.click("#export-weights")
    expect(page.locator("#share-said")).to_contain_text("no edited weights")


def test_a_comparison_is_taken_away_from_its_page(tab: Explore, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/compare?c=rings-small&q=7~I_C2&t=d40&by=rome:tuned&by=grace:tuned&run=1")
    expect(page.locator("#compare-table tr[data-state=done]")).to_have_count(2, timeout=PATIENCE)
    r = page.locator("#compare-table td[data-column=r_edit]").first.get_attribute("data-value")
    share(tab)
    for button, ending in (
        ("export-html", "html"),
        ("export-csv", "csv"),
        ("export-json", "json"),
        ("export-weights", "zip"),
        ("export-delta", "delta.zip"),
    ):
        with page.expect_download() as download:
            page.click(f"#{button}")
        assert download.value.suggested_filename == f"shatterscope-compare-rings-small-7-I_C2-d40.{ending}"
        if ending in ("html", "csv", "json"):
            assert r is not None
            assert r in download.value.path().read_text()
    pictures = page.locator(".share-picture")
    assert pictures.locator("span").all_inner_texts() == ["Before the unedited model", "ROME tuned", "GRACE tuned"]
    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as download:
            pictures.nth(1).get_by_role("button", name=kind).click()
        assert download.value.path().read_bytes().startswith(begins)
    page.click("#cite > summary")
    expect(page.locator("#cite-command")).to_contain_text("shatterscope export '/compare?c=rings-small&")
    expect(page.locator("#cite-command")).to_contain_text(
        "shatterscope edit rings-small 7 I_C2 --distance=40 --method=grace"
    )
    variants = json.loads(page.inner_text("#cite-spec"))["variants"]
    assert [variant["method"] for variant in variants] == ["rome", "grace"]
    assert all(variant["edits"][0]["parameters"] for variant in variants), "every default filled in"
    assert tab.faults == []


def test_a_view_is_saved_shown_opened_and_deleted_by_its_browser(
    tab: Explore, server: Server, chromium: Browser
) -> None:
    page = tab.page
    tab.open(server.url + QUERY)
    tab.edits(1)
    numbers = tab.numbers()
    share(tab)
    page.click("text=Save in the gallery")
    page.click("#view-save")
    expect(page.locator("#share-said")).to_contain_text("title")
    page.fill("#view-title", "A <i>far</i> edit")
    page.fill("#view-note", "Look at ring I.")
    page.dblclick("#view-save")
    page.click("#link-qr")  # does not overtake it
    expect(page.locator("#share-said")).to_contain_text("/v/")
    expect(page.locator("#share-qr img")).to_be_visible()
    page.click("#share-said a[href='/gallery']")
    card = page.locator(".gallery-cards li").first
    expect(page.locator(".gallery-cards h2", has_text="A <i>far</i> edit")).to_have_count(1)
    expect(card).to_contain_text("A <i>far</i> edit")
    expect(card).to_contain_text("7 I_C2 d = 40 by ROME")
    expect(card).to_contain_text("rings-small")

    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    other = Explore(context.new_page())
    # By plain http from another machine there is no clipboard, and the old way may be refused.
    other.page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined }); window.took = [];"
        "document.execCommand = () => { took.push(document.activeElement.value); return took.length > 1; }"
    )
    other.page.goto(f"{server.url}/gallery")
    copying = other.page.locator("[data-copy]").first
    asked: list[str] = []
    other.page.on("dialog", lambda dialog: (asked.append(dialog.default_value), dialog.dismiss()))
    copying.click()
    expect(copying).to_have_text("Copy link")
    assert re.fullmatch(server.url + r"/v/\w+", asked[0]), "the link, to be copied by hand"
    copying.click()
    expect(copying).to_have_text("Copied")
    assert other.page.evaluate("took") == asked * 2
    assert len(asked) == 1
    expect(other.page.locator(".gallery-cards li").first).to_contain_text("far")
    expect(other.page.locator("[data-delete]").first).to_be_hidden()
    other.page.click(".gallery-cards li h2 a")
    other.edits(1)
    assert other.numbers() == numbers
    context.close()

    before = page.locator(".gallery-cards li:visible").count()
    page.locator("[data-delete]").first.click()
    expect(page.locator("#share-said")).to_have_text("Deleted.")
    expect(page.locator(".gallery-cards li:visible")).to_have_count(before - 1)
    page.goto(f"{server.url}/v/nothing")
    expect(page.locator("#notice")).to_contain_text("There is no view 'nothing'")


def test_a_scene_that_was_tabbed_to_turns_by_the_arrow_keys(explore: Explore) -> None:
    page = explore.page
    before = explore.camera("scene-before")
    page.mouse.click(450, 650)
    page.evaluate("document.querySelector('.scene.before').focus()")
    page.keyboard.press("ArrowLeft")
    assert explore.camera("scene-before") == pytest.approx(before), "not one that was only clicked"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    now = at_rest(page, "scene-before", before)
    assert now != pytest.approx(before, abs=1e-2)
    assert explore.camera("scene-after") == pytest.approx(now, abs=1e-3)
    page.wait_for_url(re.compile("cam="))
