"""Ripples: facts that stand in a logical relation to an edit, which a model that had truly learned the new fact would answer anew.

(The questions are those of Cohen et al. 2024, "Evaluating the Ripple Effects of Knowledge Editing".) Which they are, the world says: what the new
fact *implies*, and what it *contradicts* (`worlds.World.consequences`).
"""

from __future__ import annotations

from dataclasses import dataclass

from shatterscope.backend.evaluation.answers import Answers, answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Consequence, World


@dataclass(frozen=True)
class AnsweredRipple:
    """Answers are (entity, its probability by softmax over the whole vocabulary) on the bare prompt."""

    ripple: Consequence
    before: tuple[int, float]
    after: tuple[int, float]


def answer_ripples(
    world: World, found: list[Consequence], before: LanguageModel, after: LanguageModel
) -> list[AnsweredRipple]:
    """Ask both models."""
    answered: dict[int, AnsweredRipple] = {}
    for n in sorted({len(ripple.relations) for ripple in found}):
        rows = [i for i, ripple in enumerate(found) if len(ripple.relations) == n]
        prompts = [world.prompt(found[i].subject, [world.relation(name) for name in found[i].relations]) for i in rows]
        both: list[Answers] = [answers(model, prompts, world.n_entities) for model in (before, after)]
        for row, i in enumerate(rows):
            answered[i] = AnsweredRipple(found[i], both[0].of(row), both[1].of(row))
    return [answered[i] for i in range(len(found))]
