"""What a model answers to one question, and which single facts it gets wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from backend.checkpoints import Checkpoint
from backend.graph import Relation
from backend.model import Transformer
from backend.schemas import Answer, ErrorList, FactInfo, WrongFact


@torch.inference_mode()
def ask(
    checkpoint: Checkpoint, model: Transformer, subject: int, relations: Sequence[Relation], top: int = 5
) -> FactInfo:
    """The answer of `model` to the bare prompt `subject relation` (or two relations, a composition)."""
    graph, vocabulary = checkpoint.graph, checkpoint.vocabulary
    prompt = [subject, *(vocabulary.relation_token(relation) for relation in relations)]
    tokens = torch.tensor([prompt], device=model.token.weight.device)
    probability = model(tokens)[0, -1, : graph.n_entities].softmax(0).cpu()
    best = probability.topk(min(top, graph.n_entities))
    truth = subject
    for relation in relations:
        truth = graph.object_of(truth, relation)
    return FactInfo(
        checkpoint=checkpoint.id,
        subject=subject,
        relation=relations[0].name,
        relation2=relations[1].name if len(relations) > 1 else None,
        object=truth,
        prediction=int(best.indices[0]),
        probability=float(probability[truth]),
        stated=not _held_out(checkpoint, subject, relations),
        top=[
            Answer(object=int(entity), probability=float(p))
            for p, entity in zip(best.values, best.indices, strict=True)
        ],
    )


def _held_out(checkpoint: Checkpoint, subject: int, relations: Sequence[Relation]) -> bool:
    indices = [relation.index for relation in relations]
    if len(indices) == 1:
        return bool(checkpoint.holdout.single[subject, indices[0]])
    column = int(np.flatnonzero((checkpoint.graph.compositions == indices).all(axis=1))[0])
    return bool(checkpoint.holdout.composition[subject, column])


@torch.inference_mode()
def wrong_facts(checkpoint: Checkpoint) -> list[WrongFact]:
    """Every single fact that the unedited model gets wrong, the least probable truth first."""
    graph, model = checkpoint.graph, checkpoint.model
    device = model.token.weight.device
    subjects = torch.arange(graph.n_entities, device=device)
    wrong = []
    for relation in graph.relations:
        token = torch.full_like(subjects, checkpoint.vocabulary.relation_token(relation))
        final = model.trunk(torch.stack([subjects, token], dim=1))[:, -1]  # (n_entities, d_model)
        probability = model.unembed(final)[:, : graph.n_entities].softmax(1)
        answers = probability.argmax(1).cpu().numpy()
        truth = graph.objects[:, relation.index]
        of_truth = probability[subjects, torch.from_numpy(truth).to(device)].cpu().numpy()
        for subject in np.flatnonzero(answers != truth):
            wrong.append(  # noqa: PERF401 - a comprehension of this length hides what it does
                WrongFact(
                    subject=int(subject),
                    relation=relation.name,
                    object=int(truth[subject]),
                    prediction=int(answers[subject]),
                    probability=float(of_truth[subject]),
                    stated=not checkpoint.holdout.single[subject, relation.index],
                )
            )
    return sorted(wrong, key=lambda fact: fact.probability)


def error_list(facts: Sequence[WrongFact], limit: int) -> ErrorList:
    return ErrorList(total=len(facts), errors=list(facts[:limit]))
