"""Is it still a ring, a tree, a grid? The verdicts before and after, and every number that they rest on, against chance."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.wire.pictures import StatisticValue
from shatterscope.wire.verdicts import AgainstChance, StatisticChange, VerdictsResult

QUESTIONS = {
    "ring": "Is it still a ring?",
    "chain": "Is it still a chain?",
    "tree": "Is it still a tree?",
    "grid": "Is it still a grid?",
    "torus": "Is it still a torus?",
    "clusters": "Are the groups still apart?",
    "graph": "Is it still in order?",
}


def verdicts(found: VerdictsResult, slider: bool = True) -> list[Node]:
    """The card. While the strength is dragged, `frontend_assets/explore/strength.js` puts the numbers that follow into its cells; in a file there is no
    slider."""
    edited = found.edit is not None
    shown = found.statistics if edited else [item for item in found.statistics if item.of == "picture"]
    return [
        html.P([html.B(QUESTIONS[found.kind]), f" {_answer(found)}"], className="lead"),
        *([_table(shown, edited), html.P(_explained(shown, edited, slider), className="quiet")] if shown else []),
    ]


def verdict_line(found: VerdictsResult) -> list[Node]:
    """The words alone, for those who do not scroll."""
    was, now = (word.title.removeprefix("A ").lower() for word in (found.before, found.after))
    return [html.B(was if found.edit is None or was == now else f"{was} → {now}")]


def on_the_way(found: list[StatisticValue]) -> str:
    """Below the picture while the strength is dragged."""
    return ". ".join(f"{item.title}: {number(item.value)}" for item in found)


def number(value: float) -> str:
    return words.fixed(value + 0.0, 2).replace("-0.00", "0.00").replace("-", "−")


def _answer(found: VerdictsResult) -> str:
    was, now = found.before, found.after
    if found.edit is None:
        return f"{was.title}. {was.sentence}" if was.word != "unjudged" else was.sentence
    if was.word == now.word:
        return f"Before and after: {now.title.lower()}. {now.sentence}"
    return f"{was.title} before, {now.title.lower()} after. {now.sentence}"


def _table(statistics: list[StatisticChange], edited: bool) -> Node:
    head = ["", "before", *(["after"] if edited else []), "chance"]
    rows = [
        html.Tr(
            [
                html.Th([item.title, html.Span(item.term, className="quiet")], scope="row", **tip(item.sentence)),
                _cell(item.before, "before"),
                *([_cell(item.after, "after")] if edited else []),
                html.Td(number(item.after.chance_95), className="quiet"),
            ],
            id=f"verdict-{item.name}",
        )
        for item in statistics
    ]
    return html.Table([html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(rows)])


def _cell(found: AgainstChance, side: str) -> Node:
    """A tick where the number is above chance."""
    mark = html.Span("✓" if found.above_chance else "chance", className="above" if found.above_chance else "quiet")
    shown = html.Span(number(found.value), className="value")
    return html.Td([shown, " ", mark], className=side, **{"data-value": f"{found.value:.6f}"})


def _explained(shown: list[StatisticChange], edited: bool, slider: bool) -> str:
    told = ["✓: above 95 of 100 shuffles of the entities, of loops above 19 shapeless clouds."]
    if not edited:
        return told[0]
    if len(shown) > 1:
        told.append("All are of the pictures, the last of the representations behind them.")
    follow = [f"“{item.title}”" for item in shown if item.follows]
    if follow and slider:
        verb = "follow" if len(follow) > 1 else "follows"
        told.append(f"{' and '.join(follow)} {verb} the strength slider, the rest when you let go.")
    return " ".join(told)
