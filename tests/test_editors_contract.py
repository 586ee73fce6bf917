"""What every editor promises, whatever its method: the contract, and what we ask of our own beyond it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS, EditDelta
from shatterscope.backend.editors.contract import CLAUSES, Clause, Trial, fingerprint
from shatterscope.backend.edits import EditError, complete_spec, run_edits

NAMES = list(EDITORS)
SUBJECT, RELATION = 7, "II_A1"


def compute(checkpoint: Checkpoint, name: str, **parameters: object) -> EditDelta:
    trial = Trial(EDITORS[name], checkpoint)
    return trial.compute(parameters=trial.parameters(**{"steps": 12, **parameters}))


@pytest.mark.parametrize("clause", CLAUSES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_contract_is_kept(checkpoint: Checkpoint, name: str, clause: Clause) -> None:
    clause(EDITORS[name], checkpoint)


@pytest.mark.parametrize("name", [name for name in NAMES if "seed" in EDITORS[name].parameters.model_fields])
def test_the_seed_counts(checkpoint: Checkpoint, name: str) -> None:
    assert fingerprint(compute(checkpoint, name, seed=1, n_contexts=4)) != fingerprint(
        compute(checkpoint, name, n_contexts=4)
    )


def test_another_process_computes_the_same_bits(checkpoint: Checkpoint) -> None:
    code = (
        "import sys; from pathlib import Path; from shatterscope.backend.checkpoints import load_checkpoint; "
        "from tests.test_editors_contract import NAMES, compute, fingerprint; import torch; torch.set_num_threads(1); "
        "checkpoint = load_checkpoint(Path(sys.argv[1])); "
        "print(*(fingerprint(compute(checkpoint, name)) for name in NAMES))"
    )
    from shatterscope.backend.settings import REPOSITORY

    folder = REPOSITORY / "models_cache" / checkpoint.id
    found = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert found.stdout.split() == [fingerprint(compute(checkpoint, name)) for name in NAMES]
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_tuned_writes_the_fact_at_the_default_layer(checkpoint: Checkpoint, name: str) -> None:
    n_layers = checkpoint.model.config.n_layers
    spec = complete_spec(checkpoint.world, n_layers, subject=SUBJECT, relation=RELATION, distance=4, method=name)
    (outcome,) = run_edits(checkpoint, [spec]).outcomes
    assert outcome.success
    assert outcome.probability_after > outcome.probability_before


@pytest.mark.parametrize("name", NAMES)
def test_a_target_that_was_not_reached_is_reported(checkpoint: Checkpoint, name: str) -> None:
    """One step is too few for anything: the edit is made, fails, and says what the model gives the new object now."""
    far, layers = checkpoint.world.n_entities // 2, checkpoint.model.config.n_layers
    what = {"subject": SUBJECT, "relation": RELATION, "distance": far, "method": name, "parameters": {"steps": 1}}
    (outcome,) = run_edits(checkpoint, [complete_spec(checkpoint.world, layers, **what)]).outcomes  # type: ignore[arg-type]
    assert not outcome.success
    assert outcome.prediction_after != outcome.new_object
    assert 0 <= outcome.probability_after < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_both_presets_are_complete_and_tuned_is_the_default(name: str) -> None:
    editor = EDITORS[name]
    at_the_subject = {"reference", "reference-tuned"} if name in ("rome", "memit", "pmet", "alphaedit") else set()
    ours = {"geometry"} if name == "crispedit" else set()
    assert set(editor.presets) == {"tuned", "paper"} | at_the_subject | ours
    assert editor.default_preset == "tuned"
    for preset in editor.presets.values():
        known = editor.parameters.model_fields.keys()
        assert (
            known - editor.parameters.added <= preset.parameters.keys() <= known
        )  # those that came later say nothing at their defaults
        assert preset.summary
    assert {editor.presets[preset].parameters["token"] for preset in at_the_subject} <= {"subject"}
    assert editor.parameters(**editor.presets["tuned"].parameters) == editor.parameters()


@pytest.mark.parametrize("name", [name for name in NAMES if "token" in EDITORS[name].parameters.model_fields])
def test_what_cannot_reach_the_answer_is_refused_and_old_links_mean_the_relation(
    checkpoint: Checkpoint, name: str
) -> None:
    fact = {"subject": SUBJECT, "relation": RELATION, "distance": 4, "method": name}
    assert complete_spec(checkpoint.world, 2, **fact).parameters["token"] == "relation"
    for preset in EDITORS[name].presets:
        assert (EDITORS[name].presets[preset].parameters["token"] == "subject") == preset.startswith("reference")
    with pytest.raises(EditError, match="does not reach the answer") as refused:
        complete_spec(checkpoint.world, 2, **fact, layer=1, parameters={"token": "subject"})
    assert refused.value.field.endswith("parameters.token")
    with pytest.raises(EditError, match="token"):
        complete_spec(checkpoint.world, 2, **fact, parameters={"token": "object"})


def test_a_method_without_a_token_says_so(checkpoint: Checkpoint) -> None:
    with pytest.raises(EditError, match="token"):
        complete_spec(
            checkpoint.world,
            2,
            subject=SUBJECT,
            relation=RELATION,
            distance=4,
            method="grace",
            parameters={"token": "subject"},
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_page_text_has_two_sentences_a_formula_and_a_reference(name: str) -> None:
    editor = EDITORS[name]
    assert editor.name == name
    assert editor.summary.count(". ") == 1
    assert editor.summary.endswith(".")
    assert "arXiv" in editor.reference


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_those_of_the_layers_written_to(checkpoint: Checkpoint, name: str) -> None:
    delta = compute(checkpoint, name)
    weights = {name for name in delta.weights if name.endswith("weight")}
    assert {f"blocks.{layer}.mlp.down.weight" for layer in delta.keys} == weights
    assert all(keys.shape == (1, checkpoint.model.config.d_mlp) for keys in delta.keys.values())
