"""Editors of other packages: found, described, held to the contract; what one does wrong is told with its name and harms nothing."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from dash_page import DashPage
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from papers import blocks, section
from starlette.testclient import TestClient

from shatterscope.app import main as dashboard
from shatterscope.app.kit import theme
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.cli import main
from shatterscope.backend.commands.editors import written
from shatterscope.backend.editor_template.my_editor import MyEditor
from shatterscope.backend.editors import EDITORS, EditDelta
from shatterscope.backend.editors.contract import CLAUSES, Broken, Clause, Trial, check, editors_named, fingerprint
from shatterscope.backend.editors.foreign import ForeignEditor, checked_delta
from shatterscope.backend.editors.process import Fault
from shatterscope.backend.editors.registry import OURS, Editors
from shatterscope.backend.edits import EditError, complete_spec, edit_id, run_edits
from shatterscope.backend.interrupt import interruptible
from shatterscope.backend.sweeps.plan import known_facts, make_plan
from shatterscope.backend.sweeps.work import Bench
from shatterscope.wire.sweeps import SweepMethod, SweepRequest

PACKAGE = "strange-editors 1.2"
SOURCE = """
import os, sys, time
from dataclasses import replace
import torch
from shatterscope.backend.editor_template.my_editor import MyEditor
from shatterscope.backend.editors import EditDelta, EditNotPossibleError, Preset

class Good(MyEditor):
    name, title = "good", "Good"
    def compute(self, *given):
        print("this is no answer")
        return super().compute(*given)

class Nan(MyEditor):
    name, title = "nan", "Nan"
    def compute(self, *given):
        delta = super().compute(*given)
        return replace(delta, weights={name: change * float("nan") for name, change in delta.weights.items()})

class Mutating(MyEditor):
    name, title = "mutating", "Mutating"
    def compute(self, model, *given):
        delta = super().compute(model, *given)
        with torch.no_grad():
            next(model.parameters()).add_(1)
        return delta

class Hanging(MyEditor):
    name, title = "hanging", "Hanging"
    def compute(self, *given):
        while True:
            time.sleep(0.01)

class Raising(MyEditor):
    name, title = "raising", "Raising"
    def compute(self, *given):
        raise KeyError("the wrong\\nkey")

class Dying(MyEditor):
    name, title = "dying", "Dying"
    def compute(self, *given):
        os._exit(7)

class Closed(MyEditor):
    name, title = "closed", "Closed"
    def compute(self, *given):
        delta = super().compute(*given)
        return replace(delta, warnings=(lambda: None,))

class Random(MyEditor):
    name, title = "random", "Random"
    def compute(self, *given):
        delta = super().compute(*given)
        return replace(delta, weights={name: change + 1e-3 * torch.rand_like(change) for name, change in delta.weights.items()})

class Refusing(MyEditor):
    name, title = "refusing", "Refusing"
    def compute(self, *given):
        raise EditNotPossibleError("not on a Sunday", "layer")

class Twin(MyEditor):
    name = "rome"

class Unnamed(MyEditor):
    name = "No Name"

class Silent(MyEditor):
    name, formula = "silent", ""

class Preset2(MyEditor):
    name, presets = "preset2", {"tuned": Preset("Refused.", {"ridge": -1})}

class NoDefault(MyEditor):
    name, default_preset = "no-default", "best"

