"""GRACE: a codebook beside the model. It answers for keys near its own, everywhere the model is run, and for no others."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from starlette.testclient import TestClient
from torch import Tensor, nn

from shatterscope.backend.activations import activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors.codebook import HAIR, CodebookLinear, Entry, codebook_of, codebooks
from shatterscope.backend.edits import CompleteSpec, complete_spec, run_edits
from shatterscope.backend.evaluation import answers, draw_queries, score
from shatterscope.backend.export_hf import export_hf
from shatterscope.backend.models import Transformer

SMALL = "rings-small"


def spec_of(checkpoint: Checkpoint, subject: int = 7, relation: str = "II_A1", **more: Any) -> CompleteSpec:
    given = {"distance": 4, **more}
    return complete_spec(checkpoint.world, 2, subject=subject, relation=relation, method="grace", **given)


def axis(i: int, scale: float = 1.0) -> Tensor:
    key = torch.zeros(6)
    key[i] = scale
    return key


@pytest.fixture
def codebook() -> CodebookLinear:
    generator = torch.Generator().manual_seed(0)
    linear = nn.Linear(6, 3).requires_grad_(False)
    for parameter in linear.parameters():
        nn.init.normal_(parameter, generator=generator)
    return CodebookLinear(linear)


def entry(key: Tensor, radius: float = 1.0, label: int = 5, value: float = 9.0) -> Entry:
    return Entry(0, key, torch.full((3,), value), radius, label)


def test_near_keys_get_the_value_and_all_others_what_the_weights_say(codebook: CodebookLinear) -> None:
    plain = nn.functional.linear(torch.stack([axis(1), axis(2)]), codebook.weight, codebook.bias)
    torch.testing.assert_close(codebook(torch.stack([axis(1), axis(2)])), plain)
    codebook.add(entry(axis(0), radius=0.5))
    keys = torch.stack([axis(0), axis(0, 1.5), axis(0, 1.51), axis(1)]).view(2, 2, 6)
    out = codebook(keys)
    assert out.shape == (2, 2, 3)
    torch.testing.assert_close(out[0], torch.full((2, 3), 9.0))
    assert torch.equal(out[1], nn.functional.linear(keys[1], codebook.weight, codebook.bias))


def test_strength_scales_what_an_entry_changes(codebook: CodebookLinear) -> None:
    plain = codebook(axis(0))
    codebook.add(entry(axis(0)), 0.25)
    torch.testing.assert_close(codebook(axis(0)), plain + 0.25 * (9.0 - plain))


def test_an_entry_that_finds_room_is_added(codebook: CodebookLinear) -> None:
    codebook.add(entry(axis(0)))
    codebook.add(entry(axis(0, 3.5), label=6, value=2.0))
    assert codebook.radii.tolist() == [1.0, 1.0]
    torch.testing.assert_close(codebook(axis(0, 3.5)), torch.full((3,), 2.0))


def test_an_entry_that_says_the_same_nearby_makes_the_other_grow(codebook: CodebookLinear) -> None:
    codebook.add(entry(axis(0)))
    codebook.add(entry(axis(0, 2.8), value=2.0))
    assert len(codebook) == 1
    assert codebook.radii.item() == pytest.approx(1.8)
    torch.testing.assert_close(codebook(axis(0, 2.8)), torch.full((3,), 9.0))
    codebook.add(entry(axis(0, 1.1)))
    assert codebook.radii.item() == pytest.approx(1.8)  # it never shrinks for that


def test_an_entry_that_says_another_thing_nearby_shares_the_room(codebook: CodebookLinear) -> None:
    codebook.add(entry(axis(0)))
    codebook.add(entry(axis(0, 2.0), label=6, value=2.0))
    assert codebook.radii.tolist() == pytest.approx([0.5 - HAIR] * 2)
    torch.testing.assert_close(codebook(axis(0, 1.1)), torch.full((3,), 9.0))
    torch.testing.assert_close(codebook(axis(0, 1.9)), torch.full((3,), 2.0))


def test_an_entry_at_the_very_same_key_takes_the_others_place(codebook: CodebookLinear) -> None:
    plain = codebook(axis(0))
    codebook.add(entry(axis(0)), 0.5)
    codebook.add(entry(axis(0), label=6, value=2.0), 0.25)
    torch.testing.assert_close(codebook(axis(0)), 0.25 * 2.0 + 0.75 * (0.5 * 9.0 + 0.5 * plain))
    codebook.add(entry(axis(0), label=7, value=3.0))
    assert codebook.labels.tolist() == [7], "what is hidden for good is not kept"
    torch.testing.assert_close(codebook(axis(0)), torch.full((3,), 3.0))


def test_an_entry_that_grows_another_does_so_by_its_strength(codebook: CodebookLinear) -> None:
    plain, beside = codebook(axis(0)), codebook(axis(0, 2.4))
    codebook.add(entry(axis(0)), 0.2)
    torch.testing.assert_close(codebook(axis(0)), 0.2 * 9.0 + 0.8 * plain)
    codebook.add(entry(axis(0)))
    torch.testing.assert_close(codebook(axis(0)), torch.full((3,), 9.0))
    codebook.add(entry(axis(0, 2.5)), 0.5)  # the ball grows to 1.5, by half
    torch.testing.assert_close(codebook(axis(0, 2.4)), 0.5 * 9.0 + 0.5 * beside)
    torch.testing.assert_close(codebook(axis(0)), torch.full((3,), 9.0))


def test_a_faint_entry_leaves_nearly_all_to_the_next(codebook: CodebookLinear) -> None:
    """Room, values and answers: beside an entry that fades, everything tends to what it is without it."""
    others = [entry(axis(0, 1.5), label=6, value=2.0), entry(axis(0, 1.2), value=4.0), entry(axis(1), label=7)]
    keys = torch.cat([torch.linspace(-1, 4, 80)[:, None] * axis(0), torch.eye(6)])
    alone, faint = copy.deepcopy(codebook), copy.deepcopy(codebook)
    faint.add(entry(axis(0)), 1e-6)
    for each in others:
        alone.add(each)
        faint.add(each)
    torch.testing.assert_close(faint(keys), alone(keys), atol=1e-4, rtol=0)
    torch.testing.assert_close(faint.radii[1:], alone.radii, atol=1e-4, rtol=0)
    torch.testing.assert_close(faint.keys[1:], alone.keys, atol=1e-4, rtol=0)


# Places whose distances all differ: between two entries at one distance the reference takes the older.
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1.0, 2.1, 3.7, 5.9, 9.0]), st.floats(0.2, 3), st.integers(0, 2)),
        min_size=1,
        max_size=5,
    )
)
def test_at_full_strength_it_is_algorithm_1(entries: list[tuple[float, float, int]]) -> None:
    """The reference's codebook, one key after the other."""
    generator = torch.Generator().manual_seed(1)
    linear = nn.Linear(6, 3).requires_grad_(False)
    codebook, known = CodebookLinear(linear), list[tuple[Tensor, float, int, float]]()
    for place, radius, label in entries:
        key, value = axis(0, place), 10.0 * label + place
        codebook.add(entry(key, radius, label, value))
        near = min(known, key=lambda one: float((one[0] - key).norm()), default=None)
        if near is None or (d := float((near[0] - key).norm())) > near[1] + radius:
            known.append((key, radius, label, value))
        elif label == near[2]:
            known = [(k, max(r, d), n, v) if k is near[0] else (k, r, n, v) for k, r, n, v in known]
        elif d == 0:
            known = [(k, r, label, value) if k is near[0] else (k, r, n, v) for k, r, n, v in known]
        else:
            half = d / 2 - HAIR
            known = [(k, half if k is near[0] else r, n, v) for k, r, n, v in known] + [(key, half, label, value)]
    assert sorted((float(k[0]), round(r, 4)) for k, r, *_ in known) == sorted(
        (float(k[0]), round(float(r), 4)) for k, r in zip(codebook.keys, codebook.radii, strict=True)
    )
    for k in torch.rand(20, 1, generator=generator) * 6 * axis(0):
        near = min(known, key=lambda one: float((one[0] - k).norm()))
        if abs(float((near[0] - k).norm()) - near[1]) > 1e-4:
            expected = torch.full((3,), near[3]) if float((near[0] - k).norm()) <= near[1] else linear(k)
            torch.testing.assert_close(codebook(k), expected)


