"""One position at a time, block by block: the transformer's last position alone, given the keys and values of the positions before it.

Attention is causal, so earlier positions never see the last one. Whoever asks many questions behind one prefix (every relation
of a subject, every step of an optimisation) computes the prefix once and then only this. Leading dimensions broadcast: keys and
values of (entity) meet last positions of (relation, entity) without being copied.

Heads stay side by side in one axis of width C. With D as small as 2, sums over a head are many times faster as a product with the
0/1 matrix that says which channel belongs to which head, (C, H).

Glossary of `transformer.py`, and `*` for any leading dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from shatterscope.backend.models.base import Past, Tap, no_tap

if TYPE_CHECKING:
    from shatterscope.backend.models.transformer import Block


def qkv(block: Block, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(*, C) residual stream entering the block -> query, key, value, each (*, C)."""
    q, k, v = block.attn.qkv(block.norm_attn(x)).chunk(3, -1)
    return q, k, v


def past_of(block: Block, x: Tensor, hidden: Tensor | None = None) -> Past:
    """(B, T, C) residual stream entering the block -> what later positions see of it."""
    _, k, v = qkv(block, x)
    return Past(k, v, hidden)


def head_of_channel(q: Tensor, n_heads: int) -> Tensor:
    """(C, H), 1 where the channel belongs to the head."""
    return torch.eye(n_heads, dtype=q.dtype, device=q.device).repeat_interleave(q.shape[-1] // n_heads, 0)


def attend(q: Tensor, k: Tensor, v: Tensor, past: Past, n_heads: int) -> Tensor:
    """(*, C) of the last position, which sees the past and itself -> (*, C), the heads' mixed values.

    A softmax written out: over so few positions the fused kernels are mostly overhead.
    """
    member = head_of_channel(q, n_heads)
    q = q * (q.shape[-1] // n_heads) ** -0.5
    seen = (past.key * q.unsqueeze(-2)) @ member  # (*, T, H)
    if past.hidden is not None:
        seen = seen.masked_fill(past.hidden, -torch.inf)
    own = (k * q) @ member  # (*, H)
    top = torch.maximum(own, seen.amax(-2)).detach()  # shifts every score alike, so it carries no gradient
    seen, own = (seen - top.unsqueeze(-2)).exp(), (own - top).exp()
    total = seen.sum(-2) + own
    seen, own = (seen / total.unsqueeze(-2)) @ member.T, (own / total) @ member.T  # (*, T, C), (*, C)
    return (seen * past.value).sum(-2) + own * v


def attend_all(block: Block, x: Tensor) -> tuple[Tensor, Past]:
    """(B, T, C) residual stream entering the block -> (B, T, C), the heads' mixed values at every position, and what later positions see.

    Position by position: for many short sequences several times faster than the fused attention.
    """
    q, k, v = qkv(block, x)
    mixed = [v[:, 0]]
    H = block.attn.n_heads
    mixed += [attend(q[:, t], k[:, t], v[:, t], Past(k[:, :t], v[:, :t]), H) for t in range(1, x.shape[1])]
    return torch.stack(mixed, 1), Past(k, v)


def after_mlp(block: Block, x: Tensor, tap: Tap = no_tap) -> Tensor:
    """(*, C) `resid_mid` -> `resid_post`."""
    L = block.layer
    key = tap(f"mlp_key.{L}", block.mlp.key(block.norm_mlp(x)))
    return tap(f"resid_post.{L}", x + tap(f"mlp_out.{L}", block.value(key, x)))
