"""FT: plain fine-tuning of one layer's MLP output projection on the new fact. The baseline of every comparison.

    dW, db = Adam on -log p(y* | x r)

Nothing holds the change back. (Meng et al. 2022, appendix E.1: the unconstrained baseline, in the ROME repository's baselines/ft/ft_main.py, which
trains on the answer alone.) With `loss_on` = text it is language modelling of the whole statement `... x r y*`: the context, the subject and the
relation count as well, which the fact has no say in. That is what fine-tuning on a text does, and it is no reference's baseline. FT-L bounds the
change; FT-M is FT as EasyEdit defines it, which comes to the same where an answer is one token. See `fine_tuning.py`.
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
    LossOn,
    Steps,
    TrainedAt,
    WeightDecay,
    fine_tune,
)
from shatterscope.backend.editors.targets import EarlyStopLoss, NContexts, Seed
from shatterscope.backend.models import LanguageModel


class FtParameters(FineTuningParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: LearningRate = 2e-4
    steps: Steps = 400
    loss_on: LossOn = Field(
        default="answer", description="Train on the answer alone, or on every token of the statement (text)"
    )
    weight_decay: WeightDecay = 0.0
    early_stop_loss: EarlyStopLoss = 0.3
    n_contexts: NContexts = 1
    token: TrainedAt = "relation"
    seed: Seed = 0


class Ft(Editor[FtParameters]):
    name = "ft"
    title = "FT"
    summary = (
        "Fine-tunes one MLP's output projection, weight and bias, on the new answer until the model gives it. "
        "Nothing holds the change back: the plain baseline."
    )
    formula = "dW, db = Adam on -log p(y* | x r)"
    reference = "the unconstrained baseline of Meng et al. 2022, arXiv 2202.05262, appendix E.1"
    parameters = FtParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: small steps and a stop as soon as the model gives the new answer. Larger steps did more damage, and training "
            "on the whole text far more.",
            FtParameters().model_dump(),
        ),
        "paper": Preset(
            "The ROME repository's unconstrained baseline for GPT-2 XL.",
            {
                "learning_rate": 5e-4,
                "steps": 25,
                "loss_on": "answer",
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
        parameters: FtParameters,
    ) -> EditDelta:
        return fine_tune(model, request, layer, parameters, loss_on=parameters.loss_on)
