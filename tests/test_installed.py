"""The wheel is the whole product: installed in a fresh environment, it serves everything from a folder that knows nothing of the
repository. And what the Dockerfile copies is let through to it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest

from shatterscope.backend.settings import REPOSITORY

SOURCES = ("app", "backend", "frontend_assets", "lessons", "models_cache", "wire")
PROJECT = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt")
INSIDE = {
    "frontend_assets": "shatterscope/app/frontend_assets",
    "lessons": "shatterscope/backend/shipped/lessons",
    "models_cache": "shatterscope/backend/shipped/models_cache",
}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: a build writes beside them."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(REPOSITORY / name, copy / name, ignore=ignored)
    for name in PROJECT:
        shutil.copy(REPOSITORY / name, copy / name)
    (copy / "models_cache" / "rings-small" / "training_state.safetensors").write_bytes(b"of an unfinished run")
    options = (
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--quiet",
        "--wheel-dir",
        copy / "dist",
    )
    run(sys.executable, "-m", "pip", "wheel", *options, copy, cwd=copy)
    return next((copy / "dist").glob("shatterscope-*.whl"))


def test_the_wheel_holds_every_file_and_nothing_beside_the_packages(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    expected = set()
    for top in SOURCES:
        for path in (REPOSITORY / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("training_state"):
                expected.add(
                    Path(INSIDE.get(top, f"shatterscope/{top}"), path.relative_to(REPOSITORY / top)).as_posix()
                )
    assert expected - held == set()
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"shatterscope"}
    assert not [name for name in held if "training_state" in name]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, in another folder. What it depends on is borrowed from ours, by a path that lets no
    editable install through."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (place / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    options = ("--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def elsewhere(installed: Path) -> Iterator[httpx.Client]:
    """`shatterscope serve` of that environment, from that folder, with nothing set."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SHATTERSCOPE_", "PYTHON"))
    }
    environment |= {"HOME": str(installed), "XDG_STATE_HOME": str(installed / "state"), "OMP_NUM_THREADS": "1"}
    with httpx.Client() as probe:  # a free port: one that nobody listens on
        port = _free_port()
        command = [installed / "venv" / "bin" / "shatterscope", "serve", "--port", str(port)]
        server = subprocess.Popen(command, cwd=installed, env=environment, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert "is ready" in server.stdout.readline()
        probe.base_url, probe.timeout = httpx.URL(f"http://127.0.0.1:{port}"), httpx.Timeout(60)
        yield probe
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        server.stdout.close()


def test_an_installed_server_serves_the_whole_product(elsewhere: httpx.Client) -> None:
    health = elsewhere.get("/api/v1/health").json()
    assert sorted(health["checkpoints"]) == sorted(
        [
            "smollm2",
            *(path.parent.name for path in (REPOSITORY / "models_cache").glob("*/checkpoint.json")),
        ]  # played back
    )
    assert health["problems"] == {}
    lessons = elsewhere.get("/api/v1/lessons").json()
    assert [each["id"] for each in lessons["lessons"]] == [
        "beyond-rings",
        "editing-101",
        "mending",
        "months",
        "shattering",
    ]
    assert elsewhere.get("/api/v1/checkpoints/rings-2048/reproduction").status_code == 200
    for page in ("/", "/compare", "/reproduce", "/in-context", "/lecture", "/gallery"):
        html = elsewhere.get(page)
        assert html.status_code == 200
        assets = set(re.findall(r'"(/(?:[a-z]+/)?assets/[^"?]+)', html.text))
        assert any(name.endswith(".css") for name in assets), page
        for name in assets:
            assert elsewhere.get(name).status_code == 200, name
    for name in ("style.css", "vendor/plotly-gl3d.min.js", "fonts/inter-latin-wght-normal.woff2", "favicon.svg"):
        assert (elsewhere.get(f"/assets/{name}").status_code, name) == (200, name)
    assert "swagger" in elsewhere.get("/api/v1/docs").text
    edit = {"subject": 7, "relation": "I_C2", "distance": 4, "method": "rome", "parameters": {"steps": 5}}
    made = elsewhere.post("/api/v1/edits", json={"checkpoint": "rings-small", "edits": [edit]})
    assert made.status_code == 200
    file = elsewhere.get("/export.html", params={"c": "rings-small"})  # needs document.css and pages/file.js
    assert file.status_code == 200, file.text
    assert "<style>" in file.text


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# --- the container ---------------------------------------------------------------------------------------------------


def let_through(path: str, patterns: list[str]) -> bool:
    """Whether Docker sends `path` to the builder: the last pattern that matches it, or a folder it lies in, decides."""
    parts = path.split("/")
    sent = True
    for line in patterns:
        pattern = line.removeprefix("!").strip("/")
        loose = pattern.removeprefix("**/")
        for depth in range(1, len(parts) + 1):
            whole, names = "/".join(parts[:depth]), parts[:depth]
            matches = _matches(names, pattern.split("/")) if loose == pattern else fnmatch(whole.split("/")[-1], loose)
            if matches:
                sent = line.startswith("!")
    return sent


def _matches(names: list[str], pattern: list[str]) -> bool:
    return len(names) == len(pattern) and all(map(fnmatch, names, pattern))


def copied() -> list[str]:
    """What the Dockerfile copies out of the context."""
    lines = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    return [word for line in words for word in line]


def test_the_docker_context_holds_what_the_dockerfile_copies() -> None:
    text = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8")
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    sources = copied()
    assert {*SOURCES, "pyproject.toml", "setup.py", "README.md", "LICENSE"} <= set(sources)
    for source in sources:
        place = REPOSITORY / source
        assert place.exists(), source
        files = [each for each in place.rglob("*") if each.is_file()] if place.is_dir() else [place]
        for file in files:
            path = file.relative_to(REPOSITORY).as_posix()
            wanted = "__pycache__" not in path and not path.endswith("training_state.safetensors")
            assert let_through(path, patterns) == wanted, path
    for path in (".git/config", "tests/conftest.py", ".venv/bin/python", "models_cache/a/training_state.safetensors"):
        assert not let_through(path, patterns), path


# --- other versions of Python ----------------------------------------------------------------------------------------


def test_what_is_promised_of_python_is_one_and_the_same() -> None:
    """CI runs on one version; that the others read the sources is checked by ruff, whose target is the oldest."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert project["tool"]["mypy"]["python_version"] == "3.11"
    versions = [each.rpartition(" ")[2] for each in project["project"]["classifiers"] if "Python :: 3." in each]
    assert versions == ["3.11", "3.12", "3.13"]
