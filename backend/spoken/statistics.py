"""E[k k^T] of a language model's MLP keys, layer by layer, over text that ships with Python; made when it is first needed, and kept beside the model.

The first position of a piece is left out: it is an attention sink, and its key is unlike all others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.lm.store import Tell
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.tensor_files import tensor_bytes

AT_ONCE = 8  # pieces of text
IN_MEMORY = 4  # layers

Source = Callable[[], tuple[LanguageModel, Tensor]]
"""The model, and (B, T) tokens of the text."""


@torch.no_grad()
def key_moments(model: LanguageModel, tokens: Tensor, layers: Sequence[int]) -> dict[int, Tensor]:
    """(d_mlp, d_mlp) float64 of each of `layers`, over (B, T) tokens. Nothing behind the last of them is computed."""
    found = {layer: torch.zeros(model.config.d_mlp, model.config.d_mlp, dtype=torch.float64) for layer in layers}
    n = tokens[:, 1:].numel()
    for part in tokens.to(model.device).split(AT_ONCE):
        x = model.embed(part)
        for layer in range(max(layers) + 1):
            interrupt.checkpoint()
            middle, _ = model.until_mlp(layer, x)
            key = model.mlp_key(layer, middle)
            if layer in found:
                read = key[:, 1:].flatten(0, 1)
                found[layer] += (read.T @ read).double().cpu()
            x = middle + model.mlp_value(layer, key, middle)
    return {layer: moment / n for layer, moment in found.items()}


class KeptStatistics(Mapping[int, Tensor]):
    """By layer: read from `folder`, or made and kept there. Of other text or other weights they are made again. Made once, however many ask."""

    def __init__(self, folder: Path, weights_sha256: str, n_layers: int, source: Source) -> None:
        self._folder, self._weights, self._n, self._source = folder, weights_sha256, n_layers, source
        self._lock, self._memory = Lock(), dict[int, Tensor]()

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._n))

    def __getitem__(self, layer: int) -> Tensor:
        if layer not in range(self._n):
            raise KeyError(layer)
        with self._lock:
            found = self._memory.pop(layer, None)
            if found is None:
                found = self._read(layer)
            if found is None:
                self.make([layer])
                found = self._read(layer)
                assert found is not None
            self._memory[layer] = found  # the one used last stands last
            while len(self._memory) > IN_MEMORY:
                del self._memory[next(iter(self._memory))]
            return found

    def missing(self, layers: Sequence[int]) -> list[int]:
        """Those that are not kept."""
        return [layer for layer in layers if self._read(layer) is None]

    def make(self, layers: Sequence[int], tell: Tell = lambda line: None) -> None:
        """Compute and keep. Raises `OSError` where the folder cannot be written."""
        model, tokens = self._source()
        moments = key_moments(model, tokens, layers)
        for layer, moment in moments.items():
            path = self._path(layer)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            part.write_bytes(tensor_bytes({"moment": moment}, {"of": self._of(tokens)}))
            os.replace(part, path)
            tell(f"layer {layer}: {path}")

    def _of(self, tokens: Tensor) -> str:
        """Hash of the weights and of the text."""
        return hashlib.sha256(self._weights.encode() + tokens.numpy().tobytes()).hexdigest()

    def _path(self, layer: int) -> Path:
        return self._folder / f"statistics-{layer}.safetensors"

    def _read(self, layer: int) -> Tensor | None:
        try:
            with safe_open(self._path(layer), "pt") as file:
                if (file.metadata() or {}).get("of") != self._of(self._source()[1]):
                    return None
                found: Tensor = file.get_tensor("moment")
                return found
        except (OSError, SafetensorError):
            return None
