"""What is said of a picture follows from its verdict, whatever the checkpoint, the relation and the place."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest
from dash import html
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit import pictures
from shatterscope.app.kit.state import ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.reproduce import sentences
from shatterscope.wire.base import Array
from shatterscope.wire.pictures import DiagnosticsInfo, ProjectionResult, ShapeInfo, UnmovedInfo
from shatterscope.wire.world import CheckpointInfo, RingInfo, Verdict, WorldInfo

VERDICTS = get_args(Verdict)


def result(
    before: Verdict, after: Verdict, *, edit: str | None = "e", site: str = "resid_post.1", relation: str = "I_C1"
) -> ProjectionResult:
    def diagnostics(verdict: Verdict) -> DiagnosticsInfo:
        shape = ShapeInfo(
            verdict=verdict, pieces=3 if verdict == "pieces" else 1, winding=1, roundness=0.5, overlap=0.1, crossings=1, step=0.1, loop=0.5,
            gap=0.9, gap_by_chance=0.6,
        )  # fmt: skip
        return DiagnosticsInfo(
            residual_variance=0.049, graph_components=1, n_neighbors=3, ring_neighbor_share=1, winding=1, shape=shape
        )

    array = Array(shape=[0, 2], bdata="")
    return ProjectionResult(
        id="p", checkpoint="rings-small", edit=edit, relation=relation, site=site, method="isomap", dimensions=2, align="none", before=array,
        after=array, order_position=[], diagnostics={"before": diagnostics(before), "after": diagnostics(after)}, seconds=0,
    )  # fmt: skip


def text(parts: Any) -> str:
    if isinstance(parts, list):
        return "".join(map(text, parts))
    return parts if isinstance(parts, str) else text(parts.children)


def links(parts: list[Any]) -> list[str]:
    return [part.href for part in parts if isinstance(part, html.A)]


@pytest.fixture
def checkpoints(client: TestClient) -> list[CheckpointInfo]:
    return [CheckpointInfo.model_validate(each) for each in client.get("checkpoints").json()]


@pytest.mark.parametrize(("before", "after"), list(product(VERDICTS, VERDICTS)))
def test_only_a_ring_is_called_one_and_only_pieces_are(before: Verdict, after: Verdict) -> None:
    said = pictures.caption(result(before, after), "after")
    assert ("still a ring" in said or "become a ring" in said) == (after == "ring")
    assert ("pieces" in said) == (after == "pieces")
    assert ("point" in said) == (after == "point")
    assert "closed ring" not in said


def test_the_words_of_a_story() -> None:
    assert pictures.shows(result("ring", "ring"), "before") == "A ring."
    assert pictures.shows(result("ring", "ring"), "after") == "It is still a ring."
    assert pictures.shows(result("ring", "pieces"), "after") == "The ring has come apart into 3 pieces."
    assert pictures.shows(result("ring", "knot"), "after") == "The ring has become a knot."
    assert pictures.shows(result("line", "line", edit=None), "after") == "A line, not a ring."
    assert "the picture misses 4.9\u00a0% of the distance structure" in pictures.caption(
        result("ring", "ring"), "before"
    )
    said = pictures.caption(result("point", "point", site="embed"), "before")
    assert said.startswith("All entities lie on one point")
    assert "attention" in said
    assert "misses" not in said


def test_a_picture_that_changed_by_a_few_points_says_so() -> None:
    def told(alone: Verdict, moved: int = 1) -> str:
        knot = result("ring", "knot")
        shape = result("ring", alone).diagnostics["after"].shape
        info = UnmovedInfo(moved=moved, shape=shape)
        found = knot.model_copy(update={"unmoved": info, "order_position": [0, 1, 2]})
        assert pictures.others(found, "after") == (f", the {3 - moved} others still a ring" if alone == "ring" else "")
        return pictures.shows(found, "after")

    assert told("ring") == "The ring has become a knot. Only 1 of 3 entities has moved; the others are still a ring."
    assert told("ring", 2).endswith("Only 2 of 3 entities have moved; the others are still a ring.")
    assert told("line").endswith("Only 1 of 3 entities has moved; the picture hung on it.")
    assert "moved" not in pictures.shows(result("ring", "knot"), "after")


@given(st.lists(st.sampled_from(VERDICTS)))
def test_all_are_counted(verdicts: list[Verdict]) -> None:
    said = pictures.counted(verdicts)
    assert sum(int(part.split()[0]) for part in filter(None, said.split(", "))) == len(verdicts)


def world(client: TestClient, checkpoint: CheckpointInfo) -> World:
    return World(WorldInfo.model_validate(client.get(f"checkpoints/{checkpoint.id}/world").json()))


def test_the_invitation_says_what_is_there_and_leads_to_a_ring(
    checkpoints: list[CheckpointInfo], client: TestClient
) -> None:
    worlds = {each.id: world(client, each) for each in checkpoints}
    best = pictures.clearest(checkpoints)
    assert best is not None
    for checkpoint, relation, verdict in product(checkpoints, ("I_C1", "II_C2", "III_A4"), VERDICTS):
        rings = [name for name, each in (checkpoint.rings.shape or {}).items() if each == "ring"]
        shown = result(verdict, verdict, edit=None, relation=relation)
        parts = views.invitation(shown, 5, checkpoint, checkpoints, worlds[checkpoint.id])
        assert ("learned where every entity stands" in text(parts)) == (verdict == "ring")
        assert "Apply edit" in text(parts)
        assert ("Tell it instead" in text(parts)) == (checkpoint.id == "rings-notes")
        if verdict == "ring":
            assert links(parts) == []
            continue
        (link,) = links(parts)
        there = checkpoint if rings else best
        view, notices = ViewState.from_query(link.removeprefix("/?"))
        assert (view.checkpoint, notices) == (there.id, [])
        assert (there.rings.shape or {})[view.relation] == "ring"


def test_a_checkpoint_with_few_rings_says_where_there_are_more(checkpoints: list[CheckpointInfo]) -> None:
    best = pictures.clearest(checkpoints)
    assert best is not None
    for checkpoint in checkpoints:
        parts = sentences.clearer_rings(checkpoint.id, checkpoints)
        if checkpoint.id == best.id:
            assert parts == []
        else:
            assert f"c={best.id}" in links(parts)[0]
            assert text(parts).startswith("None of" if checkpoint.rings.closed == 0 else "Only")
    assert pictures.clearest([]) is None


def test_a_checkpoint_that_was_not_judged_claims_nothing(checkpoints: list[CheckpointInfo], client: TestClient) -> None:
    old = checkpoints[0].model_copy(
        update={"rings": RingInfo(**{**checkpoints[0].rings.model_dump(), "shape": None, "closed": None})}
    )
    assert pictures.clearest([old]) is None
    assert sentences.clearer_rings(old.id, [old]) == []
    assert "Apply edit" in text(views.invitation(result("knot", "knot", edit=None), 0, old, [old], world(client, old)))
