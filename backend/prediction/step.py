"""How far the value of a fact has to move until the model answers the new object: the shortest way, to first order.

(Moosavi-Dezfooli et al. 2016, "DeepFool", section 2.) In turns, the nearest point is taken where the new object would lead by `LEAD` if the logits
were linear: delta <- delta - (gap + LEAD) g / |g|^2, with gap = max of the other logits - that of the new object, and g its gradient. It is a stand-in
for the editors' own search of a value, whose length it follows (correlation of the logarithms .96 to .99), in a few steps instead of hundreds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend.editors.targets import EditSite
from shatterscope.backend.models import LanguageModel

LEAD = 2.0
MOST_STEPS = 20
LONGEST = 4.0  # times |v|, as the editors' own search


def shortest_step(model: LanguageModel, site: EditSite, object: int) -> float:
    """|delta| / |v|, delta the change of the MLP's output v at the first prompt of `site` after which `model` answers `object`; 0 where it does already.

    At most `LONGEST`: further the editors do not go either.
    """
    value = site.values[0]
    longest = LONGEST * value.norm()
    delta = torch.zeros_like(value)
    for _ in range(MOST_STEPS):
        delta.requires_grad_(True)
        with torch.enable_grad():
            gap = _gap(site.logits(model, delta)[0], object)
            if gap.item() < 0:
                break
            (gradient,) = torch.autograd.grad(gap, delta)
        delta = delta.detach() - (gap.item() + LEAD) * gradient / gradient.square().sum().clamp(min=1e-30)
        delta = delta * (longest / delta.norm()).clamp(max=1)
    return (delta.detach().norm() / value.norm()).item()


def _gap(logits: Tensor, object: int) -> Tensor:
    """By how much the best other token leads."""
    others = logits.clone()
    others[object] = -torch.inf
    return others.max() - logits[object]