NotAnEditor = 3
"""
POINTS = {
    "good": "strange_editors:Good",
    "nan": "strange_editors:Nan",
    "mutating": "strange_editors:Mutating",
    "hanging": "strange_editors:Hanging",
    "raising": "strange_editors:Raising",
    "dying": "strange_editors:Dying",
    "closed": "strange_editors:Closed",
    "random": "strange_editors:Random",
    "refusing": "strange_editors:Refusing",
}
UNUSABLE = {
    "twin": ("strange_editors:Twin", "which Shatterscope has already"),
    "unnamed": ("strange_editors:Unnamed", "has the name 'No Name'; use small letters"),
    "silent": ("strange_editors:Silent", "does not say its formula"),
    "preset2": ("strange_editors:Preset2", "has a preset 'tuned' that its parameters refuse (ridge: "),
    "no-default": ("strange_editors:NoDefault", "has no preset 'best', which is its default"),
    "three": ("strange_editors:NotAnEditor", "is no subclass of"),
    "nobody": ("strange_editors:Nobody", "cannot be imported (AttributeError"),
    "leaving": ("leaving_editor:Editor", "cannot be imported (SystemExit: 3"),
}
FAULTS = {
    "nan": "returned the change of blocks.0.mlp.down.weight with NaN",
    "mutating": "changed the model it was given",
    "hanging": "took longer than 1 s, the most that SHATTERSCOPE_EDITOR_SECONDS allows, and was stopped",
    "raising": "raised KeyError: 'the wrong\\nkey'",
    "dying": "ended its process (exit code 7)",
    "closed": "returned what cannot be pickled",
}


def install(folder: Path, name: str, version: str, points: dict[str, str], **modules: str) -> None:
    """As pip leaves a package."""
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{point} = {source}" for point, source in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[shatterscope.editors]", *lines]))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path with packages of good and bad editors, which `EDITORS` has found."""
    folder = tmp_path_factory.mktemp("site")
    points = POINTS | {name: source for name, (source, _) in UNUSABLE.items()}
    install(folder, "strange-editors", "1.2", points, strange_editors=SOURCE, leaving_editor="import sys; sys.exit(3)")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    before = dict(vars(EDITORS))
    vars(EDITORS).clear()
    yield folder
    for editor in EDITORS.values():
        if isinstance(editor, ForeignEditor):
            editor.process.close()
    vars(EDITORS).clear()
    vars(EDITORS).update(before)
    sys.path.remove(str(folder))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that the good ones keep easily."""
    monkeypatch.setenv("SHATTERSCOPE_EDITOR_SECONDS", "1")


def spec(checkpoint: Checkpoint, method: str, subject: int = 7, **more: Any) -> Any:
    return complete_spec(checkpoint.world, 2, subject=subject, relation="I_C2", distance=4, method=method, **more)


# --- what comes back -------------------------------------------------------------------------------------------------

WEIGHT = "blocks.0.mlp.down.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": {"no.such": torch.zeros(1)}}, "'no.such', which is no parameter"),
        ({"weights": {WEIGHT: torch.zeros(3)}}, f"the change of {WEIGHT} in shape (3,)"),
        ({"weights": {WEIGHT: "much"}}, f"the change of {WEIGHT} as str"),
        ({"weights": [WEIGHT]}, "list as weights, where a dict is wanted"),
        ({"keys": {5: torch.zeros(1, 1)}}, "keys for layer 5"),
        ({"keys": {0: torch.zeros(1, 1)}}, "the keys of layer 0 in shape (1, 1)"),
        ({"loss": float("nan")}, "nan as loss"),
        ({"diagnostics": {"rank": None}}, "None as rank"),
        ({"warnings": "careful"}, "warnings that are no tuple of str"),
        ({"steps": -1}, "-1 as steps"),
        ({"courses": (None,)}, "courses that are no tuple of Course"),
        ({"entries": (3,)}, "entries that are no tuple of Entry"),
    ],
)
def test_what_is_no_delta_of_the_model_is_refused(checkpoint: Checkpoint, change: dict[str, Any], said: str) -> None:
    good = EditDelta({WEIGHT: torch.zeros_like(checkpoint.model.get_parameter(WEIGHT))}, steps=0, loss=0.0)
    assert fingerprint(checked_delta(good, checkpoint.model, 1)) == fingerprint(good)
    with pytest.raises(Fault, match="returned ") as fault:
        checked_delta(replace(good, **change), checkpoint.model, 1)
    assert said in str(fault.value)


@given(at=st.integers(0, 63), value=st.sampled_from([float("nan"), float("inf"), -float("inf")]))
def test_one_number_that_is_not_finite_is_enough(checkpoint: Checkpoint, at: int, value: float) -> None:
    weight = torch.zeros_like(checkpoint.model.get_parameter(WEIGHT))
    weight.view(-1)[at] = value
    with pytest.raises(Fault, match=rf"{WEIGHT} with NaN or infinite"):
        checked_delta(EditDelta({WEIGHT: weight}, 0, 0.0), checkpoint.model, 1)


def test_a_change_has_the_dtype_of_its_parameter(checkpoint: Checkpoint) -> None:
    weight = torch.zeros_like(checkpoint.model.get_parameter(WEIGHT))
    with pytest.raises(Fault, match=rf"{WEIGHT} as torch.float64 on cpu, where torch.float32 on cpu is wanted"):
        checked_delta(EditDelta({WEIGHT: weight.double()}, 0, 0.0), checkpoint.model, 1)
    with pytest.raises(Fault, match="returned NoneType, where an EditDelta is wanted"):
        checked_delta(None, checkpoint.model, 1)


# --- finding them ----------------------------------------------------------------------------------------------------


def test_those_of_packages_come_after_ours_and_say_where_they_are_from(installed: Path) -> None:
    assert list(EDITORS) == [*OURS, *sorted(POINTS)]
    assert {EDITORS[name].package for name in POINTS} == {PACKAGE}
    assert not any(editor.package for editor in OURS.values())


@pytest.mark.parametrize("name", UNUSABLE)
def test_one_that_cannot_be_used_is_left_out_and_the_reason_is_kept(installed: Path, name: str) -> None:
    source, said = UNUSABLE[name]
    reason = EDITORS.problems[f"{name} ({PACKAGE})"]
    assert reason.startswith(f"{source} ")
    assert said in reason
    assert "\n" not in reason


def test_of_two_packages_with_one_name_the_first_by_name_has_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "a-twin", "0.3", {"twin": "a_twin:Good"}, a_twin="from strange_editors import Good")
    monkeypatch.syspath_prepend(tmp_path)
    found = Editors()
    assert found["good"].package == "a-twin 0.3"
    assert "has the name 'good', which a-twin 0.3 has already" in found.problems[f"good ({PACKAGE})"]


# --- computing -------------------------------------------------------------------------------------------------------


def test_a_good_one_computes_there_what_it_computes_here(
    installed: Path, checkpoint: Checkpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    there, here = (Trial(editor, checkpoint) for editor in (EDITORS["good"], MyEditor()))
    assert fingerprint(there.compute()) == fingerprint(here.compute())
    first = [spec(checkpoint, "grace", 60, parameters={"steps": 5}), spec(checkpoint, "rome", 90)]
    assert run_edits(checkpoint, [*first, spec(checkpoint, "good")]).outcomes[-1].success, "also on an edited model"
    assert capfd.readouterr().out == "", "what it prints is not taken for ours"


@pytest.mark.parametrize("name", FAULTS)
def test_what_one_does_wrong_is_told_with_its_name_and_harms_nothing(
    installed: Path, short: None, checkpoint: Checkpoint, name: str
) -> None:
    before = {key: value.clone() for key, value in checkpoint.model.state_dict().items()}
    with pytest.raises(EditError) as error:
        run_edits(checkpoint, [spec(checkpoint, "rome", strength=0.0), spec(checkpoint, name)])
    assert error.value.field == "edits.1.method"
    assert error.value.message.startswith(
        f"{name.capitalize()}, a method of the package {PACKAGE}, {FAULTS[name].split(chr(92))[0]}"
    )
    assert "\n" not in error.value.message
    assert all(torch.equal(value, before[key]) for key, value in checkpoint.model.state_dict().items())


def test_that_an_edit_is_not_possible_is_no_fault(installed: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(EditError, match="not on a Sunday") as error:
        run_edits(checkpoint, [spec(checkpoint, "refusing")])
    assert error.value.field == "edits.0.layer"


def test_one_that_nobody_waits_for_any_more_is_ended(
    installed: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHATTERSCOPE_EDITOR_SECONDS", "86400")
    editor = EDITORS["hanging"]
    assert isinstance(editor, ForeignEditor)
    looked = iter(range(100))

    def leave() -> None:
        if next(looked) == 90:
            raise InterruptedError

    with pytest.raises(InterruptedError), interruptible(leave):
        run_edits(checkpoint, [spec(checkpoint, "hanging")])
    editor.process.close()  # waits for its turn: the call has ended


def test_in_a_sweep_its_rows_tell_and_the_others_are_measured(
    installed: Path, short: None, checkpoint: Checkpoint
) -> None:
    request = SweepRequest(
        checkpoint=checkpoint.id,
        methods=[SweepMethod(name="nan"), SweepMethod(name="good")],
        distances=[1],
        corrective=False,
        edits_per_cell=1,
        contexts=1,
        queries=5,
    )
    plan = make_plan(checkpoint, request, known_facts(checkpoint))
    bench = Bench("sweep", checkpoint, request, plan)
    rows = {row.method: row for task in plan.tasks() for row in bench.rows(task)}
    assert f"Nan, a method of the package {PACKAGE}, returned" in rows["nan"].problems[0]
    assert rows["nan"].shattering is None
    assert rows["good"].shattering is not None
    assert rows["good"].outcomes[0].spec.package == PACKAGE


# --- ids -------------------------------------------------------------------------------------------------------------


def test_another_version_of_the_package_makes_another_edit(installed: Path, checkpoint: Checkpoint) -> None:
    made = spec(checkpoint, "good")
    assert made.package == PACKAGE
    later = replace(made, package="strange-editors 1.3")
    assert edit_id(checkpoint, [made]) != edit_id(checkpoint, [later])
    assert spec(checkpoint, "good", package="strange-editors 1.1") == made, "what is installed makes the edit"
    assert "package" not in spec(checkpoint, "rome").as_dict(), "ids of ours know nothing of packages"


# --- the contract ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clause", CLAUSES, ids=str)
def test_the_template_keeps_the_contract(installed: Path, clause: Clause) -> None:
    clause(EDITORS["good"])
    clause(MyEditor())


@pytest.mark.parametrize("name", ["nan", "hanging"])
def test_of_one_that_does_not_answer_nothing_more_is_asked(installed: Path, short: None, name: str) -> None:
    *kept, (clause, wrong) = check(EDITORS[name])
    assert [wrong for _, wrong in kept] == [None, None]
    assert str(clause) == "answers"
    assert f"{name.capitalize()}, a method of the package {PACKAGE}" in str(wrong)


def test_one_that_does_not_repeat_itself_is_found(installed: Path) -> None:
    (repeats,) = (clause for clause in CLAUSES if str(clause) == "repeats_itself")
    with pytest.raises(Broken, match="gave another delta the second time"):
        repeats(EDITORS["random"])


def test_an_editor_is_named_by_method_module_or_class(installed: Path) -> None:
    assert editors_named("good") == [EDITORS["good"]]
    assert [editor.title for editor in editors_named("strange_editors:Good")] == ["Good"]
    with pytest.raises(ValueError, match="strange_editors:Unnamed has the name 'No Name'"):
        editors_named("strange_editors")
    with pytest.raises(ValueError, match=r"twin .* cannot be used: .* has already"):
        editors_named("twin")
    with pytest.raises(ValueError, match="no method 'nowhere' is installed, and as a module it cannot be imported"):
        editors_named("nowhere")


# --- the command line ------------------------------------------------------------------------------------------------


def command(*arguments: object) -> int:
    sys.argv = ["shatterscope", *map(str, arguments)]
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.mark.usefixtures("settings")
def test_a_new_editor_works_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("editor", "new", "line-search", "--path", tmp_path) == 0
    folder = tmp_path / "line-search"
    assert f"pip install -e {folder}" in capsys.readouterr().out
    assert {file.name for file in folder.iterdir()} == {"pyproject.toml", "line_search.py", "test_line_search.py"}
    assert 'line-search = "line_search:LineSearch"' in (folder / "pyproject.toml").read_text()
    assert "my" not in (folder / "line_search.py").read_text().lower().split()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert command("editor", "check", "line_search") == 0
    out = capsys.readouterr().out
    assert out.count("pass") == len(CLAUSES)
    assert "line-search: Line search, of the package line_search" in out
    assert command("editor", "new", "line-search", "--path", tmp_path) == 1
    for name in ("rome", "Rome", "torch", "class", "a_b"):
        assert command("editor", "new", name, "--path", tmp_path) == 1


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("made", [False, True], ids=["not installed yet", "installed"])
def test_beside_its_folder_an_editor_is_checked_by_its_name(
    made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the folder has the module's own name, Python takes it for a module without code."""
    name = f"sidestep{made}".lower()
    assert command("editor", "new", name, "--path", tmp_path) == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    kept = dict(vars(EDITORS))
    vars(EDITORS).clear()
    if made:
        site = tmp_path / "site"
        site.mkdir()
        source = (tmp_path / name / f"{name}.py").read_text()
        install(site, name, "0.1.0", {name: f"{name}:{name.capitalize()}"}, **{name: source})
        sys.path.append(str(site))
    try:
        assert command("editor", "check", name) == 0
        assert not made or str(tmp_path) not in sys.path, "an editable package is found after all of the path"
    finally:
        vars(EDITORS).clear()
        vars(EDITORS).update(kept)
        sys.modules.pop(name, None)
    assert capsys.readouterr().out.count("pass") == len(CLAUSES)


