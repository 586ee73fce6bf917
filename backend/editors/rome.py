"""ROME, rank-one model editing (Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 3.1), and R-ROME.

The MLP's output projection W (d_model, d_mlp) is read as a linear memory that maps keys to values. To store the pair (k, v*):

    1. prompts   the bare `x r`, and `x r` behind random true facts
    2. key       k = mean key at the relation token over the prompts;  k0 = the bare prompt's key (rome) or k itself (r-rome)
    3. value     v* = v0 + delta with v0 = W k0 + b; delta from `targets.py`
    4. direction u = C^-1 k / ||C^-1 k||, C = E[k k^T]: where few other keys point
    5. update    dW = (v* - v0) u^T / (k0 . u), after which W' k0 + b = v* exactly

`key="rome"` is the reference implementation: the direction comes from the averaged key, the denominator from the bare one. When the two
differ k0 . u can be tiny and the update huge. `key="r-rome"` (Gupta et al. 2024, "Rebuilding ROME") uses the averaged key for both.

Deviations: the weights of the statistics are ours (all tokens of sampled text); a relative ridge of `RIDGE` times the mean eigenvalue
of C keeps the solve sane where few neurons are ever active; `relative_rate` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backend.editors.base import EditDelta, EditNotPossibleError, Editor, EditorParameters, EditRequest, Preset
from backend.editors.targets import optimise_value, read_site
from backend.model import Transformer

RIDGE = 1e-9
ILL_CONDITIONED = 1e8
SMALL_DENOMINATOR = 0.2


class RomeParameters(EditorParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: float = Field(
        default=0.03, gt=0, le=10, description="Step size of Adam on the value (see relative_rate)"
    )
    relative_rate: bool = Field(
        default=True, description="Step size in units of ||v0||: the first step has length learning_rate * ||v0||"
    )
    steps: int = Field(
        default=200, ge=1, le=1000, description="Optimisation steps; the last one only looks at the loss"
    )
    clamp_norm_factor: float = Field(
        default=4.0, gt=0, le=100, description="Longest change of the value, in units of ||v0||"
    )
    weight_decay: float = Field(default=0.5, ge=0, le=100, description="Weight of ||delta|| / ||v0||^2 in the loss")
    kl_factor: float = Field(
        default=0.003, ge=0, le=100, description="Weight of the drift on the neutral prompt, the bare subject"
    )
    early_stop_loss: float = Field(default=0.3, ge=0, le=20, description="Stop as soon as the loss is below this")
    n_contexts: int = Field(
        default=21, ge=1, le=128, description="Prompts: the bare one and n - 1 behind random true facts"
    )
    use_covariance: bool = Field(
        default=True, description="Direct the update where few other keys point (otherwise C = identity)"
    )
    key: Literal["rome", "r-rome"] = Field(
        default="r-rome", description="One averaged key throughout (r-rome), or the reference's two (rome)"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of the random contexts")


class Rome(Editor[RomeParameters]):
    name = "rome"
    title = "ROME"
    summary = "Writes one fact as a rank-one change of one MLP's output projection, along the direction that other keys use least."
    formula = "dW = (v* - W k0) u^T / (k0 . u),  u = C^-1 k / ||C^-1 k||"
    reference = "Meng et al. 2022, arXiv 2202.05262; r-rome: Gupta et al. 2024, arXiv 2403.07175"
    parameters = RomeParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement to write the fact at any distance with the least collateral damage: steps in units of the "
            "value's own length, a stop as soon as the new object is clearly preferred (loss below 0.3), one averaged key.",
            RomeParameters().model_dump(),
        ),
        "paper": Preset(
            "The reference implementation's values for GPT-2 XL. They belong to a model of another size: part of the shattering they "
            "cause is the editor's own overshoot.",
            {
                "learning_rate": 0.5,
                "relative_rate": False,
                "steps": 20,
                "clamp_norm_factor": 4.0,
                "weight_decay": 0.5,
                "kl_factor": 0.0625,
                "early_stop_loss": 0.05,
                "n_contexts": 21,
                "use_covariance": True,
                "key": "rome",
                "seed": 0,
            },
        ),
    }

    def compute(
        self,
        model: Transformer,
        statistics: Mapping[int, Tensor],
        request: EditRequest,
        layer: int,
        parameters: RomeParameters,
    ) -> EditDelta:
        p = parameters
        prompts = request.prompts(p.n_contexts, model.config.context, np.random.default_rng(p.seed))
        site = read_site(model, [*prompts, [request.subject]], layer)  # the last row is the neutral prompt

        mean = site.keys[:-1].double().mean(0)
        rome = p.key == "rome"
        k0 = site.keys[0].double() if rome else mean
        v0 = (site.values[0] if rome else site.values[:-1].mean(0)).double()
        v0_norm = v0.norm().item()
        rate = p.learning_rate * (v0_norm / len(v0) ** 0.5 if p.relative_rate else 1.0)
        target = optimise_value(
            model,
            site,
            request.object,
            v0_norm,
            learning_rate=rate,
            steps=p.steps,
            clamp_norm_factor=p.clamp_norm_factor,
            weight_decay=p.weight_decay,
            kl_factor=p.kl_factor,
            early_stop_loss=p.early_stop_loss,
        )

        warnings, diagnostics = [], {"target_probability": target.probability}
        direction = mean
        if p.use_covariance:
            direction, condition = solve_covariance(statistics[layer], mean)
            diagnostics["condition_number"] = condition
            if condition > ILL_CONDITIONED:
                warnings.append(
                    f"The covariance of the keys is ill-conditioned (condition number {condition:.1e}): the update's direction leans "
                    "on neurons that are hardly ever active."
                )
        u = direction / direction.norm()
        denominator, usual = (k0 @ u).item(), (mean @ u).item()
        diagnostics |= {"denominator": denominator, "denominator_of_mean_key": usual}
        if abs(denominator) < SMALL_DENOMINATOR * abs(usual):
            warnings.append(
                f"The bare prompt's key hardly points along the update (k0 . u = {denominator:.2g} against {usual:.2g} for the averaged "
                "key), which makes the update large; key = r-rome avoids this."
            )
        delta = target.delta.double()
        update = torch.outer(delta, u) / denominator  # v* - v0 = delta
        if not bool(torch.isfinite(update).all()):
            raise EditNotPossibleError(
                "the update is not finite: the key of this prompt vanishes; edit another layer or fact"
            )
        return EditDelta(
            weights={f"blocks.{layer}.mlp.down.weight": update.to(site.values.dtype)},
            steps=target.steps,
            loss=target.loss,
            constraint=(k0, v0 + delta),
            warnings=tuple(warnings),
            diagnostics=diagnostics,
        )


def solve_covariance(C: Tensor, k: Tensor) -> tuple[Tensor, float]:
    """C^-1 k in float64 with a relative ridge, and the condition number of C before it."""
    values, vectors = torch.linalg.eigh(C.double())
    condition = (values[-1] / values[0].clamp(min=torch.finfo(torch.float64).tiny)).item()
    ridge = RIDGE * values.mean()
    return vectors @ ((vectors.T @ k) / (values.clamp(min=0) + ridge)), condition
