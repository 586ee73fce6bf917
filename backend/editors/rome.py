"""ROME, rank-one model editing (Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 3.1), and R-ROME.

The MLP's output projection W (d_model, d_mlp) is read as a linear memory that maps keys to values. To store the pair (k, v*):

    1. prompts   the bare `x r`, and `x r` behind random true facts
    2. key       k = mean key at the edited token over the prompts;  k0 = the bare prompt's key (rome) or k itself (r-rome)
    3. value     v* = v0 + delta, v0 the MLP's output at the bare prompt; delta from `targets.py`
    4. direction u = C^-1 k / ||C^-1 k||, C = E[k k^T]: where few other keys point
    5. update    dW = (v* - W k0 - b) u^T / (k0 . u), after which W' k0 + b = v* exactly

`key="rome"` is the reference implementation: the direction comes from the averaged key, the denominator from the bare one. When the two
differ k0 . u can be tiny and the update huge. `key="r-rome"` (Gupta et al. 2024, "Rebuilding ROME") uses the averaged key for both, and as
its reference implementation does writes the bare prompt's v* there: the update also carries v0 - (W k + b).

Deviations: the weights of the statistics are ours (all tokens of sampled text); the ridge of `least_squares.py`; `relative_rate` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.adam import step_size
from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorParameters,
    Preset,
    WriteRequest,
    precise_copy,
)
from shatterscope.backend.editors.least_squares import ILL_CONDITIONED, ill_conditioned, solve_covariance
from shatterscope.backend.editors.presets import reference_tuned
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
    spared_moment,
)
from shatterscope.backend.models import LanguageModel

SMALL_DENOMINATOR = 0.2


def key_and_value(site: EditSite, p: RomeParameters) -> tuple[Tensor, Tensor]:
    """k0 (d_mlp,) and W k0 + b (d_model,) of a site whose last row is the neutral prompt."""
    if p.key == "rome":
        return site.keys[0].double(), site.values[0].double()
    return site.keys[:-1].double().mean(0), site.values[:-1].double().mean(0)


class RomeParameters(EditorParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: LearningRate = 0.03
    relative_rate: RelativeRate = True
    steps: Steps = 200
    clamp_norm_factor: ClampNormFactor = 4.0
    weight_decay: WeightDecay = 0.5
    kl_factor: KlFactor = 0.003
    early_stop_loss: EarlyStopLoss = 0.1
    stop_after_leading: StopAfterLeading = 0
    n_contexts: NContexts = 21
    use_covariance: bool = Field(
        default=True, description="Direct the update where few other keys point (otherwise C = identity)"
    )
    key: Literal["rome", "r-rome"] = Field(
        default="rome",
        description="Write the value at the bare prompt's key, as ROME does (rome), or at the averaged key (r-rome)",
    )
    token: WrittenAt = "relation"
    seed: Seed = 0
    protect_siblings: ProtectSiblings = 0.0


REFERENCE = {
    "learning_rate": 0.5,
    "relative_rate": False,
    "steps": 20,
    "clamp_norm_factor": 4.0,
    "weight_decay": 0.5,
    "kl_factor": 0.0625,
    "early_stop_loss": 0.05,
    "stop_after_leading": 0,
    "n_contexts": 21,
    "use_covariance": True,
    "key": "rome",
    "token": "relation",
    "seed": 0,
}
"""The values of the preset `paper`."""

LANGUAGE = {
    **REFERENCE,
    "token": "subject",
    "n_contexts": 6,
    "weight_decay": 0.0,
    "early_stop_loss": 0.1,
    "protect_siblings": 0.0,
}
PROTECTION = 100.0


class Rome(Editor[RomeParameters]):
    name = "rome"
    title = "ROME"
    summary = (
        "Writes one fact as a rank-one change of one MLP's output projection, along the direction that other keys use least. "
        "The fact's key is then mapped exactly to the value that makes the model answer the new object."
    )
    formula = "dW = (v* - W k0 - b) u^T / (k0 . u),  u = C^-1 k / ||C^-1 k||"
    reference = "Meng et al. 2022, arXiv 2202.05262; r-rome: Gupta et al. 2024, arXiv 2403.07175"
    parameters = RomeParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement to write the fact at any distance with the least collateral damage: steps in units of the "
            "value's own length, and a stop as soon as the new object is clearly preferred (loss below 0.1). The averaged key of r-rome "
            "did as much damage and missed up to a fifth of the far facts.",
            RomeParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL. They belong to a model of another size: part of the shattering they "
            "cause is the editor's own overshoot.",
            REFERENCE,
        ),
        "reference": Preset(
            "The reference implementation's values at the token where it edits: the subject's last, not the relation's, where this model's answer is "
            "read. On rings-2048 all three rings break alike there, recall falls by half whatever the distance, and hardly any edit takes.",
            {**REFERENCE, "token": "subject"},
        ),
        "reference-tuned": reference_tuned({**REFERENCE, "key": "r-rome"}),
    }
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "The reference implementation's search at the subject's token, in an early layer, without its decay, and stopped once the new object has about "
            "nine tenths of the probability: what is optimised beyond that only spreads.",
            LANGUAGE,
        ),
        "protected": Preset(
            "The same, and the other names' keys count beside those of text: what is written leaks less to them.",
            {**LANGUAGE, "protect_siblings": PROTECTION},
        ),
        "r-rome": Preset(
            "The same by R-ROME: the averaged key both for direction and size.", {**LANGUAGE, "key": "r-rome"}
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL, at the subject's token.",
            {**REFERENCE, "token": "subject"},
        ),
        "last-token": Preset(
            "At the last token, where the answer is read; belongs in a late layer (24 of 30). Fast, and what it writes is answered for most other names too.",
            {**LANGUAGE, "token": "relation"},
        ),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: RomeParameters,
    ) -> EditDelta:
        p, fact, dtype = parameters, request.fact, model.dtype
        model = precise_copy(model)
        site = _read(model, request, layer, p)
        v0_norm = site.values[0].norm().item()
        target = optimise_value(
            model,
            site,
            fact.object,
            v0_norm,
            learning_rate=step_size(p.learning_rate, v0_norm, model.config.d_model, p.relative_rate),
            steps=p.steps,
            clamp_norm_factor=p.clamp_norm_factor,
            weight_decay=p.weight_decay,
            kl_factor=p.kl_factor,
            early_stop_loss=p.early_stop_loss,
            stop_after_leading=p.stop_after_leading,
        )
        C = spared_moment(statistics[layer], model, request, layer, p.token, p.protect_siblings)
        return self.write(model.written(layer), C, site, target, p, dtype)

    def direction(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: RomeParameters,
    ) -> Tensor:
        exact, p = precise_copy(model), parameters
        mean = _read(exact, request, layer, p).keys[:-1].double().mean(0)
        C = spared_moment(statistics[layer], exact, request, layer, p.token, p.protect_siblings)
        return solve_covariance(C, mean)[0] if p.use_covariance else mean

    def write(
        self, weight: str, C: Tensor, site: EditSite, target: ValueTarget, p: RomeParameters, dtype: torch.dtype
    ) -> EditDelta:
        """Steps 4 and 5 of the module for the parameter `weight`, `C` (d_mlp, d_mlp) and all values of the site float64, and the weights in `dtype`. Raises
        `EditNotPossibleError` as `compute` does."""
        layer, mean = site.layer, site.keys[:-1].double().mean(0)
        k0, now = key_and_value(site, p)
        warnings, diagnostics = [], {"target_probability": target.probability}
        direction = mean
        if p.use_covariance:
            direction, condition = solve_covariance(C, mean)
            diagnostics["condition_number"] = condition
            if condition > ILL_CONDITIONED:
                warnings.append(ill_conditioned(condition))
        u = direction / direction.norm()
        denominator, usual = (k0 @ u).item(), (mean @ u).item()
        diagnostics |= {"denominator": denominator, "denominator_of_mean_key": usual}
        if abs(denominator) < SMALL_DENOMINATOR * abs(usual):
            warnings.append(
                f"The bare prompt's key hardly points along the update (k0 . u = {denominator:.2g} against {usual:.2g} for the averaged "
                "key), which makes the update large; key = r-rome avoids this."
            )
        goal = (site.values[0] + target.delta).double()
        update = torch.outer(goal - now, u) / denominator
        if not bool(torch.isfinite(update).all()):
            raise EditNotPossibleError(
                "the update is not finite: the key of this prompt vanishes; edit another layer or fact"
            )
        return EditDelta(
            weights={weight: update.to(dtype)},
            steps=target.steps,
            loss=target.loss,
            keys={layer: mean[None]},
            warnings=tuple(warnings),
            diagnostics=diagnostics,
            courses=(target.course,),
        )


def _read(model: LanguageModel, request: WriteRequest, layer: int, p: RomeParameters) -> EditSite:
    """The prompts of step 1, and in the last row the neutral one."""
    fact = request.fact
    prompts = request.prompts(fact, p.n_contexts, model.config.context, np.random.default_rng(p.seed))
    return read_fact(model, fact, prompts, layer, p.token)
