"""The Lecture page's markup: a card for each lesson."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.state import TOUR, Place, ViewState
from shatterscope.app.kit.words import plural
from shatterscope.wire.lessons import LessonInfo, LessonList

KEYS = (
    ("→ or space", "next"),
    ("←", "back"),
    ("F", "full screen"),
    ("S", "speaker notes"),
    ("B", "blank"),
    ("Esc", "leave"),
)


def layout() -> list[Node]:
    return [
        html.Main(
            [
                html.H1("Lectures"),
                html.P(
                    "Guided lessons on the live page. Turn the rings, move the slider, then go on.",
                    className="lead",
                ),
                html.Div(id=ids.LESSONS, className="lessons"),
                html.P(
                    [part for key, does in KEYS for part in (html.Kbd(key), f" {does} ")],
                    className="keys",
                ),
                html.Details(
                    [
                        html.Summary("Write your own"),
                        html.Pre(
                            "shatterscope lesson new my-lesson\nshatterscope lesson check lessons/my-lesson\n"
                            "SHATTERSCOPE_LESSONS_DIR=lessons shatterscope serve",
                            tabIndex="0",  # so that the keyboard can scroll it
                            role="group",
                            **{"aria-label": "Commands"},
                        ),
                        html.P(
                            "A lesson is a folder of Markdown files, one a step; a step's view is the address that Copy link gives."
                        ),
                    ]
                ),
            ],
            className="shelf",
        )
    ]


def cards(found: LessonList) -> list[Node]:
    lessons = sorted(found.lessons, key=lambda lesson: lesson.id != TOUR)
    shown = [_card(lesson, first=number == 0) for number, lesson in enumerate(lessons)]
    if found.problems:
        lines = [html.Li([html.Code(f"{item.file}:{item.line}"), f" {item.message}"]) for item in found.problems]
        shown.append(html.Section([html.H2("Lessons that cannot be shown yet"), html.Ul(lines)], className="broken"))
    return shown or [html.P("There are no lessons here.", className="lead")]


def _card(lesson: LessonInfo, *, first: bool) -> Node:
    query = ViewState(lecture=Place(lesson.id)).to_query()
    return html.Article(
        [
            html.H2(lesson.title),
            html.P(f"{lesson.audience} · {plural(lesson.minutes, 'minute')} · {plural(lesson.n_steps, 'step')}", className="quiet"),
            dcc.Markdown(lesson.summary, link_target="_blank"),
            html.A(
                "Start", href=f"/?{query}", className="start", **({"id": ids.LECTURE_START} if first else {}),
                **{"aria-label": f"Start the lecture {lesson.title}"},
            ),
        ],
        className="lesson",
    )  # fmt: skip
