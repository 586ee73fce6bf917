"""Every language model keeps the same promises, and all that edits, asks and measures runs on any."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint, key_statistics
from shatterscope.backend.data import TextSampler
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.experiment import measure, measure_baseline
from shatterscope.backend.models import LanguageModel, Llama, LlamaConfig, ModelConfig, Transformer, site_names
from shatterscope.backend.sweeps.probe import Probe

CONTEXT = 12


def transformer(vocab_size: int, generator: torch.Generator) -> Transformer:
    return Transformer(ModelConfig(vocab_size, CONTEXT, d_model=16, n_heads=4), generator)


def llama(vocab_size: int, generator: torch.Generator) -> Llama:
    """Two heads share a key, and what reads out is no embedding."""
    shape = LlamaConfig(
        vocab_size, CONTEXT, n_layers=2, d_model=24, d_mlp=64, n_heads=4, n_kv_heads=2, rotary_base=100.0, tied=False
    )
    return Llama(shape, generator)


MAKES = [transformer, llama]


@pytest.fixture(scope="module", params=MAKES, ids=lambda make: make.__name__)
def model(request: pytest.FixtureRequest, checkpoint: Checkpoint) -> LanguageModel:
    """Taught for a moment, by plain Adam: it knows little, and can be edited all the same."""
    generator = torch.Generator().manual_seed(0)
    made: LanguageModel = request.param(checkpoint.vocabulary.size, generator)
    sampler = TextSampler(checkpoint.world, checkpoint.holdout)
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(150):
        text = sampler.sample(32, CONTEXT, generator)
        loss = F.cross_entropy(made(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def other(checkpoint: Checkpoint, model: LanguageModel) -> Checkpoint:
    """The small checkpoint's world with this model."""
    sampler = TextSampler(checkpoint.world, checkpoint.holdout)
    statistics = key_statistics(model, sampler, torch.Generator().manual_seed(0), 4000)
    return replace(checkpoint, model=model, statistics=statistics)


@pytest.fixture
def tokens(model: LanguageModel) -> Tensor:
    return torch.randint(model.config.vocab_size, (5, 9), generator=torch.Generator().manual_seed(1))


