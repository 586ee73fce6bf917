"""The course of an optimisation: as long as its steps, within its bounds, and at its end what the edit reports."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.editors.course import Course, Notes
from shatterscope.backend.editors.patch import VALUE_CONTEXTS
from shatterscope.backend.editors.targets import ValueTarget, optimise
from shatterscope.backend.edits import complete_spec, run_edits

QUIET = {"weight_decay": 0.0, "kl_factor": 0.0}


def toy(**given: float) -> ValueTarget:
    """Three answers, of which the first one's logit falls as (delta_0 - 1)^2 and the others stay; a neutral prompt that nothing moves."""

    def logits(delta: Tensor) -> Tensor:
        wanted = -((delta[0] - 1) ** 2)
        rest = delta.new_tensor([-0.5, -3.0])
        return torch.stack([torch.cat([wanted[None], rest]), torch.cat([0 * wanted[None], rest])])

    what = {"steps": 40, "clamp_norm_factor": 2.0, "early_stop_loss": 0.0, **QUIET, **given}
    return optimise(logits, torch.zeros(1, dtype=torch.float64), 0, [0.5], rates=[0.1], **what)  # type: ignore[arg-type]


@given(steps=st.integers(1, 30), clamp=st.floats(0.1, 4), stop=st.sampled_from([0.0, 0.6, 0.8, 5.0]))
def test_the_course_of_a_toy(steps: int, clamp: float, stop: float) -> None:
    found = toy(steps=steps, clamp_norm_factor=clamp, early_stop_loss=stop)
    course = found.course
    assert course is not None
    assert course.length is not None
    assert len(course.loss) == len(course.probability) == len(course.rank) == len(course.length) == found.steps + 1
    assert max(course.length) <= clamp
    assert course.length[-1] == pytest.approx(found.delta.norm().item() / 0.5)
    assert (course.loss[-1], course.probability[-1]) == (found.loss, found.probability)
    assert course.loss == pytest.approx([-math.log(p) for p in course.probability])  # one context, and nothing else
    assert (course.ended == "reached") == (course.loss[-1] < stop)
    assert course.ended == "reached" or found.steps == steps - 1
    assert course.contexts == 1


def test_the_toy_in_closed_form() -> None:
    course = toy().course
    assert course is not None
    assert course.length is not None
    e = math.exp
    assert course.probability[0] == pytest.approx(e(-1) / (e(-1) + e(-0.5) + e(-3)))
    assert course.length[:2] == (0.0, pytest.approx(0.2))  # Adam's first step is as long as its rate, here of 0.5
    assert course.rank[0] == 2
    leads = next(i for i, length in enumerate(course.length) if (length * 0.5 - 1) ** 2 < 0.5)
    assert course.rank[leads - 1 : leads + 1] == (2, 1)


def test_what_is_no_number_never_leads() -> None:
    notes = Notes(1)
    notes.take(torch.tensor([[0.0, math.nan, 1.0]]), math.nan)
    notes.take(torch.tensor([[1.0, 1.0, 0.0]]), 0.0)
    assert notes.course("steps").rank == (4, 1)


@pytest.mark.parametrize("name", list(EDITORS))
def test_every_method_keeps_its_course(checkpoint: Checkpoint, name: str) -> None:
    spec = complete_spec(checkpoint.world, 2, subject=7, relation="I_C1", distance=4, method=name)
    edited = run_edits(checkpoint, [dataclasses.replace(spec, batch=EDITORS[name].batches)])
    (outcome,) = edited.outcomes
    course = outcome.course
    assert course is not None
    if name != "patch":  # which goes on until no step lowers the loss
        stop = spec.parameters["early_stop_loss"]
        assert (course.ended == "reached") == (course.loss[-1] < stop)
        assert stop <= min(course.loss[:-1])
    assert len(course.loss) == outcome.steps + 1
    assert course.rank[0] > course.rank[-1] == 1
    assert course.contexts == min(spec.parameters["n_contexts"], VALUE_CONTEXTS if name == "patch" else 128)
    assert (course.length is None) == (name in ("ft", "ft-l", "ft-m", "ultraedit", "crispedit"))  # no value is searched


def test_each_fact_of_a_batch_has_its_own(checkpoint: Checkpoint) -> None:
    facts = [(7, "I_C1"), (30, "II_A1"), (60, "I_C2")]
    specs = [
        complete_spec(checkpoint.world, 2, subject=s, relation=r, distance=4, method="memit", batch=True)
        for s, r in facts
    ]
    specs[1] = dataclasses.replace(specs[1], strength=0.0)  # is not there: the others keep theirs
    first, absent, last = run_edits(checkpoint, specs).outcomes
    assert absent.course is None
    for outcome, spec in ((first, specs[0]), (last, specs[2])):
        (alone,) = run_edits(checkpoint, [spec]).outcomes
        assert outcome.course == alone.course


@given(m=st.integers(1, 9))
def test_most_probable_early_stopping_ends_after_exactly_m_leading_steps(m: int) -> None:
    free, stopped = toy().course, toy(stop_after_leading=m).course
    first = free.rank.index(1)
    assert stopped.ended == "led"
    assert stopped.rank == free.rank[: first + m]
    assert stopped.loss == free.loss[: first + m]


def test_leading_steps_count_only_in_a_row(checkpoint: Checkpoint) -> None:
    """Large steps overshoot: the new object leads, loses the lead, and wins it back."""
    course = toy(stop_after_leading=3, steps=200, clamp_norm_factor=100.0).course
    assert course.rank[-3:] == (1, 1, 1)
    runs = "".join("1" if rank == 1 else "0" for rank in course.rank)
    assert "111" not in runs[:-1]


@pytest.mark.parametrize("name", ["rome", "memit", "pmet", "alphaedit", "grace"])
def test_every_method_with_a_value_can_stop_early(checkpoint: Checkpoint, name: str) -> None:
    def course(m: int) -> Course:
        same = {"stop_after_leading": m, "early_stop_loss": 0.0, "steps": 60}
        spec = complete_spec(checkpoint.world, 2, subject=7, relation="II_A1", distance=4, method=name, parameters=same)
        (outcome,) = run_edits(checkpoint, [spec]).outcomes
        assert outcome.course is not None
        return outcome.course

    one, four = course(1), course(4)
    assert (one.ended, four.ended, course(0).ended) == ("led", "led", "steps")
    assert len(four.loss) == len(one.loss) + 3
    assert four.loss[: len(one.loss)] == one.loss
