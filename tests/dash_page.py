"""A page without a browser: the values of its elements, and the server's callbacks called as Dash's renderer calls them.

Callbacks of the browser are not called: what they would set is set by the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from httpx import Response
from starlette.testclient import TestClient

Json = dict[str, Any]
Place = tuple[str, str]  # an element's id, as JSON where it has parts, and a property
MATCH = ["MATCH"]
AT_MOST = 50  # links of a chain of callbacks


class DashPage:
    def __init__(self, pages: TestClient, prefix: str) -> None:
        self.pages, self.prefix = pages, prefix
        self.values: dict[Place, Any] = {}
        found = pages.get(f"{prefix}_dash-dependencies").json()
        self.callbacks = [each for each in found if not each["clientside_function"]]
        self._follow([], self._take(pages.get(f"{prefix}_dash-layout").json()))

    def set(self, id: str, name: str, value: Any) -> None:
        """Sets a property of an element, and calls what follows from it."""
        self.values[id, name] = value
        self._follow([(id, name)], [])

    def call(self, body: Json) -> Response:
        """Called for every callback while the page is used."""
        return self.ask(body)

    def ask(self, body: Json) -> Response:
        return self.pages.post(f"{self.prefix}_dash-update-component", json=body)

    def _follow(self, changed: list[Place], new: list[Place]) -> None:
        """`changed` have another value; `new` have just come, for callbacks that are called at once."""
        for _ in range(AT_MOST):
            calls = [call for each in self.callbacks for call in self._calls(each, changed, new)]
            if not calls:
                return
            changed, new = [], []
            for callback, body in calls:
                self._answer(callback, body, changed, new)
        raise AssertionError(f"{self.prefix}: callbacks without end")

    def _calls(self, callback: Json, changed: list[Place], new: list[Place]) -> Iterator[tuple[Json, Json]]:
        places = changed if callback["prevent_initial_call"] else [*changed, *new]
        by = [(each, place) for each in callback["inputs"] for place in places if _matches(each, place)]
        told = [".".join(place) for _, place in by]
        # A callback for each of several elements is called for that which has changed; where all share what has changed, for all.
        several = [each for each in callback["inputs"] if MATCH in _parts(each["id"]).values()]
        own = [(each, place) for each, place in by if each in several]
        every = [(each, place) for each in several for place in self.values if _matches(each, place)]
        if not several and by:
            yield callback, self._body(callback, told, {})
        elif by:
            names = [_bound(each, place) for each, place in (own if len(own) == len(by) else every)]
            for name in {_text(name): name for name in names}.values():
                yield callback, self._body(callback, told, name)

    def _body(self, callback: Json, told: list[str], names: Json) -> Json:
        parts = [part.rpartition(".")[::2] for part in callback["output"].strip(".").split("...")]
        outputs = [{"id": _named(id, names), "property": name.partition("@")[0]} for id, name in parts]
        several = callback["output"].startswith("..")
        values = {part: [self._value(each, names) for each in callback[part]] for part in ("inputs", "state")}
        answered = outputs if several else outputs[0]
        return {"output": callback["output"], "outputs": answered, **values, "changedPropIds": told}

    def _value(self, wanted: Json, names: Json) -> Any:
        """Of a pattern that stands for many a list of all that match it."""
        id, name = _named(wanted["id"], names), wanted["property"]
        if isinstance(id, str) or not any(isinstance(part, list) for part in id.values()):
            return {"id": id, "property": name, "value": self.values.get((_text(id), name))}
        found = [(place, value) for place, value in self.values.items() if _matches(wanted, place)]
        return [{"id": _parts(id), "property": name, "value": value} for (id, _), value in found]

    def _answer(self, callback: Json, body: Json, changed: list[Place], new: list[Place]) -> None:
        answer = self.call(body)
        assert answer.status_code in (200, 204), (body["output"], answer.text)
        if answer.status_code == 204:
            return
        for id, props in answer.json()["response"].items():
            for name, value in props.items():
                new += self._take(value)
                self.values[id, name] = value
                # Nothing is set off by its own answer.
                if not any(_matches(each, (id, name)) for each in callback["inputs"]):
                    changed.append((id, name))

    def _take(self, node: Any) -> list[Place]:
        """The values of all elements in a piece of layout."""
        if isinstance(node, list):
            return [place for each in node for place in self._take(each)]
        if not isinstance(node, dict) or not isinstance(node.get("props"), dict):
            return []
        props: Json = node["props"]
        found = {(_text(props["id"]), name): value for name, value in props.items()} if "id" in props else {}
        self.values |= found
        return [*found, *(place for value in props.values() for place in self._take(value))]


def _parts(id: str) -> Json:
    return json.loads(id) if id.startswith("{") else {}


def _text(id: str | Json) -> str:
    return id if isinstance(id, str) else json.dumps(id, sort_keys=True, separators=(",", ":"))


def _named(id: str, names: Json) -> str | Json:
    """As a page names it: of a pattern the element that `names` belongs to."""
    return {**_parts(id), **names} if id.startswith("{") else id


def _bound(wanted: Json, place: Place) -> Json:
    """What names the one element, of those that the pattern stands for."""
    return {key: _parts(place[0])[key] for key, part in _parts(wanted["id"]).items() if part == MATCH}


def _matches(wanted: Json, place: Place) -> bool:
    id, name = place
    if name != wanted["property"]:
        return False
    pattern, found = _parts(wanted["id"]), _parts(id)
    if not pattern:
        return bool(id == wanted["id"])
    return pattern.keys() == found.keys() and all(
        isinstance(part, list) or part == found[key] for key, part in pattern.items()
    )
