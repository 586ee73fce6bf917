"""Wire models of the reproduction: the paper's tables and figures from the rows of sweeps, and two looks inside the unedited model.

A report is computed from rows alone: of a sweep that is still running it holds what is there so far. Changes of accuracy are fractions
(-0.22 is 22 points lost). `paper` is the paper's own number for the same thing, in the same unit; null where the paper has none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas import Array, SubGraph, Verdict, Wire
from backend.sweep_schemas import SweepRequest, Versions

PaperTask = Literal["direct", "logical", "compositional"]
Kind = Literal["counterfactual", "corrective"]


class Spread(Wire):
    """Over edits: mean, standard deviation (null for one edit) and their number."""

    mean: float
    deviation: float | None
    n: int


class MethodKey(Wire):
    method: str
    preset: str


class AccuracyCell(MethodKey):
    """The paper's Table 1: change of accuracy by kind of edit and task, the mean over the three orders; stated and held-out
    compositions together, by their number."""

    kind: Kind
    distance: int = Field(description="0 for corrective edits")
    task: PaperTask
    change: Spread
    paper: float | None


class ShatteringCell(MethodKey):
    """The paper's table of R(D*) by distance and sub-graph."""

    kind: Kind
    distance: int
    sub_graph: SubGraph
    shattering: Spread
    paper: float | None


class MethodCell(MethodKey):
    """The methods side by side: how often they wrote the fact, at what cost. Means over edits of one kind and distance."""

    kind: Kind
    distance: int
    success: Spread = Field(description="share of edits whose new object the edited model answers")
    relative_delta_norm: Spread
    shattering: Spread | None = Field(description="R, mean over the sub-graphs; null where none is finite")
    direct: Spread | None = Field(description="change of direct recall, mean over the orders")
    efficacy: Spread | None
    generality: Spread | None
    locality: Spread | None
    portability: Spread | None
    seconds: Spread = Field(description="of the edit alone")


class FitPoint(Wire):
    index: int = Field(description="of the row in its sweep")
    kind: Kind
    distance: int
    shattering: float = Field(description="R, mean over the sub-graphs")
    change: float = Field(description="of direct recall, mean over the orders")


class Fit(MethodKey):
    """R against the change of direct recall over single edits, with the least-squares line `change = intercept + slope * R`."""

    points: list[FitPoint]
    slope: float | None
    intercept: float | None
    r2: float | None = Field(description="null below three edits, or where nothing varies")
    paper_r2: float | None


class SequencePoint(Wire):
    """After this many edits of a sequence; means over its repetitions."""

    edits: int
    shattering: Spread | None = Field(description="R, mean over the sub-graphs; null where none is finite")
    accuracy: dict[PaperTask, Spread] = Field(description="itself, not its change; mean over the orders")
    holding: Spread = Field(description="share of the edits so far that the model answers now")
    written: Spread | None = Field(description="share of the edits since the point before that succeeded when made")


class SequenceCurve(MethodKey):
    kind: Kind
    distance: int
    unedited: dict[PaperTask, float]
    points: list[SequencePoint]
    collapse: int | None = Field(
        description="edits after which less than half of the unedited direct recall is left; null: not in this run"
    )


class Provenance(Wire):
    """Where the rows come from."""

    checkpoint: str
    checkpoint_sha256: str
    sweeps: list[str]
    arguments: list[str] | None = Field(
        default=None, description="of `shatterscope reproduce`, for the same sweep; null where its protocol is another"
    )
    seed: int
    edits_per_cell: int
    queries: int = Field(description="asked per task and order for every row")
    contexts: int
    device: str | None = Field(description="null before the first row, as `versions`")
    versions: Versions | None
    started: str | None = Field(description="ISO 8601, UTC: when the first row was finished")
    finished: str | None
    rows: int
    total: int = Field(description="rows there will be")
    left_out: int = Field(description="rows whose edits could not be made: they count in no table")


class Disagreement(Wire):
    """One of our numbers that differs from the paper's by more than twice our standard error."""

    what: str
    ours: float
    paper: float
    unit: Literal["points", "R"] = Field(description="of these numbers: percentage points, or R itself")
    difference: float = Field(description="ours - paper")
    standard_error: float = Field(description="of ours")


class Report(Wire):
    """Everything computed from the rows of one sweep: of single edits (`accuracy` to `fits`) or of sequences (`sequences`)."""

    accuracy: list[AccuracyCell]
    shattering: list[ShatteringCell]
    methods: list[MethodCell]
    fits: list[Fit]
    sequences: list[SequenceCurve]
    disagreements: list[Disagreement]
    provenance: Provenance


class Reproduction(Wire):
    """A run that ships with a checkpoint, and what to ask POST /sweeps for to run it again."""

    single: Report
    sequence: Report | None
    requests: list[SweepRequest] = Field(description="of single edits, then of sequences")
    findings: str = Field(description="Markdown: why our numbers differ from the paper's, as far as we found out")


class TracingRequest(Wire):
    """Causal tracing: answers to `y r' x r` when one part is replaced, and single activations are put back."""

    checkpoint: str
    facts: int = Field(default=100, ge=2, le=1000, description="facts the model answers right, drawn by `seed`")
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class Tracing(Wire):
    """How much of the right answer comes back when one activation of the clean run is put into the corrupted run:
    (restored - corrupted) / (clean - corrupted), of the mean probability of the true object (1: all of it, 0: nothing)."""

    checkpoint: str
    corrupted: Literal["subject", "relation"] = Field(description="what was replaced by another entity or relation")
    sites: list[str]
    positions: list[str] = Field(description="names of the prompt's tokens, in order")
    recovery: list[list[float]] = Field(description="site by position")
    standard_error: list[list[float]]
    clean: float = Field(description="mean probability of the true object")
    corrupted_probability: float
    n: int = Field(description="facts; fewer than asked for where the model answers fewer right")
    seconds: float


class KeysValuesRequest(Wire):
    checkpoint: str
    relation: str
    layer: int = Field(default=0, ge=0)


class KeysValues(Wire):
    """The MLP as a memory: what it is asked by (keys, after GELU) and what it answers (values, its output), one point per entity,
    each drawn by PCA on its own."""

    checkpoint: str
    relation: str
    layer: int
    keys: Array = Field(description="(n_entities, 2)")
    values: Array = Field(description="(n_entities, 2)")
    keys_variance: float = Field(description="share of the variance in the picture")
    values_variance: float
    distance_correlation: float | None = Field(
        description="Pearson's r between the distances of keys and of values, over `pairs` sampled pairs of entities; "
        "null where these do not vary"
    )
    pairs: int
    order_position: list[int]


class RingsRequest(Wire):
    """Relations before and after an edit, each by Isomap in two dimensions at its own automatic `n_neighbors`, of all entities;
    only some of these are handed out."""

    checkpoint: str
    edit: str
    relations: list[str] = Field(default=[], max_length=64, description="which, by name; empty: all")
    entities: int = Field(
        default=256, ge=16, le=4096, description="handed out of each ring, evenly spaced by ring position; at most all"
    )


class RingPicture(Wire):
    relation: str
    sub_graph: SubGraph
    n_neighbors: int
    before: Array = Field(description="(m, 2), in ring order")
    after: Array
    winding_before: int
    winding_after: int
    shape_before: Verdict
    shape_after: Verdict
    shattering: float


class Rings(Wire):
    checkpoint: str
    edit: str
    entities: int
    pictures: list[RingPicture]
    seconds: float
