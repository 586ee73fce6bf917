"""Every answer of a language model before and after: names by wordings. R is small where all names answer the same; here it is seen."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import spoken, words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.spoken import Given, Taught
from shatterscope.app.kit.words import Name
from shatterscope.app.kit.world import World
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import AnsweredRelation, EvaluationResult

TOLD = {
    "right": "right as before",
    "wrong": "wrong as before",
    "lost": "was right",
    "found": "right now",
    "other": "another wrong answer",
    "leaked": "the new object, which it was not taught",
    "taught": "the new object, as it was taught",
    "refused": "not the new object that it was taught",
}
KEYS = ("right", "wrong", "lost", "found", "leaked", "taught")
"""Told of in the legend."""


def answers_grid(found: EvaluationResult, made: EditResult | None, world: World) -> list[Node]:
    """The edited question first; those of groups that are no ring, which have many names, folded."""
    told = found.language
    if told is None:
        return []
    by = spoken.taught(made)
    ordered = sorted(told.answers, key=lambda each: by is None or each.relation != by.relation)
    shown: list[Node] = [_legend(by is not None)]
    for each in ordered:
        edited = by is not None and each.relation == by.relation
        title = world.relation(each.relation).phrase.replace("{subject}", "…")
        body = [html.P(_sentence(each, by, world.name), className="lead"), _table(each, by, world.name)]
        if edited or world.closed(world.group_of(each.relation).name):
            shown.append(html.Div([html.H3(title), *body], **{"data-relation": each.relation}))
        else:
            shown.append(html.Details([html.Summary(title), *body], **{"data-relation": each.relation}))
    return shown


def r_beside(found: EvaluationResult | None, made: EditResult | None, world: World) -> list[Node]:
    """Beside R: R without the edited name, and the share of the other names' answers that are the new object."""
    by = spoken.taught(made)
    if found is None or found.language is None or by is None:
        return []
    R, new = found.shattering.without_edited, _answered_new(found, by)
    without = words.listed([world.name(each) for each in sorted(by.subjects)])
    was, now = new.share
    return [
        html.Div(
            [
                html.Span(
                    [html.Span(f"R without {without}", className="r-name"), html.B(words.r_or_dash(R))],
                    id="r-without",
                    **{"data-value": "" if R is None else repr(R)},
                    **tip("R of the same names, pairs with the edited one left out."),
                ),
                html.Span(
                    [
                        html.Span(f"others that answer {world.name(by.new)}", className="r-name"),
                        html.Span(f"{words.percent(was)} → ", className="was"),
                        html.B(words.percent(now)),
                    ],
                    id="r-answer-new",
                    **{"data-before": f"{was:.6f}", "data-after": f"{now:.6f}"},
                    **tip(
                        f"Of the {words.plural(new.n, 'question')} about names that were not edited, over all wordings."
                    ),
                ),
            ],
            className="r-beside-values",
        )
    ]


def _answered_new(found: EvaluationResult, by: Taught) -> spoken.AnsweredNew:
    assert found.language is not None
    return spoken.answered_new(spoken.edited_answers(found.language, by), by.new, by.subjects)


def _sentence(answers: AnsweredRelation, by: Taught | None, name: Name) -> str:
    said = []
    if by is not None and by.relation == answers.relation:
        said.append(
            words.answer_new(spoken.answered_new(answers, by.new, by.subjects), name(by.new), len(answers.subjects))
        )
    said.append(words.answered_right(*spoken.right(answers), edited=by is not None))
    return " ".join([*said, words.asked_in(len(answers.subjects), len(answers.wordings))])


def _table(answers: AnsweredRelation, by: Taught | None, name: Name) -> Node:
    head = ["", *map(words.blank, answers.wordings)]
    edited = by.subjects if by is not None and by.relation == answers.relation else frozenset[int]()
    rows = [
        html.Tr(
            [
                html.Th(
                    [name(subject), html.Span("edited", className="quiet") if subject in edited else None], scope="row"
                ),
                *(_cell(each, name) for each in row),
            ],
            className="edited" if subject in edited else "",
        )
        for subject, row in spoken.given(answers, by)
    ]
    return html.Div(
        html.Table([html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(rows)]),
        className="table-scroll answers",
        tabIndex="0",
    )


def _cell(given: Given, name: Name) -> Node:
    """What was said before stands there where it was another answer."""
    now = html.Span(name(given.after), className="now")
    changed = given.before != given.after
    shown = [html.Span(name(given.before), className="was"), " → ", now] if changed else [now]
    return html.Td(shown, title=TOLD[given.kind], **{"data-kind": given.kind})


def _legend(edited: bool) -> Node:
    kinds = KEYS if edited else KEYS[:2]
    return html.P(
        [html.Span([html.I("answer", **{"data-kind": kind}), TOLD[kind]]) for kind in kinds], className="answers-key"
    )
