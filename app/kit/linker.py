"""Joins a module of `frontend_assets` and what it imports into one script; a style sheet and what it imports into one sheet.

So a page loads one file of its own scripts, before Dash's renderer starts, and no machine that runs this needs a bundler. It reads the part of
JavaScript that `frontend_assets` is written in, and refuses the rest:

    import "./a.js";   import { a, b as c } from "./a.js";   import * as a from "./a.js";      each on a line of its own
    export const a = …   export function a() …   export async function a() …   export class a …      at the beginning of a line

Every module becomes a function that is called once, after those it imports, and returns what it exports. Nothing is exported before that, so
modules that import one another in a circle are refused. Comments of whole lines and of JSDoc are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

COMMENT = re.compile(r"^\s*//[^\n]*\n|[ \t]*/\*\*.*?\*/[ \t]*\n?", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r'^import (?:(?P<what>\{[^}]*\}|\* as \w+) from )?"(?P<path>\.{1,2}/[\w./-]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function\*?) (?P<name>\w+))", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
SHEET = re.compile(r'^@import "(?P<path>[\w./-]+)";\n', re.MULTILINE)

Found = dict[Path, tuple[str, list[str]]]  # of each module its function, and what it exports


class CannotLinkError(ValueError):
    """A module is not written as `linker` reads it. The message names the file and what is wrong."""


def script(entry: Path) -> str:
    """The script of a page: its module and what that imports, each once, in the order in which they are needed.

    Raises:
        CannotLinkError: for what it does not read, an export that is not there, or a circle.
        OSError: for a file that is not there.
    """
    entry = entry.resolve()
    root = entry.parent.parent
    found: Found = {}
    _add(entry, (), root, found)
    functions = "\n".join(f"const {_name(path, root)} = {function};" for path, (function, _) in found.items())
    return f'(() => {{\n"use strict";\n{functions}\n}})();\n'


def reached(entry: Path) -> list[Path]:
    """The modules in `script(entry)`, in their order."""
    entry = entry.resolve()
    found: Found = {}
    _add(entry, (), entry.parent.parent, found)
    return list(found)


def style(entry: Path) -> str:
    """A sheet with those that it imports in their places; they import no others.

    Raises:
        OSError: for a file that is not there.
    """
    text = entry.read_text(encoding="utf-8")
    return SHEET.sub(lambda match: (entry.parent / match["path"]).read_text(encoding="utf-8"), text)


def _add(path: Path, above: tuple[Path, ...], root: Path, found: Found) -> None:
    if path in found:
        return
    if path in above:
        circle = " imports ".join(_name(each, root) for each in (*above[above.index(path) :], path))
        raise CannotLinkError(f"modules import one another in a circle: {circle}")
    text = COMMENT.sub("", path.read_text(encoding="utf-8"))
    lines = []
    for match in IMPORT.finditer(text):
        other = (path.parent / match["path"]).resolve()
        _add(other, (*above, path), root, found)
        lines.append(_import(path, match["what"], other, root, found[other][1]))
    exports = [match["name"] for match in EXPORT.finditer(text)]
    body = EXPORT.sub("", IMPORT.sub("", text)).strip()
    if left := LEFT.search(body):
        raise CannotLinkError(f"{path.relative_to(root)}: {left[0]!r} is none of the imports and exports that are read")
    lines += [body, f"return {{ {', '.join(exports)} }};"]
    found[path] = ("(() => {\n" + "\n".join(line for line in lines if line) + "\n})()", exports)


def _import(path: Path, what: str | None, other: Path, root: Path, exports: list[str]) -> str:
    if what is None:
        return ""
    if what.startswith("*"):
        return f"const {what.removeprefix('* as ')} = {_name(other, root)};"
    names = [name.strip() for name in what.strip("{}").split(",") if name.strip()]
    for name in names:
        if name.split(" as ")[0] not in exports:
            raise CannotLinkError(f"{path.relative_to(root)}: {other.relative_to(root)} exports no {name!r}")
    return f"const {{ {', '.join(name.replace(' as ', ': ') for name in names)} }} = {_name(other, root)};"


def _name(path: Path, root: Path) -> str:
    return re.sub(r"\W", "$", path.relative_to(root).with_suffix("").as_posix())
