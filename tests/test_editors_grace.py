"""GRACE: a codebook beside the model. It answers for keys near its own, everywhere the model is run, and for no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load
from starlette.testclient import TestClient
from torch import Tensor, nn

from backend.activations import activations
from backend.checkpoints import Checkpoint
from backend.editors.codebook import HAIR, CodebookLinear, Entry, codebook_of, codebooks
from backend.edits import EditSpec, complete_spec, run_edits
from backend.evaluation import answers, draw_queries, score
from backend.export_hf import export_hf
from backend.model import Transformer

SMALL = "rings-small"


def spec_of(checkpoint: Checkpoint, subject: int = 7, relation: str = "II_A1", **more: Any) -> EditSpec:
    given = {"distance": 4, **more}
    return complete_spec(checkpoint.graph, 2, subject=subject, relation=relation, method="grace", **given)


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
    assert len(codebook) == 1
    assert codebook.labels.item() == 6
    torch.testing.assert_close(codebook(axis(0)), 0.25 * 2.0 + 0.75 * (0.5 * 9.0 + 0.5 * plain))


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
    n = checkpoint.graph.n_entities
    for relation in checkpoint.graph.relations:
        tokens = torch.stack([torch.arange(n), torch.full((n,), n + relation.index)], 1)
        near = codebook.nearest(key_of(checkpoint.model, tokens, layer))[0] <= codebook.radii[0]
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
    n = checkpoint.graph.n_entities
    spec = spec_of(checkpoint, parameters={"radius": 1.5, "relative_radius": False})
    model = run_edits(checkpoint, [spec]).model
    relation = checkpoint.graph.relation("II_A1")
    tokens = torch.stack([torch.arange(n), torch.full((n,), n + relation.index)], 1)
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(tokens, lambda name, x: seen.setdefault(name, x))
    torch.testing.assert_close(
        activations(model, n, relation, "resid_post.1"), seen["resid_post.1"][:, -1], rtol=1e-3, atol=1e-3
    )
    assert int(answers(model, [[7, n + relation.index]], n).prediction[0]) == spec.object
    questions = draw_queries(checkpoint.graph, checkpoint.holdout, 16, n_contexts=1, queries=200)
    before, after = score(checkpoint.model, questions), score(model, questions)
    assert [each.accuracy for each in after] != [each.accuracy for each in before]


def test_strength_zero_is_the_unedited_model(checkpoint: Checkpoint) -> None:
    n, relation = checkpoint.graph.n_entities, checkpoint.graph.relation("II_A1")
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
        [spec.subject, checkpoint.vocabulary.relation_token(checkpoint.graph.relation(spec.relation))] for spec in specs
    ]
    found = answers(edited.model, prompts, checkpoint.graph.n_entities).prediction
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
    rome = complete_spec(checkpoint.graph, 2, subject=200, relation="I_C1", distance=4, method="rome")
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
