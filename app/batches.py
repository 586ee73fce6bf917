"""Edits written as one: which of a stack belong together, and how they are joined and parted. Pure.

As the API has it, neighbours of one method that are marked `batch` are one step: their facts are written together, by one change of the weights.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from app.state import Edit

Stack = tuple[Edit, ...]


def joined(edits: Stack, i: int) -> bool:
    """Whether edit `i` is written together with the one before it."""
    if not 0 < i < len(edits):
        return False
    one, other = edits[i - 1], edits[i]
    return one.batch and other.batch and one.method == other.method


def step(edits: Stack, i: int) -> range:
    """The edits that are written together with edit `i`, itself among them."""
    start, stop = i, i + 1
    while joined(edits, start):
        start -= 1
    while joined(edits, stop):
        stop += 1
    return range(start, stop)


def obstacle(edits: Stack, i: int, batching: Collection[str]) -> str | None:
    """Why edit `i` cannot be written together with the one before it; None where it can. `batching`: the methods that take batches."""
    one, other = edits[i - 1], edits[i]
    if one.method != other.method or one.method not in batching:
        return "Not a batch: only adjacent edits by one method that writes many facts at once can be joined."
    for what in ("layer", "preset", "parameters"):
        if getattr(one, what) != getattr(other, what):
            return f"Not a batch: they differ in {what}, which edits of one batch share."
    both = [edits[j] for j in (*step(edits, i - 1), *step(edits, i))]
    if len({(edit.subject, edit.relation) for edit in both}) < len(both):
        return "Not a batch: both set the answer to the same question, and one change holds one answer."
    if len(step(join(edits, i), i)) > len(both):
        return "Not a batch: together they would merge with the batch next to them. Join that one first."
    return None


def join(edits: Stack, i: int) -> Stack:
    """Edit `i`, and all that is written with it, written together with those before; they share the later one's strength."""
    together = {*step(edits, i - 1), *step(edits, i)}
    strength = edits[i].strength
    return tuple(
        replace(edit, batch=True, strength=strength) if j in together else edit for j, edit in enumerate(edits)
    )


def part(edits: Stack, i: int) -> Stack:
    """From edit `i` on, those of its batch are made one after the other again."""
    later = range(i, step(edits, i).stop)
    return _settled(tuple(replace(edit, batch=False) if j in later else edit for j, edit in enumerate(edits)))


def without(edits: Stack, i: int) -> Stack:
    """The stack without edit `i`. Batches on both sides of it stay two."""
    rest = edits[:i] + edits[i + 1 :]
    inside = joined(edits, i) and joined(edits, i + 1)
    return _settled(rest) if inside or not joined(rest, i) else part(rest, i)


def with_strength(edits: Stack, strength: float, i: int = -1) -> Stack:
    """Edit `i` scaled, and all that is written with it; nothing where there is none."""
    scaled = step(edits, range(len(edits))[i]) if edits else range(0)
    return tuple(replace(edit, strength=strength) if j in scaled else edit for j, edit in enumerate(edits))


def place(edits: Stack, i: int, edit: Edit) -> int | None:
    """Where `edit`, which stood at `i`, stands now; None where it stands no longer. Its strength and batch may have changed."""
    same = [j for j, other in enumerate(edits) if replace(other, strength=edit.strength, batch=edit.batch) == edit]
    return min(same, key=lambda j: abs(j - i), default=None)


def _settled(edits: Stack) -> Stack:
    """A batch of one is no batch."""
    return tuple(
        replace(edit, batch=False) if edit.batch and len(step(edits, j)) == 1 else edit for j, edit in enumerate(edits)
    )