def sites(model: LanguageModel, tokens: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    model.trunk(tokens, lambda name, x: found.setdefault(name, x))
    return found


def test_all_sites_are_seen_and_what_is_read_out_are_the_logits(model: LanguageModel, tokens: Tensor) -> None:
    found = sites(model, tokens)
    layers = range(model.config.n_layers)
    keys = {f"{part}.{layer}" for part in ("attn_key", "mlp_key") for layer in layers}
    assert found.keys() == {*site_names(model.config.n_layers), *keys}
    for layer in layers:
        assert found[f"mlp_key.{layer}"].shape[-1] == model.config.d_mlp
        torch.testing.assert_close(model.mlp_key(layer, found[f"resid_mid.{layer}"]), found[f"mlp_key.{layer}"])
        torch.testing.assert_close(
            model.mlp_value(layer, found[f"mlp_key.{layer}"], found[f"resid_mid.{layer}"]), found[f"mlp_out.{layer}"]
        )
    torch.testing.assert_close(model.read_out(found[f"resid_post.{layers[-1]}"]), model(tokens))
    torch.testing.assert_close(model.read_out(model.onward(found["resid_post.0"], 1)), model(tokens))
    torch.testing.assert_close(model.embed(tokens), found["embed"])


def test_a_tap_may_hand_back_something_else(model: LanguageModel, tokens: Tensor) -> None:
    moved = model.trunk(tokens, lambda name, x: -x if name == "mlp_out.0" else x)
    assert not torch.allclose(moved, model.trunk(tokens))


def test_going_on_behind_a_prefix_is_the_whole_model(model: LanguageModel, tokens: Tensor) -> None:
    whole = sites(model, tokens)
    past = model.prefix(model.embed(tokens[:, :-2]))
    length = tokens.shape[1]
    _, added = model.step(model.embed(tokens[:, -2:-1], length - 2)[:, 0], past, continues=True)
    past = [layer.then(k, v) for layer, (k, v) in zip(past, added, strict=True)]
    seen: dict[str, Tensor] = {}
    final, _ = model.step(model.embed(tokens[:, -1:], length - 1)[:, 0], past, lambda name, x: seen.setdefault(name, x))
    for name, x in seen.items():
        torch.testing.assert_close(x, whole[name][:, -1], msg=name)
    torch.testing.assert_close(model.read_out(final), model(tokens)[:, -1])
    stream, layer = model.until_mlp(0, whole["embed"])
    torch.testing.assert_close(stream, whole["resid_mid.0"])
    one, _ = model.until_mlp_next(0, whole["embed"][:, -1], model.past_of(0, whole["embed"][:, :-1]))
    torch.testing.assert_close(one, whole["resid_mid.0"][:, -1])
    assert layer.key.shape == layer.value.shape == (*tokens.shape, layer.key.shape[-1])


def test_several_positions_go_on_behind_a_prefix(model: LanguageModel, tokens: Tensor) -> None:
    """All at once, behind a past of their own or one for all; and from a later layer on."""
    whole = sites(model, tokens)
    length = tokens.shape[1] - 3
    past = model.prefix(model.embed(tokens[:, :length]))
    final = model.go_on(model.embed(tokens[:, length:], length), past)
    torch.testing.assert_close(model.read_out(final), model(tokens)[:, length:])
    later = [model.past_of(1, whole["resid_post.0"][:, :length])]
    torch.testing.assert_close(model.go_on(whole["resid_post.0"][:, length:], later, start=1), final)
    torch.testing.assert_close(
        model.until_mlp_on(0, whole["embed"][:, length:], past[0]), whole["resid_mid.0"][:, length:]
    )
    one = model.prefix(model.embed(tokens[:1, :length]))
    same = torch.cat([tokens[:1, :length].expand(len(tokens), -1), tokens[:, length:]], 1)
    torch.testing.assert_close(
        model.read_out(model.go_on(model.embed(tokens[:, length:], length), one)), model(same)[:, length:]
    )


def test_several_positions_behind_prompts_of_several_lengths(model: LanguageModel, tokens: Tensor) -> None:
    """What is hidden is neither seen nor counted."""
    whole, length = sites(model, tokens), 5
    entering = whole["embed"].clone()
    entering[:, length:] = 9.0
    hidden = (torch.arange(tokens.shape[1]) >= length).expand(tokens.shape)[..., None]
    past = model.past_of(0, entering, hidden)
    found = model.until_mlp_on(0, whole["embed"][:, length : length + 3], past)
    torch.testing.assert_close(found, whole["resid_mid.0"][:, length : length + 3])


def test_positions_without_a_token_are_neither_seen_nor_counted(model: LanguageModel, tokens: Tensor) -> None:
    """Prompts of several lengths are padded at their end; what follows a short one is its next position."""
    whole = sites(model, tokens)
    length = 5
    entering = whole["embed"].clone()
    entering[:, length:] = 9.0
    hidden = (torch.arange(tokens.shape[1]) >= length).expand(tokens.shape)[..., None]
    past = model.past_of(0, entering, hidden)
    stream, own = model.until_mlp_next(0, whole["embed"][:, length], past)
    torch.testing.assert_close(stream, whole["resid_mid.0"][:, length])
    stream, _ = model.until_mlp_next(0, whole["embed"][:, length + 1], past.then(*own))
    torch.testing.assert_close(stream, whole["resid_mid.0"][:, length + 1])


def test_last_positions_of_many_rows_meet_one_past(model: LanguageModel, tokens: Tensor) -> None:
    """Leading dimensions broadcast: (R, 1, C) behind a past of (B, T, ...)."""
    following = torch.tensor([3, 7, 11])
    past = model.prefix(model.embed(tokens))
    final, _ = model.step(model.embed(following[:, None], tokens.shape[1]), past)
    for row, token in zip(final, following, strict=True):
        longer = torch.cat([tokens, token.expand(len(tokens), 1)], 1)
        torch.testing.assert_close(model.read_out(row), model(longer)[:, -1])


def test_what_is_written_is_a_linear_map_of_the_keys(model: LanguageModel, tokens: Tensor) -> None:
    for layer in range(model.config.n_layers):
        down = model.output_projection(layer)
        assert model.get_parameter(model.written(layer)) is down.weight
        assert down.weight.shape == (model.config.d_model, model.config.d_mlp)
        assert model.get_parameter(model.attention_written(layer)).shape == 2 * (model.config.d_model,)
    names = [name for name, _ in model.named_parameters() if name.startswith(model.before_keys())]
    assert model.written(0) not in names
    assert not any(name.split(".")[1] == "1" for name in names)


@pytest.mark.parametrize("method", EDITORS)
def test_every_method_edits_it_and_what_it_did_is_measured(other: Checkpoint, method: str) -> None:
    layers = other.model.config.n_layers
    few = (
        {"n_contexts": 1} if method == "patch" else {}
    )  # so narrow a model cannot tell a fact from all others behind many contexts
    spec = complete_spec(other.world, layers, subject=7, relation="II_A1", distance=4, method=method, parameters=few)
    edited = run_edits(other, [spec])
    (outcome,) = edited.outcomes
    if method not in (
        "mose",
        "ultraedit",
    ):  # a rotation writes not just any value, and one gradient is not enough for so little knowledge
        assert outcome.probability_after > outcome.probability_before
    if method == "rome":
        baseline = measure_baseline(other, n_contexts=1, queries=20)
        found = measure(other, edited, baseline)
        assert found.geometry.shattering["II_A1"] > 0
        probe = Probe(other, n_contexts=1, queries=20, seed=0)
        shattered = probe.measure(edited.model).shattered[f"resid_post.{layers - 1}"].R
        names = other.world.relation_names
        assert shattered[names.index("II_A1")] == pytest.approx(found.geometry.shattering["II_A1"], rel=0.1)
