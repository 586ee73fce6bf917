"""Training a model to read such texts: two layers, next-word prediction, a few minutes on one core.

No word belongs anywhere until a text puts it there, so the weights can hold no ring: only the way of reading one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

from shatterscope.backend.in_context.text import GRAPHS, GraphName, N, draw
from shatterscope.backend.models import ModelConfig, Transformer

CONTEXT = 128
MODEL = ModelConfig(vocab_size=N, context=CONTEXT, d_model=48, n_heads=4)


@dataclass(frozen=True)
class Stage:
    """Steps on texts about these graphs, as many of each in a batch; a linear warm-up, then a linear fall to a twentieth of the rate."""

    graphs: tuple[GraphName, ...]
    steps: int
    learning_rate: float = 3e-3

    def rate(self, step: int, warmup: int) -> float:
        return self.learning_rate * min(1.0, (step + 1) / warmup) * (1 - 0.95 * step / self.steps)


@dataclass(frozen=True)
class ContextTraining:
    """AdamW (Loshchilov and Hutter 2019). Rings alone come first: a run on both from the start had learnt little of either after 2400 steps
    (1.75 nats; a reader who knows the graphs has 1.23), and was stopped."""

    rounds: tuple[Stage, ...] = (Stage(("ring",), 2400), Stage(("ring", "grid"), 2400))
    batch: int = 32
    warmup: int = 100
    weight_decay: float = 0.01
    seed: int = 0

    @property
    def steps(self) -> int:
        return sum(part.steps for part in self.rounds)


def train(config: ContextTraining, model: Transformer) -> Iterator[tuple[int, float]]:
    """Trains `model` in place, yielding each step's number, from 1, and its loss in nats. The same seed and threads give the same weights."""
    generator = torch.Generator().manual_seed(config.seed)
    done = 0
    for part in config.rounds:
        optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=config.weight_decay)
        each = config.batch // len(part.graphs)
        for step in range(part.steps):
            optimiser.param_groups[0]["lr"] = part.rate(step, config.warmup)
            text = torch.cat([draw(GRAPHS[name], each, CONTEXT + 1, generator).tokens for name in part.graphs])
            loss = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            yield done + step + 1, loss.item()
        done += part.steps
