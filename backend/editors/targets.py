"""The value target: which MLP output v* = v0 + delta at the relation token makes the model answer the new object.

(Meng et al. 2022, section 3.1, equation 4.) Adam on delta, from 0, of

    mean over contexts of -log p(object*)  +  kl_factor KL(edited || original) on a neutral prompt  +  weight_decay ||delta|| / ||v0||^2

with ||delta|| clipped to clamp_norm_factor ||v0|| after every step. The neutral prompt is the bare subject; delta is added at its
only token. The optimisation stops when the loss is below `early_stop_loss`, and the last step only looks at the loss (so there is
one update fewer than steps), both as in the reference implementation.

Speed: only what lies behind the edited site depends on delta, and of that only the last position, since attention is causal. So the
model runs once, up to the site, over all prompts as one padded batch; each step then runs the last position through the later blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from backend.model import Transformer
from backend.model.incremental import Past, past_of, step
from backend.model.transformer import Block


@dataclass(frozen=True)
class EditSite:
    """The edited MLP's surroundings at the last token of B prompts, and the pasts of the blocks behind it."""

    layer: int
    keys: Tensor  # (B, M)
    values: Tensor  # (B, C), W k + b
    resid_mid: Tensor  # (B, C)
    past: list[Past]

    def logits(self, model: Transformer, delta: Tensor) -> Tensor:
        """(B, V) at the last token, with `delta` (C,) added to the MLP's output there."""
        final, _ = step(model, self.resid_mid + (self.values + delta), self.past, start=self.layer + 1)
        return model.unembed(model.norm(final))


@torch.no_grad()
def read_site(model: Transformer, prompts: list[list[int]], layer: int) -> EditSite:
    """Run the model once over `prompts` (token lists of any lengths) and keep what the edit at `layer` needs."""
    device = model.token.weight.device
    longest = max(map(len, prompts))
    # Padding stands behind the last token, where a causal model does not look.
    tokens = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts], device=device)
    last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
    rows = torch.arange(len(prompts), device=device)
    hidden = torch.arange(longest, device=device) >= last[:, None]  # (B, T): the last token itself is computed anew
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x
        return x

    model.trunk(tokens, tap)
    later = [cast(Block, block) for block in model.blocks[layer + 1 :]]
    return EditSite(
        layer=layer,
        keys=seen[f"mlp_key.{layer}"][rows, last],
        values=seen[f"mlp_out.{layer}"][rows, last],
        resid_mid=seen[f"resid_mid.{layer}"][rows, last],
        past=[past_of(block, seen[f"resid_post.{block.layer - 1}"], hidden[..., None]) for block in later],
    )


@dataclass(frozen=True)
class ValueTarget:
    delta: Tensor  # (C,)
    steps: int  # updates made
    loss: float
    probability: float  # of the new object, mean over the contexts


def optimise_value(
    model: Transformer,
    site: EditSite,
    target: int,
    v0_norm: float,
    *,
    learning_rate: float,
    steps: int,
    clamp_norm_factor: float,
    weight_decay: float,
    kl_factor: float,
    early_stop_loss: float,
) -> ValueTarget:
    """Find delta (see the module). The site's last row is the neutral prompt, the others are the contexts."""
    delta = torch.zeros_like(site.values[0])
    original = site.logits(model, delta)[-1].log_softmax(-1)
    adam = _Adam(delta, learning_rate)
    largest = clamp_norm_factor * v0_norm
    for taken in range(steps):
        delta.requires_grad_(True)
        with torch.enable_grad():
            log_p = site.logits(model, delta).log_softmax(-1)  # (B, V)
            nll = -log_p[:-1, target].mean()
            edited = log_p[-1]
            kl = (edited.exp() * (edited - original)).sum()
            loss = nll + kl_factor * kl + weight_decay / v0_norm**2 * delta.norm()
        if taken == steps - 1 or loss.item() < early_stop_loss:
            break
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = adam.step(delta.detach(), gradient)
        length = delta.norm().item()
        if length > largest:
            delta *= largest / length
    return ValueTarget(delta.detach(), taken, loss.item(), log_p[:-1, target].detach().exp().mean().item())


class _Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) on one small vector; `torch.optim` would cost more than the step itself."""

    def __init__(self, like: Tensor, rate: float) -> None:
        self.rate, self.t = rate, 0
        self.m, self.v = torch.zeros_like(like), torch.zeros_like(like)

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        self.t += 1
        self.m.lerp_(gradient, 1 - 0.9)
        self.v.lerp_(gradient * gradient, 1 - 0.999)
        spread = (self.v / (1 - 0.999**self.t)).sqrt_().add_(1e-8)
        return x.addcdiv(self.m, spread, value=-self.rate / (1 - 0.9**self.t))
