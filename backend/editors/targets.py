"""The value target: which change of a layer's output at one token makes the model answer the new object.

(Meng et al. 2022, section 3.1, equation 4.) Adam on delta, from 0, of

    mean over contexts of -log p(object*)  +  kl_factor KL(edited || original) on a neutral prompt  +  weight_decay ||delta|| / ||v0||^2

with ||delta|| clipped to clamp_norm_factor ||v0|| after every step. The neutral prompt is the bare subject; delta is added at its
only token. The optimisation stops when the loss is below `early_stop_loss`, and the last step only looks at the loss (so there is
one update fewer than steps), both as in the reference implementation.

The token is the relation's, where the answer is read, or the subject's, before it, as in the reference implementations (`fact_token:
subject_last`). There the relation token reads what was written by the attention of the later blocks alone, so the last layer cannot be edited.

What v0 is, and where delta goes, is the method's: ROME's belongs to the MLP's output, MEMIT's and AlphaEdit's to the residual stream
behind it, PMET optimises one for the MLP and one for the attention together. Two deltas are two rows of one matrix, each with its own norm.
PMET's reference implementation also eases off: while the new object leads in all contexts, the likelihood weighs a tenth in the next step, and the
optimisation stops when the neutral prompt's term is at most .01.
`stop_after_leading` ends it sooner (MPES, most-probable early stopping: Gupta et al. 2025, arXiv 2502.01636): once the new object has been the argmax
behind all contexts in so many successive steps. What is optimised beyond that only lengthens delta.

Speed: only what lies behind the edited site depends on delta, and of that only the edited position and those after it, since attention is
causal. So the model runs once, up to the site, over all prompts as one padded batch; each step then runs the last position, or the last two, through
the later blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.editors.adam import Adam
from shatterscope.backend.editors.base import Fact, WriteRequest
from shatterscope.backend.editors.course import Course, Ending, Notes
from shatterscope.backend.models import LanguageModel, Past
from shatterscope.wire.base import Token

# Parameters of the optimisation, as the editors declare them; defaults are each editor's own.
LearningRate = Annotated[float, Field(gt=0, le=10, description="Step size of Adam on the value (see relative_rate)")]
RelativeRate = Annotated[
    bool, Field(description="Step size in units of ||v0||: the first step has length learning_rate * ||v0||")
]
Steps = Annotated[int, Field(ge=1, le=1000, description="Optimisation steps; the last one only looks at the loss")]
ClampNormFactor = Annotated[float, Field(gt=0, le=100, description="Longest change of the value, in units of ||v0||")]
WeightDecay = Annotated[float, Field(ge=0, le=100, description="Weight of ||delta|| / ||v0||^2 in the loss")]
KlFactor = Annotated[
    float, Field(ge=0, le=100, description="Weight of the drift on the neutral prompt, the bare subject")
]
EarlyStopLoss = Annotated[float, Field(ge=0, le=20, description="Stop as soon as the loss is below this")]
StopAfterLeading = Annotated[
    int,
    Field(
        ge=0,
        le=1000,
        description="Most-probable early stopping (MPES): stop once the new object has been the most likely answer behind all contexts in this many "
        "successive steps; 0: never",
    ),
]
NContexts = Annotated[int, Field(ge=1, le=128, description="Prompts: the bare one and n - 1 behind random true facts")]
WrittenAt = Annotated[
    Token,
    Field(
        description="Where the fact is written: at the relation's token, where the answer is read, or at the subject's before it, as in the reference "
        "implementations; only layers before the last can be reached from there"
    ),
]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of the random contexts")]

ProtectSiblings = Annotated[
    float,
    Field(
        ge=0,
        le=1e6,
        description="Weight, beside the keys of text, of the keys of the same question about others: their answers are spared (0: none)",
    ),
]

EASED, SETTLED = (
    0.1,
    0.01,
)  # the likelihood's weight once the object leads, and the drift that is little enough to stop at


@dataclass(frozen=True)
class EditSite:
    """The edited MLP's surroundings at the edited token of B prompts, the pasts of the blocks behind it, and, of the F prompts that go on after
    that token, what the n next ones put into these blocks; `last`: which of them is the prompt's last, where they are fewer."""

    layer: int
    keys: Tensor  # (B, M)
    values: Tensor  # (B, C), W k + b
    attn_keys: Tensor  # (B, C), what the heads have mixed
    attn_out: Tensor  # (B, C)
    resid_mid: Tensor  # (B, C)
    past: list[Past]
    goes_on: Tensor  # (F,), the rows of those prompts
    following: Tensor  # (F, n, C)
    last: Tensor  # (F,)

    @property
    def resid_post(self) -> Tensor:
        """(B, C)"""
        return self.resid_mid + self.values

    def logits(self, model: LanguageModel, delta: Tensor) -> Tensor:
        """(B, V) at the last token, with `delta` (C,) added to the MLP's output there."""
        return self.logits_from(model, self.resid_mid + (self.values + delta))

    def logits_from(self, model: LanguageModel, resid_post: Tensor) -> Tensor:
        """(B, V) at the last token, with the residual stream behind the edited layer replaced by `resid_post` (B, C) at the edited one."""
        return model.read_out(self.final(model, resid_post))

    def final(self, model: LanguageModel, resid_post: Tensor) -> Tensor:
        """(B, C), the residual stream behind the last block at the last token."""
        start = self.layer + 1
        final, added = model.step(resid_post, self.past, start=start)
        if not len(self.goes_on):
            return final
        past = [
            before.take(self.goes_on).then(k[self.goes_on], v[self.goes_on])
            for before, (k, v) in zip(self.past, added, strict=True)
        ]
        answers = model.go_on(self.following, past, start=start)
        return final.index_copy(0, self.goes_on, answers[torch.arange(len(answers), device=answers.device), self.last])

    def take(self, rows: Tensor) -> EditSite:
        """Some of the prompts, in the order that they have here."""
        own = torch.isin(self.goes_on, rows)
        return EditSite(
            layer=self.layer,
            keys=self.keys[rows],
            values=self.values[rows],
            attn_keys=self.attn_keys[rows],
            attn_out=self.attn_out[rows],
            resid_mid=self.resid_mid[rows],
            past=[past.take(rows) for past in self.past],
            goes_on=torch.isin(rows, self.goes_on).nonzero()[:, 0],
            following=self.following[own],
            last=self.last[own],
        )


