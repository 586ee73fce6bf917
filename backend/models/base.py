"""What a model is to those who edit it, ask it and draw it: an autoregressive transformer that adds to a residual stream, layer by layer.

Nobody outside this folder knows how a layer computes. They run a model whole (`trunk`), or go on behind a prefix that was run once (`prefix`, `step`),
look at named sites on the way, and write to an MLP's output projection.

Sites are `embed`, per layer L `attn_key.L` (what the heads have mixed: the key of the attention's output projection), `attn_out.L`, `resid_mid.L`,
`mlp_key.L` (the key of the MLP seen as a key-value memory), `mlp_out.L`, `resid_post.L`, and `final_norm`. Each passes through a `tap`, `tap(name, x) -> x`:
record what goes by, or hand back something else.

    B batch   T pos   C d_model   M d_mlp   V vocabulary   * any leading dimensions
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models.neurons import AddedNeurons

Tap = Callable[[str, Tensor], Tensor]


def no_tap(name: str, x: Tensor) -> Tensor:
    return x


def site_names(n_layers: int) -> list[str]:
    """Sites of the residual width (n_entities, d_model), in the order of the computation."""
    per_layer = ("attn_out", "resid_mid", "mlp_out", "resid_post")
    return ["embed", *(f"{site}.{layer}" for layer in range(n_layers) for site in per_layer), "final_norm"]


class ModelShape(Protocol):
    """What everybody may know of a model's configuration. `context` is the most tokens that it can be given."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def context(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def d_model(self) -> int: ...
    @property
    def d_mlp(self) -> int: ...
    @property
    def n_heads(self) -> int: ...


@dataclass(frozen=True)
class Past:
    """Keys and values of earlier positions in one layer, (*, T, K) each; `hidden` (*, T, 1) is True where there is no token. K is C, or less where
    several heads share a key."""

    key: Tensor
    value: Tensor
    hidden: Tensor | None = None

    def take(self, rows: Tensor) -> Past:
        hidden = None if self.hidden is None else self.hidden.index_select(0, rows)
        return Past(self.key.index_select(0, rows), self.value.index_select(0, rows), hidden)

    def then(self, k: Tensor, v: Tensor) -> Past:
        """With one more position, (*, K) each. One past may go on in many ways."""
        hidden = None if self.hidden is None else F.pad(self.hidden, (0, 0, 0, 1), value=False)
        key, value = (each.expand(*k.shape[:-1], -1, -1) for each in (self.key, self.value))
        return Past(torch.cat([key, k.unsqueeze(-2)], -2), torch.cat([value, v.unsqueeze(-2)], -2), hidden)


