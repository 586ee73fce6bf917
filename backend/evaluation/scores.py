"""Accuracy and probability of the truth, per task and order, averaged over the contexts.

Accuracy: the truth is the most probable entity. Probability: softmax over the whole vocabulary. Each subject's context runs through the
model once and all its queries continue from there; only the last position meets the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.evaluation.queries import QuerySet
from shatterscope.backend.models import LanguageModel, Past

CHUNK = 512  # rows of logits at a time: they stay in cache


@dataclass(frozen=True)
class Score:
    """Means over queries and contexts; NaN where there is no query."""

    accuracy: float
    probability: float


@torch.no_grad()
def score(model: LanguageModel, queries: QuerySet) -> list[Score]:
    """One score per cell of `queries`."""
    totals = [torch.zeros(2, dtype=torch.float64) for _ in queries.cells]
    for c, context in enumerate(queries.contexts):
        walks, rows = queries.walks(c)
        past = model.prefix(model.embed(context[walks]))
        for total, cell, row in zip(totals, queries.cells, rows, strict=True):
            for part in torch.split(torch.arange(len(cell), device=row.device), 4096):
                interrupt.checkpoint()
                final = _answer_position(model, past, row[part], cell.relations[part], context.shape[1])
                total += judge(model, final, cell.objects[part], queries.n_entities)
    asked = [max(1, len(queries.contexts)) * len(cell) for cell in queries.cells]
    return [_mean(total, n) for total, n in zip(totals, asked, strict=True)]


def _mean(total: Tensor, n: int) -> Score:
    correct, probability = (total / n if n else total * torch.nan).tolist()
    return Score(correct, probability)


def _answer_position(model: LanguageModel, past: list[Past], row: Tensor, relations: Tensor, length: int) -> Tensor:
    """(Q, C) after the final norm at the last relation token; `relations` (Q, 1 or 2) tokens behind `length` others."""
    here = [layer.take(row) for layer in past]
    n = relations.shape[1]
    x = model.embed(relations, length)
    for i in range(n - 1):
        _, added = model.step(x[:, i], here, continues=True)
        here = [layer.then(k, v) for layer, (k, v) in zip(here, added, strict=True)]
    final, _ = model.step(x[:, -1], here)
    return model.final_norm(final)


def judge(model: LanguageModel, final: Tensor, truths: Tensor, n_entities: int) -> Tensor:
    """(2,) sums over the queries: answered right, and the probability of what is right. `final` (Q, C) is behind the final norm, `truths` (Q, most)
    objects that are right, the absent ones negative."""
    sums = torch.zeros(2, dtype=torch.float64)
    for x, wanted in zip(torch.split(final, CHUNK), torch.split(truths, CHUNK), strict=True):
        logits = model.unembed(x)  # (Q, V)
        right = logits.gather(1, wanted.clamp(min=0)).masked_fill(wanted < 0, -torch.inf)
        best = right.amax(1, keepdim=True)
        # p_j / p_best: 1 at the likeliest truth. Clamped because exp is many times slower where it under- or overflows.
        odds = logits.sub_(best).clamp_(-40, 80).exp_()
        sums[0] += int((odds[:, :n_entities].amax(1) <= 1).sum())
        sums[1] += ((right - best).exp().sum(1) / odds.sum(1)).nan_to_num_(0.0).sum().item()
    return sums
