"""The command line, in this process; `serve` as its users start it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from safetensors.torch import load_file

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.cli import main
from shatterscope.backend.recipes import NAMES
from shatterscope.backend.settings import REPOSITORY, Settings

SMALL = "rings-small"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: (exit status, what it printed, what it printed to stderr)."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shatterscope", *map(str, arguments)])
        status: object = 0
        try:
            main()
        except SystemExit as error:
            status = error.code or 0
        out, err = capsys.readouterr()
        assert isinstance(status, int)
        return status, out, err

    return run


@pytest.mark.parametrize("command", ["serve", "train", "checkpoints", "edit", "sweep", "export", "export-hf"])
def test_help_teaches_by_example(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Examples" in out
    assert f"shatterscope {command}" in out


def test_training_offers_every_recipe_that_ships(run: Run) -> None:
    out = run("train", "--help")[1]
    assert [name for name in NAMES if name not in out] == []


def test_a_recipe_of_ones_own_is_trained(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path / "models"))
    file = tmp_path / "mine.toml"
    file.write_text('title = "Mine"\n[graph]\nn_entities = 32\n[train]\nbatch = 8\n[[train.rounds]]\nsteps = 5\n')
    status, _, err = run("train", file, "--name", "mine")
    assert status == 0, err
    assert "mine" in run("checkpoints")[1]
    status, _, err = run("train", tmp_path / "other.toml", "--name", "other")
    assert (status, "there is no file" in err) == (1, True)


def test_checkpoints_are_listed(run: Run, checkpoint: Checkpoint) -> None:
    status, out, err = run("checkpoints")
    assert status == 0
    assert err == ""
    assert f"{SMALL} (default)" in out
    assert checkpoint.sha256[:12] in out
    status, out, _ = run("checkpoints", "--json")
    assert [info["id"] for info in json.loads(out)] == [SMALL]


def test_an_empty_models_folder_says_how_to_train(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path))
    status, _, err = run("checkpoints")
    assert status == 1
    assert "shatterscope train" in err


def test_an_edit_is_made_and_measured(run: Run, checkpoint: Checkpoint) -> None:
    relation = checkpoint.world.relation("I_C2")
    truth, new = checkpoint.world.object_of(3, relation), checkpoint.world.counterfactual(3, relation, 4)
    status, out, _ = run("edit", SMALL, 3, "I_C2", "--distance", 4, "--set", "steps=20")
    assert status == 0
    assert f"3 I_C2 {truth} -> {new}" in out
    assert re.search(r"R\(D\*\) +edit \d\.\d+", out)
    assert "composition_held_out" in out
    assert ": taken" in out


def test_an_edit_at_the_subjects_token_that_does_not_take_says_so(run: Run) -> None:
    status, out, _ = run("edit", SMALL, 7, "I_C2", "--distance", 4, "--preset", "reference")
    assert status == 0
    assert "rome at layer 0, subject's token: not taken" in " ".join(out.split())


def test_where_a_fact_can_be_written_is_printed_by_layer_and_token(run: Run) -> None:
    few = ("--distance", 4, "--set", "steps=5", "--set", "n_contexts=1", "--where")
    status, out, _ = run("edit", SMALL, 3, "I_C2", *few)
    assert status == 0
    assert len(re.findall(r"^\d (?:\*|) *(?:relation|subject) +(?:not )?taken +\d+", out, re.MULTILINE)) == 3
    assert re.search(r"^0 \* +relation", out, re.MULTILINE)
    assert "layer 1, subject's token: what layer 1, the last, puts out" in " ".join(out.split())
    _, out, _ = run("edit", SMALL, 3, "I_C2", *few, "--json")
    assert len(json.loads(out)["placements"]["placements"]) == 4


def test_an_edit_as_json(run: Run) -> None:
    options = [
        "--distance",
        4,
        "--layer",
        1,
        "--preset",
        "paper",
        "--set",
        "key=r-rome",
        "--set",
        "steps=5",
        "--strength",
        0.5,
    ]
    status, out, _ = run("edit", SMALL, 3, "I_C2", *options, "--json")
    assert status == 0
    result = json.loads(out)
    spec = result["edit"]["edits"][0]["spec"]
    assert spec["layer"] == 1
    assert spec["strength"] == 0.5
    assert spec["parameters"]["key"] == "r-rome"
    assert spec["parameters"]["steps"] == 5
    assert spec["parameters"]["learning_rate"] == 0.5
    assert result["evaluation"]["edit"] == result["edit"]["id"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("edit", SMALL, 3, "I_C2"), "--object and --distance"),
        (("edit", SMALL, 3, "I_C2", "--distance", 1, "--object", 1), "--object and --distance"),
        (("edit", "other", 3, "I_C2", "--distance", 1), SMALL),
        (("edit", SMALL, 10**6, "I_C2", "--distance", 1), "subject"),
        (("edit", SMALL, 3, "I_B2", "--distance", 1), "I_B2"),
        (("edit", SMALL, 3, "I_C2", "--distance", 1, "--method", "magic"), "rome"),
        (("edit", SMALL, 3, "I_C2", "--distance", 1, "--strength", 50), "strength"),
        (("edit", SMALL, 3, "I_C2", "--distance", 1, "--set", "steps"), "NAME=VALUE"),
        (("edit", SMALL, 3, "I_C2", "--distance", 1, "--set", "steps=0"), "parameters.steps"),
        (("train", "squares", "--name", "a"), "rings-2048"),
        (("train", "rings-small", "--name", "../a"), "--name"),
        (("train", "rings-small", "--name", SMALL), "finished checkpoint"),
        (("train", "rings-small", "--name", "new", "--resume"), "nothing to resume"),
        (("export-hf", "nothing", "folder"), SMALL),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(run: Run, arguments: tuple[object, ...], said: str) -> None:
    status, _, err = run(*arguments)
    assert status == 1
    assert err.startswith("shatterscope: ")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_bad_setting_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHATTERSCOPE_WORKERS", "none")
    status, _, err = run("checkpoints")
    assert status == 1
    assert err.startswith("shatterscope: SHATTERSCOPE_WORKERS='none'")


def test_a_state_folder_that_cannot_be_written_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHATTERSCOPE_STATE_DIR", str(tmp_path / "file"))
    status, _, err = run("checkpoints")
    assert status == 1
    assert "SHATTERSCOPE_STATE_DIR" in err


def test_checkpoints_and_edits_are_exported(run: Run, checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert run("export-hf", SMALL, tmp_path / "plain")[0] == 0
    _, out, _ = run("edit", SMALL, 3, "I_C2", "--distance", 4, "--set", "steps=10", "--json")
    assert run("export-hf", json.loads(out)["edit"]["id"], tmp_path / "edited")[0] == 0
    plain, edited = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "edited"))
    assert {name for name in plain if not plain[name].equal(edited[name])} == {"transformer.h.0.mlp.c_proj.weight"}
    status, _, err = run("export-hf", SMALL, tmp_path / "plain")
    assert status == 1
    assert "plain" in err


def test_serve_says_where_it_is_and_stops(settings: Settings) -> None:
    command = [sys.executable, "-c", "from shatterscope.backend.cli import main; main()", "serve", "--port"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = subprocess.run([*command, port], capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert f"port {port} is taken" in refused.stderr
        assert "--port" in refused.stderr
        assert "Traceback" not in refused.stderr
    with subprocess.Popen([*command, port], stdout=subprocess.PIPE, text=True, env=os.environ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert f"http://127.0.0.1:{port}" in line
            assert httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=30).json()["checkpoints"] == [SMALL]
            assert "text/html" in httpx.get(f"http://127.0.0.1:{port}/", timeout=30).headers["content-type"]
            assert httpx.get(f"http://127.0.0.1:{port}/api/nothing", timeout=30).status_code == 404
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (0, 130, -signal.SIGINT)


def test_a_new_lesson_is_right_as_it_is(run: Run, tmp_path: Path) -> None:
    status, out, err = run("lesson", "new", "my-lesson", "--folder", tmp_path)
    assert (status, err) == (0, "")
    assert f"SHATTERSCOPE_LESSONS_DIR={tmp_path} shatterscope serve" in out
    assert run("lesson", "check", tmp_path) == (0, "my-lesson: 2 steps, 10 minutes: My lesson\n", "")
    status, _, err = run("lesson", "new", "my-lesson", "--folder", tmp_path)
    assert (status, "is there already" in err) == (1, True)
    assert run("lesson", "new", "My lesson")[0] == 1


def test_what_is_wrong_with_a_lesson_is_named_by_file_and_line(run: Run, tmp_path: Path) -> None:
    run("lesson", "new", "a", "--folder", tmp_path)
    step = tmp_path / "a" / "01-a-ring.md"
    step.write_text(step.read_text().replace('view: ""', "view: t=far"))
    status, out, err = run("lesson", "check", tmp_path / "a")
    assert (status, out) == (1, "")
    assert f"{step}:4: view: The link's new object (t='far') cannot be read" in err
    assert "1 thing to correct" in err
    step.write_text(step.read_text().replace("view: t=far", "view: e=0~I_C1~d4~romeo~0~tuned~1"))
    fault = f"{step}:4: view: edits.0.method: unknown method 'romeo'; there are rome,"
    assert fault in run("lesson", "check", step.parent)[2]
    status, _, err = run("lesson", "check", tmp_path / "nothing")
    assert (status, "no lesson in" in err) == (1, True)


def test_all_lessons_that_the_server_knows_are_checked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = run("lesson", "check")
    assert (status, "view: there is no checkpoint 'rings-2048-calibrated' here" in err) == (1, True)
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(REPOSITORY / "models_cache"))
    status, out, err = run("lesson", "check")
    assert (status, err) == (0, "")
    assert "shattering: 14 steps" in out
    assert "editing-101: 10 steps" in out


# --- language models --------------------------------------------------------------------------------------------------


def test_language_models_are_added_listed_and_removed(run: Run, settings: Settings, tmp_path: Path) -> None:
    assert run("export-hf", SMALL, tmp_path / "gpt2")[0] == 0
    assert "add one: shatterscope models add smollm2" in run("models", "list")[1]
    status, out, err = run("models", "add", tmp_path / "gpt2", "--name", "mine")
    assert (status, err) == (0, "")
    assert "Licence: not known here" in out
    assert (settings.state_dir / "language-models" / "mine" / "model.json").exists()
    assert "mine" in run("models", "list")[1]
    found = json.loads(run("models", "list", "--json")[1])
    assert found["mine"]["shape"]["family"] == "gpt2"
    (settings.state_dir / "language-models" / "bad").mkdir()
    status, out, err = run("models", "list")
    assert (status, "mine" in out, "bad cannot be used: bad/model.json is missing" in err) == (0, True, True)
    assert run("models", "remove", "mine")[1] == "mine is removed\n"
    assert run("models", "list", "--json")[1] == "{}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "no-such-model"), "is no model known by name (smollm2)"),
        (("add", "."), "is no Hugging Face folder that can be read: config.json"),
        (("add", "smollm2", "--name", "../x"), "cannot name a model"),
        (("remove", "smollm2"), "no language model 'smollm2' is kept here"),
    ],
)
def test_what_is_wrong_with_a_language_model_is_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = run("models", *arguments)
    assert status == 1
    assert said in err
    assert err.count("\n") == 1
