"""Views behind short links, and the gallery of those with a title."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from shatterscope.backend.store.database import Store
from shatterscope.backend.store.readable import Time, columns, readable
from shatterscope.backend.store.tables import ViewRow

DAY = 24 * 3600.0


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
    created: Time


class Views:
    """Safe to use from several threads and processes. Raises `StoreError` from every method, where the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, view: StoredView) -> bool:
        """Keep a view; False where its id is taken, which then stays as it is."""
        with self._store.session() as session:
            session.add(ViewRow(**vars(view), used=time.time()))
            try:
                session.commit()
            except IntegrityError:
                session.rollback()
                return False
            return True

    def get(self, id: str) -> StoredView | None:
        with self._store.session() as session:
            rows = session.execute(select(*columns(ViewRow, StoredView)).where(ViewRow.id == id)).all()
        return next(iter(readable(StoredView, rows)), None)

    def touch(self, id: str) -> None:
        """Remember that a view was opened, once a day at most: it is not among the first to go."""
        now = time.time()
        stale = or_(ViewRow.used < now - DAY, ViewRow.used > now)
        with self._store.session() as session:
            session.execute(update(ViewRow).where(ViewRow.id == id, stale).values(used=now))
            session.commit()

    def gallery(self, limit: int) -> list[StoredView]:
        """Views with a title, the newest first."""
        query = select(*columns(ViewRow, StoredView)).where(ViewRow.title.is_not(None))
        with self._store.session() as session:
            rows = session.execute(query.order_by(ViewRow.created.desc(), ViewRow.id).limit(limit)).all()
        return readable(StoredView, rows)

    def make_room(self, keep: int) -> None:
        """Delete what is more than `keep` views: those without a title first, and of each kind those that nobody has opened for the
        longest time."""
        with self._store.session() as session:
            excess = (session.scalar(select(func.count()).select_from(ViewRow)) or 0) - keep
            if excess > 0:
                first = ViewRow.title.is_not(None), ViewRow.used, ViewRow.created, ViewRow.id
                session.execute(
                    delete(ViewRow).where(ViewRow.id.in_(select(ViewRow.id).order_by(*first).limit(excess)))
                )
                session.commit()

    def delete(self, id: str) -> bool:
        """False where it was not there."""
        with self._store.session() as session:
            row = session.get(ViewRow, id)
            if row is None:
                return False
            session.delete(row)
            session.commit()
            return True
