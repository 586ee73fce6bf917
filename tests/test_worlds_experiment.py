"""The whole story in every world: a checkpoint written, read, edited by every method, and measured."""

from __future__ import annotations

import math

import pytest
import torch
from world_examples import EXAMPLES

from shatterscope.backend.assessment import assess
from shatterscope.backend.checkpoints import (
    Checkpoint,
    TrainingReport,
    key_statistics,
    load_checkpoint,
    save_checkpoint,
)
from shatterscope.backend.data import TextSampler, Vocabulary
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import EditError, complete_spec, run_edits
from shatterscope.backend.experiment import Baseline, measure, measure_baseline
from shatterscope.backend.measures import MEASURES
from shatterscope.backend.models import ModelConfig
from shatterscope.backend.settings import REPOSITORY
from shatterscope.backend.sweeps.probe import Probe
from shatterscope.backend.training import Round, TrainConfig, Trainer
from shatterscope.backend.worlds import WORLDS, World, build, draw_holdout, read_config

SIZES = {"rings": {"n_entities": 40, "n_hops": 2}, "tree": {"depth": 3}, "grid": {"width": 6, "height": 6}}


@pytest.fixture(scope="module", params=WORLDS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Trained for a moment."""
    world = build(read_config({"kind": request.param} | EXAMPLES.get(request.param, {}) | SIZES.get(request.param, {})))
    holdout, folder = draw_holdout(world), tmp_path_factory.mktemp(request.param)
    config = TrainConfig((Round(steps=60, learning_rate=5e-3),), batch=16, warmup=10, gain_growth=1.0)
    shape = ModelConfig(Vocabulary.of(world).size, context=9, d_model=16, n_heads=2)
    trainer = Trainer(world, holdout, shape, config, torch.device("cpu"))
    for _ in trainer.run(60):
        pass
    model = trainer.model.eval().requires_grad_(False)
    save_checkpoint(
        folder,
        title="",
        note="",
        world=world,
        model=model,
        statistics=key_statistics(model, TextSampler(world, holdout), torch.Generator().manual_seed(0), 5000),
        assessment=assess(model, world, holdout),
        training=TrainingReport(config=config, seconds=0, device="cpu", torch="", finished="2026-01-01"),
    )
    return load_checkpoint(folder)


def some_fact(world: World, group: int) -> tuple[int, str, int]:
    """(subject, relation, distance) of an edit that can be made."""
    for relation in world.relations_of(group):
        for subject in world.domain(relation).tolist():
            if found := world.counterfactuals(subject, relation):
                return subject, relation.name, max(found)
    raise AssertionError("a group without an edit")


def test_a_checkpoint_is_read_back(checkpoint: Checkpoint) -> None:
    assert checkpoint.metadata.opening is None or checkpoint.metadata.opening in checkpoint.world.relation_names
    accuracy = checkpoint.metadata.accuracy
    assert set(accuracy["direct"]) == set(checkpoint.world.group_names)


@pytest.mark.parametrize("method", EDITORS)
def test_every_method_edits_every_world(checkpoint: Checkpoint, method: str) -> None:
    world = checkpoint.world
    subject, relation, distance = some_fact(world, len(world.groups) - 1)
    few = {"coverage": 0.01} if method == "patch" else {}  # hardly trained: no gate opens behind all contexts
    spec = complete_spec(world, 2, subject=subject, relation=relation, distance=distance, method=method, parameters=few)
    edited = run_edits(checkpoint, [spec])
    (outcome,) = edited.outcomes
    assert outcome.distance == distance
    assert outcome.old_object == world.object_of(subject, world.relation(relation))
    assert all(bool(weight.isfinite().all()) for delta in edited.deltas for weight in delta.weights.values())
    assert any(delta.weights or delta.entries or delta.neurons for delta in edited.deltas)


def test_what_an_edit_did_is_measured_in_every_world(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    specs = [
        complete_spec(world, 2, subject=subject, relation=relation, distance=distance)
        for subject, relation, distance in (some_fact(world, group) for group in range(len(world.groups)))
    ]
    baseline = measure_baseline(checkpoint, n_contexts=2, queries=20)
    found = measure(checkpoint, run_edits(checkpoint, specs), baseline)
    for R in found.geometry.shattering.values():
        assert R > 0
    assert found.geometry.sub_graph_shattering["edit"] > 0
    assert found.geometry.measures.keys() == MEASURES.keys()
    for measured in found.geometry.measures.values():
        for name, value in measured.per_relation.items():
            _, edges = world.drawn(world.relation(name))
            assert value > 0 if len(edges) else math.isnan(value), "without neighbours nothing is measured by"
    bins = found.geometry.damage
    assert sum(each.n_entities for each in bins) == len(world.domain(world.relation(specs[-1].relation))) - _elsewhere(
        world, specs[-1].subject
    )
    for each in bins:
        assert math.isnan(each.displacement) == (each.n_entities == 0)
    for change in found.recall.scores:
        assert (change.n_queries == 0) == math.isnan(change.before.accuracy) == math.isnan(change.after.accuracy)
    assert found.recall.ripples
    assert found.recall.quality.efficacy.n == len(specs)
    assert 0 < found.recall.quality.locality.n < world.present.sum()


@pytest.fixture(scope="module", params=["countries", "elements"])
def shipped(request: pytest.FixtureRequest) -> tuple[Checkpoint, Baseline]:
    """Some of its groups have no question for some task."""
    found = load_checkpoint(REPOSITORY / "models_cache" / request.param)
    baseline = measure_baseline(found, n_contexts=1, queries=20)
    assert any(not len(cell) for cell in baseline.queries.cells)
    return found, baseline


@pytest.mark.parametrize("method", EDITORS)
def test_a_task_without_questions_hinders_no_method(shipped: tuple[Checkpoint, Baseline], method: str) -> None:
    found, baseline = shipped
    subject, relation, distance = some_fact(found.world, 0)
    layer = 1 if method == "patch" else None  # where a gate tells this fact from others
    spec = complete_spec(
        found.world, 2, subject=subject, relation=relation, distance=distance, method=method, layer=layer
    )
    edited = run_edits(found, [spec])
    scores = measure(found, edited, baseline).recall.scores
    assert [math.isnan(change.after.accuracy) for change in scores] == [change.n_queries == 0 for change in scores]
    probe = Probe(found, n_contexts=1, queries=20, seed=0)
    assert [math.isnan(score.accuracy) for score in probe.measure(edited.model).scores] == [
        not len(cell) for cell in probe.queries.cells
    ]


def _elsewhere(world: World, subject: int) -> int:
    """Entities of the last group that no edges lead to."""
    group = len(world.groups) - 1
    return int((world.distances(group, subject)[world.groups[group].members] < 0).sum())


def test_where_a_subject_has_no_fact_there_is_nothing_to_edit(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    if world.total:
        return
    subject, r = next(zip(*(~world.present).nonzero(), strict=True))
    with pytest.raises(EditError, match=f"subject: {world.entities[subject]} has no {world.relation_names[r]}"):
        complete_spec(world, 2, subject=int(subject), relation=world.relation_names[r], object=1)


def test_ripples_and_unrelated_facts_are_questions_with_a_truth(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    for group in range(len(world.groups)):
        subject, name, distance = some_fact(world, group)
        relation = world.relation(name)
        for each in world.consequences(subject, relation, world.counterfactual(subject, relation, distance)):
            assert world.present[each.subject, world.relation(each.relations[0]).index]
