"""One line of the benchmark table. Every benchmark module exposes `run() -> list[Row]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measurement: medians, and ratios measured in one run.

    `baseline` is None where nothing is compared; `ratio` is what the note says it is (by habit baseline / ours: how many times
    faster), or None. `unit` belongs to both `ours` and `baseline`: "s", "ms", "MB".
    """

    name: str
    ours: float
    baseline: float | None = None
    ratio: float | None = None
    unit: str = "s"
    note: str = ""
