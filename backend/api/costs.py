"""What is asked for is costed before it starts: a bound on the work, beside the bound on the time (`executor`).

The work of an edit is the number of prompts it runs, `steps` times `n_contexts`. A value optimised on the bare prompt for 20 steps
is 20; an edit with all that it implies is as many edits as it can imply, and itself. The most one edit can ask for is 1000 x 128. What an evaluation or a picture can ask for is bounded by its schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shatterscope.backend.edits import CompleteSpec
from shatterscope.backend.worlds.base import NEAREST


def work_of(specs: Iterable[CompleteSpec]) -> int:
    """Prompts that the edits run at most, over all their steps."""
    return sum(cost_of(spec.parameters, spec.implied) for spec in specs)


def cost_of(parameters: Mapping[str, Any], implied: bool) -> int:
    """Of one edit by a method with these parameters, at most; `implied`: with all that it implies."""
    return (1 + NEAREST if implied else 1) * int(parameters.get("steps", 1) * parameters.get("n_contexts", 1))


def too_much(work: int, limit: int, setting: str = "SHATTERSCOPE_WORK_LIMIT") -> str:
    return (
        f"the edits ask for {work} steps x contexts in all, and at most {limit} are allowed ({setting}); "
        "ask for fewer edits, steps or contexts"
    )
