"""CONTRIBUTING.md stays true: for each kind of addition a toy is made from the files it lists, or the files of what is there are counted."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import test_editors_contract
import torch
from dash import html
from dash_page import DashPage
from fastapi import FastAPI
from papers import ROOT, blocks, paper, section
from starlette.testclient import TestClient
from torch import Tensor

from shatterscope.app import main as dashboard
from shatterscope.app.kit import theme, words
from shatterscope.app.kit.page import Page
from shatterscope.app.pages.explore.panels import PANELS, Panel
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.checkpoints import Checkpoint, read_metadata
from shatterscope.backend.cli import main as command_line
from shatterscope.backend.editors import EDITORS, EditDelta, Editor, WriteRequest
from shatterscope.backend.editors.base import Preset
from shatterscope.backend.editors.fine_tuning import (
    FineTuningParameters,
    LearningRate,
    Steps,
    TrainedAt,
    WeightDecay,
    fine_tune,
)
from shatterscope.backend.editors.targets import EarlyStopLoss, NContexts, Seed
from shatterscope.backend.measures import MEASURES, Measure
from shatterscope.backend.models import Transformer
from shatterscope.backend.recipes import read_recipe
from shatterscope.backend.settings import Settings, load_settings
from shatterscope.backend.sweeps.plan import known_facts, make_plan
from shatterscope.backend.sweeps.table import flatten
from shatterscope.backend.sweeps.work import Bench
from shatterscope.backend.training_run import train_checkpoint
from shatterscope.backend.worlds import WORLDS, Group, Relation, World
from shatterscope.backend.worlds.base import Rule
from shatterscope.wire.measures import MeasurementInfo
from shatterscope.wire.sweeps import SweepRequest, SweepRow

CONTRIBUTING = "CONTRIBUTING.md"
FOLDERS = ("app", "backend", "wire")


def listed(title: str, block: int = 0) -> list[str]:
    """The files of a list."""
    return [line.split()[0] for line in blocks(section(CONTRIBUTING, title))[block].splitlines()]


@cache
def sources() -> tuple[Path, ...]:
    """All that is written here and is no test: Python, scripts and styles."""
    python = [path for top in FOLDERS for path in (ROOT / top).rglob("*.py")]
    assets = [path for kind in ("js", "css") for path in (ROOT / "frontend_assets").rglob(f"*.{kind}")]
    return tuple(sorted(path for path in [*python, *assets] if "vendor" not in path.parts))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) if path.suffix == ".py" else ()


def speaking_of(word: str) -> set[str]:
    """The files with `word` in their path or text."""
    found = ((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in sources())
    return {
        path for path, text in found if re.search(rf"(?<![a-z]){word}(?![a-z])", f"{path}\n{text}", flags=re.IGNORECASE)
    }


def importing(module: str) -> set[str]:
    """The files outside of `module`, a folder or a file, that import it or what is in it."""
    found, own = set(), module.removeprefix("shatterscope.").replace(".", "/")
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith((f"{own}/", f"{own}.py")):
            continue
        for node in nodes_of(path):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            if any(each == module or each.startswith(f"{module}.") for each in names):
                found.add(name)
    return found


def saying(constant: str) -> set[str]:
    """The Python files in which the string stands by itself, in code."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(isinstance(node, ast.Constant) and node.value == constant for node in nodes_of(path))
    }


def test_what_is_named_exists() -> None:
    text = re.sub(r"`[^`]*<name>[^`]*`", "", paper(CONTRIBUTING))
    named = re.findall(r"`((?:app|backend|docs|frontend_assets|lessons|scripts|tests|wire)/[\w./-]+)`", text)
    named += [line for title in titles() for line in lists(title) if "<name>" not in line]
    assert [path for path in named if not (ROOT / path).exists() and "my-lesson" not in path] == []


def titles() -> list[str]:
    return re.findall(r"^## (An? .*)$", paper(CONTRIBUTING), flags=re.MULTILINE)


def lists(title: str) -> list[str]:
    return [path for block in range(len(blocks(section(CONTRIBUTING, title)))) for path in listed(title, block)]


def test_the_contents_say_how_many_files_each_is() -> None:
    told = re.findall(r"^- \[(An? .*?)\]\(.*?\): (?:(\d+) files)?", paper(CONTRIBUTING), flags=re.MULTILINE)
    assert [title for title, _ in told] == titles()
    assert {title: int(count) for title, count in told if count} == {
        title: len(listed(title)) for title, count in told if count
    }


