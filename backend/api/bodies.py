"""What a body may be: JSON text of a bounded size, depth and number of items, that can be written again as JSON.

Checked before anybody parses it into models: a megabyte of brackets, of unknown fields or of NaN costs no more than looking at it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_ITEMS = 20_000  # fields and elements, in all
MAX_DIGITS = 100  # of one number

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BadBody(ValueError):
    """What is wrong, for the person who sent it."""


def check(body: bytes) -> None:
    """Raises `BadBody`. What is no JSON at all is left to who parses it."""
    if b"\x00" in body:
        raise BadBody("send JSON as UTF-8")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise BadBody("the body is not UTF-8; send JSON as UTF-8") from None
    bare = _STRING.sub(b"0", body)
    items = bare.count(b",") + bare.count(b":")
    if items > MAX_ITEMS:
        raise BadBody(f"the body has more than {MAX_ITEMS} fields and elements, the most this server reads")
    if _depth(bare) > MAX_DEPTH:
        raise BadBody(f"the body is nested more than {MAX_DEPTH} deep, the most this server reads")
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError:
        return
    if _HALF.search(body):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadBody(r"a text has half of a surrogate pair (such as \ud800), which is no character") from None


def _depth(bare: bytes) -> int:
    depth = most = 0
    for bracket in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > most:
            most = depth
            if most > MAX_DEPTH:
                break
    return most


def _no_constant(name: str) -> NoReturn:
    raise BadBody(f"{name} is no JSON number; send a finite number or null")


def _float(text: str) -> float:
    value = float(text)
    if len(text) > MAX_DIGITS or not math.isfinite(value):
        raise BadBody(f"the number {text[:20]}... is too large or too long")
    return value


def _int(text: str) -> Any:
    if len(text) > MAX_DIGITS:
        raise BadBody(f"the number {text[:20]}... is too long")
    return int(text)
