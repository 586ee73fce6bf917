"""Numbers in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit import words
from shatterscope.app.kit.state import Edit, Target
from shatterscope.app.pages.explore import views
from shatterscope.wire.edits import EditOutcome, EditResult, EditSpec
from shatterscope.wire.measures import MeasurementInfo, MeasureParts


@pytest.mark.parametrize(
    ("value", "places", "scale", "shown"),
    [
        (-0.2195, 1, 100, "-22.0"),
        (0.0885, 1, 100, "8.9"),
        (0.08848398, 1, 100, "8.8"),
        (0.045451748, 1, 100, "4.5"),
        (0.5, 0, 1, "1"),
        (2.675, 2, 1, "2.68"),
        (1e-9, 3, 1, "0.000"),
        (math.nan, 1, 100, "nan"),
    ],
)
def test_numbers_are_rounded_once_and_as_by_hand(value: float, places: int, scale: int, shown: str) -> None:
    assert words.fixed(value, places, scale) == shown


@given(st.integers(0, 10_000), st.sampled_from([1, 2]))
def test_what_is_written_with_fewer_digits_stays(cents: int, places: int) -> None:
    """A number that has no more digits than are shown is shown as it is; one with a five behind them goes up."""
    value = cents / 10**places
    assert words.fixed(value, places) == f"{cents // 10**places}.{cents % 10**places:0{places}d}"
    assert (
        words.fixed(float(f"{value:.{places}f}5"), places)
        == f"{(cents + 1) // 10**places}.{(cents + 1) % 10**places:0{places}d}"
    )


def test_a_share_and_a_change() -> None:
    assert words.percent(0.2195) == "22.0\u00a0%"
    assert words.percent(1.0) == "100\u00a0%"
    assert [words.points(x) for x in (-0.2195, 0.00049, 0.0005)] == ["−22.0", "±0", "+0.1"]


def test_what_moved() -> None:
    moved = MeasurementInfo(
        name="moved", title="moved", unit="ring steps", format="number", unedited=0, sentence="Its entities moved {value} ring steps.",
        explained="How far.", over="Over 9 entities.", whole=False, value=7.5, parts=MeasureParts(edit=7.5), per_relation={},
    )  # fmt: skip
    share = moved.model_copy(update={"sentence": "{value} moved.", "format": "share", "value": 0.517})
    assert words.told(moved) == "Its entities moved 7.50 ring steps."
    assert words.told(moved.model_copy(update={"value": None})) == ""
    assert words.r_in_words(0.026, [moved, share]).endswith(
        "by 2.6\u00a0%. Its entities moved 7.50 ring steps. 51.7\u00a0% moved."
    )
    assert words.explained([moved]) == "moved: How far."


def test_an_edit_at_strength_0_is_said_not_to_be_there() -> None:
    outcome = EditOutcome(
        spec=EditSpec(subject=7, relation="I_C1", object=9, strength=0), old_object=8, new_object=9, prediction_before=8,
        prediction_after=8, distance=1, kind="counterfactual", success=False, probability_before=0.1, probability_after=0.1,
        delta_norm=0, relative_delta_norm=0, steps=0, warnings=[],
    )  # fmt: skip
    said = words.outcome(outcome, 96)
    assert "not there" in said
    assert "not taken" not in said
    assert words.verdict(outcome) == "strength 0"
    assert words.failure(made_of(outcome)) == words.failure_told(made_of(outcome)) == ""


def outcome_of(*, success: bool, after: int, strength: float = 1.0, **parameters: str) -> EditOutcome:
    return EditOutcome(
        spec=EditSpec(subject=7, relation="I_C1", object=9, strength=strength, parameters=parameters), old_object=8, new_object=9,
        prediction_before=8, prediction_after=after, distance=1, kind="counterfactual", success=success, probability_before=0.1,
        probability_after=0.2, delta_norm=1, relative_delta_norm=0.1, steps=3, warnings=[],
    )  # fmt: skip


def made_of(*outcomes: EditOutcome) -> EditResult:
    return EditResult(id="a", checkpoint="rings", edits=list(outcomes), seconds=0.1)


def test_an_edit_that_did_not_take_is_said_so_everywhere_in_the_same_words() -> None:
    taken, still, other = (outcome_of(success=after == 9, after=after) for after in (9, 8, 5))
    absent = outcome_of(success=False, after=8, strength=0)
    assert [words.verdict(each) for each in (taken, still, absent)] == ["✓ taken", "✗ not taken", "strength 0"]
    assert words.failure(None) == words.failure(made_of(taken)) == words.failure_told(made_of(taken, absent)) == ""
    assert words.failure(made_of(still)) == words.failure(made_of(still, absent)) == "not taken"
    assert words.failure(made_of(taken, other, absent)) == "1 of 2 not taken"
    assert words.failure_told(made_of(still)) == "The edit did not take: the model still answers 8."
    assert words.failure_told(made_of(other)) == "The edit did not take: the model answers 5."
    assert words.failure_told(made_of(taken, other)) == "1 of 2 edits did not take."
    assert words.outcome(taken, 96).startswith("Taken: the model now answers 9 (p = 0.20 for 9")
    assert words.outcome(still, 96).startswith("Not taken: the model still answers 8 (p = 0.20 for 9")
    edit = Edit(7, "I_C1", Target(1), "rome")
    stack = (edit, edit, replace(edit, strength=0.0))
    chips = str(views.chips(stack, made_of(taken, still, absent), (), 96))
    assert chips.count("✗ not taken") == chips.count("chip edit failed") == 1
    table = str(views.outcomes(made_of(taken, still, absent), 96))
    assert [table.count(said) for said in ("✓ taken", "✗ not taken", "strength 0")] == [1, 1, 1]
    assert "not taken" in str(views.of_model(1, made_of(still)))
    assert "not taken" not in str(views.of_model(1, made_of(taken)))


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert words.percent(-0.0001) == words.percent(0) == "0.0\u00a0%"
    assert words.fixed(-0.04, 1) == "0.0"
    assert words.fixed(-0.05, 1) == "-0.1"


def test_a_small_change_is_not_called_none() -> None:
    assert [words.change(share) for share in (0, 0.00021, 0.0005, 0.383, 1)] == [
        "no weight",
        "0.02\u00a0%",
        "0.1\u00a0%",
        "38.3\u00a0%",
        "100\u00a0%",
    ]


def test_where_an_edit_is_written_is_said_if_it_is_not_where_the_answer_is_read() -> None:
    for token, said in (("subject", True), ("relation", False)):
        item = outcome_of(success=True, after=9, token=token)
        shown = (
            words.outcome(item, 96),
            str(views.chips((Edit(7, "I_C1", Target(1), "rome"),), made_of(item), (), 96)),
        )
        assert all(("subject’s token" in each) == said for each in shown)
