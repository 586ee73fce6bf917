"""Contexts: true, stated facts put before a query, as in training text (Nishi et al. 2025, section 3.2: scores are averaged over five).

A context is a walk that *arrives* at the query's subject, since in the text every relation follows the object of the fact before it:

    a r b r' r'' x | r      (the bar shows where the query's own relations begin)

So it is drawn backwards from x. Single facts and compositions are mixed as in training; held-out facts never occur. Entities that must not be
named before the question, its answer above all, can be kept out: otherwise the answer stands in one context out of twenty or so, mostly
because the walk arrives by the inverse of the relation asked for, and the fact itself in one out of a thousand. (Without them, accuracies of the
unedited models change by .0001 at most on rings-2048, and direct recall by +.002 on rings-2048-smooth, over 2000 queries a cell.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from shatterscope.backend.worlds import Holdout, World
from shatterscope.backend.worlds.base import ABSENT, BoolArray, IntArray

P_COMPOSITION = 0.5
SEED = 0  # of what is heard
TRIES = 1000  # at each fact; only a world of a few entities has none that is allowed


Heard = tuple[IntArray, slice]
"""(B, T) texts in tokens, and at which of their positions."""


class Contexts(ABC):
    """What an editor is told of the text that a model is asked in: a question is a token list that names its subject."""

    n_entities: int
    longest_question: int  # in tokens

    @abstractmethod
    def behind(
        self, question: list[int], object: int, n: int, context: int, rng: np.random.Generator
    ) -> list[list[int]]:
        """`n` prompts of at most `context` tokens that end with `question`, behind text that names neither `object` nor what is true."""

    @abstractmethod
    def alike(self, question: list[int]) -> dict[int, list[int]]:
        """The same question of every subject that has an answer to it, its own among them."""

    @abstractmethod
    def source_of(self, object: int, question: list[int]) -> int | None:
        """A subject of whom `object` is the answer to the same question; None where there is none."""

    @abstractmethod
    def heard(self, texts: int, context: int) -> list[Heard]:
        """All questions, and text: some `texts` pieces of at most `context` tokens, always the same."""

    @abstractmethod
    def fingerprint(self) -> bytes:
        """Of all that `heard` depends on besides its arguments."""


class ContextSampler(Contexts):
    """Draws walks that end at given entities, from a generator the caller owns."""

    longest_question = 3

    def __init__(self, world: World, holdout: Holdout, p_composition: float = P_COMPOSITION) -> None:
        """`p_composition`: how often a fact is a composition, where there is room for one; with 0 a walk of 2n + 1 tokens has n facts."""
        self.p_composition = p_composition
        self.n_entities, self.compositions, self.holdout = world.n_entities, world.compositions, holdout
        self.truths, self.sources, self.n_sources = world.truths, world.sources, world.n_sources
        self.single, self.n_single, self.pairs, self.n_pairs = world.arriving
        # A walk of three tokens is a composition: in a world where some entity is reached by none, walks have an odd length. (Where there are
        # some, one of them is stated: `draw_holdout`.)
        self.composes = bool(self.n_pairs.all())

    def arriving_at(
        self, subjects: IntArray, length: int, rng: np.random.Generator, avoid: IntArray | None = None
    ) -> IntArray:
        """(len(subjects), length) token ids whose last column is `subjects`.

        Args:
            length: one less where it is even and the world has entities that no stated composition leads to.
            avoid: (len(subjects), k), entities that each walk does not name before its last token; -1 for none. A world so small that no
                walk can do without them names them all the same.

        Raises:
            ValueError: `length` is 2 or below 1: a fact takes two or three tokens, so no walk of two entities has that length.
        """
        if length < 1 or length == 2:
            raise ValueError(f"a context has 1 (the bare subject) or at least 3 tokens, got {length}")
        if not self.composes and length % 2 == 0:
            length -= 1
        tokens = np.empty((len(subjects), length), dtype=np.int64)
        tokens[:, -1] = entity = subjects
        # Rows part ways between facts of two and of three tokens: `cursor` is the leftmost column filled so far.
        cursor = np.full(len(subjects), length - 1)
        while (rows := np.flatnonzero(cursor > 0)).size:
            room, entity = cursor[rows], tokens[rows, cursor[rows]]
            # 2 or 3 tokens left must be filled exactly, and 1 left could not be: so 4 go in two steps of 2.
            composed = np.where((room == 3) | (room >= 5), rng.random(len(rows)) < self.p_composition, False) | (
                room == 3
            )
            composed &= self.composes
            kept_out = None if avoid is None else avoid[rows]
            first, second, start = self._fact_before(entity, composed, kept_out, rng)
            tokens[rows, room - 1] = self.n_entities + second
            tokens[rows[composed], room[composed] - 2] = self.n_entities + first[composed]
            cursor[rows] = room - 2 - composed
            tokens[rows, cursor[rows]] = start
        return tokens

    def behind(
        self, question: list[int], object: int, n: int, context: int, rng: np.random.Generator
    ) -> list[list[int]]:
        """Behind random true facts."""
        subject, *relations = question
        asked, (*through, last) = subject, relations
        for relation in through:
            asked = self.truths[asked, relation - self.n_entities, 0]
        avoid = np.array([[object, *self.truths[asked, last - self.n_entities]]])
        longest = context - len(through)
        lengths = rng.integers(3, longest, size=n) if longest > 3 else np.empty(0, dtype=np.int64)
        walks = (self.arriving_at(np.array([subject]), int(length), rng, avoid)[0] for length in lengths)
        return [[*walk.tolist(), *relations] for walk in walks]

    def alike(self, question: list[int]) -> dict[int, list[int]]:
        _, first, *others = question
        return {subject: [subject, first, *others] for subject in self.subjects_of(first)}

    def source_of(self, object: int, question: list[int]) -> int | None:
        """None of a composition."""
        if len(question) > 2:
            return None
        found = int(self.sources[object, question[-1] - self.n_entities, 0])
        return None if found == ABSENT else found

    def subjects_of(self, relation: int) -> list[int]:
        """Entities that have an object under a relation, a token."""
        return np.flatnonzero((self.truths[:, relation - self.n_entities] >= 0).any(-1)).tolist()

    def heard(self, texts: int, context: int) -> list[Heard]:
        """Every `x r` that has an answer, at the relation's token; every entity at the first position; and random walks over true facts, at every position."""
        n = self.n_entities
        asked: BoolArray = np.asarray((self.truths >= 0).any(-1))
        subjects, relations = np.nonzero(asked)
        bare = np.stack([subjects, n + relations], 1)
        rng = np.random.default_rng(SEED)
        length = context - 1
        length -= not self.composes and length % 2 == 0
        ends = rng.integers(0, n, texts)
        walks = self.arriving_at(ends, length, rng)
        asks = np.array([rng.choice(np.flatnonzero(asked[end])) for end in ends])
        text = np.concatenate([walks, n + asks[:, None]], 1)
        return [(bare, slice(1, 2)), (np.arange(n)[:, None], slice(0, 1)), (text, slice(None))]

    def fingerprint(self) -> bytes:
        tables = (self.truths, self.holdout.single, self.holdout.composition)
        return repr(self.p_composition).encode() + b"".join(np.ascontiguousarray(each).tobytes() for each in tables)

    def _fact_before(
        self,
        entity: IntArray,
        composed: np.typing.NDArray[np.bool_],
        avoid: IntArray | None,
        rng: np.random.Generator,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Relations (first, second) and subject of a stated fact with object `entity`; without composition `second` alone counts."""
        first, second, start = np.empty((3, len(entity)), dtype=np.int64)
        todo, tries = np.arange(len(entity)), 0
        while todo.size:  # draw again what turns out to be held out, or to be avoided
            y, both = entity[todo], composed[todo]
            pair = self.pairs[y, rng.integers(np.maximum(self.n_pairs[y], 1))] if self.composes else None
            second[todo] = self.single[y, rng.integers(self.n_single[y])]
            if pair is not None:
                first[todo] = self.compositions[pair, 0]
                second[todo] = np.where(both, self.compositions[pair, 1], second[todo])
            start[todo] = middle = self._source(y, second[todo], rng)
            held_out = self.holdout.single[start[todo], second[todo]]
            if pair is not None:
                start[todo] = np.where(both, self._source(middle, first[todo], rng), middle)
                held_out = np.where(both, self.holdout.composition[start[todo], pair], held_out)
            unwanted = held_out | (start[todo] == ABSENT)
            if avoid is not None and tries < TRIES:
                unwanted |= (start[todo, None] == avoid[todo]).any(1)
            todo, tries = todo[unwanted], tries + 1
        return first, second, start

    def _source(self, entity: IntArray, relation: IntArray, rng: np.random.Generator) -> IntArray:
        """One of the subjects that have `entity` under `relation`; `ABSENT` where there is none."""
        if self.sources.shape[2] == 1:
            return np.asarray(self.sources[entity, relation, 0])
        return np.asarray(self.sources[entity, relation, rng.integers(np.maximum(self.n_sources[entity, relation], 1))])
