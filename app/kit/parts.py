"""Small pieces the page is built of."""

from __future__ import annotations

from typing import Any

from dash import html

from shatterscope.app.kit import ids, words
from shatterscope.app.kit.aims import Aim
from shatterscope.app.kit.components import Field, Select
from shatterscope.app.kit.world import World

Node = Any


def tip(text: str) -> dict[str, str]:
    """Attributes that show `text` on hover and focus, and read it out (see `frontend_assets/kit/tip.js`)."""
    return {"data-tip": text, "tabIndex": "0"}


def turnable(name: str) -> dict[str, str]:
    """Attributes of a scene that the keyboard reaches (`frontend_assets/scene/turn.js`)."""
    told = f"{name}: the representations in space. Arrow keys turn them, + and - come nearer and go away."
    return {"tabIndex": "0", "aria-label": told}


def labelled(text: str, *children: Node, hint: str | None = None, className: str = "") -> Node:
    """A control with its visible name. The control itself carries the accessible name."""
    name = html.Span(text, className="name", **(tip(hint) if hint else {}))
    return html.Div([name, *children], className=f"labelled {className}".strip())


DISTANCE_HINT = (
    "How many steps along the ring the new, false object lies from the true one. Negative goes anticlockwise. In a world of other shape: steps along "
    "the lines of the pictures."
)


def pickers() -> list[Node]:
    """Of a question in a world that is not of rings: those that its `data-world` hides where they do not belong."""
    return [
        labelled(
            "entity",
            Field(id=ids.ENTITY, type="text", options=[], label="subject: a name or a number"),
            className="of-names wide",
        ),
        labelled(
            "relation", Select(id=ids.RELATION, options=[], label="relation that is asked"), className="of-others wide"
        ),
    ]


def new_object() -> Node:
    """The picker of the new object by its name."""
    field = Field(id=ids.OBJECT, type="text", options=[], label="new object: a name or a number")
    return labelled("new object", field, className="of-names wide")


def either(rings: str, other: str) -> list[Node]:
    """What is said of the paper's world, and of any other: `data-world` of an element around it shows the one or the other."""
    return [html.Span(rings, className="of-rings"), html.Span(other, className="of-others")]


def problem(ident: str) -> Node:
    """A place for a message about something that went wrong, read out when it appears."""
    return html.Div(id=ident, className="problem", role="alert")


def card(title: str, *children: Node, className: str = "") -> Node:
    return html.Section([html.H2(title), *children], className=f"card {className}".strip(), **{"aria-label": title})


def table(head: tuple[Node, ...], rows: list[Node]) -> Node:
    return html.Div(
        html.Table([html.Thead(html.Tr([html.Th(text, scope="col") for text in head])), html.Tbody(rows)]),
        className="table-scroll",
        tabIndex="0",  # so that the keyboard can scroll it
    )


def sentences(parts: list[Node]) -> Node:
    """One after the other: text, or elements where there are any among them."""
    if all(isinstance(part, str) for part in parts):
        return " ".join(parts)
    return [item for part in parts for item in (part, " ")]


def teaches(aim: Aim, distance: int | None, world: World) -> list[Node]:
    """What the next edit teaches; `distance` is None where it is not to be told."""
    if not aim.truths or aim.new is None:
        return ["There is nothing to teach here."]
    new, old = world.name(aim.new), world.name(aim.truths[0])
    if aim.new in aim.truths:
        return ["Teach it the truth: ", html.B(new, className="new")]
    if distance is None:
        steps = ""
    elif world.rings:
        steps = f", {words.plural(abs(distance), 'step')} {'past' if distance > 0 else 'before'} the truth"
    else:
        steps = f", {words.plural(distance, 'step')} away"
    return ["Teach it ", html.B(new, className="new"), f" instead of {old}{words.one_of(len(aim.truths))}{steps}."]
