"""A language model of another make than ours, to hold the rest of the house to `LanguageModel`: root-mean-square norms, rotary positions, a gated MLP,
no biases but where edits of FT need one (Touvron et al. 2023, "LLaMA")."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models import AddedNeurons, LanguageModel, ModelConfig, Past, Tap, no_tap


def rotated(x: Tensor, position: Tensor, n_heads: int) -> Tensor:
    """(*, C) at `position` (*), each head's halves turned by its angles."""
    D = x.shape[-1] // n_heads
    angle = position[..., None].to(x) / 10000 ** (torch.arange(D // 2, device=x.device).to(x) / (D // 2))
    sin, cos = angle.sin()[..., None, :], angle.cos()[..., None, :]
    first, second = x.unflatten(-1, (n_heads, D)).split(D // 2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2)


class Layer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        C, M = config.d_model, config.d_mlp
        self.norm_attn, self.norm_mlp = nn.RMSNorm(C), nn.RMSNorm(C)
        self.q, self.k, self.v, self.o = (nn.Linear(C, C, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(C, M, bias=False), nn.Linear(C, M, bias=False)
        self.down = nn.Linear(M, C)
        self.added: AddedNeurons | None = None

    def value(self, key: Tensor, x: Tensor) -> Tensor:
        value = cast(Tensor, self.down(key))
        return value if self.added is None else value + self.added(self.norm_mlp(x))

    def key(self, x: Tensor) -> Tensor:
        z = self.norm_mlp(x)
        return F.silu(self.gate(z)) * self.up(z)


class Llama(LanguageModel):
    config: ModelConfig

    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model)
        for name, parameter in self.named_parameters():
            if "norm" not in name:
                nn.init.normal_(parameter, std=0.2, generator=generator)

    def layer(self, index: int) -> Layer:
        return cast(Layer, self.layers[index])

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        return cast(Tensor, self.token(tokens))

    def trunk(self, tokens: Tensor, tap: Tap = no_tap) -> Tensor:
        if tokens.shape[1] > self.config.context:
            raise ValueError("too long")
        return tap("final_norm", self.norm(self._layers(tap("embed", self.token(tokens)), 0, tap)))

    def _layers(self, x: Tensor, start: int, tap: Tap) -> Tensor:
        for index in range(start, self.config.n_layers):
            layer = self.layer(index)
            mixed = tap(f"attn_key.{index}", self._mix(index, x)[0])
            x = tap(f"resid_mid.{index}", x + tap(f"attn_out.{index}", layer.o(mixed)))
            key = tap(f"mlp_key.{index}", layer.key(x))
            x = tap(f"resid_post.{index}", x + tap(f"mlp_out.{index}", layer.value(key, x)))
        return x

    def _mix(self, index: int, x: Tensor) -> tuple[Tensor, Past]:
        layer, H, T = self.layer(index), self.config.n_heads, x.shape[1]
        z, at = layer.norm_attn(x), torch.arange(T)
        q, past = rotated(layer.q(z), at, H), self.past_of(index, x)
        heads = (each.unflatten(-1, (H, -1)).transpose(1, 2) for each in (q, past.key, past.value))
        return F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2), past

    def final_norm(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(x))

    @property
    def unembedding(self) -> Tensor:
        return self.token.weight

    def onward(self, x: Tensor, start: int) -> Tensor:
        return self._layers(x, start, no_tap)

    def prefix(self, x: Tensor, start: int = 0) -> list[Past]:
        past = []
        for index in range(start, self.config.n_layers):
            past.append(self.past_of(index, x))
            x, _ = self.until_mlp(index, x)
            x = x + self.mlp_value(index, self.mlp_key(index, x), x)
        return past

    def past_of(self, layer: int, x: Tensor, hidden: Tensor | None = None) -> Past:
        own = self.layer(layer)
        z = own.norm_attn(x)
        return Past(rotated(own.k(z), torch.arange(x.shape[1]), self.config.n_heads), own.v(z), hidden)

    def step(
        self, x: Tensor, past: list[Past], tap: Tap = no_tap, *, start: int = 0, continues: bool = False
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        x, added = (tap("embed", x) if start == 0 else x), []
        for index, before in zip(range(start, self.config.n_layers), past, strict=True):
            layer = self.layer(index)
            mixed, both = self._mix_next(index, x, before)
            added.append(both)
            if continues and len(added) == len(past):
                break
            x = tap(f"resid_mid.{index}", x + tap(f"attn_out.{index}", layer.o(tap(f"attn_key.{index}", mixed))))
            key = tap(f"mlp_key.{index}", layer.key(x))
            x = tap(f"resid_post.{index}", x + tap(f"mlp_out.{index}", layer.value(key, x)))
        return x, added

    def _mix_next(self, index: int, x: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        layer, H = self.layer(index), self.config.n_heads
        z = layer.norm_attn(x)
        shape = torch.broadcast_shapes(x.shape, past.key.shape[:-2] + x.shape[-1:])
        T = past.key.shape[-2]
        at = torch.tensor(T) if past.hidden is None else T - past.hidden[..., 0].sum(-1)
        q, k = (rotated(each(z), at.expand(z.shape[:-1]) if at.ndim == 0 else at, H) for each in (layer.q, layer.k))
        v = layer.v(z)
        keys = torch.cat([past.key.expand(*shape[:-1], T, -1), k.expand(shape).unsqueeze(-2)], -2).unflatten(
            -1, (H, -1)
        )
        values = torch.cat([past.value.expand(*shape[:-1], T, -1), v.expand(shape).unsqueeze(-2)], -2).unflatten(
            -1, (H, -1)
        )
        score = (keys * q.expand(shape).unflatten(-1, (H, -1)).unsqueeze(-3)).sum(-1) / (x.shape[-1] // H) ** 0.5
        if past.hidden is not None:
            score = score.masked_fill(F.pad(past.hidden, (0, 0, 0, 1), value=False), -torch.inf)
        mixed = (score.softmax(-2).unsqueeze(-1) * values).sum(-3).flatten(-2)
        return mixed, (k.expand(shape), v.expand(shape))

    def until_mlp(self, layer: int, x: Tensor) -> tuple[Tensor, Past]:
        mixed, past = self._mix(layer, x)
        return x + self.layer(layer).o(mixed), past

    def until_mlp_next(self, layer: int, x: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        mixed, added = self._mix_next(layer, x, past)
        return x + self.layer(layer).o(mixed), added

    def mlp_key(self, layer: int, x: Tensor) -> Tensor:
        return self.layer(layer).key(x)

    def mlp_input(self, layer: int, x: Tensor) -> Tensor:
        return cast(Tensor, self.layer(layer).norm_mlp(x))

    def mlp_value(self, layer: int, key: Tensor, x: Tensor) -> Tensor:
        return self.layer(layer).value(key, x)

    def written(self, layer: int) -> str:
        return f"layers.{layer}.down.weight"

    def attention_written(self, layer: int) -> str:
        return f"layers.{layer}.o.weight"

    def added(self, layer: int) -> AddedNeurons | None:
        return self.layer(layer).added

    def set_added(self, layer: int, neurons: AddedNeurons) -> None:
        self.layer(layer).added = neurons

    def before_keys(self, layer: int = 0) -> tuple[str, ...]:
        before = (f"layers.{each}." for each in range(layer))
        own = ("norm_attn", "norm_mlp", "q.", "k.", "v.", "o.", "gate", "up")
        return ("token.", *before, *(f"layers.{layer}.{part}" for part in own))
