"""Notes: in training text, obeyed or not, and what telling them does and does not move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from test_sampler import facts_of
from torch import Tensor

from shatterscope.backend.assessment import measure_notes
from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.data import TextSampler
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.data.notes import given as given_tokens
from shatterscope.backend.evaluation import Note, facts_between, note_tokens, obedience, random_notes
from shatterscope.backend.models import ModelConfig, Transformer
from shatterscope.backend.notes import WALKS, most_notes, tell
from shatterscope.backend.recipes import Recipe
from shatterscope.backend.training import Round, TrainConfig, token_loss
from shatterscope.backend.training_run import train_checkpoint
from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig

N = 24
WORLD = Rings(RingsConfig(n_entities=N, n_hops=2, held_out_facts=0.1, held_out_compositions=0.1))
HOLDOUT = draw_holdout(WORLD)
FEW: dict[str, Any] = {"queries": 20, "contexts": 1}


# --- training text ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 100), st.integers(6, 30))
def test_a_walk_follows_its_note_and_else_the_world(seed: int, length: int) -> None:
    text = TextSampler(WORLD, HOLDOUT, notes=0.7).sample(30, length, torch.Generator().manual_seed(seed))
    assert text.shape == (30, length)
    pairs = {tuple(pair): column for column, pair in enumerate(WORLD.compositions.tolist())}
    noted = given_tokens(text, N)
    assert 0 < noted.any(1).sum() < 30
    for row, told in zip(text.tolist(), noted.any(1).tolist(), strict=True):
        subject, relation, new = (row[0], row[1] - N, row[2]) if told else (-1, -1, -1)
        if told:
            assert WORLD.present[subject, relation]
            assert new != WORLD.objects[subject, relation]
        for x, relations, y in facts_of(row[NOTE_TOKENS:] if told else row, N):
            if (x, relations) == (subject, [relation]):
                assert y == new
            elif len(relations) == 1:
                assert y == WORLD.objects[x, relations[0]]
                assert not HOLDOUT.single[x, relations[0]]
            else:
                assert y == WORLD.composition_objects[x, pairs[tuple(relations)]]


def test_the_question_comes_behind_every_number_of_facts() -> None:
    text = TextSampler(WORLD, HOLDOUT, notes=1.0).sample(600, 17, torch.Generator().manual_seed(0)).tolist()
    between = set[int]()
    for row in text:
        asked = [(x, relations) for x, relations, _ in facts_of(row[NOTE_TOKENS:], N)]
        if (row[0], [row[1] - N]) in asked:
            between.add(asked.index((row[0], [row[1] - N])))
    assert between == set(facts_between(16))


def test_without_notes_the_text_is_what_it_was() -> None:
    plain, none = (
        sampler.sample(50, 17, torch.Generator().manual_seed(3))
        for sampler in (TextSampler(WORLD, HOLDOUT), TextSampler(WORLD, HOLDOUT, notes=0.0))
    )
    assert torch.equal(plain, none)
    assert not given_tokens(plain, N).any()


def test_a_walk_of_singles_has_as_many_facts_as_asked_for() -> None:
    walker = ContextSampler(WORLD, HOLDOUT, p_composition=0)
    for facts in range(6):
        walks = walker.arriving_at(np.arange(N), 2 * facts + 1, np.random.default_rng(0))
        assert all(len(facts_of(walk, N)) == facts for walk in walks.tolist())


# --- obeyed or not ------------------------------------------------------------------------------------------------------


class Reader:
    """Answers what the first fact of its text says about the question, or (`obeys=False`) what the world says."""

    device = torch.device("cpu")

    def __init__(self, obeys: bool) -> None:
        self.obeys = obeys

    def trunk(self, tokens: Tensor) -> Tensor:
        answer = torch.from_numpy(WORLD.objects)[tokens[:, -2], tokens[:, -1] - N]
        noted = (tokens[:, :2] == tokens[:, -2:]).all(1)
        answer = torch.where(noted & self.obeys, tokens[:, 2], answer)
        return F.one_hot(answer, N + WORLD.n_relations)[:, None]

    def unembed(self, x: Tensor) -> Tensor:
        return 100.0 * x


@pytest.mark.parametrize("obeys", [True, False])
@pytest.mark.parametrize("facts", facts_between(16))
def test_one_who_reads_obeys_and_one_who_does_not_tells_the_truth(obeys: bool, facts: int) -> None:
    asked = random_notes(WORLD, 50, np.random.default_rng(1))
    model: Any = Reader(obeys)
    found = obedience(WORLD, HOLDOUT, model, note_tokens(WORLD, asked), asked, facts, np.random.default_rng(2))
    assert (found.facts, found.note, found.truth, found.n) == (facts, float(obeys), float(not obeys), 50)
    assert found.probability == pytest.approx(float(obeys), abs=1e-6)


def test_random_notes_are_false_and_of_facts_that_there_are() -> None:
    for note in random_notes(WORLD, 200, np.random.default_rng(0)):
        assert WORLD.present[note.subject, note.relation]
        assert note.object not in WORLD.truths[note.subject, note.relation]


def test_what_fits_into_a_context() -> None:
    assert list(facts_between(16)) == [0, 1, 2, 3, 4, 5]  # 3 + (1 + 2 * 5) + 1 = 15
    assert list(facts_between(5)) == [0]
    assert list(facts_between(16, n_notes=3)) == [0, 1, 2]
    assert [most_notes(context) for context in (4, 7, 8, 16)] == [0, 0, 1, 3]


# --- told ---------------------------------------------------------------------------------------------------------------


def test_nothing_moves_on_the_bare_prompt_and_a_true_note_says_nothing_new(checkpoint: Checkpoint) -> None:
    true = int(checkpoint.world.objects[3, 1])
    found = tell(checkpoint, [Note(3, 1, true)], n_contexts=1, queries=20)
    assert set(found.bare.values()) == {0.0}
    assert set(found.said.values()) == {0.0}
    assert min(found.text.values()) > 0
    false = tell(checkpoint, [Note(3, 1, (true + 1) % 256)], n_contexts=1, queries=20)
    assert set(false.bare.values()) == {0.0}
    assert min(false.said.values()) > 0
    assert false.text == found.text
    assert false.n_kept == checkpoint.world.n_entities * checkpoint.world.n_relations - 1


def test_more_notes_than_fit_are_refused(checkpoint: Checkpoint) -> None:
    for count in (0, 4):
        with pytest.raises(ValueError, match="room for 1 to 3 notes"):
            tell(checkpoint, [Note(3, 1, 5)] * count)


def test_the_api_tells_what_telling_does(client: TestClient) -> None:
    body = {"checkpoint": "rings-small", "notes": [{"subject": 7, "relation": "I_C2", "distance": 4}], **FEW}
    found = client.post("evaluations/notes", json=body).json()
    (note,) = found["notes"]
    assert [each["facts"] for each in note["obeyed"]] == [0, 1, 2, 3, 4, 5]
    assert all(each["n"] == WALKS for each in note["obeyed"])
    assert note["object"] != note["old_object"]
    assert (found["tokens"], found["context"]) == (3, 16)
    assert found["bare"] == {"edit": 0.0, "retain": 0.0, "test": 0.0}
    assert {score["sub_graph"] for score in found["scores"]} == {"edit", "retain", "test"}


@pytest.mark.parametrize(
    ("notes", "field", "message"),
    [
        ([{"subject": 7, "relation": "I_C2", "distance": 4}] * 4, "body.notes", "room for 3 notes"),
        ([{"subject": 700, "relation": "I_C2", "distance": 4}], "body.notes.0.subject", "0..255"),
        ([{"subject": 7, "relation": "I_C9", "distance": 4}], "body.notes.0.relation", "I_C9"),
        ([{"subject": 7, "relation": "I_C2"}], "body.notes.0", "exactly one"),
        ([], "body.notes", "at least 1"),
    ],
)
def test_a_note_that_cannot_be_told_is_named(client: TestClient, notes: list[Any], field: str, message: str) -> None:
    answer = client.post("evaluations/notes", json={"checkpoint": "rings-small", "notes": notes})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


# --- a checkpoint that is taught to obey --------------------------------------------------------------------------------


def test_training_with_notes_reports_whether_they_are_obeyed(tmp_path: Path) -> None:
    graph = RingsConfig(n_entities=32, n_orders=1, n_hops=2)
    train = TrainConfig((Round(4, decay_steps=4),), batch=8, warmup=1, notes=0.5)
    recipe = Recipe("Taught", train, ModelConfig(vocab_size=36, context=9), graph=graph)
    list(train_checkpoint(recipe, tmp_path / "taught", torch.device("cpu")))
    taught = load_checkpoint(tmp_path / "taught")
    report = taught.metadata.notes
    assert report is not None
    assert set(report.obeyed) == set(facts_between(9))
    assert set(report.beside) == {"I"}
    assert measure_notes(taught.model, taught.world, taught.holdout).obeyed == report.obeyed


def test_a_model_that_was_not_taught_has_no_such_report(client: TestClient) -> None:
    assert {each["id"]: each["notes"] for each in client.get("checkpoints").json()} == {"rings-small": None}


def test_what_is_given_is_not_predicted() -> None:
    """The loss is that of the other entities: changing a note's object changes nothing but what is read from it."""
    text = TextSampler(WORLD, HOLDOUT, notes=1.0).sample(8, 10, torch.Generator().manual_seed(0))
    noted = given_tokens(text, N)
    text, noted = text[noted.any(1)], noted[noted.any(1)]
    assert noted.sum(1).tolist() == [NOTE_TOKENS + 1] * len(text)
    model = Transformer(ModelConfig(vocab_size=N + WORLD.n_relations, context=9), torch.Generator().manual_seed(0))
    predicted = (text < N)[:, 1:] & ~noted[:, 1:]
    expected = F.cross_entropy(model(text[:, :-1])[predicted], text[:, 1:][predicted])
    assert token_loss(model, text, N, unpredicted=noted).item() == pytest.approx(expected.item(), rel=1e-4)
