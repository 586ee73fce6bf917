"""PMET, precise model editing (Li et al. 2024, sections 3.2 and 3.3, equations 12 to 17).

As MEMIT, with two differences. The target is found at two places at once, and the residual is spread by a square root:

    1. goals     delta_attn at the output of the attention and delta_mlp at the output of the MLP, optimised together; only the MLP's is kept:
                 v* = v + delta_mlp. The attention is thought to hold general patterns, which the optimisation may use but the edit shall not change.
                 With `write_attention` both are kept: a* = a + delta_attn. v and a are the unedited model's in either case.
    2. layers    spread over the edited layers (`spreading.py`), R = (v* - v) / sqrt(layers left); for each:
    3. update    dW = R K^T (lambda C + K K^T)^-1,  C = E[k k^T]

What delta_attn did for the answer is lost when it is dropped; `target_probability` is what the two reached together. The attention's part is written,
by the same closed form, to its output projection, whose keys are what the heads have mixed. The reference was made for models whose attention and MLP
read the same input (GPT-J). Here the MLP reads what the attention has put out, so written both ways it answers less than the optimisation saw.

`ease_off` is a rule of the reference implementation that the paper does not tell: once the new object leads in all contexts its likelihood weighs a
tenth, and the optimisation ends as soon as the neutral prompt has moved little (`targets.py`).

Deviations: `attention_rate` is ours (1 in the reference): the less the attention is moved, the less of the answer is lost with it. The second moments
of the attention's keys are taken at once, over random true facts, since a checkpoint keeps the MLPs' alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from operator import attrgetter
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.adam import step_size
from shatterscope.backend.editors.base import EditDelta, Editor, Fact, Preset, WriteRequest, precise_copy
from shatterscope.backend.editors.least_squares import ILL_CONDITIONED, ill_conditioned, solve_covariance
from shatterscope.backend.editors.presets import reference_tuned
from shatterscope.backend.editors.spreading import (
    CovarianceWeight,
    SpreadingParameters,
    SpreadOut,
    WrittenPart,
    direction_of,
    edited_layers,
    prompts_of,
    write,
)
from shatterscope.backend.editors.targets import EditSite, ValueTarget, optimise, read_fact
from shatterscope.backend.models import LanguageModel

MLP, ATTENTION = 0, 1
N_WALKS = 1024


class PmetParameters(SpreadingParameters):
    """Defaults are the `tuned` preset."""

    spread: SpreadOut = False
    attention_rate: float = Field(
        default=0.01, ge=0, le=10, description="Step size of the attention's part, in units of the MLP's"
    )
    covariance_weight: CovarianceWeight = 0.3
    ease_off: bool = Field(
        default=False,
        description="Weigh the new object less once it leads in all contexts, and stop there when the neutral prompt has hardly moved",
    )
    write_attention: bool = Field(
        default=False,
        description="Write the attention's part as well, into its output projection (otherwise the MLP's alone)",
    )


REFERENCE = {
    "learning_rate": 0.2,
    "relative_rate": False,
    "steps": 30,
    "clamp_norm_factor": 0.75,
    "weight_decay": 0.5,
    "kl_factor": 1.0,
    "early_stop_loss": 0.05,
    "stop_after_leading": 0,
    "n_contexts": 6,
    "key_mean": "by-type",
    "spread": True,
    "token": "relation",
    "seed": 0,
    "attention_rate": 1.0,
    "covariance_weight": 6000.0,
    "ease_off": True,
    "write_attention": False,
}
"""The values of the preset `paper`."""


class Pmet(Editor[PmetParameters]):
    name = "pmet"
    title = "PMET"
    summary = (
        "Finds the new value with the attention's and the MLP's output optimised together, and writes only the MLP's part (an option writes both). "
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
            "The reference implementation's values for GPT-J. There the weight of the covariance, 6000, balances a memory of 16384 keys; "
            "here it holds nearly every edit back.",
            REFERENCE,
        ),
        "reference": Preset(
            "The reference implementation's values at the token where it edits: the subject's last, not the relation's, where this model's answer is read.",
            {**REFERENCE, "token": "subject"},
        ),
        "reference-tuned": reference_tuned(PmetParameters().model_dump()),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: PmetParameters,
    ) -> EditDelta:
        p, layers = parameters, edited_layers(model, layer, parameters)
        exact, goals, targets = precise_copy(model), [], []
        for fact in request.facts:
            site = read_fact(exact, fact, prompts_of(model, request, fact, p), layers[-1], p.token)
            target = joint_target(exact, site, fact, p)
            goals.append(torch.stack([site.values[0], site.attn_out[0]]) + target.delta)
            targets.append(target)
        wanted = torch.stack(goals, 1)  # (2, n, C)
        warnings: list[str] = []
        diagnostics: dict[str, float] = {}

        def update(layer: int, K: Tensor, R: Tensor) -> Tensor:
            return _closed_form(statistics[layer].double(), K, R, p, warnings, diagnostics, f"condition_number.{layer}")

        parts = [WrittenPart(wanted[MLP], attrgetter("values"), update)]
        if p.write_attention:
            moments = attention_moments(model, request, layers, p.seed)

            def update_attention(layer: int, K: Tensor, R: Tensor) -> Tensor:
                name = f"attention_condition_number.{layer}"
                return _closed_form(moments[layer], K, R, p, warnings, diagnostics, name)

            attention = WrittenPart(
                wanted[ATTENTION],
                attrgetter("attn_out"),
                update_attention,
                attention_written,
                keys=attrgetter("attn_keys"),
            )
            parts.insert(0, attention)  # the MLP's keys lie behind it
        delta = write(model, request, layers, targets, parts, p, share=sqrt)
        return delta.noting(warnings, diagnostics)

    def direction(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: PmetParameters,
    ) -> Tensor | None:
        p = parameters
        if p.write_attention:  # which moves the keys themselves
            return None

        def update(layer: int, K: Tensor, R: Tensor) -> Tensor:
            return _closed_form(statistics[layer].double(), K, R, p, [], {}, "")

        return direction_of(update, model, request, layer, p)


def _closed_form(
    C: Tensor, K: Tensor, R: Tensor, p: PmetParameters, warnings: list[str], diagnostics: dict[str, float], name: str
) -> Tensor:
    """R K^T (lambda C + K K^T)^-1, whose condition number goes into `diagnostics` as `name`."""
    solved, condition = solve_covariance(p.covariance_weight * C + K @ K.T, K)
    diagnostics[name] = condition
    if condition > ILL_CONDITIONED:
        warnings.append(ill_conditioned(condition))
    return R @ solved.T


def attention_written(model: LanguageModel, layer: int) -> str:
    return model.attention_written(layer)


@torch.no_grad()
def attention_moments(
    model: LanguageModel, request: WriteRequest, layers: Sequence[int], seed: int
) -> dict[int, Tensor]:
    """Per layer (C, C) float64, E[k k^T] of the keys of the attention's output projection, over `N_WALKS` random walks of true facts."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(request.contexts.n_entities, size=N_WALKS)
    walks = torch.from_numpy(request.walks.arriving_at(starts, max(3, model.config.context - 1), rng))
    moments: dict[int, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        site, _, layer = name.partition(".")
        if site == "attn_key":
            keys = x.flatten(0, 1).double()
            moments[int(layer)] = keys.T @ keys / len(keys)
        return x

    model.trunk(walks.to(model.device), tap)
    return {layer: moments[layer] for layer in layers}


def joint_target(model: LanguageModel, site: EditSite, fact: Fact, p: PmetParameters) -> ValueTarget:
    """Step 1: (2, C), what to add to the output of the MLP and of the attention. The site's last row is the neutral prompt."""
    norms = [site.values[0].norm().item(), site.attn_out[0].norm().item()]
    width = site.values.shape[1]
    rates = [step_size(p.learning_rate, norm, width, p.relative_rate) for norm in norms]

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
        stop_after_leading=p.stop_after_leading,
        eases=p.ease_off,
    )


def with_both(model: LanguageModel, site: EditSite, delta: Tensor) -> Tensor:
    """(B, C) `resid_post` with both deltas added; the MLP sees what the attention's does to its input."""
    x = site.resid_mid + delta[ATTENTION]
    return x + model.mlp_value(site.layer, model.mlp_key(site.layer, x), x) + delta[MLP]
