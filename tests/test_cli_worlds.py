"""Facts of one's own through the command line: checked, trained, refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint, read_metadata
from shatterscope.backend.cli import main
from shatterscope.backend.recipes import read_recipe
from shatterscope.backend.settings import REPOSITORY, Settings

MODELS = REPOSITORY / "models_cache"
Run = Callable[..., tuple[int, str, str]]
FACTS = "subject,relation,object\n" + "".join(f"child {i},parent,mother {i % 4}\n" for i in range(12))
NEXT = "".join(f"child {i},next,child {i + 1}\n" for i in range(11))


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder of its own: (exit status, what it printed, what it printed to stderr)."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["shatterscope", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_a_file_of_facts_is_described(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(FACTS + NEXT)
    status, out, err = run("world", "check", "mine.csv")
    assert (status, err) == (0, "")
    assert "16 entities, 4 relations, 46 facts" in out
    assert "parent_of (added)" in out
    assert "up to 3" in out
    assert "parent_of undoes parent" in out
    assert "shatterscope train --facts mine.csv --name mine" in out
    assert not (tmp_path / "models").exists()


def test_what_is_wrong_with_a_file_is_told_by_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(FACTS + "child 1,parent,mother 2\nchild 1,parent\n")
    for command in (("world", "check", "mine.csv"), ("train", "--facts", "mine.csv", "--name", "mine")):
        status, out, err = run(*command)
        assert (status, out) == (1, "")
        assert "mine.csv: 2 problems, nothing was written" in err
        assert "  line 15: 2 cells where the header has 3" in err
        assert "  line 14: parent of 'child 1' is 'mother 2', but in line 3 it is 'mother 1'" in err
    assert not (tmp_path / "models").exists()
    status, _, err = run("world", "check", "other.csv")
    assert (status, "there is no file other.csv" in err) == (1, True)


def test_a_relation_may_be_declared_many_valued(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(FACTS + "child 1,parent,mother 2\n")
    assert run("world", "check", "mine.csv")[0] == 1
    assert run("world", "check", "mine.csv", "--many", "parent")[0] == 0
    status, _, err = run("world", "check", "mine.csv", "--many", "parents")
    assert status == 1
    assert "no fact has the relation 'parents'" in err


def test_a_doubt_is_told_and_does_not_stop(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(FACTS + "Child 1,parent,mother 1\n")
    status, _, err = run("world", "check", "mine.csv")
    assert status == 0
    assert "perhaps wrong: 'child 1' and 'Child 1' differ only in case or blanks" in err


def test_facts_are_trained_into_a_checkpoint_that_carries_them(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(FACTS + NEXT)
    status, _, err = run("train", "--facts", file, "--name", "mine", "--steps", 5)
    assert status == 0, err
    file.unlink()
    checkpoint = load_checkpoint(tmp_path / "models" / "mine")
    assert checkpoint.metadata.title == "mine"
    assert checkpoint.world.entities[:2] == ("child 0", "mother 0")
    assert checkpoint.world.config.facts == FACTS + NEXT


def test_a_world_without_a_picture_or_a_question_somewhere_is_trained(run: Run, tmp_path: Path) -> None:
    """One object for all: the inverse has a single subject, and nothing can be held out."""
    (tmp_path / "mine.csv").write_text("subject,relation,object\n" + "".join(f"thing {i},kind,toy\n" for i in range(8)))
    status, _, err = run("train", "--facts", "mine.csv", "--name", "mine", "--steps", 3)
    assert status == 0, err
    metadata = read_metadata(tmp_path / "models" / "mine")
    assert metadata.accuracy["logical"] == {}
    assert metadata.accuracy["direct"].keys() == {"facts"}


def test_a_recipe_names_its_facts_beside_it(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "mine.csv").write_text(FACTS)
    recipe = folder / "mine.toml"
    recipe.write_text('title = "Mine"\n[graph]\nkind = "facts"\nfacts_file = "mine.csv"\n[[train.rounds]]\nsteps = 3\n')
    assert read_recipe(str(recipe)).graph.facts == FACTS
    status, _, err = run("train", "--recipe", "recipes/mine.toml", "--name", "mine")
    assert status == 0, err
    recipe.write_text('title = "Mine"\n[graph]\nkind = "facts"\nfacts_file = "none.csv"\n')
    status, _, err = run("train", "--recipe", "recipes/mine.toml", "--name", "other")
    assert status == 1
    assert "graph.facts_file: there is no file recipes/none.csv" in err
    recipe.write_text('title = "Mine"\n[graph]\nkind = "facts"\nfacts = "x"\nfacts_file = "mine.csv"\n')
    assert "and no facts beside it" in run("train", "--recipe", "recipes/mine.toml", "--name", "other")[2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name one thing to train"),
        (("rings-small", "--facts", "mine.csv"), "name one thing to train"),
        (("rings-small", "--recipe", "mine.toml"), "name one thing to train"),
        (("rings-small", "--many", "parent"), "--many goes with --facts"),
        (("--recipe", "mine.toml", "--layout", "map.csv"), "--layout goes with --facts"),
        (("--recipe", "mine.csv"), "--recipe mine.csv is no .toml file; facts are given with --facts"),
    ],
)
def test_what_is_given_by_halves_is_refused(run: Run, arguments: tuple[str, ...], told: str) -> None:
    status, out, err = run("train", *arguments, "--name", "mine")
    assert (status, out) == (1, "")
    assert told in err


def test_a_stopped_run_is_continued_with_the_same_facts_only(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shatterscope.backend import training_run
    from shatterscope.backend.training_run import Stopped, train_checkpoint

    recipe = tmp_path / "mine.toml"
    text = 'title = "Mine"\n[graph]\nkind = "facts"\nfacts_file = "mine.csv"\n[[train.rounds]]\nsteps = 4\n'
    recipe.write_text(text)
    (tmp_path / "mine.csv").write_text(FACTS)
    import torch

    with pytest.raises(Stopped):
        list(
            train_checkpoint(
                read_recipe(str(recipe)), tmp_path / "models" / "mine", torch.device("cpu"), every=2, stop=lambda: True
            )
        )
    assert training_run.saved_run(tmp_path / "models" / "mine").recipe == read_recipe(str(recipe))
    (tmp_path / "mine.csv").write_text(FACTS + "child 12,parent,mother 1\n")
    status, _, err = run("train", "--recipe", recipe, "--name", "mine", "--resume", "--device", "cpu")
    assert status == 1
    assert "was begun with graph.facts " in err
    assert len(err) < 1500
    (tmp_path / "mine.csv").write_text(FACTS)
    status, _, err = run("train", "--recipe", recipe, "--name", "mine", "--resume", "--device", "cpu")
    assert status == 0, err


def test_a_damaged_world_is_told_of_by_the_checkpoint(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(FACTS)
    assert run("train", "--facts", "mine.csv", "--name", "mine", "--steps", 2)[0] == 0
    file = tmp_path / "models" / "mine" / "checkpoint.json"
    content = json.loads(file.read_text())
    content["graph"]["facts"] = content["graph"]["facts"].replace("child 3,parent,", "child 3,")
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"mine/checkpoint.json: graph: line 5: 2 cells"):
        load_checkpoint(tmp_path / "models" / "mine")


def test_checkpoints_of_any_world_are_listed_with_the_pictures_that_are_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(MODELS))
    status, out, _ = run("checkpoints")
    assert status == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert " 6 of 6 " in rows["months"], "seven weekdays are too few to be judged"
    for name in ("countries", "elements", "grid", "tree"):
        report = read_metadata(MODELS / name).rings
        assert report.shape
        assert f" {report.closed} of {len(report.shape)} " in rows[name]
