"""What the study of consistent edits counts."""

from __future__ import annotations

import math

import pytest

from scripts.implied_study import METHODS, Made, made, mean
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.league.measure import LeagueBench
from shatterscope.backend.league.sets import SetEdit, edit_set
from shatterscope.backend.settings import REPOSITORY


@pytest.fixture(scope="module")
def bench(checkpoint: Checkpoint) -> LeagueBench:
    return LeagueBench(checkpoint)


@pytest.fixture(scope="module")
def edit(checkpoint: Checkpoint) -> SetEdit:
    return next(each for each in edit_set(checkpoint, "open").edits(1) if each.distance == 4)


def test_with_all_that_it_implies_more_facts_are_written_and_more_follows(bench: LeagueBench, edit: SetEdit) -> None:
    alone, consistent = (made(bench, "patch", edit, implied) for implied in (False, True))
    assert isinstance(alone, Made)
    assert isinstance(consistent, Made)
    assert alone.facts == 1
    assert consistent.facts > 3
    assert alone.success == consistent.success == 1
    assert consistent.portability == 1 > alone.portability
    assert consistent.retraction == 1 > alone.retraction


def test_a_method_that_writes_no_batches_says_so(bench: LeagueBench, edit: SetEdit) -> None:
    assert "one fact at a time" in str(made(bench, "rome", edit, implied=True))


def test_the_mean_is_over_what_there_is() -> None:
    found = [Made(1, value, 0, 0, 0, 0, 1, 0) for value in (0.5, math.nan, 1.0)]
    assert mean(found, "portability") == 0.75
    assert math.isnan(mean([], "portability"))


def test_the_results_name_every_method_that_writes_batches() -> None:
    told = (REPOSITORY / "docs" / "RESULTS.md").read_text()
    for method in METHODS:
        for implied in ("no", "yes"):
            assert f"| {EDITORS[method].title} | {implied} |" in told
