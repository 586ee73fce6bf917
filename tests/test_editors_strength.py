"""Strength, for all methods: at 0 an edit is not there, towards 0 it fades, and a small step of it is a small step of everything."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS, EditDelta
from shatterscope.backend.edits import CompleteSpec, EditedModel, EditError, complete_spec, delta_keys, run_edits
from shatterscope.backend.experiment import Baseline, measure, measure_baseline

NAMES = sorted(EDITORS)
RELATIONS = ("I_C1", "I_A2", "II_C1")
BATCHING = {name for name in NAMES if EDITORS[name].batches}


def spec_of(checkpoint: Checkpoint, method: str, subject: int, strength: float = 1.0, **more: object) -> CompleteSpec:
    given = {"relation": "I_C1", "distance": 32, "parameters": {"steps": 6, "n_contexts": 3}, **more}
    return complete_spec(checkpoint.world, 2, subject=subject, method=method, strength=strength, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def baseline(checkpoint: Checkpoint) -> Baseline:
    return measure_baseline(checkpoint, n_contexts=1, queries=20)


def attempt(checkpoint: Checkpoint, specs: Sequence[CompleteSpec], cache: dict[str, EditDelta]) -> EditedModel | str:
    """The edited model, or why there is none (numbers say where in the stack)."""
    try:
        return run_edits(checkpoint, specs, cache)
    except EditError as error:
        return re.sub(r"\d+", "", error.message)


def tensors(edited: EditedModel) -> dict[str, Tensor]:
    return {**edited.model.state_dict(), **dict(edited.model.named_buffers())}


def same(one: EditedModel, other: EditedModel) -> bool:
    mine, others = tensors(one), tensors(other)
    return mine.keys() == others.keys() and all(torch.equal(value, others[name]) for name, value in mine.items())


# Few subjects, so that edits meet: the same fact twice, neighbours, other layers.
orders = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([7, 8, 100]),
        st.sampled_from(RELATIONS),
        st.sampled_from([1, 32]),
        st.sampled_from([0, 1]),
        st.sampled_from([0.0, 0.0, 1.0, 0.5, -1.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=12)
@given(orders)
@example([("grace", 7, "I_C1", 32, 0, 0.0, False), ("grace", 100, "I_C1", 32, 0, 1.0, False)])
@example(
    [
        ("memit", 7, "I_C1", 1, 0, 1.0, True),
        ("rome", 8, "I_C1", 1, 0, 0.0, False),
        ("memit", 8, "I_C1", 1, 0, 1.0, True),
    ]
)
@example([("memit", 7, "I_C1", 1, 0, 0.0, True), ("memit", 7, "I_C1", 32, 1, 1.0, True)])
def test_an_edit_at_strength_0_is_not_there(
    checkpoint: Checkpoint, baseline: Baseline, ordered: Sequence[tuple[str, int, str, int, int, float, bool]]
) -> None:
    specs = [
        spec_of(
            checkpoint,
            method,
            subject,
            strength,
            relation=relation,
            distance=d,
            layer=layer,
            batch=batch and method in BATCHING,
        )
        for method, subject, relation, d, layer, strength, batch in ordered
    ]
    there = [spec for spec in specs if spec.strength]
    cache: dict[str, EditDelta] = {}
    without = attempt(checkpoint, there, cache)
    known, edited = set(cache), attempt(checkpoint, specs, cache)
    if isinstance(without, str) or isinstance(edited, str):
        assert edited == without
        return
    assert same(edited, without)
    assert set(cache) == known, "nothing is computed for what is not there"
    assert delta_keys(checkpoint.identity, specs) == delta_keys(checkpoint.identity, there)
    assert tuple(outcome for outcome in edited.outcomes if outcome.spec.strength) == without.outcomes
    for outcome in edited.outcomes:
        if not outcome.spec.strength:
            assert outcome.probability_after == outcome.probability_before
            assert outcome.prediction_after == outcome.prediction_before
            assert (outcome.delta_norm, outcome.steps, outcome.warnings) == (0, 0, ())
    if there:
        mine, others = (measure(checkpoint, each, baseline) for each in (edited, without))
        assert mine.geometry == others.geometry
        assert repr(mine.recall) == repr(others.recall)  # NaN where nothing is asked


def change(checkpoint: Checkpoint, one: EditedModel, other: EditedModel) -> float:
    """How far two models' representations are apart, in units of their norm."""
    n = checkpoint.world.n_entities
    mine, others = all_activations(one.model, n), all_activations(other.model, n)
    return ((mine - others).norm() / others.norm()).item()


@pytest.mark.parametrize("second", NAMES)
def test_towards_strength_0_an_edit_fades(checkpoint: Checkpoint, second: str) -> None:
    """Also in what it does to those behind it: the same fact, to another object and to the same."""
    for layer in (0, 1):
        behind = spec_of(checkpoint, second, 7, layer=layer)
        without = run_edits(checkpoint, [behind])
        for first, distance in ((second, 100), (second, 32), ("rome", 100), ("grace", 32)):
            weak = spec_of(checkpoint, first, 7, 1e-6, distance=distance, layer=layer)
            faint = run_edits(checkpoint, [weak, behind])
            assert change(checkpoint, faint, without) < 2e-3
            mine, other = faint.outcomes[1], without.outcomes[0]
            assert mine.success == other.success
            assert mine.probability_after == pytest.approx(other.probability_after, abs=5e-3)


@pytest.mark.parametrize("method", NAMES)
@settings(max_examples=4)
@given(strength=st.floats(-2, 2))
def test_a_small_step_of_strength_is_a_small_step(checkpoint: Checkpoint, method: str, strength: float) -> None:
    """Of the last edit, and of one that others stand behind."""
    first, second = spec_of(checkpoint, method, 7), spec_of(checkpoint, method, 8)

    def at(strength: float) -> EditedModel:
        return run_edits(checkpoint, [replace(first, strength=strength), second])

    here, near = at(strength), at(strength + 1e-4)
    assert change(checkpoint, here, near) < 2e-2
    assert math.isclose(here.outcomes[0].probability_after, near.outcomes[0].probability_after, abs_tol=1e-2)


@pytest.mark.parametrize("method", NAMES)
def test_a_fact_that_is_written_twice_has_the_later_strength_at_least(checkpoint: Checkpoint, method: str) -> None:
    """A faint first edit does not keep a second, whole one of the same fact from taking."""
    spec = complete_spec(checkpoint.world, 2, subject=7, relation="I_C1", distance=32, method=method)
    assert run_edits(checkpoint, [replace(spec, strength=0.2), spec]).outcomes[1].success


@pytest.mark.parametrize("method", [name for name in NAMES if "carry_keys" in EDITORS[name].parameters.model_fields])
def test_a_faint_edit_carries_a_faint_key(checkpoint: Checkpoint, method: str) -> None:
    """A fact taken back: the key to be spared is the very one to be written to."""
    away = spec_of(checkpoint, method, 7, 1e-9, distance=40)
    other = spec_of(checkpoint, method, 7, distance=-40)
    assert (
        run_edits(checkpoint, [away, other]).outcomes[1].success == run_edits(checkpoint, [other]).outcomes[0].success
    )
