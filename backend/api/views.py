"""Views behind short links: whoever has the id opens it, whoever has the token deletes it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime

from backend.api.problems import ProblemError
from backend.share_schemas import NewView, View, ViewAddress, ViewCreated
from backend.store import Store, StoredView, Views

MAX_VIEWS = 20_000
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that is read as something else
ID_LENGTH = 8


async def create(store: Store, new: NewView) -> tuple[ViewCreated, bool]:
    """The stored view, and whether it is new. A view without a title is named by its content, so the same one is kept once.

    Raises:
        ProblemError: 503 where this server keeps as many views as it may.
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
        if views.count() >= MAX_VIEWS:
            raise ProblemError(503, f"this server keeps {MAX_VIEWS} views at most; copy the whole link instead")
        if views.put(stored):
            return ViewCreated(**wire(stored).model_dump(), token=token), True
    raise ProblemError(503, "no free name was found for this view; try again")


async def get(store: Store, id: str) -> View:
    """Raises `ProblemError` 404."""
    return wire(await asyncio.to_thread(_find, Views(store), id))


async def gallery(store: Store, limit: int) -> list[View]:
    return [wire(each) for each in await asyncio.to_thread(Views(store).gallery, limit)]


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
    return View(
        id=stored.id,
        state=ViewAddress.model_validate({"path": stored.path, "query": stored.query}),
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