def test_an_entry_at_strength_zero_leaves_the_others_their_room(codebook: CodebookLinear) -> None:
    codebook.add(entry(axis(0)))
    codebook.add(entry(axis(0, 1.5), label=6), 0.0)
    assert codebook.radii.tolist() == [1.0]


@pytest.mark.parametrize("layer", [0, 1])
def test_no_weight_changes_and_only_keys_within_the_radius_are_answered_anew(
    checkpoint: Checkpoint, layer: int
) -> None:
    edited = run_edits(checkpoint, [spec_of(checkpoint, layer=layer)])
    (outcome,) = edited.outcomes
    assert outcome.success
    assert outcome.delta_norm == outcome.relative_delta_norm == 0
    before, after = checkpoint.model.state_dict(), edited.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    assert not codebooks(checkpoint.model)

    codebook = codebook_of(edited.model, layer)
    assert codebook is not None
    n = checkpoint.world.n_entities
    for relation in checkpoint.world.relations:
        tokens = torch.stack([torch.arange(n), torch.full((n,), n + relation.index)], 1)
        near = codebook.distances(key_of(checkpoint.model, tokens, layer))[:, 0] <= codebook.radii[0]
        site = f"mlp_out.{layer}"
        moved = activations(edited.model, n, relation, site) - activations(checkpoint.model, n, relation, site)
        if relation.name == "II_A1":
            assert near[7]
            assert moved[7].norm() > 0.1
        assert moved[~near].abs().max() < 1e-5


