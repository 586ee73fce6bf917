"""Models of pre-norm blocks: x + attention(norm(x)), then x + MLP(norm(x)), layer by layer. What GPT-2, Llama and ours have in common.

A make of this kind says how it attends (`Attention`), what its MLP's key is (`MLP`), how it embeds, and what its final norm is. That one position can
go on behind a cached prefix, and all the sites, follow.

    B batch   T pos   C d_model   M d_mlp   K width of keys and values   * any leading dimensions
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from shatterscope.backend.models.base import LanguageModel, Past, Tap, no_tap
from shatterscope.backend.models.neurons import AddedNeurons


class Attention(nn.Module, ABC):
    """Mixes earlier positions' values by head. `out`, (C, C), maps what is mixed to what the attention puts out."""

    out: nn.Linear

    def mix(self, z: Tensor) -> Tensor:
        """(B, T, C), the normed residual stream -> (B, T, C), the heads' mixed values at every position."""
        return self.mix_and_keep(z)[0]

    @abstractmethod
    def mix_and_keep(self, z: Tensor) -> tuple[Tensor, Past]:
        """The same, and what later positions see."""

    @abstractmethod
    def mix_next(self, z: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(*, C) of the position after `past` -> (*, C) its mixed values, and its key and value, (*, K) each."""

    def mix_on(self, z: Tensor, past: Past) -> Tensor:
        """(B, F, C) of the positions after `past` -> (B, F, C), their mixed values."""
        mixed = []
        for each in z.unbind(-2):
            one, own = self.mix_next(each, past)
            mixed.append(one)
            if len(mixed) < z.shape[-2]:
                past = past.then(*own)
        return torch.stack(mixed, -2)

    @abstractmethod
    def past(self, z: Tensor, hidden: Tensor | None = None) -> Past:
        """(B, T, C) -> what later positions see."""


class MLP(nn.Module, ABC):
    """Key-value memory: `value = down key`. `down.weight` is (C, M) and acts on keys. Neurons that were added beside (None: none) read what the
    key is made of as well."""

    makes_key: ClassVar[tuple[str, ...]]  # the modules that the key depends on
    down: nn.Linear
    added: AddedNeurons | None

    def __init__(self) -> None:
        super().__init__()
        self.added = None

    @abstractmethod
    def key(self, z: Tensor) -> Tensor:
        """(*, C), the normed residual stream -> (*, M)."""


class Block(nn.Module):
    def __init__(self, layer: int, norm_attn: nn.Module, attn: Attention, norm_mlp: nn.Module, mlp: MLP) -> None:
        super().__init__()
        self.layer = layer
        self.norm_attn = norm_attn
        self.attn = attn
        self.norm_mlp = norm_mlp
        self.mlp = mlp

    def value(self, key: Tensor, x: Tensor) -> Tensor:
        """What the MLP puts out, (*, C), by its key (*, M) and the stream (*, C) that it reads and is added to."""
        value: Tensor = self.mlp.down(key)
        return value if self.mlp.added is None else value + self.mlp.added(self.norm_mlp(x))

    def after_attention(self, x: Tensor, mixed: Tensor, tap: Tap = no_tap) -> Tensor:
        """(*, C), what enters the block, and what the heads have mixed -> (*, C) `resid_post`."""
        L = self.layer
        x = tap(f"resid_mid.{L}", x + tap(f"attn_out.{L}", self.attn.out(tap(f"attn_key.{L}", mixed))))
        return self.after_mlp(x, tap)

    def after_mlp(self, x: Tensor, tap: Tap = no_tap) -> Tensor:
        """(*, C) `resid_mid` -> (*, C) `resid_post`."""
        L = self.layer
        key = tap(f"mlp_key.{L}", self.mlp.key(self.norm_mlp(x)))
        return tap(f"resid_post.{L}", x + tap(f"mlp_out.{L}", self.value(key, x)))

    def forward(self, x: Tensor, tap: Tap = no_tap) -> Tensor:  # (B, T, C) -> (B, T, C)
        return self.after_attention(x, self.attn.mix(self.norm_attn(x)), tap)


class BlockModel(LanguageModel):
    """A make adds `token`, and `position` where positions are learned; `blocks`; and `norm`, the final one."""

    token: nn.Embedding
    blocks: nn.ModuleList
    norm: nn.Module

    def block(self, layer: int) -> Block:
        return cast(Block, self.blocks[layer])

    # --- the whole model ----------------------------------------------------------------------------------------

    def trunk(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:
        T = tokens.shape[1]
        if T > self.config.context:
            raise ValueError(f"{T} tokens do not fit the context of {self.config.context}")
        x = tap("embed", self.embed(tokens))
        for block in self.blocks:
            x = block(x, tap)
        return tap("final_norm", self.norm(x))

    def final_norm(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(x))

    def onward(self, x: Tensor, start: int) -> Tensor:
        for block in self.blocks[start:]:
            x = block(x)
        return x

    # --- one position behind a prefix ---------------------------------------------------------------------------

    def prefix(self, x: Tensor, start: int = 0) -> list[Past]:
        past = []
        for layer in range(start, self.config.n_layers):
            if layer < self.config.n_layers - 1:
                x, seen = self.until_mlp(layer, x)
                x = self.block(layer).after_mlp(x)
            else:  # nobody reads what leaves the last one
                seen = self.past_of(layer, x)
            past.append(seen)
        return past

    def past_of(self, layer: int, x: Tensor, hidden: Tensor | None = None) -> Past:
        block = self.block(layer)
        return block.attn.past(block.norm_attn(x), hidden)

    def step(
        self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0, continues: bool = False
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        x, added = (tap("embed", x) if start == 0 else x), []
        for layer, before in zip(range(start, self.config.n_layers), past, strict=True):
            block = self.block(layer)
            mixed, own = block.attn.mix_next(block.norm_attn(x), before)
            added.append(own)
            if continues and len(added) == len(past):
                break
            x = block.after_attention(x, mixed, tap)
        return x, added

    def go_on(self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0) -> Tensor:
        x = tap("embed", x) if start == 0 else x
        for layer, before in zip(range(start, self.config.n_layers), past, strict=True):
            block = self.block(layer)
            x = block.after_attention(x, block.attn.mix_on(block.norm_attn(x), before), tap)
        return x

    # --- inside a layer -----------------------------------------------------------------------------------------

    def until_mlp(self, layer: int, x: Tensor) -> tuple[Tensor, Past]:
        block = self.block(layer)
        mixed, past = block.attn.mix_and_keep(block.norm_attn(x))
        return x + block.attn.out(mixed), past

    def until_mlp_next(self, layer: int, x: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        block = self.block(layer)
        mixed, own = block.attn.mix_next(block.norm_attn(x), past)
        return x + block.attn.out(mixed), own

    def until_mlp_on(self, layer: int, x: Tensor, past: Past) -> Tensor:
        block = self.block(layer)
        return x + block.attn.out(block.attn.mix_on(block.norm_attn(x), past))

    def mlp_input(self, layer: int, x: Tensor) -> Tensor:
        return cast(Tensor, self.block(layer).norm_mlp(x))

    def mlp_key(self, layer: int, x: Tensor) -> Tensor:
        return self.block(layer).mlp.key(self.mlp_input(layer, x))

    def mlp_value(self, layer: int, key: Tensor, x: Tensor) -> Tensor:
        return self.block(layer).value(key, x)

    # --- what edits write to ------------------------------------------------------------------------------------

    def written(self, layer: int) -> str:
        return f"blocks.{layer}.mlp.down.weight"

    def attention_written(self, layer: int) -> str:
        return f"blocks.{layer}.attn.out.weight"

    def added(self, layer: int) -> AddedNeurons | None:
        return self.block(layer).mlp.added

    def set_added(self, layer: int, neurons: AddedNeurons) -> None:
        self.block(layer).mlp.added = neurons

    def before_keys(self, layer: int = 0) -> tuple[str, ...]:
        before = (f"blocks.{each}." for each in range(layer))
        of_mlp = (f"mlp.{module}" for module in self.block(layer).mlp.makes_key)
        own = (f"blocks.{layer}.{part}." for part in ("norm_attn", "attn", "norm_mlp", *of_mlp))
        return ("token.", "position.", *before, *own)
