"""A language model played back: a checkpoint whose answers come from a recording, where the model itself is not on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.data.contexts import Contexts
from shatterscope.backend.lm.pretrained import Config, LanguageModelError
from shatterscope.backend.lm.store import WEIGHTS
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.settings import SHIPPED as PROGRAM
from shatterscope.backend.spoken.recording import SHIPPED, RecordedStack, Recording, read_recording, values
from shatterscope.backend.spoken.world import Spoken, SpokenConfig
from shatterscope.backend.worlds import Holdout, Relation
from shatterscope.wire.world import FactInfo


class RecordedCheckpoint:
    """As `LanguageCheckpoint`, of which it has the name, world and identity, and not the model: whoever asks for more than was recorded is told how to add it."""

    def __init__(self, recording: Recording) -> None:
        self.recording, self.id, self.card = recording, recording.provenance.model, recording.card
        self.knowledge = recording.knowledge
        self.world = Spoken(SpokenConfig(self.knowledge))
        n, r = self.world.n_entities, self.world.n_relations
        self.holdout = Holdout(np.zeros((n, r), dtype=bool), np.zeros((n, 0), dtype=bool))
        self.shape: Config = self.card.config

    @property
    def sha256(self) -> str:
        return self.card.sha256[WEIGHTS]

    @property
    def identity(self) -> str:
        return self.recording.provenance.identity

    @property
    def model(self) -> LanguageModel:
        self.not_recorded("this")

    @property
    def statistics(self) -> Mapping[int, Tensor]:
        self.not_recorded("this")

    @property
    def contexts(self) -> Contexts:
        self.not_recorded("this")

    def not_recorded(self, what: str) -> NoReturn:
        """Raises `LanguageModelError`."""
        raise LanguageModelError(
            f"{self.id} is not on this machine, and {what} is not in its recording. Add the model to compute it: shatterscope models add {self.id}"
        )

    def record(self, edit: str) -> RecordedStack:
        """What was answered to the edits of that id. Raises `LanguageModelError`."""
        if edit not in self.recording.by_id:
            self.not_recorded("this edit")
        return self.recording.by_id[edit]

    def fact(self, edit: str | None, relation: str, subject: int) -> FactInfo:
        """Raises `LanguageModelError`."""
        if edit is None:
            return self.recording.facts[f"{relation}/{subject}"]
        record = self.record(edit)
        if record.result.edits[-1].spec.relation != relation or subject not in record.facts:
            self.not_recorded("the answer to this question after the edit")
        return record.facts[subject]

    def points(self, edit: str | None, relation: Relation, site: str, wording: int | None) -> NDArray[np.float32]:
        """(n, 2 n), as far from each other as the representations at the last layer, the mean over wordings. Raises `LanguageModelError`."""
        if site != f"resid_post.{self.shape.n_layers - 1}" or wording is not None:
            self.not_recorded("this site, or this wording,")
        if relation.name not in self.recording.points:
            self.not_recorded(f"the picture of {relation.name}")
        if edit is not None:
            return values(self.record(edit).points[relation.name])
        found = values(self.recording.points[relation.name])
        return np.concatenate([found, np.zeros_like(found)], 1)


def recordings_of(models_dir: Path) -> Path | None:
    """Where recordings are: they ship beside the checkpoints that ship, and a folder of one's own has none."""
    return SHIPPED if models_dir.resolve() == (PROGRAM / "models_cache").resolve() else None


def recorded(folder: Path | None) -> dict[str, RecordedCheckpoint]:
    """All that ship, by name. One that cannot be read is passed over: it is as if it had not been made."""
    found = {}
    for path in sorted(folder.glob("*.json.gz")) if folder is not None else ():
        try:
            each = RecordedCheckpoint(read_recording(path))
        except LanguageModelError:
            continue
        found[each.id] = each
    return found
