"""What the routes do: looks up, computes off the event loop, remembers.

Everything computed is kept under a key of what it depends on (hash of the weights, id of the edits, the request), so the same
thing asked for by fifty viewers is computed once. Strength and alignment are cheap to change: an edit's optimisation and the
picture before the edit are kept apart from what depends on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from backend import __version__
from backend.api import wire
from backend.api.answers import ask, error_list, wrong_facts
from backend.api.cache import Cache
from backend.api.executor import Executor
from backend.api.problems import ProblemError, invalid
from backend.checkpoints import Checkpoint, CheckpointError, CheckpointRegistry
from backend.graph import Relation
from backend.schemas import CheckpointInfo, ErrorList, FactInfo, Health
from backend.settings import Settings, SettingsError, resolve_device
from backend.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")


class Laboratory:
    """One per server. Raises `SettingsError` and `StoreError` where it cannot be set up."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.device = torch.device(resolve_device(settings.device))
        self.store = Store(settings.store_url)
        self.registry = CheckpointRegistry(settings.models_dir, self.device)
        self.default_id = self._default_id()
        self.cache = Cache(settings.cache_mb * 1024 * 1024)
        self.executor = Executor(settings.workers, settings.queue_limit)

    def _default_id(self) -> str | None:
        wanted = self.settings.default_checkpoint
        if wanted is None:
            return self.registry.default_id
        try:
            return self.registry.get(wanted).id
        except CheckpointError as error:
            raise SettingsError(f"SHATTERSCOPE_DEFAULT_CHECKPOINT={wanted!r} is not usable: {error}") from None

    def close(self) -> None:
        self.executor.close()
        self.store.close()

    async def _compute(self, key: str, job: Callable[[], T]) -> T:
        """`job()` from the cache, or run once in the executor."""
        return await self.cache.get(key, lambda: self.executor.run(job))

    # --- looking up ---------------------------------------------------------------------------------------------

    def health(self) -> Health:
        return Health(
            status="ok",
            version=__version__,
            device=str(self.device),
            checkpoints=self.registry.ids(),
            problems=self.registry.problems,
        )

    def checkpoints(self) -> list[CheckpointInfo]:
        found = [self.registry.get(name) for name in self.registry.ids()]
        return [wire.checkpoint_info(each, each.id == self.default_id) for each in found]

    def _checkpoint(self, id: str, field: str | None = None) -> Checkpoint:
        """404 where the id is the address (`field` None), 422 where it is a field of the request."""
        try:
            return self.registry.get(id)
        except CheckpointError as error:
            raise ProblemError(404, str(error)) if field is None else invalid(field, str(error)) from None

    @staticmethod
    def _relation(checkpoint: Checkpoint, name: str, field: str) -> Relation:
        try:
            return checkpoint.graph.relation(name)
        except KeyError as error:
            raise invalid(field, str(error.args[0])) from None

    @staticmethod
    def _entity(checkpoint: Checkpoint, entity: int, field: str) -> int:
        n = checkpoint.graph.n_entities
        if not 0 <= entity < n:
            raise invalid(field, f"entities of {checkpoint.id} are 0..{n - 1}, got {entity}")
        return entity

    # --- asking -------------------------------------------------------------------------------------------------

    async def fact(self, id: str, subject: int, relation: str, relation2: str | None, edit: str | None) -> FactInfo:
        checkpoint = self._checkpoint(id)
        self._entity(checkpoint, subject, "query.subject")
        relations = [self._relation(checkpoint, relation, "query.relation")]
        if relation2 is not None:
            second = self._relation(checkpoint, relation2, "query.relation2")
            if second.order != relations[0].order:
                raise invalid("query.relation2", f"a composition stays in one order, {relation} and {relation2} do not")
            relations.append(second)
        return await self._compute(
            f"fact/{checkpoint.sha256}/{edit}/{subject}/{relation}/{relation2}",
            lambda: ask(checkpoint, checkpoint.model, subject, relations),
        )

    async def errors(self, id: str, limit: int) -> ErrorList:
        checkpoint = self._checkpoint(id)
        facts = await self._compute(f"errors/{checkpoint.sha256}", lambda: wrong_facts(checkpoint))
        return error_list(facts, limit)

    async def warm_up(self) -> None:
        """Nothing yet."""
