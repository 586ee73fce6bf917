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
    WriteRequest,
    apply_delta,
)
from shatterscope.backend.editors.course import Course
from shatterscope.backend.editors.registry import EDITORS

__all__ = [
    "EDITORS",
    "Course",
    "Earlier",
    "EditDelta",
    "EditNotPossibleError",
    "Editor",
    "EditorFault",
    "EditorParameters",
    "Fact",
    "Preset",
    "WriteRequest",
    "apply_delta",
]
