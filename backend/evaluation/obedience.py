"""Whether a model answers by a note: a false fact told in the text before the question (`data/notes.py`).

    x r y*  a r1 b r2 x | r      is the answer y*, or still the truth?

Between note and question stands a walk of n true, stated, single facts that arrives at the subject (`data/contexts.py`). It names neither the note's
object nor the truth, so that nothing in it says which of the two to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shatterscope.backend import interrupt
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Holdout, World
from shatterscope.backend.worlds.base import IntArray

BATCH = 4096  # prompts at a time


@dataclass(frozen=True)
class Note:
    """`subject`, `relation` and `object` by their numbers."""

    subject: int
    relation: int
    object: int


@dataclass(frozen=True)
class Obeyed:
    """With `facts` true facts between note and question, over `n` prompts: the shares answered by the note and by the truth, and the mean probability
    of the note's object."""

    facts: int
    note: float
    truth: float
    probability: float
    n: int


def note_tokens(world: World, notes: Sequence[Note]) -> IntArray:
    """(len(notes), 3) token ids: subject, relation, object."""
    return np.array([(note.subject, world.n_entities + note.relation, note.object) for note in notes])


def facts_between(context: int, n_notes: int = 1) -> range:
    """From 0 to the most single facts that fit between so many notes and a question; empty where not even the question does."""
    return range((context - NOTE_TOKENS * n_notes) // 2)


def random_notes(world: World, n: int, rng: np.random.Generator) -> list[Note]:
    """`n` false notes: any fact that there is, each as likely, and any entity that is not its object."""
    subjects, relations = np.nonzero(world.present)
    drawn = rng.integers(len(subjects), size=n)
    notes = []
    for x, r in zip(subjects[drawn].tolist(), relations[drawn].tolist(), strict=True):
        others = np.setdiff1d(np.arange(world.n_entities), world.truths[x, r])
        notes.append(Note(x, r, int(rng.choice(others))))
    return notes


def obedience(
    world: World,
    holdout: Holdout,
    model: LanguageModel,
    told: IntArray,
    asked: Sequence[Note],
    facts: int,
    rng: np.random.Generator,
) -> Obeyed:
    """How the questions that `asked` are about are answered, each behind a walk of its own.

    Args:
        told: (len(asked), T) token ids of the notes before each question.
        facts: between the two; all must fit into the model's context.
    """
    subjects, relations, objects = np.array([(note.subject, note.relation, note.object) for note in asked]).T
    truths = world.truths[subjects, relations]
    walker = ContextSampler(world, holdout, p_composition=0)
    walks = walker.arriving_at(subjects, 2 * facts + 1, rng, np.column_stack([truths, objects]))
    prompts = np.column_stack([told, walks, world.n_entities + relations])
    noted = true = probability = 0.0
    for part in np.array_split(np.arange(len(asked)), -(-len(asked) // BATCH)):
        interrupt.checkpoint()
        answered = answers(model, torch.from_numpy(prompts[part]), world.n_entities)
        prediction = answered.prediction.cpu().numpy()
        noted += float((prediction == objects[part]).sum())
        true += float((prediction[:, None] == truths[part]).any(1).sum())
        probability += float(answered.probability.cpu().gather(1, torch.from_numpy(objects[part, None])).sum())
    n = len(asked)
    return Obeyed(facts, noted / n, true / n, probability / n, n)
