"""Undo, redo and the fitting of a state to a checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit.actions import History, Refused, Resolved, at_place, fit, next_edit, resolve
from shatterscope.app.kit.rings import RingSteps, object_at, signed_distance
from shatterscope.app.kit.state import Edit, See, Target, Tool, ViewState
from shatterscope.app.pages.explore.callbacks.stored import history_part, reopened
from shatterscope.backend import convert
from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.settings import REPOSITORY


def edit(subject: int) -> Edit:
    return Edit(subject, "I_C1", Target(4), "rome", 0, "tuned")


def applied(*subjects: int) -> History:
    page = History()
    for subject in subjects:
        page = page.apply(edit(subject))
    return page


@given(st.lists(st.integers(0, 9), max_size=6))
def test_undo_then_redo_comes_back(subjects: list[int]) -> None:
    page = applied(*subjects)
    back = page
    for _ in subjects:
        back = back.undo()
    assert back.view.edits == ()
    for _ in subjects:
        back = back.redo()
    assert back.view.edits == page.view.edits


def test_a_new_edit_forgets_what_was_undone() -> None:
    page = applied(1, 2).undo().apply(edit(3))
    assert [item.subject for item in page.view.edits] == [1, 3]
    assert page.redo() == page


def test_removing_and_resetting_can_be_undone() -> None:
    page = applied(1, 2, 3)
    assert page.remove(1).view.edits == (edit(1), edit(3))
    assert page.remove(1).undo().view.edits == page.view.edits
    assert page.reset().undo().view.edits == page.view.edits


def test_an_edit_written_elsewhere_names_only_what_its_preset_does_not_and_takes_its_batch_along() -> None:
    editors = [convert.editor_info(editor) for editor in EDITORS.values()]
    page = applied(1, 2).write(1, 0, "subject", editors)
    assert page.view.edits == (edit(1), replace(edit(2), parameters={"token": "subject"}))
    assert page.write(1, 0, "relation", editors).view.edits == (edit(1), edit(2))
    assert page.undo().view.edits == (edit(1), edit(2))
    reference = replace(edit(3), preset="reference", parameters={"steps": 5})
    there = at_place(reference, 1, "relation", editors)
    assert there == replace(reference, layer=1, parameters={"steps": 5, "token": "relation"})
    assert at_place(there, 0, "subject", editors) == reference
    grace = replace(edit(3), method="grace")
    assert at_place(grace, 1, "relation", editors) == replace(grace, layer=1)
    batch = tuple(replace(edit(subject), method="memit", batch=True) for subject in (1, 2))
    moved = History(ViewState(edits=(*batch, edit(3)))).write(0, 1, "relation", editors).view.edits
    assert [each.layer for each in moved] == [1, 1, 0]


def test_the_next_edit_takes_the_restraint_and_what_it_implies_where_its_method_can() -> None:
    editors = [convert.editor_info(editor) for editor in EDITORS.values()]
    checkpoint = convert.checkpoint_info(load_checkpoint(REPOSITORY / "models_cache" / "rings-small"), True)
    wanted = {"restraint": "sphere", "restraint.alpha": 0.8, "restraint.keep": 0.1}

    def prepared(method: str) -> tuple[Resolved, Edit]:
        view = ViewState("rings-small", tool=Tool(method, parameters=wanted, implied=True))
        tool = resolve(view, checkpoint, editors)
        return tool, next_edit(view, tool)

    tool, made = prepared("memit")
    assert tool.restraint is not None
    assert tool.restraint.title == "SPHERE"
    assert tool.parameters["restraint.keep_efficacy"] is True  # its default; `keep` is another restraint's
    assert (made.parameters, made.implied) == ({"restraint": "sphere", "restraint.alpha": 0.8}, True)
    assert not prepared("rome")[1].implied
    assert prepared("rome")[1].restraint == "sphere"
    tool, made = prepared("grace")
    assert (tool.restraint, made.parameters, made.implied) == (None, {}, False)


def test_undo_on_a_page_opened_from_a_link_takes_the_last_edit() -> None:
    page = History(ViewState(edits=(edit(1), edit(2)))).undo()
    assert page.view.edits == (edit(1),)
    assert page.redo().view.edits == (edit(1), edit(2))


def test_undo_and_redo_with_nothing_to_do_change_nothing() -> None:
    assert History().undo() == History()
    assert History().redo() == History()


def test_a_page_found_again_in_its_history_has_the_same_past_and_future() -> None:
    page = applied(1, 2, 3).undo()
    for steps, edits in ((0, page.view.edits), (1, page.undo().view.edits), (-1, page.redo().view.edits)):
        found = page.at(edits)
        assert found is not None
        assert found == {0: page, 1: page.undo(), -1: page.redo()}[steps]
    assert page.at((edit(9),)) is None


@given(st.lists(st.integers(0, 9), max_size=5), st.integers(0, 6))
def test_the_history_survives_the_browser(subjects: list[int], undone: int) -> None:
    page = applied(*subjects)
    for _ in range(undone):
        page = page.undo()
    kept = json.loads(json.dumps(history_part(page, "rings-small")))
    assert reopened(page.view, "rings-small", kept) == page
    assert reopened(page.view, "rings-2048", kept) == History(page.view)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        [],
        {"checkpoint": "rings-small"},
        {"checkpoint": "rings-small", "past": [["?"]], "now": [], "future": 3},
    ],
)
def test_what_the_browser_kept_is_not_trusted(kept: Any) -> None:
    view = applied(1).view
    assert reopened(view, "rings-small", kept) == History(view)


def test_strength_is_not_a_step_of_the_history() -> None:
    page = applied(1).strength(0.5)
    assert page.view.edits[-1].strength == 0.5
    assert page.undo().view.edits == ()


def test_the_stack_is_bounded() -> None:
    page = applied(*range(64))
    with pytest.raises(Refused, match="at most 64"):
        page.apply(edit(64))


def test_another_checkpoint_starts_without_edits() -> None:
    page = applied(1).checkpoint("rings-small")
    assert page.view == ViewState(checkpoint="rings-small")
    assert page.undo() == page


@given(st.permutations(range(21)), st.integers(0, 20), st.integers(-10, 10))
def test_the_distance_of_the_object_at_a_distance_is_that_distance(
    position: list[int], subject: int, distance: int
) -> None:
    relation = RingSteps("I", "A", 3)
    assert signed_distance(position, subject, relation, object_at(position, subject, relation, distance)) == distance


@pytest.mark.parametrize("name", ["months", "tree", "grid", "countries", "elements", "rings-notes"])
def test_a_checkpoint_opens_on_its_own_view_and_keeps_what_was_chosen(name: str) -> None:
    found = load_checkpoint(REPOSITORY / "models_cache" / name)
    info = convert.checkpoint_info(found, default=False)
    editors = [convert.editor_info(editor) for editor in EDITORS.values()]
    own, unread = ViewState.from_query(info.view)
    assert unread == []
    opened, notices = fit(ViewState(checkpoint=name), info, editors)
    assert notices == []
    assert opened == replace(own, checkpoint=name, tool=replace(own.tool, layer=opened.tool.layer))
    flat = ViewState(checkpoint=name, see=See(projection="pca"))
    assert fit(flat, info, editors)[0].see == flat.see
    asked = replace(opened, see=See())
    assert fit(asked, info, editors)[0] == asked, "a question of this world keeps its picture"


def test_a_question_or_edits_keep_a_checkpoint_of_rings_from_opening_on_its_own_view() -> None:
    info = convert.checkpoint_info(load_checkpoint(REPOSITORY / "models_cache" / "rings-notes"), default=False)
    editors = [convert.editor_info(editor) for editor in EDITORS.values()]
    for query in ("c=rings-notes&t=d4", "c=rings-notes&q=3~I_C1", "c=rings-notes&e=0~I_C1~d4~rome~~tuned~1"):
        view = ViewState.from_query(query)[0]
        opened, _ = fit(view, info, editors)
        assert (opened.subject, opened.relation, opened.edits) == (view.subject, view.relation, view.edits)
