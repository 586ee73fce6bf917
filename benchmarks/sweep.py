"""A sweep by ROME on `rings-2048` against the same edits one at a time through the plain path, everything in the row measured.

`python -m benchmarks sweep`, or `python -m benchmarks.sweep`. The plain path is that of one click: the edit, R(D*) from all pairs, and the
scores and the quality of `experiment.py`, of the same questions, with all cores. Both must find the same: scores exactly (but for answers
that stand on the edge), R within five of its standard errors.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.row import Row
from shatterscope.backend.activations import all_activations, default_site
from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.edits import CompleteSpec, complete_spec, run_edits
from shatterscope.backend.evaluation import quality, score
from shatterscope.backend.geometry import shattering
from shatterscope.backend.settings import load_settings
from shatterscope.backend.sweeps.foreground import Foreground
from shatterscope.backend.sweeps.probe import Probe
from shatterscope.wire.sweeps import SweepRequest, SweepRow

CHECKPOINT = "rings-2048"
PLAIN_EDITS = 10
WARM_UP = 40  # rows until all workers are at work and warm
LARGEST_DIFFERENCE = 0.02  # of a score of 500 answers


@dataclass(frozen=True)
class Sweep:
    rows: list[SweepRow]
    rate: float  # rows a second, once warm
    start_seconds: float  # until the first row


def sweep(request: SweepRequest) -> Sweep:
    """Run it as `shatterscope sweep` does, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as state:
        foreground = Foreground(load_settings(state_dir=Path(state)))
        job = foreground.create(request)
        looks: list[tuple[float, int]] = [(time.perf_counter(), 0)]
        status, error = foreground.run(job, lambda: looks.append((time.perf_counter(), foreground.info(job.id).done)))
        looks.append((time.perf_counter(), foreground.info(job.id).done))
        rows = list(foreground.rows(job.id))
        foreground.close()
    assert status == "done", error
    first = next(when for when, done in looks if done)
    warm_when, warm_done = next(look for look in looks if look[1] >= WARM_UP)
    end_when, end_done = next(look for look in looks if look[1] == len(rows))
    return Sweep(rows, (end_done - warm_done) / (end_when - warm_when), first - looks[0][0])


def plain_seconds(checkpoint: Checkpoint, probe: Probe, row: SweepRow) -> float:
    """The edit of a row again, one at a time; checks that it comes out the same."""
    world = checkpoint.world
    spec: CompleteSpec = complete_spec(world, checkpoint.model.config.n_layers, **row.outcomes[0].spec.model_dump())
    start = time.perf_counter()
    edited = run_edits(checkpoint, [spec])
    R = shattering(
        probe.representations[default_site(checkpoint.model)], all_activations(edited.model, world.n_entities)
    )
    scores = score(edited.model, probe.queries)
    fact = spec.subject, world.relation(spec.relation), spec.object
    quality(world, checkpoint.holdout, checkpoint.model, edited.model, [fact])
    seconds = time.perf_counter() - start
    assert row.shattering is not None
    for exact, found in zip(R.tolist(), row.shattering.per_relation.values(), strict=True):
        assert found.value is not None
        assert found.standard_error is not None
        assert abs(exact - found.value) <= 5 * found.standard_error + 1e-3 * exact
    for plain, ours in zip(scores, row.scores, strict=True):
        assert abs(plain.accuracy - ours.accuracy.after) < LARGEST_DIFFERENCE
    return seconds


def errors(rows: list[SweepRow]) -> list[float]:
    """Standard errors of R, in units of R, of all sub-graphs."""
    parts = [part for row in rows if (R := row.shattering) is not None for part in (R.edit, R.retain, R.test)]
    return [
        part.standard_error / part.value for part in parts if part is not None and part.value and part.standard_error
    ]


def run() -> list[Row]:
    settings = load_settings()
    checkpoint = load_checkpoint(settings.models_dir / CHECKPOINT)
    result = []
    for preset in ("tuned", "paper"):
        request = SweepRequest.model_validate(
            {"checkpoint": CHECKPOINT, "methods": [{"name": "rome", "preset": preset}], "edits_per_cell": 60}
        )
        done = sweep(request)
        probe = Probe(checkpoint, n_contexts=request.contexts, queries=request.queries, seed=request.seed)
        some = done.rows[:: len(done.rows) // PLAIN_EDITS][:PLAIN_EDITS]
        plain_seconds(checkpoint, probe, some[0])  # warms up
        plain = 1 / statistics.median(plain_seconds(checkpoint, probe, row) for row in some)
        result.append(
            Row(
                f"sweep by ROME on {CHECKPOINT}, preset {preset}",
                done.rate,
                plain,
                ratio=done.rate / plain,
                unit="edits/s",
                note=f"{len(done.rows)} rows, all measured ({12 * request.queries * request.contexts} answers each, R within "
                f"{max(errors(done.rows)):.1%}), against one edit at a time, all pairs, {torch.get_num_threads()} threads; "
                f"first row after {done.start_seconds:.0f} s, {os.cpu_count()} processes",
            )
        )
    return result


if __name__ == "__main__":
    for row in run():
        assert row.baseline is not None
        print(f"{row.name}: {row.ours:.1f} edits/s, plain {row.baseline:.2f}, ratio {row.ratio:.1f}; {row.note}")
