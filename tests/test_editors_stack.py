"""Stacks of edits: complete specifications, their hash, and what each edit of a stack did."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS, EditDelta
from shatterscope.backend.edits import (
    VERSION,
    CompleteSpec,
    EditError,
    complete_spec,
    delta_key,
    delta_keys,
    edit_id,
    run_edits,
    steps_of,
    stored_id,
)
from shatterscope.backend.evaluation import answers


def spec_of(checkpoint: Checkpoint, subject: int = 7, relation: str = "II_A1", **more: object) -> CompleteSpec:
    given = {"distance": 4} if "object" not in more and "distance" not in more else {}
    layers = checkpoint.model.config.n_layers
    return complete_spec(checkpoint.world, layers, subject=subject, relation=relation, **given, **more)  # type: ignore[arg-type]


def test_defaults_are_filled_in(checkpoint: Checkpoint) -> None:
    spec, rome = spec_of(checkpoint), EDITORS["rome"]
    assert spec.method == "rome"
    assert spec.layer == rome.default_layer
    assert spec.parameters == rome.parameters().model_dump()
    relation = checkpoint.world.relation("II_A1")
    assert spec.object == checkpoint.world.counterfactual(7, relation, 4)
    assert spec_of(checkpoint, distance=0).object == checkpoint.world.object_of(7, relation)


def test_a_preset_is_a_start_and_parameters_override_it(checkpoint: Checkpoint) -> None:
    spec = spec_of(checkpoint, preset="paper", parameters={"steps": 7})
    assert spec.parameters["learning_rate"] == 0.5
    assert spec.parameters["steps"] == 7


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("subject", {"subject": 10**6}),
        ("subject", {"subject": -1}),
        ("relation", {"relation": "IX_C1"}),
        ("object", {"object": 10**6}),
        ("object", {"object": 3, "distance": 3}),
        ("distance", {"distance": 10**6}),
        ("method", {"method": "hammer"}),
        ("layer", {"layer": 2}),
        ("preset", {"preset": "best"}),
        ("strength", {"strength": float("nan")}),
        ("strength", {"strength": 1e30}),
        ("strength", {"strength": -4.001}),
        ("batch", {"batch": True}),
        ("batch", {"batch": True, "method": "grace"}),
        ("parameters.momentum", {"parameters": {"momentum": 1}}),
        ("parameters.steps", {"parameters": {"steps": 0}}),
        ("parameters.learning_rate", {"parameters": {"learning_rate": float("nan")}}),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_field(
    checkpoint: Checkpoint, field: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(EditError) as caught:
        spec_of(checkpoint, **wrong)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.message


def test_the_id_is_of_the_content(checkpoint: Checkpoint) -> None:
    spec = spec_of(checkpoint)
    by_object = spec_of(checkpoint, object=spec.object)
    id = edit_id(checkpoint, [spec])
    assert len(id) == 32
    assert edit_id(checkpoint, [by_object]) == id
    for other in (replace(spec, layer=1), replace(spec, strength=0.5), replace(spec, subject=8)):
        assert edit_id(checkpoint, [other]) != id
    assert edit_id(checkpoint, [spec, spec]) != id
    assert edit_id(checkpoint, [replace(spec, strength=0.0)]) == edit_id(
        checkpoint, [spec_of(checkpoint, strength=-0.0)]
    )


def test_ids_and_keys_change_with_everything_that_an_edit_is_computed_by(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, metadata = spec_of(checkpoint), checkpoint.metadata

    def ids(changed: dict[str, object]) -> tuple[str, str]:
        other = replace(checkpoint, metadata=metadata.model_copy(update=changed))
        return edit_id(other, [spec]), delta_key(other.identity, [spec])

    usual = ids({})
    assert usual == (edit_id(checkpoint, [spec]), delta_key(checkpoint.identity, [spec]))
    for changed in (
        {"sha256": metadata.sha256 | {"weights.safetensors": "other"}},
        {"sha256": metadata.sha256 | {"statistics.safetensors": "other"}},
        {"graph": replace(metadata.graph, seed=metadata.graph.seed + 1)},
        {"model": replace(metadata.model, n_heads=2 * metadata.model.n_heads)},
    ):
        assert not set(ids(changed)) & set(usual), changed
    assert ids({"title": "another", "note": "another"}) == usual
    monkeypatch.setattr("shatterscope.backend.edits.VERSION", VERSION + 1)
    assert not set(ids({})) & set(usual)


IDS = {
    ("rome", "tuned"): "662c734d969c2fcdd3a7491337263f81",
    ("rome", "paper"): "df433d0d5e49c142520dc7e9a746a167",
    ("memit", "tuned"): "cf754bda139e1b34479281cee48cf6b2",
    ("memit", "paper"): "bdc10e9ba4fe97f25a5619a601f377a6",
    ("pmet", "tuned"): "e30854b1853ccfed3ce0350068cdadc6",
    ("pmet", "paper"): "a3475b902b1e911c86c1665ebc7d3bbf",
    ("alphaedit", "tuned"): "2f65b49ab374a4f731f4fb0bd249ed45",
    ("alphaedit", "paper"): "2918389485bbee56907cb4ec1fa68a6b",
    ("ft", "tuned"): "3e27faa88cff6881ae3f1078429e8c81",
    ("ft", "paper"): "13bfccb94c69e8c19c3f0d0996282d6d",
    ("ft-l", "tuned"): "c76f2dd9c7a92b0642ab68b1dc278f67",
    ("ft-l", "paper"): "c8bfccb428f45344fef43cf5c7b97ee9",
    ("ft-m", "tuned"): "6510c9bd45d45bc09e69e65f61a1ba21",
    ("ft-m", "paper"): "3856ed98f35ca005b60b8ccd1050509c",
    ("grace", "tuned"): "e181ac2148b6afc8bcab58b8c92b667d",
    ("grace", "paper"): "79ceb747b95bdd704cfac2818e2295c7",
}
"""Of one edit by every method there was when `VERSION` became 2, on the small checkpoint."""


def test_ids_stay_what_they_are_when_methods_get_more_parameters(checkpoint: Checkpoint) -> None:
    def one(method: str, preset: str = "tuned", **parameters: object) -> CompleteSpec:
        return spec_of(checkpoint, 9, "I_C2", distance=7, method=method, preset=preset, parameters=parameters, layer=0)

    assert {key: edit_id(checkpoint, [one(*key)]) for key in IDS} == IDS
    stack = [one(method) for method, preset in IDS if preset == "tuned"]
    assert edit_id(checkpoint, stack) == "1d98d1927d95dcfaf39f9f60eaed96d5"
    assert delta_key(checkpoint.identity, stack) == "a8de8e9d93dbb3fafd1f3c9fcd8e6197"
    for method in ("rome", "memit", "grace"):
        added = one(method, stop_after_leading=3)
        assert edit_id(checkpoint, [added]) != IDS[method, "tuned"]
        assert delta_key(checkpoint.identity, [added]) != delta_key(checkpoint.identity, [one(method)])


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_parameter_added_later_counts_where_it_does_something(a: int, b: int) -> None:
    one, other = (CompleteSpec(1, "I_C1", 5, "rome", 0, {"steps": 3, "stop_after_leading": m}) for m in (a, b))
    before = CompleteSpec(1, "I_C1", 5, "rome", 0, {"steps": 3})
    assert (delta_key("w", [one]) == delta_key("w", [other])) == (a == b)
    assert (delta_key("w", [one]) == delta_key("w", [before])) == (a == 0)


def test_a_copy_of_a_checkpoint_has_ids_of_its_own_and_the_same_deltas(checkpoint: Checkpoint) -> None:
    copy, spec = replace(checkpoint, id="copy"), spec_of(checkpoint)
    assert edit_id(copy, [spec]) != edit_id(checkpoint, [spec])
    assert delta_key(copy.identity, [spec]) == delta_key(checkpoint.identity, [spec])


def test_the_ids_of_single_edits_do_not_know_of_batches(checkpoint: Checkpoint) -> None:
    """Ids made before batches existed stay what they are."""
    spec = spec_of(checkpoint)
    names = ("subject", "relation", "object", "method", "layer", "parameters", "strength")
    given = {name: getattr(spec, name) for name in names}
    given["parameters"] = EDITORS["rome"].parameters.identifying(spec.parameters)  # as they were then
    content = {"weights": checkpoint.sha256, "edits": [given]}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert stored_id(checkpoint, [spec.as_dict()], 1) == hashlib.sha256(canonical.encode()).hexdigest()[:32]


@given(*2 * [st.floats(-4, 4).filter(bool)])
def test_a_delta_is_keyed_without_its_own_strength_alone(a: float, b: float) -> None:
    one = CompleteSpec(1, "I_C1", 5, "rome", 0, {"steps": 3}, a)
    two = CompleteSpec(2, "I_C1", 6, "rome", 0, {"steps": 3}, 1.0)
    assert delta_key("w", [one]) == delta_key("w", [replace(one, strength=b)])
    same = delta_key("w", [one, two]) == delta_key("w", [replace(one, strength=b), two])
    assert same == (repr(a) == repr(b))


def test_an_edit_reports_what_it_did(checkpoint: Checkpoint) -> None:
    spec = spec_of(checkpoint)
    edited = run_edits(checkpoint, [spec])
    (outcome,) = edited.outcomes
    world = checkpoint.world
    prompt = [[7, checkpoint.vocabulary.relation_token(world.relation("II_A1"))]]
    was, now = (answers(model, prompt, world.n_entities) for model in (checkpoint.model, edited.model))
    assert outcome.kind == "counterfactual"
    assert outcome.distance == 4
    assert outcome.prediction_before == int(was.prediction[0])
    assert outcome.prediction_after == int(now.prediction[0]) == spec.object
    assert outcome.success
    assert outcome.probability_after == pytest.approx(float(now.probability[0, spec.object]))
    assert outcome.delta_norm == pytest.approx(edited.deltas[0].norm)
    assert edited.id == edit_id(checkpoint, [spec])


def test_a_target_out_of_reach_is_reported(checkpoint: Checkpoint) -> None:
    (outcome,) = run_edits(checkpoint, [spec_of(checkpoint, distance=40, parameters={"steps": 1})]).outcomes
    assert not outcome.success
    assert outcome.probability_after == pytest.approx(outcome.probability_before)
    assert outcome.prediction_after == outcome.prediction_before


def test_each_edit_is_computed_on_the_model_as_edited_so_far(checkpoint: Checkpoint) -> None:
    first, second = spec_of(checkpoint), spec_of(checkpoint, subject=20)
    stack, alone = run_edits(checkpoint, [first, second]), run_edits(checkpoint, [second])
    name = "blocks.0.mlp.down.weight"
    assert not torch.equal(stack.deltas[1].weights[name], alone.deltas[0].weights[name])
    total = checkpoint.model.get_parameter(name) + stack.deltas[0].weights[name] + stack.deltas[1].weights[name]
    torch.testing.assert_close(stack.model.get_parameter(name).data, total)


def test_the_strength_of_the_last_edit_reuses_its_delta(checkpoint: Checkpoint) -> None:
    cache: dict[str, EditDelta] = {}
    first, second = spec_of(checkpoint), spec_of(checkpoint, subject=20)
    full = run_edits(checkpoint, [first, second], cache)
    half = run_edits(checkpoint, [first, replace(second, strength=0.5)], cache)
    assert len(cache) == 2
    assert half.deltas[1] is full.deltas[1]
    assert half.outcomes[1].delta_norm == pytest.approx(full.outcomes[1].delta_norm / 2)
    run_edits(checkpoint, [replace(first, strength=0.5), second], cache)
    assert len(cache) == 3  # the second edit now meets another model
    none = run_edits(checkpoint, [replace(first, strength=0.0)], cache)
    assert all(
        torch.equal(value, checkpoint.model.state_dict()[name]) for name, value in none.model.state_dict().items()
    )


def test_what_is_already_true_is_refused_and_what_is_wrong_is_corrected(checkpoint: Checkpoint) -> None:
    world, n = checkpoint.world, checkpoint.world.n_entities
    relation = world.relation("II_A1")
    truth = torch.from_numpy(world.objects[:, relation.index])
    prompts = torch.stack([torch.arange(n), torch.full((n,), n + relation.index)], dim=1)
    right = answers(checkpoint.model, prompts, n).prediction == truth
    known = int(torch.nonzero(right)[0])
    with pytest.raises(EditError, match="already true") as caught:
        run_edits(checkpoint, [spec_of(checkpoint, subject=known, distance=0)])
    assert caught.value.field == "edits.0.object"

    away = spec_of(checkpoint, subject=known)  # made wrong by a first edit, put right by a second one
    outcome = run_edits(checkpoint, [away, spec_of(checkpoint, subject=known, distance=0)]).outcomes[1]
    assert outcome.kind == "corrective"
    assert outcome.distance == 0
    assert outcome.prediction_before == away.object
    assert outcome.success


# --- batches ---------------------------------------------------------------------------------------------------------


def batch_of(checkpoint: Checkpoint, *subjects: int, **more: object) -> list[CompleteSpec]:
    quick = {"steps": 8, "n_contexts": 2}
    return [spec_of(checkpoint, subject, method="memit", batch=True, parameters=quick, **more) for subject in subjects]


def test_a_run_of_batch_edits_of_one_method_is_one_step(checkpoint: Checkpoint) -> None:
    rome, single = spec_of(checkpoint, 1), spec_of(checkpoint, 2, method="memit")
    a, b, c = batch_of(checkpoint, 3, 4, 5)
    other = replace(a, method="alphaedit")
    assert steps_of([rome, a, b, single, c]) == [(0, 1), (1, 3), (3, 4), (4, 5)]
    assert steps_of([a, b, other]) == [(0, 2), (2, 3)]
    assert steps_of([rome, single]) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("layer", {"layer": 1}),
        ("strength", {"strength": 0.5}),
        ("parameters", {"parameters": {}}),
        ("subject", {"subject": 3}),
    ],
)
def test_a_batch_that_cannot_be_one_is_refused(checkpoint: Checkpoint, field: str, change: dict[str, object]) -> None:
    first, second = batch_of(checkpoint, 3, 4)
    with pytest.raises(EditError) as caught:
        run_edits(checkpoint, [spec_of(checkpoint), first, replace(second, **change)])  # type: ignore[arg-type]
    assert caught.value.field == f"edits.2.{field}"


def test_a_true_fact_inside_a_batch_is_refused_by_its_place(checkpoint: Checkpoint) -> None:
    first, second = batch_of(checkpoint, 3, 7)
    truth = checkpoint.world.object_of(7, checkpoint.world.relation("II_A1"))
    with pytest.raises(EditError) as caught:
        run_edits(checkpoint, [first, replace(second, object=truth)])
    assert caught.value.field == "edits.1.object"


def test_the_strength_of_a_batch_reuses_its_delta(checkpoint: Checkpoint) -> None:
    cache: dict[str, EditDelta] = {}
    full = run_edits(checkpoint, batch_of(checkpoint, 3, 4), cache)
    half = run_edits(checkpoint, batch_of(checkpoint, 3, 4, strength=0.5), cache)
    assert len(cache) == len(full.deltas) == 1
    assert half.deltas[0] is full.deltas[0]
    assert half.outcomes[1].delta_norm == pytest.approx(full.outcomes[0].delta_norm / 2)
    assert list(cache) == delta_keys(checkpoint.identity, [outcome.spec for outcome in half.outcomes])
    run_edits(checkpoint, batch_of(checkpoint, 4, 3), cache)
    assert len(cache) == 2


def test_a_batch_is_not_a_sequence(checkpoint: Checkpoint) -> None:
    together = batch_of(checkpoint, 3, 4)
    apart = [replace(spec, batch=False) for spec in together]
    assert edit_id(checkpoint, together) != edit_id(checkpoint, apart)
    assert len(run_edits(checkpoint, apart).deltas) == 2