# --- an editor -------------------------------------------------------------------------------------------------------


class ToyParameters(FineTuningParameters):
    learning_rate: LearningRate = 2e-4
    steps: Steps = 400
    weight_decay: WeightDecay = 0.0
    early_stop_loss: EarlyStopLoss = 0.3
    n_contexts: NContexts = 1
    token: TrainedAt = "relation"
    seed: Seed = 0


class Toy(Editor[ToyParameters]):
    name = "toy"
    title = "Toy"
    summary = "Descends on the answer. It is made for this test."
    formula = "dW, db = Adam on -log p(y* | x r)"
    reference = "nobody, arXiv 0000.00000"
    parameters = ToyParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset("The defaults.", ToyParameters().model_dump()),
        "paper": Preset("Larger steps.", ToyParameters(learning_rate=5e-4, steps=25).model_dump()),
    }

    def compute(
        self,
        model: Transformer,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: ToyParameters,
    ) -> EditDelta:
        return fine_tune(model, request, layer, parameters)


def promises() -> list[Any]:
    """The tests that every editor has to pass: function, and arguments but for the name."""
    found = []
    for test in vars(test_editors_contract).values():
        marks = [mark.args for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        if "name" in dict(marks):
            others = [mark for mark in marks if mark[0] != "name"]
            names, choices = [name for name, _ in others], [values for _, values in others]
            found += [(test, dict(zip(names, values, strict=True))) for values in product(*choices)]
    return found


def test_an_editor_is_a_file_and_a_line(app: FastAPI, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps every editor's promises, and is offered by the API and on Explore."""
    monkeypatch.setitem(EDITORS, "toy", Toy())  # the line in registry.py
    assert len(promises()) > 8
    for test, arguments in promises():
        given = {"checkpoint": checkpoint, "name": "toy", **arguments}
        test(**{name: given[name] for name in inspect.signature(test).parameters})
    dashboard.create_app(app)
    with TestClient(app) as site:
        page = DashPage(site, "/")
        page.set("url-in", "data", {"query": "?e=7~I_C2~d4~toy~0~tuned~1", "at": 1})
        assert {"value": "toy", "label": "Toy"}.items() <= page.values["method", "options"][-1].items()
        (made,) = site.post(
            "/api/v1/edits",
            json={
                "checkpoint": checkpoint.id,
                "edits": [{"subject": 7, "relation": "I_C2", "distance": 4, "method": "toy"}],
            },
        ).json()["edits"]
    assert made["success"]
    assert theme.method_color("toy") in theme.FOREIGN_COLORS


def test_every_editor_is_in_the_files_of_the_list_alone() -> None:
    """But for ROME, which is the default method in more places."""
    for name, editor in EDITORS.items():
        module = type(editor).__module__
        own = f"{module.removeprefix('shatterscope.').replace('.', '/')}.py"
        found = saying(name) | importing(module) | {own}
        needed = {path.replace("<name>", Path(own).stem) for path in listed("An editor")}
        assert needed <= found, name
        if name != "rome":
            assert found <= needed | set(listed("An editor", 1)), name


# --- a world ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClockConfig:
    n_hours: int = 24
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0


class Clock(World):
    """The hours of a day: one later, one earlier, and the one opposite on the clock's face."""

    kind = "clock"
    Config = ClockConfig

    @classmethod
    def of(cls, config: ClockConfig) -> Clock:
        hours, turn = np.arange(config.n_hours), np.arange(config.n_hours) / config.n_hours
        place = np.column_stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)])
        edges = np.column_stack([hours, np.roll(hours, -1)])
        steps = {"later": 1, "earlier": -1, "opposite": config.n_hours // 2}
        inverse = {"later": "earlier", "earlier": "later", "opposite": "opposite"}
        return cls(
            config,
            entities=[f"{hour}:00" for hour in hours],
            groups=[Group("face", "the clock's face", "ring", "cyclic", place, turn, edges)],
            relations=[
                Relation(i, name, 0, f"What is {name} of {{subject}}?", inverse[name]) for i, name in enumerate(steps)
            ],
            truths=np.stack([(hours + by) % config.n_hours for by in steps.values()], axis=1)[:, :, None],
            rules=[Rule("an hour later undoes an hour earlier", ("later", "earlier"))],
        )


RECIPE = """
title = "A clock"
[graph]
kind = "clock"
[model]
final_gain = 8.0
[train]
batch = 64
warmup = 20
gain_growth = 2.0
gain_steps = 200
[[train.rounds]]
steps = 1000
learning_rate = 3e-3
decay_steps = 300
"""


def test_a_world_is_a_file_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a recipe to a checkpoint, to an edit, to the API."""
    monkeypatch.setitem(WORLDS, Clock.kind, Clock)  # the line in registry.py
    models, recipe = tmp_path / "models", tmp_path / "clock.toml"
    recipe.write_text(RECIPE)
    *_, last = train_checkpoint(read_recipe(str(recipe)), models / "clock", torch.device("cpu"))
    assert last.assessment is not None
    assert last.assessment.accuracy["direct"]["face"] > 0.9

    app = create_api(load_settings(models_dir=models, state_dir=tmp_path / "state", device="cpu", warm_up=False))
    with TestClient(app, base_url="http://testserver/api/v1/") as api:
        world = api.get("checkpoints/clock/world").json()
        assert (world["kind"], world["entities"][:2]) == ("clock", ["0:00", "1:00"])
        assert [each["name"] for each in world["relations"]] == ["later", "earlier", "opposite"]
        fact = api.get("checkpoints/clock/facts", params={"subject": 23, "relation": "later"}).json()
        assert fact["object"] == 0

        body = {"checkpoint": "clock", "edits": [{"subject": 23, "relation": "later", "distance": 3}]}
        edit = api.post("edits", json=body).json()
        assert edit["edits"][0]["old_object"] == 0
        assert edit["edits"][0]["new_object"] in (3, 21)
        found = api.post("evaluations", json={"checkpoint": "clock", "edit": edit["id"]}).json()
        assert found["shattering"]["edit"] > 0
        drawn = api.post("projections", json={"checkpoint": "clock", "edit": edit["id"], "relation": "later"}).json()
        assert drawn["after"]["shape"] == [24, 3]


def test_a_new_world_is_on_every_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a toy world, trained for a second, to the pages and what they are taken away as."""
    monkeypatch.setitem(WORLDS, Clock.kind, Clock)
    recipe = tmp_path / "clock.toml"
    recipe.write_text(RECIPE.replace("steps = 1000", "steps = 60").replace("decay_steps = 300", "decay_steps = 30"))
    list(train_checkpoint(read_recipe(str(recipe)), tmp_path / "models" / "clock", torch.device("cpu")))
    server = create_api(load_settings(models_dir=tmp_path / "models", state_dir=tmp_path / "state", device="cpu"))
    dashboard.create_app(server)
    edit = "e=23~later~o5~rome~0~tuned~1&q=23~later"
    with TestClient(server) as site:
        explore = DashPage(site, "/")
        explore.set("url-in", "data", {"query": f"?{edit}", "at": 1})
        assert explore.values["question", "children"] == "What is later of 23:00?"
        assert "0:00" in str(explore.values["truth", "children"])
        assert "23:00 later → 5:00" in str(explore.values["edit-stack", "children"])
        names = explore.values["scene-before", "figure"]["data"][0]["text"]
        assert "12:00" in names
        assert "Is it still a ring?" in str(explore.values["verdicts-table", "content"])
        compare = DashPage(site, "/compare/")
        compare.set("url-in", "data", {"query": f"?{edit}&by=ft:tuned&run=1", "at": 1})
        assert "23:00 later" in str(compare.values["compare-stack", "children"])
        assert "Edited group" in {column["group"] for column in compare.values["compare-table", "columns"]}
        for page in ("/export", "/compare/export"):
            for kind in ("json", "csv", "html"):
                by = "&by=ft:tuned" if page.startswith("/compare") else ""
                found = site.get(f"{page}.{kind}?{edit}{by}")
                assert found.status_code == 200, found.text
                assert "23:00" in found.text


@pytest.mark.parametrize("kind", WORLDS)
def test_nobody_else_knows_what_kind_of_world_it_is(kind: str) -> None:
    """But for recipes and the default: a table without a kind is of rings."""
    module = WORLDS[kind].__module__
    # A language model's own world is made of the same parts, its rings and names among them.
    elsewhere = {path for path in importing(module) if not path.startswith(("backend/worlds/", "backend/spoken/"))}
    # Facts come from files: the command line reads them, and a recipe is made for them.
    given = {"backend/commands/facts.py", "backend/commands/worlds.py"} if kind == "facts" else set()
    assert elsewhere <= {"backend/recipes/__init__.py"} | given


# --- a model ---------------------------------------------------------------------------------------------------------

OF_OUR_TRANSFORMER = {
    "training.py",
    "training_run.py",
    "checkpoints.py",
    "export_hf.py",
    "commands/checkpoints.py",
    "commands/in_context.py",
    "in_context/model.py",
    "in_context/train.py",
    "lm/pretrained.py",
}


def test_nobody_else_knows_how_a_layer_computes() -> None:
    """`tests/test_models.py` proves the rest by a model of another make."""
    assert set(listed("A model")) >= {"backend/checkpoints.py"}
    backend = ROOT / "backend"
    for path in sorted(backend.rglob("*.py")):
        inside = path.relative_to(backend).as_posix()
        if inside.startswith("models/") or inside in OF_OUR_TRANSFORMER:
            continue
        code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", path.read_text(encoding="utf-8"))
        assert not re.search(r"import[^\n]*\bTransformer\b|\.blocks\b|\bblocks\.\d|\.norm_mlp\b", code), inside


# --- a checkpoint ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", sorted((ROOT / "models_cache").iterdir()), ids=lambda folder: folder.name)
def test_a_checkpoint_that_ships_is_that_of_its_recipe(folder: Path) -> None:
    for path in listed("A checkpoint"):
        file = ROOT / path.replace("<name>", folder.name)
        assert file.exists(), path
        if "<name>" not in path:
            assert folder.name in file.read_text(encoding="utf-8"), path
    recipe, made = read_recipe(folder.name), read_metadata(folder)
    assert (made.title, made.note, made.view, made.graph, made.model, made.training.config) == (
        recipe.title,
        recipe.note,
        recipe.view,
        recipe.graph,
        recipe.model,
        recipe.train,
    )
    if (folder / "reproduction").exists():
        assert f"(../models_cache/{folder.name}/reproduction/findings.md)" in paper("docs/RESULTS.md")


# --- a page ----------------------------------------------------------------------------------------------------------

TOY_PAGE = {
    "__init__.py": """
from shatterscope.app.kit.page import Page
from shatterscope.app.pages.explore.panels import PANELS, Panel
from toy import callbacks, layout

PAGE = Page(path="/toy", name="Toy", layout=layout.layout, register=callbacks.register, skip=("Skip to it", "#toy"), draws=False)
""",
    "layout.py": """
from dash import html


def layout():
    return [html.Main(html.P(id="toy"))]
""",
    "callbacks.py": """
from dash import Dash, Input, Output

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import Client


def register(app: Dash, client: Client) -> None:
    @app.callback(Output("toy", "children"), Input(ids.URL_IN, "data"), prevent_initial_call=True)
    async def count(url):
        return f"{len(await client.editors())} editors"
""",
}


def test_a_page_is_a_folder_and_a_line(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *own, line = listed("A page")
    assert {Path(path).name for path in own} == TOY_PAGE.keys()
    assert line == "app/main.py"
    for name, text in TOY_PAGE.items():
        file = tmp_path / "toy" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    page: Page = importlib.import_module("toy").PAGE
    monkeypatch.setattr(dashboard, "PAGES", (*dashboard.PAGES, page))  # its place in app/main.py
    server = create_api(settings)
    dashboard.create_app(server)
    with TestClient(server) as site:
        assert "<title>Toy · Shatterscope</title>" in site.get("/toy").text
        for other in dashboard.PAGES:
            assert '"href":"/toy"' in json.dumps(site.get(f"{other.prefix}_dash-layout").json(), separators=(",", ":"))
        shown = DashPage(site, "/toy/")
        shown.set("url-in", "data", {"query": "", "at": 1})
        assert shown.values["toy", "children"] == f"{len(EDITORS)} editors"
    for name in [name for name in sys.modules if name == "toy" or name.startswith("toy.")]:
        del sys.modules[name]


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "app" / "pages").iterdir() if path.is_dir()))
def test_a_page_is_known_to_the_one_file_that_puts_them_together(page: str) -> None:
    if page != "__pycache__":
        assert importing(f"shatterscope.app.pages.{page}") == {listed("A page")[-1]}


