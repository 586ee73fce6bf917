"""What a model knows, and what an edit did to it."""

from shatterscope.backend.evaluation.answers import Answers, answers
from shatterscope.backend.evaluation.damage import DistanceBin, damage
from shatterscope.backend.evaluation.facts import AskedFact, Mistake, ask, mistakes, single_facts
from shatterscope.backend.evaluation.obedience import Note, Obeyed, facts_between, note_tokens, obedience, random_notes
from shatterscope.backend.evaluation.quality import Quality, Wanted, quality
from shatterscope.backend.evaluation.queries import TASKS, QuerySet, draw_queries
from shatterscope.backend.evaluation.ripples import AnsweredRipple, answer_ripples
from shatterscope.backend.evaluation.scores import Score, score
from shatterscope.backend.evaluation.shattered import relation_shattering
from shatterscope.backend.evaluation.sites import ring_means, shattering_at_sites
from shatterscope.backend.evaluation.subgraphs import sub_graphs

__all__ = [
    "TASKS",
    "AnsweredRipple",
    "Answers",
    "AskedFact",
    "DistanceBin",
    "Mistake",
    "Note",
    "Obeyed",
    "Quality",
    "QuerySet",
    "Score",
    "Wanted",
    "answer_ripples",
    "answers",
    "ask",
    "damage",
    "draw_queries",
    "facts_between",
    "mistakes",
    "note_tokens",
    "obedience",
    "quality",
    "random_notes",
    "relation_shattering",
    "ring_means",
    "score",
    "shattering_at_sites",
    "single_facts",
    "sub_graphs",
]
