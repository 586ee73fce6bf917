"""The model that ships, and its folder. It is no checkpoint: it knows no facts, and nothing about it can be edited.

weights.safetensors   the model
model.json            its shape, how it was trained, what it reached, sha256 of the weights
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load

from shatterscope.backend.files import UnreadableFile, read_file
from shatterscope.backend.in_context.measure import RECENT, Numbers, numbers, recent_means, states
from shatterscope.backend.in_context.text import GRAPHS, GraphName, draw
from shatterscope.backend.in_context.train import CONTEXT, ContextTraining
from shatterscope.backend.models import LanguageModel, ModelConfig, Transformer
from shatterscope.backend.tensor_files import tensor_bytes

SHIPPED = Path(__file__).parent / "shipped"
WEIGHTS, METADATA = "weights.safetensors", "model.json"
MOST_BYTES = 16 * 2**20
LENGTHS = (16, 32, 64, 128)  # at which it is assessed
TEXTS = 60  # that it is assessed over
Share = Annotated[float, Field(ge=0, le=1)]


class ModelFolderError(Exception):
    """A folder that cannot be used; the message says what is wrong and what to do."""


class Reached(BaseModel):
    """Means over `TEXTS` texts, after so many words; as `measure.Numbers` and `measure.ReadText`."""

    model_config = ConfigDict(extra="forbid")

    share: Share
    chance: Share
    energy: float
    correlation: float
    loss: float
    floor: float


class ModelCard(BaseModel):
    """The contents of `model.json`. `untrained` is what the same model reached before its training: what a shape costs nothing."""

    model_config = ConfigDict(extra="forbid")

    model: ModelConfig
    training: ContextTraining
    seconds: float
    torch: str
    reached: dict[GraphName, dict[int, Reached]]
    untrained: dict[GraphName, dict[int, Reached]]
    sha256: str


def assess(model: LanguageModel, name: GraphName, texts: int = TEXTS) -> dict[int, Reached]:
    """By number of words. The same texts each time, of a seed of their own."""
    graph = GRAPHS[name]
    drawn = draw(graph, texts, CONTEXT + 1, torch.Generator().manual_seed(2**31))
    streams, losses = states(model, drawn)
    vertices = drawn.vertices.numpy()[:, :-1]
    means = [recent_means(*each) for each in zip(streams, vertices, strict=True)]
    found = {}
    for length in LENGTHS:
        told = [each for mean in means if (each := numbers(mean[length - 1], graph)) is not None]
        before = slice(max(length - RECENT, 0), length)
        averages = {key: np.mean([getattr(each, key) for each in told]) for key in Numbers.__dataclass_fields__}
        averages |= {"loss": losses[:, before].mean(), "floor": graph.floor[vertices[:, before]].mean()}
        found[length] = Reached(**{key: round(float(value), 4) for key, value in averages.items()})
    return found


def save(
    folder: Path, model: Transformer, untrained: Transformer, training: ContextTraining, seconds: float
) -> ModelCard:
    """Assess a model and write its folder; `model.json`, which vouches for the weights, goes last."""
    folder.mkdir(parents=True, exist_ok=True)
    content = tensor_bytes(model.state_dict())
    metadata = ModelCard(
        model=model.config,
        training=training,
        seconds=round(seconds, 1),
        torch=torch.__version__,
        reached={name: assess(model, name) for name in GRAPHS},
        untrained={name: assess(untrained, name) for name in GRAPHS},
        sha256=hashlib.sha256(content).hexdigest(),
    )
    (folder / WEIGHTS).write_bytes(content)
    (folder / METADATA).write_text(metadata.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return metadata


def load_model(folder: Path = SHIPPED) -> tuple[Transformer, ModelCard]:
    """A verified model in eval mode, on the CPU, and what is known of it.

    Raises:
        ModelFolderError: it cannot be read, or its weights are not those that `model.json` describes.
    """
    try:
        metadata = ModelCard.model_validate_json(read_file(folder / METADATA, MOST_BYTES))
        content = read_file(folder / WEIGHTS, MOST_BYTES)
    except FileNotFoundError as error:
        raise ModelFolderError(f"{Path(str(error.filename)).name} is missing; train the model again") from None
    except (UnreadableFile, ValidationError) as error:
        raise ModelFolderError(
            f"the folder cannot be used: {str(error).splitlines()[0]}; train the model again"
        ) from None
    if hashlib.sha256(content).hexdigest() != metadata.sha256:
        raise ModelFolderError(
            f"{WEIGHTS} is not the file that {METADATA} describes (its sha256 differs); train the model again"
        )
    model = Transformer(metadata.model)
    try:
        model.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise ModelFolderError(f"{WEIGHTS} is of another model: {str(error).splitlines()[0]}") from None
    return model.eval().requires_grad_(False), metadata


@cache
def shipped() -> Transformer:
    """The model that ships, loaded once."""
    return load_model()[0]
