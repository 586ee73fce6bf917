"""The whole story on the small checkpoint: an edit shatters, and a larger one shatters more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import CompleteSpec, complete_spec, run_edits
from shatterscope.backend.experiment import Baseline, Experiment, measure, measure_baseline


@pytest.fixture(scope="module")
def baseline(checkpoint: Checkpoint) -> Baseline:
    return measure_baseline(checkpoint, queries=50, n_contexts=2)


def spec_of(checkpoint: Checkpoint, distance: int, relation: str = "II_A1", **more: object) -> CompleteSpec:
    layers = checkpoint.model.config.n_layers
    return complete_spec(checkpoint.world, layers, subject=7, relation=relation, distance=distance, **more)  # type: ignore[arg-type]


def edit_and_measure(checkpoint: Checkpoint, baseline: Baseline, spec: CompleteSpec) -> Experiment:
    return measure(checkpoint, run_edits(checkpoint, [spec]), baseline)


def test_an_edit_shatters_and_a_farther_one_shatters_more(checkpoint: Checkpoint, baseline: Baseline) -> None:
    near, far = (
        edit_and_measure(checkpoint, baseline, spec_of(checkpoint, d)) for d in (1, checkpoint.world.n_entities // 2)
    )
    for found in (near, far):
        assert found.geometry.shattering.keys() == set(checkpoint.world.relation_names)
        assert found.geometry.sub_graph_shattering.keys() == {"edit", "retain", "test"}
        assert all(r > 0 for r in found.geometry.shattering.values())
    assert far.geometry.sub_graph_shattering["edit"] > near.geometry.sub_graph_shattering["edit"]


def test_sub_graphs_are_named_after_the_edited_order(checkpoint: Checkpoint, baseline: Baseline) -> None:
    found = edit_and_measure(checkpoint, baseline, spec_of(checkpoint, 4))
    assert {score.order: score.sub_graph for score in found.recall.scores} == {
        "I": "test",
        "II": "edit",
        "III": "retain",
    }
    own = [r for name, r in found.geometry.shattering.items() if name.startswith("II_")]
    assert found.geometry.sub_graph_shattering["edit"] == pytest.approx(sum(own) / len(own))
    assert len(found.recall.scores) == 12
    assert all(score.n_contexts == 2 for score in found.recall.scores)


def test_at_strength_zero_nothing_changes(checkpoint: Checkpoint, baseline: Baseline) -> None:
    found = edit_and_measure(checkpoint, baseline, replace(spec_of(checkpoint, 4), strength=0.0))
    assert set(found.geometry.shattering.values()) == {0.0}
    assert all(score.before == score.after for score in found.recall.scores)
    assert all(each.displacement == 0 for each in found.geometry.damage)
    assert all(each.before == each.after for each in found.recall.ripples)


def test_the_edited_subject_is_displaced_most(checkpoint: Checkpoint, baseline: Baseline) -> None:
    found = edit_and_measure(checkpoint, baseline, spec_of(checkpoint, checkpoint.world.n_entities // 2))
    assert found.geometry.damage[0].displacement == max(each.displacement for each in found.geometry.damage)
    assert found.geometry.damage[0].accuracy_after == 0
