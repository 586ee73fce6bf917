"""The fast measurements of a sweep are those of `experiment.measure`."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import CompleteSpec, complete_spec, delta_key, run_edits
from shatterscope.backend.evaluation import score
from shatterscope.backend.geometry import shattering
from shatterscope.backend.models import ModelConfig, Transformer, site_names
from shatterscope.backend.sweeps.probe import LARGEST_ERROR, Probe
from shatterscope.backend.sweeps.together import compute_together

LAST = "resid_post.1"


@pytest.fixture(scope="module")
def probe(checkpoint: Checkpoint) -> Probe:
    return Probe(checkpoint, n_contexts=3, queries=40, seed=1, sites=["mlp_out.0", "resid_post.0", "attn_out.1"])


def specs(checkpoint: Checkpoint, n: int, method: str = "rome", **more: object) -> list[CompleteSpec]:
    world = checkpoint.world
    return [
        complete_spec(
            world,
            checkpoint.model.config.n_layers,
            subject=11 * i,
            relation=world.relations[i % world.n_relations].name,
            distance=1 + 5 * i,
            method=method,
            **more,  # type: ignore[arg-type]
        )
        for i in range(n)
    ]


def assert_measured_alike(checkpoint: Checkpoint, probe: Probe, model: Transformer) -> None:
    found = probe.measure(model)
    for mine, plain in zip(found.scores, score(model, probe.queries), strict=True):
        assert mine.accuracy == pytest.approx(plain.accuracy, abs=1e-9, nan_ok=True)
        assert mine.probability == pytest.approx(plain.probability, abs=1e-5, nan_ok=True)
    n = checkpoint.world.n_entities
    for site, shattered in found.shattered.items():
        R = shattering(all_activations(checkpoint.model, n, site), all_activations(model, n, site)).tolist()
        for mine_, error, exact in zip(shattered.R, shattered.standard_error, R, strict=True):
            assert mine_ == pytest.approx(exact, abs=5 * error + 1e-6, nan_ok=True)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("method", ["rome", "memit", "ft", "grace"])
def test_any_editor_is_measured_as_by_the_plain_way(
    checkpoint: Checkpoint, probe: Probe, method: str, layer: int
) -> None:
    edit = specs(checkpoint, 2, method, layer=layer)[1:]
    assert_measured_alike(checkpoint, probe, run_edits(checkpoint, edit).model)


@pytest.mark.parametrize("name", ["token.weight", "blocks.0.attn.qkv.weight", "blocks.1.mlp.up.weight", "norm.weight"])
def test_a_change_anywhere_in_the_model_is_measured(checkpoint: Checkpoint, probe: Probe, name: str) -> None:
    changed = copy.deepcopy(checkpoint.model)
    changed.get_parameter(name).mul_(1.1)
    assert_measured_alike(checkpoint, probe, changed)


def test_no_edit_changes_nothing(checkpoint: Checkpoint, probe: Probe) -> None:
    found = probe.measure(checkpoint.model)
    assert list(found.shattered) == [LAST, "mlp_out.0", "resid_post.0", "attn_out.1"]
    assert all(set(shattered.R) == {0.0} for shattered in found.shattered.values())
    assert [each.accuracy for each in found.scores] == pytest.approx(
        [each.accuracy for each in probe.scores], nan_ok=True
    )


def test_a_model_that_broke_has_no_r_and_knows_nothing(checkpoint: Checkpoint, probe: Probe) -> None:
    broken = copy.deepcopy(checkpoint.model)
    broken.get_parameter("blocks.0.mlp.down.weight").fill_(torch.nan)
    found = probe.measure(broken)
    assert all(R != R for shattered in found.shattered.values() for R in shattered.R)
    assert all(each.accuracy == 0 for each in found.scores)


def test_the_error_is_within_bounds_or_all_pairs_are_measured(checkpoint: Checkpoint, probe: Probe) -> None:
    edited = run_edits(checkpoint, specs(checkpoint, 1)).model
    few = Probe(checkpoint, n_contexts=1, queries=5, seed=0, n_pairs=4).measure(edited).shattered[LAST]
    assert few.n_pairs is None
    assert set(few.standard_error) == {0.0}
    many = probe.measure(edited).shattered[LAST]
    assert many.n_pairs is not None
    for order in range(len(checkpoint.world.groups)):
        rows = [relation.index for relation in checkpoint.world.relations_of(order)]
        error = sum(many.standard_error[i] ** 2 for i in rows) ** 0.5
        assert 0 < error <= LARGEST_ERROR * sum(many.R[i] for i in rows)


@pytest.mark.parametrize(("n_layers", "n_heads"), [(1, 2), (3, 4)])
def test_models_of_other_depths(checkpoint: Checkpoint, n_layers: int, n_heads: int) -> None:
    config = ModelConfig(checkpoint.vocabulary.size, n_layers=n_layers, d_model=16, n_heads=n_heads, embed_std=0.3)
    model = Transformer(config, torch.Generator().manual_seed(0)).eval().requires_grad_(False)
    other = replace(checkpoint, model=model)
    probe = Probe(other, n_contexts=2, queries=20, seed=0, sites=site_names(n_layers)[3:])
    changed = copy.deepcopy(model)
    changed.get_parameter("blocks.0.mlp.down.weight").mul_(3)
    assert_measured_alike(other, probe, changed)


# --- edits computed together -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "layer", "leading"),
    [
        ("tuned", 0, 0),
        ("tuned", 1, 3),
        ("paper", 0, 2),
        ("paper", 1, 0),
        ("reference", 0, 0),
        ("reference-tuned", 0, 0),
    ],
)
def test_edits_made_together_are_those_made_alone(
    checkpoint: Checkpoint, preset: str, layer: int, leading: int
) -> None:
    several = specs(checkpoint, 7, preset=preset, layer=layer, parameters={"stop_after_leading": leading})
    together = compute_together(checkpoint, several)
    assert len(together) == len(several)
    for spec in several:
        mine = together[delta_key(checkpoint.identity, [spec])]
        (alone,) = run_edits(checkpoint, [spec]).deltas
        assert mine.steps == alone.steps
        assert mine.loss == pytest.approx(alone.loss, rel=1e-6)
        assert mine.diagnostics == pytest.approx(alone.diagnostics, rel=1e-6)
        assert mine.warnings == alone.warnings
        (end,), (whole,) = mine.courses, alone.courses
        assert (end.ended, end.contexts, end.rank) == (whole.ended, whole.contexts, whole.rank[-1:])
        assert whole.length is not None
        for name in ("loss", "probability", "length"):
            assert getattr(end, name) == pytest.approx(getattr(whole, name)[-1:], rel=1e-6)
        for name, weight in alone.weights.items():
            assert (mine.weights[name] - weight).norm() < 1e-5 * weight.norm()


def test_other_methods_are_left_to_themselves(checkpoint: Checkpoint) -> None:
    assert compute_together(checkpoint, specs(checkpoint, 3, "memit")) == {}
    assert compute_together(checkpoint, specs(checkpoint, 1)) == {}
    mixed = [*specs(checkpoint, 2), *specs(checkpoint, 2, preset="paper")]
    assert compute_together(checkpoint, mixed) == {}
