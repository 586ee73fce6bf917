"""FT-L: constrained fine-tuning of one layer (Zhu et al. 2020, "Modifying Memories in Transformer Models", equation 3).

    minimise -log p(y* | x r)  subject to  max |dW|, |db| <= constraint

by Adam with every entry of dW and db clipped after each step; see `fine_tuning.py`. The reference values are those of the ROME repository's
constrained baseline for GPT-2 XL (baselines/ft/ft_main.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from shatterscope.backend.editors.base import EditDelta, Editor, Preset, WriteRequest
from shatterscope.backend.editors.fine_tuning import (
    FineTuningParameters,
    LearningRate,
    Steps,
    TrainedAt,
    WeightDecay,
    fine_tune,
)
from shatterscope.backend.editors.targets import EarlyStopLoss, NContexts, Seed
from shatterscope.backend.models import LanguageModel


class FtLParameters(FineTuningParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: LearningRate = 5e-4
    steps: Steps = 200
    norm_constraint: float = Field(default=0.08, gt=0, le=10, description="Largest change of any one weight")
    weight_decay: WeightDecay = 0.0
    early_stop_loss: EarlyStopLoss = 0.3
    n_contexts: NContexts = 1
    token: TrainedAt = "relation"
    seed: Seed = 0


class FtL(Editor[FtLParameters]):
    name = "ft-l"
    title = "FT-L"
    summary = (
        "Fine-tunes one MLP's output projection, weight and bias, on the new answer, and lets no entry change by more than a bound. "
        "The bound protects the other facts; where it is too tight, the new fact is not written."
    )
    formula = "dW, db = Adam on -log p(y* | x r),  max |dW|, |db| <= constraint"
    reference = "Zhu et al. 2020, arXiv 2012.00363; the constrained baseline of Meng et al. 2022, arXiv 2202.05262, appendix E.1"
    parameters = FtLParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: the tightest bound tried at which the new answer is still written, and a stop as soon as it is.",
            FtLParameters().model_dump(),
        ),
        "paper": Preset(
            "The ROME repository's constrained baseline for GPT-2 XL. The bound belongs to a model with far more weights to move together; "
            "here the edit stops short of the new answer.",
            {
                "learning_rate": 5e-4,
                "steps": 25,
                "norm_constraint": 5e-4,
                "weight_decay": 0.0,
                "early_stop_loss": 0.01,
                "n_contexts": 1,
                "token": "relation",
                "seed": 0,
            },
        ),
    }
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "The ROME repository's constrained baseline with a wider bound, and a stop once the new object has about nine tenths of the probability.",
            {**FtLParameters().model_dump(), "steps": 40, "norm_constraint": 2e-3, "early_stop_loss": 0.1},
        ),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: FtLParameters,
    ) -> EditDelta:
        return fine_tune(model, request, layer, parameters, norm_constraint=parameters.norm_constraint)
