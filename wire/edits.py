"""Editing methods, edits, and what came of them."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from shatterscope.wire.base import Wire

MAX_EDITS = 64
MAX_STRENGTH = 4.0

Ending = Literal["reached", "converged", "led", "settled", "steps"]


class PresetInfo(Wire):
    name: str
    summary: str
    parameters: dict[str, Any]


class RestraintInfo(Wire):
    """A filter on the weight change that a method has computed."""

    name: str
    title: str
    summary: str
    formula: str
    reference: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters, with defaults")


class EditorInfo(Wire):
    name: str
    title: str
    summary: str
    formula: str
    reference: str
    package: str | None = Field(
        default=None, description="the package that the method comes with, name and version; null where it is ours"
    )
    default_layer: int
    batches: bool = Field(
        default=False,
        description="writes many facts as one edit: consecutive edits marked `batch`, and what an edit marked `implied` implies",
    )
    default_preset: str
    presets: list[PresetInfo]
    language: list[PresetInfo] = Field(
        default=[],
        description="its presets on a language model, the usual one first; none where it is not offered there",
    )
    language_layer: int = Field(default=0, description="its usual layer there")
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters, with defaults")
    restraints: list[RestraintInfo] = Field(
        default=[],
        description="filters on its weight change; none for a method that changes no weights that the model has",
    )


class RestraintSpec(Wire):
    name: str = Field(description="one of the method's `restraints`")
    parameters: dict[str, Any] = Field(default_factory=dict, description="those that are not the defaults")


def named_restraint(value: Any) -> Any:
    """A restraint by its name alone."""
    return {"name": value} if isinstance(value, str) else value


class NewFact(Wire):
    """What is to be answered. Give the new object either by `object` or by `distance` (steps clockwise from the true object)."""

    subject: int = Field(ge=0)
    relation: str
    object: int | None = Field(default=None, ge=0)
    distance: int | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.object is None) == (self.distance is None):
            raise ValueError("give exactly one of `object` and `distance`")
        return self


class EditSpec(NewFact):
    """One edit. Give the new object either by `object` or by `distance` (steps clockwise from the true object)."""

    method: str = "rome"
    layer: int | None = Field(default=None, ge=0)
    parameters: dict[str, Any] = Field(default_factory=dict)
    preset: str | None = Field(default=None, description="start from this preset; `parameters` override it")
    strength: float = Field(
        default=1.0,
        ge=-MAX_STRENGTH,
        le=MAX_STRENGTH,
        description="how much of the change is added, -4 to 4: 1 is the whole edit, 0 none (as if it were not in the stack), below 0 its opposite",
    )
    batch: bool = Field(
        default=False, description="one edit together with its neighbours of the same method that are marked so as well"
    )
    package: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,  # files of edits by our own methods are what they have always been
        description="told of an edit by a method of another package: name and version of that package, which are part of the edit's id. In a "
        "request it changes nothing: what is installed makes the edit",
    )
    restraint: RestraintSpec | None = Field(
        default=None,
        description="a filter on the weight change: a name, or an object `{name, parameters}`; edits of one batch share it",
    )
    implied: bool = Field(
        default=False,
        description="with all that it implies: what follows from the fact by the rules of the world, and is not answered so already, is written "
        "together with it, as one batch",
    )

    @field_validator("restraint", mode="before")
    @classmethod
    def _name_is_restraint(cls, value: Any) -> Any:
        return named_restraint(value)


class EditRequest(Wire):
    checkpoint: str
    edits: list[EditSpec] = Field(min_length=1, max_length=MAX_EDITS)


class CourseInfo(Wire):
    """How the optimisation of one edit went: before any update and after each, arrays of one length; in rows of sweeps, the end
    alone. It does not depend on the strength."""

    ended: Ending = Field(
        description="reached: the loss fell below `early_stop_loss`; converged: no step lowered it much more (Patch's `tolerance`); led: the new object had led behind all "
        "contexts in `stop_after_leading` successive steps; settled: the new object led and the neutral prompt had hardly moved (PMET's "
        "`ease_off`); steps: all steps were taken"
    )
    contexts: int = Field(description="prompts that the fact was optimised on, the bare one included")
    step: list[int] = Field(description="updates made before")
    loss: list[float | None] = Field(description="all terms of it; null where it was no finite number, here and below")
    probability: list[float | None] = Field(description="of the new object, mean over these prompts")
    rank: list[int] = Field(description="of the new object among all tokens, on the bare prompt; 1 where it leads")
    length: list[float | None] | None = Field(
        default=None,
        description="|delta| in units of |v0|, for PMET the longer of its two; never above `clamp_norm_factor`. null for FT, FT-L and FT-M, which "
        "look for no value",
    )


class ImpliedFact(Wire):
    """A question that is answered anew together with an edit."""

    kind: Literal["implied", "contradicted"] = Field(
        description="whether it follows from the new fact, or stands against it and has another answer now"
    )
    explanation: str
    subject: int
    relations: list[str] = Field(description="one relation, or two for a composition")
    old_object: int = Field(description="the truth of the unedited world")
    new_object: int


class EditOutcome(Wire):
    """What one edit of a stack did; `spec` is complete (every default filled in)."""

    spec: EditSpec
    old_object: int = Field(
        description="the true object that the new one replaces: of several the first, from which distances are counted; the new one where that is true"
    )
    also_true: list[int] = Field(default=[], description="the other objects that are right, which the edit leaves")
    new_object: int
    prediction_before: int
    prediction_after: int
    distance: int = Field(
        description="steps between old and new object, the shorter way round; 0 for a corrective edit, -1 where no edges lead from one to the other"
    )
    kind: Literal["counterfactual", "corrective"]
    success: bool = Field(description="the edited model answers the new object")
    probability_before: float = Field(description="of the new object")
    probability_after: float
    delta_norm: float
    relative_delta_norm: float = Field(description="delta_norm over the norm of the weight it is added to")
    steps: int = Field(description="optimisation steps taken, over all facts of a batch")
    warnings: list[str]
    diagnostics: dict[str, float] = Field(
        default_factory=dict, description="the method's own numbers, such as the rank of AlphaEdit's null space"
    )
    course: CourseInfo | None = Field(
        default=None,
        description="of the optimisation, in rows of sweeps its end alone; null where nothing was optimised",
    )
    implied: list[ImpliedFact] = Field(
        default=[], description="what was written together with it, of an edit marked `implied`"
    )


class EditResult(Wire):
    id: str
    checkpoint: str
    edits: list[EditOutcome] = Field(
        description="of each edit ordered; one at strength 0 does nothing, to the others neither"
    )
    seconds: float = Field(description="time the computation took, also when it now comes from the cache")

    @property
    def made(self) -> list[EditOutcome]:
        """The edits that are there: all but those at strength 0 (all of them where none is)."""
        return self.there or self.edits

    @property
    def there(self) -> list[EditOutcome]:
        """All but those at strength 0, which neither took nor failed."""
        return [outcome for outcome in self.edits if outcome.spec.strength]

    @property
    def failed(self) -> list[EditOutcome]:
        """Those after which the model did not answer the new object."""
        return [outcome for outcome in self.there if not outcome.success]
