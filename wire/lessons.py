"""Wire models of lessons: pydantic only, importing this loads no torch.

A lesson is a list of steps. A step is a text and a view: the address of an Explore page from its `?` on, without the `?`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Wire

# Parts of the Explore page that a step may hide, or show but lock.
Part = Literal[
    "ask",  # the question and the model's answer
    "change",  # the next edit and its button
    "stack",  # model = base + edits, with all that belongs to it
    "strength",
    "history",  # undo, redo, reset
    "before",
    "after",
    "new",  # the mark of the new object
    "captions",
    "words",  # what is said about each picture
    "legend",
    "quality",  # efficacy, generality, locality, portability of the edits
    "see",  # what the scenes show
    "r",
    "accuracy",
]


class Question(Wire):
    """Asked before the step reveals its point."""

    ask: str = Field(default="What do you think will happen?", min_length=1, max_length=200)
    choices: list[str] = Field(min_length=2, max_length=5)
    right: int | None = Field(default=None, ge=1, description="the number of the right choice, from 1; null: none is")


class Reveal(Wire):
    """What a step with a question shows once that is answered."""

    text: str = Field(description="Markdown")
    view: str
    hide: list[Part]
    lock: list[Part]
    panel: str | None = Field(
        default=None, description="a card from below the scenes, which is shown in place of one scene"
    )


class Step(Wire):
    title: str
    text: str = Field(description="Markdown")
    notes: str = Field(description="Markdown, for the speaker")
    view: str
    hide: list[Part]
    lock: list[Part]
    panel: str | None = None
    question: Question | None
    reveal: Reveal | None


class LessonInfo(Wire):
    id: str
    title: str
    audience: str
    minutes: int
    summary: str = Field(description="Markdown")
    n_steps: int


class Lesson(LessonInfo):
    steps: list[Step]


class LessonProblem(Wire):
    """Something in a lesson that cannot be used. The lesson is left out until it is mended."""

    file: str = Field(description="within the folder of lessons")
    line: int = Field(description="from 1")
    message: str


class LessonList(Wire):
    lessons: list[LessonInfo]
    problems: list[LessonProblem]
