"""Knowledge editors: each computes a weight delta that changes one fact, and leaves the model alone."""

from backend.editors.base import EditDelta, EditNotPossibleError, Editor, EditRequest, Preset, apply_delta
from backend.editors.registry import EDITORS

__all__ = ["EDITORS", "EditDelta", "EditNotPossibleError", "EditRequest", "Editor", "Preset", "apply_delta"]
