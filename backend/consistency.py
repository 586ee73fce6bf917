"""Consistent edits: a fact "with all that it implies".

A model that had truly learned x r y* would answer other questions anew as well: the new fact read backwards, what follows from it by the rules of
its world, and what the old fact implied and is false now. Which questions these are the world says (`worlds.World.consequences`, the ones that
`evaluation/ripples.py` asks). Those to which the rules give an answer that the model does not give already join the fact, as one batch; so do those
that pass through the fact itself, whatever the model answers now, since the edit moves what they pass through. Where the
rules only say that the old answer is false and nothing of a new one, there is nothing to write: it is counted, whether the old answer is gone
(`evaluation/quality.py`).

What an edit says itself, no other edit of the stack overrules by implication; of two that imply different answers to one question the later counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Consequence, Relation, World

Question = tuple[int, tuple[str, ...]]
"""Subject, and the names of one relation or of two, one after the other."""


@dataclass(frozen=True)
class Supposed:
    subject: int
    relation: Relation
    object: int

    @property
    def question(self) -> Question:
        return self.subject, (self.relation.name,)


def implied_by(
    world: World, model: LanguageModel, facts: Sequence[Supposed], said: Collection[Question] = ()
) -> list[list[Consequence]]:
    """What would have to change together with each of `facts`, as `model` answers now.

    Args:
        said: questions that the edits before these answer themselves.
    """
    settled = {*said, *(fact.question for fact in facts)}
    found: dict[Question, tuple[int, Consequence]] = {}
    for i, fact in enumerate(facts):
        for each in world.consequences(fact.subject, fact.relation, fact.object):
            question = (each.subject, each.relations)
            if each.expected is not None and question not in settled:
                found[question] = (i, each)

    def answered(question: Question, object: int | None) -> bool:
        prompt = world.prompt(question[0], [world.relation(name) for name in question[1]])
        return int(answers(model, [prompt], world.n_entities).prediction[0]) == object

    moves = [not answered(fact.question, fact.object) for fact in facts]
    joined: list[list[Consequence]] = [[] for _ in facts]
    for question, (i, each) in found.items():
        passes_through = (each.subject, each.relations[:1]) == facts[i].question
        if (moves[i] and passes_through) or not answered(question, each.expected):
            joined[i].append(each)
    return joined
