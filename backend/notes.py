"""What a note does: a fact told before the question instead of written into the weights (`data/notes.py` says what a note is).

No weight changes. So all that the model holds of an entity on the bare prompt stays as it was, and R(D*) is 0. What a note costs is context, its
effect ends where the context does, and a model that was not taught to obey notes is mostly confused by them. Measured here:

- how often a note is obeyed behind more and more true facts;
- recall and reasoning beside the notes, over questions drawn as those of an evaluation, and how many answers they change;
- how far representations read behind the notes are from those read behind the same sentences with the true objects: of the same length, and the
  same tokens but for the objects, so that what differs is what the notes say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.activations import all_activations, at_sites, default_site
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.evaluation import (
    Note,
    Obeyed,
    QuerySet,
    answers,
    draw_queries,
    facts_between,
    note_tokens,
    obedience,
    relation_shattering,
    ring_means,
    score,
)
from shatterscope.backend.evaluation.queries import SHORTEST, Cell
from shatterscope.backend.experiment import TaskChange, score_changes
from shatterscope.backend.worlds.base import IntArray
from shatterscope.wire.base import SubGraph

WALKS = 100  # to a note's subject, for every number of facts between


@dataclass(frozen=True)
class Answered:
    """What is answered to `x r`, its probability, and that of the note's object."""

    prediction: int
    probability: float
    note: float


@dataclass(frozen=True)
class ToldNote:
    """One of the notes that are told: the answer without any text, that directly behind the notes, and behind facts between."""

    note: Note
    bare: Answered
    told: Answered
    obeyed: list[Obeyed]


@dataclass(frozen=True)
class NotesEffect:
    """What telling notes does; R is by sub-graph, of the group of the last note.

    Attributes:
        scores: by task and order, behind random contexts, without and with the notes before these.
        kept: share of `n_kept` other single facts, asked directly behind the notes, that are answered as on the bare prompt.
        bare: R of the representations on the bare prompt: 0.
        said: R of those read behind the notes against those read behind the true facts of the same subjects and relations.
        text: for scale, R of those read behind the true facts against the bare ones: what text before a question does, whatever it says.
    """

    notes: list[ToldNote]
    scores: list[TaskChange]
    kept: float
    n_kept: int
    bare: Mapping[SubGraph, float]
    said: Mapping[SubGraph, float]
    text: Mapping[SubGraph, float]


def most_notes(context: int) -> int:
    """How many notes a context has room for, with all kinds of questions behind them; 0 where it is too short for any."""
    return max(0, (context - SHORTEST) // NOTE_TOKENS)


def tell(
    checkpoint: Checkpoint,
    notes: Sequence[Note],
    *,
    n_contexts: int = 5,
    queries: int | Literal["all"] = 200,
    seed: int = 0,
) -> NotesEffect:
    """Tell `notes`, in this order, and measure what it does.

    Raises:
        ValueError: more of them than `most_notes`, or none; counts below 1.
    """
    world, model = checkpoint.world, checkpoint.model
    context = model.config.context
    if not 1 <= len(notes) <= most_notes(context):
        raise ValueError(
            f"a context of {context} tokens has room for 1 to {most_notes(context)} notes, got {len(notes)}"
        )
    before = note_tokens(world, notes)
    told = torch.from_numpy(before.ravel()).to(model.device)

    questions = draw_queries(
        world,
        checkpoint.holdout,
        context - len(told),
        n_contexts=n_contexts,
        queries=queries,
        seed=seed,
        device=model.device,
    )
    questions = _others(questions, notes)
    behind = replace(questions, contexts=tuple(_behind(told, walks) for walks in questions.contexts))
    group = world.relations[notes[-1].relation].group
    changes = score_changes(world, group, questions, score(model, questions), score(model, behind))

    true = [replace(note, object=int(world.truths[note.subject, note.relation, 0])) for note in notes]
    untold = all_activations(model, world.n_entities)
    bare, bare_answers = _read(checkpoint, None)
    noted, noted_answers = _read(checkpoint, told)
    truly, _ = _read(checkpoint, torch.from_numpy(note_tokens(world, true).ravel()))
    asked = torch.from_numpy(world.present.T.copy())
    for note in notes:
        asked[note.relation, note.subject] = False
    kept = (noted_answers == bare_answers)[asked]
    return NotesEffect(
        notes=[_told(checkpoint, before, note, seed) for note in notes],
        scores=changes,
        kept=float(kept.double().mean()),
        n_kept=len(kept),
        bare=ring_means(world, group, relation_shattering(world, untold, bare)),
        said=ring_means(world, group, relation_shattering(world, truly, noted)),
        text=ring_means(world, group, relation_shattering(world, bare, truly)),
    )


def _told(checkpoint: Checkpoint, before: IntArray, note: Note, seed: int) -> ToldNote:
    world, model, rng = checkpoint.world, checkpoint.model, np.random.default_rng([seed, 3])
    told = np.tile(before.ravel(), (WALKS, 1))
    room = facts_between(model.config.context, len(before))

    def answered(text: Sequence[int]) -> Answered:
        found = answers(model, [[*text, note.subject, world.n_entities + note.relation]], world.n_entities)
        return Answered(*found.of(0), found.of(0, note.object)[1])

    return ToldNote(
        note=note,
        bare=answered(()),
        told=answered(before.ravel().tolist()),
        obeyed=[obedience(world, checkpoint.holdout, model, told, [note] * WALKS, facts, rng) for facts in room],
    )


def _behind(told: Tensor, walks: Tensor) -> Tensor:
    """(n, length) walks -> (n, T + length), each behind the (T,) tokens of the notes."""
    return torch.cat([told.expand(len(walks), -1), walks], dim=1)


def _others(questions: QuerySet, notes: Sequence[Note]) -> QuerySet:
    """Without the questions that the notes are about."""

    def other(cell: Cell) -> Cell:
        if cell.relations.shape[1] > 1:
            return cell
        kept = torch.ones(len(cell), dtype=torch.bool, device=cell.subjects.device)
        for note in notes:
            kept &= (cell.subjects != note.subject) | (cell.relations[:, 0] != questions.n_entities + note.relation)
        return replace(
            cell,
            subjects=cell.subjects[kept],
            relations=cell.relations[kept],
            objects=cell.objects[kept],
            walks=cell.walks[:, kept],
        )

    return replace(questions, cells=tuple(other(cell) for cell in questions.cells))


@torch.no_grad()
def _read(checkpoint: Checkpoint, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """(n_relations, n_entities, d_model) representations where the page looks by default, and (n_relations, n_entities) answers, to every `x r` behind
    the tokens `before`."""
    model, n = checkpoint.model, checkpoint.world.n_entities
    site = default_site(model)
    representations, predictions = [], []
    for found in at_sites(model, n, [site, "final_norm"], before=before):
        interrupt.checkpoint()
        representations.append(found[site])
        predictions.append(model.unembed(found["final_norm"])[:, :n].argmax(-1).cpu())
    return torch.stack(representations), torch.stack(predictions)
