"""Views behind short links: whoever has the id opens it, whoever has the token deletes it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from shatterscope.backend.api.limiter import Limiter
from shatterscope.backend.api.problems import ProblemError
from shatterscope.backend.store import Store, StoredView, StoreError, Views
from shatterscope.wire.share import NewView, View, ViewAddress, ViewCreated

log = logging.getLogger(__name__)

MAX_VIEWS = 20_000
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that is read as something else
ID_LENGTH = 8


def view_limit() -> Limiter:
    """How often one address may store a view: a whole class may share one."""
    return Limiter(rate=1, burst=200)


async def create(store: Store, new: NewView) -> tuple[ViewCreated, bool]:
    """The stored view, and whether it is new. A view without a title is named by its content, so the same one is kept once.

    Where this server keeps as many views as it may, the one that nobody has opened for the longest time goes, those without a title first.
    """
    return await asyncio.to_thread(_create, Views(store), new)


def _create(views: Views, new: NewView) -> tuple[ViewCreated, bool]:
    title = new.title or None
    token = secrets.token_urlsafe(24) if title else None
    for _ in range(8):
        id = _random_id() if title else _id_of(new)
        stored = StoredView(
            id=id,
            path=new.state.path,
            query=new.state.query,
            title=title,
            note=new.note,
            checkpoint=new.checkpoint,
            sha256=new.sha256,
            token=_hash(token) if token else None,
            created=datetime.now(UTC),
        )
        if not title and (known := views.get(id)) is not None:
            return ViewCreated(**wire(known).model_dump(), token=None), False
        views.make_room(MAX_VIEWS - 1)
        if views.put(stored):
            return ViewCreated(**wire(stored).model_dump(), token=token), True
    raise ProblemError(503, "no free name was found for this view; try again")


async def get(store: Store, id: str) -> View:
    """Raises `ProblemError` 404."""
    return await asyncio.to_thread(_get, Views(store), id)


def _get(views: Views, id: str) -> View:
    found = wire(_find(views, id))
    with suppress(StoreError):  # a store that can be read but not written still opens what is in it
        views.touch(id)
    return found


async def gallery(store: Store, limit: int) -> list[View]:
    """Views with a title, the newest first; those that cannot be read are passed over."""
    found = []
    for each in await asyncio.to_thread(Views(store).gallery, limit):
        with suppress(ProblemError):
            found.append(wire(each))
    return found


async def delete(store: Store, id: str, token: str) -> None:
    """Raises `ProblemError`: 404, or 403 where the token is not this view's."""
    await asyncio.to_thread(_delete, Views(store), id, token)


def _delete(views: Views, id: str, token: str) -> None:
    stored = _find(views, id)
    if stored.token is None or not secrets.compare_digest(stored.token, _hash(token)):
        raise ProblemError(403, "this token is not that of this view; only the browser that saved a view deletes it")
    views.delete(id)


def _find(views: Views, id: str) -> StoredView:
    stored = views.get(id)
    if stored is None:
        raise ProblemError(404, f"there is no view {id[:40]!r} on this server")
    return stored


def wire(stored: StoredView) -> View:
    """Raises `ProblemError`, 404, for a view that was stored by another version or is damaged."""
    try:
        state = ViewAddress.model_validate({"path": stored.path, "query": stored.query})
    except ValidationError as error:
        log.warning("view %s in the store is passed over: %s", stored.id, error.errors()[0]["msg"])
        raise ProblemError(404, f"the view {stored.id!r} is damaged and cannot be opened; save it again") from None
    return View(
        id=stored.id,
        state=state,
        title=stored.title,
        note=stored.note,
        checkpoint=stored.checkpoint,
        sha256=stored.sha256,
        created=stored.created.isoformat(timespec="seconds"),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _random_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def _id_of(new: NewView) -> str:
    """One letter longer than a random id, so that the two never meet."""
    number = int.from_bytes(hashlib.sha256(new.model_dump_json().encode()).digest())
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(ID_LENGTH + 1))
