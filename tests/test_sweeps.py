"""Sweeps as processes: killed at any moment, they end with exactly the rows they would have had."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import EditError
from shatterscope.backend.settings import Settings
from shatterscope.backend.store import Job, Jobs, Store
from shatterscope.backend.sweeps.foreground import Foreground, SweepError
from shatterscope.backend.sweeps.plan import Plan, known_facts, make_plan, n_edits
from shatterscope.backend.sweeps.work import Bench
from shatterscope.wire.sweeps import SweepMethod, SweepRequest

SMALL = "rings-small"
GRID = SweepRequest.model_validate(
    {
        "checkpoint": SMALL,
        "methods": ["rome", {"name": "rome", "preset": "paper", "parameters": {"steps": 3}}],
        "distances": [1, 7],
        "edits_per_cell": 5,
        "contexts": 2,
        "queries": 10,
    }
)
Content = dict[int, dict[str, Any]]


def content(rows: Iterator[Any]) -> Content:
    """What must not depend on when and by whom a row was computed."""
    found: Content = {}
    for row in rows:
        values = row.model_dump(mode="json", exclude={"sweep", "edit_seconds", "measure_seconds", "finished"})
        assert row.index not in found
        found[row.index] = values
    return found


def bench(checkpoint: Checkpoint, request: SweepRequest) -> Bench:
    return Bench("reference", checkpoint, request, make_plan(checkpoint, request, known_facts(checkpoint)))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in a worker: on two threads sums differ in the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def reference(checkpoint: Checkpoint) -> Content:
    """The rows of the grid, computed here and in one go."""
    here = bench(checkpoint, GRID)
    return content(row for task in here.plan.tasks() for row in here.rows(task))


@pytest.fixture
def quick(settings: Settings) -> Settings:
    return settings.model_copy(update={"sweep_workers": 1})


@pytest.fixture
def foreground(quick: Settings) -> Iterator[Foreground]:
    foreground = Foreground(quick)
    yield foreground
    foreground.close()


def children(pid: int) -> list[int]:
    """Workers of sweeps that any thread of `pid` has started (a browser's driver may be among its other children)."""
    started = [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
    return [int(child) for child in started if "sweeps.worker" in Path(f"/proc/{child}/cmdline").read_text()]


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended and is not yet waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def finish(foreground: Foreground, job: Job) -> Content:
    assert foreground.run(job, lambda: None) == ("done", None)
    info = foreground.info(job.id)
    assert (info.status, info.done) == ("done", info.total)
    return content(foreground.rows(job.id))


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_grid_has_every_row_once(checkpoint: Checkpoint, reference: Content) -> None:
    plan = make_plan(checkpoint, GRID, known_facts(checkpoint))
    assert sorted(reference) == list(range(plan.n_rows)) == list(range(2 * 3 * 5))
    cells = {(row["preset"], row["distance"], row["repetition"]) for row in reference.values()}
    assert len(cells) == plan.n_rows


def test_a_row_holds_everything(checkpoint: Checkpoint, reference: Content) -> None:
    row = next(row for row in reference.values() if row["distance"] == 7 and row["preset"] == "tuned")
    assert row["checkpoint_sha256"] == checkpoint.sha256
    assert row["versions"]["torch"]
    (outcome,) = row["outcomes"]
    assert outcome["distance"] == 7
    assert outcome["spec"]["parameters"]["early_stop_loss"] == 0.1
    assert 0 <= outcome["probability_before"] <= 1
    assert outcome["delta_norm"] > 0
    assert set(row["quality"]) == {"efficacy", "generality", "locality", "portability", "retraction"}
    assert row["quality"]["efficacy"]["accuracy"]["after"] == float(outcome["success"])
    for part in ("edit", "retain", "test"):
        assert 0 < row["shattering"][part]["standard_error"] < 0.02 * row["shattering"][part]["value"]
    assert set(row["shattering"]["per_relation"]) == set(checkpoint.world.relation_names)
    rings = {name: value for name, value in row["shattering"].items() if name != "per_relation"}
    assert row["sites"] == {"resid_post.1": rings}
    assert (outcome["course"]["ended"] == "reached") == (outcome["course"]["loss"][0] < 0.1)
    assert outcome["course"]["step"] == [outcome["steps"]]
    assert outcome["course"]["probability"] == pytest.approx([outcome["diagnostics"]["target_probability"]])
    assert {(score["task"], score["order"]) for score in row["scores"]} == {
        (task, order)
        for task in ("direct", "logical", "composition_stated", "composition_held_out")
        for order in checkpoint.world.group_names
    }
    assert all(set(score["accuracy"]) == {"before", "after", "change"} for score in row["scores"])


def test_rows_do_not_depend_on_which_are_missing(checkpoint: Checkpoint, reference: Content) -> None:
    here = bench(checkpoint, GRID)
    task = here.plan.tasks()[0]
    done = set(list(task.indices)[::2])
    found = content(here.rows(task, done))
    assert set(found) == set(task.indices) - done
    assert all(reference[index] == row for index, row in found.items())


def test_kinds_are_what_they_say(checkpoint: Checkpoint, reference: Content) -> None:
    facts: dict[bool, set[tuple[int, str]]] = {True: set(), False: set()}
    for row in reference.values():
        (outcome,) = row["outcomes"]
        corrective = row["kind"] == "corrective"
        assert corrective == (outcome["kind"] == "corrective") == (row["distance"] == 0)
        assert (outcome["prediction_before"] == outcome["old_object"]) is not corrective
        facts[corrective].add((outcome["spec"]["subject"], outcome["spec"]["relation"]))
    assert len(facts[True]) == len(facts[False]) == 5  # the same for both methods and all distances


def test_cells_may_differ_in_size(checkpoint: Checkpoint) -> None:
    """40 edits a cell by the first method, 1 by the second, 2 by the third, and 2 corrective facts at most."""
    request = GRID.model_copy(
        update={
            "methods": [
                SweepMethod(name="rome"),
                SweepMethod(name="memit", edits=1),
                SweepMethod(name="pmet", edits=2),
            ],
            "edits_per_cell": 40,
            "corrective_edits": 2,
        }
    )
    plan = make_plan(checkpoint, request, known_facts(checkpoint))
    assert (len(plan.facts), len(plan.errors)) == (40, 2)
    assert n_edits(request) == [82, 3, 6]
    assert plan.n_rows == 91
    places = {}
    for task in plan.tasks():
        for index in task.indices:
            places[index] = (plan.methods[task.method].name, *plan.place(task, index))
        assert task.repetition == plan.place(task, task.start)[1]
    assert sorted(places) == list(range(91))
    assert set(places.values()) == {
        (name, distance, repetition)
        for name, n in (("rome", 40), ("memit", 1), ("pmet", 2))
        for distance in (1, 7, 0)
        for repetition in range(n if distance else min(n, 2))
    }
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan
    even = make_plan(checkpoint, GRID, known_facts(checkpoint)).as_dict()
    for method in even["methods"]:
        del method["edits"]  # as plans were kept before
    assert Plan.from_dict(even).n_rows == 30


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": [{"name": "rome", "edits": 6}]}, "methods.0.edits"),
        ({"corrective_edits": 6}, "at most `edits_per_cell`, 5"),
        ({"corrective_edits": 1, "corrective": False}, "without corrective edits"),
        ({"corrective_edits": 1, "sequence": {}}, "all sequences are of"),
        ({"methods": [{"name": "rome", "edits": 1}], "sequence": {}}, "all sequences are of"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SweepRequest.model_validate({**GRID.model_dump(), **change})


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        (["mlp_out.2"], "sites.0: unknown site 'mlp_out.2'"),
        (["resid_post.last", "embed"], "sites.1: no edit reaches embed"),
        (["resid_post.last", "resid_post.1"], "sites.1: 'resid_post.1' is there twice"),
    ],
)
def test_sites_that_cannot_be_read_are_refused(checkpoint: Checkpoint, sites: list[str], said: str) -> None:
    with pytest.raises(EditError) as refused:
        make_plan(checkpoint, GRID.model_copy(update={"sites": sites}), known_facts(checkpoint))
    assert said in f"{refused.value.field}: {refused.value.message}"


# --- sequences -------------------------------------------------------------------------------------------------------


def sequence(method: str, edits: int, every: int, repetitions: int = 1) -> SweepRequest:
    return SweepRequest.model_validate(
        {
            "checkpoint": SMALL,
            "methods": [method],
            "distances": [3],
            "corrective": False,
            "edits_per_cell": edits,
            "contexts": 1,
            "queries": 10,
            "sequence": {"every": every, "repetitions": repetitions},
        }
    )


def test_a_sequence_is_the_stack_of_its_edits(checkpoint: Checkpoint) -> None:
    """Also for a method that carries the keys of earlier edits."""
    from shatterscope.backend.edits import complete_spec, run_edits

    here = bench(checkpoint, sequence("alphaedit", 5, 2))
    (task,) = here.plan.tasks()
    rows = list(here.rows(task))
    assert [row.sequence.after for row in rows if row.sequence] == [2, 4, 5]
    assert [len(row.outcomes) for row in rows] == [2, 2, 1]
    made = [outcome for row in rows for outcome in row.outcomes]
    specs = [
        complete_spec(checkpoint.world, checkpoint.model.config.n_layers, **outcome.spec.model_dump())
        for outcome in made
    ]
    stack = run_edits(checkpoint, specs)
    assert [each.probability_after for each in made] == [each.probability_after for each in stack.outcomes]
    found = here.probe.measure(stack.model)
    assert [score.accuracy.after for score in rows[-1].scores] == [each.accuracy for each in found.scores]
    last = rows[-1].sequence
    assert last is not None
    assert last.made == 5
    assert last.holding is not None
    assert 0 <= last.holding <= 1


def test_what_an_edit_overwrites_holds_no_more(checkpoint: Checkpoint) -> None:
    here = bench(checkpoint, sequence("rome", 40, 20))
    first, last = (row.sequence for task in here.plan.tasks() for row in here.rows(task))
    assert first is not None
    assert last is not None
    assert last.holding is not None
    assert first.holding is not None
    assert last.holding <= first.holding


def test_a_sequence_goes_on_where_it_stopped(checkpoint: Checkpoint) -> None:
    here = bench(checkpoint, sequence("rome", 6, 2, repetitions=2))
    for task in here.plan.tasks():
        whole, rest = content(here.rows(task)), content(here.rows(task, {task.start}))
        assert set(rest) == set(whole) - {task.start}
        assert all(whole[index] == row for index, row in rest.items())


def test_each_sequence_stays_in_one_order_and_repeats_no_fact(checkpoint: Checkpoint) -> None:
    plan = make_plan(checkpoint, sequence("rome", 30, 10, repetitions=4), known_facts(checkpoint))
    assert len(set(plan.facts)) == 4 * 30
    for i in range(4):
        orders = {checkpoint.world.relation(relation).group for _, relation in plan.facts[30 * i : 30 * (i + 1)]}
        assert orders == {i % len(checkpoint.world.groups)}


def test_plans_survive_the_store(checkpoint: Checkpoint) -> None:
    for request in (GRID, sequence("memit", 4, 2)):
        plan = make_plan(checkpoint, request, known_facts(checkpoint))
        assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan


# --- processes -------------------------------------------------------------------------------------------------------


def test_a_killed_worker_costs_no_row(foreground: Foreground, reference: Content) -> None:
    job = foreground.create(GRID)
    killed: list[int] = []

    def kill() -> None:
        if foreground.info(job.id).done > 3 and not killed:
            killed.extend(children(os.getpid()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    watcher_stop = threading.Event()

    def watch() -> None:
        while not watcher_stop.wait(0.05):
            kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    status, error = foreground.run(job, lambda: None)
    watcher_stop.set()
    watcher.join()
    assert status == "failed"
    assert error is not None
    assert "SIGKILL" in error
    assert foreground.info(job.id).error == error
    kept = content(foreground.rows(job.id))
    assert 0 < len(kept) < len(reference)
    assert finish(foreground, foreground.resume(job.id)) == reference


def start(settings: Settings, *arguments: str, limit: int | None = None) -> subprocess.Popen[str]:
    """`shatterscope sweep` in a process of its own; `limit`: no file may grow beyond so many bytes."""

    def bound() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-c", "from shatterscope.backend.cli import main; main()", "sweep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=bound,
        env={**os.environ, "SHATTERSCOPE_SWEEP_WORKERS": "2"},
    )


def one_job(settings: Settings) -> Callable[[], Job | None]:
    def job() -> Job | None:
        store = Store(settings.store_url)
        found = Jobs(store).all()
        store.close()
        return found[0] if found else None

    return job


def count(settings: Settings, job: Job) -> int:
    store = Store(settings.store_url)
    done = Jobs(store).pace(job).done
    store.close()
    return done


def test_killing_the_command_ends_its_workers_and_costs_no_row(settings: Settings, checkpoint: Checkpoint) -> None:
    arguments = [SMALL, "--method", "rome", "--distance", "2", "--edits", "15", "--queries", "10"]
    process, find = start(settings, *arguments), one_job(settings)
    wait_until(find)
    job = find()
    assert job is not None
    wait_until(lambda: count(settings, job) > 2)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    assert workers
    wait_until(lambda: not any(map(alive, workers)), 30)
    kept = count(settings, job)
    assert 2 < kept < job.total

    foreground = Foreground(settings)
    found = finish(foreground, foreground.resume(job.id))
    foreground.close()
    here = bench(checkpoint, SweepRequest.model_validate(job.request))
    assert found == content(row for task in here.plan.tasks() for row in here.rows(task))


def test_a_full_disk_is_told_and_the_sweep_resumed(settings: Settings, reference: Content) -> None:
    foreground = Foreground(settings.model_copy(update={"sweep_workers": 1}))
    job = foreground.create(GRID)
    foreground.close()
    store = Store(settings.store_url)
    Jobs(store).release(job.id, job.owner or "", "paused")
    store.close()
    process = start(settings, "--resume", job.id, limit=150_000)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out
    assert "Traceback" not in err
    assert f"shatterscope sweep --resume {job.id}" in err
    assert "full" in err or "disk" in err
    foreground = Foreground(settings.model_copy(update={"sweep_workers": 1}))
    assert 0 < foreground.info(job.id).done < job.total
    assert finish(foreground, foreground.resume(job.id)) == reference
    foreground.close()


def hasty(settings: Settings) -> Settings:
    """A store that waits for a lock for a moment only."""
    return settings.model_copy(update={"database_url": f"{settings.store_url}?timeout=0.3"})


def test_a_locked_database_is_told_and_the_sweep_resumed(quick: Settings, reference: Content) -> None:
    foreground = Foreground(hasty(quick))
    job = foreground.create(GRID)
    lock = sqlite3.connect(foreground.settings.state_dir / "shatterscope.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    status, error = foreground.run(job, lambda: None)
    lock.execute("ROLLBACK")
    lock.close()
    assert status == "failed"
    assert "locked" in (error or "")
    foreground.close()
    again = Foreground(quick)
    store = Store(quick.store_url)
    Jobs(store).release(job.id, job.owner or "", "failed", error)  # this process, the owner, is still here
    store.close()
    assert finish(again, again.resume(job.id)) == reference
    again.close()


def test_other_weights_are_refused(foreground: Foreground, quick: Settings) -> None:
    job = foreground.create(GRID)
    with sqlite3.connect(quick.state_dir / "shatterscope.db") as connection:
        connection.execute("UPDATE jobs SET checkpoint_sha256 = 'another'")
    status, error = foreground.run(job, lambda: None)
    assert status == "failed"
    assert "other weights" in (error or "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"checkpoint": "nowhere"}, "nowhere"),
        ({"edits_per_cell": 100_000}, "at most 20000"),
        ({"methods": ["magic"]}, "unknown method"),
        ({"methods": [{"name": "rome", "preset": "none"}]}, "no preset"),
        ({"methods": [{"name": "rome", "parameters": {"speed": 1}}]}, "no such parameter"),
        ({"distances": [0]}, "distances.0"),
        ({"distances": [100_000]}, "distances.0"),
        ({"edits_per_cell": 6000, "methods": ["rome"], "distances": []}, "gets wrong"),
    ],
)
def test_what_cannot_be_done_is_refused(foreground: Foreground, change: dict[str, Any], words: str) -> None:
    request = SweepRequest.model_validate({**GRID.model_dump(), **change})
    with pytest.raises(SweepError, match=words):
        foreground.create(request)
    with pytest.raises(SweepError, match="there is no sweep"):
        foreground.resume("nothing")


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Runs `shatterscope sweep`: (exit status, what it printed, what it printed to stderr)."""
    from shatterscope.backend.cli import main

    for name, value in {"COLUMNS": "200", "NO_COLOR": "1", "SHATTERSCOPE_SWEEP_WORKERS": "1"}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["shatterscope", "sweep", *arguments])
        status: object = 0
        try:
            main()
        except SystemExit as error:
            status = error.code or 0
        return status, *capsys.readouterr()

    return run


def test_the_command_runs_a_sweep_and_tells_it_again(
    command: Callable[..., tuple[object, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    few = ["--distance", "1", "--no-corrective", "--queries", "5"]
    status, out, err = command(
        SMALL, "--method", "rome:paper", "--edits", "4", "--every", "2", "--csv", str(file), *few
    )
    assert status == 0
    assert "rome" in out
    assert "after 4" in out
    id = err.split("sweep ")[1].split()[0]
    lines = list(csv.DictReader(file.read_text().splitlines()))
    assert len(lines) == 2
    status, out, _ = command("--resume", id, "--json")
    assert status == 0
    rows = json.loads(out)
    for line, row in zip(lines, rows, strict=True):
        edits = json.loads(line["edits"])
        assert [edit["subject"] for edit in edits] == [outcome["spec"]["subject"] for outcome in row["outcomes"]]
        assert (len(edits), int(line["subject"])) == (2, edits[-1]["subject"]), "all of them, not the last one alone"
        assert [edit["success"] for edit in edits] == [outcome["success"] for outcome in row["outcomes"]]
    assert [row["sequence"]["after"] for row in rows] == [2, 4]
    assert rows[0]["preset"] == "paper"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give a checkpoint"),
        (("nowhere",), "nowhere"),
        ((SMALL, "--method", "magic"), "unknown method"),
        ((SMALL, "--edits", "100000"), "500000 edits"),
        ((SMALL, "--edits", "2000", "--every", "10"), "at most 1000"),
        ((SMALL, "--distance", "0"), "distances.0"),
        (("--resume", "nothing"), "there is no sweep"),
    ],
)
def test_bad_options_end_in_one_line(
    command: Callable[..., tuple[object, str, str]], arguments: tuple[str, ...], words: str
) -> None:
    status, out, err = command(*arguments)
    assert status == 1
    assert out == ""
    assert words in err
    assert len(err.strip().splitlines()) == 1
