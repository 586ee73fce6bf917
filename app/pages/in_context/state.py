"""What the page shows, and its form in the address: `graph=grid&seed=7&words=64`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl

from shatterscope.wire.in_context import MAX_SEED, GraphName

GRAPHS: tuple[GraphName, ...] = get_args(GraphName)
MAX_LENGTH = 128  # the model's context


@dataclass(frozen=True)
class ContextView:
    """`seed`: of the words' order and of the walk; `length`: how many words have been read."""

    graph: GraphName = "ring"
    seed: int = 0
    length: int = MAX_LENGTH

    def to_query(self) -> str:
        """Without `?`; what is default is left out."""
        pairs = [("graph", self.graph, "ring"), ("seed", self.seed, 0), ("words", self.length, MAX_LENGTH)]
        return "&".join(f"{key}={value}" for key, value, default in pairs if value != default)

    @classmethod
    def from_query(cls, query: str) -> tuple[ContextView, list[str]]:
        """The view, and one notice for each part that cannot be read. Never fails."""
        try:
            found = dict(parse_qsl(query.lstrip("?"), max_num_fields=100))
        except ValueError:
            return cls(), ["The link is too long to read; the page shows its default view."]
        notices: list[str] = []

        def number(key: str, low: int, high: int, default: int) -> int:
            text = found.get(key, str(default))
            if len(text) < 12 and text.isascii() and text.isdigit() and low <= int(text) <= high:
                return int(text)
            notices.append(f"The link's {key} is no number from {low} to {high}, so the default is shown.")
            return default

        graph = next((each for each in GRAPHS if each == found.get("graph", "ring")), None)
        if graph is None:
            notices.append(f"The link's graph is none of {', '.join(GRAPHS)}, so the default is shown.")
        view = cls(graph or "ring", number("seed", 0, MAX_SEED, 0), number("words", 1, MAX_LENGTH, MAX_LENGTH))
        return view, notices
