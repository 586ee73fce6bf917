"""Llama, and all models of its shape: root-mean-square norms, rotary positions, keys that several heads share, a gated MLP, no biases
(Touvron et al. 2023; Su et al. 2021, "RoFormer"; Ainslie et al. 2023, "GQA"; Shazeer 2020, "GLU variants").

The same numbers as the transformers library's, to the order in which float32 is added up. The MLP's key is `silu(gate z) * up z`, and what edits write to is `down`.

    B batch   T pos   C d_model   H n_heads   D C / H   G n_kv_heads   K G D   M d_mlp   * any leading dimensions
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models.base import Past
from shatterscope.backend.models.blocks import MLP, Attention, Block, BlockModel

Turn = tuple[Tensor, Tensor]  # cosine and sine, (*, D / 2) each


@dataclass(frozen=True)
class RotaryScaling:
    """Llama 3.1's way to a longer context: frequencies that turn less than `low` times within `original_context` are divided by `factor`, those that turn
    more than `high` times stay, and between them it goes over."""

    factor: float
    low: float
    high: float
    original_context: int

    def __post_init__(self) -> None:
        if not (self.factor >= 1 and 0 < self.low < self.high and self.original_context >= 1):
            raise ValueError(f"this is no scaling of rotary positions: {self}")


@dataclass(frozen=True)
class LlamaConfig:
    """Shape of the model. `tied`: what reads out is the embedding."""

    vocab_size: int
    context: int
    n_layers: int
    d_model: int
    d_mlp: int
    n_heads: int
    n_kv_heads: int
    rotary_base: float = 10_000.0
    scaling: RotaryScaling | None = None
    norm_eps: float = 1e-5
    tied: bool = True

    max_weights: ClassVar[int] = 2_000_000_000  # 8 GB in float32: a bound for what a damaged file may ask for

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context", "n_layers", "d_model", "d_mlp", "n_heads", "n_kv_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.d_model % (2 * self.n_heads):
            raise ValueError(
                f"d_model ({self.d_model}) must be a multiple of twice n_heads ({self.n_heads}): a head turns pairs of channels"
            )
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads ({self.n_heads}) must be a multiple of n_kv_heads ({self.n_kv_heads})")
        if not (self.rotary_base > 1 and math.isfinite(self.rotary_base)):
            raise ValueError(f"rotary_base must be above 1, got {self.rotary_base}")
        if not 0 <= self.norm_eps < 1:
            raise ValueError(f"norm_eps must be from 0 to 1, got {self.norm_eps}")
        if self.n_weights > self.max_weights:
            raise ValueError(f"this is a model of more than {self.max_weights} weights; take a smaller one")

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def n_weights(self) -> int:
        """How many weights the model has, without making it."""
        attention = 2 * self.d_model * (self.d_model + self.n_kv_heads * self.d_head)
        block = attention + 3 * self.d_model * self.d_mlp + 2 * self.d_model
        embeddings = (1 if self.tied else 2) * self.vocab_size * self.d_model
        return embeddings + self.n_layers * block + self.d_model


def frequencies(config: LlamaConfig, device: torch.device | None = None) -> Tensor:
    """(D / 2,) radians that each pair of a head's channels turns by from one position to the next."""
    D, scaling = config.d_head, config.scaling
    found = 1.0 / config.rotary_base ** (torch.arange(0, D, 2, device=device).float() / D)
    if scaling is None:
        return found
    turns = scaling.original_context * found / (2 * math.pi)
    kept = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return found * (kept + (1 - kept) / scaling.factor)


def turned(x: Tensor, turn: Turn, n_heads: int) -> Tensor:
    """(*, n_heads D), each channel of the first half of a head and its partner of the second half turned by their angle."""
    cos, sin = (part.unsqueeze(-2) for part in turn)  # (*, 1, D / 2)
    first, second = x.unflatten(-1, (n_heads, -1)).chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2)


