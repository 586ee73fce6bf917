"""What a panel is: a card below the scenes whose numbers are computed when someone unfolds it, because they take a while.

A panel declares itself in one module, and is a line in `PANELS`. Layout, callbacks and files go through these, and name none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.world import World
from shatterscope.wire.world import CheckpointInfo


@dataclass(frozen=True)
class Around:
    """What a panel is shown beside. `site`: of the scenes; `in_file`: nothing can be pressed."""

    checkpoint: CheckpointInfo
    world: World
    edits: Stack
    site: str
    in_file: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """
    Attributes:
        name: its place in the page (`#name`), and in addresses; its elements are called after it.
        title: its heading.
        link: what the link to it is called.
        lead: a sentence below the heading.
        unfold: what unfolding it does.
        waiting: said while it is computed.
        failed: begins the sentence that says why it could not be.
        needs: what it asks of the API: client, checkpoint, edits -> the answer. There is an edit, unless it is `without_edits`.
        markup: the answer, and what it is shown beside -> what is seen. Pure.
        follows_site: its markup says which site the scenes show.
        pressed: its markup has buttons.
        always_in_file: an HTML file holds it also where it was not unfolded.
        of: which models it is offered of.
        without_edits: it tells of the model, edited or not.
        of_recordings: a language model that is played back has it, too.
    """

    name: str
    title: str
    link: str
    lead: str
    unfold: str
    waiting: str
    failed: str
    needs: Callable[[Client, str, Stack], Awaitable[Any]]
    markup: Callable[[Any, Around], Node]
    follows_site: bool = False
    pressed: bool = False
    always_in_file: bool = False
    of: Literal["all", "trained", "language"] = "all"
    without_edits: bool = False
    of_recordings: bool = True

    def offered(self, checkpoint: CheckpointInfo, edits: Stack) -> bool:
        language = checkpoint.language
        kind = "trained" if language is None else "language"
        known = self.of_recordings or language is None or language.recorded is None
        return self.of in ("all", kind) and (self.without_edits or bool(edits)) and known

    @property
    def seen(self) -> str:
        """Classes of its card and of the link to it, which say when they are seen."""
        kind = "" if self.of == "all" else f"of-{self.of}"
        return f"{kind}{'' if self.without_edits else ' of-edits'}".strip()

    @property
    def fold(self) -> str:
        return f"{self.name}-fold"

    @property
    def body(self) -> str:
        return f"{self.name}-table"

    @property
    def content(self) -> str:
        """The property of `body` that holds what is seen."""
        return "children" if self.pressed else "content"

    @property
    def problem(self) -> str:
        return f"problem-{self.name}"

    @property
    def asked(self) -> str:
        """The store that says what it is to show; empty while it is folded."""
        return f"{self.name}-asked"
