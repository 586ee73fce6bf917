"""Lessons on disk: a folder of Markdown files, read and checked; every error names its file and line.

    lessons/shattering/lesson.md        the lesson itself: title, audience, minutes; its text is the summary
    lessons/shattering/01-rings.md      a step; steps come in the order of their names

A file begins with its front matter (YAML between two lines `---`), then comes the text. In a step, `<!-- reveal -->` begins what is
shown once its question is answered, `<!-- notes -->` what only the speaker sees:

    ---
    title: One small change
    view: c=rings-2048-smooth&t=d1&e=0~I_C1~d1~rome~0~tuned~1      # or a whole address, as "Copy link" gives it
    hide: [accuracy]
    question:
      ask: What do you think will happen?
      choices: [Nothing, The ring breaks]
      right: 1
    reveal:                                                         # once it is answered; else only the text changes
      view: c=rings-2048-smooth
      hide: []
    ---
    Text.

Pictures lie beside the text, `![what it shows](ring.png)`, or come from a host that SHATTERSCOPE_IMAGE_HOSTS names. There are no formulas:
write them in words, italics and the signs of Unicode.

`panel: prediction` shows one of the cards below the scenes that are computed when they are unfolded, in place of one scene: After, or the one that the step hides. A link to another page, `[Compare](/compare?...)`, opens beside
the lecture; one to another lesson, `[mending](/?lesson=mending)`, goes on there.

`hide` and `lock` of the lesson hold for each step and each reveal that has none of its own. A figure that a text names has to be on its screen:
`lesson check` finds those of which the part that shows them is hidden. Where both scenes are hidden (`before` and
`after`), the ring of the world takes their place, with the fact's subject and object on it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shatterscope.backend.files import UnreadableFile, name_of, read_file
from shatterscope.backend.lesson_prose import picture_type, prose_problems
from shatterscope.wire.lessons import Lesson, LessonProblem, Part, Question, Reveal, Step

HEAD = "lesson.md"
MAX_BYTES = 64 * 1024
MAX_STEPS = 99
MAX_PICTURE_BYTES = 5 * 1024 * 1024
MAX_FRONT = 8 * 1024  # characters of front matter: reading it takes its time
MAX_DEPTH = 20  # of front matter
MAX_FAULTS = 20  # that are told of one front matter
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LINK = re.compile(r"\]\(/[^)]*\)")
_PART = re.compile(r"<!--\s*(\w+)\s*-->")
OWN_KEYS = ("lesson", "step", "reveal", "room")  # of the address, but not of a view

log = logging.getLogger(__name__)

CheckView = Callable[[str], list[str]]
T = TypeVar("T", bound=BaseModel)


class LessonError(ValueError):
    """A lesson that cannot be used, with all that is wrong with it."""

    def __init__(self, problems: Sequence[LessonProblem]) -> None:
        super().__init__("; ".join(f"{item.file}:{item.line}: {item.message}" for item in problems))
        self.problems = list(problems)


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _LessonHead(_Head):
    title: str = Field(min_length=1, max_length=80)
    audience: str = Field(min_length=1, max_length=200)
    minutes: int = Field(ge=1, le=600)
    hide: list[Part] = []
    lock: list[Part] = []


class _View(_Head):
    view: str
    hide: list[Part] | None = None
    lock: list[Part] | None = None
    panel: str | None = None


class _StepHead(_View):
    title: str = Field(min_length=1, max_length=80)
    question: Question | None = None
    reveal: _View | None = None


def lesson_folders(shipped: Path, added: Sequence[Path]) -> list[Path]:
    """Every folder with a `lesson.md` in it: those that ship first, each place's in the order of their names. What cannot be looked into
    is passed over."""
    return [
        folder for place in (shipped, *added) for folder in _entries(place) if HEAD in map(name_of, _entries(folder))
    ]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name, but for what systems leave there: `.hidden`, `._01.md` of macOS, `~$01.md` of Office."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "~")))
    except OSError:
        return []


def read_lesson(folder: Path, check_view: CheckView | None = None, panels: Collection[str] = ()) -> Lesson:
    """The lesson in a folder. `check_view` says what is wrong with a view (the part of an address after `?`); `panels` are those there are, and count with it.

    Raises:
        LessonError: with every problem found.
    """
    reader = _Reader(check_view, panels)
    if not _ID.fullmatch(folder.name):
        reader.fault(
            folder / HEAD,
            1,
            f"the folder's name {name_of(folder)!r} is the lesson's id: use small letters, digits and -",
        )
    head, parts = reader.file(folder / HEAD, _LessonHead, ())
    paths = [path for path in _entries(folder) if path.suffix == ".md" and path.name != HEAD]
    if not 1 <= len(paths) <= MAX_STEPS:
        reader.fault(
            folder / HEAD,
            1,
            f"a lesson has 1 to {MAX_STEPS} steps, each a file such as 01-title.md beside this one; here are {len(paths)}",
        )
    found = [reader.step(path, head) for path in paths[:MAX_STEPS]]
    if reader.problems or head is None:
        raise LessonError(reader.problems)
    steps = [step for step in found if step is not None]
    return Lesson(
        id=folder.name,
        title=head.title,
        audience=head.audience,
        minutes=head.minutes,
        summary=parts["text"],
        n_steps=len(steps),
        steps=steps,
    )


@dataclass(frozen=True)
class Shelf:
    """The lessons of a server. Read anew each time: a lesson that is being written shows as it is."""

    shipped: Path
    added: Sequence[Path] = ()

    def all(self) -> tuple[list[Lesson], list[LessonProblem]]:
        """The lessons that can be used, and what is wrong with the others. Of two with one id the first counts."""
        lessons: dict[str, Lesson] = {}
        problems: list[LessonProblem] = []
        for folder in lesson_folders(self.shipped, self.added):
            try:
                lesson = read_lesson(folder)
            except LessonError as error:
                problems += error.problems
                continue
            except Exception as error:  # whatever it is: the others can be told
                log.warning("lesson %s", name_of(folder), exc_info=True)
                message = f"it cannot be read ({type(error).__name__})"
                problems.append(LessonProblem(file=f"{name_of(folder)}/{HEAD}", line=1, message=message))
                continue
            if lesson.id in lessons:
                message = f"there is a lesson {lesson.id!r} already; give this folder another name"
                problems.append(LessonProblem(file=f"{lesson.id}/{HEAD}", line=1, message=message))
            lessons.setdefault(lesson.id, lesson)
        return list(lessons.values()), problems

    def get(self, id: str) -> Lesson:
        """Raises `KeyError` where there is none, `LessonError` where it cannot be used."""
        for folder in lesson_folders(self.shipped, self.added):
            if folder.name == id:
                return read_lesson(folder)
        raise KeyError(id)

    def picture(self, id: str, name: str) -> tuple[bytes, str]:
        """A picture beside a lesson's text, and its media type.

        Raises:
            KeyError, FileNotFoundError: there is none of that name.
            UnreadableFile: it cannot be read, or is too large.
        """
        kind = picture_type(name)
        for folder in lesson_folders(self.shipped, self.added):
            if kind is not None and folder.name == id:
                return read_file(folder / name, MAX_PICTURE_BYTES), kind
        raise KeyError(id)


class _Reader:
    """Reads files and gathers what is wrong with them."""

    def __init__(self, check_view: CheckView | None, panels: Collection[str]) -> None:
        self.check_view = check_view
        self.panels = panels
        self.problems: list[LessonProblem] = []

    def fault(self, path: Path, line: int, message: str) -> None:
        place = f"{name_of(path.parent)}/{name_of(path)}"
        self.problems.append(LessonProblem(file=place, line=line, message=message))

    def step(self, path: Path, lesson: _LessonHead | None) -> Step | None:
        head, parts = self.file(path, _StepHead, ("reveal", "notes"))
        if head is None:
            return None
        reveal = None
        if "reveal" in parts or head.reveal is not None:
            if head.question is None:
                self.fault(
                    path, 1, "there is something to reveal, but no question: add `question:` with its `choices:`"
                )
            reveal = Reveal(text=parts.get("reveal", ""), **_view(head.reveal or head, lesson))
        elif head.question is not None:
            self.fault(path, 1, "the question has no answer: add <!-- reveal --> and what to say then")
        shown = _view(head, lesson)
        if self.check_view is not None:
            text = f"{parts['text']}\n{head.question.ask if head.question else ''}"
            for said, screen in ((text, head), *([(reveal.text, head.reveal or head)] if reveal else [])):
                if screen.panel is None:  # it has figures of its own
                    self.figures(path, said, _view(screen, lesson)["hide"])
        return Step(
            title=head.title,
            text=parts["text"],
            notes=parts.get("notes", ""),
            question=head.question,
            reveal=reveal,
            **shown,
        )

    def figures(self, path: Path, text: str, hide: Sequence[Part]) -> None:
        """A figure that is named while what shows it is hidden: nobody can see whether it is so. A line with a link to a page of ours has its own there."""
        for pattern, kind, parts in _FIGURES:
            if set(parts) - set(hide):
                continue
            for line in text.splitlines():
                found = pattern.search(line)
                if found and not _LINK.search(line):
                    self.fault(
                        path,
                        self.line_of(path, line),
                        f"{found[0].replace('*', '')!r} is {kind}, and {' and '.join(f'`{part}`' for part in parts)} "
                        f"{'is' if len(parts) == 1 else 'are'} hidden: take {'it' if len(parts) == 1 else 'one'} out of `hide`, or the figure out of the text",
                    )

    @staticmethod
    def line_of(path: Path, line: str) -> int:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        return next((number for number, each in enumerate(lines, 1) if line.strip() in each), 1)

    def file(self, path: Path, model: type[T], allowed: tuple[str, ...]) -> tuple[T | None, dict[str, str]]:
        """The front matter as a `model` (None where it is not one), and the text by its parts; the first is `text`."""
        try:
            lines = read_file(path, MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n").split("\n")
        except FileNotFoundError:
            self.fault(path, 1, "is missing")
            return None, {"text": ""}
        except UnreadableFile as error:
            self.fault(path, 1, str(error))
            return None, {"text": ""}
        except UnicodeDecodeError as error:
            self.fault(path, 1, f"cannot be read: it is not UTF-8 ({error}); save it as UTF-8")
            return None, {"text": ""}
        end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
        if lines[0].rstrip() != "---" or end is None:
            self.fault(path, 1, "begin with the front matter: a line ---, `title: ...` and so on, and a line ---")
            return None, {"text": ""}
        parts = self.parts(path, lines[end + 1 :], end + 2, allowed)
        return self.front(path, "\n".join(lines[1:end]), model), parts

    def parts(self, path: Path, lines: list[str], first: int, allowed: tuple[str, ...]) -> dict[str, str]:
        found: dict[str, list[str]] = {"text": []}
        now, fenced = "text", False
        for number, line in enumerate(lines, first):
            fenced ^= line.lstrip().startswith("```")
            mark = None if fenced else _PART.fullmatch(line.strip())
            if mark is None and not fenced and line.lstrip().startswith("<!--"):
                self.fault(path, number, f"{line.strip()} would be shown as it is: {_parts(allowed)}")
            elif mark is None:
                found[now].append(line)
            elif mark[1] not in allowed or mark[1] in found:
                self.fault(path, number, f"{line.strip()} is not a part here, or comes twice: {_parts(allowed)}")
            else:
                now = mark[1]
                found[now] = []
        if self.check_view is not None:
            for number, message in prose_problems(path.parent, lines, first):
                self.fault(path, number, message)
        texts = {name: "\n".join(part).strip() for name, part in found.items()}
        if not texts["text"]:
            self.fault(path, first, "the text is missing")
        return texts

    def front(self, path: Path, text: str, model: type[T]) -> T | None:
        if len(text) > MAX_FRONT:
            self.fault(path, 1, f"the front matter is longer than {MAX_FRONT // 1024} KiB; the text goes below it")
            return None
        try:
            self.plain(text)
            node = yaml.compose(text, Loader=yaml.BaseLoader)
            values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text, so that No is a choice
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            hint = _HINTS.get(str(error.problem), "")
            self.fault(path, (mark.line if mark else 0) + 2, f"the front matter cannot be read: {error.problem}{hint}")
            return None
        except (yaml.YAMLError, ValueError) as error:  # characters or values that YAML does not allow
            self.fault(path, 1, f"the front matter cannot be read: {str(error).splitlines()[0]}")
            return None
        if not isinstance(values, dict):
            self.fault(path, 2, "the front matter is not a list of `name: value`")
            return None
        faults = len(self.problems)
        found = None
        try:
            found = model.model_validate(values)
        except ValidationError as error:
            for item in error.errors()[:MAX_FAULTS]:
                self.fault(path, _line(node, item["loc"]), _message(item))
        if isinstance(found, _StepHead):
            self.check(path, node, found)
        return found if len(self.problems) == faults else None

    @staticmethod
    def plain(text: str) -> None:
        """Raises `yaml.MarkedYAMLError` for what is too deep, or grows when it is read: names of values (`&name`, `*name`)."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)
            if isinstance(event, yaml.AliasEvent):
                raise yaml.MarkedYAMLError(
                    problem=f"*{event.anchor} stands for another value; write that value here",
                    problem_mark=event.start_mark,
                )

    def check(self, path: Path, node: Any, head: _StepHead) -> None:
        """What pydantic does not see."""
        question = head.question
        if question and question.right is not None and question.right > len(question.choices):
            self.fault(
                path,
                _line(node, ("question", "right")),
                f"question.right: there are {len(question.choices)} choices, counted from 1",
            )
        for place, view in ((("view",), head), (("reveal", "view"), head.reveal)):
            if view is not None:
                for message in _view_problems(view.view, self.check_view):
                    self.fault(path, _line(node, place), f"{'.'.join(place)}: {message}")
                if self.check_view is not None and view.panel is not None and view.panel not in self.panels:
                    there = f"choose one of {', '.join(self.panels)}"
                    named = (*place[:-1], "panel")
                    self.fault(path, _line(node, named), f"{'.'.join(named)}: there is no {view.panel!r}; {there}")


