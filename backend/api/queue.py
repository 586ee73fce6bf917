"""Who is computed next: small work before large, then fair between clients, between kinds of work, and who came first.

How large work is shows while it runs: it begins at level 0, and sinks by one when it has run for `SPAN` seconds, eight times that, and so on
(a multi-level feedback queue: Corbato 1962). Work gives its place to work of a lower level alone, so that equals do not take turns to no
end. At one level the client that has used least goes first, and of its kinds of work the one that has used least.

Time is counted as it is used. A client (or a kind) that was away comes back level with the one that has used least, so nobody saves up
a claim and nobody waits for what others used before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

SPAN = 1.0  # seconds
GROWTH = 8
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

    def rank(self, work: Work) -> tuple[int, float, float, int]:
        """The least goes first."""
        kind = (work.client, work.kind)
        return level(work), self.used.get(work.client, 0.0), self.used.get(kind, 0.0), work.number


def level(work: Work) -> int:
    """0 for what has run for less than `SPAN` seconds."""
    return 0 if work.attained < SPAN else 1 + int(math.log(work.attained / SPAN, GROWTH))


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
