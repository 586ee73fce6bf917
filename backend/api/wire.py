"""Science in, wire models out: the one place that converts."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from backend.activations import default_site
from backend.checkpoints import Checkpoint
from backend.editors import Editor
from backend.edits import EditedModel
from backend.edits import EditSpec as CompleteSpec
from backend.model import site_names
from backend.schemas import (
    AccuracyInfo,
    Array,
    CheckpointInfo,
    EditorInfo,
    EditOutcome,
    EditResult,
    EditSpec,
    GraphInfo,
    ModelInfo,
    Preset,
    RingInfo,
    TrainingInfo,
)


def array(values: NDArray[np.floating]) -> Array:
    data = np.ascontiguousarray(values, dtype="<f4")
    return Array(shape=list(data.shape), bdata=base64.b64encode(data.tobytes()).decode("ascii"))


def checkpoint_info(checkpoint: Checkpoint, default: bool) -> CheckpointInfo:
    graph, model, metadata = checkpoint.graph, checkpoint.model, checkpoint.metadata
    training = metadata.training
    return CheckpointInfo(
        id=checkpoint.id,
        title=metadata.title,
        note=metadata.note,
        graph=GraphInfo(
            n_entities=graph.n_entities,
            n_orders=graph.config.n_orders,
            n_hops=graph.config.n_hops,
            orders=list(graph.order_names),
            relations=graph.relation_names,
        ),
        model=ModelInfo(
            n_layers=model.config.n_layers,
            d_model=model.config.d_model,
            n_heads=model.config.n_heads,
            n_params=model.n_params,
            sites=site_names(model.config.n_layers),
            default_site=default_site(model),
        ),
        training=TrainingInfo(
            steps=training.config.steps, seconds=training.seconds, device=training.device, seed=training.config.seed
        ),
        default=default,
        accuracy=AccuracyInfo(**metadata.accuracy),
        rings=RingInfo(**metadata.rings.model_dump()),
        sha256=checkpoint.sha256,
    )


def editor_info(editor: Editor[Any]) -> EditorInfo:
    presets = [
        Preset(
            name=name, summary=preset.summary, parameters=editor.parameters(**preset.parameters).model_dump(mode="json")
        )
        for name, preset in editor.presets.items()
    ]
    return EditorInfo(
        name=editor.name,
        title=editor.title,
        summary=editor.summary,
        formula=editor.formula,
        reference=editor.reference,
        default_layer=editor.default_layer,
        default_preset=editor.default_preset,
        presets=presets,
        parameters=editor.parameters.model_json_schema(),
    )


def edit_spec(spec: CompleteSpec) -> EditSpec:
    return EditSpec(
        subject=spec.subject,
        relation=spec.relation,
        object=spec.object,
        method=spec.method,
        layer=spec.layer,
        parameters=dict(spec.parameters),
        strength=spec.strength,
    )


def edit_result(checkpoint: Checkpoint, edited: EditedModel, seconds: float) -> EditResult:
    outcomes = [
        EditOutcome(
            spec=edit_spec(outcome.spec),
            old_object=outcome.old_object,
            new_object=outcome.new_object,
            prediction_before=outcome.prediction_before,
            prediction_after=outcome.prediction_after,
            distance=outcome.distance,
            kind=outcome.kind,
            success=outcome.success,
            probability_before=outcome.probability_before,
            probability_after=outcome.probability_after,
            delta_norm=outcome.delta_norm,
            relative_delta_norm=outcome.relative_delta_norm,
            steps=outcome.steps,
            warnings=list(outcome.warnings),
        )
        for outcome in edited.outcomes
    ]
    return EditResult(id=edited.id, checkpoint=checkpoint.id, edits=outcomes, seconds=seconds)


def delta_file(checkpoint: Checkpoint, edited: EditedModel) -> bytes:
    """safetensors: what the whole stack adds to each parameter (strengths applied), the specification in the metadata."""
    total: dict[str, Tensor] = {}
    for outcome, delta in zip(edited.outcomes, edited.deltas, strict=True):
        for name, change in delta.weights.items():
            total[name] = total.get(name, torch.zeros_like(change)) + outcome.spec.strength * change
    specification = [edit_spec(outcome.spec).model_dump(mode="json") for outcome in edited.outcomes]
    metadata = {
        "id": edited.id,
        "checkpoint": checkpoint.id,
        "weights_sha256": checkpoint.sha256,
        "edits": json.dumps(specification),
    }
    return save({name: value.cpu().contiguous() for name, value in total.items()}, metadata)
