"""What the model answers: the most probable entity, and probabilities by softmax over the whole vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend.models import LanguageModel


@dataclass(frozen=True)
class Answers:
    prediction: Tensor  # (B,) entities
    probability: Tensor  # (B, n_entities)

    def of(self, row: int, entity: int | None = None) -> tuple[int, float]:
        """(entity, probability) of `entity`, or of the prediction, in one row."""
        entity = int(self.prediction[row]) if entity is None else entity
        return entity, float(self.probability[row, entity])

    def top(self, row: int, n: int) -> list[tuple[int, float]]:
        """The `n` most probable entities, best first."""
        probability, entity = self.probability[row].topk(n)
        return list(zip(entity.tolist(), probability.tolist(), strict=True))


@torch.no_grad()
def answers(model: LanguageModel, prompts: list[list[int]] | Tensor, n_entities: int) -> Answers:
    """Answers to (B, T) prompts of token ids, all of one length."""
    tokens = torch.as_tensor(prompts, device=model.device)
    probability = model.unembed(model.trunk(tokens)[:, -1]).softmax(-1)[:, :n_entities]
    return Answers(probability.argmax(-1), probability)
