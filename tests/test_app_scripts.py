"""The pages' scripts: what each page loads, and how modules are joined into one (`shatterscope.app.kit.linker`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.app.kit import linker
from shatterscope.app.kit.assets import ASSETS
from shatterscope.app.kit.linker import CannotLinkError
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.serving.pages import script_of
from shatterscope.app.main import PAGES, create_app
from shatterscope.backend.settings import REPOSITORY

ENTRIES = sorted((ASSETS / "pages").glob("*.js"))
MODULES = {path for path in ASSETS.rglob("*.js") if "vendor" not in path.parts}
# Features that are one page's alone, by their folder.
ALONE = {"explore": "explore", "lecture": "explore", "compare": "compare", "reproduce": "reproduce"}
# What Dash and plotly do not document, and whose change would be found by nobody: each in one file.
PRIVATE = {
    "kit/dash.js": (
        "dash_clientside",
        "dash_component_api",
        "dash_stores",
        "_dash-update-component",
        "_dashPlotlyJSURL",
        "page\\.React",
    ),
    "kit/plotly.js": (
        "_fullLayout",
        "_fullData",
        "_scene\\b",
        "glplot",
        "pickSlots",
        "mouseListener",
        "cameraParams",
        "dataScale",
        "setViewport",
        "drawAnnotations",
        "fullSceneLayout",
        "recoverContext",
        "svgContainer",
        "js-plotly-plot",
        "svg-container",
        "gl-container",
        "main-svg",
        "infolayer",
        "\\bFx\\b",
    ),
}


def name(path: Path) -> str:
    return path.relative_to(ASSETS).as_posix()


def code(path: Path) -> str:
    return linker.COMMENT.sub("", path.read_text(encoding="utf-8"))


# --- what a page loads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.stem)
def test_a_script_holds_what_its_entry_reaches_and_nothing_else(entry: Path) -> None:
    todo, reached = [entry], set()
    while todo:
        path = todo.pop()
        reached.add(path)
        found = {(path.parent / each).resolve() for each in re.findall(r'^import .*?"(.+)";', code(path), re.MULTILINE)}
        todo += found - reached
    assert set(linker.reached(entry)) == reached
    text = linker.script(entry)
    assert len(re.findall(r"^const \S+ = \(\(\) => \{$", text, re.MULTILINE)) == len(reached)
    for path in reached:
        assert linker.EXPORT.sub("", linker.IMPORT.sub("", code(path))).strip() in text, name(path)


def test_no_module_is_an_orphan() -> None:
    assert {path for entry in ENTRIES for path in linker.reached(entry)} == MODULES
    own = {"file", "lecture_notes"}  # the exported file, and the speaker's window
    assert {entry.stem for entry in ENTRIES} == {Path(script_of(page)).stem for page in PAGES} | own


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.stem)
def test_no_page_loads_what_is_another_pages_alone(entry: Path) -> None:
    for path in linker.reached(entry):
        folder = path.parent.name
        assert ALONE.get(folder, entry.stem) == entry.stem, name(path)
        assert folder != "pages" or path == entry


def test_only_pages_with_figures_load_what_draws() -> None:
    for page in PAGES:
        drawing = ASSETS / "figure" / "drawing.js"
        assert (drawing in linker.reached(ASSETS / script_of(page))) == page.draws


def test_private_parts_of_dash_and_plotly_are_named_in_one_file_each() -> None:
    for place, names in PRIVATE.items():
        for private in names:
            found = {name(path) for path in MODULES if re.search(private, code(path))}
            assert found == {place}, private


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_has_every_function_and_component_that_python_names(app: FastAPI, page: Page) -> None:
    create_app(app)
    site = TestClient(app)
    text = linker.script(ASSETS / script_of(page))
    offered = {each for group in re.findall(r"\boffer\(\{([^;]*)\}\)", text) for each in re.findall(r"\w+", group)}
    layout = site.get(f"{page.prefix}_dash-layout").json()
    assert components(layout) <= offered
    for callback in site.get(f"{page.prefix}_dash-dependencies").json():
        if wanted := callback["clientside_function"]:
            groups = re.findall(
                rf'\banswers\("{wanted["namespace"]}", (.*?)^return \{{', text, re.DOTALL | re.MULTILINE
            )
            assert any(re.search(rf"\b{wanted['function_name']}\b", group) for group in groups), wanted


def components(node: Any) -> set[str]:
    """Those of ours."""
    if isinstance(node, list):
        return {found for each in node for found in components(each)}
    if not isinstance(node, dict):
        return set()
    own = {str(node["type"])} if node.get("namespace") == "shatterscope" else set()
    return own | {found for each in node.values() for found in components(each)}


def test_our_script_stands_between_react_and_the_renderer(app: FastAPI) -> None:
    """It uses the one, and the other looks for its functions as soon as it runs."""
    create_app(app)
    for page in PAGES:
        found = re.findall(r'<script\b[^>]*?src="([^"]+)"', TestClient(app).get(page.path).text)
        place = next(number for number, url in enumerate(found) if url.startswith("/assets/pages/"))
        assert any("/react" in url for url in found[:place])
        assert any("dash_renderer" in url for url in found[place:])
        assert not any("dash_renderer" in url for url in found[:place])


# --- joining ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "kit").mkdir()
    return tmp_path


def write(site: Path, **files: str) -> Path:
    for file, text in files.items():
        (site / f"{file.replace('__', '/')}.js").write_text(text)
    return site / "pages" / "page.js"


def test_modules_come_in_the_order_in_which_they_are_needed_each_once(site: Path) -> None:
    entry = write(
        site,
        kit__a="export const one = 1;\n",
        kit__b='import { one } from "./a.js";\nexport function two() { return one + 1; }\nconst own = 0;\n',
        pages__page='import * as a from "../kit/a.js";\nimport { two as second } from "../kit/b.js";\nsay(a.one, second());\n',
    )
    assert [path.stem for path in linker.reached(entry)] == ["a", "b", "page"]
    assert linker.script(entry).split("\n")[2:] == [
        "const kit$a = (() => {",
        "const one = 1;",
        "return { one };",
        "})();",
        "const kit$b = (() => {",
        "const { one } = kit$a;",
        "function two() { return one + 1; }",
        "const own = 0;",
        "return { two };",
        "})();",
        "const pages$page = (() => {",
        "const a = kit$a;",
        "const { two: second } = kit$b;",
        "say(a.one, second());",
        "return {  };",
        "})();",
        "})();",
        "",
    ]


def test_comments_of_lines_and_of_types_are_left_out_and_others_stay(site: Path) -> None:
    text = '// About.\n\n/**\n * @param {string} a\n */\nconst f = (a) => a; // stays\n  // goes\nf("// a text");\nf(/** @type {any} */ (1));\n'
    script = linker.script(write(site, pages__page=text))
    assert script.split("\n")[3:-4] == ["const f = (a) => a; // stays", 'f("// a text");', "f((1));"]


@pytest.mark.parametrize(
    "line",
    [
        "export default 1;",
        "export let a = 1;",
        "export { a };",
        'export * from "./a.js";',
        'import a from "./a.js";',
        'import { a } from "a";',
        "import { a } from './a.js';",
        'import "./a.js"; import "./b.js";',
    ],
)
def test_what_is_not_read_is_refused(site: Path, line: str) -> None:
    with pytest.raises(CannotLinkError, match=r"pages/page\.js: "):
        linker.script(write(site, kit__a="", pages__page=f"{line}\n"))


def test_a_circle_and_a_missing_export_are_refused(site: Path) -> None:
    entry = write(site, kit__a='import "./b.js";\n', kit__b='import "./a.js";\n', pages__page='import "../kit/a.js";\n')
    with pytest.raises(CannotLinkError, match=r"kit\$a imports kit\$b imports kit\$a"):
        linker.script(entry)
    with pytest.raises(CannotLinkError, match=r"kit/a.js exports no 'two'"):
        linker.script(write(site, kit__a="export const one = 1;\n", pages__page='import { two } from "../kit/a.js";\n'))
    with pytest.raises(OSError, match=r"gone\.js"):
        linker.script(write(site, pages__page='import "../kit/gone.js";\n'))


# --- how they are checked --------------------------------------------------------------------------------------------


def test_the_tools_are_pinned_and_ask_no_registry_by_address() -> None:
    wanted = (REPOSITORY / "package.json").read_text(encoding="utf-8")
    versions = re.findall(r'"[@\w/.-]+": "([^"]+)"', wanted.partition('"devDependencies"')[2])
    assert versions
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert not (REPOSITORY / "package-lock.json").exists(), "it would name addresses"
