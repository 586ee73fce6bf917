"""Causal tracing: which activation, at which position, decides the answer (Meng et al. 2022, "Locating and Editing Factual Associations in
GPT", section 2).

The prompt is a true fact and a query behind it, `z r' x r`. Three runs: *clean*; *corrupted*, where one token is replaced by another of its
kind (symmetric token replacement, Zhang & Nanda 2024, "Towards Best Practices of Activation Patching", rather than the noise of the
original); and, for each site and position, *restored*: corrupted, with that one activation of the clean run put back.

    recovery = (p_restored - p_corrupted) / (p_clean - p_corrupted)

with p the mean probability of the true object over facts. Its standard error is that of a ratio of means (the delta method).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.data import Vocabulary
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.models import LanguageModel, site_names
from shatterscope.backend.worlds import ABSENT, Holdout, World
from shatterscope.backend.worlds.base import BoolArray, IntArray

Part = Literal["subject", "relation"]
POSITIONS = ("context subject", "context relation", "subject", "relation")
REPLACED: dict[Part, int] = {"subject": 2, "relation": 3}
BATCH = 256  # facts


class TracingError(ValueError):
    """The model cannot be traced; the message says why."""


@dataclass(frozen=True)
class TracedFacts:
    """Facts that the model answers right behind their context: `clean` (n, 4) token ids and `objects` (n,)."""

    clean: Tensor
    objects: Tensor

    def __len__(self) -> int:
        return len(self.clean)


@dataclass(frozen=True)
class Trace:
    """`recovery` and `standard_error` are (sites, positions) float64; the probabilities are means over the n facts."""

    sites: list[str]
    recovery: Tensor
    standard_error: Tensor
    clean: float
    corrupted: float
    n: int


def traced_sites(model: LanguageModel) -> list[str]:
    """Every site of the residual width but the final norm, which reads one position alone."""
    return site_names(model.config.n_layers)[:-1]


def draw_facts(world: World, holdout: Holdout, model: LanguageModel, n: int, rng: np.random.Generator) -> TracedFacts:
    """`n` facts that the model answers right, each behind one true, stated fact that arrives at its subject; fewer where there are not as
    many. Of each both subject and relation can be replaced (`corrupt`).

    Raises:
        TracingError: fewer than two.
    """
    device = model.device
    walker, relation_tokens = ContextSampler(world, holdout), _relation_tokens(world)
    able = replaceable(world)
    everyone = rng.permutation(world.n_entities * world.n_relations)
    clean: list[Tensor] = []
    truths: list[Tensor] = []
    found = 0
    for start in range(0, len(everyone), 4 * BATCH):
        subjects, relations = np.divmod(everyone[start : start + 4 * BATCH], world.n_relations)
        walks = walker.arriving_at(subjects, 3, rng, world.objects[subjects, relations][:, None])
        tokens = torch.from_numpy(np.column_stack([walks, relation_tokens[relations]])).to(device)
        objects = torch.from_numpy(world.objects[subjects, relations].astype(np.int64)).to(device)
        right = _logits(model, tokens)[:, : world.n_entities].argmax(-1) == objects
        right &= torch.from_numpy(able[subjects, relations]).to(device)
        clean.append(tokens[right])
        truths.append(objects[right])
        found += int(right.sum())
        if found >= n:
            break
    if found < 2:
        raise TracingError("the model answers fewer than two facts right: there is nothing to trace")
    return TracedFacts(torch.cat(clean)[:n], torch.cat(truths)[:n])


def corrupt(world: World, facts: TracedFacts, part: Part, rng: np.random.Generator) -> Tensor:
    """(n, 4): each prompt with another entity for its subject, or another relation, that leads to another object. Such there must be."""
    tokens = facts.clean.cpu().numpy().copy()
    objects = facts.objects.cpu().numpy()
    todo = np.arange(len(tokens))
    while todo.size:  # draw again what still leads to the true object, or nowhere
        if part == "subject":
            tokens[todo, 2] = rng.integers(world.n_entities, size=todo.size)
        else:
            tokens[todo, 3] = _relation_tokens(world)[rng.integers(world.n_relations, size=todo.size)]
        reached = world.objects[tokens[todo, 2], tokens[todo, 3] - world.n_entities]
        todo = todo[(reached == objects[todo]) | (reached == ABSENT)]
    return torch.from_numpy(tokens).to(facts.clean.device)


def replaceable(world: World) -> BoolArray:
    """(n_entities, n_relations), whether another subject of the relation, and another relation of the subject, lead to another object."""
    shown = world.objects
    apart = [_differ(shown, axis) for axis in (0, 1)]
    return world.present & apart[0] & apart[1]


def _differ(objects: IntArray, axis: int) -> BoolArray:
    """Along one axis, whether there is an object that is another one."""
    here = objects != ABSENT
    low = np.where(here, objects, np.iinfo(objects.dtype).max).min(axis=axis, keepdims=True)
    high = objects.max(axis=axis, keepdims=True)
    found: BoolArray = here & ((low != objects) | (high != objects))
    return found


def _relation_tokens(world: World) -> IntArray:
    vocabulary = Vocabulary.of(world)
    return np.array([vocabulary.relation_token(relation) for relation in world.relations])


@torch.no_grad()
def trace(model: LanguageModel, facts: TracedFacts, corrupted: Tensor) -> Trace:
    """Put every activation back, one at a time.

    Args:
        facts: the clean prompts.
        corrupted: (n, 4), the same prompts with something replaced.

    Raises:
        TracingError: what was replaced does not lower the probability of the true objects.
    """
    sites = traced_sites(model)
    parts = [
        _trace_batch(model, sites, *each)
        for each in zip(facts.clean.split(BATCH), corrupted.split(BATCH), facts.objects.split(BATCH), strict=True)
    ]
    clean, broken = (torch.cat([part[i] for part in parts]) for i in (0, 1))  # (n,)
    restored = torch.cat([part[2] for part in parts], dim=2)  # (sites, positions, n)
    gap = (clean - broken).mean()
    if not gap > 0:
        raise TracingError("the answers do not depend on what was replaced: there is nothing to restore")
    gain = restored - broken
    recovery = gain.mean(2) / gap
    left = gain - recovery[..., None] * (clean - broken)
    error = left.std(2) / (gap * len(facts) ** 0.5)
    return Trace(sites, recovery.cpu(), error.cpu(), clean.mean().item(), broken.mean().item(), len(facts))


def _trace_batch(
    model: LanguageModel, sites: list[str], clean: Tensor, corrupted: Tensor, objects: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities of the true objects: clean (b,), corrupted (b,), restored (sites, positions, b), float64."""
    kept: dict[str, Tensor] = {}

    def record(name: str, x: Tensor) -> Tensor:
        kept[name] = x
        return x

    def probability(logits: Tensor) -> Tensor:
        return logits.double().softmax(-1).gather(1, objects[:, None])[:, 0]

    p_clean = probability(model.unembed(model.trunk(clean, record)[:, -1]))
    p_corrupted = probability(_logits(model, corrupted))
    p_restored = p_corrupted.new_empty(len(sites), clean.shape[1], len(clean))
    for i, site in enumerate(sites):
        for position in range(clean.shape[1]):
            interrupt.checkpoint()

            def restore(name: str, x: Tensor, site: str = site, position: int = position) -> Tensor:
                if name != site:
                    return x
                x = x.clone()
                x[:, position] = kept[site][:, position]
                return x

            p_restored[i, position] = probability(model.unembed(model.trunk(corrupted, restore)[:, -1]))
    return p_clean, p_corrupted, p_restored


@torch.no_grad()
def _logits(model: LanguageModel, tokens: Tensor) -> Tensor:
    """(B, V) at the last position."""
    return model.unembed(model.trunk(tokens)[:, -1])
