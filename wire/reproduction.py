"""Wire models of the reproduction: the paper's tables and figures from the rows of sweeps, and two looks inside the unedited model.

A report is computed from rows alone: of a sweep that is still running it holds what is there so far. Changes of accuracy are fractions
(-0.22 is 22 points lost). `paper` is the paper's own number for the same thing, in the same unit; null where the paper has none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Array, SubGraph, Token, Wire
from shatterscope.wire.pictures import ENTITIES
from shatterscope.wire.sweeps import LAST, SweepRequest, Versions
from shatterscope.wire.world import Verdict

PaperTask = Literal["direct", "logical", "compositional"]
Measure = Literal["argmax", "probability"]
"""What an accuracy is: the share of questions whose most probable entity is the truth, or the truth's mean probability."""
Kind = Literal["counterfactual", "corrective"]


class Spread(Wire):
    """Over edits: mean, standard deviation (null for one edit) and their number."""

    mean: float
    deviation: float | None
    n: int


class MethodKey(Wire):
    method: str
    preset: str
    token: Token = Field(default="relation", description="at which this preset edits")


class AccuracyCell(MethodKey):
    """The paper's Table 1: change of accuracy by kind of edit and task, the mean over the three orders; stated and held-out
    compositions together, by their number."""

    kind: Kind
    distance: int = Field(description="0 for corrective edits")
    task: PaperTask
    change: Spread
    probability: Spread | None = Field(default=None, description="change of the mean probability of the truth")
    paper: float | None


class ShatteringCell(MethodKey):
    """The paper's table of R(D*) by distance and sub-graph, at each site. The paper does not name its own."""

    kind: Kind
    distance: int
    site: str = LAST
    sub_graph: SubGraph
    shattering: Spread
    paper: float | None


class MethodCell(MethodKey):
    """The methods side by side: how often they wrote the fact, at what cost. Means over edits of one kind and distance."""

    kind: Kind
    distance: int
    success: Spread = Field(description="share of edits whose new object the edited model answers")
    reached: Spread | None = Field(
        default=None,
        description="share of edits whose optimisation came to its stop before its steps were used up; null where rows do not tell",
    )
    relative_delta_norm: Spread
    shattering: Spread | None = Field(
        description="R at the last layer's resid_post, mean over the sub-graphs; null where none is finite"
    )
    sites: dict[str, Spread] = Field(default={}, description="the same at each site")
    direct: Spread | None = Field(description="change of direct recall, mean over the orders")
    direct_probability: Spread | None = Field(default=None, description="the same by the mean probability of the truth")
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
    probability: float | None = Field(
        default=None, description="change of the mean probability of the truth, of the same questions"
    )
    success: bool = Field(default=True, description="the edit took")


class Line(Wire):
    """The least-squares line `change = intercept + slope * R`; nulls below three edits, or where nothing varies."""

    slope: float | None = None
    intercept: float | None = None
    r2: float | None = None


class FitInfo(MethodKey, Line):
    """R at one site against the change of direct recall over single edits; `probability` against that of the mean probability of the truth."""

    site: str = LAST
    points: list[FitPoint]
    probability: Line = Line()
    paper_r2: float | None


class EditGroup(Wire):
    """One of two groups of edits; shares of those that took, and of those whose optimisation came to its stop."""

    n: int
    mean: float
    taken: float
    reached: float | None


class Split(MethodKey):
    """Are the edits of a cell two groups? The best division of their values in two, and the share of the variance between its groups.

    That share is 2 / pi = 0.64 for values that form one bell and 0.75 for values spread evenly; two narrow groups come near 1. `two` where it is
    above 0.8 and each group has 5 % of the edits, and five of them at least (`backend/reproduction/split.py`).
    """

    kind: Kind
    distance: int
    of: Literal["shattering", "argmax", "probability"] = Field(
        description="R at `site`, or the change of direct recall"
    )
    site: str | None
    n: int
    explained: float
    two: bool
    low: EditGroup
    high: EditGroup


class Explained(Wire):
    """Something the paper reports, and at which of our tokens it is seen; `tokens` is empty where it is at neither."""

    site: str = Field(description="where R is read, in what is said of R")
    measure: Measure
    aspect: str
    tokens: list[Token]
    title: str
    text: str = Field(description="our numbers, preset by preset, and the paper's")


class SequencePoint(Wire):
    """After this many edits of a sequence; means over its repetitions."""

    edits: int
    shattering: Spread | None = Field(
        description="R at the last layer's resid_post, mean over the sub-graphs; null where none is finite"
    )
    sites: dict[str, Spread] = Field(default={}, description="the same at each site")
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
    edits: dict[str, int] = Field(default={}, description="the same by method")
    corrective_edits: int | None = Field(default=None, description="corrective edits per method, where these are fewer")
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
    measure: Measure | None = Field(default=None, description="of an accuracy; null for R")
    site: str | None = Field(default=None, description="of R; null for an accuracy")
    ours: float
    paper: float
    unit: Literal["points", "R"] = Field(description="of these numbers: percentage points, or R itself")
    difference: float = Field(description="ours - paper")
    standard_error: float = Field(description="of ours")


class Report(Wire):
    """Everything computed from the rows of one sweep: of single edits (`accuracy` to `explained`) or of sequences (`sequences`).

    `sites` are where R was read; `resid_post.last` is that of rows whose site has no name: the last layer's resid_post.
    """

    sites: list[str] = []
    accuracy: list[AccuracyCell]
    shattering: list[ShatteringCell]
    methods: list[MethodCell]
    fits: list[FitInfo]
    splits: list[Split] = []
    explained: list[Explained] = []
    sequences: list[SequenceCurve]
    disagreements: list[Disagreement] = Field(description="of accuracies by argmax, and of R at the first site")
    other_disagreements: list[Disagreement] = Field(
        default=[], description="of accuracies by the mean probability of the truth, and of R at the other sites"
    )
    provenance: Provenance

    def explained_at(self, site: str, measure: Measure) -> list[tuple[str, list[Explained]]]:
        """What is `explained` of R at a site and a measure, sorted by the tokens at which it is seen, under headings. A run of one token
        alone says nothing of the other."""
        edited = {each.token for each in self.methods}
        said = [each for each in self.explained if (each.site, each.measure) == (site, measure)]
        groups: list[tuple[str, set[Token]]] = [
            ("Seen at the subject's token alone", {"subject"}),
            ("Seen at the relation's token alone", {"relation"}),
            ("Seen at both", {"subject", "relation"}),
            ("Explained by neither", set()),
        ]
        if len(edited) == 1:
            token = next(iter(edited))
            groups = [(f"Seen at the {token}'s token", edited), (f"Not seen at the {token}'s token", set())]
        sorted_ = [(title, [each for each in said if set(each.tokens) & edited == tokens]) for title, tokens in groups]
        return [(title, members) for title, members in sorted_ if members]


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
    entities: list[int] | None = ENTITIES
    keys: Array = Field(description="(n, 2), a row an entity")
    values: Array = Field(description="(n, 2)")
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
    entities: list[int] | None = Field(
        default=None, description="which the rows are; null for a ring: its places in order"
    )
    before: Array = Field(description="(m, 2), in ring order, of another group in the order of its colours")
    after: Array
    winding_before: int
    winding_after: int
    shape_before: Verdict
    shape_after: Verdict
    judged_before: str | None = Field(default=None, description="of a group that is no ring: whether it has its shape")
    judged_after: str | None = None
    shattering: float


class RingsResult(Wire):
    checkpoint: str
    edit: str
    entities: int
    pictures: list[RingPicture]
    seconds: float
