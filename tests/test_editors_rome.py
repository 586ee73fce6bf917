"""ROME: the mapping it promises, and the invariants that every editor must keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import EDITORS, Course, EditDelta, Fact, WriteRequest, apply_delta
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.editors.least_squares import solve_covariance
from shatterscope.backend.editors.rome import Rome, RomeParameters
from shatterscope.backend.editors.targets import ValueTarget, optimise_value, read_site
from shatterscope.backend.models import Transformer

ROME = EDITORS["rome"]
SUBJECT, RELATION = 7, "II_A1"


def request_of(checkpoint: Checkpoint, distance: int = 4) -> WriteRequest:
    world = checkpoint.world
    relation = world.relation(RELATION)
    token, target = checkpoint.vocabulary.relation_token(relation), world.counterfactual(SUBJECT, relation, distance)
    return WriteRequest((Fact(SUBJECT, token, target),), ContextSampler(world, checkpoint.holdout))


def compute(checkpoint: Checkpoint, layer: int = 0, distance: int = 4, **parameters: object) -> EditDelta:
    chosen = RomeParameters(**{"steps": 30, **parameters})
    return ROME.compute(checkpoint.model, checkpoint.statistics, request_of(checkpoint, distance), layer, chosen)


def bare_key(model: Transformer, fact: Fact, layer: int) -> Tensor:
    seen: dict[str, Tensor] = {}
    model(torch.tensor([[fact.subject, fact.relation]]), lambda name, x: seen.setdefault(name, x))
    return seen[f"mlp_key.{layer}"][0, -1].double()


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("key", ["rome", "r-rome"])
def test_the_edited_memory_maps_the_key_to_the_value(checkpoint: Checkpoint, layer: int, key: str) -> None:
    """W' k + b = v0 + delta for any delta, at the bare prompt's key (rome) or at the mean one (r-rome), and not at the other."""
    p = RomeParameters(key=key)
    request, model = request_of(checkpoint), precise_copy(checkpoint.model)
    prompts = request.prompts(request.fact, p.n_contexts, model.config.context, np.random.default_rng(0))
    site = read_site(model, [*prompts, [request.fact.subject]], layer)
    change = torch.randn(model.config.d_model, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = ValueTarget(change, 0, 0.0, 0.0, Course("steps", len(prompts), (0.0,), (0.0,), (1,)))
    delta = Rome().write(checkpoint.model.written(layer), checkpoint.statistics[layer], site, target, p, torch.float64)
    edited, bare = apply_delta(model, delta).blocks[layer].mlp.down, bare_key(model, request.fact, layer)
    mean = site.keys[:-1].mean(0)
    k, other = (bare, mean) if key == "rome" else (mean, bare)
    torch.testing.assert_close(edited(k), site.values[0] + change, rtol=1e-9, atol=1e-9)
    assert (edited(other) - site.values[0] - change).norm() > 1e-3


def test_with_one_prompt_rome_and_r_rome_are_the_same(checkpoint: Checkpoint) -> None:
    alone, alone_repaired = (compute(checkpoint, key=key, n_contexts=1) for key in ("rome", "r-rome"))
    torch.testing.assert_close(alone.weights, alone_repaired.weights)


@pytest.mark.parametrize("use_covariance", [True, False])
def test_the_update_has_rank_one_and_touches_one_matrix(checkpoint: Checkpoint, use_covariance: bool) -> None:
    delta = compute(checkpoint, 1, use_covariance=use_covariance)
    assert delta.weights.keys() == {"blocks.1.mlp.down.weight"}
    singular = torch.linalg.svdvals(delta.weights["blocks.1.mlp.down.weight"].double())
    assert singular[1] < 1e-5 * singular[0]
    assert delta.norm == pytest.approx(singular[0].item(), rel=1e-5)


def test_computing_leaves_the_model_bit_identical(checkpoint: Checkpoint) -> None:
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    delta = compute(checkpoint)
    edited = apply_delta(checkpoint.model, delta, 2.0)
    assert all(torch.equal(value, before[name]) for name, value in checkpoint.model.state_dict().items())
    changed = {name for name, value in edited.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == delta.weights.keys()
    assert not any(parameter.requires_grad for parameter in edited.parameters())


def test_the_same_inputs_give_the_same_delta(checkpoint: Checkpoint) -> None:
    first = compute(checkpoint)
    torch.manual_seed(123)  # nothing global counts
    assert torch.equal(
        first.weights["blocks.0.mlp.down.weight"], compute(checkpoint).weights["blocks.0.mlp.down.weight"]
    )
    other = compute(checkpoint, seed=1)
    assert not torch.equal(first.weights["blocks.0.mlp.down.weight"], other.weights["blocks.0.mlp.down.weight"])


@pytest.mark.parametrize("preset", ["paper", "tuned"])
@pytest.mark.parametrize("layer", [0, 1])
def test_both_presets_write_the_fact(checkpoint: Checkpoint, preset: str, layer: int) -> None:
    parameters = RomeParameters(**ROME.presets[preset].parameters)
    wanted = request_of(checkpoint)
    delta = ROME.compute(checkpoint.model, checkpoint.statistics, wanted, layer, parameters)
    fact = wanted.fact
    logits = apply_delta(checkpoint.model, delta)(torch.tensor([[fact.subject, fact.relation]]))[0, -1]
    assert int(logits.argmax()) == fact.object


def test_half_strength_adds_half_the_delta(checkpoint: Checkpoint) -> None:
    delta = compute(checkpoint)
    (name, change), *_ = delta.weights.items()
    half = apply_delta(checkpoint.model, delta, 0.5).get_parameter(name) - checkpoint.model.get_parameter(name)
    torch.testing.assert_close(half, change / 2, rtol=1e-3, atol=1e-5)


def test_the_direction_is_the_inverse_covariance_times_the_key() -> None:
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(200, 6, dtype=torch.float64, generator=generator)
    C, k = keys.T @ keys / 200, keys[0]
    direction, condition = solve_covariance(C, k)
    torch.testing.assert_close(C @ direction, k, rtol=1e-6, atol=1e-6)
    assert condition == pytest.approx(float(torch.linalg.cond(C)), rel=1e-6)


def test_a_singular_covariance_is_a_warning_and_not_a_failure(checkpoint: Checkpoint) -> None:
    C = checkpoint.statistics[0].clone()
    C[0], C[:, 0] = 0, 0  # a neuron that was never active
    parameters = RomeParameters(steps=5)
    delta = ROME.compute(checkpoint.model, {0: C}, request_of(checkpoint), 0, parameters)
    assert torch.isfinite(delta.weights["blocks.0.mlp.down.weight"]).all()
    assert any("ill-conditioned" in warning for warning in delta.warnings)
    assert delta.diagnostics["condition_number"] > 1e8


def test_the_suffix_agrees_with_the_whole_model(checkpoint: Checkpoint) -> None:
    """What the optimisation sees is what the model does when the value is moved."""
    model, wanted = checkpoint.model, request_of(checkpoint).fact
    walk = ContextSampler(checkpoint.world, checkpoint.holdout)
    prompts = [[wanted.subject, wanted.relation]]
    prompts += [
        [*walk.arriving_at(np.array([wanted.subject]), n, np.random.default_rng(n))[0].tolist(), wanted.relation]
        for n in (3, 8, 15)
    ]
    shift = torch.randn(model.config.d_model, generator=torch.Generator().manual_seed(0))
    for layer in (0, 1):
        with torch.no_grad():
            got = read_site(model, prompts, layer).logits(model, shift)
        for prompt, logits in zip(prompts, got, strict=True):

            def tap(name: str, x: Tensor, layer: int = layer) -> Tensor:
                if name != f"mlp_out.{layer}":
                    return x
                return torch.cat([x[:, :-1], x[:, -1:] + shift], dim=1)

            torch.testing.assert_close(logits, model(torch.tensor([prompt]), tap)[0, -1], rtol=1e-3, atol=1e-2)


def test_the_value_stays_within_its_clamp(checkpoint: Checkpoint) -> None:
    wanted = request_of(checkpoint, distance=40).fact
    site = read_site(checkpoint.model, [[wanted.subject, wanted.relation], [wanted.subject]], 0)
    found = optimise_value(
        checkpoint.model,
        site,
        wanted.object,
        v0_norm=1.0,
        learning_rate=1.0,
        steps=5,
        clamp_norm_factor=0.25,
        weight_decay=0.0,
        kl_factor=0.0,
        early_stop_loss=0.0,
    )
    assert found.steps == 4  # the last step only looks at the loss
    assert found.delta.norm() <= 0.25 * (1 + 1e-5)


def test_one_step_looks_for_no_other_value(checkpoint: Checkpoint) -> None:
    delta = compute(checkpoint, steps=1, key="rome")
    assert delta.steps == 0
    assert delta.norm == 0


def test_parameters_have_bounds_in_their_schema() -> None:
    schema = RomeParameters.model_json_schema()["properties"]
    wanted = "learning_rate steps clamp_norm_factor weight_decay kl_factor early_stop_loss n_contexts use_covariance key seed"
    assert set(wanted.split()) <= schema.keys()
    for name, field in schema.items():
        assert "default" in field, name
        assert "description" in field, name
        if field["type"] in ("number", "integer"):
            assert {"minimum", "exclusiveMinimum"} & field.keys(), name
            assert math.isfinite(field["maximum"]), name
    with pytest.raises(ValidationError):
        RomeParameters(momentum=0.9)
    assert RomeParameters(**ROME.presets["tuned"].parameters) == RomeParameters()
