"""From what the API answered to markup. Pure: no callbacks, no client."""

from __future__ import annotations

from typing import Any

from dash import html

from app import words
from app.actions import Resolved, Stack, properties
from app.components import Field, Select
from app.layout.parts import Node, tip
from backend.schemas import Answer, CheckpointInfo, EditResult, ErrorList, EvaluationResult, FactInfo, RippleFact, TaskScore

SUB_GRAPHS = ("edit", "retain", "test")
ROLE_NAMES = {"subject": "subject", "old": "true object", "new": "new object"}


# --- ask -------------------------------------------------------------------------------------------------------------


def truth(base: FactInfo) -> Node:
    stated = "A fact stated in training." if base.stated else "Never stated in training: the model has to infer it."
    return html.Span(str(base.object), **tip(stated))


def answer(base: FactInfo, edited: FactInfo) -> list[Node]:
    now = edited.top[0] if edited.top else Answer(object=edited.prediction, probability=0.0)
    right = edited.prediction == edited.object
    mark = html.Span("✓" if right else "✗", className="mark", title="the truth" if right else "not the truth")
    shown = [
        html.Span(str(edited.prediction), className="answer-now", **{"data-right": str(right).lower()}),
        mark,
        html.Span(words.percent(now.probability), className="quiet"),
    ]
    if edited.prediction != base.prediction:
        shown.append(html.Span(f"was {base.prediction}", className="was"))
    return shown


def top(base: FactInfo, edited: FactInfo, changed: bool) -> list[Node]:
    """The five likeliest answers as bars; the unedited model's probability stays as a thin line."""
    before = {item.object: item.probability for item in base.top}
    rows = []
    for item in edited.top[:5]:
        was = before.get(item.object, 0.0)
        role = "truth" if item.object == edited.object else ("raised" if changed and item.probability > was + 0.005 else "")
        rows.append(
            html.Div(
                [
                    html.Span(str(item.object), className="entity"),
                    html.Span(
                        [
                            html.Span(className="fill", style={"width": f"{100 * item.probability:.1f}%"}),
                            html.Span(className="tick", style={"left": f"{100 * was:.1f}%"}) if changed else None,
                        ],
                        className="track",
                    ),
                    html.Span(words.percent(item.probability), className="number"),
                ],
                className=f"bar-row {role}".strip(),
            )
        )
    return rows


# --- change ----------------------------------------------------------------------------------------------------------


def target(old: int, new: int | None, distance: int | None) -> list[Node]:
    if new == old:
        return ["Teach it the truth: ", html.B(str(new), className="new")]
    steps = "" if distance is None else f", {words.plural(abs(distance), 'step')} {'past' if distance > 0 else 'before'} the truth"
    return ["Teach it ", html.B(str(new), className="new"), f" instead of {old}{steps}."]


def legend(order: str, turns: dict[str, float]) -> list[Node]:
    ticks = [html.Span(className=f"tick {role}", style={"transform": f"rotate({360 * turn:.2f}deg)"}) for role, turn in turns.items()]
    return [*ticks, html.Span(order, className="legend-name")]


def parameter_form(resolved: Resolved) -> list[Node]:
    """One field for each property of the method's JSON Schema, with the preset's value where it was changed."""
    fields: list[Node] = []
    for name, schema in properties(resolved.editor).items():
        value, preset = resolved.parameters.get(name), resolved.preset_parameters.get(name)
        fields.append(
            html.Div(
                [
                    html.Span(name.replace("_", " "), className="name", **tip(str(schema.get("description", name)))),
                    _parameter(name, schema, value),
                    html.Span(f"preset {preset}", className="quiet") if value != preset else None,
                ],
                className="labelled",
            )
        )
    return [html.P([html.Code(resolved.editor.formula), f" {resolved.editor.summary}"], className="lead"), *fields]


def _parameter(name: str, schema: dict[str, Any], value: Any) -> Node:
    ident = {"type": "param", "name": name}
    label = str(schema.get("title", name))
    if "enum" in schema:
        return Select(id=ident, options=[{"value": item, "label": str(item)} for item in schema["enum"]], value=value, label=label)
    if schema.get("type") == "boolean":
        return Select(id=ident, options=[{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}], value=str(bool(value)).lower(), label=label)  # fmt: skip  # noqa: E501
    if schema.get("type") in ("integer", "number"):
        step = 1 if schema["type"] == "integer" else "any"
        return Field(id=ident, type="number", min=schema.get("minimum"), max=schema.get("maximum"), step=step, value=value, label=label)
    return Field(id=ident, type="text", value=value, label=label)