@pytest.mark.usefixtures("settings", "installed")
def test_what_is_not_kept_is_printed_and_the_status_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("editor", "check", "nan") == 1
    out = capsys.readouterr().out
    assert "FAIL  It answers in time" in out
    assert "with NaN or infinite numbers" in out
    assert f"The other {len(CLAUSES) - 3} clauses were not tried." in out
    assert command("editor", "check", "silent") == 1
    assert "does not say its formula" in capsys.readouterr().err


def test_the_documents_show_what_the_template_writes() -> None:
    document = "docs/your-own-editor.md"
    code, point = blocks(section(document, "The editor"))
    files_of_it = written("my-editor")
    assert code == files_of_it["my_editor.py"]
    assert point.strip() in files_of_it["pyproject.toml"]
    promised = [
        line.partition(". ")[2] for line in section(document, "What it promises").splitlines() if line[:1].isdigit()
    ]
    assert promised == [clause.title for clause in CLAUSES]
    assert set(files_of_it) == {
        each.name for each in (files("shatterscope.backend") / "editor_template").iterdir() if each.name[0] != "_"
    }


# --- the API and the page --------------------------------------------------------------------------------------------


@pytest.fixture
def api(installed: Path, short: None, app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        yield client


def order(method: str, **more: Any) -> dict[str, Any]:
    return {
        "checkpoint": "rings-small",
        "edits": [{"subject": 7, "relation": "I_C2", "distance": 4, "method": method, **more}],
    }


def test_the_api_tells_whose_a_method_is_and_what_is_wrong_with_it(api: TestClient) -> None:
    packages = {each["name"]: each["package"] for each in api.get("editors").json()}
    assert (packages["good"], packages["rome"]) == (PACKAGE, None)
    problems = api.get("health").json()["editor_problems"]
    assert problems.keys() == {f"{name} ({PACKAGE})" for name in UNUSABLE}
    made = api.post("edits", json=order("good")).json()
    assert made["edits"][0]["success"]
    assert made["edits"][0]["spec"]["package"] == PACKAGE
    assert api.get(f"edits/{made['id']}").json()["id"] == made["id"]
    refused = api.post("edits", json=order("nan"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.edits.0.method"
    assert f"Nan, a method of the package {PACKAGE}, returned" in refused.json()["detail"]


def test_while_one_hangs_others_are_answered(api: TestClient) -> None:
    hanging = [
        threading.Thread(target=api.post, args=("edits",), kwargs={"json": order("hanging", strength=1 + i)})
        for i in range(2)
    ]
    start = time.monotonic()
    for each in hanging:
        each.start()
    done = api.post("edits", json=order("rome"))
    assert done.status_code == 200
    assert any(each.is_alive() for each in hanging), "answered before them"
    for each in hanging:
        each.join()
    assert time.monotonic() - start < 60


def test_an_edit_whose_method_is_gone_says_which_package_it_needs(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = api.post("edits", json=order("good")).json()["id"]
    api.app.state.laboratory.cache.clear()  # type: ignore[attr-defined]
    monkeypatch.delitem(EDITORS, "good")
    gone = api.get(f"edits/{made}")
    assert gone.status_code == 409
    assert f"'good' is a method of the package {PACKAGE}, which is not installed here" in gone.json()["detail"]


def test_it_is_on_the_pages(installed: Path, app: FastAPI) -> None:
    dashboard.create_app(app)
    with TestClient(app) as site:
        page = DashPage(site, "/")
        page.set("url-in", "data", {"query": "?m=good&e=7~I_C2~d4~good~0~tuned~1", "at": 1})
        option = {"value": "good", "label": "Good", "group": f"from {PACKAGE}"}
        assert option in page.values["method", "options"]
        assert page.values["method", "options"][0] == {"value": "rome", "label": "ROME", "group": "built in"}
        page.set("method", "value", "good")
        assert f"From the package {PACKAGE}, which is no part of Shatterscope." in str(
            page.values["method-note", "children"]
        )
        page.set("url-in", "data", {"query": "?e=7~I_C2~d4~gone~0~tuned~1", "at": 2})
        assert "method gone (no package that is installed has it)" in str(page.values)
    assert theme.method_color("good") in theme.FOREIGN_COLORS
