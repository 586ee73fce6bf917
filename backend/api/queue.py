"""Who is computed next: fair between clients, then between kinds of work, then what has taken least time so far.

Time is counted as it is used. A client (or a kind) that was away comes back level with the one that has used least, so nobody saves up
a claim and nobody waits for what others used before. Within a kind, what has run for long gives way to what has not (least attained
service first: Kleinrock 1976), so small work goes before large without anybody having to say which is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

MAX_KEYS = 4096  # clients and kinds remembered


class Work(Protocol):
    """`attained`: seconds it has run; `number`: when it came."""

    client: str
    kind: str
    attained: float
    number: int


@dataclass
class Shares:
    """Seconds used by each client and kind. Not for several threads at once."""

    used: dict[Hashable, float] = field(default_factory=dict)

    def enter(self, work: Work, present: Iterable[Work]) -> None:
        """`work` comes, others are `present`."""
        present = list(present)
        kinds = {(each.client, each.kind) for each in present if each.client == work.client}
        self._level(work.client, {each.client for each in present})
        self._level((work.client, work.kind), kinds)

    def _level(self, key: Hashable, present: Iterable[Hashable]) -> None:
        least = min((self.used.get(each, 0.0) for each in present), default=0.0)
        if len(self.used) > MAX_KEYS:
            self.used.clear()
        self.used[key] = max(self.used.get(key, 0.0), least)

    def charge(self, work: Work, seconds: float) -> None:
        work.attained += seconds
        for key in (work.client, (work.client, work.kind)):
            self.used[key] = self.used.get(key, 0.0) + seconds

    def rank(self, work: Work) -> tuple[float, float, float, int]:
        """The least goes first."""
        kind = (work.client, work.kind)
        return self.used.get(work.client, 0.0), self.used.get(kind, 0.0), work.attained, work.number


def crowded(waiting: Iterable[Work], newcomer: Work) -> tuple[str, str] | None:
    """Whose work should make room for `newcomer`: client and kind with most waiting, where that is more than its own would then be."""
    waiting = list(waiting)
    clients = Counter(each.client for each in waiting)
    client, most = max(clients.items(), key=lambda item: item[1], default=("", 0))
    if most <= clients[newcomer.client] + 1:
        client = newcomer.client
    kinds = Counter(each.kind for each in waiting if each.client == client)
    kind, most = max(kinds.items(), key=lambda item: item[1], default=("", 0))
    if client == newcomer.client and most <= kinds[newcomer.kind] + 1:
        return None
    return (client, kind) if most else None
