"""Links say which weights they were made on, and one that cannot be shown here names what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from test_app_state import views

from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import VERSION, Offer, Opened, Pin, address, nearest, open_link, opening, pin, pinned
from shatterscope.app.kit.share import cite
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.pages.explore.shown import read
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.commands.edits import as_parameters
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

FAR = Edit(7, "I_C2", Target(40), "rome", 0, "tuned")


@pytest.fixture
def here(app: FastAPI) -> CheckpointInfo:
    return app.state.laboratory.checkpoints()[0]


@pytest.fixture
def editors(app: FastAPI) -> list[EditorInfo]:
    return app.state.laboratory.editors()


def other(here: CheckpointInfo, id: str, first: str, n_entities: int | None = None) -> CheckpointInfo:
    """A checkpoint like `here` under another name, with other weights (their hash begins with `first`)."""
    world = here.graph.model_copy(update={"n_entities": n_entities or here.graph.n_entities})
    return here.model_copy(update={"id": id, "sha256": first + here.sha256[1:], "default": False, "graph": world})


@given(view=views, digits=st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_a_pinned_link_is_the_same_view_and_says_its_weights(
    checkpoint: Checkpoint, view: ViewState, digits: str
) -> None:
    from shatterscope.backend import convert

    info = convert.checkpoint_info(checkpoint, True).model_copy(update={"sha256": digits})
    query = pinned(view.to_query(), info)
    assert ViewState.from_query(query) == (replace(view, checkpoint=info.id), [])
    world = info.graph
    assert Pin.from_query(query) == Pin(digits[:12], (world.n_entities, world.n_orders, world.n_hops), VERSION)
    assert pinned(query, info) == query, "pinning twice changes nothing"
    shown = address(view.to_query(), info)
    assert ViewState.from_query(shown) == (view, []), "the address bar shows the view as it is"
    assert Pin.from_query(shown).sha256 == (digits[:12] if view.edits else None), "edits are made on weights"


@given(st.text(max_size=200))
def test_any_query_is_read_for_its_pin(query: str) -> None:
    Pin.from_query(query)


@given(st.text(alphabet="hver=0123456789abcdef~&", max_size=60))
def test_what_pins_a_link_is_legible_or_ignored(query: str) -> None:
    found = Pin.from_query(query)
    assert found.sha256 is None or found.sha256 in query


def of(checkpoint: CheckpointInfo) -> Pin:
    return Pin.from_query(f"h={pin(checkpoint)}&ver={VERSION}")


def test_an_address_that_says_nothing_opens_on_a_ring(here: CheckpointInfo) -> None:
    round_one = here.model_copy(update={"opening": "II_C2"})
    assert opening(ViewState(), [round_one]).relation == "II_C2"
    assert opening(ViewState(), [here]) == ViewState(), "where none is named, the first relation"
    for said in (ViewState(checkpoint=here.id), ViewState(subject=3), ViewState(target=Target(4))):
        assert opening(said, [round_one]) == said


def test_the_same_weights_give_the_same_view(here: CheckpointInfo) -> None:
    view = ViewState(here.id, edits=(FAR,))
    assert open_link(view, of(here), [here]) == Opened(view, here)
    assert open_link(view, Pin(), [here]) == Opened(view, here), "an address without a pin is taken at its word"


def test_the_same_weights_under_another_name_are_found(here: CheckpointInfo) -> None:
    found = open_link(ViewState("old-name", edits=(FAR,)), of(here), [other(here, "b", "0"), here])
    assert found.exact
    assert found.view == ViewState(here.id, edits=(FAR,))
    assert here.id in found.missing[0]


def test_other_weights_of_that_name_are_not_passed_off_as_the_links(here: CheckpointInfo) -> None:
    view = ViewState(here.id, edits=(FAR,))
    found = open_link(view, of(other(here, here.id, "0")), [here])
    assert not found.exact
    assert found.view.edits == ()
    assert "other weights" in found.missing[0]
    assert found.offer == Offer(f"Make its edits on {here.id} as it is here", view)


def test_a_checkpoint_that_is_absent_is_named_and_the_one_of_its_shape_is_offered(here: CheckpointInfo) -> None:
    big = other(here, "big", "1", n_entities=2048).model_copy(update={"default": True})
    small = here.model_copy(update={"default": False})
    gone = other(here, "gone", "0")
    found = open_link(ViewState("gone", edits=(FAR,)), of(gone), [big, small])
    assert not found.exact
    assert "gone" in found.missing[0]
    assert gone.sha256[:12] in found.missing[0]
    assert found.checkpoint == small, "the one of the same shape, not the default one"
    assert found.offer == Offer(
        f"Make its edits on {small.id}, which has the same shape", ViewState(small.id, edits=(FAR,))
    )
    found = open_link(ViewState("gone", edits=(FAR,)), of(gone), [big])
    assert found.checkpoint == big
    assert found.offer is None
    assert "None here has its shape" in found.missing[0]


def test_what_an_older_version_had_is_named_and_the_nearest_offered(
    here: CheckpointInfo, editors: list[EditorInfo]
) -> None:
    tuned = replace(FAR, preset="best", parameters={"steps": 3, "magic": 1})
    lost = (FAR, replace(FAR, method="mend"), tuned, replace(FAR, subject=10**6))
    made, missing = nearest(lost, here, editors)
    assert missing == [
        "method mend (no package that is installed has it)",
        "preset best of ROME",
        "parameter magic of ROME",
        "entity 1000000",
    ]
    assert made == (
        FAR,
        Edit(7, "I_C2", Target(40), editors[0].name),
        replace(FAR, preset=None, parameters={"steps": 3}),
    )
    old = Pin(here.sha256[:12], None, VERSION - 1)
    found = open_link(ViewState(here.id, edits=lost), old, [here], editors)
    assert found.missing[0] == "This link was made by an older version."
    assert "method mend" in found.missing[1]
    assert found.offer is not None
    assert found.offer.view.edits == made
    assert open_link(ViewState(here.id, edits=(FAR,)), old, [here], editors).missing == []


def test_a_newer_version_is_named(here: CheckpointInfo) -> None:
    found = open_link(ViewState(here.id), Pin(here.sha256[:12], None, VERSION + 1), [here])
    assert found.exact
    assert "newer version" in found.missing[0]


async def test_what_cannot_be_shown_is_not_exported(app: FastAPI, here: CheckpointInfo) -> None:
    client = Client(server=app)
    gone = other(here, "gone", "0")
    for query, status, words in (
        (pinned(ViewState(edits=(FAR,)).to_query(), gone), 409, "Nearest: ?c="),
        ("nonsense=1", 422, "does not know"),
        ("q=99999~I_C1", 422, "Entity 99999"),
    ):
        with pytest.raises(ApiError, match=words.replace("?", r"\?")) as found:
            await read(client, query)
        assert found.value.status == status


@given(
    st.builds(
        lambda value, d: replace(FAR, target=Target(d), parameters={"x": value}),
        st.floats(-9, 9) | st.integers(-9, 9) | st.booleans(),
        st.integers(-9, 9),
    )
)
def test_the_command_that_is_cited_means_the_edit(edit: Edit) -> None:
    import shlex

    words = shlex.split(cite.edit_command("rings-small", edit))
    assert words[:5] == ["shatterscope", "edit", "rings-small", "7", "I_C2"]
    options = dict(word.removeprefix("--").split("=", 1) for word in words[5:])
    assert int(options["distance"]) == edit.target.distance
    assert as_parameters([options["set"]]) == (edit.parameters, {})
