"""The database, and edits by id: the complete specification of every edit ever made, so that its link can be computed again."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, create_engine, delete, event, func, select, type_coerce
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import NullType

from shatterscope.backend.store import schema
from shatterscope.backend.store.tables import EditRow

MAX_EDITS = 200_000  # that are kept; the oldest go first
PRUNE_EVERY = 1000  # edits that are put between two looks at how many there are

log = logging.getLogger(__name__)


class StoreError(RuntimeError):
    """The store cannot be opened, read or written; the message says where it is and what to do. `public` is the same without where
    it is, for those who ask over the network."""

    def __init__(self, message: str, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public or message


class Store:
    """Opens (and creates) the database at `url`, any SQLAlchemy URL. Safe to use from several threads.

    Raises:
        StoreError: from every method, where the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._file: Path | None = None
        self._identity: tuple[int, int] | None = None  # of the file, once it is open
        self.where, self._puts = url, 0
        try:
            parsed = make_url(url)
            self.where = parsed.render_as_string(hide_password=True)
            options: dict[str, Any] = {}
            if parsed.get_backend_name() == "sqlite":
                if parsed.database in (None, "", ":memory:"):  # every connection would be a database of its own
                    options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
                else:
                    self._file, self.where = Path(str(parsed.database)), str(parsed.database)
                    self._file.parent.mkdir(parents=True, exist_ok=True)
            self._engine: Engine = create_engine(parsed, **options)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"SHATTERSCOPE_DATABASE_URL is not a usable SQLAlchemy URL ({type(error).__name__}: {error})"
            ) from error
        except (OSError, ValueError) as error:
            raise self._problem(getattr(error, "strerror", None) or str(error)) from error
        if parsed.get_backend_name() == "sqlite":
            event.listen(self._engine, "connect", _configure_sqlite)
        try:
            with self._guard():
                self._bring_up_to_date()
        except StoreError:
            self._engine.dispose()
            raise
        self._identity = self._identity_now()

    def put_edit(self, id: str, checkpoint: str, specification: list[dict[str, Any]]) -> None:
        """Remember an edit; one that is known already stays as it is."""
        if self.get_edit(id) is not None:
            return
        with self.session() as session:
            session.execute(delete(EditRow).where(EditRow.id == id))  # one that cannot be read
            session.add(EditRow(id=id, checkpoint=checkpoint, specification=specification, created=datetime.now(UTC)))
            try:
                session.commit()
            except IntegrityError:  # another process was faster: same id, same content
                session.rollback()
        self._puts += 1
        if self._puts % PRUNE_EVERY == 0:
            self.prune_edits(MAX_EDITS)

    def get_edit(self, id: str) -> tuple[str, list[dict[str, Any]]] | None:
        """(checkpoint, specification) of an edit, None where it was never made (or is damaged, and can be made anew)."""
        specified: ColumnElement[Any] = type_coerce(EditRow.specification, NullType())
        with self.session() as session:
            row = session.execute(select(EditRow.checkpoint, specified).where(EditRow.id == id)).one_or_none()
        if row is None:
            return None
        checkpoint, specification = row
        found: Any
        try:
            found = json.loads(specification) if isinstance(specification, str | bytes) else specification
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(each, dict) for each in found):
            return str(checkpoint), found
        log.warning("the edit %s in the store is damaged and is passed over", id)
        return None

    def prune_edits(self, keep: int) -> None:
        """Forget the oldest edits but for `keep`."""
        with self.session() as session:
            excess = (session.scalar(select(func.count()).select_from(EditRow)) or 0) - keep
            if excess > 0:
                oldest = select(EditRow.id).order_by(EditRow.created, EditRow.id).limit(excess)
                session.execute(delete(EditRow).where(EditRow.id.in_(oldest)))
                session.commit()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the database; what goes wrong in it is raised as `StoreError`."""
        self._check_file()
        with self._guard(), Session(self._engine) as session:
            yield session

    def _bring_up_to_date(self) -> None:
        with self._engine.connect() as connection:
            if schema.version_of(connection) == schema.VERSION:
                return
        with self._engine.begin() as connection:
            if self._file is not None:  # of several programs that open an old database at once, one does it
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.bring_up_to_date(connection)

    def _identity_now(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            status = os.stat(self._file)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _check_file(self) -> None:
        """SQLite goes on writing into a file that was deleted: all of it would be lost without a word."""
        if self._identity is not None and self._identity_now() != self._identity:
            raise self._error(
                "the file was removed or replaced while this program was running",
                "put it back, or start the program again to begin a new one",
            )

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._problem(str(getattr(error, "orig", None) or error)) from error
        except schema.NewerSchema as error:
            raise self._error(
                str(error),
                "update Shatterscope, or point SHATTERSCOPE_STATE_DIR at another folder",
            ) from None

    def _problem(self, reason: str) -> StoreError:
        """The error with the advice that fits the reason."""
        if "not a database" in reason or "malformed" in reason:
            return self._error(reason, f"keep it under another name and begin a new one: {shlex.join(MOVE_ASIDE)}")
        if "locked" in reason:
            return self._error(reason, "another program holds it: end that one, or try again")
        if "full" in reason:
            return self._error(reason, "free some space on that disk")
        return self._error(reason, "make that place writable, or point SHATTERSCOPE_STATE_DIR at a folder that is")

    def _error(self, reason: str, advice: str) -> StoreError:
        said = f": {reason}. {advice[0].upper()}{advice[1:]}"
        return StoreError(f"cannot use the store at {self.where}{said}", f"this server cannot use its store{said}")


MOVE_ASIDE = ["shatterscope", "store", "--move-aside"]


def move_aside(file: Path) -> Path:
    """Keep a SQLite file, and what belongs to it, under a name that is free; returns that name. Raises `OSError`."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept = file.with_name(f"{file.name}.damaged-{stamp}")
    if kept.exists():
        raise FileExistsError(17, "a file of that name is there already; try again in a second", str(kept))
    os.rename(file, kept)
    for suffix in ("-wal", "-shm"):  # of the same transactions
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            os.rename(beside, kept.with_name(kept.name + suffix))
    return kept


def _configure_sqlite(connection: Any, _: object) -> None:
    """Readers never wait for the writer. A lock of another process is waited for: five seconds, or as `timeout` in the URL says."""
    connection.text_factory = lambda text: text.decode("utf-8", "replace")  # a damaged text damages its own row alone
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