@torch.no_grad()
def read_site(
    model: LanguageModel,
    prompts: list[list[int]],
    layer: int,
    token: str = "relation",
    behind: Sequence[int] | None = None,
) -> EditSite:
    """Run the model once over `prompts` and keep what the edit at `layer` and `token` needs. Prompts are token lists of any lengths that end with
    `subject relation`, or hold a subject alone; `behind` says how many tokens each has behind its subject, where it is not one."""
    device = model.device
    longest = max(map(len, prompts))
    # Padding stands behind the last token, where a causal model does not look.
    tokens = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts], device=device)
    last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
    after = torch.tensor([1] * len(prompts) if behind is None else behind, device=device)
    at = last if token == "relation" else (last - after).clamp(min=0)
    rows = torch.arange(len(prompts), device=device)
    hidden = torch.arange(longest, device=device) >= at[:, None]  # (B, T): the edited token itself is computed again
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x
        return x

    model.trunk(tokens, tap)
    goes_on = rows[at < last]
    left = (last - at)[goes_on]
    most = max(left.tolist(), default=1)
    next_ones = (at[goes_on, None] + 1 + torch.arange(most, device=device)).clamp(max=longest - 1)  # (F, n)
    return EditSite(
        layer=layer,
        keys=seen[f"mlp_key.{layer}"][rows, at],
        values=seen[f"mlp_out.{layer}"][rows, at],
        attn_keys=seen[f"attn_key.{layer}"][rows, at],
        attn_out=seen[f"attn_out.{layer}"][rows, at],
        resid_mid=seen[f"resid_mid.{layer}"][rows, at],
        past=[
            model.past_of(later, seen[f"resid_post.{later - 1}"], hidden[..., None])
            for later in range(layer + 1, model.config.n_layers)
        ],
        goes_on=goes_on,
        following=seen[f"resid_post.{layer}"][goes_on[:, None], next_ones],
        last=left - 1,
    )


def read_fact(
    model: LanguageModel, fact: Fact, prompts: list[list[int]], layer: int, token: str = "relation"
) -> EditSite:
    """`read_site` of prompts that ask for `fact`, and in the last row of the neutral one."""
    return read_site(model, [*prompts, fact.neutral], layer, token, [*[fact.behind] * len(prompts), 0])


@torch.no_grad()
def spared_moment(
    C: Tensor, model: LanguageModel, request: WriteRequest, layer: int, token: str, protect_siblings: float
) -> Tensor:
    """(M, M) float64: C = E[k k^T] of text, and `protect_siblings` times the same over the questions of `request` about other subjects, at the edited token."""
    if not protect_siblings:
        return C.double()
    edited = {fact.subject for fact in request.facts}
    prompts = {
        tuple(prompt): fact.behind
        for fact in request.facts
        for subject, prompt in request.contexts.alike(fact.question).items()
        if subject not in edited
    }
    if not prompts:
        return C.double()
    keys = read_keys(model, list(map(list, prompts)), layer, token, list(prompts.values())).double()
    return C.double() + protect_siblings * (keys.T @ keys) / len(keys)


