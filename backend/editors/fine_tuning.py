"""Fine-tuning one layer's MLP output projection on a fact: what FT, FT-L and FT-M share.

Adam on dW, from 0, of the mean cross-entropy over the tokens that count:

    text     every token of `... x r y*` but the first: the statement as text
    answer   y* alone, at the relation token

and, where a constraint is given, every entry of dW clipped to [-constraint, constraint] after each step (Zhu et al. 2020, "Modifying
Memories in Transformer Models", equation 3, with the maximum norm). Each step looks at the loss, stops where it is below
`early_stop_loss`, and else makes an update.

Speed: what stands before the projection does not depend on dW and is computed once.
"""

from __future__ import annotations

import copy
from typing import Annotated, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor
from torch.func import functional_call

from backend.editors.base import EditDelta, EditNotPossibleError, EditorParameters, EditRequest
from backend.editors.targets import Adam, EarlyStopLoss, NContexts, Seed
from backend.model import Transformer
from backend.model.transformer import Block, no_tap

LearningRate = Annotated[float, Field(gt=0, le=1, description="Step size of Adam on the weights")]
Steps = Annotated[int, Field(ge=1, le=1000, description="Optimisation steps")]
WeightDecay = Annotated[float, Field(ge=0, le=10, description="L2 weight decay, added to the gradient")]
IGNORED = -100


class FineTuningParameters(EditorParameters):
    """What the three share; defaults are each editor's own."""

    learning_rate: LearningRate
    steps: Steps
    weight_decay: WeightDecay
    early_stop_loss: EarlyStopLoss
    n_contexts: NContexts
    seed: Seed


def fine_tune(
    model: Transformer,
    request: EditRequest,
    layer: int,
    p: FineTuningParameters,
    *,
    loss_on: Literal["text", "answer"],
    norm_constraint: float | None = None,
) -> EditDelta:
    """The delta of one fact; see the module.

    Raises:
        EditNotPossibleError: the weights ran away to infinity.
    """
    fact = request.fact
    prompts = request.prompts(fact, p.n_contexts, model.config.context, np.random.default_rng(p.seed))
    device = model.token.weight.device
    tokens, targets = tokens_and_targets(prompts, fact.object, loss_on)
    tokens, targets = tokens.to(device), targets.to(device)
    counts = targets != IGNORED

    block = cast(Block, model.blocks[layer])
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model.trunk(tokens, lambda name, x: seen.setdefault(name, x))
    key, before = seen[f"mlp_key.{layer}"], seen[f"resid_mid.{layer}"]  # (B, T, M), (B, T, C)
    # `functional_call` puts the tensor into the module while it runs: into a copy, for others may be reading the model meanwhile.
    down = copy.deepcopy(block.mlp.down)
    weight = down.weight.detach()

    def loss_of(change: Tensor) -> Tensor:
        x = before + functional_call(down, {"weight": weight + change}, (key,))
        for later in model.blocks[layer + 1 :]:
            x = cast(Block, later)(x, no_tap)
        return F.cross_entropy(model.unembed(model.norm(x[counts])), targets[counts])

    change = torch.zeros_like(weight)
    adam, taken = Adam(change, p.learning_rate), 0
    for _ in range(p.steps):
        change.requires_grad_(True)
        with torch.enable_grad():
            loss = loss_of(change)
        if loss.item() < p.early_stop_loss:
            break
        (gradient,) = torch.autograd.grad(loss, change)
        change = change.detach()
        change = adam.step(change, gradient + p.weight_decay * (weight + change))
        taken += 1
        if norm_constraint is not None:
            change = change.clamp(-norm_constraint, norm_constraint)
    change = change.detach()
    if not bool(torch.isfinite(change).all()):
        raise EditNotPossibleError(
            "the weights ran away to infinity; lower the learning rate", "parameters.learning_rate"
        )
    with torch.no_grad():
        loss = loss_of(change)
    last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
    written = key[torch.arange(len(prompts), device=device), last].double().mean(0)
    return EditDelta(
        weights={f"blocks.{layer}.mlp.down.weight": change},
        steps=taken,
        loss=loss.item(),
        keys={layer: written[None]},
        diagnostics={"largest_change": change.abs().max().item()},
    )


def tokens_and_targets(
    prompts: list[list[int]], answer: int, loss_on: Literal["text", "answer"]
) -> tuple[Tensor, Tensor]:
    """(B, T) prompts, padded at their ends, and the token that shall follow each; `IGNORED` where that does not count."""
    longest = max(map(len, prompts))
    tokens = torch.zeros(len(prompts), longest, dtype=torch.long)
    targets = torch.full_like(tokens, IGNORED)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = torch.tensor(prompt)
        if loss_on == "text":
            targets[row, : len(prompt) - 1] = torch.tensor(prompt[1:])
        targets[row, len(prompt) - 1] = answer
    return tokens, targets
