"""What a link says besides the state: the weights it was made on (`h`; the address bar too, where there are edits), and, where it was copied,
by which version of this format (`ver`).

`h=<first 12 hex of the weights' sha256>~<entities>~<orders>~<hops>`: the shape finds the nearest checkpoint where the weights are
not here. A link is never silently shown as something else: what is missing is named, and the nearest is offered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from shatterscope.app.kit import actions, options
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.state import Edit, ViewState
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

VERSION = 1
KEYS = ("h", "ver")
MADE = ("e=", "run=")  # what is of one checkpoint alone: edits, results
HASH = 12  # digits: of a handful of checkpoints no two begin alike

_PIN = re.compile(r"([0-9a-f]{8,64})(?:~([0-9]{1,7})~([0-9]{1,3})~([0-9]{1,3}))?")
Shape = tuple[int, int, int]  # entities, orders, hops


@dataclass(frozen=True)
class Pin:
    """`sha256`: how the hash begins. None where the link does not say, or not legibly."""

    sha256: str | None = None
    shape: Shape | None = None
    version: int | None = None

    @classmethod
    def from_query(cls, query: str) -> Pin:
        """Never fails."""
        try:
            found = dict(parse_qsl(query.lstrip("?"), max_num_fields=400))
        except ValueError:
            return cls()
        match = _PIN.fullmatch(found.get("h", ""))
        version = found.get("ver", "")
        shape = (int(match[2]), int(match[3]), int(match[4])) if match and match[2] else None
        readable = re.fullmatch(r"[0-9]{1,6}", version)
        return cls(match[1] if match else None, shape, int(version) if readable else None)


def pin(checkpoint: CheckpointInfo) -> str:
    """The value of `h`."""
    return "~".join((checkpoint.sha256[:HASH], *map(str, shape_of(checkpoint))))


def shape_of(checkpoint: CheckpointInfo) -> Shape:
    graph = checkpoint.graph
    return graph.n_entities, graph.n_orders, graph.n_hops


def pinned(query: str, checkpoint: CheckpointInfo) -> str:
    """The query of a link to this view that says all it needs; with `?`."""
    parts = [part for part in query.lstrip("?").split("&") if part and part.partition("=")[0] not in ("c", *KEYS)]
    return "?" + "&".join((f"c={checkpoint.id}", *parts, f"h={pin(checkpoint)}", f"ver={VERSION}"))


def address(query: str, checkpoint: CheckpointInfo) -> str:
    """The query of a view as the address bar shows it: short, but what was made says on which weights."""
    made = any(part.startswith(MADE) for part in query.split("&"))
    return f"{query}&h={pin(checkpoint)}" if made else query


@dataclass(frozen=True)
class Offer:
    """The nearest view to one that cannot be shown."""

    label: str
    view: ViewState


@dataclass(frozen=True)
class Opened:
    """What a link leads to here. `missing` are sentences, empty where everything is as the link says; `instead` says what is shown."""

    view: ViewState
    checkpoint: CheckpointInfo
    missing: list[str] = field(default_factory=list)
    instead: str = ""
    offer: Offer | None = None
    exact: bool = True  # the picture is the link's
    nearest: ViewState | None = (
        None  # the link's own view where it can be asked for here, though it will be another picture
    )


def opening(view: ViewState, checkpoints: list[CheckpointInfo]) -> ViewState:
    """An address that says nothing opens on a question whose picture is a ring."""
    if view != ViewState():
        return view
    return replace(view, relation=options.find_checkpoint(checkpoints, None).opening)


def open_link(
    view: ViewState, found: Pin, checkpoints: list[CheckpointInfo], editors: list[EditorInfo] | None = None
) -> Opened:
    """`checkpoints` is not empty; `editors`: look whether the edits can be made (None: they will be made otherwise)."""
    opened = _on_weights(view, found, checkpoints)
    if opened.exact and editors is not None:
        opened = _with_editors(opened, editors)
    if found.version is not None and found.version > VERSION:
        newer = f"This link was made by a newer version (its format is {found.version}, here it is {VERSION}): what is new in it is left out."
        return replace(opened, missing=[newer, *opened.missing])
    if found.version is not None and found.version < VERSION and opened.missing:
        return replace(opened, missing=["This link was made by an older version.", *opened.missing])
    return opened


def _on_weights(view: ViewState, found: Pin, checkpoints: list[CheckpointInfo]) -> Opened:
    by_id = {item.id: item for item in checkpoints}
    default = options.find_checkpoint(checkpoints, None)
    here = by_id.get(view.checkpoint or default.id)
    if here is not None and (found.sha256 is None or here.sha256.startswith(found.sha256)):
        return Opened(view, here)
    named = view.checkpoint or "of this link"
    twin = next((item for item in checkpoints if found.sha256 and item.sha256.startswith(found.sha256)), None)
    if twin is not None:
        said = f"The weights of checkpoint {named} are here under the name {twin.id}."
        return Opened(replace(view, checkpoint=twin.id), twin, [said])
    if here is not None:
        said = (
            f"This link was made on other weights of {here.id} ({found.sha256}…; here they are {here.sha256[:HASH]}…): "
            "they are not on this server, and its numbers would be others."
        )
        return _instead(view, here, f"on {here.id} as it is here", said)
    weights = f" (weights {found.sha256}…)" if found.sha256 else ""
    said = f"Checkpoint {named}{weights} is not here."
    if found.shape is None:
        return _instead(view, default, f"on {default.id}", said)
    alike = [item for item in checkpoints if shape_of(item) == found.shape]
    entities, groups, hops = found.shape
    shape = (
        f"{entities} entities on {groups} rings, up to {hops} steps"
        if hops
        else f"{entities} entities in {groups} groups"
    )
    if not alike:
        return _instead(view, default, None, f"{said} None here has its shape ({shape}).")
    near = default if default in alike else alike[0]
    return _instead(view, near, f"on {near.id}, which has the same shape", f"{said} {near.id} has its shape ({shape}).")


def _instead(view: ViewState, near: CheckpointInfo, where: str | None, said: str) -> Opened:
    """The unedited `near`, and its edits made there on request only."""
    shown, nearest = replace(view, checkpoint=near.id, edits=()), replace(view, checkpoint=near.id) if where else None
    if not view.edits:
        return Opened(shown, near, [said], f"{near.id} is shown.", exact=False, nearest=nearest)
    offer = Offer(f"Make its edits {where}", nearest) if nearest else None
    return Opened(shown, near, [said], f"{near.id} is shown without edits.", offer, exact=False, nearest=nearest)


def _with_editors(opened: Opened, editors: list[EditorInfo]) -> Opened:
    edits, missing = nearest(opened.view.edits, opened.checkpoint, editors)
    if not missing:
        return opened
    said = f"Its edits need what is not here: {', '.join(dict.fromkeys(missing))}."
    offer = Offer("Make them with the nearest there is", replace(opened.view, edits=edits)) if edits else None
    return replace(
        opened,
        view=replace(opened.view, edits=()),
        missing=[*opened.missing, said],
        instead="The model is shown without edits.",
        offer=offer,
        exact=False,
        nearest=offer.view if offer else None,
    )


def nearest(edits: Stack, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> tuple[Stack, list[str]]:
    """The edits as they can be made here, and the name of each thing that is not here."""
    made, missing = [], []
    for edit in edits:
        fact = _missing_fact(edit, checkpoint)
        missing.extend(fact)
        edit, lacking = _nearest_tool(edit, checkpoint, editors)
        missing.extend(lacking)
        if not fact:
            made.append(edit)
    return tuple(made), missing


def _missing_fact(edit: Edit, checkpoint: CheckpointInfo) -> list[str]:
    graph, target = checkpoint.graph, edit.target
    found = []
    if edit.subject >= graph.n_entities:
        found.append(f"entity {edit.subject}")
    if edit.relation not in graph.relations:
        found.append(f"relation {edit.relation}")
    if target.object is not None and target.object >= graph.n_entities:
        found.append(f"entity {target.object}")
    return found


def _nearest_tool(edit: Edit, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> tuple[Edit, list[str]]:
    here = on_model(editors, checkpoint)
    editor = next((each for each in here if each.name == edit.method), None)
    if editor is None:
        plain = Edit(edit.subject, edit.relation, edit.target, here[0].name, strength=edit.strength)
        elsewhere = any(each.name == edit.method for each in editors)
        why = "it is not offered on a language model" if elsewhere else "no package that is installed has it"
        return plain, [f"method {edit.method} ({why})"]
    missing = []
    if edit.preset is not None and edit.preset not in {preset.name for preset in editor.presets}:
        missing.append(f"preset {edit.preset} of {editor.title}")
        edit = replace(edit, preset=None)
    if edit.layer is not None and edit.layer not in range(checkpoint.model.n_layers):
        missing.append(f"layer {edit.layer} for {editor.title}")
        edit = replace(edit, layer=None)
    if edit.implied and not editor.batches:
        missing.append(f"all that it implies: {editor.title} writes one fact at a time")
        edit = replace(edit, implied=False)
    known = actions.properties(editor, edit.parameters)
    unknown = [name for name in edit.parameters if name not in known]
    if unknown:
        missing.extend(f"parameter {name} of {editor.title}" for name in unknown)
        edit = replace(edit, parameters={name: value for name, value in edit.parameters.items() if name in known})
    return edit, missing
