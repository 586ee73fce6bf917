"""`shatterscope reproduce` from the command to the shipped folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.reproduction import protocol
from shatterscope.backend.reproduction.run import ask, check
from shatterscope.backend.reproduction.shipped import load
from shatterscope.backend.settings import REPOSITORY, Settings, load_settings
from shatterscope.backend.store import Jobs, Store
from shatterscope.backend.sweeps.foreground import Foreground
from shatterscope.backend.sweeps.plan import known_facts
from shatterscope.wire.sweeps import SweepMethod, SweepRow
from tests.test_cli import Run, run

SMALL = "rings-small"
__all__ = ["run"]


@pytest.fixture
def own_models(tmp_path: Path) -> Path:
    shutil.copytree(
        REPOSITORY / "models_cache" / SMALL, tmp_path / "models" / SMALL, ignore=shutil.ignore_patterns("reproduction")
    )
    return tmp_path / "models"


@pytest.fixture
def settings(tmp_path: Path, own_models: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    values = {"state_dir": tmp_path / "state", "models_dir": own_models, "device": "cpu", "sweep_workers": 1}
    for name, value in values.items():
        monkeypatch.setenv(f"SHATTERSCOPE_{name.upper()}", str(value))
    return load_settings()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same protocol with one method, few questions and one sequence each: the command is tested, not the editors."""
    whole, rows = protocol.single_edits, protocol.sequences
    one = {"methods": [SweepMethod(name="rome", preset="tuned")], "queries": 5, "contexts": 1}
    monkeypatch.setattr(protocol, "single_edits", lambda *a: whole(*a).model_copy(update=one))
    monkeypatch.setattr(protocol, "sequences", lambda *a: rows(*a).model_copy(update=one))


def test_from_the_command_to_what_is_shipped(
    run: Run, brief: None, own_models: Path, checkpoint: Checkpoint, settings: Settings
) -> None:
    status, out, err = run("reproduce", SMALL, "--edits", 3, "--sequence-edits", 2, "--ship")
    assert status == 0, err
    for said in ("Table 1", "R(D*)", "(-77.94)", "(27.90)", "(0.905)", "Sequences", "Causal tracing", "resid_mid.0"):
        assert said in out
    assert str(own_models / SMALL / "reproduction") in err
    found = load(own_models / SMALL, checkpoint.sha256)
    rows = [SweepRow.model_validate_json(row) for row in found.rows("single")]
    assert [row.index for row in rows] == list(range(3 * 5))
    assert len(list(found.rows("sequence"))) == 2 * 3

    ids = [found.manifest.single.sweep, found.manifest.sequence.sweep]  # type: ignore[union-attr]
    again = [option for id in ids for option in ("--resume", id)]
    status, out, _ = run("reproduce", *again, "--json")
    assert status == 0
    values = json.loads(out)
    assert {name: values[name]["provenance"]["rows"] for name in ("single", "sequence")} == {
        "single": 15,
        "sequence": 6,
    }
    assert [each["corrupted"] for each in values["tracings"]] == ["subject", "relation"]
    assert [request["edits_per_cell"] for request in values["requests"]] == [3, 2]
    assert set(rows[0].sites) == {"resid_post.1", "attn_out.1", "mlp_out.1"}
    assert rows[0].outcomes[0].course is not None

    for options, said in (
        (["--resume", ids[1]], "single edits first"),
        (["--resume", ids[0], "--resume", ids[0]], "one of each kind"),
        (["rings-2048", "--resume", ids[0]], "different checkpoints"),
        (["--resume", "none"], "none"),
    ):
        status, _, err = run("reproduce", *options)
        assert status == 1
        assert said in err
        assert len(err.strip().splitlines()) == 1


def test_a_stopped_run_says_how_to_go_on(
    run: Run, brief: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Foreground, "run", lambda self, job, watch: ("paused", None))
    status, _, err = run("reproduce", SMALL, "--edits", 2, "--no-sequences")
    assert status == 1
    (id,) = [job.id for job in Jobs(Store(settings.store_url)).all()]
    assert f"shatterscope reproduce --resume {id} --no-sequences" in err
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "160")


def test_there_are_no_more_corrective_edits_than_errors(settings: Settings, checkpoint: Checkpoint) -> None:
    foreground = Foreground(settings.model_copy(update={"sweep_limit": 10_000_000}))
    wrong = len(known_facts(checkpoint).wrong)
    more = check(foreground, ask(foreground, checkpoint=SMALL, edits=wrong + 1, sequence_edits=None))
    assert more.requests["single"].corrective_edits == wrong
    assert protocol.arguments(more.requests["single"]) == [f"--edits={wrong + 1}", "--seed=0"]
    as_many = ask(foreground, checkpoint=SMALL, edits=wrong, edits_others=3)
    assert check(foreground, as_many) == as_many
    assert {each.edits for each in as_many.requests["single"].methods if each.name == "memit"} == {3}
    foreground.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere"], "nowhere"),
        ([SMALL, "--edits", 30_000], "edits, and at most"),
    ],
)
def test_what_cannot_be_run_is_one_line(run: Run, settings: Settings, options: list[object], said: str) -> None:
    status, _, err = run("reproduce", *options)
    assert status == 1
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_help_teaches_by_example(run: Run) -> None:
    status, out, _ = run("reproduce", "--help")
    assert status == 0
    assert "shatterscope reproduce" in out
    assert "--resume" in out