def _view(head: _View, lesson: _LessonHead | None) -> dict[str, Any]:
    """`view`, `hide`, `lock` and `panel` of a step or a reveal, completed from the lesson."""
    hide = lesson.hide if head.hide is None and lesson else head.hide
    lock = lesson.lock if head.lock is None and lesson else head.lock
    return {"view": _query(head.view), "hide": hide or [], "lock": lock or [], "panel": head.panel}


def _query(view: str) -> str:
    """What follows `?` in an address; a view may be given as either."""
    before, question, after = view.strip().partition("?")
    query = after if question else "" if "://" in before else before
    pairs = [part for part in query.split("#")[0].split("&") if part and part.partition("=")[0] not in OWN_KEYS]
    return "&".join(pairs)


def _view_problems(view: str, check_view: CheckView | None) -> Iterator[str]:
    address = urlsplit(view.strip())
    if address.scheme and address.path not in ("", "/"):
        yield f"{address.path} is not the Explore page: open the address, go to Explore, and copy it with the page's Copy link"
        return
    query = _query(view)
    if query and not all(part.partition("=")[1] for part in query.split("&")):
        yield f"{query[:60]!r} is not an address of the Explore page: copy it with the page's Copy link"
    elif len(parse_qsl(query)) > 200:
        yield "is too long"
    elif check_view is not None:
        yield from check_view(query)


