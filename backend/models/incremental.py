"""One position at a time, block by block: the transformer's last position alone, given the keys and values of the positions before it.

Attention is causal, so earlier positions never see the last one. Whoever asks many questions behind one prefix (every relation
of a subject, every step of an optimisation) computes the prefix once and then only this. Leading dimensions broadcast: keys and
values of (entity) meet last positions of (relation, entity) without being copied.

Heads stay side by side in one axis of width C. With D as small as 2, sums over a head are many times faster as a product with the
0/1 matrix that says which channel belongs to which head, (C, H).

Glossary of `transformer.py`, and `*` for any leading dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend.models.base import Past


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
