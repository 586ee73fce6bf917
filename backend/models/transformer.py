"""A nanoGPT-shaped transformer, the whole model on one page (Radford et al. 2019; Nishi et al. 2025, section 3.3).

Pre-norm blocks, GELU, learned positions, tied embeddings. Glossary of the shapes at the line ends:

    B batch   T pos   C d_model   H n_heads   D d_model / H   M d_mlp   V vocabulary

The sites are those of `base.py`; `mlp_key.L` is behind GELU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models.base import LanguageModel, Past, Tap, no_tap
from shatterscope.backend.models.incremental import after_mlp, attend, attend_all, qkv
from shatterscope.backend.models.neurons import AddedNeurons

MAX_WEIGHTS = 50_000_000  # a thousand times the paper's: a bound for what a damaged file may ask for


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the model. `final_gain` is the initial gain of the final norm, which sets the scale of the logits:
    with tied embeddings and no weight decay a large one keeps the learned codes smooth (see `training.py`). `n_inner` is the width of the
    MLPs, as in GPT-2's configuration; None: 4 d_model."""

    vocab_size: int
    context: int = 16
    n_layers: int = 2
    d_model: int = 24
    n_heads: int = 12
    final_gain: float = 1.0
    embed_std: float = 0.02
    n_inner: int | None = None

    def __post_init__(self) -> None:
        for name in ("n_layers", "d_model", "n_heads", "d_mlp"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.context < 3:
            raise ValueError(f"context must be at least 3, an entity and two relations, got {self.context}")
        if self.n_weights > MAX_WEIGHTS:
            raise ValueError(f"this is a model of more than {MAX_WEIGHTS} weights; make it smaller")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_heads ({self.n_heads})")

    @property
    def d_mlp(self) -> int:
        """Width of the MLPs: the length of their keys."""
        return 4 * self.d_model if self.n_inner is None else self.n_inner

    @property
    def n_weights(self) -> int:
        """How many weights the model has, without making it: embeddings, blocks, and the final norm."""
        block = 4 * self.d_model**2 + 9 * self.d_model + 2 * self.d_model * self.d_mlp + self.d_mlp
        return (self.vocab_size + self.context + 2) * self.d_model + self.n_layers * block


class Attention(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)

    def mix(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_heads, C // self.n_heads).transpose(1, 2)  # (B, H, T, D)
            for part in self.qkv(x).split(C, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
        return mixed.transpose(1, 2).reshape(B, T, C)


class MLP(nn.Module):
    """Key-value memory: `key = GELU(up x)`, `value = down key`. `down.weight` is (C, M) and acts on keys. Neurons that were added beside (None: none)
    read x as well."""

    added: AddedNeurons | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_mlp)
        self.down = nn.Linear(config.d_mlp, config.d_model)
        self.added = None

    def key(self, x: Tensor) -> Tensor:  # (..., C) -> (..., M)
        return F.gelu(self.up(x))


class Block(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.norm_attn = nn.LayerNorm(config.d_model)
        self.attn = Attention(config)
        self.norm_mlp = nn.LayerNorm(config.d_model)
        self.mlp = MLP(config)

    def value(self, key: Tensor, x: Tensor) -> Tensor:
        """What the MLP puts out, (..., C), by its key (..., M) and the stream (..., C) that it reads and is added to."""
        value: Tensor = self.mlp.down(key)
        return value if self.mlp.added is None else value + self.mlp.added(self.norm_mlp(x))

    def forward(self, x: Tensor, tap: Tap) -> Tensor:  # (B, T, C) -> (B, T, C)
        L = self.layer
        mixed = tap(f"attn_key.{L}", self.attn.mix(self.norm_attn(x)))
        x = tap(f"resid_mid.{L}", x + tap(f"attn_out.{L}", self.attn.out(mixed)))
        return after_mlp(self, x, tap)


class Transformer(LanguageModel):
    config: ModelConfig

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.context, config.d_model)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator | None) -> None:
        """nanoGPT's: N(0, 0.02), the projections into the residual stream divided by sqrt(2 n_layers), biases 0."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.constant_(parameter, self.config.final_gain if name == "norm.weight" else 1.0)
            else:
                into_stream = name.endswith(("attn.out.weight", "mlp.down.weight"))
                std = 0.02 / (2 * self.config.n_layers) ** 0.5 if into_stream else 0.02
                std = self.config.embed_std if name == "token.weight" else std
                nn.init.normal_(parameter, std=std, generator=generator)

    # --- the whole model ----------------------------------------------------------------------------------------

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        positions = self.position.weight[start : start + tokens.shape[-1]]
        return self.token(tokens) + positions

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

    @property
    def unembedding(self) -> Tensor:
        return self.token.weight

    def onward(self, x: Tensor, start: int) -> Tensor:
        for block in self.blocks[start:]:
            x = block(x, no_tap)
        return x

    # --- one position behind a prefix (`incremental.py`) --------------------------------------------------------

    def prefix(self, x: Tensor, start: int = 0) -> list[Past]:
        past = []
        for layer in range(start, self.config.n_layers):
            if layer < self.config.n_layers - 1:
                x, seen = self.until_mlp(layer, x)
                x = after_mlp(self.block(layer), x)
            else:  # nobody reads what leaves the last one
                seen = self.past_of(layer, x)
            past.append(seen)
        return past

    def past_of(self, layer: int, x: Tensor, hidden: Tensor | None = None) -> Past:
        _, k, v = qkv(self.block(layer), x)
        return Past(k, v, hidden)

    def step(
        self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0, continues: bool = False
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        x, added = (tap("embed", x) if start == 0 else x), []
        for layer, before in zip(range(start, self.config.n_layers), past, strict=True):
            block = self.block(layer)
            q, k, v = qkv(block, x)
            added.append((k, v))
            if continues and len(added) == len(past):
                break
            mixed = tap(f"attn_key.{layer}", attend(q, k, v, before, block.attn.n_heads))
            out = tap(f"attn_out.{layer}", block.attn.out(mixed))
            x = after_mlp(block, tap(f"resid_mid.{layer}", x + out), tap)
        return x, added

    # --- inside a layer -----------------------------------------------------------------------------------------

    def block(self, layer: int) -> Block:
        return cast(Block, self.blocks[layer])

    def until_mlp(self, layer: int, x: Tensor) -> tuple[Tensor, Past]:
        block = self.block(layer)
        mixed, past = attend_all(block, x)
        return x + block.attn.out(mixed), past

    def until_mlp_next(self, layer: int, x: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        block = self.block(layer)
        q, k, v = qkv(block, x)
        return x + block.attn.out(attend(q, k, v, past, block.attn.n_heads)), (k, v)

    def mlp_key(self, layer: int, x: Tensor) -> Tensor:
        block = self.block(layer)
        return block.mlp.key(block.norm_mlp(x))

    def mlp_input(self, layer: int, x: Tensor) -> Tensor:
        return cast(Tensor, self.block(layer).norm_mlp(x))

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
        own = (f"blocks.{layer}.{part}." for part in ("norm_attn", "attn", "norm_mlp", "mlp.up"))
        return ("token.", "position.", *before, *own)
