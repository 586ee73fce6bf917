"""What an edit will do, before any weight changes: the overlap of keys, lines fitted to measured edits, and the API that tells both."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.convert import values_of
from shatterscope.backend.editors import EDITORS, Fact
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.editors.targets import read_site
from shatterscope.backend.edits import SoFar, complete_spec, run_edits, write_request
from shatterscope.backend.prediction import shipped
from shatterscope.backend.prediction.fit import FEWEST, Sample, fit
from shatterscope.backend.prediction.foresee import foresee, group_moments, read
from shatterscope.backend.prediction.overlap import overlaps, rms_overlap
from shatterscope.backend.prediction.sampled import Sampled, moved, ranking, sampled
from shatterscope.backend.prediction.step import shortest_step
from shatterscope.backend.settings import REPOSITORY
from shatterscope.wire.base import Array

EDIT = {"subject": 7, "relation": "II_A1", "distance": 9}
DIRECTED = ["rome", "memit", "pmet", "alphaedit", "emmet", "encore", "betaedit"]
SHIPPED = sorted(path.parent.name for path in (REPOSITORY / "models_cache").glob(f"*/{shipped.FILE}"))


# --- whom an edit moves ------------------------------------------------------------------------------------------------


def test_in_a_linear_memory_the_overlap_is_the_displacement() -> None:
    rng = torch.Generator().manual_seed(0)
    keys, W = torch.randn(30, 8, generator=rng), torch.randn(5, 8, generator=rng)
    u, v = torch.randn(8, generator=rng), torch.randn(5, generator=rng)
    displacement = (keys @ (W + torch.outer(v, u)).T - keys @ W.T).norm(dim=1)
    torch.testing.assert_close(overlaps(keys, u, keys[3]).float(), displacement / displacement[3], rtol=1e-4, atol=1e-5)


@given(seed=st.integers(0, 999), length=st.floats(0.01, 100), n=st.integers(1, 20))
def test_the_edited_key_overlaps_by_one_whatever_the_directions_length(seed: int, length: float, n: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    keys, u = torch.randn(n, 6, generator=rng).double(), torch.randn(6, generator=rng).double()
    found = overlaps(keys, length * u, keys[0])
    assert found[0].item() == pytest.approx(1)
    torch.testing.assert_close(found, overlaps(keys, u, keys[0]))
    assert rms_overlap(keys.T @ keys / n, u, keys[0]) == pytest.approx(found.square().mean().sqrt().item())


def test_a_direction_that_misses_its_own_key_is_refused() -> None:
    with pytest.raises(ValueError, match="does not touch its own key"):
        overlaps(torch.eye(3), torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("name", list(EDITORS))
def test_what_a_method_says_it_writes_along_is_what_it_writes_along(checkpoint: Checkpoint, name: str) -> None:
    spec = complete_spec(checkpoint.world, 2, method=name, **EDIT)
    relation = checkpoint.world.relation(spec.relation)
    request = write_request(
        checkpoint,
        [Fact(spec.subject, checkpoint.vocabulary.relation_token(relation), spec.object)],
        SoFar(checkpoint.model),
    )
    editor = EDITORS[name]
    u = editor.direction(
        checkpoint.model, checkpoint.statistics, request, spec.layer, editor.parameters(**spec.parameters)
    )
    assert (u is not None) == (name in DIRECTED)
    if u is not None:
        delta = run_edits(checkpoint, [spec]).deltas[0].weights[checkpoint.model.written(spec.layer)].double()
        _, sizes, rows = torch.linalg.svd(delta, full_matrices=False)
        assert sizes[1] < 1e-4 * sizes[0]
        assert abs((rows[0] @ u / u.norm()).item()) == pytest.approx(1, abs=1e-5)


def test_the_shortest_step_makes_the_model_answer_and_is_nothing_where_it_does(checkpoint: Checkpoint) -> None:
    world, model = checkpoint.world, precise_copy(checkpoint.model)
    relation = world.relation("II_A1")
    site = read_site(model, [[7, world.n_entities + relation.index], [7]], 0)
    says = int(site.logits(model, torch.zeros_like(site.values[0]))[0].argmax())
    assert shortest_step(model, site, says) == 0
    near, far = (shortest_step(model, site, world.counterfactual(7, relation, d)) for d in (1, 40))
    assert 0 < near < far <= 4


@pytest.mark.parametrize("name", ["rome", "alphaedit"])
def test_who_is_said_to_move_moves(checkpoint: Checkpoint, name: str) -> None:
    world, model = checkpoint.world, checkpoint.model
    spec = complete_spec(world, 2, method=name, **EDIT)
    relation = world.relation(spec.relation)
    reading, moments = read(model, world, relation, 0), group_moments(model, world, 0)
    foreseen = foresee(checkpoint, spec, SoFar(model), model, reading, moments)
    assert foreseen.overlaps is not None
    assert foreseen.overlaps[7].item() == pytest.approx(1)
    assert set(foreseen.features) == {"surprise", "step", "overlap_edit", "overlap_retain", "overlap_test"}
    found = moved(model, run_edits(checkpoint, [spec]).model, world, relation, reading)
    ranks = [np.argsort(np.argsort(each.numpy())) for each in (foreseen.overlaps, found.displacement)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8


def test_the_ranking_is_the_area_under_the_roc_curve() -> None:
    scores, changed = torch.tensor([3.0, 2.0, 1.0, 0.0]), torch.tensor([True, False, True, False])
    assert ranking(scores, changed) == pytest.approx(3 / 4)
    assert ranking(scores, torch.ones(4, dtype=torch.bool)) is None
    assert ranking(torch.zeros(4), changed) == pytest.approx(1 / 2)


# --- how much it breaks ------------------------------------------------------------------------------------------------


def line(n: int, noise: float, seed: int = 0) -> list[Sample]:
    """R = exp(1 + .5 a - 2 b), loss = (.3 + .1 a)^2."""
    rng = np.random.default_rng(seed)
    found = []
    for a, b, e in zip(rng.uniform(0, 3, n), rng.normal(size=n), noise * rng.normal(size=n), strict=True):
        found.append(
            Sample({"a": a, "b": b}, {"edit": math.exp(1 + 0.5 * a - 2 * b + e), "loss": (0.3 + 0.1 * a) ** 2})
        )
    return found


def test_a_fit_recovers_a_known_line() -> None:
    fitted = fit(line(60, 0))
    edit, loss = fitted.lines["edit"], fitted.lines["loss"]
    assert fitted.n_edits == 60
    assert edit.intercept == pytest.approx(1)
    assert edit.coefficients == pytest.approx({"a": 0.5, "b": -2})
    assert (edit.r2, edit.error) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    expected = loss.expected({"a": 2.0, "b": 7.0})
    assert (expected.low, expected.value, expected.high) == pytest.approx((0.25, 0.25, 0.25))


@given(seed=st.integers(0, 99))
def test_the_error_is_that_of_edits_that_were_not_fitted(seed: int) -> None:
    edit = fit(line(300, 0.4, seed)).lines["edit"]
    assert edit.error == pytest.approx(0.4, rel=0.3)
    expected = edit.expected({"a": 1.0, "b": 0.0})
    assert expected.low < expected.value < expected.high
    assert expected.high / expected.value == pytest.approx(math.exp(edit.error))


def test_too_few_edits_are_not_fitted() -> None:
    with pytest.raises(ValueError, match=f"at least {FEWEST}"):
        fit(line(FEWEST - 1, 0))


# --- beside the checkpoint ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few(checkpoint: Checkpoint) -> list[Sampled]:
    return list(sampled(checkpoint, "rome", FEWEST, seed=1))


def test_what_is_shipped_is_what_was_measured(checkpoint: Checkpoint, few: list[Sampled], tmp_path: Path) -> None:
    assert shipped.load(tmp_path, checkpoint) is None
    rows = shipped.rows_of(few, "tuned", 1)
    shipped.ship(tmp_path, checkpoint, {"rome": rows})
    shipped.ship(tmp_path, checkpoint, {"memit": rows})
    found = shipped.load(tmp_path, checkpoint)
    assert found is not None
    assert list(found.methods) == ["rome", "memit"]
    again = found.methods["rome"].fitted()
    assert again.lines["edit"].r2 == pytest.approx(fit([each.sample for each in few]).lines["edit"].r2, abs=1e-3)
    for each in few:
        assert set(each.sample.measured) == {"edit", "retain", "test", "loss"}


def test_a_file_of_other_weights_or_a_damaged_one_is_refused(
    checkpoint: Checkpoint, few: list[Sampled], tmp_path: Path
) -> None:
    file = shipped.ship(tmp_path, checkpoint, {"rome": shipped.rows_of(few, "tuned", 1)})
    text = file.read_text()
    file.write_text(text.replace(checkpoint.sha256, "0" * 64))
    with pytest.raises(shipped.PredictionsError, match="other weights"):
        shipped.load(tmp_path, checkpoint)
    file.write_text(text.replace('"surprise"', '"surprize"', 1))
    with pytest.raises(shipped.PredictionsError, match="same features"):
        shipped.load(tmp_path, checkpoint)
    file.write_text("{")
    with pytest.raises(shipped.PredictionsError, match="shatterscope predict"):
        shipped.load(tmp_path, checkpoint)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_edits_come_out_as_they_were_shipped(name: str) -> None:
    """Of each method two edits are made again: what was known before is what it was, and so is R, which decides the figures of the page."""
    folder = REPOSITORY / "models_cache" / name
    checkpoint = load_checkpoint(folder)
    found = shipped.load(folder, checkpoint)
    assert found is not None
    world, model = checkpoint.world, checkpoint.model
    for method, rows in found.methods.items():
        moments = group_moments(model, world, rows.layer)
        for row in rows.edits[-2:]:
            spec = complete_spec(
                world, model.config.n_layers, subject=row.subject, relation=row.relation, object=row.object, method=method,
                layer=rows.layer, parameters=rows.parameters,
            )  # fmt: skip
            reading = read(model, world, world.relation(row.relation), rows.layer)
            foreseen = foresee(checkpoint, spec, SoFar(model), model, reading, moments)
            assert dict(foreseen.features) == pytest.approx(row.features, abs=2e-3)
        fitted = rows.fitted()
        assert fitted.n_edits >= 100
        assert fitted.spearman is None or fitted.spearman > 0.8


@pytest.mark.parametrize("name", SHIPPED)
def test_the_results_page_has_the_shipped_figures(name: str) -> None:
    folder = REPOSITORY / "models_cache" / name
    found = shipped.load(folder, load_checkpoint(folder))
    assert found is not None
    for method, rows in found.methods.items():
        fitted = rows.fitted()
        r2 = [f"{fitted.lines[of].r2:.2f}" if of in fitted.lines else "–" for of in ("edit", "retain", "test", "loss")]
        told = [
            f"`{name}`",
            EDITORS[method].title,
            str(fitted.n_edits),
            f"{fitted.spearman:.3f}",
            f"{fitted.auc:.2f}",
            *r2,
        ]
        line = f"| {' | '.join(told)} | × {math.exp(fitted.lines['edit'].error):.2f} |"
        assert line in (REPOSITORY / "docs" / "RESULTS.md").read_text()


# --- the API -----------------------------------------------------------------------------------------------------------


def ask(client: TestClient, *edits: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post(
        "predictions", json={"checkpoint": "rings-small", "edits": [dict(each) for each in edits], **more}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_without_measured_edits_entities_are_foreseen_and_nothing_else(
    client: TestClient, checkpoint: Checkpoint
) -> None:
    found = ask(client, EDIT)
    overlap = values_of(Array.model_validate(found["overlap"]))
    assert overlap.shape == (checkpoint.world.n_entities,)
    assert overlap[7] == pytest.approx(1)
    assert (found["writes"], found["expected"], found["fitted"], found["move"]) == ("direction", [], None, None)


def test_what_was_measured_stands_beside_what_was_foreseen(client: TestClient) -> None:
    move = ask(client, EDIT, measured=True)["move"]
    assert move["spearman"] > 0.8
    assert move["changed"] > 0


def test_behind_other_edits_it_is_the_edited_model_that_is_read(client: TestClient) -> None:
    alone, behind = (ask(client, *edits, EDIT) for edits in ([], [{**EDIT, "subject": 30}]))
    margins = [values_of(Array.model_validate(found["margin"])) for found in (alone, behind)]
    assert not np.allclose(*margins)


@pytest.mark.parametrize(
    ("method", "writes"), [("grace", "gate"), ("patch", "gate"), ("ft", "unknown"), ("memit", "direction")]
)
def test_it_says_how_a_method_writes(client: TestClient, method: str, writes: str) -> None:
    found = ask(client, {**EDIT, "method": method})
    assert found["writes"] == writes
    assert (found["overlap"] is None) == (writes != "direction")


def test_bad_edits_are_refused_by_field(client: TestClient) -> None:
    for edit, field in (
        ({**EDIT, "relation": "none"}, "body.edits.0.relation"),
        ({**EDIT, "layer": 9}, "body.edits.0.layer"),
    ):
        answer = client.post("predictions", json={"checkpoint": "rings-small", "edits": [edit]})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


@pytest.fixture
def fitted_client(few: list[Sampled], checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from shatterscope.backend.api import create_app
    from shatterscope.backend.settings import load_settings

    folder = tmp_path / "models" / checkpoint.id
    folder.mkdir(parents=True)
    for file in (REPOSITORY / "models_cache" / checkpoint.id).glob("*.*"):
        (folder / file.name).symlink_to(file)
    (folder / shipped.FILE).unlink(missing_ok=True)
    shipped.ship(folder, checkpoint, {"rome": shipped.rows_of(few, "tuned", 1)})
    settings = load_settings(models_dir=tmp_path / "models", state_dir=tmp_path / "state", device="cpu", warm_up=False)
    with TestClient(create_app(settings), base_url="http://testserver/api/v1/") as client:
        yield client


def test_the_expectation_has_an_error_and_says_what_it_was_fitted_on(fitted_client: TestClient) -> None:
    found = ask(fitted_client, EDIT, measured=True)
    assert [each["of"] for each in found["expected"]] == ["edit", "retain", "test", "loss"]
    for each in found["expected"]:
        assert each["low"] <= each["value"] <= each["high"]
        assert each["measured"] is not None
    assert found["fitted"]["edits"] == FEWEST
    assert found["outside"] == []


def test_outside_of_what_was_fitted_it_says_so(fitted_client: TestClient) -> None:
    for change, outside in (
        ({"preset": "paper"}, "parameters"),
        ({"layer": 1}, "layer"),
        ({"strength": 0.5}, "strength"),
    ):
        found = ask(fitted_client, {**EDIT, **change})
        assert found["outside"] == [outside]
        assert found["expected"] == []
    behind = ask(fitted_client, {**EDIT, "subject": 30}, EDIT)
    assert behind["outside"] == ["stack"]
    assert behind["expected"]
    assert ask(fitted_client, {**EDIT, "method": "memit"})["fitted"] is None
