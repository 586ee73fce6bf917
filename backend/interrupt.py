"""Long computations let themselves be interrupted: in their loops they call `checkpoint()`, which usually does nothing.

Whoever runs a computation may set a function to be called there (`interruptible`). It may raise, and then nothing more is computed; or
wait, and then the thread rests while others work. So no lock is held across a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("interrupt", default=None)


def checkpoint() -> None:
    """Between two steps of a loop, each of them short (some 100 ms at most). Raises what the caller of the computation wants raised."""
    check = _check.get()
    if check is not None:
        check()


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """`check` is called at every checkpoint of this thread's work inside."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)
