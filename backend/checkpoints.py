"""Trained checkpoints on disk: one folder each under `models_cache/`.

    weights.safetensors      the model
    statistics.safetensors   `mlp_key.L`, (d_mlp, d_mlp) float64: E[k k^T], the uncentred second moment of the keys of layer L's MLP
    checkpoint.json          graph, model and training configuration, accuracy, ring-ness, sha256 of both files

A folder is trusted only when its hashes match. One that is damaged or foreign is reported and never keeps the others from loading.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from shatterscope.backend.activations import all_activations
from shatterscope.backend.assessment import TASKS
from shatterscope.backend.data import TextSampler, Vocabulary
from shatterscope.backend.data.contexts import Contexts, ContextSampler
from shatterscope.backend.files import UnreadableFile, name_of, read_file, read_json
from shatterscope.backend.models import LanguageModel, ModelConfig, Transformer
from shatterscope.backend.models.base import ModelShape
from shatterscope.backend.tensor_files import tensor_bytes
from shatterscope.backend.training import TrainConfig
from shatterscope.backend.worlds import Holdout, World, WorldConfig, WorldError, build, config_table, draw_holdout

if TYPE_CHECKING:
    from shatterscope.backend.assessment import Assessment, NoteMeasures, RingMeasures

FORMAT = 1
WEIGHTS, STATISTICS, METADATA = "weights.safetensors", "statistics.safetensors", "checkpoint.json"
STATISTICS_TOKENS = 100_000
MAX_METADATA_BYTES = 16 * 1024 * 1024  # a world of given facts is written in it
HEADER_BYTES = 1024 * 1024  # of a safetensors file, at most
DEFAULT = "rings-2048-calibrated"  # what the page opens on: accurate, and most of its rings are whole


log = logging.getLogger(__name__)
Share = Annotated[float, Field(ge=0, le=1)]


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

    @field_validator("config", mode="before")
    @classmethod
    def _decay_of_each_round(cls, config: object) -> object:
        """Weight decay belonged to the whole run before each round had its own."""
        match config:
            case {"weight_decay": decay, "rounds": [*rounds], **rest} if all(isinstance(part, dict) for part in rounds):
                return rest | {"rounds": [{"weight_decay": decay} | part for part in rounds]}
        return config


class RingReport(BaseModel):
    model_config = ConfigDict(extra="forbid")

    neighbor_share: dict[str, Share]
    winding: dict[str, int]
    n_neighbors: dict[str, int]
    shape: dict[str, str] | None = None  # of checkpoints trained before pictures were judged; see `judge`
    closed: int  # of these, whole


class NoteReport(BaseModel):
    """As `assessment.NoteMeasures`."""

    model_config = ConfigDict(extra="forbid")

    obeyed: dict[int, Share]
    beside: dict[str, Share]
    n_notes: int


class Metadata(BaseModel):
    """The contents of `checkpoint.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    title: str = Field(max_length=200)
    note: str = Field(max_length=2000)
    graph: WorldConfig
    model: ModelConfig
    training: TrainingReport
    accuracy: dict[str, dict[str, Share]]  # task -> group (where anything is asked) -> fraction, by full enumeration
    rings: RingReport
    notes: NoteReport | None = None  # of a model that was taught to obey notes
    opening: str | None = None  # the relation that the page opens on; None: the first
    view: str = Field("", max_length=500)  # or all that it opens on, as in a link
    sha256: dict[str, str]  # file name -> hash of its bytes


class AnyCheckpoint(Protocol):
    """A model that is edited and measured, with the world that it is asked about: one that was trained here (`Checkpoint`), or a language model
    (`spoken.checkpoint.LanguageCheckpoint`). The model is in eval mode, needs no gradients and lives on its device."""

    @property
    def id(self) -> str: ...
    @property
    def world(self) -> World: ...
    @property
    def holdout(self) -> Holdout: ...
    @property
    def shape(self) -> ModelShape:
        """Of the model, also where that is not in memory."""

    @property
    def model(self) -> LanguageModel: ...
    @property
    def statistics(self) -> Mapping[int, Tensor]:
        """layer -> (d_mlp, d_mlp) float64, E[k k^T] of the keys of its MLP."""

    @property
    def contexts(self) -> Contexts: ...
    @property
    def sha256(self) -> str:
        """Hash of the weights' file: what links name a checkpoint by."""

    @property
    def identity(self) -> str:
        """Hash of all that answers, edits and measurements depend on."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint that was trained here, ready to use."""

    id: str
    world: World
    holdout: Holdout
    vocabulary: Vocabulary
    model: LanguageModel
    statistics: dict[int, Tensor]  # layer -> (d_mlp, d_mlp) float64
    metadata: Metadata

    @property
    def shape(self) -> ModelShape:
        return self.model.config

    @cached_property
    def contexts(self) -> Contexts:
        return ContextSampler(self.world, self.holdout)

    @property
    def sha256(self) -> str:
        return self.metadata.sha256[WEIGHTS]

    @cached_property
    def identity(self) -> str:
        """Hash of all that answers, edits and measurements depend on, which caches and the ids of edits are keyed by: weights, key
        statistics, the world with its held-out facts, and the model's shape. The folder's name is not part of it."""
        parts = {
            "weights": self.sha256,
            "statistics": self.metadata.sha256[STATISTICS],
            "graph": config_table(self.metadata.graph),
            # Without what is left open, so that a field added later changes the identity of no checkpoint from before.
            "model": {name: value for name, value in asdict(self.metadata.model).items() if value is not None},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
    world: World,
    model: Transformer,
    statistics: dict[int, Tensor],
    assessment: Assessment,
    training: TrainingReport,
    view: str = "",
    notes: NoteMeasures | None = None,
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
        graph=world.config,
        model=model.config,
        training=training,
        accuracy=assessment.accuracy,
        rings=_report(rings),
        notes=None if notes is None else NoteReport(**asdict(notes)),
        opening=_opening(world, rings),
        view=view,
        sha256={name: file_hash(folder / name) for name in (WEIGHTS, STATISTICS)},
    )
    _write_metadata(folder, metadata)
    return metadata


def _report(rings: RingMeasures) -> RingReport:
    told = asdict(rings)
    return RingReport(closed=len(told.pop("whole")), **told)


def _opening(world: World, rings: RingMeasures) -> str | None:
    """The first relation whose picture is whole. One whose subjects have several objects, or a ring drawn with two neighbours alone, which any moved
    point opens, only where there is no other."""

    def second_choice(name: str) -> bool:
        return not world.single_valued[world.relation(name).index] or rings.n_neighbors.get(name, 3) < 3

    return min(rings.whole, key=second_choice, default=None)


def judge(folder: Path) -> Metadata:
    """Measure a checkpoint's rings anew and write them into its `checkpoint.json`. Raises `CheckpointError` or `OSError`."""
    from shatterscope.backend.assessment import measure_rings

    checkpoint = load_checkpoint(folder)
    world = checkpoint.world
    rings = measure_rings(all_activations(checkpoint.model, world.n_entities).numpy(), world)
    metadata = checkpoint.metadata.model_copy(update={"rings": _report(rings)})
    _write_metadata(folder, metadata)
    return metadata


def _write_metadata(folder: Path, metadata: Metadata) -> None:
    temporary = folder / f"{METADATA}.part"
    temporary.write_text(metadata.model_dump_json(indent=2) + "\n")
    os.replace(temporary, folder / METADATA)


def load_checkpoint(folder: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Load and verify one folder. Raises `CheckpointError` saying what is wrong with it."""
    metadata, world = _read(folder)
    name, width, layers = name_of(folder), metadata.model.d_mlp, metadata.model.n_layers
    # Not before their size is known to be right: a damaged file may claim anything.
    weights = _read_tensors(folder, WEIGHTS, metadata, 4 * metadata.model.n_weights + HEADER_BYTES)
    moments = _read_tensors(folder, STATISTICS, metadata, 8 * width**2 * layers + HEADER_BYTES)
    model = Transformer(metadata.model)
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    if weights.keys() != shapes.keys():
        some = min(weights.keys() ^ shapes.keys())
        raise CheckpointError(f"{name}/{WEIGHTS} holds tensors of another model: {some[:80]!r} is missing or too many")
    for key, shape in shapes.items():
        _check_tensor(f"{name}/{WEIGHTS}: {key}", weights[key], shape, torch.float32)
    statistics = {}
    for layer in range(layers):
        key = f"mlp_key.{layer}"
        if key not in moments:
            raise CheckpointError(f"{name}/{STATISTICS} holds no {key}; train the checkpoint again")
        _check_tensor(f"{name}/{STATISTICS}: {key}", moments[key], (width, width), torch.float64)
        statistics[layer] = moments[key].to(device)
    model.load_state_dict(weights)
    return Checkpoint(
        id=folder.name,
        world=world,
        holdout=draw_holdout(world),
        vocabulary=Vocabulary.of(world),
        model=model.to(device).eval().requires_grad_(False),
        statistics=statistics,
        metadata=metadata,
    )


def _read_tensors(folder: Path, file: str, metadata: Metadata, limit: int) -> dict[str, Tensor]:
    """The tensors of a file that is the one `checkpoint.json` describes."""
    name = f"{name_of(folder)}/{file}"
    try:
        content = read_file(folder / file, limit)
        if hashlib.sha256(content).hexdigest() != metadata.sha256.get(file):
            raise CheckpointError(
                f"{name} is not the file that {METADATA} describes (its sha256 differs): it is damaged or was replaced; "
                "copy the whole folder again, or train it again"
            )
        return load(content)
    except FileNotFoundError:
        raise CheckpointError(f"{name} is missing; copy the whole folder again, or train it again") from None
    except UnreadableFile as error:
        raise CheckpointError(f"{name} {error}; copy the whole folder again, or train it again") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{name} is no safetensors file that can be used: {error}") from None


def _check_tensor(name: str, tensor: Tensor, shape: Sequence[int], dtype: torch.dtype) -> None:
    if tensor.dtype != dtype or tuple(tensor.shape) != tuple(shape):
        raise CheckpointError(
            f"{name} is {tuple(tensor.shape)} of {_dtype(tensor.dtype)} where {tuple(shape)} of {_dtype(dtype)} belongs: "
            "it is of another model"
        )
    if not tensor.isfinite().all():
        raise CheckpointError(f"{name} holds values that are no numbers (NaN or infinite); train the checkpoint again")


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def read_metadata(folder: Path) -> Metadata:
    """`checkpoint.json`, checked to fit together. Raises `CheckpointError` saying what is wrong with it."""
    return _read(folder)[0]


def _read(folder: Path) -> tuple[Metadata, World]:
    """The metadata, and the world that they describe."""
    name = f"{name_of(folder)}/{METADATA}"
    try:
        data = read_json(read_file(folder / METADATA, MAX_METADATA_BYTES))
    except FileNotFoundError:
        raise CheckpointError(
            f"{name} is missing; {name_of(folder)} is not a checkpoint (or its training has not finished)"
        ) from None
    except UnreadableFile as error:
        raise CheckpointError(f"{name} {error}") from None
    written = data.get("format") if isinstance(data, dict) else None
    if written != FORMAT:
        raise CheckpointError(
            f"{name} has format {written!r:.40}, this version reads {FORMAT}; train the checkpoint again"
        )
    try:
        metadata = Metadata.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:40] for part in first["loc"])
        raise CheckpointError(f"{name}: {place}: {first['msg'].removeprefix('Value error, ')}") from None
    try:
        world = build(metadata.graph)
    except WorldError as error:
        raise CheckpointError(f"{name}: graph: {str(error).splitlines()[0]}") from None
    if metadata.opening is not None and metadata.opening not in world.relation_names:
        raise CheckpointError(f"{name}: opening: {metadata.opening!r:.40} is not a relation of its world")
    vocabulary = Vocabulary.of(world)
    if metadata.model.vocab_size != vocabulary.size:
        raise CheckpointError(
            f"{name}: the model has {metadata.model.vocab_size} tokens where its world needs {vocabulary.size}; "
            "world and model do not belong together"
        )
    for place, found, wanted in _names(metadata, world):
        if found != wanted:
            some = min(found ^ wanted)
            raise CheckpointError(f"{name}: {place}: {some[:40]!r} is missing or too many; copy the file again")
    return metadata, world


def _names(metadata: Metadata, world: World) -> Iterator[tuple[str, set[str], set[str]]]:
    """(place, the names there, the names that belong there): whoever reads a score by its name must find it."""
    orders, relations = set(world.group_names), set(world.relation_names)
    of_rings = {relation.name for relation in world.relations if world.groups[relation.group].shape == "ring"}
    files = {WEIGHTS, STATISTICS}
    yield "sha256", set(metadata.sha256) & files, files
    yield "accuracy", set(metadata.accuracy), set(TASKS)
    for task, scores in metadata.accuracy.items():
        yield f"accuracy.{task}", set(scores) | orders, orders
    for measure, values in metadata.rings:
        if isinstance(values, dict):
            wanted = relations if measure == "neighbor_share" else of_rings
            if measure == "shape":  # of any relation, where there is enough to judge
                wanted = set(values) & relations
            yield f"rings.{measure}", set(values), wanted
    if metadata.notes is not None:
        yield "notes.beside", set(metadata.notes.beside) | orders, orders


class CheckpointRegistry:
    """All checkpoints under `root`, loaded and verified once, onto one device.

    `problems` maps the folders that did not load to the reason.
    """

    def __init__(self, root: Path, device: torch.device | str = "cpu", default: str = DEFAULT) -> None:
        self._checkpoints: dict[str, Checkpoint] = {}
        self.problems: dict[str, str] = {}
        for folder in folders_in(root):
            name = name_of(folder)
            try:
                if name != folder.name:
                    raise CheckpointError("the folder's name holds signs that no address can; give it another")
                self._checkpoints[name] = load_checkpoint(folder, device)
            except CheckpointError as error:
                self.problems[name] = str(error)
            except Exception as error:  # whatever it is: the others load
                log.warning("checkpoint %s", name, exc_info=True)
                self.problems[name] = f"it cannot be used ({type(error).__name__}); copy the whole folder again"
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


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file whole or not at all. Raises `OSError` where it cannot."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(tensor_bytes(tensors, metadata))
    os.replace(temporary, path)


def folders_in(root: Path) -> list[Path]:
    """The folders in `root` that are not hidden, by name; none where it cannot be read."""
    try:
        return sorted(path for path in root.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError:
        return []


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
