"""The command line in places that nobody had in mind: every end is one line, what can fail at the end fails at the beginning, and every
command that is printed can be pasted into a shell."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import save
from torch import zeros

from shatterscope.backend.commands import checkpoints as training
from shatterscope.backend.commands.common import command, options
from shatterscope.backend.settings import REPOSITORY, Settings, SettingsError, load_settings
from shatterscope.backend.sweeps.foreground import Foreground
from shatterscope.backend.training import StepRecord, Trainer
from shatterscope.backend.training_run import STATE, Stopped
from tests.test_cli import SMALL, Run, run

__all__ = ["run"]

PROGRAM = [sys.executable, "-c", "from shatterscope.backend.cli import main; main()"]


def one_line(err: str, said: str) -> None:
    assert said in err
    assert err.startswith("shatterscope: ")
    assert len(err.strip().splitlines()) == 1, err


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["STATE_DIR", "MODELS_DIR", "LESSONS_DIR"])
def test_a_home_that_nobody_has_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SHATTERSCOPE_{name}", "~nosuchuser/x")
    status, _, err = run("checkpoints")
    assert status == 1
    one_line(err, f"SHATTERSCOPE_{name}='~nosuchuser/x' is not usable: there is no home folder of that name")


def test_without_a_home_the_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.delenv("SHATTERSCOPE_STATE_DIR")
    for base in ("", "relative/is/to/be/ignored"):
        monkeypatch.setenv("XDG_STATE_HOME", base)
        status, _, err = run("checkpoints")
        assert status == 1
        one_line(err, "set HOME, or SHATTERSCOPE_STATE_DIR")


def test_a_folder_that_is_gone_and_one_that_is_no_text_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bad, said in ((os.fsdecode(b"/tmp/caf\xe9"), "not UTF-8"), ("/tmp/a\0b", "NUL")):
        with pytest.raises(SettingsError, match=said):
            load_settings(state_dir=bad)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SettingsError, match="the folder you are in is gone"):
        load_settings(state_dir="here")


@pytest.mark.parametrize("name", ["a b", "100%20", "x?x=1&y#z", "é", "it's", ":memory:", "a+b%2Fc"])
def test_a_state_folder_of_any_name_is_that_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("SHATTERSCOPE_STATE_DIR", str(tmp_path / "s" / name))
    assert run("checkpoints")[0] == 0
    assert (tmp_path / "s" / name / "shatterscope.db").is_file()
    assert [each.name for each in (tmp_path / "s").iterdir()] == [name]


def test_a_checkpoint_of_any_name_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("[bold]", "a [", "[/]"):
        (tmp_path / "models" / name).parent.mkdir(exist_ok=True)
        if "/" not in name:
            (tmp_path / "models" / name).symlink_to(REPOSITORY / "models_cache" / SMALL)
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path / "models"))
    status, out, _ = run("checkpoints")
    assert status == 0
    assert "[bold]" in out


# --- streams ----------------------------------------------------------------------------------------------------------


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of sh, in which $PROGRAM is the program."""
    values = {**os.environ, "PROGRAM": shlex.join(PROGRAM), **environment}
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=values, timeout=120, check=False)


BARE = (
    'env -i PROGRAM="$PROGRAM" PYTHONPATH="$PYTHONPATH" SHATTERSCOPE_STATE_DIR="$SHATTERSCOPE_STATE_DIR" '
    "LC_ALL=POSIX TERM=dumb PYTHONIOENCODING=ascii /bin/sh -c 'eval \"$PROGRAM\" lesson new é'"
)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ('eval "$PROGRAM" store >&- <&-', 0, ""),
        ('eval "$PROGRAM" --help > /dev/full', 1, "No space left"),
        ('eval "$PROGRAM" --help | true', 0, ""),
        (BARE, 1, "use small letters"),
    ],
    ids=["closed", "full", "left", "bare"],
)  # fmt: skip
def test_any_stream_will_do(settings: Settings, line: str, status: int, said: str) -> None:
    done = shell(line, PYTHONPATH=str(REPOSITORY))
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr


def test_help_on_a_dumb_narrow_terminal(settings: Settings) -> None:
    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "7", "LANG": "tlh_QO", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([*PROGRAM, "--help"], stdout=side, stderr=side, stdin=side, env=environment, check=False)
    os.close(side)
    text = os.read(main, 65536).decode()
    os.close(main)
    assert done.returncode == 0, text
    assert "Traceback" not in text


