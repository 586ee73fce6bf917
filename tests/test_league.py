"""The league table: fixed sets of edits, equal efficacy, stacks, intervals, the front, and a run that goes on where it was."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.app.kit.figures.front import FrontPoint, front, front_figure
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS, EditDelta
from shatterscope.backend.editors.rome import Rome
from shatterscope.backend.league.intervals import mean_of, wilson
from shatterscope.backend.league.measure import LeagueBench, contenders
from shatterscope.backend.league.rows import Header, LeagueError, MeasuredEdit, Rows, read_rows, shipped_file, write
from shatterscope.backend.league.run import Asked, rows_file, run, ship
from shatterscope.backend.league.sets import CORRECTIVE, EditSet, edit_set, half
from shatterscope.backend.league.stacks import Stacker, unedited
from shatterscope.backend.league.strength import LEAST, MOST, PRECISION, needed_strength
from shatterscope.backend.league.table import csv_lines, league
from shatterscope.backend.settings import Settings
from shatterscope.wire.edits import MAX_STRENGTH
from shatterscope.wire.league import Mean

SMALL = "rings-small"


class Halved(Rome):
    """ROME's delta, half as long: it needs twice the strength, and then is the same."""

    name, title = "halved", "Halved"

    def compute(self, *given: Any) -> EditDelta:
        delta = super().compute(*given)
        return replace(delta, weights={name: change / 2 for name, change in delta.weights.items()})


class Raising(Rome):
    name, title = "raising", "Raising"

    def compute(self, *given: Any) -> EditDelta:
        raise IndexError("no such row")


@pytest.fixture
def more_editors(monkeypatch: pytest.MonkeyPatch) -> None:
    for editor in (Halved(), Raising()):
        monkeypatch.setitem(EDITORS.data, editor.name, editor)


@pytest.fixture(scope="module")
def bench(checkpoint: Checkpoint) -> LeagueBench:
    return LeagueBench(checkpoint)


@pytest.fixture(scope="module")
def opened(checkpoint: Checkpoint) -> EditSet:
    return edit_set(checkpoint, "open")


def nothing(*_: object) -> None:
    """Of progress."""


# --- sets ------------------------------------------------------------------------------------------------------------


def test_the_halves_are_all_facts_and_share_none(checkpoint: Checkpoint) -> None:
    one, other = half(checkpoint.world, 0), half(checkpoint.world, 1)
    assert not one & other
    assert len(one) + len(other) == int(checkpoint.world.present.sum())


def test_a_set_is_the_same_every_time_and_shares_no_fact_with_the_other(
    checkpoint: Checkpoint, opened: EditSet
) -> None:
    again, sealed = edit_set(checkpoint, "open"), edit_set(checkpoint, "sealed")
    assert again.edits(5) == opened.edits(5)
    assert again.stack(30) == opened.stack(30)

    def facts(found: EditSet) -> set[tuple[int, str]]:
        return {(edit.subject, edit.relation) for edit in (*found.edits(50), *found.stack(100))}

    assert not facts(opened) & facts(sealed)


def test_more_edits_are_added_behind(opened: EditSet) -> None:
    few, many = opened.edits(2), opened.edits(4)
    assert many[: len(few)] == few
    assert {edit.distance for edit in few} == {*opened.distances}


def test_edits_are_what_their_distance_says(checkpoint: Checkpoint, opened: EditSet) -> None:
    world = checkpoint.world
    for edit in opened.edits(3):
        truth = world.object_of(edit.subject, world.relation(edit.relation))
        if edit.distance == CORRECTIVE:
            assert edit.object == truth
        else:
            assert world.distance(world.relation(edit.relation).group, truth, edit.object) == edit.distance


def test_a_stack_has_no_fact_twice(opened: EditSet) -> None:
    stack = opened.stack(100)
    assert len({(edit.subject, edit.relation) for edit in stack}) == len(stack) == 100
    assert {edit.distance for edit in stack} == {*opened.distances} - {CORRECTIVE}


# --- equal efficacy --------------------------------------------------------------------------------------------------


def test_strengths_are_those_that_an_edit_may_have() -> None:
    assert MOST == MAX_STRENGTH


@given(st.floats(0.001, MOST))
def test_the_strength_is_the_least_that_takes(least: float) -> None:
    found = needed_strength(lambda strength: strength >= least)
    assert found is not None
    assert least <= found <= least / (1 - PRECISION) + 1e-12


def test_what_never_takes_has_no_strength() -> None:
    assert needed_strength(lambda _: False) is None


def test_an_edit_that_is_pushed_too_far_takes_below() -> None:
    found = needed_strength(lambda strength: 0.5 <= strength <= 1.2)
    assert found == pytest.approx(0.5, rel=PRECISION)
    assert needed_strength(lambda strength: strength <= 1) < LEAST  # type: ignore[operator]


