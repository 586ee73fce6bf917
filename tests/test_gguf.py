"""GGUF files: read as the format says, to the last weight; whatever is wrong with one is said in words."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import HEADS, KV_HEADS, SHAPE, TOKENS, floats_of, gguf, metadata, weights

from shatterscope.backend.lm.gguf import GGUF, dequantised, pretrained, unpermuted
from shatterscope.backend.lm.pretrained import LanguageModelError, shapes
from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.models.llama import turned

WHOLE = gguf()


def test_eight_bits_are_times_a_scale() -> None:
    block = np.concatenate([floats_of([0.5]), np.arange(-16, 16, dtype=np.int8).view(np.uint8)])
    assert dequantised(block, "Q8_0").tolist() == [q / 2 for q in range(-16, 16)]


def test_four_bits_are_times_a_scale_and_above_the_least() -> None:
    """The lower halves of the sixteen bytes come first."""
    halves = np.array([byte | (15 - byte) << 4 for byte in range(16)], np.uint8)
    block = np.concatenate([floats_of([0.5, -3.0]), halves])
    assert dequantised(block, "Q4_1").tolist() == [0.5 * q - 3 for q in [*range(16), *range(15, -1, -1)]]


def test_blocks_follow_each_other() -> None:
    blocks = [np.concatenate([floats_of([scale]), np.full(32, 3, np.uint8)]) for scale in (1.0, 2.0)]
    assert dequantised(np.concatenate(blocks), "Q8_0").tolist() == [3.0] * 32 + [6.0] * 32


def test_turning_neighbours_is_turning_halves_once_rows_are_put_back() -> None:
    """llama.cpp turns the channels 2i and 2i + 1 of a head together, we i and i + D / 2: what q and k come to is the same in another order."""
    heads, D = 3, 8
    generator = torch.Generator().manual_seed(0)
    theirs, x = torch.randn(heads * D, 5, generator=generator), torch.randn(5, generator=generator)
    angle = torch.rand(D // 2, generator=generator)
    pairs = (theirs @ x).view(heads, D // 2, 2)
    even, odd = pairs.unbind(-1)
    expected = torch.stack([even * angle.cos() - odd * angle.sin(), odd * angle.cos() + even * angle.sin()], -1)
    found = turned(unpermuted(theirs, heads) @ x, (angle.cos(), angle.sin()), heads)
    torch.testing.assert_close(found.view(heads, 2, D // 2), expected.transpose(1, 2))


def test_a_file_is_the_model_that_it_describes() -> None:
    found = pretrained(GGUF(WHOLE))
    config = found.config
    assert (config.n_layers, config.d_model, config.d_mlp, config.context) == (2, 32, 64, 24)
    assert (config.n_heads, config.vocab_size) == (HEADS, len(TOKENS))
    read = dict(found.weights())
    assert {name: tuple(weight.shape) for name, weight in read.items()} == shapes(config)
    assert {weight.dtype for weight in read.values()} == {torch.float16}
    kind, shape, content = weights()["blk.1.ffn_down.weight"]
    expected = dequantised(np.frombuffer(content, np.uint8), kind).reshape(shape)
    np.testing.assert_array_equal(found.read("blocks.1.mlp.down.weight").numpy(), expected)
    assert SHAPE["feed_forward_length"] == shape[1]
    keys = found.read("blocks.0.attn.k.weight")
    theirs = dequantised(np.frombuffer(weights()["blk.0.attn_k.weight"][2], np.uint8), "Q4_1")
    torch.testing.assert_close(keys, unpermuted(torch.tensor(theirs).view(keys.shape), KV_HEADS))


def test_its_tokeniser_takes_digits_one_by_one_and_joins_what_is_to_be_joined() -> None:
    tokenizer = Tokenizer(pretrained(GGUF(WHOLE)).tokenizer)
    told = [TOKENS[id] for id in tokenizer.encode("ab 12 ab\n<|end|>")]
    assert told == ["ab", "Ġ", "1", "2", "Ġab", "Ċ", "<|end|>"]
    assert tokenizer.decode(tokenizer.encode("ab 12 ab\n")) == "ab 12 ab\n"
    assert tokenizer.single(" ab") == TOKENS.index("Ġab")
    with pytest.raises(LanguageModelError, match=r"' abc' is 2 tokens \(' ab', 'c'\); take a name that is one token"):
        tokenizer.single(" abc")
    with pytest.raises(LanguageModelError, match="0 tokens; take"):
        tokenizer.single("")


@given(st.integers(0, len(WHOLE) - 1))
def test_a_truncated_file_is_one(length: int) -> None:
    with pytest.raises(LanguageModelError, match=r"ends too early|no GGUF file|things follow"):
        GGUF(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_an_altered_file_is_read_or_refused(place: int, change: int) -> None:
    altered = bytearray(WHOLE)
    altered[place] ^= change
    with suppress(LanguageModelError):
        found = pretrained(GGUF(bytes(altered)))
        Tokenizer(found.tokenizer)
        dict(found.weights())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"general.architecture": "mamba"}, "kind 'mamba'; of GGUF files llama is read"),
        ({"llama.block_count": "two"}, "nothing of llama.block_count, or no int"),
        ({"llama.block_count": 3}, "no tensor blk.2.attn_norm.weight"),
        ({"llama.embedding_length": 64}, "token.weight is .* where .* belongs"),
        ({"llama.attention.head_count": 5}, "multiple of twice n_heads"),
        ({"tokenizer.ggml.pre": "llama-bpe"}, "'gpt2', 'smollm' is read"),
        ({"tokenizer.ggml.token_type": [1]}, "tokeniser is not whole"),
        ({"tokenizer.ggml.tokens": 3}, "holds no tokeniser"),
        ({"llama.rope.scaling.factor": 2.0}, "positions are scaled"),
        ({"general.alignment": 0}, "general.alignment is 0"),
    ],
)
def test_what_is_not_read_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(LanguageModelError, match=said):
        dict(pretrained(GGUF(gguf({**metadata(), **changed}))).weights())


def test_values_that_are_no_numbers_are_refused() -> None:
    held = weights() | {"output_norm.weight": ("F32", (32,), np.full(32, math.nan, "<f4").tobytes())}
    with pytest.raises(LanguageModelError, match=r"norm.weight holds values that are no numbers"):
        dict(pretrained(GGUF(gguf(held=held))).weights())


def test_other_kinds_of_weights_are_named() -> None:
    altered = WHOLE.replace(
        b"blk.0.attn_q.weight" + bytes([2, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 3]),
        b"blk.0.attn_q.weight" + bytes([2, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 12]),
    )
    with pytest.raises(
        LanguageModelError, match=r"'blk\.0.attn_q.weight' is stored as kind 12 of GGUF; F32, Q8_0, Q4_1 are read"
    ):
        GGUF(altered)
