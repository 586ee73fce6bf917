"""Edits with all that they imply: which facts join, and that they are written."""

from __future__ import annotations

import math

import pytest
from starlette.testclient import TestClient

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.consistency import Supposed, implied_by
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec, edit_id, run_edits
from shatterscope.backend.evaluation import answers, quality
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Consequence

SUBJECT, RELATION = 7, "II_A1"
SMALL = "rings-small"


def spec_of(checkpoint: Checkpoint, subject: int = SUBJECT, method: str = "memit", **more: object) -> CompleteSpec:
    asked = {"subject": subject, "relation": RELATION, "distance": 9, "method": method, **more}
    return complete_spec(checkpoint.world, checkpoint.model.config.n_layers, **asked)  # type: ignore[arg-type]


def fact_of(checkpoint: Checkpoint, subject: int = SUBJECT, distance: int = 9) -> Supposed:
    world = checkpoint.world
    relation = world.relation(RELATION)
    new = world.counterfactual(subject, relation, distance) if distance else world.object_of(subject, relation)
    return Supposed(subject, relation, new)


def answer(checkpoint: Checkpoint, model: LanguageModel, each: Consequence) -> int:
    token, world = checkpoint.vocabulary.relation_token, checkpoint.world
    prompt = [each.subject, *(token(world.relation(name)) for name in each.relations)]
    return int(answers(model, [prompt], world.n_entities).prediction[0])


def test_what_follows_and_is_not_answered_so_joins(checkpoint: Checkpoint) -> None:
    fact, world, model = fact_of(checkpoint), checkpoint.world, checkpoint.model
    (found,) = implied_by(world, model, [fact])
    assert all(answer(checkpoint, model, each) != each.expected for each in found)
    inverse = world.inverse(fact.relation)
    assert inverse is not None
    assert (fact.object, (inverse.name,), SUBJECT) in {(each.subject, each.relations, each.expected) for each in found}
    assert (SUBJECT, (RELATION,)) not in {(each.subject, each.relations) for each in found}
    told = world.consequences(SUBJECT, fact.relation, fact.object)
    assert {(each.subject, each.relations) for each in found} <= {(each.subject, each.relations) for each in told}


def test_nothing_joins_a_fact_that_is_known(checkpoint: Checkpoint) -> None:
    (found,) = implied_by(checkpoint.world, checkpoint.model, [fact_of(checkpoint, distance=0)])
    assert all(answer(checkpoint, checkpoint.model, each) != each.expected for each in found)
    assert len(found) <= 2  # what a small model gets wrong


def test_what_edits_say_themselves_is_not_implied(checkpoint: Checkpoint) -> None:
    fact, world, model = fact_of(checkpoint), checkpoint.world, checkpoint.model
    (found,) = implied_by(world, model, [fact])
    first = found[0]
    said = {(first.subject, first.relations)}
    assert [each for each in found if each != first] == implied_by(world, model, [fact], said)[0]


