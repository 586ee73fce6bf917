"""Knowledge editors: each computes a delta that changes facts, and leaves the model alone."""

from backend.editors.base import EditDelta, EditNotPossibleError, Editor, EditRequest, Fact, Preset, apply_delta
from backend.editors.course import Course
from backend.editors.registry import EDITORS

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
