"""Small pieces the page is built of."""

from __future__ import annotations

from typing import Any

from dash import html

from shatterscope.app.kit import words

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


def teaches(old: int, new: int | None, distance: int | None) -> list[Node]:
    """What the next edit teaches; `distance` is None where the new object was given by itself."""
    if new == old:
        return ["Teach it the truth: ", html.B(str(new), className="new")]
    steps = (
        ""
        if distance is None
        else f", {words.plural(abs(distance), 'step')} {'past' if distance > 0 else 'before'} the truth"
    )
    return ["Teach it ", html.B(str(new), className="new"), f" instead of {old}{steps}."]
