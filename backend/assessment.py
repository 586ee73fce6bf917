"""What training reports of a model: accuracy by full enumeration, and how far its representations have the shape of their groups.

Everything is read off bare prompts (`x r`, `x r1 r2`), every entity as subject. Accuracy is argmax over the entities. Shapes are
measured where the page looks by default, the last layer's `resid_post` at the relation token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.evaluation import facts_between, note_tokens, obedience, random_notes
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.geometry.neighbors import nearest_neighbors
from shatterscope.backend.layouts import layout_of
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.pictures import fit
from shatterscope.backend.shapes import FEWEST_POINTS, gap_by_chance
from shatterscope.backend.worlds import ABSENT, Holdout, Relation, World

NOTES = 2000  # random ones, for each number of facts between
TASKS = ("direct", "logical", "compositional", "composition_stated", "composition_held_out")


@dataclass(frozen=True)
class RingMeasures:
    """Per relation name: share of the two nearest neighbours within 2 steps along the edges of the group; what the 2D Isomap shows, in one word, where
    there is anything to judge; and of rings alone its winding number and k.

    `whole`: the relations whose picture is what it should be, a ring where the group is one, in the world's order."""

    neighbor_share: dict[str, float]
    winding: dict[str, int]
    n_neighbors: dict[str, int]
    shape: dict[str, str]
    whole: list[str]


@dataclass(frozen=True)
class Assessment:
    """`accuracy[task][group]`, fractions, without the groups where nothing is asked; and the rings."""

    accuracy: dict[str, dict[str, float]]
    rings: RingMeasures


@dataclass(frozen=True)
class NoteMeasures:
    """`obeyed[n]`: share of `n_notes` random false notes by which the model answers behind n true facts. `beside[group]`: direct recall of every stated
    fact, each directly behind a random false note about another one: what `accuracy["direct"]` is on the bare prompt."""

    obeyed: dict[int, float]
    beside: dict[str, float]
    n_notes: int


@torch.no_grad()
def assess(model: LanguageModel, world: World, holdout: Holdout, n_subjects: int | None = None) -> Assessment:
    """Assess `model`. Single facts are always enumerated in full; `n_subjects` bounds the subjects of compositions (None: all)."""
    representations, correct = _single_facts(model, world)
    subjects = np.arange(world.n_entities)
    if n_subjects is not None and n_subjects < world.n_entities:
        subjects = np.random.default_rng(0).choice(world.n_entities, n_subjects, replace=False)
    composed = _compositions(model, world, subjects)
    held, there = holdout.composition[subjects], world.composition_objects[subjects] != ABSENT
    single_group = np.array([relation.group for relation in world.relations])
    pair_group = single_group[world.compositions[:, 0]]
    cells = {
        "direct": (correct, world.present & ~holdout.single, single_group),
        "logical": (correct, holdout.single, single_group),
        "compositional": (composed, there, pair_group),
        "composition_stated": (composed, there & ~held, pair_group),
        "composition_held_out": (composed, held, pair_group),
    }
    accuracy = {
        task: {
            name: float(right[:, columns == group][asked].mean())
            for group, name in enumerate(world.group_names)
            if (asked := mask[:, columns == group]).any()
        }
        for task, (right, mask, columns) in cells.items()
    }
    return Assessment(accuracy, measure_rings(representations, world))


def measure_rings(representations: NDArray[np.float32], world: World) -> RingMeasures:
    """Of (n_relations, n_entities, d_model) representations, each relation against its own group."""
    share, winding, neighbors = {}, {}, {}
    shapes: dict[str, str] = {}
    whole: list[str] = []
    chances = {n: gap_by_chance(n, 2) for n in {len(g.members) for g in world.groups if g.shape == "ring"}}
    for relation, points in zip(world.relations, representations, strict=True):
        rows = world.domain(relation)
        belongs = layout_of(world, relation)
        if belongs is not None or len(rows) < 2:
            share[relation.name] = _neighbor_share(points[rows], world, relation)
        if len(rows) < 2 or (belongs is not None and belongs[1].bare):
            continue
        diagnostics = fit(
            points[rows],
            world.positions(relation),
            method="isomap",
            dimensions=2,
            chance=chances.get(len(rows)),
            belongs=belongs,
        ).diagnostics
        kind = "ring" if belongs is None else belongs[0]
        if kind == "ring":
            share[relation.name] = diagnostics.ring_neighbor_share
            winding[relation.name] = diagnostics.shape.winding
            neighbors[relation.name] = diagnostics.n_neighbors or 0
            if len(rows) < FEWEST_POINTS:
                continue
        shapes[relation.name] = diagnostics.word
        if diagnostics.word == kind:
            whole.append(relation.name)
    return RingMeasures(share, winding, neighbors, shapes, whole)


