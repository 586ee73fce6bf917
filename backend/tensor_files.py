"""safetensors files as bytes: the same tensors and metadata make the same bytes, so that a hash, or an ETag, says what it seems to say.

The library writes its metadata in an order of chance.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

KINDS = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file: the length of its header (8 bytes, little-endian), the header (JSON), the tensors."""
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, dict(metadata or {}))
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    ordered = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    header.pop("__metadata__", None)
    return _head(ordered | header) + content[8 + size :]


def _head(header: Mapping[str, object]) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text


def write_large(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, tensors: Iterable[tuple[str, Tensor]]
) -> str:
    """Write a file of more than memory should hold, one tensor at a time, and give its sha256.

    `tensors` are all of `shapes`, in that order and of `dtype`. Raises `OSError` where it cannot be written.
    """
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": KINDS[dtype], "shape": list(shape), "data_offsets": [start, end]}
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for part in chain([_head(header)], _contents(shapes, dtype, tensors)):
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


def _contents(
    shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, tensors: Iterable[tuple[str, Tensor]]
) -> Iterable[bytes | memoryview]:
    for (name, tensor), (wanted, shape) in zip(tensors, shapes.items(), strict=True):
        assert (name, tuple(tensor.shape), tensor.dtype) == (wanted, shape, dtype)
        yield tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
