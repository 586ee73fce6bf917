"""What a language model knows of its world: every wording of every question, those that are not asked as well."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, table, tip
from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.wire.world import KnowledgeInfo, KnownRelationInfo, ToldWording

AMONG = "Share of the names of which the true answer is the most probable of all names of this world."
OUTRIGHT = "Share of which it is the most probable of all words that the model has."
PAPER = "{subject} is followed {k} months later by"  # Nishi et al. 2025, section 5
"""The paper's own way of asking, of larger models."""


def knowledge(found: KnowledgeInfo) -> Node:
    return html.Div(
        [
            html.P(
                f"A wording is known where {words.percent(found.known)} of the names or more are answered right. Only known ones are asked from then on, the first "
                "of each question: what a model never knew is not counted against an edit.",
                className="lead",
            ),
            *_paper(found),
            *(_relation(each) for each in found.relations),
        ],
        className="knowledge",
    )


def _paper(found: KnowledgeInfo) -> list[Node]:
    told = next((each for relation in found.relations for each in relation.wordings if each.text == PAPER), None)
    if told is None or not told.steps:
        return []
    best = max(told.steps.values())
    verdict = "fails" if best < found.known else "is answered"
    said = f"The paper’s own prompt, “{words.blank(PAPER)}”, {verdict} here: at best {words.percent(best)} of the names, whatever the number of months k."
    return [html.P(said, id="knowledge-paper")]


def _relation(relation: KnownRelationInfo) -> Node:
    """The wordings that are asked, and the others."""
    steps = sorted({k for each in relation.wordings for k in each.steps})
    head: list[Node] = ["wording", html.Span("among names", **tip(AMONG)), html.Span("outright", **tip(OUTRIGHT)), ""]
    head += [html.Span(f"k = {k}", **tip(f"Asked for {words.plural(k, 'step')}.")) for k in steps]
    asked = sum(each.asked for each in relation.wordings)
    over = f"{words.plural(relation.n_facts, 'name')}; {asked} of {words.plural(len(relation.wordings), 'wording')} are asked"
    return html.Div(
        [
            html.H3([relation.phrase.replace("{subject}", "…"), html.Span(over, className="quiet")]),
            table(tuple(head), [_row(each, steps) for each in relation.wordings]),
        ],
        **{"data-relation": relation.name},
    )


def _row(told: ToldWording, steps: list[int]) -> Node:
    cells = [
        html.Td(words.percent(told.accuracy)),
        html.Td(words.percent(told.outright)),
        html.Td(html.B("asked") if told.asked else ""),
        *(html.Td(words.percent(told.steps[k]) if k in told.steps else "", className="quiet") for k in steps),
    ]
    return html.Tr([html.Th(words.blank(told.text), scope="row"), *cells], **{"data-asked": str(told.asked).lower()})


def _markup(found: KnowledgeInfo, around: Around) -> Node:
    return knowledge(found)


KNOWLEDGE = Panel(
    name="knowledge",
    title="What it knows",
    link="What it knows",
    lead="Nothing of this was taught here: it was found by asking, in many wordings.",
    unfold="Show every wording, and how well it is answered",
    waiting="What it knows is read …",
    failed="What it knows could not be read",
    needs=lambda client, checkpoint, edits: client.knowledge(checkpoint),
    markup=_markup,
    of="language",
    without_edits=True,
)
