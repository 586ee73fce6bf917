"""Jobs and their rows. Whoever runs a job owns it and sends heartbeats; a job whose owner is gone may be claimed by another.

Every change of a job is one conditional UPDATE, so that of two processes that want the same only one succeeds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from shatterscope.backend.store.database import Store
from shatterscope.backend.store.readable import Json, Seconds, Time, columns, readable
from shatterscope.backend.store.tables import JobRow, ResultRow

WINDOW = 30.0  # seconds over which a rate is taken
CHUNK = 200  # rows read at a time
KEPT_JOBS = 1000


@dataclass(frozen=True)
class Job:
    """One job as it stands in the store, but for its plan, which may be long; see `tables.JobRow`."""

    id: str
    kind: str
    checkpoint: str
    checkpoint_sha256: str
    request: Json
    total: int
    status: str
    wanted: str | None
    error: str | None
    owner: str | None
    beat: Seconds
    started: Seconds
    created: Time


@dataclass(frozen=True)
class Pace:
    """Rows there are, and rows a second of late (None while that cannot be said)."""

    done: int
    rate: float | None


class Jobs:
    """Safe to use from several threads and processes. Raises `StoreError` from every method, where the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- jobs ---------------------------------------------------------------------------------------------------

    def create(
        self,
        id: str,
        *,
        kind: str,
        checkpoint: str,
        checkpoint_sha256: str,
        request: dict[str, Any],
        plan: dict[str, Any],
        total: int,
        owner: str | None = None,
    ) -> Job:
        """A new job: queued, or running where it has an owner from the beginning."""
        now = time.time()
        row = JobRow(
            id=id,
            kind=kind,
            checkpoint=checkpoint,
            checkpoint_sha256=checkpoint_sha256,
            request=request,
            plan=plan,
            total=total,
            status="queued" if owner is None else "running",
            owner=owner,
            beat=now,
            started=now,
            created=datetime.now(UTC),
        )
        with self._store.session() as session:
            session.add(row)
            session.commit()
        job = self.get(id)
        assert job is not None
        return job

    def get(self, id: str) -> Job | None:
        """None where there is none (or it cannot be read)."""
        with self._store.session() as session:
            rows = session.execute(select(*columns(JobRow, Job)).where(JobRow.id == id)).all()
        return next(iter(readable(Job, rows)), None)

    def plan(self, id: str) -> dict[str, Any]:
        """The plan of a job that is there."""
        with self._store.session() as session:
            return session.scalars(select(JobRow.plan).where(JobRow.id == id)).one()

    def all(self, statuses: Sequence[str] = ()) -> list[Job]:
        """Jobs, the oldest first; of these statuses, or of any."""
        query = select(*columns(JobRow, Job)).order_by(JobRow.created, JobRow.id)
        if statuses:
            query = query.where(JobRow.status.in_(statuses))
        with self._store.session() as session:
            rows = session.execute(query).all()
        return readable(Job, rows)

    def make_room(self, keep_jobs: int, keep_rows: int) -> None:
        """Delete the oldest jobs that nobody runs or waits for, with their rows, until there are at most so many of both."""
        counts = select(JobRow.id, JobRow.status, func.count(ResultRow.index)).outerjoin(ResultRow)
        with self._store.session() as session:
            found = session.execute(counts.group_by(JobRow.id).order_by(JobRow.created, JobRow.id)).all()
            jobs, rows = len(found), sum(count for *_, count in found)
            for id, status, count in found:
                if jobs <= keep_jobs and rows <= keep_rows:
                    return
                if status not in ("queued", "running"):
                    session.execute(delete(ResultRow).where(ResultRow.job == id))
                    session.execute(delete(JobRow).where(JobRow.id == id, JobRow.status == status))
                    session.commit()
                    jobs, rows = jobs - 1, rows - count

    def claim(self, job: Job, owner: str, statuses: Sequence[str] = ("queued",)) -> bool:
        """Become the owner of a job that has one of these statuses, or runs and is still what `job` says (its owner is gone).
        False where somebody else was faster."""
        free = or_(
            JobRow.status.in_(statuses),
            and_(JobRow.status == "running", JobRow.owner == job.owner, JobRow.beat == job.beat),
        )
        now = time.time()
        fresh = {"status": "running", "wanted": None, "error": None, "owner": owner, "beat": now, "started": now}
        return self._change(fresh, JobRow.id == job.id, free)

    def beat(self, id: str, owner: str) -> bool:
        """A sign of life. False where the job is not this owner's any more."""
        return self._change({"beat": time.time()}, JobRow.id == id, JobRow.owner == owner, JobRow.status == "running")

    def release(self, id: str, owner: str, status: str, error: str | None = None) -> bool:
        """Stop owning a job, which becomes `status`. False where it is not this owner's any more."""
        fresh = {"status": status, "error": error, "owner": None, "wanted": None}
        return self._change(fresh, JobRow.id == id, JobRow.owner == owner, JobRow.status == "running")

    def want(self, job: Job, wanted: str) -> bool:
        """Ask whoever runs `job` to stop, so that it becomes `wanted`. False where it runs no more."""
        return self._change({"wanted": wanted}, JobRow.id == job.id, JobRow.status == "running")

    def move(self, job: Job, status: str) -> bool:
        """Change the status of a job that nobody runs. False where it is no more what `job` says."""
        fresh = {"status": status, "error": None, "wanted": None, "owner": None}
        unchanged = JobRow.owner.is_(None) if job.owner is None else JobRow.owner == job.owner
        return self._change(fresh, JobRow.id == job.id, JobRow.status == job.status, JobRow.beat == job.beat, unchanged)

    def _change(self, values: dict[str, Any], *where: ColumnElement[bool]) -> bool:
        with self._store.session() as session:
            changed = session.execute(update(JobRow).where(*where).values(**values)).rowcount  # type: ignore[attr-defined]
            session.commit()
            return bool(changed)

    # --- rows ---------------------------------------------------------------------------------------------------

    def put_row(self, job: str, index: int, values: str) -> bool:
        """Commit a row; False where it is there already (which then stays as it is)."""
        with self._store.session() as session:
            session.add(ResultRow(job=job, index=index, finished=time.time(), values=values))
            try:
                session.commit()
            except IntegrityError:
                session.rollback()
                return False
            return True

    def indices(self, job: str) -> set[int]:
        """The rows there are."""
        with self._store.session() as session:
            return set(session.scalars(select(ResultRow.index).where(ResultRow.job == job)))

    def rows(self, job: str) -> Iterator[str]:
        """All rows by index, JSON as it was put. Rows that come while this is read may be missed."""
        after = -1
        while True:
            query = select(ResultRow.index, ResultRow.values).where(ResultRow.job == job, ResultRow.index > after)
            with self._store.session() as session:
                found = session.execute(query.order_by(ResultRow.index).limit(CHUNK)).all()
            yield from (values for _, values in found)
            if len(found) < CHUNK:
                return
            after = found[-1][0]

    def pace(self, job: Job) -> Pace:
        """How far it is, and how fast: over the last half minute of the present run."""
        now = time.time()
        mine = ResultRow.job == job.id
        with self._store.session() as session:
            done = session.scalar(select(func.count()).where(mine)) or 0
            if job.status != "running":
                return Pace(done, None)
            # A clock that was put back leaves rows in the future: they tell nothing of late.
            recent = mine, ResultRow.finished >= max(min(job.started, now), now - WINDOW), ResultRow.finished <= now
            count, first = session.execute(select(func.count(), func.min(ResultRow.finished)).where(*recent)).one()
        return Pace(done, (count - 1) / max(now - first, 1e-3) if count > 1 else None)
