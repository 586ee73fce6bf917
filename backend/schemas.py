"""Wire models of the HTTP API: pydantic only, importing this loads no torch.

Entities are integers 0..n-1, relations names (`I_C2`), orders `I`, `II`, `III`; layers count from 0. Accuracies and probabilities
are fractions in [0, 1], times are seconds. Unknown fields are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_STRENGTHS = 41  # in one request: a slider from 0 to 2 by 0.05
MAX_EDITS = 64
MAX_STRENGTH = 4.0

Task = Literal["direct", "logical", "composition_stated", "composition_held_out"]
SubGraph = Literal["edit", "retain", "test"]
Verdict = Literal["ring", "line", "knot", "pieces", "point", "none"]


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


# --- checkpoints -----------------------------------------------------------------------------------------------------


class GraphInfo(Wire):
    kind: Literal["rings"] = "rings"
    n_entities: int
    n_orders: int
    n_hops: int
    orders: list[str]
    relations: list[str]


class ModelInfo(Wire):
    n_layers: int
    d_model: int
    n_heads: int
    n_params: int
    sites: list[str] = Field(description="sites whose activations can be asked for")
    default_site: str


class TrainingInfo(Wire):
    steps: int
    seconds: float
    device: str
    seed: int


class AccuracyInfo(Wire):
    """Accuracy of the unedited model by full enumeration of bare prompts, per order (`{"I": 0.99, ...}`)."""

    direct: dict[str, float]
    logical: dict[str, float]
    compositional: dict[str, float] = Field(description="stated and held-out compositions together")
    composition_stated: dict[str, float]
    composition_held_out: dict[str, float]


class RingInfo(Wire):
    """How ring-like the representations are (last layer's resid_post, at the relation token)."""

    neighbor_share: dict[str, float] = Field(
        description="per relation: share of each representation's two nearest neighbours within 2 ring steps"
    )
    winding: dict[str, int] = Field(description="per relation: winding number of the 2D Isomap against ring position")
    n_neighbors: dict[str, int] = Field(description="per relation: the automatic n_neighbors")
    shape: dict[str, Verdict] | None = Field(
        description="per relation: what its 2D Isomap shows; null where it was not judged: `shatterscope checkpoints --judge`"
    )
    closed: int | None = Field(
        description="number of relations whose Isomap shows a ring; null where it was not judged: `shatterscope checkpoints --judge`"
    )


class CheckpointInfo(Wire):
    id: str
    title: str
    note: str = Field(description="what this checkpoint is, one or two sentences for the page")
    graph: GraphInfo
    model: ModelInfo
    training: TrainingInfo
    default: bool
    accuracy: AccuracyInfo
    rings: RingInfo
    opening: str = Field(
        description="the relation that the page opens on: one whose picture was a ring when it was trained, else the first"
    )
    sha256: str


class Answer(Wire):
    object: int
    probability: float


class FactInfo(Wire):
    checkpoint: str
    edit: str | None = None
    subject: int
    relation: str
    relation2: str | None = Field(default=None, description="second relation of a composition")
    object: int = Field(description="the truth")
    prediction: int
    probability: float = Field(description="of the truth")
    stated: bool = Field(description="seen in training")
    top: list[Answer]


class WrongFact(Wire):
    """A fact the model gets wrong: a candidate for a corrective edit."""

    subject: int
    relation: str
    object: int
    prediction: int
    probability: float = Field(description="of the truth")
    stated: bool


class ErrorList(Wire):
    total: int = Field(description="number of wrong facts among all single facts")
    errors: list[WrongFact]


# --- editors and edits -----------------------------------------------------------------------------------------------


class Preset(Wire):
    name: str
    summary: str
    parameters: dict[str, Any]


class EditorInfo(Wire):
    name: str
    title: str
    summary: str
    formula: str
    reference: str
    layers: list[int] | None = Field(default=None, description="layers it can edit; null: any")
    default_layer: int
    batches: bool = Field(default=False, description="writes many facts as one edit: consecutive edits marked `batch`")
    default_preset: str
    presets: list[Preset]
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters, with defaults")


class EditSpec(Wire):
    """One edit. Give the new object either by `object` or by `distance` (steps clockwise from the true object)."""

    subject: int = Field(ge=0)
    relation: str
    object: int | None = Field(default=None, ge=0)
    distance: int | None = None
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

    @model_validator(mode="after")
    def _one_target(self) -> EditSpec:
        if (self.object is None) == (self.distance is None):
            raise ValueError("give exactly one of `object` and `distance`")
        return self


class EditRequest(Wire):
    checkpoint: str
    edits: list[EditSpec] = Field(min_length=1, max_length=MAX_EDITS)


class Course(Wire):
    """How the optimisation of one edit went: before any update and after each, arrays of one length; in rows of sweeps, the end
    alone. It does not depend on the strength."""

    ended: Literal["reached", "settled", "steps"] = Field(
        description="reached: the loss fell below `early_stop_loss`; settled: the new object led and the neutral prompt had hardly moved (PMET's "
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


class EditOutcome(Wire):
    """What one edit of a stack did; `spec` is complete (every default filled in)."""

    spec: EditSpec
    old_object: int = Field(description="the true object")
    new_object: int
    prediction_before: int
    prediction_after: int
    distance: int = Field(
        description="steps between old and new object, the shorter way round; 0 for a corrective edit"
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
    course: Course | None = Field(
        default=None,
        description="of the optimisation, in rows of sweeps its end alone; null where nothing was optimised",
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


# --- representations -------------------------------------------------------------------------------------------------


class ActivationRequest(Wire):
    checkpoint: str
    edit: str | None = None
    relation: str
    site: str | None = Field(default=None, description="default: the last layer's resid_post")


class Activations(Wire):
    checkpoint: str
    edit: str | None
    relation: str
    site: str
    values: Array


class ProjectionRequest(ActivationRequest):
    method: Literal["isomap", "pca"] = "isomap"
    dimensions: Literal[2, 3] = 3
    n_neighbors: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = "auto"
    align: Literal["none", "procrustes", "shared"] = "procrustes"


class Shape(Wire):
    """What a picture shows, and what that rests on. Only a picture that passes every test is a ring."""

    verdict: Verdict = Field(
        description="ring: one closed, clean loop; line: straight or bent, also a ring pressed flat; knot: crosses or lies on itself; pieces: has "
        "come apart; point: all representations are alike; none: no clear shape"
    )
    pieces: int = Field(description="of the neighbour graph, or of the picture where that has more")
    winding: int = Field(
        description="turns round the centre; by itself no sign of a ring, shuffled points often turn once"
    )
    roundness: float = Field(description="the second principal axis as a share of the first")
    overlap: float = Field(description="share of points that lie on a part of the ring more than an eighth away")
    crossings: int = Field(description="with such parts, in the plane of the principal axes")
    step: float = Field(
        description="mean distance of ring neighbours as a share of that of any two points; 1 by chance"
    )
    loop: float = Field(
        description="life of the longest-lived H1 loop of 64 landmarks, as a share of the picture; 0.8 for a circle"
    )
    gap: float = Field(description="(l1 - l2) / l1 of the two longest-lived H1 loops; 1 for a single one")
    gap_by_chance: float = Field(description="the largest gap of 19 shapeless clouds of as many points")


class Diagnostics(Wire):
    """Of one picture. A neighbour graph that falls apart is a finding, returned as data."""

    residual_variance: float = Field(description="1 - r^2 between the distances to be kept and those of the picture")
    graph_components: int | None = Field(description="components of the neighbour graph before stitching; null for PCA")
    n_neighbors: int | None = Field(description="null for PCA")
    ring_neighbor_share: float = Field(
        description="share of each point's two nearest neighbours within 2 ring steps, in the full space"
    )
    winding: int = Field(description="turns round the centre while going once round the ring, as under `shape`")
    shape: Shape


class ProjectionResult(Wire):
    id: str = Field(description="hash of all that it depends on; GET /projections/{id} while the server has it")
    checkpoint: str
    edit: str | None
    relation: str
    site: str
    method: str
    dimensions: int
    align: str
    before: Array
    after: Array
    order_position: list[int]
    diagnostics: dict[Literal["before", "after"], Diagnostics]
    seconds: float


class StrengthsRequest(ProjectionRequest):
    edit: str = Field(
        description="id of an edit, as returned by POST /edits; its last step is drawn at other strengths"
    )
    strengths: list[Annotated[float, Field(ge=-4.0, le=4.0)]] = Field(min_length=1, max_length=MAX_STRENGTHS)


class StrengthPicture(Wire):
    strength: float
    after: Array | None = Field(description="null where so strong an edit leaves no finite numbers to draw")


class StrengthsResult(Wire):
    checkpoint: str
    edit: str
    relation: str
    site: str
    method: str
    dimensions: int
    align: str
    before: Array
    order_position: list[int]
    pictures: list[StrengthPicture] = Field(description="in the order asked for, each of a real model")
    seconds: float


# --- evaluation ------------------------------------------------------------------------------------------------------


class Questions(Wire):
    """Which sampled questions are asked: the same numbers mean the same questions."""

    contexts: int = Field(default=5, ge=1, le=20, description="random contexts put before every query")
    queries: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["all"] = Field(
        default=200, description="queries drawn per task and order; `all`: every one"
    )
    seed: int = Field(default=0, ge=0, le=2**63 - 1)


class EvaluationRequest(Questions):
    checkpoint: str
    edit: str | None = Field(
        description="null: the unedited model, whose scores are those that every edit has as `before`"
    )


class Change(Wire):
    before: float
    after: float
    change: float


class TaskScore(Wire):
    task: Task
    order: str
    sub_graph: SubGraph | None = Field(description="null without an edit")
    accuracy: Change
    probability: Change
    n_queries: int
    n_available: int = Field(description="queries there are; n_queries = n_available means full enumeration")
    n_contexts: int


class Shattering(Wire):
    """R(D*) = ||D* - D0||_F / ||D0||_F over all pairs of entities, at the last layer's resid_post."""

    per_relation: dict[str, float]
    edit: float = Field(description="mean over the relations of the last edit's order; 0 without an edit")
    retain: float | None = Field(description="mean over those of the next order; null where there is none")
    test: float | None = Field(description="mean over those of all other orders; null where there are none")
    n_entities: int


class SitesRequest(Wire):
    checkpoint: str
    edit: str = Field(description="id of an edit, as returned by POST /edits")
    sites: Annotated[list[str], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="null: all sites of the model"
    )


class SiteShattering(Wire):
    """R at one site, means as in `Shattering`. null where it is not defined (the unedited representations are all alike) or not finite, and where
    there is no such ring."""

    site: str
    edit: float | None
    retain: float | None
    test: float | None


class SitesResult(Wire):
    """R of one edit at each site: the same relations and entities for all, at the relation token of the prompt `entity relation`."""

    checkpoint: str
    edit: str
    sites: list[SiteShattering] = Field(description="in the order of the computation, or as asked for")
    n_entities: int = Field(description="that each R is over")
    n_relations: int = Field(description="of each ring, that each mean is over")
    seconds: float


class PlacementsRequest(Questions):
    """Which edit is made at every layer and token: the last that is there (not at strength 0) of a stack, on top of those before it. Give the stack by
    exactly one of `edit` and `edits`."""

    checkpoint: str
    edit: str | None = Field(default=None, description="id of an edit, as returned by POST /edits")
    edits: Annotated[list[EditSpec], Field(min_length=1, max_length=MAX_EDITS)] | None = Field(
        default=None, description="as in POST /edits; the last may name a place where its method cannot make it"
    )


class PlacementRecall(Wire):
    """Accuracy of direct recall, before all edits of the stack and after; `all` is the mean over the rings, null where there is no such ring."""

    all: Change | None
    edit: Change | None
    retain: Change | None
    test: Change | None


class PlacementMade(Wire):
    """The edit made at one place. Of a batch, whose facts are written together, `prediction`, `rank`, `probability` and `ended` are of its last fact."""

    edit: str = Field(description="id of the whole stack with the edit at this place")
    success: bool = Field(description="the edited model answers the new object; of a batch, each of them")
    taken: int = Field(description="facts, of those written together, that the edited model answers so")
    prediction: int = Field(description="what the edited model answers")
    rank: int = Field(description="of the new object among all tokens, on the bare prompt; 1 where it leads")
    probability: float | None = Field(description="of the new object; null where it is no finite number")
    ended: Literal["reached", "settled", "steps"] | None = Field(
        description="how the optimisation ended, as in `Course`; null where nothing was optimised"
    )
    steps: int = Field(description="optimisation steps taken, over all facts of a batch")
    shattering: SiteShattering = Field(description="R(D*) where POST /evaluations reads it")
    recall: PlacementRecall


class Placement(Wire):
    """One layer and token; exactly one of `made` and `refused` is there."""

    layer: int
    token: Literal["relation", "subject"]
    own: bool = Field(description="where the edit is made as it was asked about")
    refused: str | None = Field(description="why the edit cannot be made here, in its method's words")
    made: PlacementMade | None


class PlacementsResult(Wire):
    """Where one fact can be written. Layer and token differ and nothing else: method, parameters, strength and the edits before are the same at every
    place. Changes are from the unedited model, as in POST /evaluations."""

    checkpoint: str
    spec: EditSpec = Field(description="the edit that was asked about, complete, at its own place")
    facts: int = Field(description="written together by it; 1 unless it is a batch")
    before: int = Field(description="edits that are there before it")
    placements: list[Placement] = Field(description="by layer, at the relation's token and at the subject's")
    n_entities: int = Field(description="that each R is over")
    n_relations: int = Field(description="of each ring, that each mean of R is over")
    n_queries: int = Field(description="of direct recall, over all rings")
    n_contexts: int = Field(description="random contexts that each is asked behind")
    seconds: float


class Movement(Wire):
    """What moved, in units of the distance between ring neighbours before the edit, at the last layer's resid_post; medians over the entities.

    Recall falls with `moved`, since answers are read off fixed directions, however whole the ring; the shape breaks with `strain`.
    """

    moved: float | None = Field(description="how far a representation moved; null where it is not finite")
    strain: float | None = Field(
        description="how much the step from a ring neighbour to the next changed, once the ring is turned back; 0: it moved as a whole"
    )


class Movements(Wire):
    """Means over the relations of each sub-graph, as in `Shattering`, and each relation's own."""

    per_relation: dict[str, Movement]
    edit: Movement
    retain: Movement | None
    test: Movement | None
    n_entities: int


class DamageBin(Wire):
    """Entities at these ring distances from the edited subject, in the edited relation's order."""

    distance_from: int
    distance_to: int
    displacement: float = Field(
        description="mean distance an entity's representation moved, over the mean distance of two ring neighbours"
    )
    accuracy: Change = Field(description="of the edited relation's own facts")
    n_entities: int


class RippleFact(Wire):
    """A fact that stands in a logical relation to the last edit."""

    kind: Literal["implied", "contradicted"]
    explanation: str
    subject: int
    relations: list[str] = Field(description="one relation, or two for a composition")
    truth: int = Field(description="in the unedited world")
    expected: int = Field(description="if the new fact held")
    before: Answer
    after: Answer


class WantedAnswers(Wire):
    """Of questions with a wanted answer: the share answered so, and the mean probability of what is wanted."""

    accuracy: Change
    probability: Change
    n_queries: int


class EditQuality(Wire):
    """Edit quality as the field measures it, over all edits of the stack; null where there is nothing to ask."""

    efficacy: WantedAnswers | None = Field(description="the new facts themselves")
    generality: WantedAnswers | None = Field(description="the new facts behind random true contexts")
    locality: WantedAnswers | None = Field(description="unrelated facts: the unedited model's answer, right or wrong")
    portability: WantedAnswers | None = Field(
        description="facts that follow from the new ones, answered as if these held"
    )


class EvaluationResult(Wire):
    """Without an edit nothing has moved, before and after are the same, and there is neither damage nor ripples nor quality."""

    checkpoint: str
    edit: str | None
    scores: list[TaskScore]
    shattering: Shattering
    movement: Movements
    damage: list[DamageBin]
    ripples: list[RippleFact]
    quality: EditQuality | None = None
    seconds: float


# --- rooms -----------------------------------------------------------------------------------------------------------


class RoomToken(Wire):
    """`expires`: when the room ends by itself, and the token with it."""

    presenter_token: str
    expires: str


class RoomCreated(RoomToken):
    id: str
    audience_url: str


class RoomInfo(Wire):
    id: str
    audience_url: str
    revision: int
    followers: int
    created: str
    expires: str


class RoomQuestion(Wire):
    """A step of a lesson that asks the audience something."""

    lesson: str = Field(min_length=1, max_length=64)
    step: int = Field(ge=0, le=999)


class RoomState(Wire):
    state: dict[str, Any]
    shown: RoomQuestion | None = Field(default=None, description="the question whose counts the followers see")


class RoomRevision(Wire):
    revision: int


class RoomHandover(Wire):
    """A link that makes whoever opens it the presenter, once."""

    code: str
    url: str
    seconds: float


class RoomClaim(Wire):
    code: str = Field(min_length=1, max_length=128)


class RoomAnswer(RoomQuestion):
    choice: int = Field(ge=0, le=15)
    voter: str = Field(
        min_length=8,
        max_length=64,
        description="a name drawn at random by the page: one answer each, the latest counts",
    )


# --- errors ----------------------------------------------------------------------------------------------------------


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
