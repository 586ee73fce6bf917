"""Science in, wire models out: the one place that converts."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from backend.checkpoints import Checkpoint
from backend.model import site_names
from backend.schemas import (
    AccuracyInfo,
    Array,
    CheckpointInfo,
    GraphInfo,
    ModelInfo,
    RingInfo,
    TrainingInfo,
)


def array(values: NDArray[np.floating]) -> Array:
    data = np.ascontiguousarray(values, dtype="<f4")
    return Array(shape=list(data.shape), bdata=base64.b64encode(data.tobytes()).decode("ascii"))


def default_site(checkpoint: Checkpoint) -> str:
    return f"resid_post.{checkpoint.model.config.n_layers - 1}"


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
            default_site=default_site(checkpoint),
        ),
        training=TrainingInfo(
            steps=training.config.steps, seconds=training.seconds, device=training.device, seed=training.config.seed
        ),
        default=default,
        accuracy=AccuracyInfo(**metadata.accuracy),
        rings=RingInfo(**metadata.rings.model_dump()),
        sha256=checkpoint.sha256,
    )
