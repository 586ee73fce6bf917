"""What a reproduction asks for: two sweeps. The one place that says which methods, distances and numbers of edits."""

from __future__ import annotations

from backend.sweep_schemas import SweepMethod, SweepRequest, SweepSequence

CHECKPOINT = "rings-2048"
EDITS = 50  # per method and kind
SEQUENCE_EDITS = 100
METHODS = ("rome", "memit", "pmet", "alphaedit")  # the paper's
PRESETS = ("tuned", "paper")
SEQUENCE_METHODS = ("rome", "memit", "alphaedit", "ft-l", "grace")
POINTS = 20  # measurements of a sequence
REPETITIONS = 3  # of a sequence: one in each order


def single_edits(checkpoint: str = CHECKPOINT, edits: int = EDITS, seed: int = 0) -> SweepRequest:
    """Every edit alone on the unedited model: Table 1, R by distance, R against accuracy, the methods side by side."""
    return SweepRequest(
        checkpoint=checkpoint,
        methods=[SweepMethod(name=name, preset=preset) for name in METHODS for preset in PRESETS],
        distances=[1, 2, 3, 4],
        corrective=True,
        edits_per_cell=edits,
        seed=seed,
    )


def arguments(request: SweepRequest) -> list[str] | None:
    """The options of `shatterscope reproduce` that ask for this sweep; None for one that is not the protocol's."""
    of, n = request.checkpoint, request.edits_per_cell
    if request == single_edits(of, n, request.seed):
        return [f"--edits={n}", f"--seed={request.seed}"]
    return [f"--sequence-edits={n}"] if request == sequences(of, n, request.seed) else None


def sequences(checkpoint: str = CHECKPOINT, edits: int = SEQUENCE_EDITS, seed: int = 0) -> SweepRequest:
    """Edits one after another, of the distance at which the paper's break: where does each method collapse?"""
    return SweepRequest(
        checkpoint=checkpoint,
        methods=[SweepMethod(name=name, preset="tuned") for name in SEQUENCE_METHODS],
        distances=[4],
        corrective=False,
        edits_per_cell=edits,
        seed=seed,
        sequence=SweepSequence(every=-(-edits // POINTS), repetitions=REPETITIONS),
    )
