"""Edits as files of tensors."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.editors.base import added_neurons
from shatterscope.backend.editors.codebook import codebooks
from shatterscope.backend.edits import EditedModel, steps_of
from shatterscope.backend.tensor_files import tensor_bytes
from shatterscope.wire.edits import (
    EditSpec,
)

CODEBOOK = (
    "and codebooks beside them, which no weight holds: at blocks.L.mlp.down a key within radii[i] of keys[i] is answered by "
    "strengths[i] * values[i] + (1 - strengths[i]) * (W key + b); of several entries the nearest (at one distance the later) comes first, and "
    "leaves the next a share of 1 - strengths[i], outside its radius of 1 - min(|strengths[i]|, 1)"
)

LATER = frozenset({"restraint", "implied"})

NEURONS = "and neurons beside them: blocks.L.mlp puts out down GELU(up z + bias) more, z what the MLP reads (blocks.L.mlp.added.up, .bias, .down)"


def delta_file(checkpoint: AnyCheckpoint, edited: EditedModel) -> bytes:
    """safetensors: what the whole stack adds to each parameter (strengths applied), and the codebooks and neurons it puts beside them
    (`blocks.0.mlp.codebook.keys`, `blocks.0.mlp.added.up`, ...); the specification in the metadata."""
    total: dict[str, Tensor] = {}
    specs = [outcome.spec for outcome in edited.outcomes]
    for (start, _), delta in zip(steps_of(specs), edited.deltas, strict=True):
        for name, change in delta.weights.items():
            total[name] = total.get(name, torch.zeros_like(change)) + specs[start].strength * change
    return _tensor_file(checkpoint, edited, total, "the weight change, W_edited - W, of every changed parameter")


def weights_file(checkpoint: AnyCheckpoint, edited: EditedModel) -> bytes:
    """safetensors: every parameter of the edited model under its name in the checkpoint's own file, for
    `Transformer.load_state_dict`; and codebooks, neurons and metadata as in `delta_file`."""
    weights = {name: value.detach() for name, value in edited.model.state_dict().items()}
    return _tensor_file(checkpoint, edited, weights, "the complete edited weights")


def _tensor_file(checkpoint: AnyCheckpoint, edited: EditedModel, tensors: dict[str, Tensor], holds: str) -> bytes:
    beside = codebooks(edited.model)
    for layer, codebook in beside.items():
        mlp = edited.model.written(layer).removesuffix(".down.weight")
        tensors |= {f"{mlp}.codebook.{name}": value for name, value in codebook.named_buffers()}
    grown = added_neurons(edited.model)
    for layer, added in grown.items():
        mlp = edited.model.written(layer).removesuffix(".down.weight")
        tensors |= {f"{mlp}.added.{name}": value for name, value in added.named_buffers()}
    said = [outcome.spec.as_dict() for outcome in edited.outcomes]
    # What came later stands in a file only where it says something, so that files of edits from before are what they have always been.
    specification = [EditSpec(**each).model_dump(mode="json", exclude=set(LATER - each.keys())) for each in said]
    metadata = {
        "holds": "; ".join([holds, *[CODEBOOK] * bool(beside), *[NEURONS] * bool(grown)]),
        "id": edited.id,
        "checkpoint": checkpoint.id,
        "weights_sha256": checkpoint.sha256,
        "edits": json.dumps(specification),
    }
    return tensor_bytes(tensors, metadata)
