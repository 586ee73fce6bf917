"""A language model that is asked in words: what it knows, how it is run, and what is kept of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import NAME
from torch import Tensor

from shatterscope.backend.activations import in_words
from shatterscope.backend.editors import EDITORS, Fact, WriteRequest
from shatterscope.backend.editors.targets import read_fact, spared_moment
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.lm.library import Library
from shatterscope.backend.lm.pretrained import LanguageModelError
from shatterscope.backend.models import Llama, LlamaConfig
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint, LanguageCheckpoints
from shatterscope.backend.spoken.files import Words, read_all, read_wordings
from shatterscope.backend.spoken.measuring import measure_baseline, measure_geometry, measure_recall
from shatterscope.backend.spoken.recording import edited_points, unedited_points
from shatterscope.backend.spoken.statistics import key_moments
from shatterscope.backend.spoken.survey import entering, first_changed, survey
from shatterscope.backend.spoken.world import Numbering, numbered

MONTHS = "months_next1"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, spoken_state: Path) -> Path:
    return shutil.copytree(spoken_state, tmp_path_factory.mktemp("spoken"), dirs_exist_ok=True)


@pytest.fixture(scope="module")
def spoken(state: Path) -> LanguageCheckpoint:
    found, problems = LanguageCheckpoints(Library(state / "language-models")).all()
    assert problems == {}
    return found[NAME]


# --- questions in words ------------------------------------------------------------------------------------------------


def test_every_file_that_ships_can_be_read() -> None:
    found = read_all()
    assert {MONTHS, "weekdays_next1"} <= found.keys()
    assert any(words.begins_with_subject and words.asks_for_steps for words in found[MONTHS])  # the paper's own


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a remark\nIt is now", "m.txt, line 2: {subject} must stand in it once"),
        ("{subject} and {subject} are", "line 1: {subject} must stand in it once"),
        ("# nothing\n", "m.txt holds no question"),
    ],
)
def test_a_file_of_wordings_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(LanguageModelError, match=said.replace("{", r"\{").replace("}", r"\}")):
        read_wordings(tmp_path / "m.txt")


def test_ones_own_wordings_take_the_place_of_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / f"{MONTHS}.txt").write_text("After {subject} comes")
    assert [words.text for words in read_all(tmp_path)[MONTHS]] == ["After {subject} comes"]


def test_a_question_that_ends_with_its_subject_is_refused(spoken: LanguageCheckpoint) -> None:
    with pytest.raises(LanguageModelError, match="ends with the subject"):
        Words("It is {subject}").tokens(spoken.loaded.tokenizer)


# --- what it knows -----------------------------------------------------------------------------------------------------


def test_only_what_it_answers_is_asked(spoken: LanguageCheckpoint) -> None:
    for relation in spoken.knowledge.relations:
        for told in relation.wordings:
            assert not told.asked or (told.accuracy >= 0.7 and told.before and not told.steps)
    assert {relation.name for relation in spoken.world.relations} <= {each.name for each in spoken.knowledge.relations}


def test_the_accuracies_are_those_of_its_answers(spoken: LanguageCheckpoint) -> None:
    world, model = spoken.world, spoken.model
    for relation in world.relations:
        truths = torch.from_numpy(world.objects[world.domain(relation), relation.index])
        for told, wording in zip(world.told[relation.index], world.wordings([relation]), strict=True):
            prompts = torch.tensor([wording.around(subject) for subject in world.domain(relation).tolist()])
            logits = model(prompts)[:, -1]
            assert (logits[:, : world.n_entities].argmax(1) == truths).double().mean().item() == pytest.approx(
                told.accuracy
            )
            assert (logits.argmax(1) == truths).double().mean().item() == pytest.approx(told.outright)


def test_knowledge_of_other_weights_is_not_used(state: Path, spoken: LanguageCheckpoint, tmp_path: Path) -> None:
    other = tmp_path / NAME
    other.mkdir()
    for name in ("model.json", "knowledge.json"):
        (other / name).write_bytes((state / "language-models" / NAME / name).read_bytes())
    said = (other / "knowledge.json").read_text().replace(spoken.sha256, "0" * 64)
    (other / "knowledge.json").write_text(said)
    found, problems = LanguageCheckpoints(Library(tmp_path)).all()
    assert found == {}
    assert "shatterscope models know spoken" in problems[NAME]


# --- tokens ------------------------------------------------------------------------------------------------------------


@given(st.integers(4, 60), st.data())
def test_tokens_numbered_anew_are_the_same_tokens(vocabulary: int, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.integers(0, vocabulary - 1), min_size=1, max_size=4, unique=True))
    numbering = Numbering(names)
    assert [numbering.new(token) for token in names] == list(range(len(names)))
    assert [numbering.new(token) for token in numbering.old(vocabulary).tolist()] == list(range(vocabulary))


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_numbered_anew_says_the_same(tied: bool) -> None:
    shape = LlamaConfig(30, 12, n_layers=2, d_model=16, d_mlp=24, n_heads=4, n_kv_heads=2, tied=tied)
    model, other = (Llama(shape, torch.Generator().manual_seed(0)) for _ in range(2))
    numbering = Numbering([7, 3, 29])
    numbered(other, numbering)
    tokens = torch.randint(30, (3, 8), generator=torch.Generator().manual_seed(1))
    new = torch.tensor([numbering.all_new(row) for row in tokens.tolist()])
    torch.testing.assert_close(other(new), model(tokens)[..., numbering.old(30)])


# --- run in words ------------------------------------------------------------------------------------------------------


def test_representations_are_those_of_the_whole_prompts(spoken: LanguageCheckpoint) -> None:
    world, model = spoken.world, spoken.model
    sites = ["embed", "resid_mid.1", "mlp_out.2", "resid_post.3", "final_norm"]
    for relation in world.relations:
        found = in_words(model, world, relation, sites)
        for i, wording in enumerate(world.wordings([relation])):
            seen: dict[str, Tensor] = {}

            def tap(name: str, x: Tensor, seen: dict[str, Tensor] = seen) -> Tensor:
                seen[name] = x[:, -1]
                return x

            model.trunk(torch.tensor([wording.around(x) for x in world.domain(relation).tolist()]), tap)
            for site in sites:
                torch.testing.assert_close(found[site][i], seen[site], rtol=1e-4, atol=1e-5)
                one = in_words(model, world, relation, [site], i)[site]
                torch.testing.assert_close(one[0], found[site][i])


@pytest.mark.parametrize("token", ["subject", "relation"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_what_an_edit_searches_with_is_the_whole_model(spoken: LanguageCheckpoint, layer: int, token: str) -> None:
    """A change of the MLP's output at the subject, several tokens before the answer is read, behind texts of several lengths."""
    world, model = spoken.world, spoken.model
    fact = Fact.of(world, 4, [world.relation(MONTHS)], 7)
    prompts = WriteRequest((fact,), spoken.contexts).prompts(fact, 5, 160, np.random.default_rng(0))
    assert prompts[0] == fact.question
    assert len({len(prompt) for prompt in prompts}) > 1
    assert all(prompt[-len(fact.question) :] == fact.question for prompt in prompts)
    delta = torch.randn(model.config.d_model, generator=torch.Generator().manual_seed(0))
    site = read_fact(model, fact, prompts, layer, token)
    found = site.logits(model, delta)
    for row, prompt in enumerate([*prompts, fact.neutral]):
        behind = 0 if row == len(prompts) or token == "relation" else fact.behind
        at = len(prompt) - 1 - behind

        def tap(name: str, x: Tensor, at: int = at) -> Tensor:
            return x.index_add(1, torch.tensor([at]), delta[None, None]) if name == f"mlp_out.{layer}" else x

        torch.testing.assert_close(found[row], model(torch.tensor([prompt]), tap)[0, -1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_below_an_edit_nothing_is_run_again(spoken: LanguageCheckpoint, layer: int) -> None:
    spec = complete_spec(spoken.world, 4, subject=4, relation=MONTHS, distance=3, layer=layer)
    edited = run_edits(spoken, [spec]).model
    assert first_changed(spoken.model, edited) == layer
    whole, part = (
        survey(edited, spoken.world),
        survey(edited, spoken.world, layer, entering(spoken.model, spoken.world, layer)),
    )
    for one, other in zip(whole.asked, part.asked, strict=True):
        torch.testing.assert_close(one.representations, other.representations, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.probability, other.probability, rtol=1e-4, atol=1e-5)


def test_an_unedited_model_is_changed_nowhere(spoken: LanguageCheckpoint) -> None:
    assert first_changed(spoken.model, spoken.model) == 4


# --- edited and measured -----------------------------------------------------------------------------------------------

METHODS = ["rome", "memit", "alphaedit", "ft-l", "grace", "patch"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_a_fact_that_is_asked_in_words(spoken: LanguageCheckpoint, method: str) -> None:
    """The search is as long as so small a model needs, which never saw text before a question, and reads its subject in the first layer."""
    layer = 3 if method in ("grace", "patch") else 2
    search: dict[str, Any] = {"steps": 200, "learning_rate": 0.05, "clamp_norm_factor": 50.0, "n_contexts": 1}
    search["token"] = "relation"
    search |= {"ft-l": {"norm_constraint": 0.5}, "patch": {"steps": 40}}.get(method, {})
    known = EDITORS[method].parameters.model_fields
    parameters = {name: value for name, value in search.items() if name in known}
    spec = complete_spec(
        spoken.world, 4, subject=4, relation=MONTHS, distance=3, method=method, layer=layer, parameters=parameters
    )
    edited = run_edits(spoken, [spec])
    assert edited.outcomes[0].success
    assert edited.outcomes[0].prediction_before == 5
    # What an edit leaves alone is the model's own, and not a copy of it.
    assert edited.model.get_parameter("token.weight") is spoken.model.get_parameter("token.weight")
    assert edited.nbytes < spoken.model.n_params * 4 / 2

    baseline, after = measure_baseline(spoken), survey(edited.model, spoken.world)
    geometry = measure_geometry(spoken, edited, baseline, after)
    recall = measure_recall(spoken, edited, baseline, after)
    assert geometry.shattering[MONTHS] > 0
    assert geometry.without_edited is not None
    assert geometry.without_edited >= 0
    assert recall.quality.efficacy.accuracy_after == 1
    assert recall.quality.generality.n == len(spoken.world.told[0]) - 1
    facts = {each.order: each.n_queries for each in recall.scores}
    assert facts["months"] == 12
    assert facts["weekdays"] == 7


def test_a_method_that_is_not_offered_is_refused_by_name(spoken: LanguageCheckpoint) -> None:
    with pytest.raises(ValueError, match="ultraedit is not offered on a language model; there are rome"):
        complete_spec(spoken.world, 4, subject=4, relation=MONTHS, distance=3, method="ultraedit")


def test_protecting_others_adds_the_moment_of_their_keys(spoken: LanguageCheckpoint) -> None:
    world, model = spoken.world, spoken.model
    spec = complete_spec(world, 4, subject=4, relation=MONTHS, distance=3)
    fact = Fact.of(world, spec.subject, [world.relation(MONTHS)], spec.object)
    request = WriteRequest((fact,), spoken.contexts)
    C = spoken.statistics[1]
    assert spared_moment(C, model, request, 1, "subject", 0.0) is C
    seen: list[Tensor] = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name == "mlp_key.1":
            seen.append(x[:, -1 - fact.behind])
        return x

    wording = world.wordings([world.relation(MONTHS)])[0]
    model.trunk(torch.tensor([wording.around(x) for x in range(12) if x != 4]), tap)
    k = seen[0].double()
    torch.testing.assert_close(
        spared_moment(C, model, request, 1, "subject", 5.0), C + 5 * k.T @ k / 11, rtol=1e-4, atol=1e-7
    )


# --- what is kept ------------------------------------------------------------------------------------------------------


def test_statistics_are_the_keys_of_all_but_first_positions(spoken: LanguageCheckpoint) -> None:
    model, tokens = spoken.model, torch.from_numpy(spoken.contexts.text)
    seen: dict[str, Tensor] = {}
    model.trunk(tokens, lambda name, x: seen.setdefault(name, x))
    found = key_moments(model, tokens, [0, 2])
    for layer, moment in found.items():
        k = seen[f"mlp_key.{layer}"][:, 1:].flatten(0, 1).double()
        torch.testing.assert_close(moment, k.T @ k / len(k), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(spoken.statistics[2], found[2])


def test_statistics_of_other_weights_are_made_again(spoken: LanguageCheckpoint) -> None:
    spoken.statistics.make([1])
    path = spoken.folder / "statistics-1.safetensors"
    path.write_bytes(b"no tensors")
    assert spoken.statistics.missing([1]) == [1]
    spoken.statistics.make([1])
    assert spoken.statistics.missing([0, 1]) in ([], [0])


def test_readings_are_the_unedited_model_s(spoken: LanguageCheckpoint) -> None:
    world = spoken.world
    whole = survey(spoken.model, world)
    for one, other in zip(whole.asked, spoken.readings.survey().asked, strict=True):
        torch.testing.assert_close(one.representations, other.representations)
        torch.testing.assert_close(one.probability, other.probability)
    site = in_words(spoken.model, world, world.relations[0], ["mlp_out.1"])["mlp_out.1"]
    torch.testing.assert_close(spoken.readings.at(world.relations[0], "mlp_out.1"), site)


def test_a_model_that_was_dropped_comes_back(spoken: LanguageCheckpoint) -> None:
    before = spoken.model(torch.tensor([[40, 3, 41]]))
    spoken._library.release()
    torch.testing.assert_close(spoken.model(torch.tensor([[40, 3, 41]])), before)


# --- points of a recording ---------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_recorded_points_are_as_far_from_each_other_as_the_representations(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.standard_normal((2, n, 40)).astype(np.float32)
    was = np.concatenate([unedited_points(before), np.zeros((n, n))], 1)
    now = edited_points(before, after)
    assert now.shape == (n, 2 * n)

    def apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x[:, None].astype(np.float64) - y[None], axis=-1)

    for x, y, a, b in ((was, was, before, before), (now, now, after, after), (was, now, before, after)):
        np.testing.assert_allclose(apart(x, y), apart(a, b), rtol=1e-5, atol=1e-5)


def test_an_edit_that_changes_nothing_is_recorded_as_no_change() -> None:
    before = np.random.default_rng(0).standard_normal((5, 30)).astype(np.float32)
    np.testing.assert_allclose(
        edited_points(before, before), np.concatenate([unedited_points(before), np.zeros((5, 5))], 1), atol=1e-5
    )
