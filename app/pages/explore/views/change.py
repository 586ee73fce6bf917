"""The next edit: the ring legend, the method's parameters, the model's mistakes."""

from __future__ import annotations

import re
from typing import Any

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.actions import Resolved, properties
from shatterscope.app.kit.components import Field, Select
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.state import RESTRAINT, UNRESTRAINED
from shatterscope.app.kit.words import Name
from shatterscope.app.kit.world import World
from shatterscope.wire.edits import EditorInfo, ImpliedFact, RestraintInfo
from shatterscope.wire.world import ErrorList

LINES = "Lines join neighbours in the world."


def legend(world: World, group: str, marks: dict[str, int]) -> list[Node]:
    """Of a ring the places of the marked entities on it; of other groups a line that explains the colours. `marks`: the entity by role."""
    place = world.positions(group)
    if not world.closed(group):
        return [html.Span(world.colors_told(group), className="legend-line", **{"data-tip": LINES})]
    n = sum(at >= 0 for at in place)
    ticks = [
        html.Span(
            className=f"tick {role}",
            style={"--turn": f"{360 * (place[entity] / n):.2f}deg", "transform": "rotate(var(--turn))"},
            **{"data-name": world.name(entity)},
        )
        for role, entity in marks.items()
        if place[entity] >= 0
    ]
    return [*ticks, html.Span(group if world.rings else "", className="legend-name")]


def form_owner(tool: dict[str, Any], method: str | None, preset: str | None) -> str:
    """What a form's fields belong to: fields of another method or preset, or from before the layers or the restraint were chosen, do not count."""
    parameters = tool.get("parameters", {})
    return f"{method}/{preset}/{parameters.get('spread')}/{parameters.get(RESTRAINT, UNRESTRAINED)}"


def parameter_form(resolved: Resolved, owner: str) -> list[Node]:
    """One field for each property of the method's JSON Schema, with the preset's value where it was changed."""
    fields: list[Node] = []
    for name, schema in properties(resolved.editor, resolved.parameters).items():
        value, preset = resolved.parameters.get(name), resolved.preset_parameters.get(name)
        fields.append(
            html.Div(
                [
                    html.Span(
                        name.replace("_", " ").replace(".", ", "),
                        className="name",
                        **tip(str(schema.get("description", name))),
                    ),
                    _parameter(owner, name, schema, value),
                    html.Span(f"preset {preset}", className="quiet") if value != preset else None,
                ],
                className="labelled",
            )
        )
    summary = next((preset.summary for preset in resolved.editor.presets if preset.name == resolved.preset), "")
    fields.insert(0, html.P([html.B(f"Preset {resolved.preset}. "), summary], className="lead"))
    if resolved.restraint is not None:
        title, told = about(resolved.restraint)
        fields.append(html.Details([html.Summary(title), html.Div(told, className="restraint-note")]))
    return fields


IMPLIES = (
    "What follows from the new fact by the rules of its world, and is not answered so already, is written together with it, as one change of the "
    "weights: read backwards, along two relations, and what the old fact implied."
)


def cannot_imply(editor: EditorInfo, editors: list[EditorInfo]) -> tuple[str, str]:
    """Why the switch is greyed."""
    able = [each.title for each in editors if each.batches]
    return f"{editor.title} writes one fact at a time", f"{IMPLIES} {', '.join(able)} can."


def joining(found: list[ImpliedFact], name: Name) -> tuple[str, str]:
    """How many facts join the next edit, and which."""
    if not found:
        return "nothing else has to change", IMPLIES
    told = [f"{name(each.subject)} {' '.join(each.relations)} → {name(each.new_object)}" for each in found]
    return f"{words.plural(len(found), 'fact')} join{'s' if len(found) == 1 else ''}", "; ".join(told)


def about(editor: EditorInfo | RestraintInfo) -> tuple[str, list[Node]]:
    """A fold on a method, or a restraint: its title; and what it does, its formula, its reference."""
    what, _, paper = editor.reference.partition("arXiv ")
    number = re.match(r"[0-9.]+[0-9]", paper)
    reference: list[Node] = [editor.reference]
    if number:
        link = html.A(
            f"arXiv {number[0]}", href=f"https://arxiv.org/abs/{number[0]}", target="_blank", rel="noopener noreferrer"
        )
        reference = [what, link, paper[number.end() :]]
    formula = [html.Code(part.strip()) for part in editor.formula.split(",  ")]
    package = editor.package if isinstance(editor, EditorInfo) else None
    return f"What {editor.title} does", [
        html.P(editor.summary),
        html.Div(formula, className="formula"),
        html.P(reference, className="quiet"),
        *([html.P(words.origin(package), className="quiet")] if package else []),
    ]


def _parameter(owner: str, name: str, schema: dict[str, Any], value: Any) -> Node:
    ident = {"type": "param", "name": name, "of": owner}
    label = str(schema.get("title", name))
    if "enum" in schema:
        return Select(
            id=ident, options=[{"value": item, "label": str(item)} for item in schema["enum"]], value=value, label=label
        )
    if schema.get("type") == "boolean":
        choices = [{"value": "true", "label": "yes"}, {"value": "false", "label": "no"}]
        return Select(id=ident, options=choices, value=str(bool(value)).lower(), label=label)
    if schema.get("type") in ("integer", "number"):
        step = 1 if schema["type"] == "integer" else "any"
        return Field(
            id=ident,
            type="number",
            min=schema.get("minimum"),
            max=schema.get("maximum"),
            step=step,
            value=value,
            label=label,
        )
    return Field(id=ident, type="text", value=value, label=label)


def error_list(found: ErrorList, name: Name = str) -> list[Node]:
    if not found.errors:
        return [html.P("This model gets every fact right.", className="lead")]
    lead = f"{words.plural(found.total, 'fact')} wrong. Pick one, then apply: a corrective edit teaches the truth."
    buttons = [
        html.Button(
            f"{name(item.subject)} {item.relation} → {name(item.object)}",
            id={"type": "mend", "index": f"{item.subject}~{item.relation}~{item.object}"},
            title=f"the model says {name(item.prediction)}; p(truth) = {item.probability:.2f}",
            className="chip",
        )
        for item in found.errors
    ]
    return [html.P(lead, className="lead"), html.Div(buttons, className="chips")]
