"""A language model in somebody's file, whatever the file: its shape, its tokeniser, and its weights by our names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from shatterscope.backend.models import LanguageModel, Llama, LlamaConfig, ModelConfig, Transformer

MAX_TOKENIZER_BYTES = 64 * 1024 * 1024


class LanguageModelError(Exception):
    """A language model that cannot be read, kept or loaded. The message says what is wrong and what to do."""


@dataclass(frozen=True)
class GPT2Config(ModelConfig):
    """GPT-2 has the shape of our transformer, and is a thousand times larger."""

    max_weights: ClassVar[int] = LlamaConfig.max_weights


Config = LlamaConfig | GPT2Config


@dataclass(frozen=True)
class Pretrained:
    """`kept_in` is the precision that loses nothing of the file's, or little; `read` gives a weight by our name for it, in any precision. It raises
    `LanguageModelError`."""

    config: Config
    tokenizer: str  # the contents of a tokenizer.json
    kept_in: torch.dtype
    read: Callable[[str], Tensor]

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """All by name, one at a time, in the order in which the model has them.

        Raises:
            LanguageModelError: one has another shape than the model's, or a value that is no number.
        """
        for name, shape in shapes(self.config).items():
            weight = self.read(name)
            if tuple(weight.shape) != shape:
                raise LanguageModelError(
                    f"{name} is {tuple(weight.shape)} where {shape} belongs: its configuration is of another model"
                )
            weight = weight.to(self.kept_in)
            if not weight.isfinite().all():
                raise LanguageModelError(f"{name} holds values that are no numbers (NaN or infinite)")
            yield name, weight


FAMILIES: dict[str, tuple[type[Config], Callable[[Any], LanguageModel]]] = {
    "llama": (LlamaConfig, Llama),
    "gpt2": (GPT2Config, Transformer),
}


def family_of(config: Config) -> str:
    return next(name for name, (kind, _) in FAMILIES.items() if isinstance(config, kind))


class NothingDrawn(TorchFunctionMode):
    """No normal numbers are drawn. Where there is no memory to draw them into, the first would cost a second, for the compiler that torch then loads."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        return named["tensor"] if func is nn.init.normal_ else func(*args, **named)


def unfilled(config: Config) -> LanguageModel:
    """The model without its weights: nothing is allocated."""
    _, make = FAMILIES[family_of(config)]
    with torch.device("meta"), NothingDrawn():
        return make(config)


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Of every weight, by our names."""
    return {name: tuple(value.shape) for name, value in unfilled(config).state_dict().items()}


def config_table(config: Config) -> dict[str, Any]:
    """As it is written into a file. `config_of` reads it."""
    return {"family": family_of(config), **asdict(config)}


def config_of(table: dict[str, Any]) -> Config:
    """Raises `LanguageModelError` that names the field."""
    fields = dict(table)
    family = fields.pop("family", None)
    if family not in FAMILIES:
        raise LanguageModelError(f"family: {family!r:.40} is none of {', '.join(FAMILIES)}")
    try:
        found: Config = TypeAdapter(FAMILIES[family][0]).validate_python(fields)
    except ValidationError as error:
        raise LanguageModelError(first_problem(error)) from None
    return found


def first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part)[:40] for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
