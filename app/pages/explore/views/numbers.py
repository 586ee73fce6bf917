"""What the edit did, in numbers: R, accuracy, ripples."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, table, tip
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.kit.words import Name
from shatterscope.app.kit.world import World
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import EvaluationResult, RippleFact, TaskScore
from shatterscope.wire.world import CheckpointInfo


def r_values(checkpoint: CheckpointInfo, result: EvaluationResult | None) -> dict[str, float | None]:
    """R of the three sub-graphs, None for those that the world is too small to have; without an edit nothing moved, so each is 0."""
    there = SUB_GRAPHS[: checkpoint.graph.n_orders]
    return {
        name: (getattr(result.shattering, name) if result else 0.0) if name in there else None for name in SUB_GRAPHS
    }


def r_card(
    name: str, value: float | None, checkpoint: CheckpointInfo, result: EvaluationResult | None, world: World
) -> list[Node]:
    if value is None:
        only = words.plural(checkpoint.graph.n_orders, world.noun)
        return [
            html.Span(name, className="r-name"),
            html.Span("—", className="r-value"),
            html.Span(f"of {only}", className="quiet"),
        ]
    group = _group_of(name, checkpoint, result)
    title, n = world.title(group), len(world.relations_of(group))
    explained = words.r_explained(name, title, checkpoint.graph.n_entities, n, world.noun)
    return [
        html.Span(name, className="r-name"),
        html.Span(words.shattering(value), className="r-value", **tip(explained)),
        html.Span(title, className="quiet"),
    ]


def _group_of(sub_graph: str, checkpoint: CheckpointInfo, result: EvaluationResult | None) -> str:
    """The group that plays this part: known from the scores, or by place before there are any."""
    for score in result.scores if result else ():
        if score.sub_graph == sub_graph:
            return score.order
    return checkpoint.graph.orders[SUB_GRAPHS.index(sub_graph)]


def r_words(result: EvaluationResult | None, made: EditResult | None, world: World) -> Node:
    """R of the edited group and what else was measured, as sentences; before them, which of the edits `made` did not take."""
    if result is None:
        return html.Span(words.r_in_words(0.0))
    said = words.r_in_words(result.shattering.edit, result.measures, world.noun)
    if result.language is not None and result.shattering.edit:
        said += " A small R can hide that all names answer the same."
    found = html.Span(said, **tip(words.explained(result.measures)))
    failure = words.failure_told(made, world.name)
    return html.Span([html.B(failure, className="bad"), " ", found]) if failure else found


def told(n_edits: int, result: EvaluationResult | None, made: EditResult | None, world: World) -> str:
    """What the edits did, read out to those who do not see it."""
    if result is None:
        return f"{words.model(0).capitalize()}."
    moved = words.r_in_words(result.shattering.edit, noun=world.noun)
    said = [f"{words.model(n_edits).capitalize()}.", words.failure_told(made, world.name), moved]
    for score in result.scores:
        if (score.task, score.sub_graph) == ("direct", "edit"):
            change = f"from {words.percent(score.accuracy.before)} to {words.percent(score.accuracy.after)}"
            said.append(f"Direct recall {words.on(world.noun)} {world.title(score.order)}: {change}.")
    return " ".join(filter(None, said))


def accuracy(checkpoint: CheckpointInfo, found: EvaluationResult, world: World) -> Node:
    """Task by group: before and after as a dumbbell, with the change. Without an edit the same questions, of the unedited model. A language model is asked one
    kind of question, and beside them stands how well it still predicts other text."""
    orders, language = _as_in_r(checkpoint.graph.orders, found), found.language
    head = html.Tr([html.Th(""), *(html.Th(_head(order, found, world)) for order in orders)])
    rows = []
    for task, (name, explained) in words.TASKS.items() if language is None else words.SPOKEN_TASKS.items():
        cells = [html.Th(name, scope="row", **tip(explained))]
        for order in orders:
            score = next((item for item in found.scores if (item.task, item.order) == (task, order)), None)
            if found.edit is not None and score is not None:
                cells.append(_score_cell(score, language is not None))
            elif language is not None:
                cells.append(_base_cell(score, None, True))
            else:
                cells.append(_base_cell(score, getattr(checkpoint.accuracy, task).get(order)))
        rows.append(html.Tr(cells))
    table = html.Table([html.Thead(head), html.Tbody(rows)])
    if language is None:
        return table
    told = words.perplexity(language.perplexity, language.n_tokens)
    return [table, html.P(told, id="perplexity", className="quiet", **tip(words.PERPLEXITY))]


def _as_in_r(orders: Sequence[str], found: EvaluationResult) -> list[str]:
    """The edited group first, as in the row of R."""
    parts = {item.order: SUB_GRAPHS.index(item.sub_graph) for item in found.scores if item.sub_graph}
    return sorted(orders, key=lambda order: parts.get(order, 0))


def _head(group: str, found: EvaluationResult, world: World) -> str:
    part = next((item.sub_graph for item in found.scores if item.order == group), None)
    return f"{world.title(group)} · {part}" if part else world.title(group)


def _base_cell(score: TaskScore | None, bare: float | None, spoken: bool = False) -> Node:
    """`bare`: over every query there is, without context; `spoken`: asked in words."""
    if score is None:
        return html.Td("–")
    value = score.accuracy.after
    explained = f"{words.percent(value)} answered right, over {_over(score, spoken)}."
    if bare is not None:
        explained += f" Over all of them, without context: {words.percent(bare)}."
    return html.Td(dumbbell(value, value, None), **tip(explained), **{"data-after": f"{value:.6f}"})


def _over(score: TaskScore, spoken: bool) -> str:
    if spoken:
        wordings = f"up to {score.n_contexts} wordings" if score.n_contexts > 1 else "one wording"
        return f"{words.plural(score.n_queries, 'question')} in {wordings} each"
    return f"{score.n_queries} of {score.n_available} queries, {words.plural(score.n_contexts, 'context')} each"


def _score_cell(score: TaskScore, spoken: bool = False) -> Node:
    accuracy, probability = score.accuracy, score.probability
    explained = (
        f"From {words.percent(accuracy.before)} to {words.percent(accuracy.after)} answered right, over {_over(score, spoken)}. "
        f"Mean probability of the truth: {probability.before:.2f} → {probability.after:.2f}."
    )
    body = dumbbell(accuracy.before, accuracy.after, accuracy.change)
    numbers = {"data-before": f"{accuracy.before:.6f}", "data-after": f"{accuracy.after:.6f}"}
    return html.Td(body, **tip(explained), **numbers)


def dumbbell(before: float, after: float, change: float | None) -> Node:
    """Two fractions on one line: grey before, the accent after; with both numbers and the change. Without a change one alone."""
    low, high = sorted((100 * before, 100 * after))
    changed = "" if change is None else words.points(change)
    was = html.Span(f"{words.percent(before).removesuffix(words.PERCENT)} → ", className="was") if changed else None
    return html.Div(
        [
            html.Span(
                [
                    html.Span(className="span", style={"left": f"{low:.1f}%", "width": f"{high - low:.1f}%"}),
                    html.Span(className="dot-before", style={"left": f"{100 * before:.1f}%"}),
                    html.Span(className="dot-after", style={"left": f"{100 * after:.1f}%"}) if changed else None,
                ],
                className="dumbbell",
            ),
            html.Span([was, words.percent(after)], className="number"),
            html.Span(changed, className=f"delta {'down' if changed.startswith('−') else ''}".strip()),
        ],
        className="score",
    )


def ripples(result: EvaluationResult | None, name: Name = str) -> Node:
    if result is None:
        return html.P("Apply an edit to see what should follow from it, and what it breaks.", className="lead")
    if not result.ripples:
        return html.P(
            "No question with one right answer follows from the new fact, and none is contradicted.", className="lead"
        )
    head = ("fact", "why", "world said", "should now be", "before", "after")
    return table(head, [_ripple(item, name) for item in result.ripples])


def _ripple(item: RippleFact, name: Name) -> Node:
    gone = item.expected is None  # all that is known: the old answer is false
    follows = item.after.object != item.truth if gone else item.after.object == item.expected
    kept = item.after.object in (item.truth, item.before.object)
    if gone:
        verdict = "gone" if follows else "still said"
    elif follows and item.expected == item.truth:
        verdict = "still right" if item.before.object == item.expected else "right now"
    else:
        verdict = "follows the edit" if follows else ("as before the edit" if kept else "neither")
    return html.Tr(
        [
            html.Td(f"{name(item.subject)} {' '.join(item.relations)}"),
            html.Td([html.Span(item.kind, className=f"kind {item.kind}"), f" {item.explanation}"], className="prose"),
            html.Td(name(item.truth)),
            html.Td(f"not {name(item.truth)}" if item.expected is None else name(item.expected)),
            html.Td(f"{name(item.before.object)} ({words.percent(item.before.probability)})"),
            html.Td(
                [
                    f"{name(item.after.object)} ({words.percent(item.after.probability)}) ",
                    html.Span(verdict, className="quiet"),
                ]
            ),
        ],
        className="follows" if follows else ("kept" if kept else "broken"),
    )
