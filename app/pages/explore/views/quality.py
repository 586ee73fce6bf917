"""Edit quality as the field measures it: a table, and one line of it for those who do not scroll."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.pages.explore.views.numbers import dumbbell
from shatterscope.wire.measures import EditQuality, EvaluationResult, WantedAnswers


def quality(result: EvaluationResult | None) -> Node:
    if result is None or result.quality is None:
        return html.P("Apply an edit to see how well it was made.", className="lead")
    head = html.Tr([html.Th(""), html.Th("answered as wanted"), html.Th("probability"), html.Th("over")])
    rows = [_row(name, explained, found) for name, explained, found in _measures(result, result.quality)]
    return html.Table([html.Thead(head), html.Tbody(rows)], className="quality")


def quality_line(result: EvaluationResult | None) -> list[Node]:
    """After the edit, in the words of the table: the four that the field reports, and in a lecture, where there is room, the fifth."""
    if result is None or result.quality is None:
        return []
    return [
        html.Span(
            [f"{name} ", html.B(words.percent(found.accuracy.after))], **{"data-tip": explained, "data-quality": name}
        )
        for name, explained, found in _measures(result, result.quality)
        if found is not None
    ]


def _measures(result: EvaluationResult, found: EditQuality) -> list[tuple[str, str, WantedAnswers | None]]:
    """Of a language model, for which nothing follows from a fact by rule, those that can be asked."""
    told = words.QUALITY if result.language is None else words.SPOKEN_QUALITY
    return [(name, explained, getattr(found, name)) for name, explained in told.items()]


def _row(name: str, explained: str, found: WantedAnswers | None) -> Node:
    title = html.Th(name, scope="row", **tip(explained))
    if found is None:
        return html.Tr([title, html.Td("nothing to ask", colSpan=3, className="quiet")])
    was, now = found.accuracy, found.probability
    shown = dumbbell(was.before, was.after, was.change)
    return html.Tr(
        [
            title,
            html.Td(shown, **{"data-before": f"{was.before:.6f}", "data-after": f"{was.after:.6f}"}),
            html.Td(f"{now.before:.2f} → {now.after:.2f}", className="numbers"),
            html.Td(words.plural(found.n_queries, "question"), className="quiet"),
        ],
        id=f"quality-{name}",
    )
