"""What a reproduction asks for: two sweeps. The one place that says which methods, presets, distances, sites and numbers of edits."""

from __future__ import annotations

from shatterscope.backend.editors import EDITORS
from shatterscope.backend.reproduction.paper import METHOD
from shatterscope.wire.sweeps import SweepMethod, SweepRequest, SweepSequence

CHECKPOINT = "rings-2048"
EDITS = 200  # by the paper's main method, per preset and kind
EDITS_OTHERS = 50  # by every other method
SEQUENCE_EDITS = 100
METHODS = ("rome", "memit", "pmet", "alphaedit")  # the paper's
PRESETS = ("tuned", "paper", "reference", "reference-tuned")  # at the relation's token, then at the subject's
SITES = ("resid_post.last", "attn_out.last", "mlp_out.last")
SEQUENCE_METHODS = ("rome", "memit", "alphaedit", "ft-l", "grace")
POINTS = 20  # measurements of a sequence
REPETITIONS = 3  # of a sequence: one in each order


def single_edits(
    checkpoint: str = CHECKPOINT,
    edits: int = EDITS,
    seed: int = 0,
    others: int | None = None,
    wrong: int | None = None,
) -> SweepRequest:
    """Every edit alone on the unedited model: Table 1, R by distance, R against accuracy, the methods side by side.

    Args:
        edits: by the paper's main method, per preset and kind of edit.
        others: by every other method; by default `EDITS_OTHERS`, at most `edits`.
        wrong: facts that the model gets wrong, where that is known: there can be no more corrective edits.
    """
    few = min(EDITS_OTHERS, edits) if others is None else others
    most = max(edits, few)
    numbers = {name: edits if name == METHOD else few for name in METHODS}
    return SweepRequest(
        checkpoint=checkpoint,
        methods=[
            SweepMethod(name=name, preset=preset, edits=None if numbers[name] == most else numbers[name])
            for name in METHODS
            for preset in PRESETS
            if preset in EDITORS[name].presets
        ],
        distances=[1, 2, 3, 4],
        corrective=wrong != 0,
        edits_per_cell=most,
        corrective_edits=wrong if wrong and wrong < most else None,
        seed=seed,
        sites=list(SITES),
    )


def arguments(request: SweepRequest) -> list[str] | None:
    """The options of `shatterscope reproduce` that ask for this sweep; None for one that is not the protocol's."""
    of, n = request.checkpoint, request.edits_per_cell
    if request.sequence is not None:
        return [f"--sequence-edits={n}"] if request == sequences(of, n, request.seed) else None
    numbers = {method.name: method.edits or n for method in request.methods}
    edits, few = numbers.get(METHOD, n), min((numbers[name] for name in numbers if name != METHOD), default=n)
    wrong = request.corrective_edits if request.corrective else 0
    if request != single_edits(of, edits, request.seed, few, wrong):
        return None
    usual = few == min(EDITS_OTHERS, edits)
    return [f"--edits={edits}", *([] if usual else [f"--edits-others={few}"]), f"--seed={request.seed}"]


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
        sites=list(SITES),
    )