def test_two_facts_never_ask_one_question_twice(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    neighbour = int(world.object_of(SUBJECT, world.relation("II_C1")))
    facts = [fact_of(checkpoint), fact_of(checkpoint, neighbour)]
    found = implied_by(world, checkpoint.model, facts)
    questions = [(each.subject, each.relations) for group in found for each in group]
    assert len(set(questions)) == len(questions)
    assert not {fact.question for fact in facts} & set(questions)


@pytest.mark.parametrize("method", ["memit", "alphaedit"])
def test_what_is_implied_is_written(checkpoint: Checkpoint, method: str) -> None:
    alone, whole = (
        run_edits(checkpoint, [spec_of(checkpoint, method=method, implied=implied)]) for implied in (False, True)
    )
    (outcome,) = whole.outcomes
    assert alone.outcomes[0].implied == ()
    assert len(outcome.implied) > 2
    held = [
        sum(answer(checkpoint, edited.model, each) == each.expected for each in outcome.implied)
        for edited in (alone, whole)
    ]
    assert held[1] > held[0]
    facts = [(outcome.spec.subject, checkpoint.world.relation(RELATION), outcome.new_object)]
    less, more = (
        quality(checkpoint.world, checkpoint.holdout, checkpoint.model, edited.model, facts, n_contexts=2, n_facts=10)
        for edited in (alone, whole)
    )
    assert more.portability.accuracy_after > less.portability.accuracy_after
    assert more.retraction.accuracy_after >= less.retraction.accuracy_after
    assert more.portability.n == less.portability.n


def test_a_batch_of_edits_implies_together(checkpoint: Checkpoint) -> None:
    stack = [spec_of(checkpoint, subject, batch=True, implied=subject == SUBJECT) for subject in (SUBJECT, 60)]
    edited = run_edits(checkpoint, stack)
    assert len(edited.deltas) == 1
    assert edited.outcomes[0].implied
    assert not edited.outcomes[1].implied
    keys = next(iter(edited.deltas[0].keys.values()))
    assert len(keys) == 2 + len(edited.outcomes[0].implied)
    assert all(outcome.course is not None for outcome in edited.outcomes)


def test_an_edit_that_is_not_there_implies_nothing(checkpoint: Checkpoint) -> None:
    assert run_edits(checkpoint, [spec_of(checkpoint, implied=True, strength=0.0)]).outcomes[0].implied == ()


def test_it_is_part_of_the_id_where_it_says_something(checkpoint: Checkpoint) -> None:
    plain, implied = spec_of(checkpoint), spec_of(checkpoint, implied=True)
    assert "implied" not in plain.as_dict()
    assert edit_id(checkpoint, [plain]) != edit_id(checkpoint, [implied])


def test_methods_that_write_one_fact_refuse_it(checkpoint: Checkpoint) -> None:
    with pytest.raises(EditError, match="use one of memit") as refused:
        spec_of(checkpoint, method="rome", implied=True)
    assert refused.value.field == "implied"


def test_what_is_contradicted_is_gone_or_not(checkpoint: Checkpoint) -> None:
    """Nothing is gone from a model that did not change."""
    fact = fact_of(checkpoint)
    found = quality(
        checkpoint.world, checkpoint.holdout, checkpoint.model, checkpoint.model,
        [(fact.subject, fact.relation, fact.object)], n_contexts=2, n_facts=10,
    )  # fmt: skip
    assert found.retraction.n > 0
    assert found.retraction.accuracy_after == found.retraction.accuracy_before < 0.5
    assert math.isclose(found.retraction.probability_after, found.retraction.probability_before)


def test_over_http(client: TestClient, checkpoint: Checkpoint) -> None:
    new = fact_of(checkpoint).object
    asked = {"subject": SUBJECT, "relation": RELATION, "object": new}
    told = client.get(f"checkpoints/{SMALL}/implied", params=asked).json()
    edit = {**asked, "method": "memit", "implied": True, "restraint": "sphere"}
    made = client.post("edits", json={"checkpoint": SMALL, "edits": [edit]})
    assert made.status_code == 200, made.text
    outcome = made.json()["edits"][0]
    assert outcome["implied"] == told
    assert outcome["spec"]["implied"] is True
    assert outcome["spec"]["restraint"]["parameters"]["alpha"] == 0.5
    left = client.get(f"checkpoints/{SMALL}/implied", params={**asked, "edit": made.json()["id"]}).json()
    assert {(each["subject"], *each["relations"]) for each in left} <= {
        (each["subject"], *each["relations"]) for each in told
    }
    for wrong in ({"subject": 10**6}, {"object": 10**6}, {"relation": "IX_C1"}):
        assert client.get(f"checkpoints/{SMALL}/implied", params={**asked, **wrong}).status_code == 422


def test_what_passes_through_a_corrected_fact_joins_it(checkpoint: Checkpoint) -> None:
    """The model may answer it already, without the fact in between; the edit moves what it passes through."""
    world, model = checkpoint.world, checkpoint.model
    relation = world.relation("II_A2")
    token = checkpoint.vocabulary.relation_token(relation)
    said = answers(model, [[x, token] for x in range(world.n_entities)], world.n_entities).prediction
    subject = next(x for x in range(world.n_entities) if int(said[x]) != world.object_of(x, relation))
    fact = Supposed(subject, relation, world.object_of(subject, relation))
    (joined,) = implied_by(world, model, [fact])
    through = {each.relations for each in joined if len(each.relations) == 2 and each.subject == subject}
    assert through == {("II_A2", "II_C1"), ("II_A2", "II_A1")}
    spec = complete_spec(
        world, model.config.n_layers, subject=subject, relation="II_A2", distance=0, method="patch", implied=True
    )
    edited = run_edits(checkpoint, [spec])
    asked = quality(world, checkpoint.holdout, model, edited.model, [(subject, relation, fact.object)])
    assert asked.portability.accuracy_after == 1
