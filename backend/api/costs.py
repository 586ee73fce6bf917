"""What is asked for is costed before it starts: a bound on the work, beside the bound on the time (`executor`).

The work of an edit is the number of prompts it runs, `steps` times `n_contexts`. A value optimised on the bare prompt for 20 steps
is 20; the most one edit can ask for is 1000 x 128. What an evaluation or a picture can ask for is bounded by its schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shatterscope.backend.edits import CompleteSpec


def work_of(specs: Iterable[CompleteSpec]) -> int:
    """Prompts that the edits run at most, over all their steps."""
    return sum(cost_of(spec.parameters) for spec in specs)


def cost_of(parameters: Mapping[str, Any]) -> int:
    """Of one edit by a method with these parameters."""
    return int(parameters.get("steps", 1) * parameters.get("n_contexts", 1))


def too_much(work: int, limit: int, setting: str = "SHATTERSCOPE_WORK_LIMIT") -> str:
    return (
        f"the edits ask for {work} steps x contexts in all, and at most {limit} are allowed ({setting}); "
        "ask for fewer edits, steps or contexts"
    )