@torch.no_grad()
def read_keys(model: LanguageModel, prompts: list[list[int]], layer: int, token: str, behind: Sequence[int]) -> Tensor:
    """(B, M), the keys of `read_site`; nothing behind the layer is computed."""
    longest = max(map(len, prompts))
    tokens = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts], device=model.device)
    at = torch.tensor(
        [len(prompt) - 1 - (each if token == "subject" else 0) for prompt, each in zip(prompts, behind, strict=True)]
    )
    x = model.embed(tokens)
    for each in range(layer):
        middle, _ = model.until_mlp(each, x)
        x = model.resid_post(each, middle)
    middle, _ = model.until_mlp(layer, x)
    return model.mlp_key(layer, middle[torch.arange(len(prompts)), at])


@dataclass(frozen=True)
class ValueTarget:
    delta: Tensor  # (C,), or (k, C) for k values together
    steps: int  # updates made
    loss: float
    probability: float  # of the new object, mean over the contexts
    course: Course


def optimise_value(
    model: LanguageModel,
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
    stop_after_leading: int = 0,
) -> ValueTarget:
    """Find delta for the MLP's output (see the module). The site's last row is the neutral prompt, the others are the contexts."""
    return optimise(
        lambda delta: site.logits(model, delta),
        torch.zeros_like(site.values[0]),
        target,
        [v0_norm],
        rates=[learning_rate],
        steps=steps,
        clamp_norm_factor=clamp_norm_factor,
        weight_decay=weight_decay,
        kl_factor=kl_factor,
        early_stop_loss=early_stop_loss,
        stop_after_leading=stop_after_leading,
    )


def optimise(
    logits: Callable[[Tensor], Tensor],
    zero: Tensor,
    target: int,
    v0_norms: Sequence[float],
    *,
    rates: Sequence[float],
    steps: int,
    clamp_norm_factor: float,
    weight_decay: float,
    kl_factor: float,
    early_stop_loss: float,
    stop_after_leading: int = 0,
    eases: bool = False,
) -> ValueTarget:
    """Find delta (see the module), shaped like `zero`: (C,), or (k, C) with a norm and a rate for each row.

    Args:
        logits: delta -> (B, V), the contexts and, in the last row, the neutral prompt.
        eases: as PMET's reference implementation does.
    """
    delta = zero
    rows = delta.view(-1, delta.shape[-1])
    original = logits(delta)[-1].log_softmax(-1)
    adams = [Adam(row, rate) for row, rate in zip(rows, rates, strict=True)]
    weight, led = 1.0, 0  # of the likelihood; steps in a row in which the new object has led
    ended: Ending = "steps"
    notes, lengths = Notes(target), [0.0]
    for taken in range(steps):
        interrupt.checkpoint()
        delta.requires_grad_(True)
        with torch.enable_grad():
            log_p = logits(delta).log_softmax(-1)  # (B, V)
            nll = -log_p[:-1, target].mean()
            edited = log_p[-1]
            drift = kl_factor * (edited.exp() * (edited - original)).sum()
            loss = weight * nll + drift
            for row, norm in zip(delta.view(-1, delta.shape[-1]), v0_norms, strict=True):
                loss = loss + weight_decay / norm**2 * row.norm()
        notes.take(log_p[:-1], loss.item())
        if notes.losses[-1] < early_stop_loss:
            ended = "reached"
            break
        leads = (eases or stop_after_leading > 0) and bool((log_p[:-1].argmax(-1) == target).all())
        led = led + 1 if leads else 0
        if 0 < stop_after_leading <= led:
            ended = "led"
            break
        if taken == steps - 1:
            break
        if eases:
            weight = EASED if leads else 1.0
            if leads and drift.item() <= SETTLED:
                ended = "settled"
                break
        (gradient,) = torch.autograd.grad(loss, delta)
        moved, shares = [], []
        for adam, row, slope, norm in zip(
            adams, delta.detach().view_as(rows), gradient.view_as(rows), v0_norms, strict=True
        ):
            row = adam.step(row, slope)
            length, largest = row.norm().item(), clamp_norm_factor * norm
            moved.append(row * (largest / length) if length > largest else row)
            shares.append(min(length / norm, clamp_norm_factor))
        delta = torch.stack(moved).view_as(zero)
        lengths.append(max(shares))
    course = notes.course(ended, lengths)
    return ValueTarget(delta.detach(), taken, course.loss[-1], course.probability[-1], course)
