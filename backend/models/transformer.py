"""A nanoGPT-shaped transformer, the whole model on one page (Radford et al. 2019; Nishi et al. 2025, section 3.3).

Pre-norm blocks, GELU, learned positions, tied embeddings. Glossary of the shapes at the line ends:

    B batch   T pos   C d_model   H n_heads   D d_model / H   M d_mlp   V vocabulary

The sites are those of `base.py`; `mlp_key.L` is behind GELU. What is not here, all models of such blocks have in common (`blocks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models.base import Past
from shatterscope.backend.models.blocks import MLP, Attention, Block, BlockModel
from shatterscope.backend.models.incremental import attend

Activation = Literal["gelu", "gelu_new"]  # by erf, or by tanh


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the model. `final_gain` is the initial gain of the final norm, which sets the scale of the logits:
    with tied embeddings and no weight decay a large one keeps the learned codes smooth (see `training.py`). `n_inner` is the width of the
    MLPs, as in GPT-2's configuration; None: 4 d_model. `activation` is that of the MLPs, by GPT-2's names; None: "gelu"."""

    vocab_size: int
    context: int = 16
    n_layers: int = 2
    d_model: int = 24
    n_heads: int = 12
    final_gain: float = 1.0
    embed_std: float = 0.02
    n_inner: int | None = None
    activation: Activation | None = None

    max_weights: ClassVar[int] = 50_000_000  # a thousand times the paper's: a bound for what a damaged file may ask for

    def __post_init__(self) -> None:
        for name in ("n_layers", "d_model", "n_heads", "d_mlp"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.context < 3:
            raise ValueError(f"context must be at least 3, an entity and two relations, got {self.context}")
        if self.n_weights > self.max_weights:
            raise ValueError(f"this is a model of more than {self.max_weights} weights; make it smaller")
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


class MultiHeadAttention(Attention):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)

    def mix(self, z: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        B, T, C = z.shape
        q, k, v = (
            part.view(B, T, self.n_heads, C // self.n_heads).transpose(1, 2)  # (B, H, T, D)
            for part in self.qkv(z).split(C, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
        return mixed.transpose(1, 2).reshape(B, T, C)

    def mix_and_keep(self, z: Tensor) -> tuple[Tensor, Past]:
        """Position by position: for many short sequences several times faster than the fused attention."""
        q, k, v = self.qkv(z).chunk(3, -1)
        mixed = [v[:, 0]]
        mixed += [
            attend(q[:, t], k[:, t], v[:, t], Past(k[:, :t], v[:, :t]), self.n_heads) for t in range(1, z.shape[1])
        ]
        return torch.stack(mixed, 1), Past(k, v)

    def mix_next(self, z: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = self.qkv(z).chunk(3, -1)
        return attend(q, k, v, past, self.n_heads), (k, v)

    def past(self, z: Tensor, hidden: Tensor | None = None) -> Past:
        _, k, v = self.qkv(z).chunk(3, -1)
        return Past(k, v, hidden)


class GeluMLP(MLP):
    """`key = GELU(up z)`."""

    makes_key = ("up",)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_mlp)
        self.down = nn.Linear(config.d_mlp, config.d_model)
        self.approximate = "tanh" if config.activation == "gelu_new" else "none"

    def key(self, z: Tensor) -> Tensor:
        return F.gelu(self.up(z), approximate=self.approximate)


class Transformer(BlockModel):
    config: ModelConfig

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.context, config.d_model)
        self.blocks = nn.ModuleList(
            Block(
                layer,
                nn.LayerNorm(config.d_model),
                MultiHeadAttention(config),
                nn.LayerNorm(config.d_model),
                GeluMLP(config),
            )
            for layer in range(config.n_layers)
        )
        self.norm: nn.LayerNorm = nn.LayerNorm(config.d_model)
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

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        positions = self.position.weight[start : start + tokens.shape[-1]]
        return self.token(tokens) + positions

    @property
    def unembedding(self) -> Tensor:
        return self.token.weight
