"""Wire models of sweeps and jobs.

A sweep is a grid of edits (methods x kinds x edits per cell), each made alone on the unedited model, or, with `sequence`, edits made one
after another on the same model. Either is a job, and yields rows.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shatterscope.wire.base import Wire
from shatterscope.wire.edits import EditOutcome, RestraintSpec, named_restraint
from shatterscope.wire.measures import EditQuality, TaskScore

MAX_SEQUENCE = 1000
LAST = "resid_post.last"
"""Where R is read unless asked otherwise: the last layer's residual stream, by a name that fits every model."""

JobStatus = Literal["queued", "running", "paused", "done", "cancelled", "failed"]
ENDED: tuple[JobStatus, ...] = ("done", "cancelled", "failed")


class SweepMethod(Wire):
    """A method with its parameters: a preset (default: the method's), changed by `parameters`."""

    name: str
    preset: str | None = None
    layer: int | None = Field(default=None, ge=0)
    parameters: dict[str, Any] = Field(default_factory=dict)
    restraint: RestraintSpec | None = Field(default=None, description="as of an edit")
    implied: bool = Field(default=False, description="as of an edit: with all that it implies")
    edits: int | None = Field(
        default=None,
        ge=1,
        description="edits per cell by this method, if fewer than `edits_per_cell`; not of sequences",
    )

    @field_validator("restraint", mode="before")
    @classmethod
    def _name_is_restraint(cls, value: Any) -> Any:
        return named_restraint(value)


class SweepSequence(Wire):
    """Edits one after another: every cell of the grid is a sequence of `edits_per_cell` edits, measured after every `every`."""

    every: int = Field(default=10, ge=1, le=MAX_SEQUENCE, description="edits from one measurement to the next")
    repetitions: int = Field(default=1, ge=1, le=100, description="sequences per cell, of other facts each")