@pytest.mark.usefixtures("more_editors")
def test_half_a_delta_needs_twice_the_strength_and_then_shatters_as_much(bench: LeagueBench, opened: EditSet) -> None:
    edit = next(each for each in opened.edits(1) if each.distance == 4)
    whole, halved = (bench.row((name, "tuned"), edit) for name in ("rome", "halved"))
    assert whole.strength
    assert halved.strength == pytest.approx(2 * whole.strength, rel=2 * PRECISION)
    assert whole.equal
    assert halved.equal
    assert halved.equal.R["edit"] == pytest.approx(whole.equal.R["edit"], rel=0.1)
    assert whole.equal.success
    assert halved.equal.success


@pytest.mark.usefixtures("more_editors")
def test_a_method_that_raises_is_a_row_with_its_failure(bench: LeagueBench, opened: EditSet) -> None:
    edit = opened.edits(1)[0]
    row = bench.row(("raising", "tuned"), edit)
    assert row.problem == "IndexError: no such row"
    found = league(Rows(_header(bench.checkpoint), {row.key: row})).rows[0]
    assert (found.edits, found.refused, found.reasons) == (1, 1, ["IndexError: no such row"])
    assert found.full.success is not None
    assert found.full.success.value == 0
    assert found.full.R_edit is None
    assert found.equal is None


def test_contenders_are_every_preset_of_every_method() -> None:
    assert contenders() == [(name, preset) for name in EDITORS for preset in EDITORS[name].presets]
    assert contenders(["rome:paper", "grace"]) == [("rome", "paper"), ("grace", "tuned"), ("grace", "paper")]
    with pytest.raises(ValueError, match="rome has no preset 'x'"):
        contenders(["rome:x"])
    with pytest.raises(ValueError, match="unknown method 'x'"):
        contenders(["x"])


# --- intervals -------------------------------------------------------------------------------------------------------


def test_intervals_cover_a_known_mean() -> None:
    """95 of 100, but for the few that a percentile bootstrap of so few misses."""
    rng, facts = np.random.default_rng(0), list(range(30))
    found = [mean_of(rng.normal(2, 1, 30).tolist(), facts) for _ in range(200)]
    covered = [
        each is not None and each.low is not None and each.high is not None and each.low <= 2 <= each.high
        for each in found
    ]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_values_of_one_fact_are_one_sample() -> None:
    values = [0.1, 0.3, 0.2, 0.5]
    doubled = mean_of(values * 2, [*"abcd"] * 2)
    once = mean_of(values, [*"abcd"])
    assert doubled is not None
    assert once is not None
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high))
    assert (doubled.n, once.n) == (8, 4)
    assert mean_of(values, ["a"] * 4) == Mean(value=0.275, n=4)
    assert mean_of([], []) is None
    with pytest.raises(ValueError, match="1 values, 0 facts"):
        mean_of([1.0], [])


def test_all_of_few_is_not_certain() -> None:
    found = mean_of([1.0] * 5, range(5), share=True)
    assert found is not None
    assert found.low == pytest.approx(0.566, abs=0.001)
    assert found.high == 1
    same = mean_of([0.0] * 5, range(5))  # of an amount, not of yes and no
    assert same is not None
    assert (same.low, same.high) == (0, 0)
    assert wilson(0.5, 100) == pytest.approx((0.404, 0.596), abs=0.001)


# --- the front -------------------------------------------------------------------------------------------------------


def test_the_front_of_known_points() -> None:
    points = [(1.0, 0.5), (2.0, 0.9), (3.0, 0.8), (0.5, 0.1), (2.0, 0.9), (2.0, 0.4)]
    assert front(points) == [3, 0, 1, 4]
    assert front([]) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_on_the_front_are_those_that_no_other_beats(points: list[tuple[int, int]]) -> None:
    def beaten(i: int) -> bool:
        cost, gain = points[i]
        return any(a <= cost and b >= gain and (a, b) != (cost, gain) for a, b in points)

    assert sorted(front([(float(a), float(b)) for a, b in points])) == [i for i in range(len(points)) if not beaten(i)]


def test_the_figure_names_what_is_on_the_front() -> None:
    figure = front_figure(
        [
            FrontPoint("rome", "tuned", Mean(value=0.1, n=3), Mean(value=1, n=3)),
            FrontPoint("patch", "tuned", Mean(value=0, n=3), Mean(value=1, n=3)),
        ],
        "success",
    )
    line, rome, patch = figure["data"]
    assert line["y"] == [1]
    assert rome["text"] == [""]
    assert patch["text"] == ["Patch tuned"]
    assert patch["x"][0] > 0


def test_a_name_stands_where_no_point_can_be_and_the_first_has_room() -> None:
    """Cheaper and better than a point of the front there is none."""
    at = [("encore", 1e-4, 0.2), ("memit", 1e-3, 0.4), ("patch", 1e-2, 0.9)]
    entries = [FrontPoint(name, "tuned", Mean(value=R, n=3), Mean(value=share, n=3)) for name, R, share in at]
    figure = front_figure(entries, "success")
    assert [trace["textposition"] for trace in figure["data"][1:]] == [["top center"], ["top left"], ["top left"]]
    left, right = figure["layout"]["xaxis"]["range"]
    assert left < -4.25
    assert right > -2


