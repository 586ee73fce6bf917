"""GRACE, general retrieval adaptors for continual editing (Hartvigsen et al. 2023, section 2 and algorithm 1).

No weight changes. Beside one MLP's output projection stands a codebook (`codebook.py`), which answers for the keys near those it knows:

    1. key      k at the relation token of the bare prompt `x r`
    2. entry    add it, or grow the entry that lies near and says the same, or split the room with one that says another thing
    3. value    v = what the MLP shall put out there for the model to answer the new object; Adam on -log p(y*),
                over n_contexts prompts (the bare one alone in the reference)
    4. answer   v where ||k' - k|| <= radius, else W k' + b

The control of the comparison: it reaches the fact and what lies within the radius, and cannot shatter anything else.

Deviations: the reference's settings for GPT-2 XL put the codebook on the MLP's input projection; here it stands on the output projection, whose keys
and values the other methods write. The reference looks up the key of the prompt's last token; here every position looks up its own, which needs no
telling the edit's position apart. An entry that grows keeps its value, which the reference trains further. The radius may be in units of ||k||, and
the value may start where the MLP is (warm) instead of at random (cold).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.adam import step_size
from shatterscope.backend.editors.base import EditDelta, Editor, EditorParameters, Preset, WriteRequest
from shatterscope.backend.editors.codebook import Entry, codebook_of
from shatterscope.backend.editors.targets import (
    EarlyStopLoss,
    LearningRate,
    NContexts,
    RelativeRate,
    Seed,
    StopAfterLeading,
    optimise,
    read_fact,
)
from shatterscope.backend.models import LanguageModel


class GraceParameters(EditorParameters):
    """Defaults are the `tuned` preset."""

    radius: float = Field(default=0.1, gt=0, le=1e4, description="How far from its key an entry answers at first")
    relative_radius: bool = Field(default=True, description="Radius in units of ||k||")
    start: Literal["warm", "cold"] = Field(
        default="warm", description="The value starts where the MLP is (warm), or at random in [0, 1] (cold)"
    )
    learning_rate: LearningRate = 0.03
    relative_rate: RelativeRate = True
    steps: int = Field(default=200, ge=1, le=1000, description="Optimisation steps of the value")
    early_stop_loss: EarlyStopLoss = 0.05
    stop_after_leading: StopAfterLeading = 0
    n_contexts: NContexts = 21
    seed: Seed = 0


class Grace(Editor[GraceParameters]):
    name = "grace"
    title = "GRACE"
    summary = (
        "Leaves every weight alone and puts a codebook beside one MLP: keys within a radius of the fact's own get a value that makes the model "
        "answer the new object. Everything farther away is untouched."
    )
    formula = "MLP(k') = v if ||k' - k|| <= radius, else W k' + b"
    reference = "Hartvigsen et al. 2023, arXiv 2211.11031"
    parameters = GraceParameters
    default_preset = "tuned"
    weights = False
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: a radius that reaches about as far as the fact's own key moves with its context, and a value that serves the contexts too.",
            GraceParameters().model_dump(),
        ),
        "paper": Preset(
            "EasyEdit's values for GPT-2 XL: the bare prompt's key, a radius of 1, a value trained from a random start for all its steps.",
            {
                "radius": 1.0,
                "relative_radius": False,
                "start": "cold",
                "learning_rate": 1.0,
                "relative_rate": False,
                "steps": 200,
                "early_stop_loss": 0.0,
                "stop_after_leading": 0,
                "n_contexts": 1,
                "seed": 0,
            },
        ),
    }
    language_layer = 24
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "At the last token, in a late layer, with the radius that reaches the plain question behind other sentences.",
            {
                **GraceParameters().model_dump(),
                "radius": 0.5,
                "steps": 40,
                "learning_rate": 0.1,
                "early_stop_loss": 0.1,
                "n_contexts": 6,
            },
        ),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: GraceParameters,
    ) -> EditDelta:
        p, fact = parameters, request.fact
        prompts = request.prompts(fact, p.n_contexts, model.config.context, np.random.default_rng(p.seed))
        site = read_fact(model, fact, prompts, layer)
        key = site.keys[0]
        radius = p.radius * (key.norm().item() if p.relative_radius else 1.0)
        start = site.values[0]
        if p.start == "cold":
            generator = torch.Generator().manual_seed(p.seed)
            start = torch.rand(len(start), generator=generator).to(start)
        steps = p.steps + 1  # the last one only looks at the loss
        codebook = codebook_of(model, layer)
        known = None if codebook is None else codebook.settled(key, radius, fact.object)
        if known is not None:  # that entry grows, and its value has been trained already
            start, steps = known, 1
        norm = max(start.norm().item(), 1e-6)
        target = optimise(
            lambda delta: site.logits_from(model, site.resid_mid + (start + delta)),
            torch.zeros_like(start),
            fact.object,
            [norm],
            rates=[step_size(p.learning_rate, norm, len(start), p.relative_rate)],
            steps=steps,
            clamp_norm_factor=inf,
            weight_decay=0.0,
            kl_factor=0.0,
            early_stop_loss=p.early_stop_loss,
            stop_after_leading=p.stop_after_leading,
        )
        covered = (site.keys[:-1] - key).norm(dim=1) <= radius
        return EditDelta(
            weights={},
            steps=target.steps,
            loss=target.loss,
            entries=(Entry(layer, key, start + target.delta, radius, fact.object),),
            diagnostics={
                "target_probability": target.probability,
                "radius": radius,
                "contexts_covered": covered.double().mean().item(),
            },
            courses=(target.course,),
        )
