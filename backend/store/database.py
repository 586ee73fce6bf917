"""The database, and edits by id: the complete specification of every edit ever made, so that its link can be computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from backend.store.tables import Base, EditRow


class StoreError(RuntimeError):
    """The store cannot be opened, read or written; the message says where it is and what to do."""


class Store:
    """Opens (and creates) the database at `url`, any SQLAlchemy URL. Safe to use from several threads.

    Raises:
        StoreError: from every method, where the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._where = url
        try:
            parsed = make_url(url)
            self._where = parsed.render_as_string(hide_password=True)
            options: dict[str, Any] = {}
            if parsed.get_backend_name() == "sqlite":
                if parsed.database in (None, "", ":memory:"):  # every connection would be a database of its own
                    options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
                else:
                    self._where = str(parsed.database)
                    Path(self._where).parent.mkdir(parents=True, exist_ok=True)
            self._engine: Engine = create_engine(parsed, **options)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"SHATTERSCOPE_DATABASE_URL is not a usable SQLAlchemy URL ({type(error).__name__}: {error})"
            ) from error
        except OSError as error:
            raise self._problem(error.strerror or str(error)) from error
        if parsed.get_backend_name() == "sqlite":
            event.listen(self._engine, "connect", _configure_sqlite)
        with self._guard():
            Base.metadata.create_all(self._engine)

    def put_edit(self, id: str, checkpoint: str, specification: list[dict[str, Any]]) -> None:
        """Remember an edit; one that is known already stays as it is."""
        with self.session() as session:
            if session.get(EditRow, id) is None:
                session.add(
                    EditRow(id=id, checkpoint=checkpoint, specification=specification, created=datetime.now(UTC))
                )
                try:
                    session.commit()
                except IntegrityError:  # another process was faster: same id, same content
                    session.rollback()

    def get_edit(self, id: str) -> tuple[str, list[dict[str, Any]]] | None:
        """(checkpoint, specification) of an edit, None where it was never made."""
        with self.session() as session:
            row = session.scalars(select(EditRow).where(EditRow.id == id)).one_or_none()
            return None if row is None else (row.checkpoint, row.specification)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the database; what goes wrong in it is raised as `StoreError`."""
        with self._guard(), Session(self._engine) as session:
            yield session

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._problem(str(getattr(error, "orig", None) or error)) from error

    def _problem(self, reason: str) -> StoreError:
        return StoreError(
            f"cannot use the store at {self._where}: {reason}. Free or unlock that place, "
            "or point SHATTERSCOPE_STATE_DIR at a folder that can be written"
        )


def _configure_sqlite(connection: Any, _: object) -> None:
    """Readers never wait for the writer, and a lock held by another process is waited for."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
