"""What stands before a question while an edit is written, and all that is heard besides: for a language model, what walks over facts are for one that was
taught a world.

Questions stand behind plain sentences (`contexts.txt`), so that what is written does not hold behind one text alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shatterscope.backend.data.contexts import Contexts, Heard
from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.spoken.text import statistics_tokens
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.worlds import ABSENT, Relation
from shatterscope.backend.worlds.base import Wording

FILE = Path(__file__).parent / "contexts.txt"


class SentenceContexts(Contexts):
    def __init__(self, world: Spoken, tokenizer: Tokenizer) -> None:
        self.world, self.n_entities, new = world, world.n_entities, world.numbering.all_new
        lines = (line.strip() for line in FILE.read_text(encoding="utf-8").splitlines())
        self.sentences = [new(tokenizer.encode(f"{line}\n")) for line in lines if line and not line.startswith("#")]
        self.begin = new(tokenizer.encode(""))  # what the model wants at a text's beginning, where it wants any
        self.text = np.array([new(row) for row in statistics_tokens(tokenizer).tolist()])
        self.longest_question = max(len(prompt) for _, prompt, _ in self._questions())

    def behind(
        self, question: list[int], object: int, n: int, context: int, rng: np.random.Generator
    ) -> list[list[int]]:
        """Behind a sentence each, behind two where there are more prompts than sentences."""
        asked = question[len(self.begin) :]
        order = rng.permutation(len(self.sentences))
        found = []
        for i in range(n):
            text = list(self.sentences[order[i % len(order)]])
            if i >= len(order):
                text += self.sentences[int(rng.integers(len(order)))][len(self.begin) :]
            found.append([*text, *asked])
        return found

    def alike(self, question: list[int]) -> dict[int, list[int]]:
        relation, wording, _ = self._found(question)
        return {subject: wording.around(subject) for subject in self.world.domain(relation).tolist()}

    def source_of(self, object: int, question: list[int]) -> int | None:
        relation, _, _ = self._found(question)
        found = int(self.world.sources[object, relation.index, 0])
        return None if found == ABSENT else found

    def heard(self, texts: int, context: int) -> list[Heard]:
        """Every question in every wording that is asked, from its subject on; and text that is about nothing of this world."""
        found: list[Heard] = []
        for relation in self.world.relations:
            for wording in self.world.wordings([relation]):
                prompts = [wording.around(subject) for subject in self.world.domain(relation).tolist()]
                found.append((np.array(prompts), slice(len(wording.before), None)))
        pieces = max(1, min(texts // self.text.shape[1], len(self.text)))
        return [*found, (self.text[:pieces], slice(1, None))]  # the first position is an attention sink

    def fingerprint(self) -> bytes:
        return repr(self.world.config.knowledge).encode()

    def _questions(self) -> list[tuple[Relation, list[int], int]]:
        return [
            (relation, wording.around(subject), subject)
            for relation in self.world.relations
            for wording in self.world.wordings([relation])
            for subject in self.world.domain(relation)[:1].tolist()
        ]

    def _found(self, question: list[int]) -> tuple[Relation, Wording, int]:
        for relation in self.world.relations:
            for wording in self.world.wordings([relation]):
                at = len(wording.before)
                if len(question) == at + 1 + len(wording.after) and wording.around(question[at]) == question:
                    return relation, wording, question[at]
        raise ValueError("this is no question of this world")
