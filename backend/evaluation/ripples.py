"""Ripples: facts that stand in a logical relation to an edit, which a model that had truly learned the new fact would answer anew.

(The questions are those of Cohen et al. 2024, "Evaluating the Ripple Effects of Knowledge Editing", in a world of rings.) For an edit of
`x r y` to `x r y*`:

- *implied*: what follows from the new fact together with facts that were not edited: its inverse, compositions through it, sums of hops;
- *contradicted*: true facts that cannot stand beside the new one: the old fact, its inverse, and what pins y to its place through
  x's ring neighbours. What they become is a matter of reading; ours: y* takes y's place and y takes that of y*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from shatterscope.backend.evaluation.answers import Answers, answers
from shatterscope.backend.graph import KnowledgeGraph, Relation
from shatterscope.backend.model import Transformer

Kind = Literal["implied", "contradicted"]


@dataclass(frozen=True)
class Ripple:
    """One question `subject relations`; `truth` in the unedited world, `expected` if the new fact held."""

    kind: Kind
    explanation: str
    subject: int
    relations: tuple[str, ...]
    truth: int
    expected: int


@dataclass(frozen=True)
class AnsweredRipple:
    """Answers are (entity, its probability by softmax over the whole vocabulary) on the bare prompt."""

    ripple: Ripple
    before: tuple[int, float]
    after: tuple[int, float]


def ripples(graph: KnowledgeGraph, subject: int, relation: Relation, new_object: int) -> list[Ripple]:
    """At most a dozen facts that the edit `subject relation new_object` touches, the closest first, no question twice."""
    asked: set[tuple[int, tuple[str, ...]]] = set()
    result = []
    for ripple in _candidates(graph, subject, relation, new_object):
        question = (ripple.subject, ripple.relations)
        if question not in asked:
            asked.add(question)
            result.append(ripple)
    return result


def _candidates(graph: KnowledgeGraph, x: int, r: Relation, new: int) -> Iterator[Ripple]:
    order, s, old = r.order, r.step, graph.object_of(x, r)
    inverse = graph.inverse(r)
    steps = {relation.step: relation for relation in graph.relations_of_order(order)}

    def walk(entity: int, by: int) -> int:
        return int(graph.walk(order, entity, by))

    def fact(kind: Kind, why: str, a: int, path: tuple[Relation, ...], expected: int) -> Ripple:
        truth = walk(a, sum(relation.step for relation in path))
        return Ripple(kind, why, a, tuple(relation.name for relation in path), truth, expected)

    corrective = new == old
    if corrective:
        yield fact("implied", "The corrected fact itself.", x, (r,), new)
    else:
        yield fact("contradicted", f"The old fact: only one entity can be {r.name} of {x}.", x, (r,), new)
        yield fact(
            "contradicted",
            f"The old fact read backwards; if {new} takes the place of {old}, {old} takes that of {new}.",
            old,
            (inverse,),
            walk(new, -s),
        )
    yield fact("implied", f"The new fact read backwards: {inverse.name} undoes {r.name}.", new, (inverse,), x)
    for by in (1, -1):
        then = steps[by]
        yield fact("implied", f"From the new object: {then.name} of {new}.", x, (r, then), walk(new, by))
    for by in (1, -1):
        z, to_x = walk(x, -by), steps[by]
        yield fact("implied", f"Through {x}: {z} {to_x.name} is {x}, whose {r.name} is now {new}.", z, (to_x, r), new)
    for by in (1, -1):
        if (total := s + by) in steps:
            whole = steps[total]
            why = f"A sum of steps: {whole.name} is {r.name} and then {steps[by].name}."
            yield fact("implied", why, x, (whole,), walk(new, by))
    if not corrective:
        for by in (1, -1):
            if (rest := s - by) in steps:
                z, last = walk(x, by), steps[rest]
                why = f"{z}, {steps[by].name} of {x}, pins {old} to its place, which {new} now takes."
                yield fact("contradicted", why, z, (last,), new)


def answer_ripples(
    graph: KnowledgeGraph, found: list[Ripple], before: Transformer, after: Transformer
) -> list[AnsweredRipple]:
    """Ask both models."""
    answered: dict[int, AnsweredRipple] = {}
    for n in sorted({len(ripple.relations) for ripple in found}):
        rows = [i for i, ripple in enumerate(found) if len(ripple.relations) == n]
        prompts = [
            [found[i].subject, *(graph.n_entities + graph.relation(name).index for name in found[i].relations)]
            for i in rows
        ]
        both: list[Answers] = [answers(model, prompts, graph.n_entities) for model in (before, after)]
        for row, i in enumerate(rows):
            answered[i] = AnsweredRipple(found[i], both[0].of(row), both[1].of(row))
    return [answered[i] for i in range(len(found))]
