"""The Compare page and the way between pages in Chromium, with the shipped small checkpoint."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from page_fixtures import PATIENCE, READY, Explore, Server
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

THREE = "&by=rome:tuned&by=memit:paper&by=ft:tuned"
QUESTION = "c=rings-small&q=3~I_C1&t=d60"


class Compare:
    """The Compare page as a person uses it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/compare{f'?{query}' if query else ''}")
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_function(f"() => {READY} && document.querySelector('#compare-methods input')")

    def done(self, count: int) -> None:
        expect(self.page.locator("#compare-table tr[data-state=done]")).to_have_count(count, timeout=PATIENCE)
        self.settle()

    def column(self, key: str) -> list[float]:
        cells = self.page.locator(f"#compare-table td[data-column={key}]")
        return [float(value) for value in cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")]

    def names(self) -> list[str]:
        return [name.strip() for name in self.page.locator("#compare-table tbody th").all_inner_texts()]

    def numbers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.page.locator("#compare-table tr[data-state=done]").evaluate_all(
            """rows => Object.fromEntries(rows.map(row => [row.querySelector('th').textContent,
                [...row.querySelectorAll('td:not([data-column=seconds])')].map(cell => cell.dataset.value)]))"""
        )
        return found


@pytest.fixture
def compare(window: BrowserContext, server: Server) -> Iterator[Compare]:
    page = window.new_page()
    yield Compare(page, server.url)
    page.close()


def test_the_pages_are_a_key_apart_and_take_the_edits_along(compare: Compare, server: Server) -> None:
    page = compare.page
    explore = Explore(page)
    explore.open(f"{server.url}/?{QUESTION}")
    page.click("#dimensions label:nth-child(2)")
    explore.edit(7)
    explore.edits(1)
    left = page.url
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    assert links.all_inner_texts() == ["Explore", "Compare", "Reproduce", "League", "In context", "Lecture"]
    expect(links.nth(0)).to_have_attribute("aria-current", "page")
    links.nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?**")
    compare.settle()
    expect(page).to_have_title(re.compile("^Compare"))
    expect(page.locator(".pages [aria-current=page]")).to_have_text("Compare")
    expect(page.locator("#compare-stack .chip.edit")).to_have_count(1)
    assert "e=3~I_C1~d7~rome" in page.url
    page.click(".pages a >> text=Reproduce")
    page.wait_for_url("**/reproduce?c=rings-small**")
    expect(page).to_have_title(re.compile("^Reproduce"))
    page.wait_for_selector("#status:not([data-state=busy])", timeout=PATIENCE)
    page.click(".pages a >> text=Explore")
    explore.settle()
    assert page.url == left
    assert explore.faults == []


def test_three_methods_are_compared_sorted_and_opened(compare: Compare, server: Server) -> None:
    page = compare.page
    compare.open(QUESTION)
    expect(page.locator(".tile")).to_have_count(1)
    page.click("#compare-methods button >> text=none")
    expect(page.locator("#compare-run")).to_be_disabled()
    for name in ("rome:tuned", "memit:paper", "ft:tuned"):
        page.check(f"#compare-methods input[value='{name}']")
    expect(page.locator("#compare-run")).to_have_text("Compare 3 edits")
    page.click("#compare-run")
    compare.done(3)
    assert compare.names() == ["ROME tuned", "MEMIT paper", "FT tuned"]
    expect(page.locator(".tile .js-plotly-plot .points path.point")).not_to_have_count(0)
    expect(page.locator(".tile")).to_have_count(4)
    assert all(re.search("R 0", text) for text in page.locator(".tile-r").all_inner_texts())

    head = page.locator("#compare-table th:has(button[data-column=r_edit])")
    expect(head).to_have_attribute("aria-sort", "none")
    head.locator("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert compare.column("r_edit") == sorted(compare.column("r_edit"), reverse=True)
    head.locator("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert compare.column("r_edit") == sorted(compare.column("r_edit"))
    page.locator("#compare-table button[data-column=method]").press("Space")
    assert compare.names() == ["FT tuned", "MEMIT paper", "ROME tuned"]
    compare.settle()
    assert "sort=method" in page.url

    r = compare.column("r_edit")[0]
    page.locator("#compare-table tbody tr").first.locator("td[data-column=locality]").click()
    explore = Explore(page)
    page.wait_for_url(f"{server.url}/?c=rings-small**")
    explore.edits(1)
    assert "e=3~I_C1~d60~ft~~tuned~1" in page.url
    assert explore.r() == pytest.approx(r)
    page.click(".pages a >> text=Compare")
    page.wait_for_url("**/compare?**")
    compare.settle()
    expect(page.locator("#compare-methods input:checked")).to_have_count(3)
    expect(page.locator("#compare-stack .chip.edit")).to_have_count(1)
    assert compare.faults == []


def test_a_link_computes_the_same_in_another_browser(compare: Compare, chromium: Browser, server: Server) -> None:
    compare.open(f"{QUESTION}{THREE}")
    expect(compare.page.locator("#compare-table tbody tr")).to_have_count(0)
    compare.page.click("#compare-run")
    compare.done(3)
    compare.page.click("#compare-table button[data-column=direct]")
    compare.settle()
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE)
    other = Compare(context.new_page(), server.url)
    other.page.goto(compare.page.url)
    other.done(3)
    assert other.page.url == compare.page.url
    assert other.numbers() == compare.numbers()
    assert other.names() == compare.names()
    assert other.column("direct") == sorted(other.column("direct"))
    context.close()


def test_a_changed_question_is_told_apart_from_what_was_computed(compare: Compare) -> None:
    page = compare.page
    compare.open(f"{QUESTION}&by=rome:tuned&run=1")
    compare.done(1)
    page.fill("#distance", "5")
    page.press("#distance", "Enter")
    expect(page.locator("#compare-stale")).to_contain_text("before the latest changes")
    compare.settle()
    assert "t=d5" in page.url
    assert "run" not in parse_qs(urlsplit(page.url).query)
    first = compare.numbers()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#compare-stale")).to_be_empty()
    compare.done(1)
    assert compare.numbers() != first
    assert "run=1" in page.url


def test_a_stack_is_replaced_method_by_method_and_can_be_left(compare: Compare) -> None:
    page = compare.page
    edits = "&e=3~I_C1~d60~memit~~paper~1&e=4~II_C2~o9~rome~1~tuned~0.5"
    compare.open(f"c=rings-small{edits}&by=rome:tuned&by=grace:tuned&run=1")
    compare.done(2)
    expect(page.locator("#subject")).to_be_hidden()
    assert re.fullmatch("[0-2] of 2", page.locator("td[data-column=success]").first.inner_text())
    link = page.locator("#compare-table tbody th a").nth(1).get_attribute("href") or ""
    assert "e=3~I_C1~d60~grace~~tuned~1&e=4~II_C2~o9~grace~~tuned~0.5" in link
    page.click("#compare-unstack")
    expect(page.locator("#subject")).to_have_value("4")
    compare.settle()
    assert "e=" not in page.url.replace("rome", "")
    expect(page.locator("#compare-stale")).not_to_be_empty()


def test_a_refused_method_says_why_and_the_others_go_on(compare: Compare) -> None:
    page = compare.page
    compare.open("c=rings-small&e=3~I_C1~d60~rome~~tuned~1&e=4444~I_C1~d5~rome~~tuned~1&by=rome:tuned&run=1")
    expect(page.locator("tr[data-state=failed] .reason")).to_contain_text("0..255")
    expect(page.locator(".tile .bad").first).to_contain_text("No picture")
    compare.open(f"{QUESTION}&by=rome:tuned&by=nonsense:tuned&run=1")
    compare.done(1)
    expect(page.locator("#notice")).to_contain_text("nonsense:tuned")


def test_each_comes_when_it_is_done_and_cancel_keeps_what_has_come(compare: Compare) -> None:
    page = compare.page
    compare.open(f"{QUESTION}{THREE}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        body = route.request.post_data or ""
        if '"compare-job"' in body and " ft:tuned" in body:
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component?*", hold)
    page.click("#compare-run")
    expect(page.locator("tr[data-state=done]")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("tr[data-state=waiting]")).to_have_count(1)
    page.wait_for_selector("#cancel:not([hidden])")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-state=failed]")).to_contain_text(["Cancelled. Press Compare to compute it."])
    expect(page.locator("tr[data-state=done]")).to_have_count(2)
    page.unroute("**/_dash-update-component?*")
    compare.settle()
    page.click("#compare-run")
    compare.done(3)


def test_the_table_and_the_figures_can_be_taken_along(compare: Compare) -> None:
    page = compare.page
    compare.open(f"{QUESTION}&by=rome:tuned&run=1")
    compare.done(1)

    def taken(selector: str) -> tuple[str, bytes]:
        with page.expect_download() as download:
            page.locator(selector).first.dispatch_event("click")
        return download.value.suggested_filename, download.value.path().read_bytes()

    name, content = taken("#compare-csv")
    (row,) = csv.DictReader(io.StringIO(content.decode()))
    assert name == "comparison.csv"
    assert float(row["r_edit"]) == compare.column("r_edit")[0]
    assert (row["method"], row["preset"], row["problem"]) == ("ROME", "tuned", "")
    name, content = taken(".tile:nth-child(2) [data-download=csv]")
    points = list(csv.DictReader(io.StringIO(content.decode())))
    assert name == "rome-tuned.csv"
    assert {point["series"] for point in points} == {"entities", "subject", "true object", "new object"}
    assert {int(point["entity"]) for point in points} == set(range(256))
    assert all(re.fullmatch(r"-?[0-9.e-]+", point["coordinate 1"]) for point in points)
    assert taken(".tile:nth-child(2) [data-download=png]")[1].startswith(b"\x89PNG")
    svg = taken(".tile:nth-child(2) [data-download=svg]")[1].decode()
    assert "<svg" in svg
    assert "ROME tuned" in svg
    assert compare.faults == []


def test_a_restraint_is_chosen_for_all_chosen_and_left_out_where_it_is_not_wanted(compare: Compare) -> None:
    page = compare.page
    compare.open(f"{QUESTION}&by=rome:tuned&by=memit:paper&by=grace:tuned")
    everywhere = page.get_by_role("group", name="and through a restraint").get_by_role("checkbox", name="SPHERE")
    expect(everywhere).not_to_be_checked()
    everywhere.check()
    for name in ("rome:tuned+sphere", "memit:tuned+sphere"):
        expect(page.locator(f"#compare-methods input[value='{name}']")).to_be_checked()
    expect(page.locator("#compare-run")).to_have_text(
        "Compare 5 edits"
    )  # GRACE changes no weight that could be filtered
    page.get_by_role("checkbox", name="MEMIT SPHERE").uncheck()
    expect(everywhere).to_have_js_property("indeterminate", value=True)
    compare.settle()
    assert parse_qs(urlsplit(page.url).query)["by"] == [
        "rome:tuned",
        "rome:tuned+sphere",
        "memit:paper",
        "grace:tuned",
    ]
    page.reload()
    compare.settle()
    expect(page.get_by_role("checkbox", name="ROME SPHERE")).to_be_checked()
    expect(everywhere).to_have_js_property("indeterminate", value=True)
    everywhere.check()
    everywhere.uncheck()
    expect(page.locator("#compare-methods input:checked")).to_have_count(3)
    assert compare.faults == []


def test_it_works_on_a_phone(compare: Compare) -> None:
    page = compare.page
    page.set_viewport_size({"width": 390, "height": 844})
    compare.open(f"{QUESTION}&by=rome:tuned&by=ft:tuned&run=1")
    compare.done(2)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    chooser = page.locator("#compare-methods").bounding_box()
    assert chooser is not None
    assert chooser["height"] <= 844
    for link in page.locator(".pages a").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 40
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    expect(page.locator(".tile-r").first).to_be_visible()
    assert page.locator("#compare-table").evaluate("box => box.scrollWidth > box.clientWidth")


def test_an_oracle_tells_how_far_it_is_and_leaves_nothing_when_cancelled(compare: Compare, server: Server) -> None:
    page = compare.page
    page.goto(f"{server.url}/compare?{QUESTION}&by=rome:tuned&by=oracle:learned&run=1")
    expect(page.locator(".tile h3")).to_have_text(
        ["Before the unedited model", "ROME tuned", "Oracle learned", "Oracle control"], timeout=PATIENCE
    )
    expect(page.locator(".tile .training")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".tile .training").first).to_contain_text(
        re.compile(r"training: \d+ of 1000"), timeout=PATIENCE
    )
    expect(page.locator("#compare-table tr[data-state=done]")).to_have_count(1, timeout=PATIENCE)  # ROME does not wait
    page.click("#cancel")
    expect(page.locator("#compare-table td.failed")).to_have_text(["Cancelled. Press Compare to compute it."] * 2)
    expect(page.locator(".tile .words").last).to_have_text("cancelled")
    page.wait_for_function("async () => (await (await fetch('/api/v1/oracles')).json()).length === 0", timeout=PATIENCE)
    assert compare.faults == []
