"""Who is computed next, who gives way, and who is stopped. Nothing here is timed: jobs go from checkpoint to checkpoint when told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.api import executor as module
from shatterscope.backend.api import queue
from shatterscope.backend.api.caller import Caller, _caller
from shatterscope.backend.api.executor import Busy, Executor, TooLong
from shatterscope.backend.api.queue import Shares, crowded
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.experiment import measure, measure_baseline
from shatterscope.backend.interrupt import checkpoint as may_stop
from shatterscope.backend.interrupt import interruptible
from shatterscope.backend.pictures import fit


@dataclass(eq=False)
class Job:
    client: str
    kind: str
    number: int
    attained: float = 0.0


# --- whose turn it is --------------------------------------------------------------------------------------------------


def served(jobs: list[Job], seconds: float = 0.001, rounds: int = 100) -> list[Job]:
    """Who is computed, `seconds` at a time, if nobody ever finishes."""
    shares, order = Shares(), []
    for i, job in enumerate(jobs):
        shares.enter(job, jobs[:i])
    for _ in range(rounds):
        order.append(min(jobs, key=shares.rank))
        shares.charge(order[-1], seconds)
    return order


def test_clients_get_equal_time_however_much_each_asks_for() -> None:
    jobs = [*(Job("many", kind, i) for i, kind in enumerate("abcd" * 5)), Job("one", "a", 99)]
    order = served(jobs)
    assert sum(job.client == "one" for job in order) == 50


def test_kinds_of_one_client_get_equal_time() -> None:
    jobs = [*(Job("hall", "edit", i) for i in range(20)), Job("hall", "evaluation", 99)]
    assert sum(job.kind == "evaluation" for job in served(jobs)) == 50


def test_the_new_goes_before_what_has_run_for_long() -> None:
    shares, large, small = Shares(), Job("a", "edit", 1), Job("a", "edit", 2)
    shares.enter(large, [])
    shares.charge(large, 60.0)
    shares.enter(small, [large])
    assert shares.rank(small) < shares.rank(large)


def test_nobody_saves_up_a_claim_or_waits_for_what_others_used() -> None:
    shares, old, late = Shares(), Job("old", "a", 1), Job("late", "a", 2)
    shares.enter(old, [])
    shares.charge(old, 0.5)
    shares.enter(late, [old])
    shares.charge(late, 0.1)
    assert shares.rank(old) < shares.rank(late)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy")), max_size=12), st.sampled_from("abc"))
def test_room_is_made_by_the_longest_line_alone(waiting: list[tuple[str, str]], client: str) -> None:
    jobs = [Job(*each, number) for number, each in enumerate(waiting)]
    crowd = crowded(jobs, Job(client, "x", 99))
    own = sum(job.client == client for job in jobs)
    if crowd is not None:
        line = sum((job.client, job.kind) == crowd for job in jobs)
        assert line >= 1
        if crowd[0] != client:
            assert sum(job.client == crowd[0] for job in jobs) > own + 1
        else:
            assert line > sum((job.client, job.kind) == (client, "x") for job in jobs) + 1


def test_work_sinks_as_it_runs() -> None:
    levels = [queue.level(Job("a", "x", 1, attained)) for attained in (0.0, 0.9, 1.1, 7.9, 8.1, 63.0, 65.0)]
    assert levels == [0, 0, 1, 1, 2, 2, 3]


# --- in threads --------------------------------------------------------------------------------------------------------


class Long:
    """Computes until told to stop, from checkpoint to checkpoint."""

    def __init__(self) -> None:
        self.begun, self.enough = threading.Event(), threading.Event()
        self.ended: BaseException | None = None

    def __call__(self) -> str:
        self.begun.set()
        try:
            while not self.enough.is_set():
                may_stop()
                time.sleep(0.001)
        except BaseException as error:
            self.ended = error
            raise
        return "done"


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Executor:
    monkeypatch.setattr(module, "QUANTUM", 0.0)
    monkeypatch.setattr(queue, "SPAN", 0.01)
    return Executor(workers=1, queue_limit=20)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(18_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came about")


async def test_large_work_gives_way_to_small_and_goes_on(one: Executor) -> None:
    large = Long()
    running = asyncio.create_task(one.run(large))
    await until(large.begun.is_set)
    assert [await one.run(lambda i=i: i) for i in range(3)] == [0, 1, 2]
    assert not running.done()
    large.enough.set()
    assert await running == "done"
    one.close()


async def test_what_nobody_waits_for_ends_running_or_resting(one: Executor) -> None:
    jobs = [Long(), Long(), Long()]
    running = [asyncio.create_task(one.run(job)) for job in jobs]
    await until(lambda: all(job.begun.is_set() for job in jobs))
    for each in running:
        each.cancel()
    await until(lambda: all(job.ended is not None for job in jobs))
    await until(lambda: one.pending == 0)
    assert await one.run(lambda: 5) == 5
    one.close()


async def test_computing_has_an_end() -> None:
    executor = Executor(workers=1, queue_limit=1, seconds=0.05)
    with pytest.raises(TooLong, match="fewer edits"):
        await executor.run(Long())
    assert await executor.run(lambda: 5) == 5
    executor.close()


async def test_a_full_queue_makes_room_for_who_has_less() -> None:
    one = Executor(workers=1, queue_limit=20)
    blocker, free = threading.Event(), threading.Event()

    def block() -> None:
        blocker.set()
        free.wait()

    async def ask(address: str) -> int:
        _caller.set(Caller(address, local=False))
        return await one.run(lambda: 5)

    running = asyncio.create_task(one.run(block))
    await until(blocker.is_set)
    many = [asyncio.create_task(ask("10.0.0.1")) for _ in range(20)]
    await asyncio.sleep(0)
    few = asyncio.create_task(ask("10.0.0.2"))
    await until(lambda: any(each.done() for each in many))
    free.set()
    await running
    assert await few == 5
    found = await asyncio.gather(*many, return_exceptions=True)
    assert sorted(map(type, found), key=str) == sorted([Busy, *[int] * 19], key=str)
    one.close()


async def test_only_so_many_rest(one: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESTING", 2)
    jobs = [Long() for _ in range(5)]
    running = [asyncio.create_task(one.run(job)) for job in jobs]
    await until(lambda: sum(each.done() for each in running) == 2)
    for job in jobs:
        job.enough.set()
    found = await asyncio.gather(*running, return_exceptions=True)
    assert sorted(str(type(each).__name__) for each in found) == ["Busy", "Busy", "str", "str", "str"]
    one.close()


async def test_closing_ends_what_runs_and_what_rests(one: Executor) -> None:
    jobs = [Long(), Long()]
    running = [asyncio.create_task(one.run(job)) for job in jobs]
    await until(lambda: all(job.begun.is_set() for job in jobs))
    one.close()
    await until(lambda: all(job.ended is not None for job in jobs))
    await asyncio.gather(*running, return_exceptions=True)


# --- the science stops where it is told to -------------------------------------------------------------------------------


class Enough(Exception):
    pass


@pytest.mark.parametrize("method", list(EDITORS))
def test_every_method_can_be_stopped_and_leaves_the_model_as_it_was(checkpoint: Checkpoint, method: str) -> None:
    wanted = {"steps": 1000, "early_stop_loss": 0.0, "n_contexts": 1}
    parameters = {name: value for name, value in wanted.items() if name in EDITORS[method].parameters.model_fields}
    spec = complete_spec(
        checkpoint.world, 2, subject=7, relation="I_C2", distance=9, method=method, parameters=parameters
    )
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise Enough

    with interruptible(check), pytest.raises(Enough):
        run_edits(checkpoint, [spec])
    assert all(torch.equal(before[name], value) for name, value in checkpoint.model.state_dict().items())


def test_measuring_and_drawing_pass_checkpoints(checkpoint: Checkpoint) -> None:
    spec = complete_spec(checkpoint.world, 2, subject=7, relation="I_C2", distance=9, parameters={"steps": 2})
    edited = run_edits(checkpoint, [spec])
    calls = []
    with interruptible(lambda: calls.append(1)):
        baseline = measure_baseline(checkpoint, queries=20)
        once = len(calls)
        measure(checkpoint, edited, baseline)
        twice = len(calls)
        fit(baseline.representations[0].numpy(), checkpoint.world.places[0])
    assert 10 < once < twice - 10 < len(calls) - 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc")
def test_memory_that_one_thread_has_freed_is_for_the_others() -> None:
    """In a process of its own: 16 threads use 30 MB each, one after the other, and stay."""
    code = """
import threading
from pathlib import Path
from shatterscope.backend.api.executor import Executor
def resident():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS")).split()[1]) // 1024
Executor(workers=2, queue_limit=20)
before, stay = resident(), threading.Event()
def use():
    blocks = [(bytearray(100_000), bytearray(2000)) for _ in range(300)]
    small = [each for _, each in blocks]  # between what is freed, so that it is not given back
    del blocks
    done.set()
    stay.wait()
for _ in range(16):
    done = threading.Event()
    threading.Thread(target=use, daemon=True).start()
    done.wait()
print(resident() - before)
stay.set()
"""
    used = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert int(used) < 200  # MB, of the 480 that they used in all
