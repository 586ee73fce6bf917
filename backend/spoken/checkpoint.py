"""A language model with the world that it is asked about: what is edited and measured, as a checkpoint that was trained here is."""

from __future__ import annotations

import hashlib
import threading
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend.lm.library import Library
from shatterscope.backend.lm.pretrained import Config, LanguageModelError
from shatterscope.backend.lm.store import WEIGHTS, LanguageModelCard, LoadedModel, kept
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.spoken.contexts import SentenceContexts
from shatterscope.backend.spoken.knowledge import KNOWLEDGE, read_knowledge
from shatterscope.backend.spoken.readings import KeptReadings
from shatterscope.backend.spoken.recorded import RecordedCheckpoint, recorded
from shatterscope.backend.spoken.statistics import KeptStatistics
from shatterscope.backend.spoken.text import held_out_tokens
from shatterscope.backend.spoken.world import Spoken, SpokenConfig, numbered
from shatterscope.backend.worlds import Holdout

VERSION = 1
"""Of what a language model is asked besides what its knowledge says: contexts and texts. Part of its identity."""


class LanguageCheckpoint:
    """
    Attributes:
        id: its name among the models that are kept.
        world: what it is asked about.
        holdout: nothing.
        shape: of the model, without loading it.
    """

    def __init__(self, folder: Path, card: LanguageModelCard, library: Library) -> None:
        """Raises `LanguageModelError` where its knowledge is not there, or is of other weights."""
        self.id, self.card, self.folder, self._library = folder.name, card, folder, library
        knowledge = read_knowledge(folder, card.sha256)
        self.world = Spoken(SpokenConfig(knowledge))
        n, r = self.world.n_entities, self.world.n_relations
        self.holdout = Holdout(np.zeros((n, r), dtype=bool), np.zeros((n, 0), dtype=bool))
        self.shape: Config = card.config
        self.knowledge = knowledge

    @property
    def sha256(self) -> str:
        return self.card.sha256[WEIGHTS]

    @cached_property
    def identity(self) -> str:
        parts = (str(VERSION), self.sha256, self.knowledge.model_dump_json())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def loaded(self) -> LoadedModel:
        """In memory, with its tokens numbered as its world numbers them. Raises `LanguageModelError` where it is not there any more, or is damaged."""
        return self._library.get(self.id, lambda model: numbered(model, self.world.numbering))

    @property
    def model(self) -> LanguageModel:
        return self.loaded.model

    @cached_property
    def statistics(self) -> KeptStatistics:
        return KeptStatistics(self.folder, self.sha256, self.shape.n_layers, self._model_and_text)

    def _model_and_text(self) -> tuple[LanguageModel, Tensor]:
        return self.model, torch.from_numpy(self.contexts.text)

    @cached_property
    def readings(self) -> KeptReadings:
        return KeptReadings(
            self.folder, self.identity, self.world, self.shape.n_layers, lambda: (self.model, self.held_out_text)
        )

    @cached_property
    def contexts(self) -> SentenceContexts:
        return SentenceContexts(self.world, self.loaded.tokenizer)

    @cached_property
    def held_out_text(self) -> Tensor:
        """(B, T) tokens that nothing else is measured on."""
        text = held_out_tokens(self.loaded.tokenizer)
        return torch.tensor([self.world.numbering.all_new(row) for row in text.tolist()])


Language = LanguageCheckpoint | RecordedCheckpoint


class LanguageCheckpoints:
    """All language models that are kept in a folder, as it is now: they are added and removed while a server runs. `recorded`: those that are played back where
    they are not kept."""

    def __init__(self, library: Library, recordings: Path | None = None) -> None:
        self.library, self._recordings = library, recordings
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[object, ...], LanguageCheckpoint]] = {}

    @cached_property
    def recorded(self) -> dict[str, RecordedCheckpoint]:
        """Read when somebody first asks what there is, and not at the start."""
        return recorded(self._recordings)

    def all(self) -> tuple[dict[str, LanguageCheckpoint], dict[str, str]]:
        cards, problems = kept(self.library.root)
        found = {}
        for name, card in cards.items():
            try:
                found[name] = self._one(name, card)
            except LanguageModelError as error:
                problems[name] = str(error)
        return found, problems

    def _one(self, name: str, card: LanguageModelCard) -> LanguageCheckpoint:
        folder = self.library.root / name
        try:
            written = (folder / KNOWLEDGE).stat()
            stamp: tuple[object, ...] = (card.sha256[WEIGHTS], written.st_mtime_ns, written.st_size)
        except OSError:
            stamp = (card.sha256[WEIGHTS],)
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                known = self._known[name] = (stamp, LanguageCheckpoint(folder, card, self.library))
            return known[1]
