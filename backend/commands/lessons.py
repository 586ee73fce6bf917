"""`shatterscope lesson`: begin a lesson, and check what was written."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from shatterscope.backend.commands.common import command, examples, fail
from shatterscope.backend.lessons import HEAD, LessonError, lesson_folders, read_lesson
from shatterscope.backend.settings import LESSONS, PREFIX, absolute, load_settings

commands = typer.Typer(no_args_is_help=True, help="Lessons: begin one, or check what is written.")

NEW_LESSON = """\
---
title: {title}
audience: Who it is for, in a few words
minutes: 10
# What no step shows, unless it says otherwise. There are: ask change stack strength history before after new captions words legend
# see r accuracy quality. `lock: [strength]` shows a part and lets nobody touch it.
hide: [change, history, words, see, accuracy, quality]
---
One or two sentences: what people will have seen at the end.
"""
NEW_STEPS = {
    "01-a-ring.md": """\
---
title: A ring
# The view: set up the Explore page as you want it, press Copy link, and paste the address here.
view: ""
hide: [after, new, stack, change, history, captions, words, see, r, accuracy, quality]
---
One idea a step. Short sentences, **one** thing in bold.

<!-- notes -->
What you will say. Press S in the lecture to read this in a second window.
""",
    "02-what-if.md": """\
---
title: What if we change one fact?
view: "t=d4"
hide: [after, stack, change, history, captions, words, see, r, accuracy, quality]
question:
  ask: What do you think will happen?
  choices:
    - Nothing else changes
    - Some other facts are lost
    - The ring breaks
  right: 2
reveal:
  view: "t=d4&e=0~I_C1~d4~rome~0~tuned~1"
  hide: [ask, change, history, words, see, accuracy, quality]
---
Everybody guesses before anybody sees.

<!-- reveal -->
Say here what has happened. Read the numbers off the page, do not make them up.

<!-- notes -->
Let them guess. The arrow key reveals the answer, and the next one goes on.
""",
}


@commands.command(
    "new",
    epilog=examples("shatterscope lesson new my-lesson", "shatterscope lesson new my-lesson --folder ~/lessons"),
)
def new_lesson(
    name: Annotated[str, typer.Argument(help="The lesson's id and folder: small letters, digits and -.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder of lessons.", show_default=f"the first of {PREFIX}LESSONS_DIR, else ./lessons"),
    ] = None,
) -> None:
    """Begin a lesson: a folder with two steps to change."""
    added = load_settings().lesson_dirs
    place = _absolute(folder or (added[0] if added else Path("lessons")))
    if not name.replace("-", "").isalnum() or name != name.lower() or not name.isascii() or name.startswith("-"):
        fail(f"{name!r}: use small letters, digits and -")
    if (place / name).exists():
        fail(f"{place / name} is there already; choose another name")
    try:
        (place / name).mkdir(parents=True)
        title = name.replace("-", " ").capitalize()
        (place / name / HEAD).write_text(NEW_LESSON.format(title=title), encoding="utf-8")
        for file, text in NEW_STEPS.items():
            (place / name / file).write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {place / name}: {error.strerror}")
    print(f"written to {place / name}")
    print(f"check it:   {command('lesson', 'check', place / name)}")
    if place not in (*added, LESSONS):
        print(f"present it: {PREFIX}LESSONS_DIR={shlex.quote(str(place))} {command('serve')}")


@commands.command(
    "check", epilog=examples("shatterscope lesson check", "shatterscope lesson check ~/lessons/my-lesson")
)
def check_lessons(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A lesson, or a folder of lessons.", show_default="all that the server knows"),
    ] = None,
) -> None:
    """Read lessons as the server does, and their views as the page does; every error names file and line."""
    from shatterscope.app.main import PANELS

    found = lesson_folders(LESSONS, load_settings().lesson_dirs) if folder is None else _lessons_in(_absolute(folder))
    faults = 0
    with _views() as view_problems:
        for path in found:
            try:
                lesson = read_lesson(path, view_problems, PANELS)
            except LessonError as error:
                faults += len(error.problems)
                for item in error.problems:
                    print(f"{path.parent / item.file}:{item.line}: {item.message}", file=sys.stderr)
            else:
                print(f"{lesson.id}: {lesson.n_steps} steps, {lesson.minutes} minutes: {lesson.title}")
    if faults:
        fail(f"{faults} {'thing' if faults == 1 else 'things'} to correct")


def _absolute(folder: Path) -> Path:
    try:
        return absolute(folder)
    except ValueError as error:
        fail(f"{str(folder)!r}: {error}")


def _lessons_in(folder: Path) -> Sequence[Path]:
    if (folder / HEAD).exists():
        return [folder]
    found = sorted(head.parent for head in folder.glob(f"*/{HEAD}"))
    if not found:
        fail(f"no lesson in {folder}: a lesson is a folder with a {HEAD}; begin one: shatterscope lesson new NAME")
    return found


@contextmanager
def _views() -> Iterator[Callable[[str], list[str]]]:
    """What is wrong with a view, as the page would find: its form, its checkpoint, and whether each of its edits can be made."""
    from shatterscope.app.kit import actions, options
    from shatterscope.app.kit.client import ApiError, Client
    from shatterscope.app.kit.state import ViewState
    from shatterscope.backend.api import create_app

    async def problems(client: Client, query: str) -> list[str]:
        view, found = ViewState.from_query(query)
        if found:
            return found
        try:
            checkpoints = await client.checkpoints()
            known = [item.id for item in checkpoints]
            if view.checkpoint is not None and view.checkpoint not in known:
                return [f"there is no checkpoint {view.checkpoint!r} here; there are: {', '.join(known)}"]
            checkpoint = options.find_checkpoint(checkpoints, view.checkpoint)
            _, found = actions.fit(view, checkpoint, await client.editors())
            if not found and view.edits:
                await client.fact(checkpoint.id, view.subject, view.relation, view.edits)
        except ApiError as error:
            return [error.detail.removeprefix("body.")]
        return found

    server = create_app(load_settings())
    try:
        client = Client(server=server)
        with asyncio.Runner() as runner:
            yield lambda query: runner.run(problems(client, query))
    finally:
        server.state.laboratory.close()