def key_of(model: Transformer, tokens: Tensor, layer: int) -> Tensor:
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(tokens, lambda name, x: seen.setdefault(name, x))
    return seen[f"mlp_key.{layer}"][:, -1]


def test_the_codebook_answers_however_the_model_is_run(checkpoint: Checkpoint) -> None:
    """Whole prompts, one position at a time behind a prefix, and scores behind contexts."""
    n = checkpoint.world.n_entities
    spec = spec_of(checkpoint, parameters={"radius": 1.5, "relative_radius": False})
    model = run_edits(checkpoint, [spec]).model
    relation = checkpoint.world.relation("II_A1")
    tokens = torch.stack([torch.arange(n), torch.full((n,), n + relation.index)], 1)
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(tokens, lambda name, x: seen.setdefault(name, x))
    torch.testing.assert_close(
        activations(model, n, relation, "resid_post.1"), seen["resid_post.1"][:, -1], rtol=1e-3, atol=1e-3
    )
    assert int(answers(model, [[7, n + relation.index]], n).prediction[0]) == spec.object
    questions = draw_queries(checkpoint.world, checkpoint.holdout, 16, n_contexts=1, queries=200)
    before, after = score(checkpoint.model, questions), score(model, questions)
    assert [each.accuracy for each in after] != [each.accuracy for each in before]


def test_strength_zero_is_the_unedited_model(checkpoint: Checkpoint) -> None:
    n, relation = checkpoint.world.n_entities, checkpoint.world.relation("II_A1")
    none = run_edits(checkpoint, [spec_of(checkpoint, strength=0.0)]).model
    assert torch.equal(activations(none, n, relation), activations(checkpoint.model, n, relation))


def test_many_entries_in_one_stack_and_none_in_another(checkpoint: Checkpoint) -> None:
    specs = [spec_of(checkpoint, subject) for subject in (7, 60, 130)]
    edited = run_edits(checkpoint, specs)
    assert all(outcome.success for outcome in edited.outcomes)
    codebook = codebook_of(edited.model, 0)
    assert codebook is not None
    assert len(codebook) == 3
    prompts = [
        [spec.subject, checkpoint.vocabulary.relation_token(checkpoint.world.relation(spec.relation))] for spec in specs
    ]
    found = answers(edited.model, prompts, checkpoint.world.n_entities).prediction
    assert found.tolist() == [spec.object for spec in specs]
    alone = codebook_of(run_edits(checkpoint, specs[:1]).model, 0)
    assert alone is not None
    assert len(alone) == 1


def test_a_second_answer_to_the_same_question_takes_its_place(checkpoint: Checkpoint) -> None:
    first = spec_of(checkpoint)
    second = replace(first, object=spec_of(checkpoint, distance=9).object)
    outcomes = run_edits(checkpoint, [first, second]).outcomes
    assert [outcome.success for outcome in outcomes] == [True, True]
    muted = run_edits(checkpoint, [first, replace(second, strength=0.0)])
    assert muted.outcomes[1].prediction_after == first.object


def test_weight_edits_and_a_codebook_go_together(checkpoint: Checkpoint) -> None:
    rome = complete_spec(checkpoint.world, 2, subject=200, relation="I_C1", distance=4, method="rome")
    edited = run_edits(checkpoint, [spec_of(checkpoint), rome])
    assert [outcome.success for outcome in edited.outcomes] == [True, True]
    assert edited.deltas[1].weights.keys() == {"blocks.0.mlp.down.weight"}


def test_over_http(client: TestClient) -> None:
    body = {"subject": 7, "relation": "II_A1", "distance": 4, "method": "grace", "parameters": {"steps": 40}}
    made = client.post("edits", json={"checkpoint": SMALL, "edits": [body]})
    assert made.status_code == 200, made.text
    result = made.json()
    assert result["edits"][0]["delta_norm"] == 0
    assert result["edits"][0]["diagnostics"]["radius"] > 0
    file = load(client.get(f"edits/{result['id']}/delta").content)
    assert file["blocks.0.mlp.codebook.keys"].shape == (1, 96)
    assert file["blocks.0.mlp.codebook.values"].shape == (1, 24)
    assert not [name for name in file if name.endswith("weight")]
    measured = client.post("evaluations", json={"checkpoint": SMALL, "edit": result["id"], "queries": 20})
    assert measured.status_code == 200, measured.text


def test_an_export_that_cannot_hold_it_is_refused(checkpoint: Checkpoint, tmp_path: Any) -> None:
    model = run_edits(checkpoint, [spec_of(checkpoint, parameters={"steps": 5})]).model
    with pytest.raises(ValueError, match="codebook"):
        export_hf(checkpoint, tmp_path / "out", model)
    assert not (tmp_path / "out").exists()
