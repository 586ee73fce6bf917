"""A nanoGPT-shaped transformer, the whole model on one page (Radford et al. 2019; Nishi et al. 2025, section 3.3).

Pre-norm blocks, GELU, learned positions, tied embeddings. Glossary of the shapes at the line ends:

    B batch   T pos   C d_model   H n_heads   D d_model / H   M d_mlp   V vocabulary

Every named site passes through a `tap`, `tap(name, x) -> x`: record what goes by, or hand back something else.
Sites are `embed`, per layer L `attn_key.L` (what the heads have mixed: the key of the attention's output projection), `attn_out.L`, `resid_mid.L`,
`mlp_key.L` (after GELU: the key of the MLP seen as a key-value memory), `mlp_out.L`, `resid_post.L`, and `final_norm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Tap = Callable[[str, Tensor], Tensor]
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


def site_names(n_layers: int) -> list[str]:
    """Sites of the residual width (n_entities, d_model), in the order of the computation."""
    per_layer = ("attn_out", "resid_mid", "mlp_out", "resid_post")
    return ["embed", *(f"{site}.{layer}" for layer in range(n_layers) for site in per_layer), "final_norm"]


def no_tap(name: str, x: Tensor) -> Tensor:
    return x


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
    """Key-value memory: `key = GELU(up x)`, `value = down key`. `down.weight` is (C, M) and acts on keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_mlp)
        self.down = nn.Linear(config.d_mlp, config.d_model)

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

    def forward(self, x: Tensor, tap: Tap) -> Tensor:  # (B, T, C) -> (B, T, C)
        L = self.layer
        mixed = tap(f"attn_key.{L}", self.attn.mix(self.norm_attn(x)))
        x = tap(f"resid_mid.{L}", x + tap(f"attn_out.{L}", self.attn.out(mixed)))
        key = tap(f"mlp_key.{L}", self.mlp.key(self.norm_mlp(x)))  # (B, T, M)
        return tap(f"resid_post.{L}", x + tap(f"mlp_out.{L}", self.mlp.down(key)))


class Transformer(nn.Module):
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

    @property
    def n_params(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def trunk(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:
        """(B, T) token ids -> (B, T, C) after the final norm. Raises `ValueError` past the context."""
        T = tokens.shape[1]
        if T > self.config.context:
            raise ValueError(f"{T} tokens do not fit the context of {self.config.context}")
        x = tap("embed", self.token(tokens) + self.position.weight[:T])
        for block in self.blocks:
            x = block(x, tap)
        return tap("final_norm", self.norm(x))

    def unembed(self, x: Tensor) -> Tensor:  # (..., C) -> (..., V)
        return x @ self.token.weight.T

    def forward(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:  # (B, T) -> (B, T, V)
        return self.unembed(self.trunk(tokens, tap))
