"""What the routes do: looks up, computes off the event loop, remembers.

Everything computed is kept under a key of what it depends on (hash of the weights, id of the edits, the request), so the same
thing asked for by fifty viewers is computed once. Strength and alignment are cheap to change: an edit's optimisation and the
picture before the edit are kept apart from what depends on them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from shatterscope.backend import __version__, convert
from shatterscope.backend.api.cache import Cache
from shatterscope.backend.api.costs import too_much, work_of
from shatterscope.backend.api.executor import Executor
from shatterscope.backend.api.problems import ProblemError, invalid
from shatterscope.backend.api.trainings import Trainings
from shatterscope.backend.checkpoints import AnyCheckpoint, Checkpoint, CheckpointError, CheckpointRegistry
from shatterscope.backend.consistency import Supposed, implied_by
from shatterscope.backend.editors import EDITORS, ORACLE, EditDelta
from shatterscope.backend.edits import (
    VERSION,
    CompleteSpec,
    EditedModel,
    EditError,
    complete_spec,
    delta_keys,
    edit_id,
    run_edits,
    stored_id,
)
from shatterscope.backend.evaluation import ask, mistakes
from shatterscope.backend.lm.library import Library
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.oracles.kept import TRAINING_SECONDS, training_key
from shatterscope.backend.settings import Settings, SettingsError, resolve_device
from shatterscope.backend.spoken.checkpoint import Language, LanguageCheckpoint, LanguageCheckpoints
from shatterscope.backend.spoken.measuring import mistakes as spoken_mistakes
from shatterscope.backend.spoken.recorded import RecordedCheckpoint, recordings_of
from shatterscope.backend.store import Store
from shatterscope.backend.worlds import Relation
from shatterscope.wire.base import Health
from shatterscope.wire.edits import EditorInfo, EditRequest, EditResult, EditSpec, ImpliedFact
from shatterscope.wire.world import CheckpointInfo, ErrorList, FactInfo, Targets

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """A stack of edits that has been computed, and the time that took."""

    checkpoint_id: str
    edited: EditedModel
    seconds: float


def model_of(checkpoint: AnyCheckpoint, edited: EditedModel | None) -> LanguageModel:
    """May have to load a language model: for threads of the executor alone."""
    return checkpoint.model if edited is None else edited.model


class Laboratory:
    """One per server. Raises `SettingsError` and `StoreError` where it cannot be set up."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.device = torch.device(resolve_device(settings.device))
        self.store = Store(settings.store_url)
        self.registry = CheckpointRegistry(settings.models_dir, self.device)
        library = Library(settings.language_models_dir, self.device, settings.language_model_seconds, self._forget)
        self.languages = LanguageCheckpoints(library, recordings_of(settings.models_dir))
        self.default_id = self._default_id()
        self.cache = Cache(settings.cache_mb * 1024 * 1024)
        self.trainings = Trainings(settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.executor = Executor(settings.workers, settings.queue_limit, settings.compute_seconds)

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
        self.languages.library.release()
        self.trainings.close()
        self.store.close()

    async def compute(self, key: str, job: Callable[[], T]) -> T:
        """`job()` from the cache, or run once in the executor. How `key` begins says what kind of work it is."""
        self._loop = asyncio.get_running_loop()
        return await self.cache.get(key, lambda: self.executor.run(job, key.partition("/")[0]))

    # --- looking up ---------------------------------------------------------------------------------------------

    def health(self) -> Health:
        kept, problems = self.languages.all()
        languages = [*kept, *(name for name in self.languages.recorded if name not in kept)]
        return Health(
            status="ok",
            version=__version__,
            device=str(self.device),
            checkpoints=[*self.registry.ids(), *(name for name in languages if name not in self.registry.ids())],
            problems={**problems, **self.registry.problems},
            editor_problems=EDITORS.problems,
        )

    def checkpoints(self) -> list[CheckpointInfo]:
        """Those that were trained here, the default one first; then language models."""
        found = [self.registry.get(name) for name in self.registry.ids()]
        trained = [convert.checkpoint_info(each, each.id == self.default_id) for each in found]
        languages: dict[str, Language] = {**self.languages.recorded, **self.languages.all()[0]}
        known = {each.id for each in found}
        return [*trained, *(convert.language_info(each) for name, each in languages.items() if name not in known)]

    def find(self, id: str) -> AnyCheckpoint:
        """Raises `CheckpointError`."""
        if id not in self.registry.ids():
            languages, problems = self.languages.all()
            if id in languages:
                return languages[id]
            if id in problems:
                raise CheckpointError(f"language model {id!r} cannot be used: {problems[id]}")
            if id in self.languages.recorded:
                return self.languages.recorded[id]
        return self.registry.get(id)

    def checkpoint(self, id: str, field: str | None = None) -> AnyCheckpoint:
        """404 where the id is the address (`field` None), 422 where it is a field of the request."""
        try:
            return self.find(id)
        except CheckpointError as error:
            raise ProblemError(404, str(error)) if field is None else invalid(field, str(error)) from None

    def trained(self, id: str, field: str | None = None) -> Checkpoint:
        """The same for what a language model cannot be asked: 409 where the id is the address, 422 where it is a field."""
        found = self.checkpoint(id, field)
        if isinstance(found, Checkpoint):
            return found
        message = f"{id} is a language model, and this needs a checkpoint that was trained here"
        raise ProblemError(409, message) if field is None else invalid(field, message)

    def language(self, id: str) -> Language:
        found = self.checkpoint(id)
        if isinstance(found, Language):
            return found
        raise ProblemError(
            409, f"{id} was trained here: all that it knows is in its world; this is told of language models"
        )

    def _forget(self, name: str) -> None:
        """Edited models share the weights of a language model: kept, they would keep it in memory."""
        with suppress(RuntimeError):  # the loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(
                    self.cache.drop, lambda value: isinstance(value, Done) and value.checkpoint_id == name
                )

    @staticmethod
    def relation(checkpoint: AnyCheckpoint, name: str, field: str) -> Relation:
        try:
            return checkpoint.world.relation(name)
        except KeyError as error:
            raise invalid(field, str(error.args[0])) from None

    @staticmethod
    def _entity(checkpoint: AnyCheckpoint, entity: int, field: str) -> int:
        n = checkpoint.world.n_entities
        if not 0 <= entity < n:
            raise invalid(field, f"entities of {checkpoint.id} are 0..{n - 1}, got {entity}")
        return entity

    # --- asking -------------------------------------------------------------------------------------------------

    async def fact(self, id: str, subject: int, relation: str, relation2: str | None, edit: str | None) -> FactInfo:
        checkpoint = self.checkpoint(id)
        self._entity(checkpoint, subject, "query.subject")
        relations = [self.relation(checkpoint, relation, "query.relation")]
        if relation2 is not None:
            second = self.relation(checkpoint, relation2, "query.relation2")
            if second.group != relations[0].group:
                raise invalid("query.relation2", f"a composition stays in one order, {relation} and {relation2} do not")
            relations.append(second)
        try:
            asked = subject
            for each in relations:
                asked = checkpoint.world.object_of(asked, each)
        except ValueError as error:
            raise invalid("query.subject", str(error)) from None
        if isinstance(checkpoint, RecordedCheckpoint):
            return checkpoint.fact(edit, relation, subject).model_copy(update={"edit": edit})
        edited = None if edit is None else await self.edited(edit, checkpoint)
        found = await self.compute(
            f"fact/{checkpoint.identity}/{edited and edited.id}/{subject}/{relation}/{relation2}",
            lambda: ask(checkpoint.world, checkpoint.holdout, model_of(checkpoint, edited), subject, relations),
        )
        return convert.fact_info(checkpoint, edit, subject, relations, found)

    async def targets(self, id: str, subject: int, relation: str) -> Targets:
        checkpoint = self.checkpoint(id)
        self._entity(checkpoint, subject, "query.subject")
        known = self.relation(checkpoint, relation, "query.relation")
        key = f"targets/{checkpoint.identity}/{subject}/{relation}"
        found = await self.compute(key, lambda: convert.targets(checkpoint, subject, known))
        return found.model_copy(update={"checkpoint": checkpoint.id})

    async def errors(self, id: str, limit: int) -> ErrorList:
        checkpoint = self.checkpoint(id)
        if isinstance(checkpoint, RecordedCheckpoint):
            return convert.error_list([], limit)
        if isinstance(checkpoint, LanguageCheckpoint):
            wrong = await self.compute(
                f"errors/{checkpoint.identity}", lambda: spoken_mistakes(checkpoint.world, checkpoint.readings.survey())
            )
            return convert.error_list(wrong, limit)
        world, holdout = checkpoint.world, checkpoint.holdout
        found = await self.compute(f"errors/{checkpoint.identity}", lambda: mistakes(world, holdout, checkpoint.model))
        return convert.error_list(found, limit)

    # --- editing ------------------------------------------------------------------------------------------------

    def editors(self) -> list[EditorInfo]:
        return [convert.editor_info(editor) for editor in EDITORS.values()]

    async def implied(self, id: str, subject: int, relation: str, object: int, edit: str | None) -> list[ImpliedFact]:
        """What would have to change together with a fact, as the model with `edit` answers."""
        checkpoint = self.checkpoint(id)
        self._entity(checkpoint, subject, "query.subject")
        self._entity(checkpoint, object, "query.object")
        fact = Supposed(subject, self.relation(checkpoint, relation, "query.relation"), object)
        if not checkpoint.world.present[subject, fact.relation.index]:
            raise invalid("query.subject", f"{checkpoint.world.entities[subject]} has no {relation}; choose another")
        if checkpoint.world.worded:  # what else a sentence changes no rule says
            return []
        edited = None if edit is None else await self.edited(edit, checkpoint)
        made = () if edited is None else edited.outcomes
        said = {(each.spec.subject, (each.spec.relation,)) for each in made if each.spec.strength}
        found = await self.compute(
            f"implied/{checkpoint.identity}/{edited and edited.id}/{subject}/{relation}/{object}",
            lambda: implied_by(checkpoint.world, model_of(checkpoint, edited), [fact], said)[0],
        )
        return [convert.implied_fact(each) for each in found]

    async def edit(self, request: EditRequest) -> EditResult:
        """Make a stack of edits, and remember its specification."""
        checkpoint = self.checkpoint(request.checkpoint, "body.checkpoint")
        specs = [self.complete(checkpoint, spec, f"body.edits.{i}") for i, spec in enumerate(request.edits)]
        if (work := work_of(specs)) > self.settings.work_limit:
            raise invalid("body.edits", too_much(work, self.settings.work_limit))
        if isinstance(checkpoint, RecordedCheckpoint):
            return await self._recorded(checkpoint, specs)
        try:
            done = await self.make(checkpoint, specs)
        except EditError as error:
            raise invalid(f"body.{error.field}", error.message) from None
        return convert.edit_result(checkpoint, done.edited, done.seconds)

    async def _recorded(self, checkpoint: RecordedCheckpoint, specs: Sequence[CompleteSpec]) -> EditResult:
        """What the model answered when it was there."""
        found = checkpoint.record(edit_id(checkpoint, specs)).result
        await asyncio.to_thread(self.store.put_edit, found.id, checkpoint.id, [spec.as_dict() for spec in specs])
        return found

    async def make(self, checkpoint: AnyCheckpoint, specs: Sequence[CompleteSpec]) -> Done:
        """A stack of edits, computed or from the cache; it can be asked for by its id from then on. Raises `EditError`."""
        done = await self._run(checkpoint, specs)
        await asyncio.to_thread(self.store.put_edit, done.edited.id, checkpoint.id, [spec.as_dict() for spec in specs])
        return done

    async def edit_result(self, id: str) -> EditResult:
        checkpoint = self.find((await self.specification(id))[0]) if self.cache.peek(f"edit/{id}") is None else None
        if isinstance(checkpoint, RecordedCheckpoint):
            return checkpoint.record(id).result
        done = await self._done(id)
        return convert.edit_result(self.find(done.checkpoint_id), done.edited, done.seconds)

    async def edited_model(self, id: str) -> tuple[AnyCheckpoint, LanguageModel]:
        done = await self._done(id)
        return self.find(done.checkpoint_id), done.edited.model

    async def delta_file(self, id: str) -> bytes:
        done = await self._done(id)
        return convert.delta_file(self.find(done.checkpoint_id), done.edited)

    async def weights_file(self, id: str) -> bytes:
        done = await self._done(id)
        return await asyncio.to_thread(convert.weights_file, self.find(done.checkpoint_id), done.edited)

    @staticmethod
    def complete(checkpoint: AnyCheckpoint, spec: EditSpec, path: str, anywhere: bool = False) -> CompleteSpec:
        """What was ordered with every default filled in, as `complete_spec` does. `path`: of the field that holds it."""
        layers = checkpoint.shape.n_layers
        try:
            return complete_spec(checkpoint.world, layers, anywhere=anywhere, **spec.model_dump())
        except EditError as error:
            raise invalid(f"{path}.{error.field}", error.message) from None

    async def _run(self, checkpoint: AnyCheckpoint, specs: Sequence[CompleteSpec]) -> Done:
        self._loop = asyncio.get_running_loop()
        return await self.cache.get(f"edit/{edit_id(checkpoint, specs)}", lambda: self._run_anew(checkpoint, specs))

    async def _run_anew(self, checkpoint: AnyCheckpoint, specs: Sequence[CompleteSpec]) -> Done:
        """Only deltas that are not known yet are optimised: a changed strength or one more edit on a stack is cheap."""
        keys = delta_keys(checkpoint.identity, specs)
        deltas = {key: delta for key in keys if (delta := self.cache.peek(f"delta/{key}")) is not None}
        if len(deltas) < len(keys):
            deltas |= await self._trained(checkpoint, specs, keys)
        trained = sum(delta.diagnostics.get(TRAINING_SECONDS, 0.0) for delta in deltas.values())

        def job() -> Done:
            start = time.perf_counter()
            edited = run_edits(checkpoint, specs, deltas)
            return Done(checkpoint.id, edited, trained + time.perf_counter() - start)

        done = await self.executor.run(job, "edit")
        for key, delta in zip(keys, done.edited.deltas, strict=True):
            self.cache.put(f"delta/{key}", delta)
        return done

    async def _trained(
        self, checkpoint: AnyCheckpoint, specs: Sequence[CompleteSpec], keys: Sequence[str]
    ) -> dict[str, EditDelta]:
        """The delta of an oracle by its key; nothing for edits. Raises `EditError`."""
        names = [spec.method for spec in specs]
        if ORACLE.name not in names:
            return {}
        if len(specs) > 1:
            raise EditError(
                f"edits.{names.index(ORACLE.name)}.method",
                "the oracle learns one fact and stands in no stack; ask for it alone",
            )
        if not isinstance(checkpoint, Checkpoint):
            raise EditError(
                "edits.0.method",
                f"the oracle goes on training, and {checkpoint.id} was not trained here; choose another method",
            )
        key = training_key(checkpoint, specs[0])
        found = await self.cache.get(f"oracle/{key}", lambda: self.trainings.delta(checkpoint, specs[0]))
        return dict.fromkeys(keys, found)

    async def specification(self, id: str) -> tuple[str, list[dict[str, Any]]]:
        """(checkpoint id, complete specifications) of an edit; a 404 for one never made here."""
        stored = await asyncio.to_thread(self.store.get_edit, id)
        if stored is None:
            raise ProblemError(404, f"no edit {id!r} was made on this server; make it with POST /edits")
        return stored

    async def present_id(self, id: str) -> str:
        """The id that edits called `id` have now: another one where an earlier version of this program made them. Nothing is computed.

        Raises:
            ProblemError: 404 for an id never made here, 409 where it cannot be computed any more.
        """
        if self.cache.peek(f"edit/{id}") is not None:
            return id
        return edit_id(*await self._order(id))

    async def _order(self, id: str) -> tuple[AnyCheckpoint, list[CompleteSpec]]:
        """What was ordered under `id`. Raises as `present_id`."""
        name, specification = await self.specification(id)
        try:
            checkpoint = self.find(name)
            if id not in (stored_id(checkpoint, specification, version) for version in range(1, VERSION + 1)):
                raise ProblemError(
                    409,
                    f"edit {id!r} was made on other weights or statistics than those of {name!r} now; make it again",
                )
            layers = checkpoint.shape.n_layers
            return checkpoint, [complete_spec(checkpoint.world, layers, **spec) for spec in specification]
        except (CheckpointError, EditError, TypeError, ValueError) as error:
            raise _lost(id, error) from None

    async def _done(self, id: str) -> Done:
        """The edits called `id`: cached, or computed again from the store. Raises as `present_id`."""
        cached: Done | None = self.cache.peek(f"edit/{id}")
        if cached is not None:
            return cached
        checkpoint, specs = await self._order(id)
        try:
            return await self._run(checkpoint, specs)
        except EditError as error:
            raise _lost(id, error) from None

    async def edited(self, id: str, checkpoint: AnyCheckpoint, field: str = "query.edit") -> EditedModel:
        """The model edited by `id`, which must be an edit of `checkpoint`."""
        done = await self._done(id)
        if self.find(done.checkpoint_id).identity != checkpoint.identity:  # copies of one checkpoint are one
            raise invalid(field, f"edit {id!r} belongs to checkpoint {done.checkpoint_id!r}, not {checkpoint.id!r}")
        return done.edited


def _lost(id: str, error: Exception) -> ProblemError:
    return ProblemError(409, f"edit {id!r} cannot be computed any more: {error}")
