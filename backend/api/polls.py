"""What an audience answered: one answer for each voter and question, the latest counts. In memory only."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MAX_QUESTIONS = 64  # of one room
MAX_VOTERS = 1000  # of one question


class PollFull(Exception):
    """As many people have answered a question as one room holds."""


@dataclass(frozen=True)
class PolledQuestion:
    """A step of a lesson that asks what will happen."""

    lesson: str
    step: int


class Polls:
    """The answers in one room. Voters are names that their pages drew at random; they are never handed out."""

    def __init__(self) -> None:
        self.newest: PolledQuestion | None = None
        self._answers: OrderedDict[PolledQuestion, dict[str, int]] = OrderedDict()

    def answer(self, question: PolledQuestion, voter: str, choice: int) -> None:
        """Count it, in place of the voter's earlier answer. The oldest of too many questions is forgotten.

        Raises:
            PollFull: `MAX_VOTERS` have answered.
        """
        answers = self._answers.setdefault(question, {})
        if voter not in answers and len(answers) >= MAX_VOTERS:
            raise PollFull(f"{MAX_VOTERS} people have answered this question, the most a room counts")
        answers[voter] = choice
        self.newest = question
        self._answers.move_to_end(question)
        while len(self._answers) > MAX_QUESTIONS:
            self._answers.popitem(last=False)

    def counts(self, question: PolledQuestion) -> list[int]:
        """Answers by choice, as far as the last choice anybody made."""
        given = list(self._answers.get(question, {}).values())
        return [given.count(choice) for choice in range(max(given, default=-1) + 1)]
