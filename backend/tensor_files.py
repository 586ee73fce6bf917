"""safetensors files as bytes: the same tensors and metadata make the same bytes, so that a hash, or an ETag, says what it seems to say.

The library writes its metadata in an order of chance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file: the length of its header (8 bytes, little-endian), the header (JSON), the tensors."""
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, dict(metadata or {}))
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    ordered = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    header.pop("__metadata__", None)
    text = json.dumps(ordered | header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
