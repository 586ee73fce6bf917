"""What learning does to the geometry: facts learned by training, each beside its control.

Of the league's open set of edits, some at every distance, each learned by the oracle alone, with all that it implies, and by the control, which is trained by
the same text without the fact. Per distance: R(D*) of the edited group and the largest of the others, the change of direct recall in points, success
and portability; means over the facts.

    python -m scripts.oracle_study [CHECKPOINT [EDITS]]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

import torch

from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.league.measure import LeagueBench
from shatterscope.backend.league.rows import Figures
from shatterscope.backend.league.sets import SetEdit, edit_set
from shatterscope.backend.settings import load_settings

TRAINED = {"learned": ("learned", False), "implied as well": ("learned", True), "control": ("control", False)}
"""By the words of the table: preset, and whether all that the fact implies is stated too."""


@dataclass(frozen=True)
class Learned:
    distance: int
    own: float
    others: float
    figures: Figures


def learned(bench: LeagueBench, edit: SetEdit, preset: str, implied: bool) -> Learned:
    world = bench.checkpoint.world
    spec = complete_spec(
        world,
        bench.checkpoint.model.config.n_layers,
        subject=edit.subject,
        relation=edit.relation,
        object=edit.object,
        method="oracle",
        preset=preset,
        implied=implied,
        anywhere=True,
    )
    figures = bench.figures(run_edits(bench.checkpoint, [spec]).model, edit)
    R = [value for part, value in figures.R.items() if part != "edit" and value is not None]
    return Learned(edit.distance, figures.R.get("edit") or math.nan, max(R, default=math.nan), figures)


def rows(bench: LeagueBench, edits: Sequence[SetEdit]) -> Iterator[str]:
    for distance, group in groupby(sorted(edits, key=lambda edit: edit.distance), key=lambda edit: edit.distance):
        here = list(group)
        for words, (preset, implied) in TRAINED.items():
            found = [learned(bench, edit, preset, implied) for edit in here]
            yield (
                f"| {distance} | {words} | {len(found)} | {_mean(each.own for each in found)} | {_mean(each.others for each in found)} "
                f"| {_mean((each.figures.recall or 0) * 100 for each in found)} | {_mean(each.figures.success for each in found)} "
                f"| {_mean(each.figures.portability for each in found)} |"
            )


def _mean(values: Iterator[float | None]) -> str:
    there = [value for value in values if value is not None and math.isfinite(value)]
    return f"{fmean(there):.3f}" if there else "–"


def main(checkpoint: str = "rings-2048", edits: str = "2") -> None:
    torch.set_num_threads(1)  # the same number gives the same weights
    bench = LeagueBench(load_checkpoint(load_settings().models_dir / checkpoint))
    print("| d | trained | facts | R edited | R others | recall | success | portability |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|")
    chosen = [each for each in edit_set(bench.checkpoint, "open").edits(int(edits)) if each.distance]
    for row in rows(bench, chosen):
        print(row, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