class LanguageModel(nn.Module, ABC):
    """A model in this house."""

    config: ModelShape

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @property
    def n_params(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    # --- the whole model ----------------------------------------------------------------------------------------

    @abstractmethod
    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        """(*, T) tokens at the positions from `start` on -> (*, T, C), what enters the first layer."""

    @abstractmethod
    def trunk(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:
        """(B, T) token ids -> (B, T, C) after the final norm. Raises `ValueError` past the context."""

    @abstractmethod
    def final_norm(self, x: Tensor) -> Tensor:
        """(*, C), the residual stream behind the last layer -> (*, C), what is read out."""

    @property
    @abstractmethod
    def unembedding(self) -> Tensor:
        """(V, C)"""

    def unembed(self, x: Tensor) -> Tensor:
        """(*, C) after the final norm -> (*, V) logits."""
        return x @ self.unembedding.T

    def read_out(self, x: Tensor) -> Tensor:
        """(*, C), the residual stream behind the last layer -> (*, V) logits."""
        return self.unembed(self.final_norm(x))

    def forward(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:  # (B, T) -> (B, T, V)
        return self.unembed(self.trunk(tokens, tap))

    @abstractmethod
    def onward(self, x: Tensor, start: int) -> Tensor:
        """(B, T, C), what enters the layer `start` -> (B, T, C), the residual stream behind the last."""

    # --- one position behind a prefix ---------------------------------------------------------------------------

    @abstractmethod
    def prefix(self, x: Tensor, start: int = 0) -> list[Past]:
        """(B, T, C), what enters the layer `start` -> what later positions see of it, for this layer and all behind it."""

    @abstractmethod
    def past_of(self, layer: int, x: Tensor, hidden: Tensor | None = None) -> Past:
        """(B, T, C), what enters `layer` -> what later positions see of it in that layer."""

    @abstractmethod
    def step(
        self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0, continues: bool = False
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One more position, from the layer `start` on: x (*, C) is its embedding, or what enters that layer.

        Returns the (*, C) residual stream after the last layer (before the final norm), and the new position's key and value per layer.
        Where another position follows (`continues`) nobody reads the stream, so the last layer stops at its key and value.
        """

    @abstractmethod
    def go_on(self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0) -> Tensor:
        """Several more positions, from the layer `start` on: (B, F, C), their embeddings or what enters that layer -> (B, F, C), the residual stream behind
        the last. `past` may be one for all B."""

    # --- inside a layer -----------------------------------------------------------------------------------------

    @abstractmethod
    def until_mlp(self, layer: int, x: Tensor) -> tuple[Tensor, Past]:
        """(B, T, C), what enters `layer` -> (B, T, C) `resid_mid` at every position, and what later positions see."""

    @abstractmethod
    def until_mlp_next(self, layer: int, x: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(*, C), the position after `past` -> (*, C) its `resid_mid`, and its key and value."""

    @abstractmethod
    def until_mlp_on(self, layer: int, x: Tensor, past: Past) -> Tensor:
        """(B, F, C), the positions after `past` -> (B, F, C) their `resid_mid`."""

    @abstractmethod
    def mlp_input(self, layer: int, x: Tensor) -> Tensor:
        """(*, C) `resid_mid` -> (*, C), what the MLP reads."""

    @abstractmethod
    def mlp_key(self, layer: int, x: Tensor) -> Tensor:
        """(*, C) `resid_mid` -> (*, M)."""

    @abstractmethod
    def mlp_value(self, layer: int, key: Tensor, x: Tensor) -> Tensor:
        """(*, M) and the (*, C) `resid_mid` that it comes from -> (*, C), what the MLP and the neurons added to it put out."""

    def resid_post(self, layer: int, x: Tensor) -> Tensor:
        """(*, C) `resid_mid` -> (*, C), what leaves the layer."""
        return x + self.mlp_value(layer, self.mlp_key(layer, x), x)

    # --- what edits write to ------------------------------------------------------------------------------------

    @abstractmethod
    def written(self, layer: int) -> str:
        """Name of the parameter (C, M) that maps the MLP's keys to what it puts out, the weight of a `nn.Linear`."""

    def output_projection(self, layer: int) -> nn.Linear:
        """The module of `written`."""
        found = self.get_submodule(self.written(layer).removesuffix(".weight"))
        assert isinstance(found, nn.Linear)
        return found

    def replace_output_projection(self, layer: int, module: nn.Linear) -> None:
        self.set_submodule(self.written(layer).removesuffix(".weight"), module)

    @abstractmethod
    def attention_written(self, layer: int) -> str:
        """Name of the parameter (C, C) that maps what the heads have mixed to what the attention puts out."""

    @abstractmethod
    def added(self, layer: int) -> AddedNeurons | None:
        """The neurons added to the MLP of `layer`, which read its input beside its own."""

    @abstractmethod
    def set_added(self, layer: int, neurons: AddedNeurons) -> None:
        """Put `neurons` beside the MLP of `layer`, in the place of those that are there."""

    @abstractmethod
    def before_keys(self, layer: int = 0) -> tuple[str, ...]:
        """Beginnings of the names of all parameters and buffers that the MLP keys of `layer` depend on."""
