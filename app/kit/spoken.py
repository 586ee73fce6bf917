"""What a language model answers, name by name and wording by wording, counted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import AnsweredRelation, LanguageChange

Kind = Literal["right", "wrong", "lost", "found", "other", "leaked", "taught", "refused"]


@dataclass(frozen=True)
class Given:
    """One answer before and after. `kind`: right or wrong as before; lost, found: no longer right, right now; other: another wrong one; leaked: the new object
    of an edit of another name; taught, refused: of the edited name itself, whether it is the new object."""

    before: int
    after: int
    kind: Kind


@dataclass(frozen=True)
class Taught:
    """What the last edit that is there taught: `new` of the names `subjects`, which are all that were edited in its relation."""

    relation: str
    new: int
    subjects: frozenset[int]


@dataclass(frozen=True)
class AnsweredNew:
    """How many answer the new object, before and after: of all names, those that do so in most wordings, and in at least one; and the share of the answers of
    the names that were not edited, `n` of them."""

    most: tuple[int, int]
    some: tuple[int, int]
    share: tuple[float, float]
    n: int


def taught(made: EditResult | None) -> Taught | None:
    if made is None or not made.there:
        return None
    last = made.there[-1]
    same = (each.spec.subject for each in made.there if each.spec.relation == last.spec.relation)
    return Taught(last.spec.relation, last.new_object, frozenset(same))


def edited_answers(told: LanguageChange, by: Taught) -> AnsweredRelation:
    return next(each for each in told.answers if each.relation == by.relation)


def given(answers: AnsweredRelation, by: Taught | None) -> Iterator[tuple[int, list[Given]]]:
    """Of each name its answers, wording by wording."""
    new = None if by is None else by.new
    edited = by.subjects if by is not None and by.relation == answers.relation else frozenset[int]()
    for i, (subject, truth) in enumerate(zip(answers.subjects, answers.truths, strict=True)):
        pairs = [(before[i], after[i]) for before, after in zip(answers.before, answers.after, strict=True)]
        yield subject, [Given(was, now, _kind(was, now, truth, new, subject in edited)) for was, now in pairs]


def _kind(was: int, now: int, truth: int, new: int | None, edited: bool) -> Kind:
    if edited:
        return "taught" if now == new else "refused"
    if was == now:
        return "right" if now == truth else "wrong"
    if now == truth:
        return "found"
    if now == new:
        return "leaked"
    return "lost" if was == truth else "other"


def right(answers: AnsweredRelation) -> tuple[int, int, int, int]:
    """Answers that are right before, and of these lost; answers that are right now and were not; and all there are."""
    pairs = [
        (was == truth, now == truth)
        for before, after in zip(answers.before, answers.after, strict=True)
        for was, now, truth in zip(before, after, answers.truths, strict=True)
    ]
    return (
        sum(was for was, _ in pairs),
        sum(was and not now for was, now in pairs),
        sum(now and not was for was, now in pairs),
        len(pairs),
    )


def answered_new(answers: AnsweredRelation, new: int, edited: Collection[int]) -> AnsweredNew:
    half = len(answers.wordings) / 2

    def counted(found: list[list[int]]) -> tuple[int, int, float]:
        times = [sum(wording[i] == new for wording in found) for i in range(len(answers.subjects))]
        others = [n for subject, n in zip(answers.subjects, times, strict=True) if subject not in edited]
        questions = len(others) * len(answers.wordings)
        return sum(n > half for n in times), sum(n > 0 for n in times), sum(others) / questions if questions else 0.0

    was, now = counted(answers.before), counted(answers.after)
    n = sum(subject not in edited for subject in answers.subjects) * len(answers.wordings)
    return AnsweredNew((was[0], now[0]), (was[1], now[1]), (was[2], now[2]), n)
