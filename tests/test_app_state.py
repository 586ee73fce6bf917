"""The URL carries the whole state, and any URL is survived."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit.actions import History
from shatterscope.app.kit.state import ALIGNMENTS, COLORS, MODES, SCALES, Edit, Place, See, Target, Tool, ViewState

names = st.from_regex(r"[a-z][a-z0-9_-]{1,12}", fullmatch=True).filter(
    lambda text: not _is_number(text) and text not in ("true", "false")
)
finite = st.floats(-1e6, 1e6)
rounded = st.floats(-9, 9).map(lambda x: float(f"{x:.6g}"))
relations = st.one_of(
    st.from_regex(r"(I|II|III|VIII)_[CA][1-9]", fullmatch=True),
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30),
    st.sampled_from(("next to", "a~b", "100 %", "%7E")),
)
targets = st.one_of(
    st.integers(-1024, 1024).map(lambda d: Target(d, None)),
    st.integers(0, 2047).map(lambda entity: Target(None, entity)),
)
parameters = st.dictionaries(names, st.one_of(st.booleans(), st.integers(-(10**6), 10**6), finite, names), max_size=4)
edits = st.builds(
    Edit,
    st.integers(0, 2047),
    relations,
    targets,
    names,
    st.none() | st.integers(0, 11),
    st.none() | names,
    st.floats(-4, 4).map(lambda x: float(f"{x:.6g}")),
    parameters,
    st.booleans(),
    st.booleans(),
)
views = st.builds(
    ViewState,
    st.none() | names,
    st.integers(0, 2047),
    relations,
    targets,
    st.builds(Tool, st.none() | names, st.none() | names, st.none() | st.integers(0, 11), parameters, st.booleans()),
    st.lists(edits, max_size=4).map(tuple),
    st.builds(
        See,
        st.none() | relations,
        st.none() | st.sampled_from(["embed", "resid_post.1", "final_norm"]),
        st.sampled_from(["isomap", "pca"]),
        st.sampled_from([2, 3]),
        st.sampled_from(ALIGNMENTS),
        st.none() | st.integers(1, 99),
        st.sampled_from(MODES),
        st.sampled_from(SCALES),
        st.sampled_from(COLORS),
    ),
    st.none() | st.tuples(*[rounded] * 9),
    st.none() | st.builds(Place, names, st.integers(1, 99), st.booleans()),
)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(views)
def test_a_view_survives_its_url(view: ViewState) -> None:
    again, notices = ViewState.from_query(view.to_query())
    assert notices == []
    assert again == view


@given(st.text(max_size=300))
def test_any_query_gives_a_view(query: str) -> None:
    view, _ = ViewState.from_query(query)
    assert ViewState.from_query(view.to_query()) == (view, [])


@given(views, st.data())
def test_a_mangled_link_is_read_as_far_as_possible(view: ViewState, data: st.DataObject) -> None:
    query = view.to_query()
    cut = data.draw(st.integers(0, len(query)))
    noise = data.draw(st.text(max_size=20))
    found, _ = ViewState.from_query(query[:cut] + noise + query[cut + len(noise) :])
    assert ViewState.from_query(found.to_query())[0] == found


def test_the_default_view_has_a_bare_url() -> None:
    assert ViewState().to_query() == ""
    assert ViewState.from_query("?") == (ViewState(), [])


def test_an_edit_makes_a_short_readable_link() -> None:
    view = ViewState(checkpoint="rings-2048", edits=(Edit(12, "I_C2", Target(4), "rome", 0, "tuned"),))
    assert view.to_query() == "c=rings-2048&e=12~I_C2~d4~rome~0~tuned~1"


def test_the_token_is_in_the_link_of_an_edit_and_of_the_next_one() -> None:
    """A link from before there was one says nothing of it, and the parameters' default is the relation's."""
    query = "e=12~I_C2~d4~rome~0~tuned~1~token:subject&x=token:subject"
    view, notices = ViewState.from_query(query)
    assert (view.to_query(), notices) == (query, [])
    assert view.edits[0].to_spec()["parameters"] == view.tool.parameters == {"token": "subject"}
    older, _ = ViewState.from_query("e=12~I_C2~d4~rome~0~tuned~1")
    assert older.edits[0].to_spec()["parameters"] == {}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("q=12~", "question"),
        ("e=nonsense", "edits"),
        ("e=1~I_C1~d4~rome~0~tuned~nan", "edits"),
        ("x=learning_rate:inf", "parameters"),
        ("cam=1~2~3", "camera"),
        ("k=0", "neighbours"),
        ("dim=4", "dimensions"),
        ("surprise=1", "does not know"),
        ("&".join(["e=1~I_C1~d4~rome~0~tuned~1"] * 65), "edits"),
    ],
)
def test_what_cannot_be_read_is_named_and_defaulted(query: str, named: str) -> None:
    view, notices = ViewState.from_query(query)
    assert view == ViewState()
    assert len(notices) == 1
    assert named in notices[0]


def test_one_bad_edit_drops_the_stack_because_the_rest_would_be_another_model() -> None:
    view, notices = ViewState.from_query("e=1~I_C1~d4~rome~0~tuned~1&e=broken")
    assert view.edits == ()
    assert notices


@given(st.lists(edits, min_size=1, max_size=3), st.floats(-10, 10))
def test_strength_scales_the_last_edit_only(stack: list[Edit], strength: float) -> None:
    alone = [replace(edit, batch=False) for edit in stack]
    view = History(ViewState(edits=tuple(alone))).strength(strength).view
    assert view.edits[:-1] == tuple(alone[:-1])
    assert math.isclose(view.edits[-1].strength, min(max(strength, -4), 4))


def test_links_from_before_batches_mean_what_they_meant() -> None:
    old = "7~I_C1~d4~memit~0~tuned~1~steps:9"
    assert Edit.parse(old) == Edit(7, "I_C1", Target(4), "memit", 0, "tuned", 1.0, {"steps": 9})
    assert str(Edit.parse(old)) == old
    assert "batch" not in Edit.parse(old).to_spec()
    together = Edit.parse("7~I_C1~d4~memit~0~tuned~1~batch~steps:9")
    assert together == replace(Edit.parse(old), batch=True)
    assert together.to_spec()["batch"] is True


def test_a_restraint_stands_among_the_parameters_of_a_link() -> None:
    edit = Edit.parse("7~I_C1~d4~memit~0~tuned~1~implied~restraint:sphere~restraint.alpha:0.8~steps:9")
    assert edit.restraint == "sphere"
    assert edit.implied
    assert not edit.batch
    spec = edit.to_spec()
    assert spec["restraint"] == {"name": "sphere", "parameters": {"alpha": 0.8}}
    assert spec["parameters"] == {"steps": 9}
    assert spec["implied"] is True
    none = replace(edit, parameters={"restraint": "none"}, implied=False).to_spec()
    assert none.keys().isdisjoint({"restraint", "implied"})
    both = Edit.parse("7~I_C1~d4~memit~0~tuned~1~batch~implied")
    assert (both.batch, both.implied, both.parameters) == (True, True, {})
