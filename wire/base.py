"""Models of the HTTP API: pydantic only, importing them loads no torch. Here what all others are made of.

Entities are integers 0..n-1, relations names (`I_C2`), orders `I`, `II`, `III`; layers count from 0. Accuracies and probabilities
are fractions in [0, 1], times are seconds. Unknown fields are refused.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["direct", "logical", "composition_stated", "composition_held_out"]
SubGraph = Literal["edit", "retain", "test"]
Token = Literal["relation", "subject"]
"""Where a fact is written: at its relation's token, where the answer is read, or at its subject's, before it."""


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Array(Wire):
    """Little-endian float32, base64: the form plotly reads as it is."""

    dtype: Literal["f4"] = "f4"
    shape: list[int]
    bdata: str


class Health(Wire):
    status: Literal["ok"]
    version: str
    device: str
    checkpoints: list[str]
    problems: dict[str, str] = Field(default_factory=dict, description="checkpoint folders that did not load, and why")
    editor_problems: dict[str, str] = Field(
        default_factory=dict, description="methods of installed packages that cannot be used, and why"
    )


class FieldError(Wire):
    field: str
    message: str


class Problem(Wire):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)
