"""My editor: the value's gradient at the MLP's output, followed until the model answers the new object.

An MLP is a memory: its output projection W answers the key k with the value W k. The answer to `subject relation` is read at the last token. There the
gradient of -log p(object) says in which direction v the value has to go, and doubling finds how far. One rank-one change writes it,

    dW = length * v (C^-1 k)^T / (k^T C^-1 k)

with C = E[k k^T] over the training text, so that W k moves by length * v while the values of other keys move as little as they can (ROME's equation 2).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from shatterscope.backend.editors import (
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorParameters,
    Preset,
    WriteRequest,
    apply_delta,
)
from shatterscope.backend.models import LanguageModel


class MyEditorParameters(EditorParameters):
    """The form on the Explore page is made of these: each with a default, bounds and a description."""

    start: float = Field(default=0.25, gt=0, le=10, description="First length that is tried")
    steps: int = Field(default=8, ge=1, le=32, description="Lengths that are tried, each twice the one before")
    ridge: float = Field(default=1e-4, gt=0, le=1, description="Added to the diagonal of C, which has no inverse else")


class MyEditor(Editor[MyEditorParameters]):
    name = "my-editor"  # in links, on the command line and in the API
    title = "My editor"  # on the page
    summary = (
        "Moves the value of one MLP along its gradient. The length is doubled until the model gives the new answer."
    )
    formula = "dW = length * v (C^-1 k)^T / (k^T C^-1 k)"
    reference = "yours: authors, year, title, arXiv number"
    parameters = MyEditorParameters
    presets = {"tuned": Preset("The defaults.", MyEditorParameters().model_dump())}
    default_preset = "tuned"
    default_layer = 0

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: MyEditorParameters,
    ) -> EditDelta:
        fact, name = request.fact, model.written(layer)  # the fact in tokens, and the parameter W (d_model, d_mlp)
        prompt = torch.tensor([[fact.subject, fact.relation]], device=model.device)
        weight = model.get_parameter(name)
        shift = weight.new_zeros(len(weight), requires_grad=True)  # of the value, (d_model,)
        keys: dict[str, Tensor] = {}

        def tap(site: str, x: Tensor) -> Tensor:  # sees what goes by at every site of the model, (1, 2, width)
            keys[site] = x[0, -1].detach()
            return x + shift if site == f"mlp_out.{layer}" else x

        loss = cross_entropy(model(prompt, tap)[:, -1], torch.tensor([fact.object], device=model.device))
        (slope,) = torch.autograd.grad(loss, shift)
        key = keys[f"mlp_key.{layer}"].double()  # k, (d_mlp,)
        second_moment = statistics[layer].to(key) + parameters.ridge * torch.eye(len(key)).to(key)  # C
        spread = torch.linalg.solve(second_moment, key)  # C^-1 k
        change = torch.outer(-slope.double() / slope.norm(), spread / (key @ spread))  # dW at length 1
        if not change.isfinite().all():
            raise EditNotPossibleError("the gradient or the key vanishes here; choose another layer or fact")
        for step in range(parameters.steps):
            length = parameters.start * 2**step
            delta = EditDelta({name: (length * change).to(weight)}, steps=step + 1, loss=loss.item())
            if apply_delta(model, delta)(prompt)[0, -1].argmax() == fact.object:
                break
        return delta
