"""The edit stack as chips, and what each edit did."""

from __future__ import annotations

from dash import html

from app import words
from app.actions import Stack
from app.layout.parts import Node, table, tip
from backend.schemas import EditResult


def chips(edits: Stack, result: EditResult | None) -> list[Node]:
    shown: list[Node] = [html.Span(["model = ", html.B("base")], className="equation")]
    if not edits:
        shown.append(html.Span("no edits yet", className="quiet"))
    for index, edit in enumerate(edits):
        done = result.edits[index] if result is not None else None
        where = (
            f"{edit.subject} {edit.relation} → {done.new_object}"
            if done
            else f"{edit.subject} {edit.relation} {words.target(edit)}"
        )
        note = words.outcome(done) if done else "not computed yet"
        detail = f"d = {done.distance}" if done and done.kind == "counterfactual" else ("corrective" if done else "")
        strength = f" × {edit.strength:.2f}" if edit.strength != 1 else ""
        failed = " failed" if done and not done.success else ""
        shown.append(html.Span("+", className="plus"))
        shown.append(
            html.Span(
                [
                    html.Span([html.B(where), html.Span(f"{detail}{strength}", className="quiet")], **tip(note)),
                    html.Button(
                        "×",
                        id={"type": "remove", "index": f"{index}~{edit}"},
                        **{"aria-label": f"remove edit {index + 1}"},
                    ),
                ],
                className=f"chip edit{failed}",
                role="listitem",
            )
        )
    if edits:
        shown[0] = html.Span(
            ["model = ", html.B("base"), f" + {words.plural(len(edits), 'edit')}:"], className="equation"
        )
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
    return table(head, rows)
