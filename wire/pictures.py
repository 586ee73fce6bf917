"""Representations, and the pictures of them before and after."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shatterscope.wire.base import Array, Wire
from shatterscope.wire.world import Verdict

MAX_STRENGTHS = 41  # in one request: a slider from 0 to 2 by 0.05
ENTITIES = Field(
    default=None,
    description="which entity each row of the points is; null: all of them, in order. Only those are drawn of which the relation is a question",
)
PLACES = Field(
    description="the place of each row's entity in the order of the group's colours, on a ring the place on it"
)


class ActivationRequest(Wire):
    checkpoint: str
    edit: str | None = None
    relation: str
    site: str | None = Field(default=None, description="default: the last layer's resid_post")
    wording: int | None = Field(
        default=None,
        ge=0,
        description="of a language model: which of the relation's wordings; null: the mean over all of them",
    )


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


class ShapeInfo(Wire):
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


class StatisticInfo(Wire):
    """A number that a judgement rests on, and what chance gives."""

    name: str
    title: str
    sentence: str = Field(description="what it says, for a layman")
    value: float = Field(description="1 at best")
    chance: float = Field(description="the mean over 99 shuffles of the entities")
    chance_95: float = Field(description="below which 95 of 100 shuffles stay")


class JudgementInfo(Wire):
    """Whether a picture still has the shape of its group, where that is no ring."""

    kind: str = Field(description="the shape of the group")
    word: str = Field(description="the kind where it still has it; else bent, frayed, point or none")
    title: str
    sentence: str = Field(description="what the word means, for a layman")
    statistics: list[StatisticInfo]


class DiagnosticsInfo(Wire):
    """Of one picture. A neighbour graph that falls apart is a finding, returned as data."""

    residual_variance: float = Field(description="1 - r^2 between the distances to be kept and those of the picture")
    graph_components: int | None = Field(description="components of the neighbour graph before stitching; null for PCA")
    n_neighbors: int | None = Field(description="null for PCA")
    ring_neighbor_share: float = Field(
        description="share of each point's two nearest neighbours within 2 ring steps, in the full space"
    )
    winding: int = Field(description="turns round the centre while going once round the ring, as under `shape`")
    shape: ShapeInfo = Field(description="as a ring; of a group of another shape `judgement` tells")
    judgement: JudgementInfo | None = Field(
        default=None, description="null where the group is a ring, of enough entities to be judged"
    )


class UnmovedInfo(Wire):
    """The entities that stand where they stood before the edit, drawn without the few that moved."""

    moved: int = Field(description="entities that moved, by more than a tenth of a ring step")
    shape: ShapeInfo


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
    entities: list[int] | None = ENTITIES
    order_position: list[int] = PLACES
    diagnostics: dict[Literal["before", "after"], DiagnosticsInfo]
    unmoved: UnmovedInfo | None = Field(
        default=None,
        description="where the picture of a ring no longer shows what it did and few entities moved: whether it is the picture of the others that changed",
    )
    seconds: float


class StrengthsRequest(ProjectionRequest):
    edit: str = Field(
        description="id of an edit, as returned by POST /edits; its last step is drawn at other strengths"
    )
    strengths: list[Annotated[float, Field(ge=-4.0, le=4.0)]] = Field(min_length=1, max_length=MAX_STRENGTHS)


class StatisticValue(Wire):
    name: str
    title: str
    value: float = Field(description="1 at best")


class StrengthPicture(Wire):
    strength: float
    after: Array | None = Field(description="null where so strong an edit leaves no finite numbers to draw")
    statistics: list[StatisticValue] = Field(
        default=[], description="those of POST /verdicts that follow the strength, of this picture"
    )


class StrengthsResult(Wire):
    checkpoint: str
    edit: str
    relation: str
    site: str
    method: str
    dimensions: int
    align: str
    before: Array
    entities: list[int] | None = ENTITIES
    order_position: list[int] = PLACES
    pictures: list[StrengthPicture] = Field(description="in the order asked for, each of a real model")
    seconds: float
