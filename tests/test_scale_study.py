"""The rescaled model of the scale study is the same function."""

from __future__ import annotations

import torch

from scripts.scale_study import rescaled
from shatterscope.backend.models import ModelConfig, Transformer


def test_a_rescaled_model_answers_the_same_from_a_longer_stream() -> None:
    model = Transformer(ModelConfig(vocab_size=40, embed_std=1.0, final_gain=5.0), torch.Generator().manual_seed(0))
    other = Transformer(model.config)
    other.load_state_dict(rescaled(dict(model.state_dict()), 3.0))
    tokens = torch.arange(24).view(2, 12)
    streams: list[torch.Tensor] = []

    def tap(name: str, x: torch.Tensor) -> torch.Tensor:
        if name == "resid_post.1":
            streams.append(x)
        return x

    with torch.no_grad():
        torch.testing.assert_close(other(tokens, tap), model(tokens, tap), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(streams[0], 3 * streams[1], rtol=1e-3, atol=1e-3)
