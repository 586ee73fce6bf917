"""Facts asked of a model on the bare prompt: one at a time, all single ones, and which of those it gets wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shatterscope.backend import interrupt
from shatterscope.backend.data import Vocabulary
from shatterscope.backend.evaluation.answers import Answers, answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Holdout, Relation, World


@dataclass(frozen=True)
class AskedFact:
    """`object` is the truth, the first of `objects` where several are right, and `probability` its own; `stated`: seen in training; `top`: (entity,
    probability), the most probable first."""

    object: int
    objects: tuple[int, ...]
    prediction: int
    probability: float
    stated: bool
    top: list[tuple[int, float]]


@dataclass(frozen=True)
class Mistake:
    """A single fact that is answered wrong; `object` is the truth and `probability` its own."""

    subject: int
    relation: str
    object: int
    prediction: int
    probability: float
    stated: bool


def ask(
    world: World,
    holdout: Holdout,
    model: LanguageModel,
    subject: int,
    relations: Sequence[Relation],
    top: int = 5,
) -> AskedFact:
    """Ask `subject relation`, or with two relations of one group their composition. Raises `ValueError` where that has no object."""
    truth = subject
    for relation in relations:
        truth = world.object_of(truth, relation)
    found = answers(model, [world.prompt(subject, relations)], world.n_entities)
    best = found.top(0, min(top, world.n_entities))
    stated = not _held_out(world, holdout, subject, relations)
    objects = tuple(world.objects_of(subject, relations[0])) if len(relations) == 1 else (truth,)
    return AskedFact(truth, objects, best[0][0], found.of(0, truth)[1], stated, best)


def _held_out(world: World, holdout: Holdout, subject: int, relations: Sequence[Relation]) -> bool:
    indices = [relation.index for relation in relations]
    if len(indices) == 1:
        return bool(holdout.single[subject, indices[0]])
    column = int(np.flatnonzero((world.compositions == indices).all(axis=1))[0])
    return bool(holdout.composition[subject, column])


def single_facts(world: World, model: LanguageModel) -> Iterator[tuple[Relation, Answers]]:
    """All single facts, relation by relation; row x of the answers is that to `x relation`."""
    vocabulary, entities = Vocabulary.of(world), torch.arange(world.n_entities)
    for relation in world.relations:
        interrupt.checkpoint()
        token = torch.full_like(entities, vocabulary.relation_token(relation))
        yield relation, answers(model, torch.stack([entities, token], 1), world.n_entities)


def mistakes(world: World, holdout: Holdout, model: LanguageModel) -> list[Mistake]:
    """Every single fact that `model` gets wrong, the least probable truth first."""
    found = []
    for relation, answered in single_facts(world, model):
        predicted, truths = answered.prediction.cpu().numpy(), world.truths[:, relation.index]
        wrong = world.present[:, relation.index] & ~world.answered(relation, predicted)
        for subject in np.flatnonzero(wrong).tolist():
            right, stated = int(truths[subject, 0]), not holdout.single[subject, relation.index]
            probability = answered.of(subject, right)[1]
            found.append(Mistake(subject, relation.name, right, int(predicted[subject]), probability, stated))
    return sorted(found, key=lambda fact: fact.probability)
