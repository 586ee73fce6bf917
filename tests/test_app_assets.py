"""What a browser loads besides the numbers: compressed, kept as long as it stays the same, and as few files as may be."""

from __future__ import annotations

import gzip
import re

import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from shatterscope.app.kit import assets
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.serving.pages import script_of
from shatterscope.app.main import PAGES, create_app

PLOTLY = "/assets/vendor/plotly-gl3d.min.js"
YEAR = "public, max-age=31536000, immutable"


@pytest.fixture
def site(app: FastAPI) -> TestClient:
    create_app(app)
    return TestClient(app)


def named(site: TestClient, path: str) -> list[str]:
    """The addresses that a page's own text asks for."""
    return re.findall(r'<(?:script|link)\b[^>]*?(?:src|href)="([^"]+)"', site.get(path).text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_names_everything_by_its_content(site: TestClient, page: Page) -> None:
    asked = site.get(page.path)
    assert asked.headers["cache-control"] == "no-cache"
    found = named(site, page.path)
    assert len(found) <= 14
    assert any(PLOTLY in url for url in found) == page.draws
    for url in found:
        answer = site.get(url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == YEAR, url
        if len(answer.content) > 1024 and not url.startswith("/assets/fonts/"):
            assert answer.headers["content-encoding"] == "gzip", url
            assert answer.headers["vary"] == "Accept-Encoding"
            assert int(answer.headers["content-length"]) < 0.6 * len(answer.content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_loads_one_script_of_ours_and_two_sheets_at_most(site: TestClient, page: Page) -> None:
    ours = [url.partition("?")[0] for url in named(site, page.path) if url.startswith("/assets/pages/")]
    assert [url for url in ours if url.endswith(".js")] == [f"/assets/{script_of(page)}"]
    sheets = [url for url in ours if url.endswith(".css")]
    assert {"/assets/pages/common.css"} <= set(sheets) <= {"/assets/pages/common.css", f"/assets/pages/{page.file}.css"}


def test_every_sheet_is_on_some_page_with_its_fonts(site: TestClient) -> None:
    imported = [
        path for sheet in (assets.ASSETS / "pages").glob("*.css") for path in re.findall(r'"(.+)"', sheet.read_text())
    ]
    there = {path.relative_to(assets.ASSETS).as_posix() for path in assets.ASSETS.glob("[!pv]*/*.css")}
    there |= {path.name for path in assets.ASSETS.glob("*.css")}
    notes = {"lecture/notes.css"}  # of a window that is no page of Dash
    assert {path.removeprefix("../") for path in imported} | notes == there
    text = site.get("/assets/pages/common.css").text
    assert "@import" not in text
    font = re.search(r'url\("([^"]+woff2[^"]*)"\)', text)
    assert font
    assert site.get(font[1]).headers["cache-control"] == YEAR
    assert font[1] in named(site, "/"), "the font is fetched once, early"


@pytest.mark.parametrize(
    "path", [PLOTLY, "/assets/pages/explore.js", "/assets/favicon.svg", "/api/v1/docs-assets/swagger-ui.css"]
)
def test_asked_again_it_costs_nothing(site: TestClient, path: str) -> None:
    first = site.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for condition in (etag, f'"other", W/{etag}'):
        again = site.get(path, headers={"if-none-match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert site.get(path, headers={"if-none-match": '"other"'}).content == first.content
    head = site.head(path)
    assert head.content == b""
    assert head.headers["content-length"] == first.headers["content-length"]


def test_each_browser_gets_what_it_can_read(site: TestClient) -> None:
    plain = site.get(PLOTLY, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    packed = site.get(PLOTLY)
    assert packed.headers["etag"] != plain.headers["etag"], "two texts, two tags"
    assert packed.content == plain.content == (assets.ASSETS / "vendor/plotly-gl3d.min.js").read_bytes()
    part = site.get(PLOTLY, headers={"range": "bytes=0-9"})
    assert part.status_code == 200, "a whole answer to a question for a part is allowed"


def test_another_content_is_not_kept_under_the_old_name(site: TestClient) -> None:
    assert site.get(f"{PLOTLY}?v=0123456789abcdef").headers["cache-control"] == "no-cache"
    assert site.get("/assets/nothing.js").status_code == 404
    assert site.get("/assets/../app/kit/assets.py").status_code == 404
    assert site.get("/assets/pages/nothing.js").status_code == 404
    assert site.get("/assets/pages/nothing.css").status_code == 404


@pytest.mark.parametrize(
    ("accepts", "yes"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0, br", False), ("identity", False), ("", False)],
)
def test_accept_encoding(accepts: str, yes: bool) -> None:
    assert assets.accepts_gzip(Headers({"accept-encoding": accepts})) == yes


def test_a_content_is_compressed_once(site: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    compress = gzip.compress

    def counted(content: bytes, level: int, **more: float) -> bytes:
        calls.append(len(content))
        return compress(content, level, **more)

    monkeypatch.setattr(gzip, "compress", counted)
    for _ in range(2):
        site.get(PLOTLY)
    assert calls == [(assets.ASSETS / "vendor/plotly-gl3d.min.js").stat().st_size]


def test_a_page_that_cannot_load_says_what_to_do(site: TestClient) -> None:
    text = site.get("/").text
    assert "Loading the page" in text
    assert "root of its host" in text
    assert "allow it JavaScript" in text
