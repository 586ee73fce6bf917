"""One edit in, one row out: what it does at its own strength, and at the smallest at which it takes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from statistics import fmean

import numpy as np
import torch

from shatterscope.backend import __version__
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import finite
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, EditNotPossibleError
from shatterscope.backend.edits import (
    CompleteSpec,
    EditedModel,
    EditError,
    at_strength,
    complete_spec,
    edit_id,
    run_edits,
)
from shatterscope.backend.evaluation import Score, quality, ring_means
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.layouts import layout_of
from shatterscope.backend.league.rows import Figures, MeasuredEdit
from shatterscope.backend.league.sets import SetEdit
from shatterscope.backend.league.strength import needed_strength
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.pictures import Fit, compare, fit
from shatterscope.backend.sweeps.probe import Probe
from shatterscope.backend.worlds import Relation

log = logging.getLogger(__name__)

CONTEXTS, QUERIES, SEED = 5, 100, 0
TAKEN_BEHIND = 0.9
"""An edit takes where the new object is answered bare and behind this share of true contexts. On the bare prompt alone a method could take by a hair, and not have
written the fact at all: at that strength, generality is next to nothing."""
LENGTHS, BEHIND_EACH = 4, 5  # of these contexts

Contender = tuple[str, str]
"""Method and preset."""


def contenders(methods: Sequence[str] = ()) -> list[Contender]:
    """Every preset of every method; or of `methods`, each `NAME` or `NAME:PRESET`. Raises `ValueError` for one that is not known."""
    found: list[Contender] = []
    for asked in methods or EDITORS:
        name, _, preset = asked.partition(":")
        if name not in EDITORS:
            raise ValueError(f"unknown method {name!r}; there are {', '.join(EDITORS)}")
        presets = list(EDITORS[name].presets)
        if preset and preset not in presets:
            raise ValueError(f"{name} has no preset {preset!r}; there are {', '.join(presets)}")
        found += [(name, each) for each in presets if preset in ("", each)]
    return list(dict.fromkeys(found))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def attempt(make: Callable[[], EditedModel]) -> EditedModel | str:
    """The edit, or why it could not be made. A table of many methods goes on where one of them has a mistake in it."""
    try:
        return make()
    except EditError as error:
        return error.message
    except EditNotPossibleError as error:
        return str(error)
    except Exception as error:
        log.exception("an edit of the league failed")
        return f"{type(error).__name__}: {error}"


class LeagueBench:
    """Measures edits of one checkpoint. The unedited model is measured once, when this is made, and each picture when it is first needed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.probe = Probe(checkpoint, n_contexts=CONTEXTS, queries=QUERIES, seed=SEED)
        self._pictures: dict[str, Fit | None] = {}
        self._warm: set[Contender] = set()

    def spec(self, contender: Contender, edit: SetEdit) -> CompleteSpec:
        """Raises `EditError` for what the method cannot do on this checkpoint."""
        method, preset = contender
        return complete_spec(
            self.checkpoint.world,
            self.checkpoint.model.config.n_layers,
            subject=edit.subject,
            relation=edit.relation,
            object=edit.object,
            method=method,
            preset=preset,
            anywhere=True,
        )

    def id(self, contender: Contender, edits: Sequence[SetEdit]) -> str:
        """Of these edits, made as they are now: another preset, formula or version of a package gives another. Empty where they cannot even be specified."""
        try:
            return edit_id(self.checkpoint, [self.spec(contender, edit) for edit in edits])
        except EditError:
            return ""

    def row(self, contender: Contender, edit: SetEdit) -> MeasuredEdit:
        """Compute the edit and measure it."""

        def make() -> EditedModel:
            return run_edits(self.checkpoint, [self.spec(contender, edit)])

        if contender not in self._warm:  # what a method computes once for a model is not the edit's
            attempt(make)
            self._warm.add(contender)
        clock = time.perf_counter if EDITORS[contender[0]].package else time.process_time
        start = clock()
        edited = attempt(make)
        seconds = clock() - start
        about = MeasuredEdit(
            edit=self.id(contender, [edit]),
            method=contender[0],
            preset=contender[1],
            distance=edit.distance,
            place=edit.place,
            subject=edit.subject,
            relation=edit.relation,
            version=__version__,
            finished=now(),
        )
        if isinstance(edited, str):
            return about.model_copy(update={"problem": edited})
        made, questions = edited, self._questions(edit)

        def takes(strength: float) -> bool:
            return self._takes(at_strength(self.checkpoint, made, strength), questions, edit.object)

        strength = needed_strength(takes)
        full = self.figures(made.model, edit)
        equal = None if strength is None else self.figures(at_strength(self.checkpoint, made, strength), edit)
        found = {"seconds": seconds, "strength": strength, "full": full, "equal": equal}
        return about.model_copy(update=found)

    def figures(self, model: LanguageModel, edit: SetEdit) -> Figures:
        """What `model`, edited so, still does."""
        checkpoint, world = self.checkpoint, self.checkpoint.world
        relation = world.relation(edit.relation)
        fact = edit.subject, relation, edit.object
        probed = self.probe.measure(model)
        R = torch.tensor(probed.shattered[self.probe.sites[0]].R)
        asked = quality(world, checkpoint.holdout, checkpoint.model, model, [fact], seed=SEED)
        return Figures(
            success=asked.efficacy.accuracy_after == 1,
            generality=finite(asked.generality.accuracy_after),
            portability=finite(asked.portability.accuracy_after),
            locality=finite(asked.locality.accuracy_after),
            R={part: finite(value) for part, value in ring_means(world, relation.group, R).items()},
            recall=self.recall(probed.scores),
            whole=self._whole(relation, probed.representations[relation.index]),
        )

    def recall(self, scores: Sequence[Score]) -> float | None:
        """Change of direct recall behind contexts, the mean over the groups."""
        cells = self.probe.queries.cells
        changes = [
            after.accuracy - before.accuracy
            for cell, before, after in zip(cells, self.probe.scores, scores, strict=True)
            if cell.task == "direct" and len(cell)
        ]
        return finite(fmean(changes)) if changes else None

    def _questions(self, edit: SetEdit) -> list[torch.Tensor]:
        """The edited question, bare (1, 2) and behind true contexts (n, length), which are not those that generality is asked behind."""
        checkpoint, world = self.checkpoint, self.checkpoint.world
        relation = world.relation(edit.relation)
        token = checkpoint.vocabulary.relation_token(relation)
        subjects = np.full(BEHIND_EACH, edit.subject)
        avoid = np.tile([edit.object, *world.objects_of(edit.subject, relation)], (BEHIND_EACH, 1))
        rng, walker = np.random.default_rng([SEED, 7]), ContextSampler(world, checkpoint.holdout)
        longest = checkpoint.model.config.context - 1
        walks = [np.array([[edit.subject]])]
        walks += [
            walker.arriving_at(subjects, int(length), rng, avoid) for length in np.linspace(3, longest, LENGTHS).round()
        ]
        return [torch.from_numpy(np.pad(walk, ((0, 0), (0, 1)), constant_values=token)) for walk in walks]

    def _takes(self, model: LanguageModel, questions: Sequence[torch.Tensor], object: int) -> bool:
        """Whether the model answers the new object on the bare prompt and behind `TAKEN_BEHIND` of the contexts."""
        bare, *behind = (
            answers(model, prompts, self.checkpoint.world.n_entities).prediction == object for prompts in questions
        )
        return bool(bare.all()) and torch.cat(behind).double().mean().item() >= TAKEN_BEHIND

    def _whole(self, relation: Relation, representations: torch.Tensor) -> bool | None:
        """Whether the relation's picture, as Explore draws it first, shows what it should, where it did before."""
        if relation.name not in self._pictures:
            self._pictures[relation.name] = self._whole_picture(relation)
        before = self._pictures[relation.name]
        if before is None:
            return None
        after = representations[self._rows(relation)].double().cpu().numpy()
        if not math.isfinite(float(after.sum())):
            return False
        return compare(before, after).diagnostics_after.word == before.diagnostics.word

    def _whole_picture(self, relation: Relation) -> Fit | None:
        """The unedited one; None where it is not what it should be, or there is nothing to judge."""
        world, rows = self.checkpoint.world, self._rows(relation)
        belongs = layout_of(world, relation)
        if len(rows) < 2 or (belongs is not None and belongs[1].bare):
            return None
        points = self._unedited[relation.index][rows].double().cpu().numpy()
        found = fit(points, world.positions(relation), belongs=belongs)
        return found if found.diagnostics.word == ("ring" if belongs is None else belongs[0]) else None

    @cached_property
    def _unedited(self) -> torch.Tensor:
        return self.probe.representations[self.probe.sites[0]]

    def _rows(self, relation: Relation) -> torch.Tensor:
        return torch.from_numpy(self.checkpoint.world.domain(relation))
