"""Edit quality: efficacy, generality, locality, portability."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from starlette.testclient import TestClient

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.evaluation import Quality, answers, quality
from shatterscope.backend.models import Transformer

SMALL = "rings-small"


def measure(checkpoint: Checkpoint, after: Transformer, *edits: tuple[int, str, int], **more: int) -> Quality:
    world = checkpoint.world
    facts = [(subject, world.relation(relation), new) for subject, relation, new in edits]
    return quality(world, checkpoint.holdout, checkpoint.model, after, facts, **more)


def test_an_edit_that_does_nothing_is_perfectly_local_and_nothing_else(checkpoint: Checkpoint) -> None:
    found = measure(checkpoint, checkpoint.model, (7, "II_A1", 200))
    assert found.locality.accuracy_before == found.locality.accuracy_after == 1
    assert found.locality.n == 200
    assert found.efficacy.n == 1
    assert found.efficacy.accuracy_after == 0
    assert found.generality.n == 20
    for each in (found.efficacy, found.generality, found.locality, found.portability):
        assert each.accuracy_before == each.accuracy_after
        assert each.probability_before == each.probability_after


def test_a_model_that_always_says_the_same_is_effective_general_and_not_local(checkpoint: Checkpoint) -> None:
    spec = complete_spec(checkpoint.world, 2, subject=7, relation="II_A1", object=200)
    said = copy.deepcopy(run_edits(checkpoint, [spec]).model)  # it shares what the edit left alone
    with torch.no_grad():
        said.norm.weight.zero_()
        said.norm.bias.copy_(100 * said.token.weight[200])
        said.token.weight[:200].zero_()
        said.token.weight[201:].zero_()
    found = measure(checkpoint, said, (7, "II_A1", 200))
    assert found.efficacy.accuracy_after == found.generality.accuracy_after == 1
    assert found.efficacy.probability_after == pytest.approx(1)
    assert found.locality.accuracy_after < 0.05
    assert found.portability.accuracy_after < 0.5


def test_the_numbers_are_those_of_the_answers(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    spec = complete_spec(world, 2, subject=7, relation="II_A1", distance=4)
    edited = run_edits(checkpoint, [spec])
    found = measure(checkpoint, edited.model, (7, "II_A1", spec.object))
    (outcome,) = edited.outcomes
    assert found.efficacy.accuracy_after == outcome.success == 1
    assert found.efficacy.probability_after == pytest.approx(outcome.probability_after)
    assert found.efficacy.probability_before == pytest.approx(outcome.probability_before)
    implied = [each for each in world.consequences(7, world.relation("II_A1"), spec.object) if each.kind == "implied"]
    assert found.portability.n == len(implied)
    right = 0
    for each in implied:
        prompt = [each.subject, *(world.n_entities + world.relation(name).index for name in each.relations)]
        right += int(answers(edited.model, [prompt], world.n_entities).prediction[0]) == each.expected
    assert found.portability.accuracy_after == pytest.approx(right / len(implied))
    assert 0 < found.generality.accuracy_after <= 1
    assert found.locality.accuracy_before == 1


def test_the_last_word_on_a_fact_counts(checkpoint: Checkpoint) -> None:
    found = measure(checkpoint, checkpoint.model, (7, "II_A1", 200), (9, "I_C1", 30), (7, "II_A1", 250))
    assert found.efficacy.n == 2
    assert found.generality.n == 40


def test_a_corrected_fact_is_not_its_own_ripple(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    truth = world.object_of(7, world.relation("II_A1"))
    found = measure(checkpoint, checkpoint.model, (7, "II_A1", truth))
    implied = world.consequences(7, world.relation("II_A1"), truth)
    assert found.portability.n == len(implied) - 1


def test_draws_follow_the_seed(checkpoint: Checkpoint) -> None:
    edited = run_edits(
        checkpoint, [complete_spec(checkpoint.world, 2, subject=7, relation="II_A1", distance=9, preset="paper")]
    )
    fact = (7, "II_A1", edited.outcomes[0].new_object)
    one, same, other = (measure(checkpoint, edited.model, fact, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    assert one.locality.accuracy_after < 1
    few = measure(checkpoint, edited.model, fact, n_contexts=3, n_facts=5)
    assert (few.generality.n, few.locality.n) == (3, 5)


def test_over_http(client: TestClient) -> None:
    edit = {"subject": 7, "relation": "II_A1", "distance": 4, "parameters": {"steps": 20}}
    id = client.post("edits", json={"checkpoint": SMALL, "edits": [edit]}).json()["id"]
    answer = client.post("evaluations", json={"checkpoint": SMALL, "edit": id, "queries": 10})
    assert answer.status_code == 200, answer.text
    found = answer.json()["quality"]
    assert found.keys() == {"efficacy", "generality", "locality", "portability", "retraction"}
    for each in found.values():
        assert each["n_queries"] > 0
        for change in (each["accuracy"], each["probability"]):
            assert math.isclose(change["change"], change["after"] - change["before"])
            assert 0 <= change["after"] <= 1