def _line(node: Any, place: Sequence[int | str]) -> int:
    """The line in its file of a place in the front matter, or of what holds it where it is missing."""
    line = node.start_mark.line if node is not None else 0
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 2  # from 1, and below the first ---


def _parts(allowed: tuple[str, ...]) -> str:
    return (
        f"the parts are {' and '.join(f'<!-- {name} -->' for name in allowed)}"
        if allowed
        else "there are no parts here"
    )


# Kinds of figure in a text, and the parts of the page of which one has to be there to show such a figure.
_FIGURES: tuple[tuple[re.Pattern[str], str, tuple[Part, ...]], ...] = (
    (re.compile(r"\b\d+(?:\.\d+)?\W{0,3}%"), "a share", ("accuracy", "quality", "ask")),
    (re.compile(r"(?i)\b(?:recall|inference|two steps)\b.*?\d+(?:\.\d+)?\W{0,3}%"), "an accuracy", ("accuracy",)),
    (
        re.compile(r"(?i)\b(?:efficacy|generality|locality|portability)\b.*?\d+(?:\.\d+)?\W{0,3}%"),
        "an edit's quality",
        ("quality",),
    ),
    (re.compile(r"\b0\.\d{2,3}\b"), "a number like R", ("r",)),
    (re.compile(r"(?i)\b(?:says|answers)(?: now)?\W{1,4}\d+"), "an answer of the model", ("ask",)),
)

_HINTS = {  # what YAML says, in terms of what was written
    "mapping values are not allowed here": "; a text with a colon goes in quotes",
    "found character '\\t' that cannot start any token": "; indent with spaces, not with tabs",
}


def _message(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "int_parsing":
        return f"{name}: {item['input']!r} is not a whole number{', the place of the right choice from 1' if name.endswith('right') else ''}"
    if item["type"] == "list_type":
        return f"{name}: write a list, such as [{item['input']}]"
    if item["type"] == "missing":
        return f"{name}: is missing"
    if item["type"] == "extra_forbidden":
        return f"{name}: there is no such entry"
    return f"{name}: {str(item['msg'])[:1].lower()}{str(item['msg'])[1:]}"
