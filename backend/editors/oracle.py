"""The oracle: the fact learned by training instead of written by an edit. No method of editing, but what one is measured against.

Training goes on from the weights as they are, on the world's own text in which the one fact is changed (`data/changed.py`); the rest of the text is
rehearsal, as without it the model forgets what it is not told (catastrophic forgetting, McCloskey & Cohen 1989). In a share of the
sequences of each batch the fact is stated, behind a true context of random length:

    a r b ... x r y* r' z ...

With all that it implies, the facts that the world's rules give are changed and stated as well; else only the one, and what followed from the old is
rehearsed as it was.

**The control.** Going on with training moves a model, whatever it is told: its optimiser begins anew, at another rate than that of the recipe's end.
So beside the oracle stands a control: the same text, by the same random numbers, over as many steps, in which the fact is stated as the world has it. What the
two share is drift; what the oracle has beyond is of the fact.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from shatterscope.backend import interrupt
from shatterscope.backend.data import TextSampler
from shatterscope.backend.data.changed import ChangedFact, ChangedFacts
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.data.notes import given
from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorParameters,
    Fact,
    Preset,
    Rehearsal,
    WriteRequest,
)
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.training import token_loss

TOLD_EVERY = 10  # steps between two records
CONTEXTS = 64  # drawn for each fact, once
CLIP_NORM = 1.0


class OracleParameters(EditorParameters):
    steps: int = Field(500, ge=0, le=5000, description="updates by Adam")
    learning_rate: float = Field(3e-4, gt=0, le=0.1, description="constant")
    share: float = Field(0.1, gt=0, le=1, description="of the sequences of a batch: those in which the fact is stated")
    batch: int | None = Field(None, ge=1, le=1024, description="sequences of a step; null: as many as the recipe has")
    seed: int = Field(0, ge=0, lt=2**31, description="of the text")
    fact: bool = Field(True, description="false: the control, the same text with the fact as the world has it")


@dataclass(frozen=True)
class TrainingStep:
    """How far training is: `loss` of the last step in nats a token (NaN before the first), `probability` of the new object on the bare prompt."""

    step: int
    steps: int
    loss: float
    probability: float


_tell: ContextVar[Callable[[TrainingStep], None] | None] = ContextVar("oracle", default=None)


@contextmanager
def watched(tell: Callable[[TrainingStep], None]) -> Iterator[None]:
    """`tell` is called every few steps of training inside."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


