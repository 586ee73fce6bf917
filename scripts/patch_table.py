"""Patch beside ROME, by distance, of the league's rows that ship with `rings-2048`: at full strength, means over the edits.

python -m scripts.patch_table
"""

from __future__ import annotations

from collections.abc import Iterator

from shatterscope.backend.league.rows import Rows, read_rows, shipped_file
from shatterscope.backend.league.sets import CORRECTIVE
from shatterscope.backend.league.table import league
from shatterscope.backend.settings import load_settings
from shatterscope.wire.league import LeagueRow, Mean

HEAD = (
    "| d | edits | ROME: success | R edited | R others | recall | Patch: success | generality | R edited | R others | recall | locality | ROME's R / Patch's |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def rows(measured: Rows) -> Iterator[str]:
    for distance in measured.header.distances:
        found = {(row.method, row.preset): row for row in league(measured, distance).rows}
        rome, patch = found["rome", "tuned"], found["patch", "tuned"]
        cells = [
            "corrective" if distance == CORRECTIVE else str(distance),
            str(patch.edits),
            *_figures(rome, "success", "R_edit", "R_test", "recall"),
            *_figures(patch, "success", "generality", "R_edit", "R_test", "recall", "locality"),
            f"{_value(rome.full.R_edit) / _value(patch.full.R_edit):.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _figures(row: LeagueRow, *names: str) -> Iterator[str]:
    for name in names:
        value = _value(getattr(row.full, name))
        yield f"{100 * value:+.2f}" if name == "recall" else f"{value:.5f}" if name.startswith("R_") else f"{value:.4g}"


def _value(mean: Mean | None) -> float:
    assert mean is not None
    return mean.value


def main() -> None:
    measured = read_rows(shipped_file(load_settings().models_dir / "rings-2048", "open"))
    assert measured is not None
    print(HEAD, *rows(measured), sep="\n")


if __name__ == "__main__":
    main()
