"""Science in, wire models out: the one place that converts."""

from shatterscope.backend.convert.arrays import array, change, finite, values_of
from shatterscope.backend.convert.beside import in_context_result, measured_prediction, notes_result, prediction_result
from shatterscope.backend.convert.editors import editor_info, restraint_info
from shatterscope.backend.convert.edits import course, course_end, edit_outcome, edit_result, edit_spec, implied_fact
from shatterscope.backend.convert.files import CODEBOOK, LATER, NEURONS, delta_file, weights_file
from shatterscope.backend.convert.language import language_change, unedited_language_result
from shatterscope.backend.convert.measures import (
    edit_quality,
    evaluation_result,
    measure_info,
    measurement,
    sites_result,
    task_scores,
    unedited_result,
)
from shatterscope.backend.convert.pictures import projection_result, strengths_result
from shatterscope.backend.convert.verdicts import judgement, statistic_changes, statistic_values, verdict
from shatterscope.backend.convert.world import (
    checkpoint_info,
    error_list,
    fact_info,
    keys_values,
    knowledge_info,
    language_info,
    names_of,
    targets,
    world_info,
)

__all__ = [
    "CODEBOOK",
    "LATER",
    "NEURONS",
    "array",
    "change",
    "checkpoint_info",
    "course",
    "course_end",
    "delta_file",
    "edit_outcome",
    "edit_quality",
    "edit_result",
    "edit_spec",
    "editor_info",
    "error_list",
    "evaluation_result",
    "fact_info",
    "finite",
    "implied_fact",
    "in_context_result",
    "judgement",
    "keys_values",
    "knowledge_info",
    "language_change",
    "language_info",
    "measure_info",
    "measured_prediction",
    "measurement",
    "names_of",
    "notes_result",
    "prediction_result",
    "projection_result",
    "restraint_info",
    "sites_result",
    "statistic_changes",
    "statistic_values",
    "strengths_result",
    "targets",
    "task_scores",
    "unedited_language_result",
    "unedited_result",
    "values_of",
    "verdict",
    "weights_file",
    "world_info",
]
