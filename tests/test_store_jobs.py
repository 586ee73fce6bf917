"""Jobs in the store: one owner at a time, no row twice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from shatterscope.backend.store import Job, Jobs, Store


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Store(f"sqlite:///{tmp_path / 'store.db'}"))


def create(jobs: Jobs, id: str = "a", owner: str | None = None) -> Job:
    return jobs.create(
        id,
        kind="sweep",
        checkpoint="rings",
        checkpoint_sha256="0",
        request={"x": 1},
        plan={"y": 2},
        total=3,
        owner=owner,
    )


def test_a_new_job_waits(jobs: Jobs) -> None:
    job = create(jobs)
    assert jobs.get("a") == job
    assert (job.status, job.owner, job.request) == ("queued", None, {"x": 1})
    assert jobs.plan("a") == {"y": 2}
    assert jobs.get("b") is None


def test_jobs_are_listed_by_age_and_status(jobs: Jobs) -> None:
    first, second = create(jobs, "b"), create(jobs, "a", owner="me")
    assert [job.id for job in jobs.all()] == [first.id, second.id]
    assert [job.id for job in jobs.all(("running",))] == ["a"]


def test_of_many_who_claim_a_job_one_gets_it(jobs: Jobs) -> None:
    job = create(jobs)
    got: list[str] = []

    def claim(owner: str) -> None:
        if jobs.claim(job, owner):
            got.append(owner)

    threads = [threading.Thread(target=claim, args=(f"owner{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = jobs.get("a")
    assert now is not None
    assert [now.owner] == got
    assert now.status == "running"


def test_an_owner_that_is_gone_is_replaced_and_one_that_lives_is_not(jobs: Jobs) -> None:
    seen = create(jobs, owner="old")
    assert jobs.beat("a", "old")
    assert not jobs.claim(seen, "new")  # it has given a sign of life since
    seen = jobs.get("a") or seen
    assert jobs.claim(seen, "new")
    assert not jobs.beat("a", "old")
    assert not jobs.release("a", "old", "done")
    assert jobs.release("a", "new", "failed", "no luck")
    now = jobs.get("a")
    assert now is not None
    assert (now.status, now.error, now.owner) == ("failed", "no luck", None)


def test_what_is_wanted_of_a_job_that_runs(jobs: Jobs) -> None:
    job = create(jobs)
    assert not jobs.want(job, "paused")
    assert jobs.move(job, "paused")
    assert not jobs.move(job, "cancelled")  # it is no more what this says
    job = jobs.get("a") or job
    assert jobs.claim(job, "me", ("paused",))
    assert jobs.want(job, "cancelled")
    now = jobs.get("a")
    assert now is not None
    assert now.wanted == "cancelled"


def test_a_row_is_there_once(jobs: Jobs) -> None:
    job = create(jobs)
    assert jobs.put_row("a", 2, "first")
    assert not jobs.put_row("a", 2, "second")
    assert jobs.put_row("a", 0, "zeroth")
    assert jobs.indices("a") == {0, 2}
    assert list(jobs.rows("a")) == ["zeroth", "first"]
    assert jobs.pace(job).done == 2


def test_many_rows_come_back_in_order(jobs: Jobs) -> None:
    create(jobs)
    create(jobs, "b")
    for index in reversed(range(450)):
        jobs.put_row("a", index, str(index))
    jobs.put_row("b", 7, "another job's")
    assert list(jobs.rows("a")) == [str(index) for index in range(450)]


def test_the_pace_is_that_of_this_run(jobs: Jobs) -> None:
    job = create(jobs)
    for index in range(3):
        jobs.put_row("a", index, "")
    assert jobs.pace(job).rate is None  # nobody works
    jobs.claim(job, "me")
    job = jobs.get("a") or job
    assert jobs.pace(job).rate is None  # no row yet in this run
    for index in range(3, 6):
        jobs.put_row("a", index, "")
    pace = jobs.pace(job)
    assert pace.done == 6
    assert pace.rate is not None
    assert pace.rate > 0
