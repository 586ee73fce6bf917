"""ARCHITECTURE.md stays true: its map names every module, its contracts are those that are checked, its walk is what an edit does."""

from __future__ import annotations

import ast
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import pytest
from dash_page import DashPage
from papers import ROOT, blocks, paper, section
from starlette.testclient import TestClient

from shatterscope.app.main import create_app
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.settings import load_settings

ARCHITECTURE = "ARCHITECTURE.md"
FOLDERS = "The folders, and what each must not know"
WALK = "One edit, from the click to the picture"

# --- the map ---------------------------------------------------------------------------------------------------------


@cache
def tree() -> dict[str, str]:
    """path -> phrase."""
    (block,) = blocks(section(ARCHITECTURE, "The map"))
    return parse_tree(block)


def parse_tree(block: str) -> dict[str, str]:
    """One path a line, `  rome.py   a rank-one edit`. A name ending in `/` is a folder; what is indented deeper lies in it."""
    found: dict[str, str] = {}
    folders: list[tuple[int, str]] = []  # (indentation, path) of the folders the line may lie in
    for line in block.splitlines():
        match = re.match(r"(\s*)([\w./-]+)(?:\s+(.*))?$", line)
        if not match or not ("." in match[2] or match[2].endswith("/")):
            continue
        depth, name, phrase = len(match[1]), match[2], match[3] or ""
        while folders and folders[-1][0] >= depth:
            folders.pop()
        path = (folders[-1][1] if folders else "") + name
        found[path] = phrase.strip()
        if name.endswith("/"):
            folders.append((depth, path))
    return found


def modules() -> list[str]:
    """Every module but the `__init__.py`, which stand for their folder."""
    paths = sorted(path for top in ("backend", "app", "wire") for path in (ROOT / top).rglob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"]


def test_a_map_is_read_as_drawn() -> None:
    drawn = "backend/      the science\n  schemas.py  the wire\n  graph/\n    rings.py  # rings\napp/ the page\n  ids.py names\n"
    assert parse_tree(drawn)["backend/graph/rings.py"] == "# rings"
    assert parse_tree(drawn)["app/ids.py"] == "names"


@pytest.mark.parametrize("module", modules())
def test_the_map_names_every_module_with_a_phrase(module: str) -> None:
    assert tree().get(module), f"the map in {ARCHITECTURE} lacks {module}, or says nothing about it"


def test_the_map_names_nothing_that_is_gone() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []


# --- folders and contracts -------------------------------------------------------------------------------------------


def rows(text: str, head: str) -> list[str]:
    """The first cells of the table whose first column is called `head`."""
    table = text[text.index(f"| {head} |") :].partition("\n\n")[0]
    return [line.strip("| ").partition(" | ")[0].strip("`") for line in table.splitlines()[2:]]


def test_every_top_folder_says_what_it_is_for() -> None:
    told = rows(section(ARCHITECTURE, FOLDERS), "folder")
    assert {path for path in tree() if path.count("/") == 1 and path.endswith("/")} <= set(told)
    assert [path for path in told if not (ROOT / path).is_dir()] == []


def test_every_import_contract_is_said_in_words() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert rows(section(ARCHITECTURE, FOLDERS), "contract") == [each["name"] for each in contracts]


# --- the walk --------------------------------------------------------------------------------------------------------


def walk() -> list[tuple[str, str]]:
    """(file, function) of every place in the walk, in its order."""
    return re.findall(r"`([\w./-]+\.(?:py|js)):([\w.]+)`", section(ARCHITECTURE, WALK))


def defined(path: Path) -> set[str]:
    """The functions and classes of a Python module, by their qualified names; in a script, whatever is given a name."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return set(re.findall(r"(?:function|const|let)\s+(\w+)", text)) | set(
            re.findall(r"^\s*(\w+)\s*:", text, re.MULTILINE)
        )

    def inner(node: ast.AST, above: str) -> Iterator[str]:
        for each in ast.iter_child_nodes(node):
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield above + each.name
                yield from inner(each, f"{above}{each.name}.")

    return set(inner(ast.parse(text), ""))


@pytest.mark.parametrize(("file", "name"), dict.fromkeys(walk()))
def test_the_walk_names_what_is_there(file: str, name: str) -> None:
    assert (ROOT / file).is_file(), f"{file} is gone"
    assert name in defined(ROOT / file), f"{file} has no {name}"


def test_the_walk_is_what_an_edit_does(tmp_path: Path, models_dir: Path) -> None:
    """An edit on the Explore page, its server's functions noted as they are called."""
    called: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            file = Path(frame.f_code.co_filename).relative_to(ROOT).as_posix()
            called.add((file, frame.f_code.co_qualname.replace("<locals>.", "")))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        server = create_api(load_settings(models_dir=models_dir, state_dir=tmp_path, device="cpu", warm_up=False))
        create_app(server)
        with TestClient(server) as pages:
            page = DashPage(pages, "/")
            page.set("url-in", "data", {"query": "", "at": 1})
            shown = {id: value for (id, name), value in page.values.items() if name == "value"}
            click = {"id": 1, "kind": "apply", "what": None, "value": shown, "form": []}
            page.set("clicks", "data", {"queue": [click]})
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]
    assert page.values["part-model", "data"]["edits"], "the click made no edit"
    called |= {(file, name.rpartition(".")[0]) for file, name in called}  # of a class, a method
    assert [place for place in walk() if place[0].endswith(".py") and place not in called] == []


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"`((?:backend|app|wire|frontend_assets|tests|scripts)/[\w./-]+)`", paper(ARCHITECTURE))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_name_of_a_class_means_one_thing() -> None:
    """But for the world and a request under way, which both sides have: the dashboard cannot import the backend's."""
    where: dict[str, list[str]] = {}
    for path in sorted(path for folder in ("app", "backend", "wire") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1}.keys() == {"World", "_Flight"}
