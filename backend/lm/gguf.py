"""GGUF, llama.cpp's file of one model: metadata, the tokeniser, and weights of a few bits each. Of its kinds of weights F32, Q8_0 and Q4_1 are read.

All is little-endian:

    "GGUF", version u32, tensors u64, entries u64
    each entry: key (a string: length u64, UTF-8), type u32, value
    each tensor: name, dimensions u32, their sizes u64 (innermost first), type u32, offset u64
    data, from the next multiple of `general.alignment` on (32 where nothing is said)

Q8_0 and Q4_1 hold 32 weights a block: w = d q, q an int8, d a float16; and w = d q + m, q of four bits, the first sixteen in the lower halves of 16 bytes
and the others in the upper ones.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.lm.pretrained import LanguageModelError, Pretrained
from shatterscope.backend.models import LlamaConfig

KINDS = {0: "F32", 8: "Q8_0", 3: "Q4_1"}
BLOCK = 32
BYTES = {"F32": 4, "Q8_0": 2 + BLOCK, "Q4_1": 4 + BLOCK // 2}  # of one weight; of one block
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
CONTROL = 3  # the kind of a token that stands for no text

NAMES = {
    "token": "token_embd",
    "norm": "output_norm",
    "head": "output",
    "norm_attn": "attn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.out": "attn_output",
    "norm_mlp": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
}


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor is. `shape` is ours: the innermost dimension last."""

    shape: tuple[int, ...]
    kind: str
    start: int


class GGUF:
    """A file's contents, its tensors decoded when they are asked for.

    Raises:
        LanguageModelError: it is no such file, ends too early, or holds what is not read here.
    """

    metadata: dict[str, Any]
    tensors: dict[str, TensorInfo]

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0
        if content[:4] != b"GGUF":
            raise LanguageModelError("it is no GGUF file: it does not begin with GGUF")
        self._at = 4
        version = self._number("I")
        if version not in (2, 3):
            raise LanguageModelError(f"it is GGUF of version {version}; 2 and 3 are read")
        n_tensors, n_entries = self._number("Q"), self._number("Q")
        self.metadata = {}
        for _ in range(self._count(n_entries)):
            key = self._string()
            self.metadata[key] = self._value(self._number("I"))
        described = [self._described() for _ in range(self._count(n_tensors))]
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise LanguageModelError(f"general.alignment is {alignment!r:.40}, no number of bytes")
        data = -(-self._at // alignment) * alignment
        self.tensors = {name: TensorInfo(shape, kind, data + offset) for name, shape, kind, offset in described}
        for name, entry in self.tensors.items():
            self._bytes(name, entry)

    def tensor(self, name: str) -> Tensor:
        """In float32. Raises `LanguageModelError` where there is none of that name."""
        entry = self.tensors.get(name)
        if entry is None:
            raise LanguageModelError(f"it holds no tensor {name}; it is no model of this kind, or not whole")
        content = np.frombuffer(self._bytes(name, entry), np.uint8)
        values = content.view("<f4") if entry.kind == "F32" else dequantised(content, entry.kind)
        return torch.from_numpy(values.reshape(entry.shape).astype(np.float32))

    def _bytes(self, name: str, entry: TensorInfo) -> memoryview:
        size = math.prod(entry.shape) // (1 if entry.kind == "F32" else BLOCK) * BYTES[entry.kind]
        if entry.start + size > len(self._content):
            raise LanguageModelError(
                f"it ends too early: {name} goes to byte {entry.start + size} of {len(self._content)}; get the file again"
            )
        return memoryview(self._content)[entry.start : entry.start + size]

    # --- reading on -------------------------------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        if self._at + size > len(self._content):
            raise LanguageModelError(
                f"it ends too early, at byte {len(self._content)}, among its metadata; get the file again"
            )
        self._at += size
        return self._content[self._at - size : self._at]

    def _number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self._take(struct.calcsize(kind)))[0]

    def _count(self, n: int) -> int:
        """Each of so many things takes a byte at least."""
        if n > len(self._content) - self._at:
            raise LanguageModelError(f"it is damaged: at byte {self._at} it says that {n} things follow")
        return n

    def _string(self) -> str:
        try:
            return self._take(self._number("Q")).decode()
        except UnicodeDecodeError:
            raise LanguageModelError(f"it is damaged: the text before byte {self._at} is not UTF-8") from None

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            of, n = self._number("I"), self._count(self._number("Q"))
            if of in SCALARS:
                return list(struct.unpack(f"<{n}{SCALARS[of]}", self._take(n * struct.calcsize(f"<{SCALARS[of]}"))))
            if of == STRING:
                return [self._string() for _ in range(n)]
            kind = of
        if kind not in SCALARS:
            raise LanguageModelError(f"it is damaged: at byte {self._at} stands a value of the unknown type {kind}")
        return self._number(SCALARS[kind])

    def _described(self) -> tuple[str, tuple[int, ...], str, int]:
        name, n = self._string(), self._number("I")
        if not 1 <= n <= 4:
            raise LanguageModelError(f"it is damaged: {name!r:.60} has {n} dimensions")
        shape = tuple(self._number("Q") for _ in range(n))[::-1]
        kind, offset = self._number("I"), self._number("Q")
        if kind not in KINDS:
            raise LanguageModelError(
                f"{name!r:.60} is stored as kind {kind} of GGUF; {', '.join(KINDS.values())} are read"
            )
        if KINDS[kind] != "F32" and shape[-1] % BLOCK:
            raise LanguageModelError(f"it is damaged: rows of {name!r:.60} are no whole blocks of {BLOCK}")
        return name, shape, KINDS[kind], offset


