"""What "Run again" asks for: the shipped requests with another number of edits. And how many edits that is."""

from __future__ import annotations

from collections.abc import Iterable

from backend.sweep_schemas import SweepMethod, SweepRequest

EDITS = (5, 20, 50)


def again(requests: Iterable[SweepRequest], checkpoint: str, edits: int, sequences: bool) -> list[SweepRequest]:
    """Single edits first. Sequences keep their length: it is what they are about."""
    single = [
        each.model_copy(update={"checkpoint": checkpoint, "edits_per_cell": edits})
        for each in requests
        if each.sequence is None
    ]
    long = [each.model_copy(update={"checkpoint": checkpoint}) for each in requests if each.sequence is not None]
    return single + (long if sequences else [])


def default(checkpoint: str) -> list[SweepRequest]:
    """Where no checkpoint ships a run: the paper's method and distances, by both presets."""
    return [
        SweepRequest(
            checkpoint=checkpoint, methods=[SweepMethod(name="rome", preset=each) for each in ("tuned", "paper")]
        )
    ]


def count(request: SweepRequest) -> int:
    """Edits that a request makes."""
    cells = len(request.methods) * (len(request.distances) + request.corrective)
    return cells * request.edits_per_cell * (request.sequence.repetitions if request.sequence else 1)
