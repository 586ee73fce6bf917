"""Somebody else's editor computes in a process of its own, so that nothing it does reaches ours.

The process is started at the first call and stays, one for each editor. A call hands it copies of the model, the statistics and the request, pickled, and gets a delta
back. A thread cannot be stopped from outside, a process can: at the time limit, or as soon as nobody waits for the answer. Meanwhile the calling thread
goes from `interrupt.checkpoint()` to the next, as in any long computation, so that it can rest or end.

Started by `spawn`: a script that computes such an edit needs the usual `if __name__ == "__main__":`.
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.editors.base import EditNotPossibleError, WriteRequest
from shatterscope.backend.models import LanguageModel

log = logging.getLogger(__name__)

START_SECONDS = 60.0  # to import torch and the editor; 2 to 3 s as a rule
GRACE = 2.0  # seconds after the limit, in which the process says where it stands and ends by itself
POLL = 0.02  # seconds


class Fault(Exception):
    """What the editor did wrong, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class _Call:
    """What the process is asked; `seconds` is its limit."""

    model: LanguageModel
    statistics: Mapping[int, Tensor]
    request: WriteRequest
    layer: int
    parameters: Any
    threads: int
    seconds: float


@dataclass(frozen=True)
class _Raised:
    """What the editor did instead of answering; `trace` is for the log."""

    fault: str
    trace: str = ""


class EditorProcess:
    """`source` is where the editor's class is found, `module:Class`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._queue = ThreadPoolExecutor(1, "editor")  # one call at a time; its thread alone touches the two below
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: Any,
        seconds: float,
    ) -> object:
        """Whatever the editor's `compute` returned, a copy of it. `seconds` is how long it may take, once it has started.

        Raises:
            Fault: it raised, changed the model, took too long or died.
            EditNotPossibleError: the editor says so.
        """
        call = pickle.dumps(_Call(model, statistics, request, layer, parameters, torch.get_num_threads(), seconds))
        left = threading.Event()
        answer = self._queue.submit(self._ask, call, seconds, left)
        try:
            while not answer.done():
                interrupt.checkpoint()
                wait([answer], POLL)
        except BaseException:  # nobody waits any more
            left.set()
            answer.cancel()
            raise
        return answer.result()

    def close(self) -> None:
        """End the process; the next call starts another."""
        self._queue.submit(self._end).result()

    # --- in the thread of the queue -----------------------------------------------------------------------------

    def _ask(self, call: bytes, seconds: float, left: threading.Event) -> object:
        connection, start = self._started(left), time.monotonic()
        try:
            connection.send_bytes(call)
            found = self._answer(connection, seconds + GRACE, left)
        except (EOFError, OSError):
            process = self._process
            self._end()
            if process is None or time.monotonic() - start >= seconds:
                limit = f"{seconds:g} s, the most that SHATTERSCOPE_EDITOR_SECONDS allows"
                raise Fault(f"took longer than {limit}, and was stopped") from None
            raise Fault(f"ended its process ({_ending(process)})") from None
        if isinstance(found, _Raised):
            log.warning("%s %s\n%s", self.source, found.fault, found.trace)
            raise Fault(found.fault)
        if isinstance(found, EditNotPossibleError):
            raise found
        return found

    def _started(self, left: threading.Event) -> Connection:
        if self._process is not None and self._process.is_alive() and self._connection is not None:
            return self._connection
        self._end()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self.source), daemon=True)
        self._process.start()
        theirs.close()
        try:
            found = self._answer(self._connection, START_SECONDS, left)
        except (EOFError, OSError):
            process = self._process
            self._end()
            if process is None:
                raise Fault(f"did not start within {START_SECONDS:g} s") from None
            raise Fault(f"ended its process while it was imported ({_ending(process)})") from None
        if isinstance(found, _Raised):
            self._end()
            log.warning("%s %s\n%s", self.source, found.fault, found.trace)
            raise Fault(found.fault)
        return self._connection

    def _answer(self, connection: Connection, seconds: float, left: threading.Event) -> object:
        """Raises `EOFError` where the process ends, or was ended here (then there is none left)."""
        deadline = time.monotonic() + seconds
        while not connection.poll(POLL):
            if left.is_set() or time.monotonic() > deadline:
                self._end()
                raise EOFError
        received = connection.recv_bytes()
        try:
            return pickle.loads(received)  # noqa: S301 - from our own process
        except Exception as error:
            raise Fault(f"returned what cannot be read back ({_told(error)})") from None

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _ending(process: BaseProcess) -> str:
    code = process.exitcode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _told(error: BaseException) -> str:
    """Type and message, on one line."""
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))


# --- in the process --------------------------------------------------------------------------------------------------


def serve(connection: Connection, source: str) -> None:
    """Answer calls until the other side closes: no process outlives who started it, and none a hanging call."""
    os.dup2(2, 1)  # what an editor prints is no answer of ours: stdout may be read by a program
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and that ends this
    with suppress(EOFError, BrokenPipeError):
        try:
            editor = found_at(source)()
        except BaseException as error:
            connection.send_bytes(pickle.dumps(_Raised(f"could not be made: {_told(error)}", traceback.format_exc())))
            return
        connection.send_bytes(pickle.dumps(None))
        while True:
            call = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own process
            connection.send_bytes(_packed(_computed(editor, call)))


def found_at(source: str) -> Any:
    """What `module:Class` names, or `module`. Raises whatever the import raises."""
    module, _, name = source.partition(":")
    found = importlib.import_module(module)
    return attrgetter(name)(found) if name else found


def _computed(editor: Any, call: _Call) -> object:
    torch.set_num_threads(call.threads)
    before = {name: value.detach().clone() for name, value in _tensors(call.model).items()}
    faulthandler.dump_traceback_later(call.seconds, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        editor.check(call.parameters, call.layer, call.model.config.n_layers)
        found = editor.compute(call.model, call.statistics, call.request, call.layer, call.parameters)
    except EditNotPossibleError as error:
        return error
    except BaseException as error:
        return _Raised(f"raised {_told(error)}", traceback.format_exc())
    finally:
        faulthandler.cancel_dump_traceback_later()
    after = _tensors(call.model)
    changed = [name for name in {**before, **after} if not _same(before.get(name), after.get(name))]
    if changed:
        return _Raised(f"changed the model it was given ({', '.join(changed[:3])}); it shall return the change instead")
    return found


def _tensors(model: LanguageModel) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None or (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _packed(found: object) -> bytes:
    try:
        return pickle.dumps(found)
    except Exception as error:
        return pickle.dumps(_Raised(f"returned what cannot be pickled ({_told(error)})", traceback.format_exc()))
