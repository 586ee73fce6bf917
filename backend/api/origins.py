"""Whose page may ask: the names this server answers to, and what foreign pages may not do.

A browser sends what any page tells it to. So a request must name this server by an address or by a name that nobody elsewhere can own
(else a foreign name could be pointed here: DNS rebinding), and what changes or computes something must come from a page of this
server. Programs that send no `Origin` are not browsers, and pass.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from shatterscope.backend.settings import Settings

SAFE = {"GET", "HEAD", "OPTIONS"}


class OriginRefused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Origins:
    """The names of a server. `check` is called for every request."""

    def __init__(self, settings: Settings) -> None:
        own = {settings.host, socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()}
        allowed = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
        if settings.public_url is not None:
            allowed.add(urlsplit(settings.public_url).hostname or "")
        self.allowed = {name for name in allowed if name and "*" not in name}
        self.names = {name.lower() for name in own if name} | self.allowed
        self.endings = tuple(name.removeprefix("*") for name in allowed if name.startswith("*."))
        self.any = "*" in allowed

    def check(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Raises `OriginRefused`."""
        host = headers.get(b"host", b"").decode("latin-1").strip().lower()
        if not self._is_ours(hostname(host)):
            raise OriginRefused(
                421,
                f"this server does not answer to the name {hostname(host)[:80]!r}; "
                "if it is its name, start it with SHATTERSCOPE_ALLOWED_HOSTS naming it",
            )
        origin = headers.get(b"origin", b"").decode("latin-1").strip().lower()
        if origin and not self._is_same(origin, host):
            raise OriginRefused(
                403,
                f"pages of {origin[:80]!r} may not ask this server for anything; "
                "if that is its own address, start it with SHATTERSCOPE_PUBLIC_URL saying so",
            )
        # A link or a frame may lead here; a picture or a form of another site may not.
        foreign = not origin and headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site")
        if foreign and (method not in SAFE or headers.get(b"sec-fetch-mode") != b"navigate"):
            raise OriginRefused(403, "pages of other sites may not ask this server for anything")

    def _is_same(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            name = parts.hostname or ""
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        port = 443 if parts.scheme == "https" else 80
        # A proxy may hand on another Host than the browser sent.
        return host in (parts.netloc, f"{parts.netloc}:{port}") or name in self.allowed or self._is_listed(name)

    def _is_listed(self, name: str) -> bool:
        return bool(self.endings) and name.endswith(self.endings)

    def _is_ours(self, name: str) -> bool:
        """An address, a name of this machine or of its own network (without a dot nobody elsewhere can own it), or one that was set."""
        if self.any or not name or _is_address(name) or "." not in name.rstrip("."):
            return True
        return name in self.names or name.endswith(".localhost") or self._is_listed(name)


def hostname(host: str) -> str:
    """Without its port; of `[::1]:8050`, `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