class GroupedQueryAttention(Attention):
    """Keys are kept as they are turned, so that what lies behind is never turned again."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        C, K = config.d_model, config.n_kv_heads * config.d_head
        self.config = config
        self.q = nn.Linear(C, C, bias=False)
        self.k = nn.Linear(C, K, bias=False)
        self.v = nn.Linear(C, K, bias=False)
        self.out = nn.Linear(C, C, bias=False)

    def _turn(self, position: Tensor, like: Tensor) -> Turn:
        """The angles at (*) positions, in float32 as everybody computes them."""
        angle = position[..., None].float() * frequencies(self.config, like.device)
        return angle.cos().to(like.dtype), angle.sin().to(like.dtype)

    def mix_and_keep(self, z: Tensor) -> tuple[Tensor, Past]:
        H, G = self.config.n_heads, self.config.n_kv_heads
        turn = self._turn(torch.arange(z.shape[1], device=z.device), z)
        q, k, v = turned(self.q(z), turn, H), turned(self.k(z), turn, G), self.v(z)
        queries, keys, values = (
            x.unflatten(-1, (n, -1)).transpose(1, 2)
            for x, n in ((q, H), (k, G), (v, G))  # (B, n, T, D)
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=G < H)
        return mixed.transpose(1, 2).flatten(2), Past(k, v)

    def mix_next(self, z: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """A position counts the tokens before it: where there is none (`hidden`) nothing is counted."""
        H, G, T = self.config.n_heads, self.config.n_kv_heads, past.key.shape[-2]
        position = torch.tensor(T, device=z.device) if past.hidden is None else (~past.hidden[..., 0]).sum(-1)
        turn = self._turn(position, z)
        q, k, v = turned(self.q(z), turn, H), turned(self.k(z), turn, G), self.v(z)
        queries = q.unflatten(-1, (G, H // G, -1)) * self.config.d_head**-0.5  # (*, G, H / G, D)
        keys, values = (x.unflatten(-1, (G, -1)).transpose(-3, -2) for x in (past.key, past.value))  # (*, G, T, D)
        seen = queries @ keys.mT  # (*, G, H / G, T)
        if past.hidden is not None:
            seen = seen.masked_fill(past.hidden.mT.unsqueeze(-3), -torch.inf)
        own = (queries * k.unflatten(-1, (G, 1, -1))).sum(-1, keepdim=True)  # (*, G, H / G, 1)
        share = torch.cat([seen, own.expand(*seen.shape[:-1], 1)], -1).softmax(-1)
        mixed = share[..., :T] @ values + share[..., T:] * v.unflatten(-1, (G, 1, -1))
        return mixed.flatten(-3), (k, v)

    def mix_on(self, z: Tensor, past: Past) -> Tensor:
        """All at once: each sees what lies behind, and those before it and itself."""
        H, G, (B, F_, _), T = self.config.n_heads, self.config.n_kv_heads, z.shape, past.key.shape[-2]
        first = torch.full((1,), T, device=z.device) if past.hidden is None else (~past.hidden[..., 0]).sum(-1)
        turn = self._turn(first[:, None] + torch.arange(F_, device=z.device), z)  # (B or 1, F, D / 2)
        own = turned(self.k(z), turn, G), self.v(z)
        keys, values = (
            torch.cat([before.expand(B, -1, -1), new], 1).unflatten(-1, (G, -1)).transpose(1, 2)  # (B, G, T + F, D)
            for before, new in zip((past.key, past.value), own, strict=True)
        )
        queries = turned(self.q(z), turn, H).unflatten(-1, (H, -1)).transpose(1, 2)
        seen = torch.ones(F_, T + F_, dtype=torch.bool, device=z.device).tril(T)
        if past.hidden is not None:
            seen = seen & F.pad(~past.hidden.mT, (0, F_), value=True)[:, None]  # (B, 1, F, T + F)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen, enable_gqa=G < H)
        return mixed.transpose(1, 2).flatten(2)

    def past(self, z: Tensor, hidden: Tensor | None = None) -> Past:
        turn = self._turn(torch.arange(z.shape[1], device=z.device), z)
        return Past(turned(self.k(z), turn, self.config.n_kv_heads), self.v(z), hidden)


class GatedMLP(MLP):
    """`key = silu(gate z) * up z`."""

    makes_key = ("gate", "up")

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.up = nn.Linear(config.d_model, config.d_mlp, bias=False)
        self.down = nn.Linear(config.d_mlp, config.d_model, bias=False)

    def key(self, z: Tensor) -> Tensor:
        return F.silu(self.gate(z)) * self.up(z)


class Llama(BlockModel):
    config: LlamaConfig

    def __init__(self, config: LlamaConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config

        def norm() -> nn.RMSNorm:
            return nn.RMSNorm(config.d_model, config.norm_eps)

        self.token = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(
            Block(layer, norm(), GroupedQueryAttention(config), norm(), GatedMLP(config))
            for layer in range(config.n_layers)
        )
        self.norm = norm()
        self.head = None if config.tied else nn.Linear(config.d_model, config.vocab_size, bias=False)
        for name, parameter in self.named_parameters():
            if "norm" not in name:
                nn.init.normal_(parameter, std=0.02, generator=generator)

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        """Where a token stands comes in where it is attended to."""
        embedded: Tensor = self.token(tokens)
        return embedded

    @property
    def unembedding(self) -> Tensor:
        return self.token.weight if self.head is None else self.head.weight
