"""Trained checkpoints on disk: one folder each under `models_cache/`.

    weights.safetensors      the model
    statistics.safetensors   `mlp_key.L`, (d_mlp, d_mlp) float64: E[k k^T], the uncentred second moment of the keys of layer L's MLP
    checkpoint.json          graph, model and training configuration, accuracy, ring-ness, sha256 of both files

A folder is trusted only when its hashes match. One that is damaged or foreign is reported and never keeps the others from loading.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from backend.data import TextSampler, Vocabulary
from backend.graph import GraphConfig, Holdout, KnowledgeGraph, draw_holdout
from backend.model import ModelConfig, Transformer
from backend.training import TrainConfig

if TYPE_CHECKING:
    from backend.assessment import Assessment

FORMAT = 1
WEIGHTS, STATISTICS, METADATA = "weights.safetensors", "statistics.safetensors", "checkpoint.json"
STATISTICS_TOKENS = 100_000
DEFAULT = "rings-2048-smooth"  # what the page opens on: the one with the clearer rings


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message says what is wrong and what to do."""


class UnknownCheckpointError(CheckpointError):
    """No checkpoint of that name."""


class TrainingReport(BaseModel):
    """How a checkpoint was trained: the recipe and what the run took."""

    model_config = ConfigDict(extra="forbid")

    config: TrainConfig
    seconds: float
    device: str
    torch: str
    finished: str  # ISO date


class RingReport(BaseModel):
    model_config = ConfigDict(extra="forbid")

    neighbor_share: dict[str, float]
    winding: dict[str, int]
    n_neighbors: dict[str, int]
    closed: int


class Metadata(BaseModel):
    """The contents of `checkpoint.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    title: str
    note: str
    graph: GraphConfig
    model: ModelConfig
    training: TrainingReport
    accuracy: dict[str, dict[str, float]]  # task -> order -> fraction, by full enumeration
    rings: RingReport
    sha256: dict[str, str]  # file name -> hash of its bytes


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint, ready to use. The model is in eval mode, needs no gradients and lives on its device."""

    id: str
    graph: KnowledgeGraph
    holdout: Holdout
    vocabulary: Vocabulary
    model: Transformer
    statistics: dict[int, Tensor]  # layer -> (d_mlp, d_mlp) float64
    metadata: Metadata

    @property
    def sha256(self) -> str:
        """Hash of the weights: what caches and edit ids are keyed by."""
        return self.metadata.sha256[WEIGHTS]


