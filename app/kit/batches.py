"""Edits written as one: which of a stack belong together, and how they are joined and parted. Pure.

As the API has it, neighbours of one method that are marked `batch` are one step: their facts are written together, by one change of the weights.
An edit at strength 0 is not there, for its neighbours as for all that is counted and measured.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from shatterscope.app.kit.state import Edit

Stack = tuple[Edit, ...]


def made(edits: Stack) -> Stack:
    """Those that are there: an edit at strength 0 is not."""
    return tuple(edit for edit in edits if edit.strength)


def last(edits: Stack) -> Edit:
    """The edit that R's rings, damage and ripples are measured around: the last that is there, or the last where none is."""
    return (made(edits) or edits)[-1]


def last_index(edits: Stack) -> int:
    """Where `last` stands."""
    return next((i for i in reversed(range(len(edits))) if edits[i].strength), len(edits) - 1)


def before(edits: Stack, i: int) -> int | None:
    """The edit that edit `i` may be written together with: the one before it, those at strength 0 passed over as the API does. One at
    strength 0 keeps to its neighbour at strength 0, for when both are there again."""
    if not 0 < i < len(edits):
        return None
    if not edits[i].strength:
        return None if edits[i - 1].strength else i - 1
    return next((j for j in reversed(range(i)) if edits[j].strength), None)


def joined(edits: Stack, i: int) -> bool:
    """Whether edit `i` is written together with one before it."""
    j = before(edits, i)
    return j is not None and edits[j].batch and edits[i].batch and edits[j].method == edits[i].method


def step(edits: Stack, i: int) -> tuple[int, ...]:
    """The edits that are written together with edit `i`, itself among them."""
    steps: list[list[int]] = []
    for k in range(len(edits)):
        own = next((one for one in steps if joined(edits, k) and before(edits, k) in one), None)
        if own is None:
            steps.append([k])
        else:
            own.append(k)
    return next(tuple(one) for one in steps if i in one)


def obstacle(edits: Stack, i: int, batching: Collection[str]) -> str | None:
    """Why edit `i` cannot be written together with the one before it; None where it can. `batching`: the methods that take batches."""
    one, other = edits[i - 1], edits[i]
    if not (one.strength and other.strength):
        return "Not a batch: an edit at strength 0 is not there."
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
    later = [j for j in step(edits, i) if j >= i]
    return _settled(tuple(replace(edit, batch=False) if j in later else edit for j, edit in enumerate(edits)))


def without(edits: Stack, i: int) -> Stack:
    """The stack without edit `i`. Batches on both sides of it stay two."""
    rest = edits[:i] + edits[i + 1 :]
    new = (j for j in range(len(rest)) if joined(rest, j) and not joined(edits, j + (j >= i)))
    apart = next(new, None)
    return _settled(rest) if apart is None else part(rest, apart)


def with_strength(edits: Stack, strength: float, i: int = -1) -> Stack:
    """Edit `i` scaled, and all that is written with it; nothing where there is none."""
    scaled = step(edits, range(len(edits))[i]) if edits else ()
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
