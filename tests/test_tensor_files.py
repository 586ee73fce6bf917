"""The same tensors make the same bytes, and every library reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient
from safetensors import safe_open
from safetensors.torch import load

from shatterscope.backend.tensor_files import tensor_bytes

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2]), "c": torch.zeros(0)}


@pytest.mark.parametrize("metadata", [None, {}, {name: f"é {name}" for name in "zyxwvutsrqponm"}])
def test_the_same_tensors_make_the_same_bytes(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    turned = None if metadata is None else dict(reversed(metadata.items()))
    assert len({tensor_bytes(TENSORS, each) for each in (metadata, turned) for _ in range(10)}) == 1
    content = tensor_bytes(TENSORS, metadata)
    found = load(content)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)
    assert int.from_bytes(content[:8], "little") % 8 == 0
    (tmp_path / "file").write_bytes(content)
    with safe_open(tmp_path / "file", "pt") as file:
        assert (file.metadata() or {}) == (metadata or {})


def test_a_strong_etag_is_of_the_same_bytes_whoever_asks(client: TestClient) -> None:
    edit = {"subject": 7, "relation": "I_C2", "distance": 4, "method": "rome", "parameters": {"steps": 5}}
    id = client.post("edits", json={"checkpoint": "rings-small", "edits": [edit]}).json()["id"]
    for file in ("delta", "weights"):
        answers = [
            client.get(f"edits/{id}/{file}", headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity", "")
        ]
        assert len({answer.content for answer in answers}) == 1
        assert {answer.headers["etag"] for answer in answers} == {f'"{id}.{file}"'}
        assert all("content-encoding" not in answer.headers for answer in answers)
    assert client.get(f"edits/{id}").headers["etag"].startswith("W/"), "it says also how long it took"
