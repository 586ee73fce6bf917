"""The tables; whoever changes one adds a step to `schema.py`. Times are UTC; `finished`, `started`, `beat`, `used` and those of rooms
are seconds since the epoch, since they are subtracted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class SchemaRow(Base):
    """One row: the version of all of these tables (see `schema.py`)."""

    __tablename__ = "schema_version"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class EditRow(Base):
    __tablename__ = "edits"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    checkpoint: Mapped[str] = mapped_column(String(128))
    specification: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class JobRow(Base):
    """`owner` is the process that runs the job and `beat` its last sign of life; `wanted` is what somebody asked it to become."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    checkpoint: Mapped[str] = mapped_column(String(128))
    checkpoint_sha256: Mapped[str] = mapped_column(String(64))
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    total: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), index=True)
    wanted: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(String(128))
    beat: Mapped[float] = mapped_column(default=0.0)
    started: Mapped[float] = mapped_column(default=0.0)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ResultRow(Base):
    """A finished row of a job. Its address is its primary key, so none is there twice, whoever computes it."""

    __tablename__ = "job_rows"

    job: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    finished: Mapped[float]
    values: Mapped[str] = mapped_column(Text)  # JSON, handed out as it is

    __table_args__ = (Index("job_rows_by_time", "job", "finished"),)


class ViewRow(Base):
    """A view behind a short link; with a title it is in the gallery. `token` is the hash of what deletes it."""

    __tablename__ = "views"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    path: Mapped[str] = mapped_column(String(32))
    query: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(String(100), index=True)
    note: Mapped[str] = mapped_column(Text)
    checkpoint: Mapped[str | None] = mapped_column(String(128))
    sha256: Mapped[str | None] = mapped_column(String(64))
    token: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used: Mapped[float] = mapped_column(default=0.0, server_default="0")  # about when it was last opened


class RoomRow(Base):
    """A live room: its newest state and the hash of its presenter's token. Nothing of those who follow is kept."""

    __tablename__ = "rooms"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    expires: Mapped[float]
    created: Mapped[float]
    revision: Mapped[int]
    state: Mapped[str | None] = mapped_column(Text)  # JSON
