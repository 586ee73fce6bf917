"""The 3D scenes in Chromium: what the pointer means, where names stand, what outlives a lost context, what a printer gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from page_fixtures import PATIENCE, Explore, Server, fitted
from playwright.sync_api import Browser, expect

SCENES = ("scene-before", "scene-after")
EDITED = "/?c=rings-small&q=7~I_C2&t=d40&e=7~I_C2~d40~rome~0~tuned~1"

PLACES = """id => { const gd = document.querySelector(`#${id} .js-plotly-plot`), box = gd.getBoundingClientRect(), zoom = box.width / gd.clientWidth;
    return window.shatterscope.scene.curve(gd).map(([x, y]) => [box.left + x * zoom, box.top + y * zoom]); }"""

# Of each name: how much of the curve it covers, and whether it leaves the frame or lies on something that is written there.
NAMES = """() => [...document.querySelectorAll('.scene .js-plotly-plot')].flatMap(gd => {
    const frame = gd.getBoundingClientRect(), curve = window.shatterscope.scene.curve(gd);
    const points = curve.slice(1).flatMap(([x, y], i) => Array.from({ length: 20 }, (_, k) => [frame.left + curve[i][0] + (x - curve[i][0]) * k / 20, frame.top + curve[i][1] + (y - curve[i][1]) * k / 20]));
    const range = document.createRange();
    const text = each => { range.selectNodeContents(each); return [...range.getClientRects()]; };
    const taken = [...gd.closest('.scene').querySelectorAll('.scene-caption, .scene-words')].flatMap(text);
    const legend = document.querySelector('.legend');
    if (legend) taken.push(legend.getBoundingClientRect());
    return [...gd.querySelectorAll('.annotation-text')].map(name => {
        const box = name.getBoundingClientRect();
        const inside = ([x, y]) => x > box.left && x < box.right && y > box.top && y < box.bottom;
        const meets = other => other.left < box.right && other.right > box.left && other.top < box.bottom && other.bottom > box.top;
        return { text: name.textContent, covered: points.filter(inside).length, out: box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom, on: taken.filter(meets).length,
            halo: [...gd.querySelectorAll('.annotation-scene rect.bg')].some(rect => getComputedStyle(rect).fillOpacity !== '0') };
    }); })"""

LOSE = """id => { const gd = document.querySelector(`#${id} .js-plotly-plot, .js-plotly-plot#${id}`);
    window.shatterscope.scene.alive(gd).glplot.gl.getExtension('WEBGL_lose_context').loseContext(); }"""
SHOWS = """id => { const gd = document.querySelector(`#${id} .js-plotly-plot, .js-plotly-plot#${id}`), scene = window.shatterscope.scene.alive(gd);
    return Boolean(scene) && gd.querySelectorAll('canvas').length === 1 && scene.toImage('png').length > 5000 && gd.querySelectorAll('.annotation-text').length === 3; }"""
PRINTED = """() => Promise.all([...document.querySelectorAll('img.printed')].map(async image => {
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.naturalWidth, height: image.naturalHeight }), pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0);
    return { drawn: pen.getImageData(0, 0, canvas.width, canvas.height).data.filter((value, i) => i % 4 === 3 && value > 0).length, width: image.clientWidth, height: image.clientHeight }; }))"""


@pytest.fixture(scope="module")
def shared(chromium: Browser, server: Server) -> Iterator[Explore]:
    """One page for the tests of this file, on a dense screen."""
    context = chromium.new_context(viewport={"width": 1100, "height": 720}, device_scale_factor=1.5)
    context.set_default_timeout(PATIENCE)
    explore = Explore(context.new_page())
    explore.open(server.url + EDITED)
    yield explore
    assert explore.faults == []
    context.close()


def hovered(explore: Explore, scene: str) -> int:
    """The entity that the label under the pointer names."""
    label = explore.page.locator(f"#{scene} .hovertext")
    expect(label).to_have_count(1)
    found = re.search(r"entity (\d+)", label.text_content() or "")
    assert found
    return int(found[1])


def same_by_hover_and_click(explore: Explore, scene: str, share: float) -> None:
    page = explore.page
    places = page.evaluate(PLACES, scene)
    x, y = places[int(share * (len(places) - 1))]
    page.mouse.move(x + 3, y - 2, steps=2)
    named = hovered(explore, scene)
    page.mouse.click(x + 3, y - 2)
    assert hovered(explore, scene) == named
    expect(page.locator("#question")).to_contain_text(re.compile(rf"of {named}\?"))
    explore.settle()


def test_a_click_picks_the_entity_that_the_label_names(shared: Explore) -> None:
    page = shared.page
    for scene in SCENES:
        for share in (0.0, 0.48):
            same_by_hover_and_click(shared, scene, share)
    page.click("#dimensions label:nth-child(2)")
    shared.settle()
    same_by_hover_and_click(shared, "scene-after", 0.6)
    # What a browser's zoom is to a page: 50 % and 200 %, the second one scrolled.
    metrics = page.context.new_cdp_session(page)
    for width, height, density in ((1400, 1000, 0.75), (550, 360, 3)):
        wanted = {"width": width, "height": height, "deviceScaleFactor": density, "mobile": False}
        metrics.send("Emulation.setDeviceMetricsOverride", wanted)
        page.locator("#scene-after").scroll_into_view_if_needed()
        fitted(page)
        same_by_hover_and_click(shared, "scene-after", 0.6)
    metrics.detach()
    page.set_viewport_size({"width": 1100, "height": 720})
    page.mouse.move(0, 0)
    expect(page.locator(".hovertext")).to_have_count(0)
    page.click("#dimensions label:nth-child(1)")
    shared.settle()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (390, 844)])
def test_names_stand_beside_the_curve_within_the_frame(shared: Explore, width: int, height: int) -> None:
    page = shared.page
    page.set_viewport_size({"width": width, "height": height})
    fitted(page)
    for _ in range(2):
        names = page.evaluate(NAMES)
        assert len(names) == 6
        for name in names:
            assert (name["covered"], name["out"], name["on"], name["halo"]) == (0, False, 0, False), name
        shared.turn("scene-before")


def test_the_scale_is_said_and_can_be_made_the_same(shared: Explore) -> None:
    page = shared.page
    page.set_viewport_size({"width": 1100, "height": 720})
    shared.settle()
    extent = "id => { const { range } = document.querySelector(`#${id} .js-plotly-plot`)._fullLayout.scene.xaxis; return range[1] - range[0]; }"
    before, after = (page.evaluate(extent, scene) for scene in SCENES)
    assert before > 1.05 * after
    expect(page.locator("#caption-after")).to_contain_text(
        f"shown enlarged {before / after:.1f}x (the cloud has shrunk)"
    )
    page.click("#scale label:nth-child(2)")
    shared.settle()
    assert "scale=same" in page.url
    assert page.evaluate(extent, "scene-after") == pytest.approx(page.evaluate(extent, "scene-before"))
    expect(page.locator("#caption-after")).not_to_contain_text("enlarged")
    page.reload()
    shared.settle()
    assert page.evaluate(extent, "scene-after") == pytest.approx(before)


def test_lost_contexts_come_back_seen_from_where_they_were(shared: Explore) -> None:
    page = shared.page
    shared.turn("scene-after")
    camera = shared.camera("scene-after")
    for _ in range(3):
        for scene in SCENES:
            page.evaluate(LOSE, scene)
        for scene in SCENES:
            page.wait_for_function(SHOWS, arg=scene)
            assert shared.camera(scene) == pytest.approx(camera, abs=1e-3)
    shared.turn("scene-before")
    assert shared.camera("scene-after") == pytest.approx(shared.camera("scene-before"), abs=1e-3)
    assert shared.camera("scene-after") != pytest.approx(camera, abs=1e-2)
    expect(page.locator("#status")).to_have_attribute("data-state", "idle")


def test_a_context_that_does_not_come_back_is_told_until_it_does(shared: Explore) -> None:
    page = shared.page
    page.evaluate(
        """() => { const own = HTMLCanvasElement.prototype.getContext; window.giveBack = () => { HTMLCanvasElement.prototype.getContext = own; };
            HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return /webgl/.test(kind) ? null : own.call(this, kind, ...rest); }; }"""
    )
    page.evaluate(LOSE, "scene-after")
    expect(page.locator(".scene.after > .lost")).to_contain_text("Reload the page")
    expect(page.locator("#status")).to_have_attribute("data-state", "error")
    page.evaluate("giveBack()")
    page.wait_for_function(SHOWS, arg="scene-after")
    expect(page.locator(".lost")).to_have_count(0)
    expect(page.locator("#status")).to_have_attribute("data-state", "idle")


def test_a_printer_gets_pictures_of_the_scenes_on_white(shared: Explore) -> None:
    page = shared.page
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    pictures: list[dict[str, Any]] = page.evaluate(PRINTED)
    assert len(pictures) == 2
    for picture in pictures:
        assert picture["drawn"] > 5000
        assert min(picture["width"], picture["height"]) > 200
    assert not page.is_visible("#scene-after canvas")
    assert not page.is_visible("#apply")
    assert page.is_visible("#question")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.emulate_media(media="screen", color_scheme="light")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#scene-after canvas")).to_be_visible()  # a drawing at the new size may be under way
    expect(page.locator("img.printed")).to_have_count(0)