@torch.no_grad()
def measure_notes(model: LanguageModel, world: World, holdout: Holdout) -> NoteMeasures:
    """Whether the model answers by notes (`data/notes.py`), and all else as before. The context must have room for a note and a question."""
    rng = np.random.default_rng(0)
    obeyed = {}
    for facts in facts_between(model.config.context):
        notes = random_notes(world, NOTES, rng)
        obeyed[facts] = obedience(world, holdout, model, note_tokens(world, notes), notes, facts, rng).note

    subjects, relations = np.nonzero(world.present & ~holdout.single)
    notes = random_notes(world, len(subjects), rng)
    prompts = np.column_stack([note_tokens(world, notes), subjects, world.n_entities + relations])
    found = answers(model, torch.from_numpy(prompts), world.n_entities).prediction.cpu().numpy()
    right = (world.truths[subjects, relations] == found[:, None]).any(1)
    other = (prompts[:, :2] != prompts[:, NOTE_TOKENS:]).any(1)
    group = np.array([relation.group for relation in world.relations])[relations]
    beside = {
        name: float(right[asked].mean())
        for i, name in enumerate(world.group_names)
        if (asked := other & (group == i)).any()
    }
    return NoteMeasures(obeyed, beside, NOTES)


def _neighbor_share(points: NDArray[np.float32], world: World, relation: Relation) -> float:
    """What `ring_neighbor_share` is on a ring; 0 where there are no two points."""
    rows = world.domain(relation)
    if len(rows) < 2:
        return 0.0
    near, _ = nearest_neighbors(points.astype(np.float64), 2)
    steps = np.stack([world.distances(relation.group, x)[rows[other]] for x, other in zip(rows, near, strict=True)])
    return float(((steps >= 0) & (steps <= 2)).mean())


def _single_facts(model: LanguageModel, world: World) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n_relations, n_entities, d_model) representations and (n_entities, n_relations) whether the answer is right."""
    vocabulary, site = Vocabulary.of(world), f"resid_post.{model.config.n_layers - 1}"
    device = model.device
    subjects = torch.arange(world.n_entities, device=device)
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        if name == site:
            seen[site] = x[:, -1]
        return x

    representations, correct = [], []
    for relation in world.relations:
        token = torch.full_like(subjects, vocabulary.relation_token(relation))
        final = model.trunk(torch.stack([subjects, token], dim=1), tap)[:, -1]
        answer = model.unembed(final)[:, : world.n_entities].argmax(1).cpu().numpy()
        correct.append(world.answered(relation, answer))
        representations.append(seen[site].cpu().numpy())
    return np.stack(representations), np.stack(correct, axis=1)


def _compositions(model: LanguageModel, world: World, subjects: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(len(subjects), n_compositions), whether `x r1 r2` is answered right."""
    device = model.device
    x = torch.from_numpy(subjects).to(device)
    correct = []
    for column, (first, second) in enumerate(world.compositions + world.n_entities):
        prompt = torch.stack([x, torch.full_like(x, int(first)), torch.full_like(x, int(second))], dim=1)
        answer = model.unembed(model.trunk(prompt)[:, -1])[:, : world.n_entities].argmax(1).cpu().numpy()
        correct.append(answer == world.composition_objects[subjects, column])
    return np.stack(correct, axis=1) if correct else np.zeros((len(subjects), 0), dtype=bool)