def error_list(found: ErrorList) -> list[Node]:
    if not found.errors:
        return [html.P("This model gets every fact right.", className="lead")]
    lead = f"{words.plural(found.total, 'fact')} wrong. Pick one, then apply: a corrective edit teaches the truth."
    buttons = [
        html.Button(
            f"{item.subject} {item.relation} → {item.object}",
            id={"type": "mend", "index": f"{item.subject}~{item.relation}~{item.object}"},
            title=f"the model says {item.prediction}; p(truth) = {item.probability:.2f}",
            className="chip",
        )
        for item in found.errors
    ]
    return [html.P(lead, className="lead"), html.Div(buttons, className="chips")]


# --- the stack -------------------------------------------------------------------------------------------------------


def chips(edits: Stack, result: EditResult | None) -> list[Node]:
    shown: list[Node] = [html.Span(["model = ", html.B("base")], className="equation")]
    if not edits:
        shown.append(html.Span("no edits yet", className="quiet"))
    for index, edit in enumerate(edits):
        done = result.edits[index] if result is not None else None
        where = f"{edit.subject} {edit.relation} → {done.new_object}" if done else f"{edit.subject} {edit.relation} {words.target(edit)}"
        note = words.outcome(done) if done else "not computed yet"
        detail = f"d = {done.distance}" if done and done.kind == "counterfactual" else ("corrective" if done else "")
        strength = f" × {edit.strength:.2f}" if edit.strength != 1 else ""
        failed = " failed" if done and not done.success else ""
        shown.append(html.Span("+", className="plus"))
        shown.append(
            html.Span(
                [
                    html.Span([html.B(where), html.Span(f"{detail}{strength}", className="quiet")], **tip(note)),
                    html.Button("×", id={"type": "remove", "index": index}, **{"aria-label": f"remove edit {index + 1}"}),
                ],
                className=f"chip edit{failed}",
                role="listitem",
            )
        )
    if edits:
        shown[0] = html.Span(["model = ", html.B("base"), f" + {words.plural(len(edits), 'edit')}:"], className="equation")
        del shown[1]
    return shown


def outcomes(result: EditResult | None) -> Node:
    if result is None:
        return html.P("Nothing yet: the model is the unedited one.", className="lead")
    head = ("edit", "was → taught", "now says", "p(new)", "‖dW‖ / ‖W‖", "steps", "notes")
    rows = [
        html.Tr(
            [
                html.Td(f"{item.spec.subject} {item.spec.relation}"),
                html.Td(f"{item.prediction_before} → {item.new_object}"),
                html.Td(f"{item.prediction_after} {'✓' if item.success else '✗ target not reached'}"),
                html.Td(f"{item.probability_before:.3f} → {item.probability_after:.3f}"),
                html.Td(words.percent(item.relative_delta_norm)),
                html.Td(str(item.steps)),
                html.Td(" ".join(item.warnings) or "–", className="prose"),
            ]
        )
        for item in result.edits
    ]
    return _table(head, rows)


# --- the numbers -----------------------------------------------------------------------------------------------------


def r_values(result: EvaluationResult | None) -> dict[str, float]:
    """R of the three sub-graphs; without an edit nothing moved, so each is 0."""
    return {name: float(getattr(result.shattering, name)) if result else 0.0 for name in SUB_GRAPHS}


def r_card(name: str, value: float, checkpoint: CheckpointInfo, result: EvaluationResult | None) -> list[Node]:
    order = _order_of(name, checkpoint, result)
    per_order = len(checkpoint.graph.relations) // checkpoint.graph.n_orders
    explained = words.r_explained(name, order, checkpoint.graph.n_entities, per_order)
    return [
        html.Span(f"{name}", className="r-name"),
        html.Span(words.shattering(value), className="r-value", **tip(explained)),
        html.Span(f"ring {order}", className="quiet"),
    ]


