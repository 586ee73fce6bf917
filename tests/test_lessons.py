"""Lessons on disk: what is wrong is named by file and line, and those that ship are right in every place."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from scripts import lesson_figures
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.markdown import html_of
from shatterscope.app.kit.state import Place, ViewState
from shatterscope.app.pages.compare.state import Comparison
from shatterscope.app.pages.explore.lecture.told import told
from shatterscope.app.pages.explore.panels import PANELS
from shatterscope.backend.api import create_app
from shatterscope.backend.lessons import LessonError, read_lesson
from shatterscope.backend.reproduction.shipped import load
from shatterscope.backend.settings import LESSONS, REPOSITORY, Settings, load_settings
from shatterscope.backend.spoken.recording import SHIPPED as RECORDED
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

SHIPPED_CHECKPOINTS = sorted(head.parent.name for head in (REPOSITORY / "models_cache").glob("*/checkpoint.json"))
SHIPPED_CHECKPOINTS += [file.name.partition(".")[0] for file in RECORDED.glob("*.json.gz")]  # played back
SHIPPED = sorted(head.parent.name for head in LESSONS.glob("*/lesson.md"))
HEAD = "---\ntitle: A lesson\naudience: Everybody\nminutes: 5\nhide: [see]\n---\nIn short.\n"
STEP = '---\ntitle: A step\nview: "t=d4"\n---\nText.\n'
ASKED = """\
---
title: A question
view: "t=d4"
lock: [strength]
question:
  choices: [Yes it does, No]
  right: 2
reveal:
  view: http://127.0.0.1:8050/?t=d9&lesson=other&step=3#here
  hide: []
---
Before.

<!-- reveal -->
After.

