"""Knowledge editors: each computes a delta that changes facts, and leaves the model alone."""

from shatterscope.backend.editors.base import (
    Earlier,
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorFault,
    EditorParameters,
    Fact,
    Preset,
    Rehearsal,
    WriteRequest,
    apply_delta,
)
from shatterscope.backend.editors.course import Course
from shatterscope.backend.editors.registry import EDITORS, ORACLE, known, method_named

__all__ = [
    "EDITORS",
    "ORACLE",
    "Course",
    "Earlier",
    "EditDelta",
    "EditNotPossibleError",
    "Editor",
    "EditorFault",
    "EditorParameters",
    "Fact",
    "Preset",
    "Rehearsal",
    "WriteRequest",
    "apply_delta",
    "known",
    "method_named",
]
