"""Fine-tuning one layer's MLP output projection, weight W and bias b, on a fact: what FT, FT-L, FT-M and CrispEdit share.

Adam on dW and db, from 0, of the mean cross-entropy over the tokens that count:

    answer   y* alone, at the relation token
    text     every token of `... x r y*` but the first: the statement as text

and, where a constraint is given, every entry of dW and db clipped to [-constraint, constraint] after each step (Zhu et al. 2020, "Modifying
Memories in Transformer Models", equation 3, with the maximum norm). Each step looks at the loss, stops where it is below
`early_stop_loss`, and else makes an update. (Meng et al. 2022, appendix E.1; the ROME repository's baselines/ft/ft_main.py, which trains on the answer.)

`token` says where the change acts while it is trained: everywhere, as in the reference (relation, where the answer is read), or at the subject's
token alone, which is where the key of the fact stands that ROME's reference edits. Made, it acts everywhere.

Speed: what stands before the projection does not depend on dW and db and is computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.editors.adam import Adam
from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    EditorParameters,
    WriteRequest,
    precise_copy,
)
from shatterscope.backend.editors.course import Ending, Notes
from shatterscope.backend.editors.targets import EarlyStopLoss, NContexts, Seed
from shatterscope.backend.models import LanguageModel
from shatterscope.wire.base import Token

LossOn = Literal["answer", "text"]
LearningRate = Annotated[float, Field(gt=0, le=1, description="Step size of Adam on the weights")]
Steps = Annotated[int, Field(ge=1, le=1000, description="Optimisation steps")]
WeightDecay = Annotated[float, Field(ge=0, le=10, description="L2 weight decay, added to the gradient")]
TrainedAt = Annotated[
    Token,
    Field(
        description="Where the change acts while it is trained: at every token up to the relation's, where the answer is read, or at the subject's "
        "alone, from where only layers before the last are reached; once made it acts everywhere"
    ),
]
IGNORED = -100


class FineTuningParameters(EditorParameters):
    """What they share; defaults are each editor's own."""

    learning_rate: LearningRate
    steps: Steps
    weight_decay: WeightDecay
    early_stop_loss: EarlyStopLoss
    n_contexts: NContexts
    token: TrainedAt = "relation"
    seed: Seed


def fine_tune(
    model: LanguageModel,
    request: WriteRequest,
    layer: int,
    p: FineTuningParameters,
    *,
    loss_on: LossOn = "answer",
    norm_constraint: float | None = None,
    project: Callable[[Tensor], Tensor] | None = None,
    project_change: bool = False,
) -> EditDelta:
    """The delta of one fact; see the module.

    Args:
        project: of the weight's gradient (C, M), the part that counts; then W alone is trained, without b.
        project_change: whether the change is projected as well, after each step.

    Raises:
        EditNotPossibleError: the weights ran away to infinity.
    """
    fact = request.fact
    prompts = request.prompts(fact, p.n_contexts, model.config.context, np.random.default_rng(p.seed))
    device = model.device
    tokens, targets = tokens_and_targets(prompts, fact.object, loss_on)
    tokens, targets = tokens.to(device), targets.to(device)
    counts = targets != IGNORED

    dtype = model.dtype
    model = precise_copy(model)  # a copy: others may be reading the model meanwhile
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model.trunk(tokens, lambda name, x: seen.setdefault(name, x))
    key, clean = seen[f"mlp_key.{layer}"], seen[f"resid_post.{layer}"]  # (B, T, M), (B, T, C)
    down = model.output_projection(layer)
    parts = ("weight",) if project else ("weight", "bias")
    trained = {
        name: each.detach() for name, each in down.named_parameters() if name in parts
    }  # some models have no biases
    start = list(trained.values())

    rows = torch.arange(len(prompts), device=device)
    at = torch.tensor(
        [len(prompt) - 1 - (0 if p.token == "relation" else fact.behind) for prompt in prompts], device=device
    )
    acts = torch.ones_like(tokens) if p.token == "relation" else F.one_hot(at, tokens.shape[1])  # (B, T)

    answers = counts.sum(1).cumsum(0) - 1  # where, of all tokens that count, each prompt's last one stands

    def logits_of(weight: Tensor, bias: Tensor | None = None) -> Tensor:  # (tokens that count, V)
        x = clean + acts[..., None] * F.linear(key, weight, bias)
        return model.read_out(model.onward(x, layer + 1)[counts])

    changes = [torch.zeros_like(each) for each in start]
    adams = [Adam(each, p.learning_rate) for each in start]
    notes, taken = Notes(fact.object), 0
    ended: Ending = "steps"
    bound = inf if norm_constraint is None else norm_constraint
    for taken in range(p.steps + 1):  # the last one only looks at the loss
        interrupt.checkpoint()
        changes = [change.detach().requires_grad_(True) for change in changes]
        with torch.enable_grad():
            logits = logits_of(*changes)
            loss = F.cross_entropy(logits, targets[counts])
        notes.take(logits.detach()[answers].log_softmax(-1), loss.item())
        if notes.losses[-1] < p.early_stop_loss:
            ended = "reached"
            break
        if taken == p.steps:
            break
        gradients = torch.autograd.grad(loss, changes)
        if project:
            gradients = tuple(project(gradient) for gradient in gradients)
        with torch.no_grad():
            changes = [
                adam.step(change, gradient + p.weight_decay * (was + change)).clamp(-bound, bound)
                for adam, was, change, gradient in zip(adams, start, changes, gradients, strict=True)
            ]
            if project and project_change:
                changes = [project(change) for change in changes]
    changes = [change.detach() for change in changes]
    if not all(bool(torch.isfinite(change).all()) for change in changes):
        raise EditNotPossibleError("the weights diverged; lower the learning rate", "parameters.learning_rate")
    written = [change.to(dtype) for change in changes]
    mean = key[rows, at].mean(0)
    return EditDelta(
        weights={
            model.written(layer).replace(".weight", f".{name}"): change
            for name, change in zip(trained, written, strict=True)
        },
        steps=taken,
        loss=notes.losses[-1],
        keys={layer: mean[None]},
        diagnostics={"largest_change": max(change.abs().max().item() for change in changes)},
        courses=(notes.course(ended),),
    )


def tokens_and_targets(prompts: list[list[int]], answer: int, loss_on: LossOn) -> tuple[Tensor, Tensor]:
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
