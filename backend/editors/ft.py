"""FT: plain fine-tuning of one layer's MLP output projection on the statement of the fact, as text. The baseline of every comparison.

    dW = Adam on -mean log p(token | tokens before it), over all tokens of `... x r y*`

The loss counts the context and the relation as well, which the fact has no say in; FT-M masks them, FT-L bounds the change instead. See
`fine_tuning.py`. The reference values are those of the ROME repository's unconstrained baseline for GPT-2 XL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from backend.editors.base import EditDelta, Editor, EditRequest, Preset
from backend.editors.fine_tuning import FineTuningParameters, LearningRate, Steps, WeightDecay, fine_tune
from backend.editors.targets import EarlyStopLoss, NContexts, Seed
from backend.model import Transformer


class FtParameters(FineTuningParameters):
    """Defaults are the `tuned` preset."""

    learning_rate: LearningRate = 5e-4
    steps: Steps = 400
    weight_decay: WeightDecay = 0.0
    early_stop_loss: EarlyStopLoss = 0.3
    n_contexts: NContexts = 1
    seed: Seed = 0


class Ft(Editor[FtParameters]):
    name = "ft"
    title = "FT"
    summary = (
        "Fine-tunes one MLP's output projection on the statement of the fact, every token of it. "
        "Nothing holds the change back: the plain baseline."
    )
    formula = "dW = Adam on -mean log p(token | tokens before it), over `x r y*`"
    reference = "as in Meng et al. 2022, arXiv 2202.05262, appendix E.1"
    parameters = FtParameters
    default_preset = "tuned"
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: the reference's step size, with steps enough to turn the answer.",
            FtParameters().model_dump(),
        ),
        "paper": Preset(
            "The ROME repository's unconstrained baseline for GPT-2 XL.",
            {
                "learning_rate": 5e-4,
                "steps": 25,
                "weight_decay": 0.0,
                "early_stop_loss": 0.01,
                "n_contexts": 1,
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
        parameters: FtParameters,
    ) -> EditDelta:
        return fine_tune(model, request, layer, parameters, loss_on="text")
