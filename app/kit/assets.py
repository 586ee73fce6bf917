"""Files that do not change while the server runs: compressed once, kept by a browser for a year under an address that names their content.

What is in `pages/` goes out as one file with all that it imports (see `linker`); every other file as it is. What is asked for with
`?v=` and its digest is immutable; anything else is asked again with its ETag, which costs no bytes when nothing has changed.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shatterscope.app.kit import linker

APP = Path(__file__).resolve().parent.parent
# A wheel has them inside the package, the repository beside it (setup.py).
ASSETS = (APP if (APP / "frontend_assets").is_dir() else APP.parent) / "frontend_assets"
URL = "/assets/"
STATIC = (URL, "/_dash-component-suites/", "/api/v1/docs-assets/")
ENTRY = re.compile(r"pages/\w+\.(js|css)")
KINDS = {"js": "text/javascript", "css": "text/css"}
YEAR = "public, max-age=31536000, immutable"
ASK = "no-cache"
WORTH = 1024  # bytes
COMPRESSES = re.compile(r"text/|application/(javascript|json)|image/svg")


def version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def joined(name: str) -> bytes:
    """A script or a style sheet of a page with all that it imports; the fonts that the styles ask for named by their content."""
    if name.endswith(".js"):
        return linker.script(ASSETS / name).encode()
    text = linker.style(ASSETS / name)
    return re.sub(r'url\("(fonts/[^"]+)"\)', lambda match: f'url("{address(match[1])}")', text).encode()


def address(name: str) -> str:
    """The address of a file below `frontend_assets` as it is now."""
    content = joined(name) if ENTRY.fullmatch(name) else (ASSETS / name).read_bytes()
    return f"{URL}{name}?v={version(content)}"


def accepts_gzip(headers: Headers) -> bool:
    """RFC 9110, 12.5.3: a coding that is named with a weight of 0 is not wanted."""
    for part in ",".join(headers.getlist("accept-encoding")).split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False


def _asked_again(send: Send) -> Send:
    """A page itself may be kept, but is asked for every time: it names what the rest of it is called now."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            if headers.get("content-type", "").startswith("text/html") and "cache-control" not in headers:
                headers["cache-control"] = ASK
                message = {**message, "headers": headers.raw}
        await send(message)

    return marked


class Static:
    """ASGI middleware. One compressed copy of each content is kept: there are as many as there are files."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._compressed: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not scope["path"].startswith(STATIC):
            await self.app(scope, receive, _asked_again(send))
            return
        asked = Headers(scope=scope)
        status, headers, content = await self._whole(scope, receive)
        if status == 200:
            digest = version(content)
            etag = f'"{digest}"'
            if COMPRESSES.match(headers.get("content-type", "")) and len(content) > WORTH:
                headers["vary"] = "Accept-Encoding"
                if accepts_gzip(asked):
                    headers["content-encoding"] = "gzip"
                    etag, content = f'"{digest}-gzip"', await self._compress(digest, content)
            headers["etag"] = etag
            # Dash names its files by version and time.
            named = f"v={digest}" in scope["query_string"].decode("latin-1") or "max-age" in headers.get(
                "cache-control", ""
            )
            headers["cache-control"] = YEAR if named else ASK
            if etag in [each.strip().removeprefix("W/") for each in asked.get("if-none-match", "").split(",")]:
                status, content = 304, b""
                for name in ("content-type", "content-encoding"):
                    del headers[name]
        if status != 304:
            headers["content-length"] = str(len(content))
        await send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _whole(self, scope: Scope, receive: Receive) -> tuple[int, MutableHeaders, bytes]:
        """The file as it lies there: never a part of it, or word that it has not changed."""
        name = scope["path"].removeprefix(URL)
        if (entry := ENTRY.fullmatch(name)) and (ASSETS / name).is_file():
            kind = f"{KINDS[entry[1]]}; charset=utf-8"
            return 200, MutableHeaders({"content-type": kind}), await asyncio.to_thread(joined, name)
        partial = (b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept-encoding")
        plain = [(key, value) for key, value in scope["headers"] if key not in partial]
        status, headers, parts = 500, MutableHeaders(), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], MutableHeaders(raw=list(message.get("headers", [])))
            else:
                parts.append(message.get("body", b""))

        await self.app({**scope, "method": "GET", "headers": plain, "extensions": {}}, receive, collect)
        return status, headers, b"".join(parts)

    async def _compress(self, digest: str, content: bytes) -> bytes:
        if digest not in self._compressed:
            self._compressed[digest] = await asyncio.to_thread(gzip.compress, content, 9, mtime=0)
        return self._compressed[digest]