def _order_of(sub_graph: str, checkpoint: CheckpointInfo, result: EvaluationResult | None) -> str:
    """The order that plays this part: known from the scores, or by place before there are any."""
    for score in result.scores if result else ():
        if score.sub_graph == sub_graph:
            return score.order
    return checkpoint.graph.orders[min(SUB_GRAPHS.index(sub_graph), checkpoint.graph.n_orders - 1)]


def measured_over(result: EvaluationResult | None) -> str:
    return words.measured_over(result) if result else "Every query of the unedited model, without context."


def accuracy(checkpoint: CheckpointInfo, result: EvaluationResult | None) -> Node:
    """Task by order: before and after as a dumbbell, with the change."""
    orders = checkpoint.graph.orders
    head = html.Tr([html.Th(""), *(html.Th(_order_head(order, result)) for order in orders)])
    rows = []
    for task, (name, explained) in words.TASKS.items():
        cells = [html.Th(name, scope="row", **tip(explained))]
        for order in orders:
            score = next((item for item in result.scores if (item.task, item.order) == (task, order)), None) if result else None
            if score is not None:
                cells.append(_score_cell(score))
            else:
                cells.append(_base_cell(getattr(checkpoint.accuracy, task).get(order)))
        rows.append(html.Tr(cells))
    return html.Table([html.Thead(head), html.Tbody(rows)])


def _order_head(order: str, result: EvaluationResult | None) -> str:
    part = next((item.sub_graph for item in result.scores if item.order == order), None) if result else None
    return f"ring {order} · {part}" if part else f"ring {order}"


def _base_cell(value: float | None) -> Node:
    if value is None:
        return html.Td("–")
    return html.Td(_dumbbell(value, value, words.percent(value), ""), **{"data-after": f"{value:.6f}"})


def _score_cell(score: TaskScore) -> Node:
    accuracy, probability = score.accuracy, score.probability
    over = f"{score.n_queries} of {score.n_available} queries, {words.plural(score.n_contexts, 'context')} each"
    explained = (
        f"From {words.percent(accuracy.before)} to {words.percent(accuracy.after)} answered right, over {over}. "
        f"Mean probability of the truth: {probability.before:.2f} → {probability.after:.2f}."
    )
    body = _dumbbell(accuracy.before, accuracy.after, words.percent(accuracy.after), words.points(accuracy.change))
    numbers = {"data-before": f"{accuracy.before:.6f}", "data-after": f"{accuracy.after:.6f}"}
    return html.Td(body, **tip(explained), **numbers)


def _dumbbell(before: float, after: float, value: str, change: str) -> Node:
    low, high = sorted((100 * before, 100 * after))
    return html.Div(
        [
            html.Span(
                [
                    html.Span(className="span", style={"left": f"{low:.1f}%", "width": f"{high - low:.1f}%"}),
                    html.Span(className="dot-before", style={"left": f"{100 * before:.1f}%"}),
                    html.Span(className="dot-after", style={"left": f"{100 * after:.1f}%"}) if change else None,
                ],
                className="dumbbell",
            ),
            html.Span(value, className="number"),
            html.Span(change, className=f"delta {'down' if change.startswith('−') else ''}".strip()),
        ],
        className="score",
    )


def ripples(result: EvaluationResult | None) -> Node:
    if result is None:
        return html.P("Apply an edit to see what should follow from it, and what it breaks.", className="lead")
    head = ("fact", "why", "world said", "should now be", "before", "after")
    return _table(head, [_ripple(item) for item in result.ripples])


def _ripple(item: RippleFact) -> Node:
    follows = item.after.object == item.expected
    kept = item.after.object == item.truth
    verdict = "follows the edit" if follows else ("as before the edit" if kept else "neither")
    return html.Tr(
        [
            html.Td(f"{item.subject} {' '.join(item.relations)}"),
            html.Td([html.Span(item.kind, className=f"kind {item.kind}"), f" {item.explanation}"], className="prose"),
            html.Td(str(item.truth)),
            html.Td(str(item.expected)),
            html.Td(f"{item.before.object} ({words.percent(item.before.probability)})"),
            html.Td([f"{item.after.object} ({words.percent(item.after.probability)}) ", html.Span(verdict, className="quiet")]),
        ],
        className="follows" if follows else ("kept" if kept else "broken"),
    )


def _table(head: tuple[str, ...], rows: list[Node]) -> Node:
    return html.Div(
        html.Table([html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(rows)]), className="table-scroll"
    )
