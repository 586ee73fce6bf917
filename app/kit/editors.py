"""The methods that a model is offered, with their presets and usual layer there. A language model has presets of its own, and not every method has any."""

from __future__ import annotations

from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo


def on_model(editors: list[EditorInfo], checkpoint: CheckpointInfo) -> list[EditorInfo]:
    """`editors`, as the API tells them, as `checkpoint` has them; of what is so already, the same again."""
    if checkpoint.language is None:
        return editors
    return [_on_language_model(each, checkpoint) for each in editors if each.language]


def _on_language_model(editor: EditorInfo, checkpoint: CheckpointInfo) -> EditorInfo:
    own = {
        "presets": editor.language,
        "default_preset": editor.language[0].name,
        "default_layer": min(editor.language_layer, checkpoint.model.n_layers - 2),  # as the API takes it
    }
    return editor.model_copy(update=own)
