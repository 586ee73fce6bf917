"""What was foreseen of the last edit, beside what it did: entity by entity, and on the whole."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html

from shatterscope.app.kit import batches, theme, words
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.figures.prediction import prediction_image
from shatterscope.app.kit.parts import Node, table
from shatterscope.app.kit.state import Edit
from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.app.pages.explore.views import prediction as said
from shatterscope.wire.predictions import ExpectedDamage, MeasuredMove, PredictionResult

NAMES = {"edit": "R, edit", "retain": "R, retain", "test": "R, test", "loss": "recall lost, points, all {}s"}


@dataclass(frozen=True)
class Foretold:
    """The last edit that is there, and what was foreseen of it and measured."""

    edit: Edit
    found: PredictionResult


async def _needs(client: Client, checkpoint: str, edits: Stack) -> Foretold:
    made = batches.made(edits) or edits
    return Foretold(made[-1], await client.prediction(checkpoint, made, measured=True))


def prediction(told: Foretold, noun: str = "ring") -> Node:
    """`noun`: what the world's groups are called."""
    found, move = told.found, told.found.move
    if found.problem:
        return html.P(found.problem, className="lead")
    assert move is not None
    return html.Div(
        [html.Div([_entities(found, move, told.edit), _whole(told, noun)], className="tables")], className="prediction"
    )


def _entities(found: PredictionResult, move: MeasuredMove, edit: Edit) -> Node:
    method = theme.method_name(edit.method)
    if found.overlap is None:
        why = said.GATED if found.writes == "gate" else f"{method} writes in no one direction that is known before."
        return html.P(f"Entity by entity nothing was predicted. {why} {_changed(move)}", className="lead")
    overlap, displacement = decode(found.overlap).ravel(), decode(move.displacement).ravel()
    rows = list(range(len(overlap))) if found.entities is None else found.entities
    edited = rows.index(edit.subject) if edit.subject in rows else None
    alone = f"Spearman {_number(move.spearman)} over {len(overlap)} entities of {found.relation}"
    return html.Figure(
        [
            html.Img(
                src=prediction_image(overlap, displacement, edited),
                alt=f"Predicted overlap against actual displacement of each entity: {alone}",
            ),
            html.Figcaption(
                [
                    html.B(f"{alone}. ", **{"data-spearman": _number(move.spearman)}),
                    (
                        "Across: how far each entity was to move, by the overlap of its key with the direction of the edit; the edited one (red) by 1. "
                        f"Up: how far it did. {_changed(move)}"
                    ),
                ],
                className="lead",
            ),
        ]
    )


def _changed(move: MeasuredMove) -> str:
    told = f"{words.plural(move.changed, 'answer')} changed"
    if move.auc is None:
        return f"{told}."
    return f"{told}; overlap over the answer’s lead ranks these above the others with AUC {_number(move.auc)}."


def _whole(told: Foretold, noun: str) -> Node:
    found = told.found
    if not found.expected:
        return html.P(said.why_not(found, told.edit), className="lead") if found.writes != "gate" else None
    head = ("", "expected", "two of three within", "measured")
    note = (
        ""
        if "stack" not in found.outside
        else " They were made alone, so behind other edits nothing is measured beside."
    )
    return html.Div(
        [
            table(head, [_row(each, noun) for each in found.expected]),
            html.P(f"{said.fitted_on(found, theme.method_name(told.edit.method))}{note}", className="lead"),
        ]
    )


def _row(each: ExpectedDamage, noun: str) -> Node:
    def number(value: float) -> str:
        return words.fixed(value, 1, 100) if each.of == "loss" else words.shattering(value)

    inside = each.measured is not None and each.low <= each.measured <= each.high
    cells = [
        html.Td(number(each.value)),
        html.Td(f"{number(each.low)} to {number(each.high)}"),
        html.Td("–" if each.measured is None else number(each.measured), className="inside" if inside else ""),
    ]
    return html.Tr([html.Th(NAMES[each.of].format(noun), scope="row"), *cells], **{"data-expected": each.of})


def _number(value: float | None) -> str:
    return "–" if value is None else words.fixed(value, 3)


def _markup(found: Foretold, around: Around) -> Node:
    return prediction(found, around.world.noun)


PREDICTION = Panel(
    name="prediction",
    title="Predicted damage",
    link="Predicted damage",
    lead="What could be known of the last edit before any weight changed, beside what it did.",
    unfold="Hold the prediction against what happened",
    waiting="The keys are compared, and the edit is measured …",
    failed="The prediction could not be computed",
    needs=_needs,
    markup=_markup,
    of="trained",
)
