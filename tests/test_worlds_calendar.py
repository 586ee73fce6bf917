"""Months and weekdays, by what everybody knows."""

import numpy as np
import pytest

from shatterscope.backend.worlds.calendar import Calendar, CalendarConfig

calendar = Calendar.of(CalendarConfig(n_hops=4))
at = {name: i for i, name in enumerate(calendar.entities)}


@pytest.mark.parametrize(
    ("subject", "relation", "object"),
    [
        ("January", "months_next1", "February"),
        ("November", "months_next3", "February"),
        ("February", "months_back4", "October"),
        ("Sunday", "weekdays_next1", "Monday"),
        ("Monday", "weekdays_back3", "Friday"),
        ("Monday", "weekdays_next7", "Monday"),
        ("May", "months_back12", "May"),
    ],
)
def test_the_calendar_is_right(subject: str, relation: str, object: str) -> None:
    assert calendar.entities[calendar.object_of(at[subject], calendar.relation(relation))] == object


def test_a_weekday_has_no_next_month() -> None:
    assert len(calendar.entities) == 19
    with pytest.raises(ValueError, match="Monday has no months_next1"):
        calendar.object_of(at["Monday"], calendar.relation("months_next1"))
    months, weekdays = calendar.groups
    assert (months.title, len(months.members), len(weekdays.members)) == ("months", 12, 7)


def test_questions_are_what_a_person_would_say() -> None:
    phrases = [calendar.relation(name).phrase for name in ("months_next2", "weekdays_back1")]
    assert phrases == ["Which month comes 2 months after {subject}?", "Which day was 1 day before {subject}?"]


def test_steps_go_at_most_half_way_round() -> None:
    names = Calendar.of(CalendarConfig(n_hops=5)).relation_names
    assert "months_back5" in names
    assert "weekdays_next3" in names
    assert "weekdays_next4" not in names
    with pytest.raises(ValueError, match=r"n_hops must lie in 1..5 .*, got 6"):
        CalendarConfig(n_hops=6)


def test_another_answer_is_of_the_same_circle_the_shorter_way_round() -> None:
    found = calendar.counterfactuals(at["March"], calendar.relation("months_next1"))
    assert {distance: len(others) for distance, others in found.items()} == {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 1}
    assert found[6] == [at["October"]]


def test_neighbours_in_the_picture_are_neighbours_in_the_year() -> None:
    months = calendar.groups[0]
    year = months.coordinates[:12]
    sides = np.linalg.norm(year - np.roll(year, -1, axis=0), axis=1)
    assert sides == pytest.approx(2 * np.sin(np.pi / 12))
    assert months.positions(np.arange(12)).tolist() == list(range(12))