# --- what would fail at the end, fails at the beginning ---------------------------------------------------------------


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("this should not have begun")

    monkeypatch.setattr(Foreground, "create", never)
    monkeypatch.setattr("shatterscope.backend.commands.exports._export", never)
    monkeypatch.setattr("shatterscope.backend.commands.checkpoints._model_of", never)
    monkeypatch.setattr("shatterscope.backend.commands.checkpoints.train_with_progress", never)
    monkeypatch.setattr("shatterscope.backend.reproduction.run.run", never)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_computed(
    run: Run, no_computing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.html").mkdir()
    nowhere = tmp_path / "file" / "rows.csv"
    assert run("sweep", SMALL, "--csv", nowhere)[0] == 1
    for arguments in (
        ("sweep", SMALL, "--csv", nowhere),
        ("sweep", SMALL, "--csv", tmp_path / "missing" / "rows.csv"),
        ("sweep", SMALL, "--csv", tmp_path),
        ("export", "?t=d4", tmp_path / "file" / "x.html"),
        ("export", "?t=d4", tmp_path / "folder.html"),
        ("export-hf", SMALL, nowhere),
    ):
        status, _, err = run(*arguments)
        assert status == 1
        one_line(err, "cannot write")
    assert not (tmp_path / "missing").exists()
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path / "file"))
    status, _, err = run("train", SMALL, "--name", "x")
    assert status == 1
    one_line(err, "cannot write")
    models = tmp_path / "models"
    models.mkdir()
    (models / SMALL).mkdir()
    for name in ("checkpoint.json", "weights.safetensors", "statistics.safetensors"):
        (models / SMALL / name).symlink_to(REPOSITORY / "models_cache" / SMALL / name)
    (models / SMALL / "reproduction").touch()
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(models))
    status, _, err = run("reproduce", SMALL, "--edits", 1, "--no-sequences", "--ship")
    assert status == 1
    one_line(err, "cannot write")


# --- printed commands -------------------------------------------------------------------------------------------------


def test_words_and_options_are_quoted() -> None:
    words = options(name="a b", seed=3, steps=None, resume=True, json=False, ids=["x", "y"])
    assert words == ["--name", "a b", "--seed", "3", "--resume", "--ids", "x", "--ids", "y"]
    assert shlex.split(command("train", *words)) == ["shatterscope", "train", *words]


def test_what_lesson_new_prints_can_be_pasted(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "my lessons; $(echo)"
    _, out, _ = run("lesson", "new", "a", "--folder", folder)
    check, serve = (shlex.split(line.partition(":")[2]) for line in out.splitlines()[1:])
    assert check == ["shatterscope", "lesson", "check", str(folder / "a")]
    assert serve[0] == f"SHATTERSCOPE_LESSONS_DIR={folder}"


def test_a_stopped_training_repeats_its_command(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path))

    def stopped(*_: object) -> None:
        raise Stopped("stopped at step 300")

    monkeypatch.setattr(training, "train_with_progress", stopped)
    status, _, err = run("train", SMALL, "--name", "x", "--steps", 400, "--seed", 3, "--device", "cpu")
    assert status == 1
    one_line(err, "stopped at step 300; continue with: ")
    assert shlex.split(err.partition("with: ")[2]) == [
        *("shatterscope", "train", SMALL, "--name", "x", "--steps", "400", "--seed", "3", "--device", "cpu", "--resume")
    ]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train_with_progress", interrupted)
    _, _, err = run("train", SMALL, "--name", "x")
    one_line(err, "before anything was saved")
    assert "--resume" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_goes_on_with_what_it_was_begun_with(run: Run, settings: Settings) -> None:
    for words, said in (
        (("sweep", "--resume", "x", "--edits", 9, "--no-corrective"), "leave out --corrective, --edits"),
        (("sweep", "--resume", "x", "--seed", 0), "leave out --seed"),
        (("reproduce", "--resume", "x", "--edits", 3), "leave out --edits"),
        (("train", SMALL, "--name", "x", "--resume"), "nothing to resume"),
    ):
        status, _, err = run(*words)
        assert status == 1
        one_line(err, said)


def test_an_unfinished_run_of_an_earlier_version_is_not_guessed_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / STATE).write_bytes(save({"step": zeros(1)}))
    status, _, err = run("train", SMALL, "--name", "x", "--resume")
    assert status == 1
    one_line(err, "earlier version")


def test_ctrl_c_saves_a_run_that_is_resumed_as_it_was_begun(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path))
    whole = Trainer.run

    def interrupted(self: Trainer, every: int) -> Iterator[StepRecord]:
        for record in whole(self, every):
            os.kill(os.getpid(), signal.SIGINT)
            yield record

    monkeypatch.setattr(Trainer, "run", interrupted)
    status, _, err = run("train", SMALL, "--name", "x", "--steps", 200, "--seed", 3)
    assert status == 1
    one_line(
        err, f"stopped at step 100; continue with: shatterscope train {SMALL} --name x --steps 200 --seed 3 --resume"
    )
    monkeypatch.setattr(Trainer, "run", whole)
    for other, said in (("--seed", "--seed 3, not with --seed 9"), ("--steps", "--steps 200")):
        status, _, err = run("train", SMALL, "--name", "x", "--resume", other, 9)
        assert status == 1
        one_line(err, said)
    status, _, err = run("train", SMALL, "--name", "x", "--resume")
    assert status == 0, err
    config = json.loads((tmp_path / "x" / "checkpoint.json").read_text())["training"]["config"]
    assert config["seed"] == 3
    assert sum(part["steps"] for part in config["rounds"]) == 200
    assert not (tmp_path / "x" / STATE).exists()


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_damaged_database_can_be_kept_and_passed(run: Run, settings: Settings) -> None:
    assert run("store")[0] == 0
    settings.store_file.write_bytes(b"no database " * 1000)
    status, _, err = run("checkpoints")
    assert status == 1
    one_line(err, "shatterscope store --move-aside")
    status, out, _ = run("store", "--move-aside")
    assert status == 0
    kept = Path(out.splitlines()[0].removeprefix("kept as "))
    assert kept.read_bytes().startswith(b"no database")
    assert run("checkpoints")[0] == 0
