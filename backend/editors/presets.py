"""A preset that several methods share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shatterscope.backend.editors.base import Preset

SEARCH = {
    "token": "subject",
    "learning_rate": 0.03,
    "relative_rate": True,
    "steps": 400,
    "clamp_norm_factor": 100.0,
    "weight_decay": 0.0,
    "kl_factor": 0.0,
    "early_stop_loss": 1.5,
}


def reference_tuned(parameters: Mapping[str, Any]) -> Preset:
    """A method's parameters with the search at the subject's token whose damage depends most on the distance."""
    return Preset(
        "Ours, at the subject's token, chosen by measurement to have the paper's pattern: small steps in units of the value's own length, no bound, decay "
        "or neutral-prompt term, and a stop once the new object has about a fifth of the probability (loss 1.5). Near objects reach that with little "
        "damage; far ones never do, and break all rings alike. Most of these edits do not take. With smaller stops the near ones did nearly as "
        "much damage as the far.",
        {**parameters, **SEARCH},
    )
