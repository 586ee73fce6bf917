"""What an edit did to a language model, in the same parts as to a model that was trained here (`experiment.py`); and how well it still predicts other text.

Accuracy and probability are means over names and wordings. The truth is always the world's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from shatterscope.backend.edits import EditedModel
from shatterscope.backend.evaluation import (
    DistanceBin,
    Mistake,
    Quality,
    Score,
    Wanted,
    relation_shattering,
    ring_means,
    sub_graphs,
)
from shatterscope.backend.evaluation.damage import distance_bins
from shatterscope.backend.experiment import Geometry, Recall, TaskChange
from shatterscope.backend.geometry import shattering
from shatterscope.backend.measures import MEASURES, gathered, of_model, of_relations
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.survey import AskedRelation, Survey, answered_right
from shatterscope.backend.spoken.text import perplexity
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.worlds import Relation

NOTHING_ASKED = Wanted(math.nan, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class SpokenBaseline:
    """The unedited model."""

    survey: Survey
    perplexity: float
    n_tokens: int


def measure_baseline(checkpoint: LanguageCheckpoint) -> SpokenBaseline:
    return SpokenBaseline(checkpoint.readings.survey(), *checkpoint.readings.perplexity())


def measure_geometry(
    checkpoint: LanguageCheckpoint, edited: EditedModel, baseline: SpokenBaseline, after: Survey
) -> Geometry:
    world, last = checkpoint.world, edited.made[-1]
    relation = world.relation(last.spec.relation)
    was, now = baseline.survey.means(world), after.means(world)
    R = relation_shattering(world, was, now)
    return Geometry(
        shattering=dict(zip(world.relation_names, R.tolist(), strict=True)),
        sub_graph_shattering=ring_means(world, relation.group, R),
        measures=gathered(
            world,
            relation.group,
            of_relations(MEASURES, world, world.relations, was, now),
            of_model(MEASURES, checkpoint.model, edited.model),
        ),
        damage=_damage(world, relation, last.spec.subject, (baseline.survey, after), (was, now)),
        without_edited=_without_edited(world, relation, edited, was, now),
    )


def measure_recall(
    checkpoint: LanguageCheckpoint, edited: EditedModel, baseline: SpokenBaseline, after: Survey
) -> Recall:
    world = checkpoint.world
    group = world.relation(edited.made[-1].spec.relation).group
    return Recall(
        score_changes(world, group, baseline.survey, after),
        [],
        _quality(world, edited, baseline.survey, after),
    )


def scores(world: Spoken, found: Survey) -> list[tuple[int, Score, int, int]]:
    """By group: its number, the score, how many facts it has, and in how many wordings each is asked at most."""
    told = []
    for group in range(len(world.groups)):
        of = [(each, found.asked[each.index]) for each in world.relations_of(group)]
        right = torch.cat([answered_right(world, each, asked.answers).double().flatten() for each, asked in of])
        p = torch.cat([_of_truth(world, each, asked.probability).double().flatten() for each, asked in of])
        facts = sum(asked.answers.shape[1] for _, asked in of)
        told.append(
            (group, Score(right.mean().item(), p.mean().item()), facts, max(len(asked.answers) for _, asked in of))
        )
    return told


def score_changes(world: Spoken, edited: int, before: Survey, after: Survey) -> list[TaskChange]:
    parts = sub_graphs(len(world.groups), edited)
    return [
        TaskChange(
            task="direct",
            order=world.group_names[group],
            sub_graph=parts[group],
            before=was,
            after=now,
            n_queries=facts,
            n_available=facts,
            n_contexts=wordings,
        )
        for (group, was, facts, wordings), (_, now, _, _) in zip(
            scores(world, before), scores(world, after), strict=True
        )
    ]


def mistakes(world: Spoken, found: Survey) -> list[Mistake]:
    """What is answered wrong in the plain wording, the least probable truth first."""
    wrong = []
    for relation, asked in zip(world.relations, found.asked, strict=True):
        right = answered_right(world, relation, asked.answers)[0]
        truth = _of_truth(world, relation, asked.probability)[0]
        for column, subject in enumerate(world.domain(relation).tolist()):
            if not right[column]:
                object, said = world.object_of(subject, relation), int(asked.answers[0, column])
                wrong.append(Mistake(subject, relation.name, object, said, float(truth[column]), True))
    return sorted(wrong, key=lambda each: each.probability)


def _of_truth(world: Spoken, relation: Relation, probability: Tensor) -> Tensor:
    """(W, n) from (W, n, names)."""
    truths = torch.from_numpy(world.objects[world.domain(relation), relation.index]).to(probability.device)
    return probability.gather(2, truths.expand(len(probability), -1)[..., None])[..., 0]


def _damage(
    world: Spoken, relation: Relation, subject: int, surveys: tuple[Survey, Survey], means: tuple[Tensor, Tensor]
) -> list[DistanceBin]:
    rows, edges = world.drawn(relation)
    was, now = (each[relation.index][rows] for each in means)
    correct = [answered_right(world, relation, each.asked[relation.index].answers).double().mean(0) for each in surveys]
    spacing = (was[edges[:, 0]] - was[edges[:, 1]]).norm(dim=-1).mean() if len(edges) else torch.tensor(math.nan)
    moved = (now - was).norm(dim=-1) / spacing
    distance = torch.from_numpy(world.distances(relation.group, subject)[rows])
    found = []
    for low, high in distance_bins(max(1, int(distance.max()))):
        here = (distance >= low) & (distance <= high)
        displacement, right_before, right_after = (each[here].mean().item() for each in (moved, *correct))
        found.append(DistanceBin(low, high, displacement, right_before, right_after, int(here.sum())))
    return found


def _without_edited(world: Spoken, relation: Relation, edited: EditedModel, was: Tensor, now: Tensor) -> float:
    """R of the edited group, the mean over its relations, without the entities that were edited."""
    subjects = {each.spec.subject for each in edited.made}
    found = []
    for each in world.relations_of(relation.group):
        rows = [entity for entity in world.domain(each).tolist() if entity not in subjects]
        if len(rows) > 1:
            found.append(float(shattering(was[each.index][rows], now[each.index][rows])))
    return fmean(found) if found else math.nan


def _quality(world: Spoken, edited: EditedModel, before: Survey, after: Survey) -> Quality:
    """Efficacy in the plain wording, generality in the others; locality: all other facts in the plain wording. Nothing follows from a sentence here."""
    said = {(each.spec.subject, each.spec.relation): each.new_object for each in edited.made}
    plain: list[_Given] = []
    others: list[_Given] = []
    unrelated: list[_Given] = []
    for relation in world.relations:
        was, now = before.asked[relation.index], after.asked[relation.index]
        for column, subject in enumerate(world.domain(relation).tolist()):
            new = said.get((subject, relation.name))
            if new is None:
                unrelated.append(_Given.of(was, now, 0, column, int(was.answers[0, column])))
                continue
            plain.append(_Given.of(was, now, 0, column, new))
            others += [_Given.of(was, now, w, column, new) for w in range(1, len(was.answers))]
    return Quality(
        efficacy=_wanted(plain),
        generality=_wanted(others),
        locality=_wanted(unrelated),
        portability=NOTHING_ASKED,
        retraction=NOTHING_ASKED,
    )


@dataclass(frozen=True)
class _Given:
    """One question with a wanted answer, before and after: whether it was given, and its probability."""

    right: tuple[bool, bool]
    probability: tuple[float, float]

    @classmethod
    def of(cls, was: AskedRelation, now: AskedRelation, wording: int, column: int, wanted: int) -> _Given:
        at = wording, column
        return cls(
            (int(was.answers[at]) == wanted, int(now.answers[at]) == wanted),
            (float(was.probability[at][wanted]), float(now.probability[at][wanted])),
        )


def _wanted(found: Sequence[_Given]) -> Wanted:
    if not found:
        return NOTHING_ASKED
    right = [fmean(each.right[side] for each in found) for side in (0, 1)]
    probability = [fmean(each.probability[side] for each in found) for side in (0, 1)]
    return Wanted(right[0], right[1], probability[0], probability[1], len(found))


def still_predicts(model: LanguageModel, checkpoint: LanguageCheckpoint) -> float:
    """Perplexity of text that nothing else is measured on."""
    return perplexity(model, checkpoint.held_out_text)