class SweepRequest(Wire):
    """Facts are drawn by `seed` from those that the unedited model answers right (for corrective edits: wrong), and are the same for
    every method and distance."""

    checkpoint: str
    methods: list[SweepMethod] = Field(
        min_length=1, max_length=64, description="names, or objects `{name, preset, layer, parameters}`"
    )
    distances: list[int] = Field(default=[1, 2, 3, 4], max_length=64, description="of counterfactual edits")
    corrective: bool = Field(default=True, description="corrective edits as well")
    edits_per_cell: int = Field(default=10, ge=1, le=1_000_000)
    corrective_edits: int | None = Field(
        default=None,
        ge=1,
        description="corrective edits per method, if fewer than `edits_per_cell`: a model that is seldom wrong has few",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    contexts: int = Field(default=5, ge=1, le=20, description="random contexts put before every query")
    queries: int = Field(
        default=100, ge=1, le=10_000, description="queries drawn per task and order, the same for every row"
    )
    sites: list[str] = Field(
        default=[LAST],
        min_length=1,
        max_length=16,
        description="where R is read, such as `attn_out.1`; `last` stands for the number of the last layer",
    )
    sequence: SweepSequence | None = None

    @field_validator("methods", mode="before")
    @classmethod
    def _names_are_methods(cls, value: Any) -> Any:
        return (
            [{"name": each} if isinstance(each, str) else each for each in value] if isinstance(value, list) else value
        )

    @model_validator(mode="after")
    def _something_to_do(self) -> SweepRequest:
        if not self.distances and not self.corrective:
            raise ValueError("nothing to do: give `distances`, or set `corrective`")
        if len(set(self.distances)) < len(self.distances):
            raise ValueError("`distances` has one of them twice")
        for i, method in enumerate(self.methods):
            if method.edits is not None and method.edits > self.edits_per_cell:
                raise ValueError(
                    f"`methods.{i}.edits` is {method.edits}: at most `edits_per_cell`, {self.edits_per_cell}"
                )
        if self.corrective_edits is not None and not self.corrective:
            raise ValueError("`corrective_edits` without corrective edits: set `corrective`, or leave it out")
        if self.corrective_edits is not None and self.corrective_edits > self.edits_per_cell:
            raise ValueError(
                f"`corrective_edits` is {self.corrective_edits}: at most `edits_per_cell`, {self.edits_per_cell}"
            )
        if self.sequence is not None and (self.corrective_edits or any(method.edits for method in self.methods)):
            raise ValueError(
                "all sequences are of `edits_per_cell` edits: leave `methods.edits` and `corrective_edits` out"
            )
        if self.sequence is not None and self.edits_per_cell > MAX_SEQUENCE:
            raise ValueError(f"a sequence has at most {MAX_SEQUENCE} edits, `edits_per_cell` is {self.edits_per_cell}")
        return self


class JobInfo(Wire):
    id: str
    kind: Literal["sweep"]
    checkpoint: str
    status: JobStatus
    done: int = Field(description="rows finished")
    total: int
    rate: float | None = Field(description="rows a second, of late; null while nothing runs")
    eta: float | None = Field(description="seconds left at this rate")
    error: str | None = Field(description="why it failed, and what to do")
    created: str
    request: SweepRequest


class JobCreated(JobInfo):
    token: str = Field(description="pauses, resumes and cancels the job, as `Authorization: Bearer <token>`")


class Estimate(Wire):
    value: float | None = Field(description="null where it is not finite")
    standard_error: float | None = Field(description="0 where all pairs were measured")


class RingShattering(Wire):
    """R(D*) at one site, from sampled pairs: means over the relations of each sub-graph."""

    edit: Estimate
    retain: Estimate | None
    test: Estimate | None
    n_pairs: int | None = Field(description="pairs sampled per relation; null: all pairs")


class SweepShattering(RingShattering):
    """R(D*) at the last layer's resid_post, and each relation's own."""

    per_relation: dict[str, Estimate]


class Holding(Wire):
    """How a sequence's edits fare."""

    after: int = Field(description="edits of the sequence so far")
    made: int = Field(description="those among them that could be made at all")
    written: float | None = Field(
        description="share of the edits since the row before that succeeded when they were made"
    )
    holding: float | None = Field(description="share of all edits so far that the model answers now")
    probability: float | None = Field(description="of their new objects, mean over all edits so far")


class Versions(Wire):
    shatterscope: str
    python: str
    torch: str
    numpy: str


class SweepRow(Wire):
    """One edit, or one measurement of a sequence, with everything measured. The address of a row is (sweep, `index`)."""

    sweep: str
    index: int
    checkpoint: str
    checkpoint_sha256: str
    method: str
    preset: str
    kind: Literal["counterfactual", "corrective"]
    distance: int = Field(description="as asked for; 0 for corrective edits")
    repetition: int = Field(description="number of the edit, or of the sequence, within its cell of the grid")
    edit: str | None = Field(description="id of the edit, for GET /edits/{id}; null in sequences")
    outcomes: list[EditOutcome] = Field(description="the edit; in a sequence, the edits since the row before")
    problems: list[str] = Field(description="edits that could not be made, and why")
    shattering: SweepShattering | None = Field(description="null where no edit could be made")
    sites: dict[str, RingShattering] = Field(
        default={},
        description="R at each site asked for; empty where no edit could be made, and in rows of versions that had one site",
    )
    measures: dict[str, float | None] = Field(
        default={},
        description="by name, the `value` as in POST /evaluations; empty where no edit could be made, and in rows of versions that did not have it",
    )
    scores: list[TaskScore]
    quality: EditQuality | None = Field(description="of the edits in `outcomes`")
    sequence: Holding | None
    edit_seconds: float
    measure_seconds: float
    seed: int
    contexts: int
    queries: int
    device: str
    versions: Versions
    finished: str = Field(description="ISO 8601, UTC")
