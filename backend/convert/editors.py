"""Methods and restraints, as they describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shatterscope.backend.editors import Editor
from shatterscope.backend.editors.base import Preset
from shatterscope.backend.restraints import RESTRAINTS, Restraint
from shatterscope.wire.edits import (
    EditorInfo,
    PresetInfo,
    RestraintInfo,
)


def editor_info(editor: Editor[Any]) -> EditorInfo:
    def told(presets: Mapping[str, Preset]) -> list[PresetInfo]:
        return [
            PresetInfo(
                name=name,
                summary=preset.summary,
                parameters=editor.parameters(**preset.parameters).model_dump(mode="json"),
            )
            for name, preset in presets.items()
        ]

    return EditorInfo(
        name=editor.name,
        title=editor.title,
        summary=editor.summary,
        formula=editor.formula,
        reference=editor.reference,
        package=editor.package or None,
        default_layer=editor.default_layer,
        batches=editor.batches,
        default_preset=editor.default_preset,
        presets=told(editor.presets),
        language=told(editor.language),
        language_layer=editor.language_layer if editor.language else 0,
        parameters=editor.parameters.model_json_schema(),
        restraints=[restraint_info(each) for each in RESTRAINTS.values()] if editor.weights else [],
    )


def restraint_info(restraint: Restraint[Any]) -> RestraintInfo:
    return RestraintInfo(
        name=restraint.name,
        title=restraint.title,
        summary=restraint.summary,
        formula=restraint.formula,
        reference=restraint.reference,
        parameters=restraint.parameters.model_json_schema(),
    )
