"""What "Run again" asks for: the shipped requests with another number of edits. And how many edits that is."""

from __future__ import annotations

from collections.abc import Iterable

from shatterscope.wire.sweeps import SweepMethod, SweepRequest

EDITS = (5, 20, 50, 200)


def again(requests: Iterable[SweepRequest], checkpoint: str, edits: int, sequences: bool) -> list[SweepRequest]:
    """Single edits first. Sequences keep their length: it is what they are about."""
    single = [
        each.model_copy(
            update={
                "checkpoint": checkpoint,
                "edits_per_cell": edits,
                "corrective_edits": _fewer(each.corrective_edits, edits),
                "methods": [m.model_copy(update={"edits": _fewer(m.edits, edits)}) for m in each.methods],
            }
        )
        for each in requests
        if each.sequence is None
    ]
    long = [each.model_copy(update={"checkpoint": checkpoint}) for each in requests if each.sequence is not None]
    return single + (long if sequences else [])


def _fewer(edits: int | None, most: int) -> int | None:
    """A number of edits only where it is less than that of all."""
    return edits if edits is not None and edits < most else None


def default(checkpoint: str) -> list[SweepRequest]:
    """Where no checkpoint ships a run: the paper's method and distances, by both presets."""
    return [
        SweepRequest(
            checkpoint=checkpoint, methods=[SweepMethod(name="rome", preset=each) for each in ("tuned", "paper")]
        )
    ]


def count(request: SweepRequest) -> int:
    """Edits that a request makes."""
    numbers = [method.edits or request.edits_per_cell for method in request.methods]
    corrective = (request.corrective_edits or request.edits_per_cell) if request.corrective else 0
    each = sum(n * len(request.distances) + min(n, corrective) for n in numbers)
    return each * (request.sequence.repetitions if request.sequence else 1)
