"""The language models of a server: loaded when somebody asks, one at a time, and dropped when nobody has asked for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import torch

from shatterscope.backend.lm.store import LanguageModelCard, LoadedModel, kept, load
from shatterscope.backend.models import LanguageModel


class Library:
    """Models kept in `root`, on `device`. A model that somebody still works with lives until they let it go."""

    def __init__(
        self,
        root: Path,
        device: torch.device | str = "cpu",
        idle_seconds: float = 600,
        on_release: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`on_release` is told the name of a model that is dropped."""
        self.root, self.device, self.idle_seconds = root, device, idle_seconds
        self._on_release = on_release
        self._lock = threading.Lock()
        self._loaded: LoadedModel | None = None
        self._timer: threading.Timer | None = None

    def cards(self) -> tuple[dict[str, LanguageModelCard], dict[str, str]]:
        """What is kept, by name, and why others cannot be used: as it is now, for models are added while a server runs."""
        return kept(self.root)

    def get(self, name: str, prepare: Callable[[LanguageModel], None] = lambda model: None) -> LoadedModel:
        """Takes seconds where it has to be loaded, and is then prepared; who asks meanwhile waits. Raises `LanguageModelError`."""
        with self._lock:
            if self._loaded is None or self._loaded.name != name:
                self._drop()  # before the next one comes into memory
                loaded = load(self.root, name, self.device)
                prepare(loaded.model)
                self._loaded = loaded
            self._wait()
            return self._loaded

    def release(self) -> None:
        """Drop what is loaded."""
        with self._lock:
            self._drop()
            self._stop()

    def _drop(self) -> None:
        if self._loaded is not None:
            self._on_release(self._loaded.name)
        self._loaded = None

    def _wait(self) -> None:
        self._stop()
        self._timer = threading.Timer(self.idle_seconds, self.release)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
