"""Knowledge editors: each computes a delta that changes facts, and leaves the model alone."""

from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditRequest,
    Fact,
    Preset,
    apply_delta,
)
from shatterscope.backend.editors.course import Course
from shatterscope.backend.editors.registry import EDITORS

__all__ = [
    "EDITORS",
    "Course",
    "EditDelta",
    "EditNotPossibleError",
    "EditRequest",
    "Editor",
    "Fact",
    "Preset",
    "apply_delta",
]