def test_the_same_point_is_named_once_and_the_axis_has_numbers_to_read() -> None:
    entries = [
        FrontPoint(
            name,
            "tuned",
            Mean(value=0.068, n=3),
            Mean(value=0.7, n=3),
        )
        for name in ("ft", "ft-m")
    ] + [FrontPoint("rome", "tuned", Mean(value=0.12, n=3), Mean(value=0.9, n=3))]
    figure = front_figure(entries, "success")
    assert [trace["text"] for trace in figure["data"][1:]] == [["FT tuned, FT-M tuned"], [""], ["ROME tuned"]]
    axis = figure["layout"]["xaxis"]
    assert {0.05, 0.1} <= set(axis["tickvals"])
    assert {"0.05", "0.1"} <= set(axis["ticktext"])
    wide = front_figure([*entries, FrontPoint("patch", "tuned", Mean(value=1e-5, n=3), Mean(value=1, n=3))], "success")
    assert wide["layout"]["xaxis"]["ticktext"][-2:] == ["10<sup>−2</sup>", "10<sup>−1</sup>"]


# --- stacks ----------------------------------------------------------------------------------------------------------


def test_a_stack_is_measured_after_each_stage_on_facts_that_it_does_not_edit(
    bench: LeagueBench, opened: EditSet
) -> None:
    edits = opened.stack(4)
    stacker = Stacker(bench, edits, [2, 4, 1000])
    rows = list(stacker.rows(("grace", "tuned")))
    assert [row.after for row in rows] == [2, 4]
    assert all(row.kept == 1 and row.stopped is None for row in rows)
    said = {(edit.subject, edit.relation) for edit in edits}
    names = {bench.checkpoint.vocabulary.relation_token(each): each.name for each in bench.checkpoint.world.relations}
    for cell in unedited(bench, said).cells:
        asked = zip(cell.subjects.tolist(), cell.relations[:, 0].tolist(), strict=True)
        assert not said & {(subject, names[token]) for subject, token in asked}


def test_a_stack_over_its_time_is_not_measured(bench: LeagueBench, opened: EditSet) -> None:
    rows = list(Stacker(bench, opened.stack(3), [1, 3], limit=0).rows(("rome", "tuned")))
    assert rows[0].kept is not None
    assert rows[1].kept is None
    assert (rows[1].stopped or "").startswith("more than 0 s: 1 edits took")


# --- a run -----------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_where_it_was(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(SMALL, methods=["grace:tuned"], edits=1)
    first = run(settings, asked, nothing)
    path = rows_file(settings, SMALL, "open")
    with path.open("a") as file:
        file.write('{"kind": "edit", "cut o')
    measured: list[object] = []
    row = LeagueBench.row
    monkeypatch.setattr(LeagueBench, "row", lambda self, *given: measured.append(given) or row(self, *given))
    again = run(settings, replace(asked, edits=2), nothing)
    assert len(measured) == len(again.edits) - len(first.edits) > 0
    assert again.rows.keys() > first.rows.keys()
    assert read_rows(path) == again

    table = league(again)
    assert table.per_distance == 2
    assert table.rows[0].taken is not None
    lines = list(csv_lines(table))
    assert lines[0].startswith("checkpoint,set,distance,method,preset")
    assert len(lines) == 2


def test_rows_of_other_weights_are_refused(settings: Settings, checkpoint: Checkpoint) -> None:
    path = rows_file(settings, SMALL, "open")
    write(path, Rows(_header(checkpoint).model_copy(update={"checkpoint_identity": "other"}), {}))
    with pytest.raises(LeagueError, match="--anew"):
        run(settings, Asked(SMALL, edits=0), nothing)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "open.jsonl.gz"
    assert read_rows(path) is None
    path.write_bytes(b"nothing")
    with pytest.raises(LeagueError, match=r"open.jsonl.gz cannot be read"):
        read_rows(path)
    path.write_bytes(gzip.compress(b'{"format": 1}\n'))
    with pytest.raises(LeagueError, match=r"damaged or of another version \(checkpoint"):
        read_rows(path)


def test_what_ships_is_read_again(settings: Settings, checkpoint: Checkpoint, tmp_path: Path) -> None:
    own = settings.model_copy(update={"models_dir": tmp_path})
    row = MeasuredEdit(
        edit="0",
        method="rome",
        preset="tuned",
        distance=4,
        place=0,
        subject=1,
        relation="I_C1",
        problem="no",
        version="1",
        finished="2026-01-01",
    )
    rows = Rows(_header(checkpoint), {row.key: row})
    path = ship(own, rows)
    assert path == shipped_file(tmp_path / SMALL, "open")
    assert read_rows(path) == rows


def _header(checkpoint: Checkpoint) -> Header:
    return Header(
        checkpoint=checkpoint.id,
        checkpoint_identity=checkpoint.identity,
        set="open",
        seeds={"split": 1, "seed": 1},
        distances=[1, 4],
        contexts=1,
        queries=1,
        taken_behind=0.9,
    )
