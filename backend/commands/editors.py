"""`shatterscope editor`: begin an editor of your own, and check what was written."""

from __future__ import annotations

import keyword
import os
import shlex
import shutil
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shatterscope.backend.commands.common import command, examples, fail

if TYPE_CHECKING:
    from shatterscope.backend.editors import Editor

commands = typer.Typer(
    no_args_is_help=True,
    help="Editing methods of your own: begin one, or check that it keeps what every editor promises.",
)

TEMPLATE = ("pyproject.toml", "my_editor.py", "test_my_editor.py")


@commands.command(
    "new", epilog=examples("shatterscope editor new my-editor", "shatterscope editor new my-editor --path ~/projects")
)
def new_editor(
    name: Annotated[str, typer.Argument(help="The method's name and folder: small letters, digits and -.")],
    path: Annotated[Path, typer.Option(help="Where to put the folder.", show_default="here")] = Path(),
) -> None:
    """Begin an editor: a small package with one that works, to change."""
    from shatterscope.backend.editors import EDITORS
    from shatterscope.backend.editors.foreign import NAME

    if not NAME.fullmatch(name) or name.endswith("-") or "--" in name:
        fail(f"{name!r}: use small letters, digits and -, beginning with a letter, at most 32")
    module = name.replace("-", "_")
    if name in EDITORS or keyword.iskeyword(module) or find_spec(module):
        fail(f"{name!r} is the name of something that is here already; choose another")
    folder = path.expanduser() / name
    if folder.exists():
        fail(f"{folder} is there already; choose another name")
    folder.mkdir(parents=True)
    for file, text in written(name).items():
        (folder / file).write_text(text, encoding="utf-8")
    print(f"{folder}: {module}.py is the editor, and test_{module}.py checks it. It works already; make it yours:")
    # Another Python would install it where nobody looks for it.
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    print(f"  {shlex.join([python, '-m', 'pip', 'install', '-e', str(folder)])}")
    print(f"  {command('editor', 'check', name)}")
    print(
        f"  {command('serve')}    (it is among the methods of every page; a server that runs has to be started again)"
    )


def written(name: str) -> dict[str, str]:
    """The files of a new package: those of `backend/editor_template`, which is one itself, under another name."""
    words = name.split("-")
    names = {
        "my_editor": "_".join(words),
        "my-editor": name,
        "MyEditor": "".join(map(str.capitalize, words)),
        "My editor": " ".join(words).capitalize(),
    }
    found: dict[str, str] = {}
    for file in TEMPLATE:
        text = (files("shatterscope.backend") / "editor_template" / file).read_text(encoding="utf-8")
        for old, new in names.items():
            file, text = file.replace(old, new), text.replace(old, new)
        found[file] = text
    return found


@commands.command(
    "check",
    epilog=examples(
        "shatterscope editor check my-editor",
        "shatterscope editor check my_package",
        "shatterscope editor check my_package.methods:MyEditor",
        "shatterscope editor check    (all that are installed)",
    ),
)
def check_editor(
    name: Annotated[
        str | None,
        typer.Argument(
            help="An installed method, a package's folder, a module, or MODULE:CLASS.", show_default="all installed"
        ),
    ] = None,
) -> None:
    """Try an editor on the small checkpoint, clause by clause; exit status 1 where any is not kept."""
    from shatterscope.backend.editors import EDITORS
    from shatterscope.backend.editors.contract import editors_named
    from shatterscope.backend.editors.foreign import GROUP, UnusableEditorError

    if name is None:
        faults = 0
        for point, reason in EDITORS.problems.items():
            print(f"shatterscope: {point} cannot be used: {reason}", file=sys.stderr)
            faults += 1
        found = [editor for editor in EDITORS.values() if editor.package]
        if not found and not faults:
            fail(
                f"no installed package has an entry point of the group {GROUP}; begin one with {command('editor', 'new', 'my-editor')}"
            )
    else:
        try:
            found, faults = editors_named(name if name in EDITORS else _not_installed(name)), 0
        except UnusableEditorError as error:
            fail(str(error))
    faults += sum(_check(editor) for editor in found)
    raise typer.Exit(bool(faults))


def _not_installed(name: str) -> str:
    """`name`, with what is here made importable; of a package's folder its module."""
    folder, module = Path(name), Path(name).name.replace("-", "_")
    if (folder / f"{module}.py").is_file():
        sys.path.insert(0, str(folder.resolve()))
        return module
    sys.path.insert(0, os.getcwd())
    return name


def _check(editor: Editor[Any]) -> int:
    """The number of clauses that are not kept."""
    from shatterscope.backend.editors.contract import CLAUSES, check

    print(f"{editor.name}: {editor.title}" + (f", of the package {editor.package}" if editor.package else ""))
    broken, tried = 0, 0
    for clause, wrong in check(editor):
        print(f"  {'pass' if wrong is None else 'FAIL'}  {clause.title}", flush=True)
        if wrong is not None:
            print(f"        {wrong}")
        broken, tried = broken + (wrong is not None), tried + 1
    if tried < len(CLAUSES):
        print(f"  The other {len(CLAUSES) - tried} clauses were not tried.")
    return broken
