"""The dashboard's markup as plain HTML, for files that are read without it."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from shatterscope.app.kit.parts import Node

NAMES = {"className": "class", "htmlFor": "for"}
VOID = {"br", "col", "hr", "img", "wbr"}
SILENT = {"children", "n_clicks", "n_clicks_timestamp", "key", "disable_n_clicks", "style"}


class Written(str):
    """Text that is HTML already."""


def to_html(node: Node) -> str:
    """Text is escaped; of elements only Dash's `html` ones are known.

    Raises:
        TypeError: for a component that is no plain element.
    """
    if node is None:
        return ""
    if isinstance(node, (list, tuple)):
        return "".join(map(to_html, node))
    if isinstance(node, Written):
        return str(node)
    if isinstance(node, (str, int, float)):
        return escape(str(node), quote=False)
    plain = node.to_plotly_json()
    if plain["namespace"] != "dash_html_components":
        raise TypeError(f"{plain['type']} is not a plain element")
    tag, props = plain["type"].lower(), plain["props"]
    opening = f"<{tag}{''.join(_attributes(props))}>"
    return opening if tag in VOID else f"{opening}{to_html(props.get('children'))}</{tag}>"


def _attributes(props: dict[str, Any]) -> list[str]:
    found = [
        f' {NAMES.get(name, name.lower())}="{escape(str(value))}"'
        for name, value in props.items()
        if name not in SILENT and isinstance(value, (str, int, float)) and not isinstance(value, bool)
    ]
    found += [f" {name.lower()}" for name, value in props.items() if value is True]
    if style := props.get("style"):
        written = ";".join(f"{_kebab(name)}:{value}" for name, value in style.items())
        found.append(f' style="{escape(written)}"')
    return found


def _kebab(name: str) -> str:
    return name if name.startswith("--") else re.sub(r"[A-Z]", lambda match: "-" + match[0].lower(), name)
