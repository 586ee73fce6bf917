"""A small part of `python -m scripts.fuzz`: damaged requests to the API and to the pages are refused, and nothing answers 5xx."""

from __future__ import annotations

from pathlib import Path

from scripts.fuzz import build, fuzz


async def test_no_damaged_request_is_an_error_of_the_server(tmp_path: Path, models_dir: Path) -> None:
    server = build(tmp_path / "state", models_dir)
    found = await fuzz(server, requests=150, seed=11)
    server.state.laboratory.close()
    assert found.failed == []
    assert found.statuses[200] > 20
    assert found.statuses[422] > 20
