"""Llama against the transformers library, on tiny models of random weights that it makes itself; and its positions by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from shatterscope.backend.models import Llama, LlamaConfig
from shatterscope.backend.models.llama import RotaryScaling, frequencies, turned

SHAPE = LlamaConfig(
    vocab_size=50, context=40, n_layers=3, d_model=24, d_mlp=40, n_heads=6, n_kv_heads=2, rotary_base=1000.0
)


def test_a_channel_and_its_partner_are_turned_by_their_angle() -> None:
    """A quarter turn: (x, y) becomes (-y, x), in each of two heads."""
    quarter = torch.tensor([math.pi / 2])
    found = turned(torch.tensor([1.0, 2.0, 3.0, 4.0]), (quarter.cos(), quarter.sin()), 2)
    torch.testing.assert_close(found, torch.tensor([-2.0, 1.0, -4.0, 3.0]))


def test_pairs_turn_the_slower_the_later_they_stand() -> None:
    torch.testing.assert_close(frequencies(SHAPE), torch.tensor([1.0, 1000**-0.5]))


def test_only_slow_pairs_are_slowed_for_a_longer_context() -> None:
    """At 100 positions the first pair turns 15.9 times, the second half a turn."""
    scaling = RotaryScaling(factor=8, low=1, high=4, original_context=100)
    scaled = frequencies(LlamaConfig(50, 800, 1, 4, 8, 1, 1, rotary_base=1000.0, scaling=scaling))
    torch.testing.assert_close(scaled, torch.tensor([1.0, 1000**-0.5 / 8]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_heads": 5}, "multiple of twice n_heads"),
        ({"n_kv_heads": 4}, "multiple of n_kv_heads"),
        ({"n_layers": 0}, "n_layers must be at least 1"),
        ({"vocab_size": 10**9}, "take a smaller one"),
        ({"rotary_base": float("nan")}, "rotary_base"),
        ({"norm_eps": -1.0}, "norm_eps"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LlamaConfig(**{**vars(SHAPE), **changed})


def test_a_model_has_as_many_weights_as_its_shape_says() -> None:
    for tied in (True, False):
        shape = LlamaConfig(**{**vars(SHAPE), "tied": tied})
        with torch.device("meta"):
            assert Llama(shape).n_params == shape.n_weights


def test_the_future_does_not_reach_the_past() -> None:
    model = Llama(SHAPE, torch.Generator().manual_seed(0)).eval()
    tokens: Tensor = torch.arange(12)[None]
    changed = tokens.clone()
    changed[:, 6:] = 40
    torch.testing.assert_close(model(tokens)[:, :6], model(changed)[:, :6])


def test_more_tokens_than_the_context_are_refused() -> None:
    with pytest.raises(ValueError, match="context of 40"):
        Llama(SHAPE)(torch.zeros(1, 41, dtype=torch.long))
