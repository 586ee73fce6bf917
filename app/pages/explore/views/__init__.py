"""From what the API answered to markup. Pure: no callbacks, no client."""

from shatterscope.app.pages.explore.views.answers import answers_grid, r_beside
from shatterscope.app.pages.explore.views.ask import answer, no_truth, question, top, truth
from shatterscope.app.pages.explore.views.change import (
    IMPLIES,
    about,
    cannot_imply,
    error_list,
    form_owner,
    joining,
    legend,
    parameter_form,
)
from shatterscope.app.pages.explore.views.course import course_choices, course_over, course_words
from shatterscope.app.pages.explore.views.damage import damage_of
from shatterscope.app.pages.explore.views.numbers import accuracy, r_card, r_values, r_words, ripples, told
from shatterscope.app.pages.explore.views.picture import caption, invitation, of_model
from shatterscope.app.pages.explore.views.prediction import expected, played_back, taught
from shatterscope.app.pages.explore.views.quality import quality, quality_line
from shatterscope.app.pages.explore.views.sites import r_shown, read_at
from shatterscope.app.pages.explore.views.stack import chips, outcomes
from shatterscope.app.pages.explore.views.verdicts import on_the_way, verdict_line, verdicts

__all__ = [
    "IMPLIES",
    "about",
    "accuracy",
    "answer",
    "answers_grid",
    "cannot_imply",
    "caption",
    "chips",
    "course_choices",
    "course_over",
    "course_words",
    "damage_of",
    "error_list",
    "expected",
    "form_owner",
    "invitation",
    "joining",
    "legend",
    "no_truth",
    "of_model",
    "on_the_way",
    "outcomes",
    "parameter_form",
    "played_back",
    "quality",
    "quality_line",
    "question",
    "r_beside",
    "r_card",
    "r_shown",
    "r_values",
    "r_words",
    "read_at",
    "ripples",
    "taught",
    "told",
    "top",
    "truth",
    "verdict_line",
    "verdicts",
]