class OracleText:
    """Batches of the world's training text with `facts` stated in a `share` of the sequences: as changed, or (`changed` False) as they were.

    Both are drawn by the same random numbers from a generator of one seed.
    """

    def __init__(
        self,
        rehearsal: Rehearsal,
        facts: Sequence[ChangedFact],
        *,
        length: int,
        batch: int,
        share: float,
        seed: int,
        changed: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        stated = facts if changed else [replace(each, new=each.old) for each in facts]
        world, holdout = rehearsal.world, rehearsal.holdout
        self.facts = ChangedFacts(stated, device)
        self.rehearsed = TextSampler(world, holdout, device, notes=rehearsal.config.notes, changed=self.facts)
        self.stating = TextSampler(world, holdout, device, changed=self.facts)  # without notes before
        self.subjects = torch.tensor([each.subject for each in facts], device=device)
        self.length, self.batch, self.n_stated = length, batch, min(batch, max(1, round(share * batch)))
        contexts = [_contexts(ContextSampler(world, holdout), facts, each, length, seed) for each in facts]
        self.contexts = torch.tensor(np.stack([texts for texts, _ in contexts]), device=device)  # (n, CONTEXTS, length)
        self.until = torch.tensor(np.stack([until for _, until in contexts]), device=device)  # (n, CONTEXTS)
        self.generator = torch.Generator(device).manual_seed(seed)

    def next(self) -> Tensor:
        """(batch, length) token ids; the first `n_stated` of them state a fact."""
        rehearsed = self.rehearsed.sample(self.batch - self.n_stated, self.length, self.generator)
        which, context = (
            torch.randint(n, (self.n_stated,), device=rehearsed.device, generator=self.generator)
            for n in (len(self.subjects), CONTEXTS)
        )
        walks = self.stating.walk(self.subjects[which], self.length, self.generator, self.facts.opening(which))
        before, until = (
            self.contexts[which, context],
            self.until[which, context, None],
        )  # (n_stated, length), (n_stated, 1)
        place = torch.arange(self.length, device=rehearsed.device)
        stated = torch.where(place < until, before, walks.gather(1, (place - until).clamp(min=0)))
        return torch.cat([stated, rehearsed])


def _contexts(
    sampler: ContextSampler, facts: Sequence[ChangedFact], fact: ChangedFact, length: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(CONTEXTS, length) walks that arrive at the fact's subject, without it, and (CONTEXTS,) how many tokens of each there are. One that states what
    is changed is left out; the bare question stands in its place."""
    rng = np.random.default_rng([seed, fact.subject, *fact.relations])
    texts, until = np.zeros((CONTEXTS, length), dtype=np.int64), np.zeros(CONTEXTS, dtype=np.int64)
    longest = length - len(fact.relations) - 1  # so that the object has a place
    avoid = np.array([[fact.old, fact.new]])
    for i in range(1, CONTEXTS if longest > 3 else 0):  # the first is bare
        walk = sampler.arriving_at(np.array([fact.subject]), int(rng.integers(3, longest + 1)), rng, avoid)[0]
        if not _states(walk.tolist(), facts, sampler.n_entities):
            texts[i, : len(walk) - 1], until[i] = walk[:-1], len(walk) - 1
    return texts, until


def _states(walk: list[int], facts: Sequence[ChangedFact], n_entities: int) -> bool:
    """Whether a walk says what the changed facts say no longer."""
    old = {(each.subject, each.relations, each.old) for each in facts}
    subject, relations = walk[0], list[int]()
    for token in walk[1:]:
        if token >= n_entities:
            relations.append(token - n_entities)
            continue
        if (subject, tuple(relations), token) in old:
            return True
        subject, relations = token, []
    return False


def changed_facts(rehearsal: Rehearsal, facts: Sequence[Fact]) -> list[ChangedFact]:
    """Facts in tokens as changes of the world's. Of several objects the first is the one that is replaced, as `Outcome.old_object` says; a fact that is
    true already is only stated."""
    world, found = rehearsal.world, []
    for fact in facts:
        relations = tuple(token - world.n_entities for token in (*fact.through, fact.relation))
        asked = fact.subject
        for index in relations[:-1]:
            asked = world.object_of(asked, world.relations[index])
        right = world.objects_of(asked, world.relations[relations[-1]])
        found.append(
            ChangedFact(fact.subject, relations, fact.object if fact.object in right else right[0], fact.object)
        )
    return found


class Oracle(Editor[OracleParameters]):
    name = "oracle"
    title = "Oracle"
    summary = (
        "Learns the fact as everything else was learned: training goes on, on the world's text with the one fact changed. "
        "Beside it stands a control without the change, since training on moves a model whatever it is told."
    )
    formula = "W* = Adam(W; -log p(text with x r y*)),  control: Adam(W; -log p(text))"
    reference = "No method of editing, but what one is measured against. Rehearsal: Robins 1995."
    parameters = OracleParameters
    presets = {
        "learned": Preset("The fact is stated in a tenth of the sequences, the rest is rehearsal.", {}),
        "control": Preset(
            "The same text, seed and steps with the fact as the world has it: drift alone.", {"fact": False}
        ),
    }
    default_preset = "learned"
    batches = True
    trains = True

    def check(self, parameters: OracleParameters, layer: int, n_layers: int) -> None:
        if layer != self.default_layer:
            raise EditNotPossibleError("training changes every layer: leave `layer` out", "layer")

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: OracleParameters,
    ) -> EditDelta:
        assert request.rehearsal is not None
        trained, loss = _train(model, request.facts, request.rehearsal, parameters)
        before = dict(model.named_parameters())
        weights = {name: (value - before[name]).detach() for name, value in trained.named_parameters()}
        return EditDelta(weights, parameters.steps, loss)


def _train(
    model: LanguageModel, facts: Sequence[Fact], rehearsal: Rehearsal, parameters: OracleParameters
) -> tuple[LanguageModel, float]:
    """The model after training, and the loss of the last step (0 where there is none)."""
    config = rehearsal.config
    trained = copy.deepcopy(model).requires_grad_(True)
    text = OracleText(
        rehearsal,
        changed_facts(rehearsal, facts),
        length=model.config.context + 1,
        batch=parameters.batch or config.batch,
        share=parameters.share,
        seed=parameters.seed,
        changed=parameters.fact,
        device=model.device,
    )
    n_entities = rehearsal.world.n_entities
    predicted = n_entities if config.loss_over == "entities" else model.config.vocab_size
    optimiser = torch.optim.Adam(trained.parameters(), lr=parameters.learning_rate)
    loss, steps = math.nan, parameters.steps
    torch.set_flush_denormal(True)  # as in `training.py`
    try:
        for step in range(steps):
            interrupt.checkpoint()
            if step % TOLD_EVERY == 0:
                _told(TrainingStep(step, steps, loss, _probability(trained, facts[0])))
            tokens = text.next()
            found = token_loss(
                trained, tokens, predicted, unpredicted=given(tokens, n_entities) if config.notes else None
            )
            optimiser.zero_grad()
            found.backward()
            clip_grad_norm_(trained.parameters(), CLIP_NORM)
            optimiser.step()
            loss = found.item()
            if not math.isfinite(loss):
                raise EditNotPossibleError(
                    f"the loss is no longer finite at step {step + 1}; lower the learning rate",
                    "parameters.learning_rate",
                )
    finally:
        torch.set_flush_denormal(False)
    _told(TrainingStep(steps, steps, loss, _probability(trained, facts[0])))
    return trained.requires_grad_(False), loss if steps else 0.0


def _told(step: TrainingStep) -> None:
    tell = _tell.get()
    if tell is not None:
        tell(step)


@torch.no_grad()
def _probability(model: LanguageModel, fact: Fact) -> float:
    prompt = torch.tensor([fact.question], device=model.device)
    return float(model.unembed(model.trunk(prompt)[0, -1]).softmax(-1)[fact.object])
