"""The lecture's panel on the Explore page: the step's text, its question, and the way on. Filled by `frontend_assets/lecture`."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import ids
from shatterscope.app.kit.parts import Node, problem


def lecture() -> Node:
    return html.Section(
        [
            problem(ids.PROBLEM_LECTURE),
            html.Div(
                [
                    html.H1(id="lecture-title"),
                    html.Div(id="lecture-body"),
                    html.Fieldset(id="lecture-question", hidden=True),
                    html.Div(id="lecture-reveal", hidden=True),
                ],
                id=ids.LECTURE_TEXT,
                tabIndex="-1",
                **{"aria-live": "polite", "aria-atomic": "true"},
            ),
            html.Button("Back to this step’s view", id="lecture-back", hidden=True, title="Undo what you have changed"),
            html.Div(
                [
                    html.Button(
                        "‹", id=ids.LECTURE_PREV, title="Previous step (←, Page Up)", **{"aria-label": "Previous step"}
                    ),
                    html.Span(id=ids.LECTURE_STEP),
                    html.Button("Next ›", id=ids.LECTURE_NEXT, title="Next step (→, space, Page Down)"),
                    html.Span(className="lecture-track", **{"aria-hidden": "true"}),
                    html.Button(
                        "Notes", id="lecture-notes", className="quiet", title="Speaker notes in a second window (S)"
                    ),
                    html.Button("Full screen", id="lecture-full", className="quiet", title="Fill the screen (F)"),
                    html.Button("Blank", id="lecture-blank", className="quiet", title="Blank the screen (B)"),
                    html.Button(
                        "Leave", id="lecture-leave", className="quiet", title="On to Explore, with what is shown (Esc)"
                    ),
                ],
                className="lecture-tools",
                role="group",
                **{"aria-label": "Steps of the lecture"},
            ),
        ],
        id=ids.LECTURE,
        className="lecture",
        hidden=True,
        **{"aria-label": "Lecture"},
    )
