"""What a model knows, and what an edit did to it."""

from backend.evaluation.answers import Answers, answers
from backend.evaluation.damage import DamageBin, damage
from backend.evaluation.quality import Quality, Wanted, quality
from backend.evaluation.queries import TASKS, QuerySet, draw_queries
from backend.evaluation.ripples import AnsweredRipple, Ripple, answer_ripples, ripples
from backend.evaluation.scores import Score, score
from backend.evaluation.sites import ring_means, shattering_at_sites
from backend.evaluation.subgraphs import sub_graphs

__all__ = [
    "TASKS",
    "AnsweredRipple",
    "Answers",
    "DamageBin",
    "Quality",
    "QuerySet",
    "Ripple",
    "Score",
    "Wanted",
    "answer_ripples",
    "answers",
    "damage",
    "draw_queries",
    "quality",
    "ring_means",
    "ripples",
    "score",
    "shattering_at_sites",
    "sub_graphs",
]
