"""The model: shape, causality, and sites that can be recorded and overridden."""

import pytest
import torch

from shatterscope.backend.models import ModelConfig, Transformer, site_names


@pytest.fixture(scope="module")
def model() -> Transformer:
    return Transformer(ModelConfig(vocab_size=50), torch.Generator().manual_seed(0)).eval()


TOKENS = torch.arange(12).reshape(2, 6)


def test_the_papers_shape_has_about_65_thousand_parameters() -> None:
    assert Transformer(ModelConfig(vocab_size=2072)).n_params == 64_608


def test_every_named_site_passes_the_tap(model: Transformer) -> None:
    seen: dict[str, torch.Size] = {}

    def tap(name: str, x: torch.Tensor) -> torch.Tensor:
        seen[name] = x.shape
        return x

    model(TOKENS, tap)
    assert set(site_names(2)) == {name for name in seen if not name.startswith(("mlp_key", "attn_key"))}
    assert all(seen[name] == (2, 6, 24) for name in site_names(2))
    assert seen["mlp_key.1"] == (2, 6, 96)
    assert seen["attn_key.1"] == (2, 6, 24)


def test_overriding_the_last_site_decides_the_logits(model: Transformer) -> None:
    wanted = torch.randn(2, 6, 24, generator=torch.Generator().manual_seed(1))
    logits = model(TOKENS, lambda name, x: wanted if name == "final_norm" else x)
    assert torch.equal(logits, model.unembed(wanted))


def test_the_residual_stream_adds_up(model: Transformer) -> None:
    seen: dict[str, torch.Tensor] = {}
    model(TOKENS, lambda name, x: seen.setdefault(name, x))
    assert torch.allclose(seen["resid_mid.0"], seen["embed"] + seen["attn_out.0"])
    assert torch.allclose(seen["resid_post.1"], seen["resid_mid.1"] + seen["mlp_out.1"])
    down = model.blocks[0].mlp.down
    assert torch.allclose(seen["mlp_out.0"], seen["mlp_key.0"] @ down.weight.T + down.bias, atol=1e-6)


def test_the_future_does_not_reach_the_past(model: Transformer) -> None:
    changed = TOKENS.clone()
    changed[:, 4:] = 40
    assert torch.equal(model(TOKENS)[:, :4], model(changed)[:, :4])


def test_more_tokens_than_the_context_are_refused(model: Transformer) -> None:
    with pytest.raises(ValueError, match="context of 16"):
        model(torch.zeros(1, 17, dtype=torch.long))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="n_heads"):
        ModelConfig(vocab_size=10, d_model=24, n_heads=5)