def dequantised(content: NDArray[np.uint8], kind: str) -> NDArray[np.float32]:
    """The weights of whole blocks, in order."""
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # a damaged scale: whoever takes the weights looks for what is no number
        return _dequantised(content.reshape(-1, BYTES[kind]), kind)


def _dequantised(blocks: NDArray[np.uint8], kind: str) -> NDArray[np.float32]:
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)  # (n, 1)
    if kind == "Q8_0":
        return (scale * blocks[:, 2:].view(np.int8)).ravel()
    least = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
    halves = blocks[:, 4:]
    return (scale * np.concatenate([halves & 15, halves >> 4], 1) + least).ravel()


def pretrained(file: GGUF) -> Pretrained:
    """A Llama in a GGUF file. Raises `LanguageModelError`: it is another kind of model, or does not say what it is."""
    architecture = file.metadata.get("general.architecture")
    if architecture != "llama":
        raise LanguageModelError(f"it holds a model of the kind {architecture!r:.40}; of GGUF files llama is read")

    def said(key: str, kind: type, default: Any = None) -> Any:
        value = file.metadata.get(f"llama.{key}", default)
        if not isinstance(value, kind):
            raise LanguageModelError(f"its metadata say nothing of llama.{key}, or no {kind.__name__}")
        return value

    known = {name for name in file.metadata if name.startswith("llama.rope.scaling")}
    if known:
        raise LanguageModelError(f"its positions are scaled ({min(known)}), which is not read from GGUF files")
    n_heads = said("attention.head_count", int)
    try:
        config = LlamaConfig(
            vocab_size=len(tokens_of(file)),
            context=said("context_length", int),
            n_layers=said("block_count", int),
            d_model=said("embedding_length", int),
            d_mlp=said("feed_forward_length", int),
            n_heads=n_heads,
            n_kv_heads=said("attention.head_count_kv", int, n_heads),
            rotary_base=said("rope.freq_base", float, 10_000.0),
            norm_eps=said("attention.layer_norm_rms_epsilon", float),
            tied="output.weight" not in file.tensors,
        )
    except ValueError as error:
        raise LanguageModelError(f"its metadata are of no model: {error}") from None

    def read(name: str) -> Tensor:
        weight = file.tensor(name_in_gguf(name))
        heads = {"q": config.n_heads, "k": config.n_kv_heads}.get(name.split(".")[-2])
        return weight if heads is None else unpermuted(weight, heads)

    return Pretrained(config, tokenizer(file), torch.float16, read)


def name_in_gguf(name: str) -> str:
    """`blocks.3.attn.q.weight` -> `blk.3.attn_q.weight`"""
    module = name.removesuffix(".weight")
    if not module.startswith("blocks."):
        return f"{NAMES[module]}.weight"
    _, layer, part = module.split(".", 2)
    return f"blk.{layer}.{NAMES[part]}.weight"


def unpermuted(weight: Tensor, heads: int) -> Tensor:
    """llama.cpp turns neighbouring channels together, everybody else those of a head's halves: rows (heads, D / 2, 2) -> (heads, 2, D / 2)."""
    if len(weight) % (2 * heads):
        raise LanguageModelError(
            f"{tuple(weight.shape)} is no projection of {heads} heads: its metadata are of another model"
        )
    return weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


# --- the tokeniser ----------------------------------------------------------------------------------------------------


def tokens_of(file: GGUF) -> list[str]:
    tokens = file.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not tokens:
        raise LanguageModelError("it holds no tokeniser (tokenizer.ggml.tokens)")
    return tokens


def tokenizer(file: GGUF) -> str:
    """tokenizer.json: byte-level BPE as GPT-2's, with every digit a token of its own (`smollm`)."""
    kind = (file.metadata.get("tokenizer.ggml.model"), file.metadata.get("tokenizer.ggml.pre"))
    if kind != ("gpt2", "smollm"):
        raise LanguageModelError(
            f"its tokeniser is of the kind {kind[0]!r:.40}, {kind[1]!r:.40}; 'gpt2', 'smollm' is read"
        )
    tokens, merges = tokens_of(file), file.metadata.get("tokenizer.ggml.merges")
    kinds = file.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(merges, list) or not isinstance(kinds, list) or len(kinds) != len(tokens):
        raise LanguageModelError("its tokeniser is not whole (tokenizer.ggml.merges, tokenizer.ggml.token_type)")
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id, "content": token, **special} for id, token in enumerate(tokens) if kinds[id] == CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: id for id, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in merges],
        },
    }
    return json.dumps(content, ensure_ascii=False)
