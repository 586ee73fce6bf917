"""Isomap against scikit-learn's at the same number of neighbours, and R(D*) against its formula written down plainly.

On the representations of the default checkpoint, one relation of each order, before an edit (rings) and after one by
ROME half the ring away (tangles). `python -m benchmarks isomap`, or `python -m benchmarks.isomap` for JSON with every case.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.spatial import procrustes
from sklearn.manifold import Isomap
from threadpoolctl import ThreadpoolController
from torch import Tensor

from benchmarks.row import Row
from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import Checkpoint, CheckpointRegistry
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.geometry import shattering
from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.geometry.isomap import fit_isomap
from shatterscope.backend.settings import load_settings

REPEATS = 5


@dataclass(frozen=True)
class Case:
    """One cloud of points: median seconds of both, and how far apart the two pictures are."""

    kind: str
    relation: str
    n_neighbors: int
    graph_components: int
    ours: float
    scikit_learn: float
    ratio: float
    disparity_2d: float
    disparity_3d: float


def run() -> list[Row]:
    checkpoint = default_checkpoint()
    cases = isomap_cases(checkpoint)
    rows = []
    for kind in ("before", "after"):
        of_kind = [case for case in cases if case.kind == kind]
        worst = min(of_kind, key=lambda case: case.ratio)
        disparity = max(max(case.disparity_2d, case.disparity_3d) for case in of_kind)
        rows.append(
            Row(
                f"Isomap of {checkpoint.world.n_entities} points, {kind} an edit",
                ours=worst.ours,
                baseline=worst.scikit_learn,
                ratio=worst.ratio,
                note=f"scikit-learn's; Procrustes disparity {disparity:.0e}; worst of {len(of_kind)}",
            )
        )
    ours, plainly = shattering_seconds(checkpoint)
    return [
        *rows,
        Row(
            f"R(D*) of all {checkpoint.world.n_relations} relations",
            ours=ours,
            baseline=plainly,
            ratio=plainly / ours,
            note="its formula, whole distance matrices in float64",
        ),
    ]


def default_checkpoint() -> Checkpoint:
    registry = CheckpointRegistry(load_settings().models_dir)
    if registry.default_id is None:
        raise SystemExit("there is no checkpoint to measure on; train one with `shatterscope train`")
    return registry.get(registry.default_id)


def representations(checkpoint: Checkpoint) -> tuple[Tensor, Tensor]:
    """(n_relations, n_entities, d_model) before and after an edit half the ring away."""
    world, model = checkpoint.world, checkpoint.model
    spec = complete_spec(
        world, model.config.n_layers, subject=0, relation=world.relation_names[0], distance=world.n_entities // 2
    )
    edited = run_edits(checkpoint, [spec]).model
    return all_activations(model, world.n_entities), all_activations(edited, world.n_entities)


def isomap_cases(checkpoint: Checkpoint) -> list[Case]:
    world = checkpoint.world
    before, after = representations(checkpoint)
    cases = []
    for order in range(len(world.groups)):
        relation = world.relations_of(order)[0]
        # Before and after an edit with the same number of neighbours, as the page does.
        ring, tangle = (points[relation.index].numpy().astype(np.float64) for points in (before, after))
        k = fit_isomap(ring, 3).n_neighbors
        cases += [case("before", relation.name, ring, k), case("after", relation.name, tangle, k)]
    return cases


def case(kind: str, relation: str, points: FloatArray, k: int) -> Case:
    def theirs() -> FloatArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of graphs that fall apart
            return np.asarray(Isomap(n_neighbors=k, n_components=3).fit_transform(points))

    pools = ThreadpoolController()  # finding them takes longer than the map

    def ours_on_one_thread() -> None:  # as the server does, which maps before and after side by side
        with pools.limit(limits=1):
            fit_isomap(points, 3, k)

    ours, scikit_learn = interleaved(ours_on_one_thread, theirs)  # theirs on all cores it takes
    found, expected = fit_isomap(points, 3, k), theirs()
    return Case(
        kind=kind,
        relation=relation,
        n_neighbors=k,
        graph_components=found.n_components,
        ours=ours,
        scikit_learn=scikit_learn,
        ratio=scikit_learn / ours,
        disparity_2d=float(procrustes(expected[:, :2], found.embedding[:, :2])[2]),
        disparity_3d=float(procrustes(expected, found.embedding)[2]),
    )


def shattering_seconds(checkpoint: Checkpoint) -> tuple[float, float]:
    """Median seconds of R over all relations, ours and plainly."""
    before, after = representations(checkpoint)

    def plainly() -> list[float]:
        result = []
        for x, y in zip(before.double(), after.double(), strict=True):
            d0, d1 = torch.cdist(x, x), torch.cdist(y, y)
            result.append(float((d1 - d0).norm() / d0.norm()))
        return result

    return interleaved(lambda: shattering(before, after), plainly)


def interleaved(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, called in turn so that other load meets both alike; the first turn is a warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(1 + REPEATS):
        for function, taken in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


if __name__ == "__main__":
    measured = default_checkpoint()
    seconds, seconds_plainly = shattering_seconds(measured)
    print(
        json.dumps(
            {
                "isomap": [asdict(each) for each in isomap_cases(measured)],
                "shattering": {
                    "relations": measured.world.n_relations,
                    "ours": seconds,
                    "plainly": seconds_plainly,
                },
            },
            indent=1,
        )
    )
