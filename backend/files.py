"""Files that somebody else wrote: read within bounds, and never waited for. A pipe, a device, a folder in a file's place or a file of
a terabyte is refused at once, by name."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any


class UnreadableFile(ValueError):
    """Why a file is not read. The message does not say where it is: whoever reads it knows, and not everybody who is told should."""


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises:
        FileNotFoundError: there is nothing of that name.
        UnreadableFile: it cannot be read, or not by a program that is to go on.
    """
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise UnreadableFile(f"is {'a folder' if stat.S_ISDIR(kind) else 'no regular file'}")
        # It may have become a pipe since: opening one must not wait for who writes into it.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = b"" if size > limit else file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror or error}") from None
    if size > limit or len(content) > limit:
        raise UnreadableFile(f"is larger than {_size(limit)}, the most that is read of such a file")
    return content


def read_json(content: bytes) -> Any:
    """JSON that other programs read as well: no NaN or infinity, no integer over 64 bits, no half characters, and not so deep that
    reading it fails.

    Raises:
        UnreadableFile: where it is not.
    """

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text} is no number that can be used")
        return value

    def integer(text: str) -> int:
        if len(text) > 19 or abs(int(text)) >= 2**63:
            raise ValueError(f"{text[:20]}... is too large an integer")
        return int(text)

    try:
        found = json.loads(content.decode("utf-8-sig"), parse_int=integer, parse_float=number, parse_constant=number)
        json.dumps(
            found, ensure_ascii=False
        ).encode()  # a half character, such as "\\ud800", can be read but never written
    except RecursionError:
        raise UnreadableFile("cannot be read as JSON: it is nested too deeply") from None
    except ValueError as error:  # of Unicode and of JSON as well
        raise UnreadableFile(f"cannot be read as JSON: {error}") from None
    return found


def name_of(path: Path) -> str:
    """The last part of a path, as text that can be printed and sent whatever bytes it is made of."""
    text = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def _size(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 1024} KiB"
