"""Native form elements, a sortable table and plain elements as Dash components: their element *is* the control, so labels, keyboards, phones
and scripts know it.

The browser's half is `frontend_assets/components`.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component


class _Native(Component):
    _namespace = "shatterscope"
    _children_props: list[str] = []
    _base_nodes = ["children"]
    _valid_wildcard_attributes: list[str] = []
    available_wildcard_properties: list[str] = []
    available_properties: list[str] = []

    def __init__(self, **props: Any) -> None:
        self._prop_names = list(self.available_properties)
        given = {key: value for key, value in props.items() if value is not None}
        super().__init__(**given)  # type: ignore[no-untyped-call]


def _component(name: str, doc: str, properties: list[str]) -> type[_Native]:
    properties = ["id", "value", "label", "className", "disabled", "title", *properties]
    return type(
        name,
        (_Native,),
        {
            "__doc__": doc,
            "__module__": __name__,
            "_type": name,
            "available_properties": properties,
            "_prop_names": properties,
        },
    )


Field = _component(
    "Field",
    "A text or number input that reports its value on Enter, on leaving it and on its arrows, not on every key. `options` are texts that it offers "
    "while someone types.",
    ["type", "min", "max", "step", "placeholder", "describedby", "options"],
)
Range = _component(
    "Range",
    "A slider that reports while dragged, at most every `every` milliseconds.",
    ["min", "max", "step", "every", "log"],
)
Select = _component(
    "Select",
    "A native select; `options` are `{value, label}`, with a `group` where some stand under one heading.",
    ["options"],
)
Choice = _component(
    "Choice",
    "A segmented control: a radio group; `options` are `{value, label, title}`, `colors` one bar of colour under each.",
    ["options", "colors"],
)
Switch = _component("Switch", "A check box with its words beside it; the value is true or false.", [])
Checks = _component(
    "Checks",
    "Check boxes as chips; `groups` are `{label, items: [{label, tip, color, options, through}]}`, options `{value, label, title}`. The first of an item's "
    "`options` bears its name; those in its `through` are chosen for all chosen items at once, under the heading `through`. `picks` are buttons that choose "
    "many at once: `{label, value}`. The value is a list.",
    ["groups", "through", "picks"],
)
SortTable = _component(
    "SortTable",
    "A table sorted by a click or key on its heads. `columns` are `{key, label, tip, group, falling, bar}`, `rows` as in `shatterscope.app.pages.compare.rows`, "
    "`sort` the key of a column, with `-` before it for falling.",
    ["columns", "rows", "sort", "empty"],
)
Plain = _component(
    "Plain",
    "A `div` full of elements that no callback knows, `content` as `plain` tells them; `value` is its `data-value`. To Dash it is one component: each "
    "of its own costs a moment at every change of the page, and a table has a hundred.",
    ["content"],
)


def plain(node: Any) -> list[Any]:
    """Text, Dash's `html` elements and lists of both, as a list of texts and `[tag, attributes, *children]`.

    Raises:
        TypeError: for a component that is no plain element, or one that a callback could know.
    """
    if node is None:
        return []
    if isinstance(node, (list, tuple)):
        return [told for part in node for told in plain(part)]
    if not isinstance(node, Component):
        return [str(node)]
    props = dict(node.to_plotly_json()["props"])
    if node._namespace != "dash_html_components" or isinstance(props.get("id"), dict):
        raise TypeError(f"{node._type} is not a plain element")
    children = plain(props.pop("children", None))
    return [[node._type.lower(), props, *children]]
