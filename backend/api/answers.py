"""What a model answers to one question, and which single facts it gets wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from shatterscope.backend import interrupt
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.model import Transformer
from shatterscope.backend.worlds import Relation
from shatterscope.wire.world import Answer, ErrorList, FactInfo, WrongFact


def ask(
    checkpoint: Checkpoint, model: Transformer, subject: int, relations: Sequence[Relation], top: int = 5
) -> FactInfo:
    """The answer of `model` to the bare prompt `subject relation` (or two relations, a composition)."""
    graph, vocabulary = checkpoint.graph, checkpoint.vocabulary
    prompt = [subject, *(vocabulary.relation_token(relation) for relation in relations)]
    found = answers(model, [prompt], graph.n_entities)
    best = found.top(0, min(top, graph.n_entities))
    truth = subject
    for relation in relations:
        truth = graph.object_of(truth, relation)
    return FactInfo(
        checkpoint=checkpoint.id,
        subject=subject,
        relation=relations[0].name,
        relation2=relations[1].name if len(relations) > 1 else None,
        object=truth,
        prediction=best[0][0],
        probability=found.of(0, truth)[1],
        stated=not _held_out(checkpoint, subject, relations),
        top=[Answer(object=entity, probability=probability) for entity, probability in best],
    )


def _held_out(checkpoint: Checkpoint, subject: int, relations: Sequence[Relation]) -> bool:
    indices = [relation.index for relation in relations]
    if len(indices) == 1:
        return bool(checkpoint.holdout.single[subject, indices[0]])
    column = int(np.flatnonzero((checkpoint.graph.compositions == indices).all(axis=1))[0])
    return bool(checkpoint.holdout.composition[subject, column])


def wrong_facts(checkpoint: Checkpoint) -> list[WrongFact]:
    """Every single fact that the unedited model gets wrong, the least probable truth first."""
    graph = checkpoint.graph
    subjects = np.arange(graph.n_entities)
    wrong = []
    for relation in graph.relations:
        interrupt.checkpoint()
        tokens = np.stack([subjects, np.full_like(subjects, checkpoint.vocabulary.relation_token(relation))], axis=1)
        found = answers(checkpoint.model, torch.from_numpy(tokens), graph.n_entities)
        predicted, truth = found.prediction.cpu().numpy(), graph.objects[:, relation.index]
        for subject in np.flatnonzero(predicted != truth).tolist():
            wrong.append(  # noqa: PERF401 - a comprehension of this length hides what it does
                WrongFact(
                    subject=subject,
                    relation=relation.name,
                    object=int(truth[subject]),
                    prediction=int(predicted[subject]),
                    probability=found.of(subject, int(truth[subject]))[1],
                    stated=not checkpoint.holdout.single[subject, relation.index],
                )
            )
    return sorted(wrong, key=lambda fact: fact.probability)


def error_list(facts: Sequence[WrongFact], limit: int) -> ErrorList:
    return ErrorList(total=len(facts), errors=list(facts[:limit]))
