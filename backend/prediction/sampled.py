"""Edits that are made to be measured: what a prediction is fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, isfinite, log, nan
from statistics import fmean

import numpy as np
import torch
from scipy.stats import mannwhitneyu, spearmanr
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.activations import drawn_activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import CompleteSpec, EditError, SoFar, complete_spec, run_edits
from shatterscope.backend.evaluation import ring_means
from shatterscope.backend.experiment import score_changes
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.prediction.fit import LOSS, Sample
from shatterscope.backend.prediction.foresee import Foreseen, Reading, foresee, group_moments, read
from shatterscope.backend.sweeps.plan import known_facts
from shatterscope.backend.sweeps.probe import Probe
from shatterscope.backend.worlds import Relation, World
from shatterscope.wire.base import SubGraph
from shatterscope.wire.predictions import Damage

CONTEXTS, QUERIES = 5, 200  # as the page asks
PARTS: tuple[SubGraph, ...] = ("edit", "retain", "test")


@dataclass(frozen=True)
class Sampled:
    """An edit, and what came of it."""

    spec: CompleteSpec
    sample: Sample


@dataclass(frozen=True)
class Moved:
    """What an edit did to the entities of its relation, in the order of `World.domain`.

    Attributes:
        displacement: (n,) how far the representation moved at the last layer's residual stream.
        changed: (n,) whether the answer is another one.
    """

    displacement: Tensor
    changed: Tensor


def moved(before: LanguageModel, after: LanguageModel, world: World, relation: Relation, reading: Reading) -> Moved:
    """`reading`: of the model `before`."""
    was, now = (drawn_activations(model, world, relation).double() for model in (before, after))
    changed = read(after, world, relation, 0).answers != reading.answers
    return Moved((now - was).norm(dim=1), changed.cpu())


def rank_correlation(overlaps: Tensor, displacement: Tensor) -> float | None:
    """Spearman's; None where either does not vary."""
    value = float(spearmanr(overlaps.cpu().numpy(), displacement.numpy()).statistic)
    return value if isfinite(value) else None


def ranking(scores: Tensor, changed: Tensor) -> float | None:
    """The area under the ROC curve of `scores` (n,) for `changed` (n,); None where all or none changed."""
    values, yes = scores.cpu().numpy(), changed.numpy()
    if yes.all() or not yes.any():
        return None
    return float(mannwhitneyu(values[yes], values[~yes]).statistic) / (yes.sum() * (~yes).sum())


def judged(foreseen: Foreseen, reading: Reading, found: Moved) -> tuple[float | None, float | None]:
    """Spearman and AUC of what was foreseen of each entity."""
    if foreseen.overlaps is None:
        return None, None
    risk = foreseen.overlaps / reading.margins.clamp(min=1e-3)
    return rank_correlation(foreseen.overlaps, found.displacement), ranking(risk, found.changed)


def sampled(checkpoint: Checkpoint, method: str, n: int, seed: int = 0) -> Iterator[Sampled]:
    """`n` edits by the default preset of `method`, made one at a time on the unedited model.

    Facts that the model knows, at distances drawn evenly on a logarithmic scale; those that cannot be made are drawn again, `n` times at most.
    """
    world, model = checkpoint.world, checkpoint.model
    probe = Probe(checkpoint, n_contexts=CONTEXTS, queries=QUERIES, seed=0)
    known = known_facts(checkpoint).right
    rng = np.random.default_rng([seed, 17])
    moments: dict[int, Tensor] = {}
    readings: dict[tuple[str, int], Reading] = {}
    made = 0
    for _ in range(2 * n):
        interrupt.checkpoint()
        if made == n:
            return
        subject, name = known[rng.integers(len(known))]
        relation = world.relation(name)
        there = world.counterfactuals(subject, relation)
        if not there:
            continue
        wanted = exp(rng.uniform(0, log(max(there) + 1)))
        distance = min(there, key=lambda each: abs(each - wanted))
        object = there[distance][rng.integers(len(there[distance]))]
        spec = complete_spec(world, model.config.n_layers, subject=subject, relation=name, object=object, method=method)
        if spec.layer not in moments:
            moments[spec.layer] = group_moments(model, world, spec.layer)
        if (name, spec.layer) not in readings:
            readings[name, spec.layer] = read(model, world, relation, spec.layer)
        reading = readings[name, spec.layer]
        try:
            foreseen = foresee(checkpoint, spec, SoFar(model), model, reading, moments[spec.layer])
            edited = run_edits(checkpoint, [spec])
        except (EditError, ValueError):
            continue
        measured = probe.measure(edited.model)
        R = ring_means(world, relation.group, torch.tensor(next(iter(measured.shattered.values())).R))
        changes = score_changes(world, relation.group, probe.queries, probe.scores, measured.scores)
        lost = [each.before.accuracy - each.after.accuracy for each in changes if each.task == "direct"]
        damage: dict[Damage, float] = {part: R[part] for part in PARTS if isfinite(R.get(part, nan))}
        damage[LOSS] = fmean(each for each in lost if isfinite(each))
        spearman, auc = judged(foreseen, reading, moved(model, edited.model, world, relation, reading))
        made += 1
        yield Sampled(spec, Sample(foreseen.features, damage, spearman, auc))
