"""Who asks: set at the door for all that a request does, also for what a page asks of the API in the same process."""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import Scope

FORWARDED = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}


@dataclass(frozen=True)
class Caller:
    """`address`: of the other end, or of who a proxy says it is; `local`: who sits at this machine."""

    address: str
    local: bool


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller | None:
    """None for what the server does by itself."""
    return _caller.get()


def enter(scope: Scope) -> None:
    """From here on the present task works for who sent this request."""
    _caller.set(caller_of(scope))


def caller_of(scope: Scope) -> Caller:
    """A request that came through a proxy is nobody's at this machine, whatever address it has."""
    address = scope["client"][0] if scope.get("client") else ""
    forwarded = any(name in FORWARDED for name, _ in scope["headers"])
    return Caller(address, not forwarded and _is_here(address))


def _is_here(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address != ""  # no address of a network: a caller in this process
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