<!-- notes -->
Say *this*.
"""


def write(folder: Path, **files: str) -> Path:
    """A lesson in `folder`; names of files with _ for - and without .md."""
    place = folder / "a-lesson"
    place.mkdir(parents=True)
    for name, text in {"lesson": HEAD, **files}.items():
        (place / f"{name.replace('_', '-')}.md").write_text(text, encoding="utf-8")
    return place


def faults(folder: Path, check: object = None) -> list[str]:
    with pytest.raises(LessonError) as caught:
        read_lesson(folder, check)  # type: ignore[arg-type]
    return [f"{item.file}:{item.line}: {item.message}" for item in caught.value.problems]


def test_a_lesson_is_read(tmp_path: Path) -> None:
    lesson = read_lesson(write(tmp_path, s2=ASKED, s1=STEP))
    assert (lesson.id, lesson.title, lesson.n_steps, lesson.summary) == ("a-lesson", "A lesson", 2, "In short.")
    first, second = lesson.steps
    assert (first.text, first.notes, first.view, first.hide, first.lock) == ("Text.", "", "t=d4", ["see"], [])
    assert first.question is None
    assert second.question is not None
    assert second.question.ask == "What do you think will happen?"
    assert (second.text, second.notes) == ("Before.", "Say *this*.")
    assert (second.hide, second.lock) == (["see"], ["strength"])
    assert second.reveal is not None
    assert (second.reveal.text, second.reveal.view, second.reveal.hide) == ("After.", "t=d9", [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Text.\n", "s1.md:1: begin with the front matter"),
        ("---\ntitle: A step\nview: ''\n", "s1.md:1: begin with the front matter"),
        ("---\ntitle: A step\n---\nText.\n", "s1.md:2: view: is missing"),
        ("---\ntitle: [A, b\nview: ''\n---\nText.\n", "s1.md:3: the front matter cannot be read"),
        ("---\n- title\n---\nText.\n", "s1.md:2: the front matter is not a list of `name: value`"),
        ("---\ntitle: A step\nview: ''\ncolour: red\n---\nText.\n", "s1.md:4: colour: there is no such entry"),
        (
            "---\ntitle: A step\nview: ''\nhide:\n  - see\n  - sea\n---\nText.\n",
            "s1.md:6: hide.1: input should be 'ask'",
        ),
        ("---\ntitle: A step\nview: [7]\n---\nText.\n", "s1.md:3: view: input should be a valid string"),
        ("---\ntitle: A step\nview: 7\n---\nText.\n", "s1.md:3: view: '7' is not an address"),
        ("---\ntitle: A step\nview: to the left\n---\nText.\n", "s1.md:3: view: 'to the left' is not an address"),
        (STEP.replace("Text.", ""), "s1.md:5: the text is missing"),
        (STEP + "<!-- note -->\nx\n", "s1.md:6: <!-- note --> is not a part here"),
        (STEP + "<!-- notes -->\nx\n<!-- notes -->\ny\n", "s1.md:8: <!-- notes --> is not a part here, or comes twice"),
        (
            STEP + "<!-- Speaker notes -->\nx\n",
            "s1.md:6: <!-- Speaker notes --> would be shown as it is: the parts are",
        ),
        ("---\ntitle: What: now\nview: ''\n---\nText.\n", "s1.md:2: the front matter cannot be read: mapping"),
        ("---\ntitle: A step\n\tview: ''\n---\nText.\n", "s1.md:3: the front matter cannot be read: found character"),
        ("---\ntitle: A step\nview: http://a.b/v/Abc\n---\nText.\n", "s1.md:3: view: /v/Abc is not the Explore page"),
        ("---\ntitle: A step\nview: ''\nhide: see\n---\nText.\n", "s1.md:4: hide: write a list, such as [see]"),
        (ASKED.replace("right: 2", "right: No"), "s1.md:7: question.right: 'No' is not a whole number, the place of"),
        (STEP + "<!-- reveal -->\nx\n", "s1.md:1: there is something to reveal, but no question"),
        (ASKED.replace("right: 2", "right: 3"), "s1.md:7: question.right: there are 2 choices, counted from 1"),
        (ASKED.replace("[Yes it does, No]", "[Yes]"), "s1.md:6: question.choices: list should have at least 2 items"),
        (ASKED.replace("  hide: []", "  hide: [it]"), "s1.md:10: reveal.hide.0: input should be 'ask'"),
    ],
)
def test_a_fault_is_named_by_file_and_line(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(write(tmp_path, s1=text))
    assert [line for line in found if line.startswith(f"a-lesson/{fault}")], found


def test_a_step_may_show_a_panel_whose_figures_are_its_own(tmp_path: Path) -> None:
    step = STEP.replace("---\nText", "hide: [quality, ask, accuracy]\npanel: notes\n---\nIt obeys in 67 %.\nText")
    lesson = read_lesson(
        write(tmp_path, s1=step, s2=ASKED.replace("  hide: []", "  panel: sites")), lambda query: [], PANELS
    )
    first, second = lesson.steps
    assert second.reveal is not None
    assert (first.panel, second.panel, second.reveal.panel) == ("notes", None, "sites")
    wrong = write(tmp_path / "wrong", s1=STEP.replace("---\nText", "panel: ring\n---\nText"))
    with pytest.raises(LessonError, match=r"s1.md:4: panel: there is no 'ring'; choose one of prediction, "):
        read_lesson(wrong, lambda query: [], PANELS)


def test_what_a_step_links_to_counts_among_what_it_shows(tmp_path: Path) -> None:
    compare = "/compare?c=rings-small&by=rome:tuned"
    text = f"[Both]({compare}) keep 67 %, [on](/?lesson=mending&step=1)."
    folder = write(tmp_path, s1=STEP.replace("---\nText", f"hide: [quality, ask, accuracy]\n---\n{text}"))
    step = read_lesson(folder, lambda query: []).steps[0]
    assert list(lesson_figures.seen_at(step)) == [("t=d4", None), (compare, None)]


def test_the_stack_of_mending_is_the_one_that_was_drawn() -> None:
    """It was not chosen for what it does: the seed is the only choice, and is told."""
    step = next(step for step in read_lesson(LESSONS / "mending").steps if "64" in step.text)
    assert "from seed 0" in step.text
    assert step.reveal is not None
    assert ViewState.from_query(step.reveal.view)[0].edits == lesson_figures.drawn_stack("patch")
    (compare,) = (address for address, _ in lesson_figures.seen_at(step) if address.startswith("/compare"))
    assert Comparison.from_query(compare.partition("?")[2])[0].view.edits == lesson_figures.drawn_stack("rome")


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path, s1="Text.\n", s2=STEP + "<!-- note -->\n", lesson=HEAD.replace("minutes: 5", "minutes: many")
    )
    assert [line.split(": ")[0] for line in faults(folder)] == [
        "a-lesson/lesson.md:4",
        "a-lesson/s1.md:1",
        "a-lesson/s2.md:6",
    ]


def test_a_lesson_without_steps_and_an_id_that_is_none_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    named = folder.rename(folder.parent / "Über uns")
    assert ["is the lesson's id" in faults(named)[0], "1 to 99 steps" in faults(named)[1]] == [True, True]


def test_a_view_is_read_as_the_page_reads_it(tmp_path: Path) -> None:
    folder = write(tmp_path, s1=STEP.replace("t=d4", "t=far"))
    found = faults(folder, lambda query: ViewState.from_query(query)[1])
    assert found[0].startswith("a-lesson/s1.md:3: view: The link's new object (t='far') cannot be read")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lessons_are_right(name: str) -> None:
    lesson = read_lesson(LESSONS / name, lambda query: ViewState.from_query(query)[1], PANELS)
    assert 8 <= lesson.n_steps <= 14
    assert all(step.notes for step in lesson.steps), "every step says what to say"
    assert sum(step.question is not None for step in lesson.steps) >= 2
    for step in lesson.steps:
        for view in (step.view, *([step.reveal.view] if step.reveal else [])):
            state = ViewState.from_query(view)[0]
            assert state.checkpoint in SHIPPED_CHECKPOINTS
            if not state.checkpoint.startswith("rings"):  # the page's own question and object are those of rings
                assert "q=" in view
                assert "t=" in view


def test_five_lessons_ship() -> None:
    assert SHIPPED == ["beyond-rings", "editing-101", "mending", "months", "shattering"]


# --- the API ---------------------------------------------------------------------------------------------------------


def test_lessons_are_listed_and_read(client: TestClient) -> None:
    listed = client.get("lessons").json()
    assert [lesson["id"] for lesson in listed["lessons"]] == [
        "beyond-rings",
        "editing-101",
        "mending",
        "months",
        "shattering",
    ]
    assert listed["problems"] == []
    found = client.get("lessons/editing-101").json()
    assert found["n_steps"] == len(found["steps"]) == 10
    assert client.get("lessons/..%2Fshattering").status_code == 404
    assert client.get("lessons/nothing").json()["detail"].startswith("there is no lesson 'nothing'")


def test_added_folders_are_read_anew_and_their_faults_are_told(
    client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "mine", s1=STEP)
    write(tmp_path / "broken", s1="Text.\n").rename(tmp_path / "broken" / "b")
    client.app.state.laboratory.settings = load_settings(  # type: ignore[attr-defined]
        lessons_dir=f"{tmp_path / 'mine'}:{tmp_path / 'broken'}"
    )
    listed = client.get("lessons").json()
    assert [lesson["id"] for lesson in listed["lessons"]] == [
        "beyond-rings",
        "editing-101",
        "mending",
        "months",
        "shattering",
        "a-lesson",
    ]
    assert [(item["file"], item["line"]) for item in listed["problems"]] == [("b/s1.md", 1)]
    problem = client.get("lessons/b")
    assert problem.status_code == 409
    assert "b/s1.md:1:" in problem.json()["detail"]
    (folder / "s1.md").write_text(STEP.replace("A step", "Another"), encoding="utf-8")
    assert client.get("lessons/a-lesson").json()["steps"][0]["title"] == "Another"


CLAIMS = (
    ("Recall fell to **67 %**.", "accuracy"),
    ("| told | 78 % | 32 % |", "accuracy, ask, quality"),
    ("It now says 65.", "ask"),
    ("The model answers **159**.", "ask"),
    ("R is 0.028 here.", "r"),
    ("Locality is 94 %.", "quality"),
)


@pytest.mark.parametrize(("text", "parts"), CLAIMS)
def test_a_figure_has_to_be_on_its_screen(tmp_path: Path, text: str, parts: str) -> None:
    step = f"---\ntitle: A step\nview: 't=d4'\nhide: [{parts}]\n---\n24 numbers, 2 layers.\n\n{text}\n"
    said = faults(write(tmp_path, s1=step), lambda query: [])
    assert said
    assert all(each.startswith("a-lesson/s1.md:8: ") for each in said)
    shown = step.replace(f"hide: [{parts}]", "hide: [see]")
    read_lesson(write(tmp_path / "shown", s1=shown), lambda query: [])
    assert len(read_lesson(write(tmp_path / "served", s1=step)).steps) == 1, "a lesson is not withheld for it"


def test_an_answer_is_held_against_its_own_screen(tmp_path: Path) -> None:
    step = ASKED.replace("After.", "It says 65.").replace("  hide: []", "  hide: [ask]")
    assert [each.partition(": ")[2][:9] for each in faults(write(tmp_path, s1=step), lambda query: [])] == ["'says 65'"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lessons_name_no_figure_that_is_hidden(name: str) -> None:
    assert read_lesson(LESSONS / name, lambda query: [], PANELS).steps


FIGURES = r"\b0\.\d{3,4}\b|\d+(?= answers| of \d\d)|\d+(?:\.\d)?(?=\W{0,3}%)|\d+\.\d(?= →)|(?<=→ )\d+\.\d"  # R, shares, changes of shares


@pytest.mark.parametrize("name", SHIPPED)
def test_figures_of_a_lesson_are_those_of_its_views(name: str, tmp_path: Path) -> None:
    """In text and notes; a row of a table that begins with a distance is held against the edit at that distance."""
    app = create_app(load_settings(state_dir=tmp_path))
    measured: dict[tuple[str, str | None], list[float]] = {}

    def known(address: str, panel: str | None) -> list[float]:
        seen = lesson_figures.without_camera(address), panel
        if seen not in measured:
            lines = asyncio.run(lesson_figures.figures(Client(app), *seen, pictured=False))
            measured[seen] = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", " ".join(lines))]
        return measured[seen]

    wrong, count = [], 0
    for step in read_lesson(LESSONS / name).steps:
        views = list(lesson_figures.seen_at(step))
        for line in "\n".join([step.text, step.reveal.text if step.reveal else "", step.notes]).splitlines():
            row = re.match(r"\| \**(\d+)\** \|", line)
            held = [(re.sub(r"(?<=~d)\d+(?=~)", row[1], view), panel) for view, panel in views] if row else views
            for figure in re.findall(FIGURES, line) if "paper" not in line else []:
                count += 1
                half = 0.5 * 10 ** -len(figure.partition(".")[2]) + 1e-9
                if not any(abs(float(figure) - value) <= half for view in held for value in known(*view)):
                    wrong.append(f"{step.title}: {figure} in {line!r}")
    app.state.laboratory.close()
    assert wrong == []
    assert count > 10


# --- for the browser -------------------------------------------------------------------------------------------------


def test_the_fit_that_a_lesson_quotes_is_that_of_the_shipped_run() -> None:
    folder = REPOSITORY / "models_cache" / "rings-2048-calibrated"
    weights = json.loads((folder / "checkpoint.json").read_text())["sha256"]["weights.safetensors"]
    report = load(folder, weights).reproduction().single
    fit = next(fit for fit in report.fits if (fit.method, fit.preset, fit.site) == ("rome", "tuned", "resid_post.1"))
    assert fit.r2 is not None
    quoted = f"r² = {fit.paper_r2} between R and the loss of accuracy; {len(fit.points)} single edits like these on this model give {fit.r2:.2f}."
    assert quoted in (LESSONS / "shattering" / "11-damage-follows.md").read_text()


def test_markdown_becomes_html_that_is_safe() -> None:
    assert html_of("**a** `b`") == "<p><strong>a</strong> <code>b</code></p>\n"
    assert "<script>" not in html_of("<script>alert(1)</script>")
    assert "javascript:" not in html_of("[a](javascript:alert(1))").replace("[a](javascript:alert(1))", "")
    assert 'target="_blank" rel="noopener"' in html_of("[a](https://example.org)")
    assert html_of("[a](/?lesson=mending)") == '<p><a href="/?lesson=mending">a</a></p>\n', "it goes on in this window"
    assert "<table>" in html_of("|a|b|\n|---|---|\n|1|2|")


def test_views_are_told_in_the_pages_own_form(client: TestClient, tmp_path: Path) -> None:
    lesson = read_lesson(
        write(
            tmp_path,
            s1=ASKED.replace("t=d9", "e=3~I_C1~d4~rome~0~tuned~1%26t=d500".replace("%26", "&")).replace(
                "lock:", "panel: ring\nlock:"
            ),
        )
    )
    checkpoints = [CheckpointInfo(**each) for each in client.get("checkpoints").json()]
    editors = [EditorInfo(**each) for each in client.get("editors").json()]
    step = told(lesson, checkpoints, editors)["steps"][0]
    assert step["query"] == "t=d4&lesson=a-lesson&step=1"
    assert (step["panel"], step["reveal"]["panel"]) == (None, None), "a panel that is not there is not waited for"
    state, notices = ViewState.from_query(step["reveal"]["query"])
    assert notices == []
    assert state.lecture == Place("a-lesson", 1, revealed=True)
    assert [str(edit) for edit in state.edits] == ["3~I_C1~d4~rome~0~tuned~1"]
    assert state.target.distance == 64, "500 steps do not exist on a small ring"


def test_steps_are_prepared(settings: Settings) -> None:
    from shatterscope.backend.commands.serve import build_server

    with TestClient(build_server()) as client:
        assert client.get("/lecture/prepare?lesson=editing-101&step=7&reveal=1").status_code == 204
        assert client.get("/lecture/prepare?lesson=editing-101&step=70").status_code == 404
        assert client.get("/lecture/prepare?lesson=nothing&step=1").status_code == 404
        assert client.get("/lecture/prepare").status_code == 422


# --- folders as they come ---------------------------------------------------------------------------------------------


def bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in pairwise("abcdefghij")]
    return "\n".join(lines)


def put(text: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def front(text: str) -> Callable[[Path], object]:
    return put(f"---\n{text}\n---\nText.\n")


HOSTILE: dict[str, Callable[[Path], object]] = {
    "brackets": front("[" * 3000),
    "braces": front("{a: " * 3000),
    "dashes": front("- " * 3000),
    "aliases": front(bomb()),
    "many-names": front("\n".join(f"n{i}: x" for i in range(6000))),
    "no-utf8": put(b"---\ntitle: \xff\n---\nx"),
    "nul": front("title: a\0b"),
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "loop": lambda path: path.symlink_to(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "huge": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**40),
}


def test_no_lesson_keeps_the_others_from_being_told(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mine"
    for name, make in HOSTILE.items():
        for file in ("lesson.md", "01.md"):
            folder = place / f"{name}-{file[0]}"
            folder.mkdir(parents=True)
            (folder / "lesson.md").write_text(HEAD)
            (folder / "01.md").write_text(STEP)
            (folder / file).unlink()
            make(folder / file)
    strange = place / os.fsdecode(b"caf\xe9")
    strange.mkdir()
    (strange / "lesson.md").write_text(HEAD)
    good = write(place, s1=STEP)
    for name in ("._01.md", "~$01.md", ".#01.md"):
        (good / name).write_bytes(b"\x00\x05\x16\x07 whatever a system leaves there")
    (place / "loop").symlink_to(place / "loop")
    (place / ".hidden").mkdir()
    client.app.state.laboratory.settings = load_settings(  # type: ignore[attr-defined]
        lessons_dir=f"{place}:{tmp_path / 'nowhere'}:/dev/null"
    )
    listed = client.get("lessons").json()
    assert [lesson["id"] for lesson in listed["lessons"]] == [
        "beyond-rings",
        "editing-101",
        "mending",
        "months",
        "shattering",
        "a-lesson",
    ]
    named = {item["file"].partition("/")[0] for item in listed["problems"]}
    wanted = {f"{name}-{file}" for name in HOSTILE for file in "l0"}
    assert named == wanted | {"caf\\xe9"}
    assert str(tmp_path) not in json.dumps(listed)
    assert len(listed["problems"]) < 200
    assert client.get("lessons/pipe-0").status_code == 409
    assert client.get("lessons/a-lesson").json()["n_steps"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("![a ring](ring.png)", "'ring.png' is missing: put it beside"),
        ("![a ring](there.png)", ""),
        ("![a ring](the%72e.png)", ""),
        ("![](there.svg)", "ends in .png"),
        ("![](../there.png)", "ends in .png"),
        ("![](/there.png)", "ends in .png"),
        ("![](https://upload.example.org/a.svg)", ""),
        ("`![](ring.png)` and `$R=1$`", ""),
        ("```\n![](ring.png) $R=1$\n```", ""),
        ("where $R=1$ holds", "'$R=1$' would be shown as it is"),
        ("$$\\frac{1}{2}$$", "the page has no formulas"),
        ("\\(x^2\\)", "the page has no formulas"),
        ("$R$ and $D^*$", "'$R$' would be shown"),
        ("It costs $5 here and $10 there.", ""),
        ("Between $5 and 7$", ""),
    ],
)
def test_pictures_that_are_missing_and_formulas_are_named(tmp_path: Path, text: str, said: str) -> None:
    folder = write(tmp_path, s1=STEP.replace("Text.", text))
    (folder / "there.png").write_bytes(b"\x89PNG")
    assert read_lesson(folder).n_steps == 1, "a lecture is held all the same"
    if said:
        (fault,) = faults(folder, lambda _: [])
        assert fault.startswith("a-lesson/s1.md:5: ")
        assert said in fault
    else:
        assert read_lesson(folder, lambda _: []).n_steps == 1


def test_pictures_beside_a_lesson_are_served_and_nothing_else(client: TestClient, tmp_path: Path) -> None:
    folder = write(tmp_path, s1=STEP.replace("Text.", "![a ring](a%20ring.png)"))
    for name in ("a ring.png", ".secret.png", "page.html"):
        (folder / name).write_bytes(b"\x89PNG")
    (tmp_path / "outside.png").write_bytes(b"secret")
    os.mkfifo(folder / "pipe.png")
    client.app.state.laboratory.settings = load_settings(lessons_dir=str(tmp_path))  # type: ignore[attr-defined]
    address = re.search(r'src="([^"]+)"', html_of("![a ring](a%20ring.png)", "a-lesson"))
    assert address is not None
    found = client.get(address[1].removeprefix("/api/v1/"))
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, b"\x89PNG", "image/png")
    path = "lessons/a-lesson/pictures"
    for name in ("lesson.md", ".secret.png", "page.html", "..%2Foutside.png", "none.png", "a%00.png"):
        assert client.get(f"{path}/{name}").status_code == 404, name
    assert client.get(f"{path}/pipe.png").status_code == 409
    assert client.get("lessons/nothing/pictures/a.png").status_code == 404
    for source in ("https://a.example/b.png", "data:image/png;base64,AAAA", "/favicon.svg"):
        assert f'src="{source}"' in html_of(f"![]({source})", "a-lesson")
