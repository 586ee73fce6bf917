"""Settings of all tests (nothing is timed, and in CI Hypothesis draws the same examples every time), and shared fixtures: the small
checkpoint that is shipped, and the real server over it."""

from __future__ import annotations

import os

# Tests run side by side, and threads that outnumber the cores wait for each other: one for each process and for those it starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from page_fixtures import (  # one browser for all pages: two cannot be open at once
    chromium,
    explore,
    server,
    tab,
    window,
)
from spoken import keep_spoken
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.checkpoints import Checkpoint, CheckpointRegistry
from shatterscope.backend.lm.library import Library
from shatterscope.backend.settings import REPOSITORY, Settings, load_settings
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint, LanguageCheckpoints

__all__ = ["chromium", "explore", "server", "tab", "window"]

hypothesis_settings.register_profile("local", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "local")

SMALL = "rings-small"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of the pages, which take longest, come first: of workers side by side none has a long one left at the end."""
    items.sort(key=lambda item: not item.path.name.startswith("test_page_"))


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder that holds the small checkpoint alone."""
    folder = tmp_path_factory.mktemp("models")
    (folder / SMALL).symlink_to(REPOSITORY / "models_cache" / SMALL)
    return folder


@pytest.fixture(scope="session")
def checkpoint(models_dir: Path) -> Checkpoint:
    return CheckpointRegistry(models_dir).get(SMALL)


@pytest.fixture(scope="session")
def spoken_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that holds a tiny language model, `spoken`, which knows months, weekdays and some countries (`spoken.py`)."""
    state = tmp_path_factory.mktemp("spoken")
    keep_spoken(state)
    return state


@pytest.fixture(scope="session")
def spoken_checkpoint(spoken_state: Path) -> LanguageCheckpoint:
    """The same, as the API has it."""
    found, problems = LanguageCheckpoints(Library(spoken_state / "language-models")).all()
    assert not problems
    return found["spoken"]


@pytest.fixture
def settings(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a server that writes to a folder of this test alone, also for commands run in this process.

    It computes nothing that no test asked for: tests count what is computed.
    """
    values = {"state_dir": tmp_path / "state", "models_dir": models_dir, "device": "cpu", "warm_up": False}
    for name, value in values.items():
        monkeypatch.setenv(f"SHATTERSCOPE_{name.upper()}", str(value))
    return load_settings()


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(settings)
    yield app
    app.state.laboratory.close()


@pytest.fixture
def laboratory(app: FastAPI) -> Laboratory:
    found: Laboratory = app.state.laboratory
    return found


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """The server's paths below /api/v1, called one at a time."""
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The address of `app` on a real port, for as long as the context lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The server on a real port."""
    with listening(app) as address:
        yield address


@pytest.fixture(scope="session")
def shared_address(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[str]:
    """One server on a real port for all tests that do not mind each other."""
    settings = load_settings(models_dir=models_dir, state_dir=tmp_path_factory.mktemp("state"), device="cpu")
    with listening(create_app(settings)) as address:
        yield address


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The same for many requests at once."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client:
        yield client
