"""Edits written as one on the page: the same steps as the API sees, joined and parted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit import batches
from shatterscope.app.kit.actions import History, Refused
from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.pages.explore import views
from shatterscope.backend.edits import CompleteSpec, steps_of
from shatterscope.wire.edits import EditorInfo

BATCHING = frozenset({"memit", "pmet"})


def edit(subject: int, method: str = "memit", batch: bool = False, **more: object) -> Edit:
    return Edit(subject, "I_C1", Target(4), method, 0, "tuned", batch=batch, **more)  # type: ignore[arg-type]


stacks = st.lists(
    st.tuples(st.sampled_from(["memit", "pmet", "rome"]), st.booleans(), st.sampled_from([1.0, 1.0, 0.0])),
    min_size=1,
    max_size=8,
).map(
    lambda items: tuple(
        edit(i, method, batch and method in BATCHING, strength=strength)
        for i, (method, batch, strength) in enumerate(items)
    )
)


def steps(edits: tuple[Edit, ...]) -> list[tuple[int, int]]:
    """As the science has it."""
    specs = [
        CompleteSpec(each.subject, each.relation, 0, each.method, 0, {}, each.strength, each.batch) for each in edits
    ]
    return steps_of(specs)


@given(stacks)
def test_the_page_sees_the_same_steps_as_the_science(edits: tuple[Edit, ...]) -> None:
    seen = {batches.step(edits, i) for i, each in enumerate(edits) if each.strength}
    assert sorted((step[0], step[-1] + 1) for step in seen) == steps(edits)


@given(stacks, st.data())
def test_joining_makes_one_step_of_two_and_parting_takes_them_apart(
    edits: tuple[Edit, ...], data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(edits) - 1))
    if not i or batches.joined(edits, i) or batches.obstacle(edits, i, BATCHING):
        return
    together = batches.join(edits, i)
    start, stop = batches.step(edits, i - 1)[0], batches.step(edits, i)[-1] + 1
    others = [each for each in steps(edits) if each[1] <= start or each[0] >= stop]
    assert steps(together) == sorted([*others, (start, stop)])
    apart = batches.part(together, i)
    assert not batches.joined(apart, i)
    assert [replace(each, batch=False) for each in apart] == [replace(each, batch=False) for each in edits]


@given(stacks, st.data())
def test_taking_one_out_joins_nobody(edits: tuple[Edit, ...], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(edits) - 1))
    rest = batches.without(edits, i)
    kept = [each.subject for each in edits if each.subject != i]
    assert [each.subject for each in rest] == kept
    for j in range(1, len(rest)):
        if batches.joined(rest, j):
            earlier = batches.before(rest, j)
            assert earlier is not None
            assert rest[j].subject in batches.step(edits, rest[earlier].subject)


def test_a_batch_of_one_is_no_batch() -> None:
    two = batches.join((edit(1), edit(2)), 1)
    assert [each.batch for each in two] == [True, True]
    assert batches.without(two, 0) == (edit(2),)
    assert batches.part(two, 1) == (edit(1), edit(2))


def test_strength_is_that_of_the_whole_last_step() -> None:
    stack = (edit(1), *batches.join((edit(2), edit(3, strength=0.5)), 1))
    assert [each.strength for each in stack] == [1, 0.5, 0.5]
    assert [each.strength for each in batches.with_strength(stack, 2)] == [1, 2, 2]
    assert batches.with_strength((), 2) == ()


@pytest.mark.parametrize(
    ("stack", "word"),
    [
        ((edit(1, "rome"), edit(2, "rome")), "many facts"),
        ((edit(1), edit(2, "pmet")), "one method"),
        ((edit(1), replace(edit(2), layer=1)), "layer"),
        ((edit(1), replace(edit(2), preset="paper")), "preset"),
        ((edit(1), edit(2, parameters={"steps": 3})), "parameters"),
        ((edit(1), edit(1)), "same question"),
        ((edit(1, strength=0.0), edit(2)), "strength 0"),
        ((edit(1), edit(2, strength=0.0)), "strength 0"),
    ],
)
def test_what_cannot_be_one_batch_is_refused_with_the_reason(stack: tuple[Edit, ...], word: str) -> None:
    assert word in (batches.obstacle(stack, 1, BATCHING) or "")


def test_a_batch_does_not_swallow_its_neighbour() -> None:
    stack = (edit(1, batch=True), edit(2, batch=True), edit(3), edit(4))
    assert "next to them" in (batches.obstacle(stack, 3, BATCHING) or "")
    assert batches.obstacle(stack, 2, BATCHING) is None
    assert steps(batches.join(stack, 2)) == [(0, 3), (3, 4)]


def test_an_edit_at_strength_0_stands_between_nobody_and_is_nowhere_counted() -> None:
    batch = (edit(1, batch=True), edit(2, batch=True))
    gone = (*batch, edit(3, "rome", strength=0.0), edit(4), edit(5))
    assert "next to them" in (batches.obstacle(gone, 4, BATCHING) or ""), "the API would see one batch of four"
    assert batches.made(gone) == (*batch, gone[3], gone[4])
    assert batches.last((*batch, gone[2])) == batch[1]
    assert batches.last(gone[2:3]) == gone[2]
    between = (*batch, edit(6, "rome"), gone[2], *(replace(each, subject=7 + each.subject) for each in batch))
    assert batches.step(between, 4) == (4, 5)
    assert steps(batches.without(between, 2)) == [(0, 2), (3, 4), (4, 5)]
    faded = batches.with_strength(batch, 0.0)
    assert batches.with_strength(faded, 1.0) == batch, "a whole batch comes back as one"


def test_the_equation_counts_the_edits_that_are_there() -> None:
    def said(*edits: Edit) -> list[str]:
        return [to_html(node) for node in views.chips(edits, None, BATCHING, 96)]

    head, chip, plus, _ = said(edit(1, strength=0.0), edit(2))
    assert "+ 1 edit:" in head
    assert 'class="plus"' in plus
    assert "strength 0" in chip
    assert "absent" in chip
    assert "+ 0 edits:" in said(edit(1, strength=0.0))[0]
    assert "strength 0" not in said(edit(1))[1]


def test_joining_can_be_undone_and_what_is_refused_says_why() -> None:
    info = EditorInfo(
        name="memit", title="MEMIT", summary="", formula="", reference="", default_layer=0, batches=True,
        default_preset="tuned", presets=[], parameters={},
    )  # fmt: skip
    page = History(ViewState(edits=(edit(1), edit(2))))
    joined = page.join(1, [info])
    assert [each.batch for each in joined.view.edits] == [True, True]
    assert joined.undo().view.edits == page.view.edits
    assert joined.join(1, [info]).view.edits == page.view.edits
    assert page.join(0, [info]) == page
    with pytest.raises(Refused, match="many facts"):
        page.join(1, [])