@torch.no_grad()
def key_statistics(
    model: Transformer, sampler: TextSampler, generator: torch.Generator, n_tokens: int = STATISTICS_TOKENS
) -> dict[int, Tensor]:
    """E[k k^T] per layer over at least `n_tokens` tokens of sampled training text; (d_mlp, d_mlp) float64 each."""
    context, layers = model.config.context, range(model.config.n_layers)
    moments: dict[int, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        if name.startswith("mlp_key."):
            keys = x.flatten(0, 1).double()
            layer = int(name.rsplit(".", 1)[1])
            moments[layer] = moments.get(layer, torch.zeros((), dtype=torch.float64)) + (keys.T @ keys).cpu()
        return x

    batch, seen = 500, 0
    while seen < n_tokens:
        model.trunk(sampler.sample(batch, context, generator), tap)
        seen += batch * context
    return {layer: moments[layer] / seen for layer in layers}


def save_checkpoint(
    folder: Path,
    *,
    title: str,
    note: str,
    graph: KnowledgeGraph,
    model: Transformer,
    statistics: dict[int, Tensor],
    assessment: Assessment,
    training: TrainingReport,
) -> Metadata:
    """Write a checkpoint folder; `checkpoint.json`, which vouches for the rest, goes last."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_tensors(folder / WEIGHTS, weights)
    write_tensors(folder / STATISTICS, {f"mlp_key.{layer}": value.contiguous() for layer, value in statistics.items()})
    rings = assessment.rings
    metadata = Metadata(
        format=FORMAT,
        title=title,
        note=note,
        graph=graph.config,
        model=model.config,
        training=training,
        accuracy=assessment.accuracy,
        rings=RingReport(**asdict(rings), closed=rings.closed),
        sha256={name: file_hash(folder / name) for name in (WEIGHTS, STATISTICS)},
    )
    temporary = folder / f"{METADATA}.part"
    temporary.write_text(metadata.model_dump_json(indent=2) + "\n")
    os.replace(temporary, folder / METADATA)
    return metadata


def load_checkpoint(folder: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Load and verify one folder. Raises `CheckpointError` saying what is wrong with it."""
    metadata = _read_metadata(folder)
    for name in (WEIGHTS, STATISTICS):
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; copy the whole folder again, or train it anew")
        if file_hash(path) != metadata.sha256.get(name):
            raise CheckpointError(
                f"{path} is not the file that {METADATA} describes (its sha256 differs): it is damaged or was replaced; "
                "copy the whole folder again, or train it anew"
            )
    graph = KnowledgeGraph(metadata.graph)
    vocabulary = Vocabulary.of(graph)
    if metadata.model.vocab_size != vocabulary.size:
        raise CheckpointError(
            f"{folder / METADATA}: the model has {metadata.model.vocab_size} tokens where its graph needs "
            f"{vocabulary.size}; graph and model do not belong together"
        )
    model = Transformer(metadata.model)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
        moments = load_file(folder / STATISTICS)
        statistics = {layer: moments[f"mlp_key.{layer}"].to(device) for layer in range(metadata.model.n_layers)}
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{folder} holds tensors of another model: {error}") from None
    return Checkpoint(
        id=folder.name,
        graph=graph,
        holdout=draw_holdout(graph),
        vocabulary=vocabulary,
        model=model.to(device).eval().requires_grad_(False),
        statistics=statistics,
        metadata=metadata,
    )


def _read_metadata(folder: Path) -> Metadata:
    path = folder / METADATA
    try:
        data: Any = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} is missing; {folder.name} is not a checkpoint (or its training has not finished)"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from None
    written = data.get("format") if isinstance(data, dict) else None
    if written != FORMAT:
        raise CheckpointError(f"{path} has format {written!r}, this version reads {FORMAT}; train the checkpoint anew")
    try:
        return Metadata.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise CheckpointError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


class CheckpointRegistry:
    """All checkpoints under `root`, loaded and verified once, onto one device.

    `problems` maps the folders that did not load to the reason.
    """

    def __init__(self, root: Path, device: torch.device | str = "cpu", default: str = DEFAULT) -> None:
        self._checkpoints: dict[str, Checkpoint] = {}
        self.problems: dict[str, str] = {}
        for folder in sorted(path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")):
            try:
                self._checkpoints[folder.name] = load_checkpoint(folder, device)
            except CheckpointError as error:
                self.problems[folder.name] = str(error)
        self.default_id = default if default in self._checkpoints else next(iter(self._checkpoints), None)

    def ids(self) -> list[str]:
        """The default first, the others by name."""
        return sorted(self._checkpoints, key=lambda name: (name != self.default_id, name))

    def get(self, checkpoint_id: str) -> Checkpoint:
        """Raises `UnknownCheckpointError` naming those there are (or why that one did not load)."""
        if checkpoint_id in self._checkpoints:
            return self._checkpoints[checkpoint_id]
        if checkpoint_id in self.problems:
            raise UnknownCheckpointError(f"checkpoint {checkpoint_id!r} did not load: {self.problems[checkpoint_id]}")
        known = ", ".join(self.ids()) or "none; train one with `shatterscope train`"
        raise UnknownCheckpointError(f"no checkpoint {checkpoint_id!r}; there are: {known}")


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file whole or not at all. Raises `OSError` where it cannot."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(save(tensors))  # not `save_file`, which hides the reason in an error of its own
    os.replace(temporary, path)


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
