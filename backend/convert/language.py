"""What an edit did to a language model."""

from __future__ import annotations

from shatterscope.backend.convert.arrays import change
from shatterscope.backend.convert.measures import still_result
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.measuring import SpokenBaseline, scores
from shatterscope.backend.spoken.survey import Survey, texts
from shatterscope.wire.measures import AnsweredRelation, EvaluationResult, LanguageChange, TaskScore


def unedited_language_result(checkpoint: LanguageCheckpoint, found: SpokenBaseline) -> EvaluationResult:
    told = [
        TaskScore(
            task="direct",
            order=checkpoint.world.group_names[group],
            sub_graph=None,
            accuracy=change(score.accuracy, score.accuracy),
            probability=change(score.probability, score.probability),
            n_queries=facts,
            n_available=facts,
            n_contexts=wordings,
        )
        for group, score, facts, wordings in scores(checkpoint.world, found.survey)
    ]
    return still_result(checkpoint, told).model_copy(
        update={"language": language_change(checkpoint, found, found.survey, found.perplexity)}
    )


def language_change(
    checkpoint: LanguageCheckpoint, before: SpokenBaseline, after: Survey, perplexity: float
) -> LanguageChange:
    world = checkpoint.world
    answers = []
    for relation, was, now in zip(world.relations, before.survey.asked, after.asked, strict=True):
        subjects = world.domain(relation)
        answers.append(
            AnsweredRelation(
                relation=relation.name,
                wordings=list(texts(world, relation)),
                subjects=subjects.tolist(),
                truths=world.objects[subjects, relation.index].tolist(),
                before=was.answers.tolist(),
                after=now.answers.tolist(),
                probability_before=was.probability.amax(-1).tolist(),
                probability_after=now.probability.amax(-1).tolist(),
            )
        )
    return LanguageChange(perplexity=change(before.perplexity, perplexity), n_tokens=before.n_tokens, answers=answers)
