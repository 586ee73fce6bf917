"""Wire models of stored views and of exports. Importing this loads no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shatterscope.wire.base import Wire
from shatterscope.wire.edits import MAX_EDITS, EditResult, EditSpec
from shatterscope.wire.measures import EvaluationResult, SiteShattering, TaskScore
from shatterscope.wire.pictures import DiagnosticsInfo
from shatterscope.wire.verdicts import VerdictsResult
from shatterscope.wire.world import AccuracyInfo

MAX_QUERY = 8000
MAX_LINK = MAX_QUERY + 300  # with the server's address
PAGES = ("/", "/compare", "/reproduce")


def _text(value: str) -> str:
    """Without surrounding blanks; refused where it holds characters that no one can see."""
    if any(not (character.isprintable() or character == "\n") for character in value):
        raise ValueError("write plain text, without control characters")
    return value.strip()


# --- views -----------------------------------------------------------------------------------------------------------


class ViewAddress(Wire):
    """Where a view is: a page of the dashboard and its query."""

    path: Literal["/", "/compare", "/reproduce"] = "/"
    query: str = Field(default="", max_length=MAX_QUERY, pattern=r"^(\?[!-~]*)?$", description="`?…`, or empty")


class NewView(Wire):
    state: ViewAddress
    title: Annotated[str, AfterValidator(_text)] | None = Field(
        default=None, max_length=100, description="with a title the view is in the gallery"
    )
    note: Annotated[str, AfterValidator(_text)] = Field(default="", max_length=1000)
    checkpoint: str | None = Field(default=None, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{12,64}$", description="of the checkpoint's weights, or how it begins"
    )


class View(NewView):
    id: str
    created: str = Field(description="UTC, ISO 8601")


class ViewCreated(View):
    token: str | None = Field(description="deletes the view; null for a view without a title, which many may share")


# --- exports ---------------------------------------------------------------------------------------------------------


class ExportRequest(Wire):
    """One picture before and after edits, and everything measured. No edits: the unedited model."""

    checkpoint: str
    edits: list[EditSpec] = Field(default_factory=list, max_length=MAX_EDITS)
    relation: str
    site: str | None = Field(default=None, description="default: the last layer's resid_post")
    method: Literal["isomap", "pca"] = "isomap"
    dimensions: Literal[2, 3] = 3
    n_neighbors: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = "auto"
    align: Literal["none", "procrustes", "shared"] = "procrustes"
    wording: int | None = Field(
        default=None,
        ge=0,
        description="of a language model: which of the relation's wordings; null: the mean over all of them",
    )
    link: str | None = Field(default=None, max_length=MAX_LINK, description="of the view, to be written down with it")


class ExportProvenance(Wire):
    """What it takes to compute the same numbers again."""

    created: str = Field(description="UTC, ISO 8601")
    link: str | None
    checkpoint: str
    checkpoint_sha256: str = Field(description="of the weights")
    edit: str | None = Field(description="id: hash of the weights and the complete edits; null for the unedited model")
    edits: list[EditSpec] = Field(description="complete, every default filled in")
    relation: str
    wording: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of a language model: the one that is drawn; left out: the mean over all of them",
    )
    site: str
    projection: str
    dimensions: int
    n_neighbors_asked: int | Literal["auto"]
    n_neighbors: int | None = Field(description="that was used, the same before and after; null for PCA")
    align: str
    contexts: int = Field(description="random contexts put before every query; none before those of a language model")
    queries: int | Literal["all"] = Field(description="drawn per task and order")
    seed: int
    versions: dict[str, str]
    paper: str


class Coordinates(Wire):
    """A row for each entity of the relation's picture."""

    entities: list[int] | None = Field(default=None, description="which; null: all of them, in order")
    names: list[str] | None = Field(default=None, description="of the same, where entities have names")
    place: list[int] = Field(description="in the order of the group's colours, on a ring the place on it")
    before: list[list[float]]
    after: list[list[float]]


class Export(Wire):
    provenance: ExportProvenance
    accuracy: AccuracyInfo = Field(description="of the unedited model, every bare question asked")
    unedited: list[TaskScore] = Field(description="the same over the sampled questions that `evaluation` asks")
    edit: EditResult | None
    evaluation: EvaluationResult | None
    sites: list[SiteShattering] | None = Field(
        default=None,
        description="R at every site, over the entities and relations of `evaluation`; null without an edit, and of a language model that is played back",
    )
    diagnostics: dict[Literal["before", "after"], DiagnosticsInfo]
    verdicts: VerdictsResult
    coordinates: Coordinates
