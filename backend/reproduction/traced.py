"""Causal tracing of a checkpoint, both ways round, as the API and the terminal tell it."""

from __future__ import annotations

import time

import numpy as np

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation.tracing import POSITIONS, REPLACED, corrupt, draw_facts, trace
from shatterscope.wire.reproduction import Tracing


def trace_checkpoint(checkpoint: Checkpoint, n_facts: int, seed: int) -> list[Tracing]:
    """With the subject replaced, and with the relation replaced, of the same facts. Raises `TracingError`."""
    rng = np.random.default_rng([seed, 5])
    facts = draw_facts(checkpoint.world, checkpoint.holdout, checkpoint.model, n_facts, rng)
    found = []
    for part in REPLACED:
        start = time.perf_counter()
        traced = trace(checkpoint.model, facts, corrupt(checkpoint.world, facts, part, rng))
        found.append(
            Tracing(
                checkpoint=checkpoint.id,
                corrupted=part,
                sites=traced.sites,
                positions=list(POSITIONS),
                recovery=traced.recovery.tolist(),
                standard_error=traced.standard_error.tolist(),
                clean=traced.clean,
                corrupted_probability=traced.corrupted,
                n=traced.n,
                seconds=time.perf_counter() - start,
            )
        )
    return found
