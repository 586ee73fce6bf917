"""Live rooms as they survive a restart: id, hash of the presenter's token, newest state. Nothing personal is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select

from shatterscope.backend.store.database import Store
from shatterscope.backend.store.readable import Seconds, columns, readable
from shatterscope.backend.store.tables import RoomRow


@dataclass(frozen=True)
class StoredRoom:
    """`token_hash` is SHA-256 in hexadecimal, `expires` and `created` seconds since the epoch, `state` JSON."""

    id: str
    token_hash: str
    expires: Seconds
    created: Seconds
    revision: int
    state: str | None


class RoomStore:
    """Safe to use from several threads. Raises `StoreError` from every method, where the database cannot be used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, rooms: Iterable[StoredRoom]) -> None:
        """Write rooms as they are now, in one transaction."""
        with self._store.session() as session:
            for room in rooms:
                session.merge(RoomRow(**asdict(room)))
            session.commit()

    def remove(self, ids: Collection[str]) -> None:
        with self._store.session() as session:
            session.execute(delete(RoomRow).where(RoomRow.id.in_(ids)))
            session.commit()

    def load(self, now: float) -> list[StoredRoom]:
        """The rooms that are open at `now`; the others are deleted, but for those that cannot be read, which are passed over."""
        with self._store.session() as session:
            session.execute(delete(RoomRow).where(RoomRow.expires <= now))
            session.commit()
            rows = session.execute(select(*columns(RoomRow, StoredRoom)).order_by(RoomRow.created)).all()
        return readable(StoredRoom, rows)
