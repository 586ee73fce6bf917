"""Edit quality as the field measures it (Meng et al. 2022, section 3.3; portability: Yao et al. 2023, Cohen et al. 2024).

    efficacy     the new fact itself, on the bare prompt: is the new object answered?
    generality   the same fact behind random true contexts, which name neither the new object nor the true one
    locality     unrelated facts: is the answer still the one the unedited model gave, right or wrong?
    portability  facts that follow from the new one (the implied ones of `ripples.py`): are they answered as if it held?
    retraction   facts that it contradicts: is the old answer gone, whatever stands in its place? (Ours; a model that says both the new fact and
                 what the old one implied is at odds with itself: Li et al. 2024, "Unveiling the Pitfalls of Knowledge Editing", section 2.)

All five are the same measure, the share of questions answered as wanted and the mean probability of what is wanted, on the unedited and on the
edited model. In a stack the last edit of a fact has the last word; what an edit of the stack says itself is no ripple of another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shatterscope.backend import interrupt
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Consequence, Holdout, Relation, World
from shatterscope.backend.worlds.base import Kind

GENERALITY_CONTEXTS = 20
LOCALITY_FACTS = 200

EditedFact = tuple[int, Relation, int]
"""(subject, relation, new object)."""


@dataclass(frozen=True)
class Wanted:
    """Accuracy and mean probability of the wanted answers, before and after; NaN where there is no question."""

    accuracy_before: float
    accuracy_after: float
    probability_before: float
    probability_after: float
    n: int

    def other(self) -> Wanted:
        """Of any other answer instead."""
        return Wanted(
            1 - self.accuracy_before,
            1 - self.accuracy_after,
            1 - self.probability_before,
            1 - self.probability_after,
            self.n,
        )


@dataclass(frozen=True)
class Quality:
    efficacy: Wanted
    generality: Wanted
    locality: Wanted
    portability: Wanted
    retraction: Wanted


def quality(
    world: World,
    holdout: Holdout,
    before: LanguageModel,
    after: LanguageModel,
    edits: Sequence[EditedFact],
    *,
    n_contexts: int = GENERALITY_CONTEXTS,
    n_facts: int = LOCALITY_FACTS,
    seed: int = 0,
) -> Quality:
    """Ask both models. `n_contexts` per edited fact, `n_facts` unrelated ones, drawn by `seed`."""
    rng = np.random.default_rng([seed, 3])
    said = {(subject, (relation.name,)): (subject, relation, new) for subject, relation, new in edits}
    facts = list(said.values())
    found = [ripple for subject, relation, new in facts for ripple in world.consequences(subject, relation, new)]
    touched = {(ripple.subject, ripple.relations) for ripple in found} | said.keys()

    models = (before, after)
    bare = [(world.prompt(subject, [relation]), new) for subject, relation, new in facts]

    sampler, longest = ContextSampler(world, holdout), before.config.context - 1
    behind = []
    for subject, relation, new in facts:
        answer = np.array([[new, *world.objects_of(subject, relation)]])
        for length in rng.integers(3, longest + 1, size=n_contexts):
            walk = sampler.arriving_at(np.array([subject]), int(length), rng, answer)[0]
            behind.append(([*walk.tolist(), *world.prompt(subject, [relation])[1:]], new))

    unrelated = []
    for pick in rng.permutation(world.n_entities * world.n_relations):
        subject, relation = int(pick) // world.n_relations, world.relations[int(pick) % world.n_relations]
        if world.present[subject, relation.index] and (subject, (relation.name,)) not in touched:
            unrelated.append(world.prompt(subject, [relation]))
        if len(unrelated) == n_facts:
            break
    as_it_was = answers(before, unrelated, world.n_entities).prediction.tolist() if unrelated else []

    def asked(kind: Kind) -> list[Consequence]:
        """The later of those that ask the same, and none that an edit answers itself."""
        last = {(each.subject, each.relations): each for each in found if each.kind == kind}
        return [each for question, each in last.items() if question not in said]

    def prompt(ripple: Consequence) -> list[int]:
        return world.prompt(ripple.subject, [world.relation(name) for name in ripple.relations])

    following = [(prompt(each), each.expected) for each in asked("implied") if each.expected is not None]
    false_now = [(prompt(each), each.truth) for each in asked("contradicted")]
    n = world.n_entities
    return Quality(
        efficacy=_ask(models, bare, n),
        generality=_ask(models, behind, n),
        locality=_ask(models, list(zip(unrelated, as_it_was, strict=True)), n),
        portability=_ask(models, following, n),
        retraction=_ask(models, false_now, n).other(),
    )


def _ask(
    models: tuple[LanguageModel, LanguageModel], questions: list[tuple[list[int], int]], n_entities: int
) -> Wanted:
    """Ask (prompt, wanted answer) of both models; prompts of one length go together."""
    totals = [0.0] * 4
    for length in sorted({len(prompt) for prompt, _ in questions}):
        here = [question for question in questions if len(question[0]) == length]
        for side, model in enumerate(models):
            interrupt.checkpoint()
            found = answers(model, [prompt for prompt, _ in here], n_entities)
            wanted = torch.tensor([answer for _, answer in here], device=found.prediction.device)
            totals[side] += int((found.prediction == wanted).sum())
            totals[2 + side] += found.probability.gather(1, wanted[:, None]).double().sum().item()
    n = len(questions)
    accuracy_before, accuracy_after, probability_before, probability_after = (
        total / n if n else math.nan for total in totals
    )
    return Wanted(accuracy_before, accuracy_after, probability_before, probability_after, n)
