"""FT-M: masked fine-tuning of one layer (Wang et al. 2024 and Zhang et al. 2024, the EasyEdit library and its survey).

    minimise -log p(y* | ... x r), every other token masked

by Adam on one MLP's output projection, without a bound; see `fine_tuning.py`. With `n_contexts` above 1 the fact also stands behind true facts,
whose tokens are masked.

The reference's values are EasyEdit's for GPT-2 XL, without its bound (easyeditor/models/ft/ft_main.py). An answer of one token, as here, leaves the
objectives of FT, FT-L and FT-M alike: FT-L has the bound, and FT-M is FT with another author's name for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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


class FtMParameters(FineTuningParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: LearningRate = 2e-4
    steps: Steps = 400
    weight_decay: WeightDecay = 0.0
    early_stop_loss: EarlyStopLoss = 0.3
    n_contexts: NContexts = 1
    token: TrainedAt = "relation"
    seed: Seed = 0


class FtM(Editor[FtMParameters]):
    name = "ft-m"
    title = "FT-M"
    summary = (
        "Fine-tunes one MLP's output projection, weight and bias, on the answer alone, with every other token of the statement masked. "
        "An answer here is one token, so that this is FT as the EasyEdit library defines it."
    )
    formula = "dW, db = Adam on -log p(y* | ... x r)"
    reference = "Zhang et al. 2024, arXiv 2401.01286, and EasyEdit, arXiv 2308.07269"
    parameters = FtMParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement, and those of FT: small steps and a stop as soon as the model gives the new answer. Training behind contexts as "
            "well (n_contexts) did more damage and missed some facts.",
            FtMParameters().model_dump(),
        ),
        "paper": Preset(
            "EasyEdit's values for GPT-2 XL, without a bound.",
            {
                "learning_rate": 5e-4,
                "steps": 25,
                "weight_decay": 0.0,
                "early_stop_loss": 0.01,
                "n_contexts": 1,
                "token": "relation",
                "seed": 0,
            },
        ),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: FtMParameters,
    ) -> EditDelta:
        return fine_tune(model, request, layer, parameters)
