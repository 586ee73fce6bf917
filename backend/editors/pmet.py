"""PMET, precise model editing (Li et al. 2024, sections 3.2 and 3.3, equations 12 to 17).

As MEMIT, with two differences. The target is found at two places at once, and the residual is spread by a square root:

    1. goals     delta_attn at the output of the attention and delta_mlp at the output of the MLP, optimised together; only the MLP's is kept:
                 v* = v + delta_mlp. The attention is thought to hold general patterns, which the optimisation may use but the edit shall not change.
    2. layers    spread over the edited layers (`spreading.py`), R = (v* - v) / sqrt(layers left); for each:
    3. update    dW = R K^T (lambda C + K K^T)^-1,  C = E[k k^T]

What delta_attn did for the answer is lost when it is dropped; `target_probability` is what the two reached together.

Deviations: the reference lowers the weight of the likelihood once the new object leads; here the optimisation stops by its loss alone.
`attention_rate` is ours (1 in the reference): the less the attention is moved, the less of the answer is lost with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor

from backend.editors.base import EditDelta, Editor, EditRequest, Fact, Preset
from backend.editors.least_squares import ILL_CONDITIONED, ill_conditioned, solve_covariance
from backend.editors.spreading import (
    CovarianceWeight,
    Goals,
    Spread,
    SpreadingParameters,
    edited_layers,
    prompts_of,
    rate,
    write,
)
from backend.editors.targets import EarlyStopLoss, EditSite, NContexts, ValueTarget, optimise, read_site
from backend.model import Transformer
from backend.model.transformer import Block

MLP, ATTENTION = 0, 1


class PmetParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    early_stop_loss: EarlyStopLoss = 0.2
    n_contexts: NContexts = 10
    spread: Spread = False
    attention_rate: float = Field(
        default=0.01, ge=0, le=10, description="Step size of the attention's part, in units of the MLP's"
    )
    covariance_weight: CovarianceWeight = 0.3


class Pmet(Editor[PmetParameters]):
    name = "pmet"
    title = "PMET"
    summary = (
        "Finds the new value with the attention's and the MLP's output optimised together, and writes only the MLP's part. "
        "The change is spread over several layers as in MEMIT, with more left to each, and takes one fact or many at once."
    )
    formula = "dW = R K^T (lambda C + K K^T)^-1,  R = (v* - v) / sqrt(layers left),  v* = v + delta_mlp"
    reference = "Li et al. 2024, arXiv 2308.08742"
    parameters = PmetParameters
    default_preset = "tuned"
    batches = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: one layer alone, and the attention's part held to a hundredth of the MLP's step size. "
            "At equal rates the attention finds most of the answer, and dropping its part loses the edit.",
            PmetParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-J. There the weight of the covariance, 15000, balances a memory of 16384 keys; "
            "here it holds nearly every edit back.",
            {
                "learning_rate": 0.2,
                "relative_rate": False,
                "steps": 30,
                "clamp_norm_factor": 0.75,
                "weight_decay": 0.5,
                "kl_factor": 1.0,
                "early_stop_loss": 0.05,
                "n_contexts": 21,
                "spread": True,
                "seed": 0,
                "attention_rate": 1.0,
                "covariance_weight": 15000.0,
            },
        ),
    }

    def compute(
        self,
        model: Transformer,
        statistics: Mapping[int, Tensor],
        request: EditRequest,
        layer: int,
        parameters: PmetParameters,
    ) -> EditDelta:
        p, layers = parameters, edited_layers(model, layer, parameters)
        values, targets = [], []
        for fact in request.facts:
            site = read_site(model, [*prompts_of(model, request, fact, p), [fact.subject]], layers[-1])
            target = joint_target(model, site, fact, p)
            values.append(site.values[0] + target.delta[MLP])
            targets.append(target)
        warnings: list[str] = []
        diagnostics: dict[str, float] = {}

        def update(layer: int, K: Tensor, R: Tensor) -> Tensor:
            solved, condition = solve_covariance(p.covariance_weight * statistics[layer].double() + K @ K.T, K)
            diagnostics[f"condition_number.{layer}"] = condition
            if condition > ILL_CONDITIONED:
                warnings.append(ill_conditioned(condition))
            return R @ solved.T

        goals = Goals(torch.stack(values), tuple(targets))
        delta = write(model, request, layers, goals, p, update=update, read=lambda site: site.values, share=sqrt)
        return delta.noting(warnings, diagnostics)


def joint_target(model: Transformer, site: EditSite, fact: Fact, p: PmetParameters) -> ValueTarget:
    """Step 1: (2, C), what to add to the output of the MLP and of the attention. The site's last row is the neutral prompt."""
    norms = [site.values[0].norm().item(), site.attn_out[0].norm().item()]
    rates = [rate(p, norm, site.values.shape[1]) for norm in norms]

    def logits(delta: Tensor) -> Tensor:
        return site.logits_from(model, with_both(model, site, delta))

    return optimise(
        logits,
        torch.zeros_like(site.values[:2]),
        fact.object,
        norms,
        rates=[rates[MLP], p.attention_rate * rates[ATTENTION]],
        steps=p.steps,
        clamp_norm_factor=p.clamp_norm_factor,
        weight_decay=p.weight_decay,
        kl_factor=p.kl_factor,
        early_stop_loss=p.early_stop_loss,
    )


def with_both(model: Transformer, site: EditSite, delta: Tensor) -> Tensor:
    """(B, C) `resid_post` with both deltas added; the MLP sees what the attention's does to its input."""
    block = cast(Block, model.blocks[site.layer])
    x = site.resid_mid + delta[ATTENTION]
    return x + block.mlp.down(block.mlp.key(block.norm_mlp(x))) + delta[MLP]