# --- a panel, a number -----------------------------------------------------------------------------------------------


def test_a_computation_of_a_panel_is_where_it_is_listed() -> None:
    assert speaking_of("placements") == set(listed("A panel on Explore", 1))


NEAREST = Panel(
    name="nearest",
    title="Who stands beside it?",
    link="Beside it",
    lead="The answers that the edited model gives next.",
    unfold="Ask for them",
    waiting="They are asked for …",
    failed="The answers could not be computed",
    needs=lambda client, checkpoint, edits: client.fact(checkpoint, edits[-1].subject, edits[-1].relation, edits),
    markup=lambda found, around: html.Table(
        html.Tbody([html.Tr(html.Td(f"{around.world.name(each.object)} is next")) for each in found.top[:1]])
    ),
)


def test_a_panel_is_a_file_and_a_line(app: FastAPI, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the page, computed while it is unfolded, and then in the HTML file; what goes wrong is said in its place."""
    monkeypatch.setitem(PANELS, NEAREST.name, NEAREST)  # the line in panels/__init__.py
    dashboard.create_app(app)
    query, edits = "?e=7~I_C2~o40~rome~~tuned~1", ["7~I_C2~o40~rome~~tuned~1"]
    with TestClient(app) as site:
        layout = json.dumps(site.get("/_dash-layout").json(), ensure_ascii=False)
        for told in (NEAREST.title, NEAREST.link, NEAREST.lead, NEAREST.unfold, NEAREST.waiting, "#nearest"):
            assert told in layout
        page = DashPage(site, "/")
        page.set("url-in", "data", {"query": query, "at": 1})
        assert not page.values.get(("nearest-table", "content"))
        page.set("nearest-asked", "data", {"checkpoint": checkpoint.id, "edits": edits})
        assert "40 is next" in json.dumps(page.values["nearest-table", "content"])
        page.set("nearest-asked", "data", {"checkpoint": "nothere", "edits": edits})
        page.set("nearest-asked", "data", {"checkpoint": checkpoint.id, "edits": ["9999~I_C2~d4~rome~~tuned~1"]})
        assert page.values["problem-nearest", "children"].startswith("The answers could not be computed: ")
        page.set("nearest-asked", "data", None)
        assert not page.values["nearest-table", "content"]
        assert "40 is next" in site.get(f"/export.html{query}&open=nearest").text
        assert NEAREST.title not in site.get(f"/export.html{query}").text
        assert NEAREST.title not in site.get("/export.html?open=nearest").text, "there is no edit"


def scattered(before: Tensor, after: Tensor, edges: Tensor) -> Tensor:
    """How much larger the cloud is than it was."""
    return after.std() / before.std()


LARGER = Measure(
    name="larger",
    title="larger",
    unit="times",
    unedited=1.0,
    sentence="The cloud of the {noun} is {value} times as large.",
    explained="The spread of the {noun} after the edit over that before.",
    over="Over {n} entities, mean over the relations of the edited {noun}.",
    of_relation=scattered,
)
WRITTEN = Measure(
    name="written",
    title="weights written",
    sentence="The edit wrote {value} of all weights.",
    explained="The share of weights that are others than before.",
    over="Over all weights of the model.",
    format="share",
    of_model=lambda before, after: float(
        torch.cat([(x != y).flatten() for x, y in zip(before.parameters(), after.parameters(), strict=True)])
        .float()
        .mean()
    ),
)


def test_a_number_is_a_file_and_a_line(
    app: FastAPI, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Declared once, it is told wherever an edit is measured."""
    for toy in (LARGER, WRITTEN):
        monkeypatch.setitem(MEASURES, toy.name, toy)  # the lines in registry.py
    dashboard.create_app(app)
    edit = {"subject": 7, "relation": "I_C2", "distance": 4, "method": "rome"}
    query = "?e=7~I_C2~d4~rome~~tuned~1"
    with TestClient(app) as site:
        made = site.post("/api/v1/edits", json={"checkpoint": checkpoint.id, "edits": [edit]}).json()
        asked = {"checkpoint": checkpoint.id, "edit": made["id"]}
        found = {each["name"]: each for each in site.post("/api/v1/evaluations", json=asked).json()["measures"]}
        larger, written = found["larger"], found["written"]
        of_ring = [value for name, value in larger["per_relation"].items() if name.startswith("I_")]
        assert larger["value"] == larger["parts"]["edit"] == pytest.approx(sum(of_ring) / len(of_ring))
        assert larger["sentence"] == "The cloud of the ring is {value} times as large."
        assert larger["over"] == "Over 256 entities, mean over the relations of the edited ring."
        assert (0 < written["value"] < 1, written["parts"], written["per_relation"]) == (True, None, {})

        told = [words.told(MeasurementInfo.model_validate(each)) for each in (larger, written)]
        page = DashPage(site, "/")
        page.set("url-in", "data", {"query": query, "at": 1})
        on_explore = json.dumps(page.values["r-words", "children"], ensure_ascii=False)
        assert all(sentence in on_explore for sentence in told)
        in_file = site.get(f"/export.html{query}").text
        assert all(sentence in in_file for sentence in told)
        exported = {each["name"]: each for each in site.get(f"/export.json{query}").json()["evaluation"]["measures"]}
        assert (exported["larger"], exported["written"]) == (larger, written)
        table = site.get(f"/export.csv{query}").text
        assert f"metric,larger (times),,edit,1.0,{larger['value']}," in table
        assert f"metric,written,,,0.0,{written['value']}," in table

        comparison = f"{query}&by=rome:tuned"
        page = DashPage(site, "/compare/")
        page.set("url-in", "data", {"query": f"{comparison}&run=1", "at": 1})
        columns = {each["key"]: each for each in page.values["compare-table", "columns"]}
        assert (columns["larger"]["label"], columns["larger"]["group"]) == ("larger", "Edited ring")
        row = site.get(f"/compare/export.json{comparison}").json()["variants"][0]["row"]
        assert (row["larger"], row["written"]) == (larger["value"], written["value"])
        in_file = site.get(f"/compare/export.html{comparison}").text
        (cell,) = re.findall(r'<td[^>]*data-column="larger"[^>]*>', in_file)
        assert f'data-value="{larger["value"]!r}"' in cell

    monkeypatch.setattr(sys, "argv", ["shatterscope", "edit", checkpoint.id, "7", "I_C2", "--distance", "4"])
    with pytest.raises(SystemExit):
        command_line()
    printed = capsys.readouterr().out
    assert re.search(rf"larger +edit {larger['value']:.2f} .*\(times\)", printed)
    assert re.search(rf"weights written +{100 * written['value']:.1f} %", printed)

    request = SweepRequest(
        checkpoint=checkpoint.id, methods=["rome"], distances=[4], corrective=False, edits_per_cell=1
    )
    bench = Bench("sweep", checkpoint, request, make_plan(checkpoint, request, known_facts(checkpoint)))
    (swept,) = (row for task in bench.plan.tasks() for row in bench.rows(task))
    line = flatten(SweepRow.model_validate_json(swept.model_dump_json()))
    assert line.keys() >= MEASURES.keys()
    assert line["larger"] == pytest.approx(larger["value"], rel=0.1)
    assert line["written"] == pytest.approx(written["value"], rel=0.1)


def test_no_other_file_names_a_number() -> None:
    """But for its science, and a field of the API that was there before the list of measures."""
    files = {path.replace("<name>", "movement") for path in listed("A number on Explore")}
    science = {"backend/geometry/movement.py", "backend/geometry/__init__.py"}
    assert speaking_of("strain") <= files | science | {"wire/measures.py"}


# --- a lesson --------------------------------------------------------------------------------------------------------


def test_a_lesson_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-lesson"
    for given in (["new", "my-lesson", "--folder", str(tmp_path)], ["check", str(folder)]):
        monkeypatch.setattr(sys, "argv", ["shatterscope", "lesson", *given])
        with pytest.raises(SystemExit) as ended:
            command_line()
        assert not ended.value.code, capsys.readouterr()
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(path).name for path in listed("A lesson"))
    settings = load_settings(lessons_dir=str(tmp_path), state_dir=tmp_path / "state", device="cpu", warm_up=False)
    with TestClient(create_api(settings), base_url="http://testserver/api/v1/") as api:
        assert "my-lesson" in [each["id"] for each in api.get("lessons").json()["lessons"]]
        assert len(api.get("lessons/my-lesson").json()["steps"]) == 2
