"""A job as the API tells it."""

from __future__ import annotations

from datetime import UTC

from shatterscope.backend.store import Job, Pace
from shatterscope.wire.sweeps import JobInfo, SweepRequest


def job_info(job: Job, pace: Pace) -> JobInfo:
    return JobInfo.model_validate(
        {
            "id": job.id,
            "kind": job.kind,
            "checkpoint": job.checkpoint,
            "status": job.status,
            "done": pace.done,
            "total": job.total,
            "rate": pace.rate,
            "eta": (job.total - pace.done) / pace.rate if pace.rate else None,
            "error": job.error,
            "created": job.created.replace(tzinfo=UTC).isoformat(),  # SQLite keeps no time zone; all are UTC
            "request": SweepRequest.model_validate(job.request),
        }
    )
