"""Writing many facts through several layers: what MEMIT, PMET and AlphaEdit share.

(Meng et al. 2023, "Mass-Editing Memory in a Transformer", section 4.) For the edited layers l..L and the facts of one edit:

    1. goals     z_i, what layer L shall put out at the edited token of fact i; from `targets.py`
    2. for each layer, from l to L, on the model as edited so far:
       keys      K (M, n): per fact the mean key over its prompts (`KeyMean`)
       residual  R (C, n) = (z - what layer L puts out now, on the bare prompts) / share(layers left, this one included)
       update    dW = the method's closed form of K and R

What is written to is the MLP's output projection; a method may name another weight of the layer, which then has goals of its own (`WrittenPart`).

The shares make every layer carry a part: 1 / layers left for MEMIT and AlphaEdit, 1 / sqrt(layers left) for PMET. What the earlier layers
achieved is measured and not assumed, so the last layer makes up for what they missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.adam import step_size
from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    EditorParameters,
    Fact,
    WriteRequest,
    add_weights,
    precise_copy,
)
from shatterscope.backend.editors.targets import (
    ClampNormFactor,
    EarlyStopLoss,
    EditSite,
    KlFactor,
    LearningRate,
    NContexts,
    ProtectSiblings,
    RelativeRate,
    Seed,
    Steps,
    StopAfterLeading,
    ValueTarget,
    WeightDecay,
    WrittenAt,
    optimise_value,
    read_fact,
    read_site,
)
from shatterscope.backend.models import LanguageModel

MUCH_LEFT = 0.5

SpreadOut = Annotated[
    bool,
    Field(
        description="Spread the change over this layer and all behind it that the answer depends on (otherwise this layer alone)"
    ),
]

MostLayers = Annotated[int, Field(ge=0, le=1000, description="Spread over so many layers at most (0: over all)")]

CovarianceWeight = Annotated[
    float, Field(gt=0, le=1e9, description="lambda: weight of the existing keys against the new facts")
]

KeyMean = Annotated[
    Literal["by-type", "flat"],
    Field(
        description="Mean key: the bare prompt weighs as much as all contexts together (by-type, as in the references), or as each of them (flat)"
    ),
]

CarryKeys = Annotated[bool, Field(description="Spare the keys of earlier edits of the same stack")]

NullSpaceThreshold = Annotated[
    float, Field(gt=0, le=1e6, description="Directions of the keys that count as unused: see relative_threshold")
]
RelativeThreshold = Annotated[
    bool,
    Field(
        description="The threshold is a share of the sum of the eigenvalues, 0 to 1 (otherwise the largest eigenvalue still unused)"
    ),
]
NullSpaceL2 = Annotated[float, Field(gt=0, le=1e6, description="L2: how strongly a large change is held back")]
RelativeL2 = Annotated[bool, Field(description="L2 in units of the part of the keys inside the null space")]

Update = Callable[[int, Tensor, Tensor], Tensor]
"""(layer, K (M, n), R (C, n)) -> dW (C, M), all float64."""


class SpreadingParameters(EditorParameters):
    """What the three share; each adds its own. The defaults are the `tuned` presets'. (Of MEMIT and PMET either mean key wrote 239 or 240 of 240
    facts, with the same damage to a fifth of a point.)"""

    learning_rate: LearningRate = 0.03
    relative_rate: RelativeRate = True
    steps: Steps = 200
    clamp_norm_factor: ClampNormFactor = 4.0
    weight_decay: WeightDecay = 0.5
    kl_factor: KlFactor = 0.003
    early_stop_loss: EarlyStopLoss = 0.1
    stop_after_leading: StopAfterLeading = 0
    n_contexts: NContexts = 21
    key_mean: KeyMean = "flat"
    spread: SpreadOut = True
    token: WrittenAt = "relation"
    seed: Seed = 0
    most_layers: MostLayers = 0
    protect_siblings: ProtectSiblings = 0.0


@dataclass(frozen=True)
class Goals:
    """What the last edited layer shall put out at the edited token of each bare prompt, (n, C) float64, and how that was found."""

    values: Tensor
    targets: tuple[ValueTarget, ...]


def mlp_written(model: LanguageModel, layer: int) -> str:
    return model.written(layer)


@dataclass(frozen=True)
class WrittenPart:
    """A weight of every edited layer, read as a memory that maps keys to values.

    Attributes:
        goals: (n, C) float64, what the last layer shall put out.
        read: of the site at the last layer, the (B, C) that the goals are about.
        update: the method's closed form.
        weight: model, layer -> name of the parameter.
        keys: of the site at a layer, the (B, M) that the weight acts on.
    """

    goals: Tensor
    read: Callable[[EditSite], Tensor]
    update: Update
    weight: Callable[[LanguageModel, int], str] = mlp_written
    keys: Callable[[EditSite], Tensor] = attrgetter("keys")


def edited_layers(model: LanguageModel, layer: int, p: SpreadingParameters) -> range:
    # What the last layer puts out at the subject's token nobody reads.
    reach = model.config.n_layers - (p.token == "subject")
    last = reach if p.spread else layer + 1
    return range(layer, min(last, layer + p.most_layers) if p.most_layers else last)


def check_share(threshold: float, *, relative: bool) -> None:
    """Raises `EditNotPossibleError` for a relative threshold that is no share."""
    if relative and threshold > 1:
        raise EditNotPossibleError(
            f"a share of the eigenvalues lies in 0..1, got {threshold:g}; give a share, or set relative_threshold to false",
            "parameters.nullspace_threshold",
        )


def useless_null_space(layer: int, rank: int, width: int) -> list[str]:
    """A warning where it holds nothing or everything."""
    if 0 < rank < width:
        return []
    holds, does, fix = (
        ("empty", "leaves nothing of the change", "raise")
        if rank == 0
        else ("the whole space", "spares nothing", "lower")
    )
    return [f"The null space of layer {layer}'s keys is {holds}, so the projection {does}: {fix} nullspace_threshold."]


def prompts_of(model: LanguageModel, request: WriteRequest, fact: Fact, p: SpreadingParameters) -> list[list[int]]:
    """The prompts of one fact; they do not depend on its place in the batch."""
    return request.prompts(fact, p.n_contexts, model.config.context, np.random.default_rng(p.seed))


def mean_keys(keys: Tensor, p: SpreadingParameters) -> Tensor:
    """(n, prompts, M), the bare prompt first -> (n, M)."""
    if p.key_mean == "flat" or keys.shape[1] == 1:
        return keys.mean(1)
    return (keys[:, 0] + keys[:, 1:].mean(1)) / 2


def direction_of(
    update: Update, model: LanguageModel, request: WriteRequest, layer: int, p: SpreadingParameters
) -> Tensor:
    """`Editor.direction` of a closed form: of one key it answers an outer product, whatever the residual is."""
    model = precise_copy(model)
    keys = read_fact(model, request.fact, prompts_of(model, request, request.fact, p), layer, p.token).keys[:-1]
    key = mean_keys(keys[None].double(), p)[0]  # (M,)
    return update(layer, key[:, None], torch.ones(1, 1).to(key))[0]


def residual_goals(model: LanguageModel, request: WriteRequest, layer: int, p: SpreadingParameters) -> Goals:
    """z = h + delta at `layer`'s residual stream, float64, each fact's delta optimised by itself on the model before the edit."""
    model = precise_copy(model)
    values, targets = [], []
    for fact in request.facts:
        site = read_fact(model, fact, prompts_of(model, request, fact, p), layer, p.token)
        h = site.resid_post[0]
        norm = h.norm().item()
        # Added to the MLP's output or to the stream behind it, delta is the same; its norm is measured by the stream.
        target = optimise_value(
            model,
            site,
            fact.object,
            norm,
            learning_rate=step_size(p.learning_rate, norm, len(h), p.relative_rate),
            steps=p.steps,
            clamp_norm_factor=p.clamp_norm_factor,
            weight_decay=p.weight_decay,
            kl_factor=p.kl_factor,
            early_stop_loss=p.early_stop_loss,
            stop_after_leading=p.stop_after_leading,
        )
        values.append((h + target.delta).double())
        targets.append(target)
    return Goals(torch.stack(values), tuple(targets))


def write(
    model: LanguageModel,
    request: WriteRequest,
    layers: Sequence[int],
    targets: Sequence[ValueTarget],
    parts: Sequence[WrittenPart],
    p: SpreadingParameters,
    *,
    share: Callable[[int], float],
) -> EditDelta:
    """Step 2 of the module; the parts of a layer in turn, each on the model with those before it written.

    Args:
        share: layers left, this one included -> what the residual is divided by.

    Raises:
        EditNotPossibleError: no finite update exists.
    """
    asked = [(prompt, fact.behind) for fact in request.facts for prompt in prompts_of(model, request, fact, p)]
    prompts, behind = [prompt for prompt, _ in asked], [each for _, each in asked]
    bare, behind_bare = [fact.question for fact in request.facts], [fact.behind for fact in request.facts]
    weights: dict[str, Tensor] = {}
    keys: dict[int, Tensor] = {}

    def residual(edited: LanguageModel, part: WrittenPart) -> Tensor:
        return part.goals - part.read(read_site(edited, bare, layers[-1], p.token, behind_bare)).double()  # (n, C)

    def far(edited: LanguageModel) -> float:
        return math.hypot(*(residual(edited, part).norm().item() for part in parts))

    edited = precise_copy(model)
    wanted = far(edited)
    for i, layer in enumerate(layers):
        for part in parts:
            site = read_site(edited, prompts, layer, p.token, behind)
            K = mean_keys(part.keys(site).double().unflatten(0, (len(bare), -1)), p)
            R = residual(edited, part) / share(len(layers) - i)
            change = part.update(layer, K.T, R.T)
            if not bool(torch.isfinite(change).all()):
                raise EditNotPossibleError(
                    "the update is not finite: the keys of these prompts vanish; edit another layer or fact"
                )
            name = part.weight(edited, layer)
            weights[name] = change.to(model.get_parameter(name).dtype)
            if part.weight is mlp_written:
                keys[layer] = K
            edited = add_weights(edited, {name: change})

    left = far(edited) / wanted if wanted > 0 else 0.0
    missing = f"Only part of the wanted change was written: {left:.0%} of the change is missing, since the keys to be spared hold it back."
    return EditDelta(
        weights=weights,
        steps=sum(target.steps for target in targets),
        loss=fmean(target.loss for target in targets),
        keys=keys,
        warnings=(missing,) if left > MUCH_LEFT else (),
        diagnostics={
            "target_probability": fmean(target.probability for target in targets),
            "residual_left": left,
        },
        courses=tuple(target.course for target in targets),
    )
