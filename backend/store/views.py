"""Views behind short links, and the gallery of those with a title."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from backend.store.database import Store
from backend.store.tables import ViewRow


@dataclass(frozen=True)
class StoredView:
    """One view; `token` is the hash of what deletes it, None where nothing does."""

    id: str
    path: str
    query: str
    title: str | None
    note: str
    checkpoint: str | None
    sha256: str | None
    token: str | None
    created: datetime


COLUMNS = [getattr(ViewRow, name) for name in StoredView.__dataclass_fields__]


class Views:
    """Safe to use from several threads and processes. Raises `StoreError` from every method, where the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, view: StoredView) -> bool:
        """Keep a view; False where its id is taken, which then stays as it is."""
        with self._store.session() as session:
            session.add(ViewRow(**vars(view)))
            try:
                session.commit()
            except IntegrityError:
                session.rollback()
                return False
            return True

    def get(self, id: str) -> StoredView | None:
        with self._store.session() as session:
            row = session.execute(select(*COLUMNS).where(ViewRow.id == id)).one_or_none()
        return None if row is None else _view(row)

    def gallery(self, limit: int) -> list[StoredView]:
        """Views with a title, the newest first."""
        query = select(*COLUMNS).where(ViewRow.title.is_not(None)).order_by(ViewRow.created.desc(), ViewRow.id)
        with self._store.session() as session:
            return [_view(row) for row in session.execute(query.limit(limit))]

    def count(self) -> int:
        with self._store.session() as session:
            return session.scalar(select(func.count()).select_from(ViewRow)) or 0

    def delete(self, id: str) -> bool:
        """False where it was not there."""
        with self._store.session() as session:
            row = session.get(ViewRow, id)
            if row is None:
                return False
            session.delete(row)
            session.commit()
            return True


def _view(row: object) -> StoredView:
    found = StoredView(*row)  # type: ignore[misc]
    # SQLite forgets the time zone.
    return (
        found if found.created.tzinfo else StoredView(**{**vars(found), "created": found.created.replace(tzinfo=UTC)})
    )
