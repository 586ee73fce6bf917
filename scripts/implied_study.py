"""Does a fact "with all that it implies" make a model consistent, and at what price? Every method that writes batches, without and with it.

Of the league's open set of edits, some at every distance: success, portability (what the rules of the world make of the new fact), retraction (what they make
false), locality, the largest R(D*) of a group, recall in points, and how many facts one edit writes. Means over the edits that could be made.

    python -m scripts.implied_study [CHECKPOINT [EDITS]]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import EditError, complete_spec, run_edits
from shatterscope.backend.evaluation import quality
from shatterscope.backend.league.measure import LeagueBench
from shatterscope.backend.league.sets import SetEdit, edit_set
from shatterscope.backend.settings import load_settings

METHODS = tuple(name for name, editor in EDITORS.items() if editor.batches and not editor.package)


@dataclass(frozen=True)
class Made:
    """One edit. NaN where there is nothing to ask."""

    success: float
    portability: float
    retraction: float
    locality: float
    R: float
    recall: float
    facts: float
    seconds: float


def made(bench: LeagueBench, method: str, edit: SetEdit, implied: bool) -> Made | str:
    """What became of one edit; or why it could not be made."""
    checkpoint = bench.checkpoint
    start = time.process_time()
    try:
        spec = complete_spec(
            checkpoint.world,
            checkpoint.model.config.n_layers,
            subject=edit.subject,
            relation=edit.relation,
            object=edit.object,
            method=method,
            implied=implied,
            anywhere=True,
        )
        edited = run_edits(checkpoint, [spec])
    except EditError as error:
        return error.message
    seconds = time.process_time() - start
    figures = bench.figures(edited.model, edit)
    fact = edit.subject, checkpoint.world.relation(edit.relation), edit.object
    asked = quality(checkpoint.world, checkpoint.holdout, checkpoint.model, edited.model, [fact])
    return Made(
        success=float(figures.success),
        portability=asked.portability.accuracy_after,
        retraction=asked.retraction.accuracy_after,
        locality=asked.locality.accuracy_after,
        R=max((value for value in figures.R.values() if value is not None), default=math.nan),
        recall=math.nan if figures.recall is None else 100 * figures.recall,
        facts=1 + len(edited.outcomes[0].implied),
        seconds=seconds,
    )


def mean(found: Sequence[Made], name: str) -> float:
    values = [value for each in found if math.isfinite(value := getattr(each, name))]
    return fmean(values) if values else math.nan


def rows(bench: LeagueBench, edits: Sequence[SetEdit], methods: Sequence[str] = METHODS) -> Iterator[str]:
    for method in methods:
        for implied in (False, True):
            tried = [made(bench, method, edit, implied) for edit in edits]
            found = [each for each in tried if isinstance(each, Made)]
            yield (
                f"| {EDITORS[method].title} | {'yes' if implied else 'no'} | {len(found)} of {len(edits)} | {mean(found, 'facts'):.1f} "
                f"| {mean(found, 'success'):.2f} | {mean(found, 'portability'):.2f} | {mean(found, 'retraction'):.2f} "
                f"| {mean(found, 'locality'):.3f} | {mean(found, 'R'):.4f} | {mean(found, 'recall'):+.1f} | {1000 * mean(found, 'seconds'):.0f} |"
            )


def main(checkpoint: str = "rings-2048", edits: str = "6") -> None:
    bench = LeagueBench(load_checkpoint(load_settings().models_dir / checkpoint))
    print(
        "| method | implied | edits made | facts written | success | portability | retraction | locality | R | recall | ms |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows(bench, edit_set(bench.checkpoint, "open").edits(int(edits))):
        print(row, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
