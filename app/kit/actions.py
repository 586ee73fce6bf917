"""What the page's controls do to the state: pure functions, no web.

The history holds edit stacks only; looking around is not something to undo. Moving the strength slider replaces the present
stack instead of adding to the history, so that undo goes back a whole edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from shatterscope.app.kit import batches
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.state import (
    DEFAULT_RELATION,
    RESTRAINT,
    UNRESTRAINED,
    Edit,
    Parameters,
    See,
    Target,
    Tool,
    ViewState,
)
from shatterscope.wire.edits import MAX_EDITS, MAX_STRENGTH, EditorInfo, RestraintInfo
from shatterscope.wire.world import CheckpointInfo


class Refused(Exception):
    """An action that cannot be done now, with the reason for the person at the page."""


@dataclass(frozen=True)
class History:
    """The view state and the stacks before and after it."""

    view: ViewState = ViewState()
    past: tuple[Stack, ...] = field(default_factory=tuple)
    future: tuple[Stack, ...] = field(default_factory=tuple)

    def with_edits(self, edits: Stack) -> History:
        if edits == self.view.edits:
            return self
        return History(replace(self.view, edits=edits), (*self.past, self.view.edits), ())

    def apply(self, edit: Edit) -> History:
        if len(self.view.edits) >= MAX_EDITS:
            raise Refused(f"A stack holds at most {MAX_EDITS} edits. Undo or reset before adding another.")
        return self.with_edits((*self.view.edits, edit))

    def remove(self, index: int) -> History:
        return self.with_edits(batches.without(self.view.edits, index))

    def join(self, index: int, editors: list[EditorInfo]) -> History:
        """Edit `index` and the one before it as one batch, or no longer so. Raises `Refused` where they cannot be one."""
        edits = self.view.edits
        if not 0 < index < len(edits):
            return self
        if batches.joined(edits, index):
            return self.with_edits(batches.part(edits, index))
        if reason := batches.obstacle(edits, index, batching(editors)):
            raise Refused(reason)
        return self.with_edits(batches.join(edits, index))

    def write(self, index: int, layer: int, token: str, editors: list[EditorInfo]) -> History:
        """Edit `index`, and all that is written together with it, at another layer and token."""
        edits = self.view.edits
        moved = batches.step(edits, index)
        return self.with_edits(
            tuple(at_place(edit, layer, token, editors) if i in moved else edit for i, edit in enumerate(edits))
        )

    def reset(self) -> History:
        return self.with_edits(())

    def undo(self) -> History:
        """Back to the stack before; a page opened from a link has no past, there the last edit goes."""
        now = self.view.edits
        if not self.past and not now:
            return self
        before = self.past[-1] if self.past else now[:-1]
        return History(replace(self.view, edits=before), self.past[:-1], (now, *self.future))

    def redo(self) -> History:
        if not self.future:
            return self
        return History(replace(self.view, edits=self.future[0]), (*self.past, self.view.edits), self.future[1:])

    def at(self, edits: Stack) -> History | None:
        """The same history with `edits` as the present stack, where they stand in it; the present itself comes first."""
        stacks = (*self.past, self.view.edits, *self.future)
        now = len(self.past)
        found = sorted((abs(place - now), place) for place, stack in enumerate(stacks) if stack == edits)
        if not found:
            return None
        place = found[0][1]
        return History(replace(self.view, edits=edits), stacks[:place], stacks[place + 1 :])

    def cancelled(self, complete: ViewState) -> History:
        """Back to the last `complete` view. What was given up can be redone, and the next edit stays as it was prepared."""
        if complete.checkpoint != self.view.checkpoint:
            return History(complete)
        view = replace(complete, tool=self.view.tool, camera=self.view.camera)
        if (view.subject, view.relation) == (self.view.subject, self.view.relation):
            view = replace(view, target=self.view.target)
        found = self.at(view.edits)
        if found is None and not view.edits:  # opened from a link: there was nothing before
            found = History(future=(self.view.edits, *self.future))
        return replace(found or self, view=view)

    def strength(self, value: float, index: int = -1) -> History:
        """Edit `index` scaled, the last one unless told otherwise, and with it all that is written together with it."""
        strength = min(max(value, -MAX_STRENGTH), MAX_STRENGTH)
        return replace(self, view=replace(self.view, edits=batches.with_strength(self.view.edits, strength, index)))

    def checkpoint(self, name: str | None) -> History:
        """Another checkpoint is another world: the edits of the old one mean nothing there."""
        if name == self.view.checkpoint:
            return self
        blank = ViewState()
        see = replace(self.view.see, relation=None, site=None)
        return History(replace(blank, checkpoint=name, camera=self.view.camera, see=see, lecture=self.view.lecture))


def _opened(view: ViewState, checkpoint: CheckpointInfo) -> ViewState:
    """A view without a question of this checkpoint, with the one that it opens on; whatever else the view says stays."""
    asked = ViewState.from_query(checkpoint.view)[0]
    if not checkpoint.view:
        asked = replace(asked, relation=DEFAULT_RELATION if checkpoint.graph.kind == "rings" else checkpoint.opening)
    return replace(
        view,
        subject=asked.subject if view.subject == 0 else view.subject,
        relation=asked.relation,
        target=asked.target if view.target == Target() else view.target,
        tool=asked.tool if view.tool == Tool() else view.tool,
        see=asked.see if view.see == See() else view.see,
    )


def _asks_nothing(view: ViewState) -> bool:
    return (view.subject, view.relation, view.target, view.edits) == (0, DEFAULT_RELATION, Target(), ())


def fit(view: ViewState, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> tuple[ViewState, list[str]]:
    """The state made to fit this checkpoint and these editors, and a notice for each thing that had to give way."""
    notices: list[str] = []
    graph = checkpoint.graph
    n, relations, rings = graph.n_entities, graph.relations, graph.kind == "rings"

    def gave_way(what: str) -> None:
        notices.append(f"{what} is not part of this checkpoint, so the default is shown.")

    if view.subject >= n:
        gave_way(f"Entity {view.subject}")
        view = replace(view, subject=0)
    if view.relation not in relations:
        if view.relation != DEFAULT_RELATION:
            gave_way(f"Relation {view.relation}")
        view = _opened(view, checkpoint)
    elif checkpoint.view and _asks_nothing(view) and not _target_fits(view.target, n, rings):
        view = _opened(view, checkpoint)
    if not _target_fits(view.target, n, rings):
        if view.target != Target():
            gave_way(f"New object {view.target}")
        view = replace(view, target=Target(distance=n // 4) if rings else Target())
    if view.see.relation is not None and view.see.relation not in relations:
        gave_way(f"Relation {view.see.relation}")
        view = replace(view, see=replace(view.see, relation=None))
    if view.see.site is not None and view.see.site not in checkpoint.model.sites:
        gave_way(f"Site {view.see.site}")
        view = replace(view, see=replace(view.see, site=None))
    if view.tool.method is not None and (why := unknown_method(view.tool.method, checkpoint, editors)):
        notices.append(f"Method {view.tool.method} is {why}, so the default is shown.")
        view = replace(view, tool=ViewState().tool)
    return view, notices


def _target_fits(target: Target, n_entities: int, rings: bool) -> bool:
    """Whether there may be such an object. In a world of no rings `aims.settled` knows which distances there are."""
    if target.distance is not None:
        return 0 < abs(target.distance) <= n_entities // 2 if rings else target.distance > 0
    return target.object is not None and target.object < n_entities


def unknown_method(name: str, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> str:
    """Why there is no such method here; empty where there is."""
    if name in {editor.name for editor in on_model(editors, checkpoint)}:
        return ""
    return "not offered on a language model" if name in {editor.name for editor in editors} else "not known here"


@dataclass(frozen=True)
class Resolved:
    """A tool with every default filled in."""

    editor: EditorInfo
    preset: str
    layer: int
    layers: list[int]
    preset_parameters: Parameters
    parameters: Parameters
    implied: bool

    @property
    def restraint(self) -> RestraintInfo | None:
        return next((each for each in self.editor.restraints if each.name == self.parameters.get(RESTRAINT)), None)


def resolve(view: ViewState, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> Resolved:
    editors = on_model(editors, checkpoint)
    editor = next((item for item in editors if item.name == view.tool.method), editors[0])
    presets = {preset.name: preset.parameters for preset in editor.presets}
    preset = view.tool.preset if view.tool.preset in presets else editor.default_preset
    layers = list(range(checkpoint.model.n_layers))
    layer = view.tool.layer if view.tool.layer in layers else editor.default_layer
    schemas = properties(editor, view.tool.parameters)
    defaults = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    base = {**defaults, **presets.get(preset or "", {})}
    known = {name: value for name, value in view.tool.parameters.items() if name in schemas}
    implied = view.tool.implied and editor.batches and checkpoint.language is None  # from words nothing follows by rule
    return Resolved(editor, str(preset), layer, layers, base, {**base, **known}, implied)


def batching(editors: list[EditorInfo]) -> frozenset[str]:
    """The methods that write many facts as one edit."""
    return frozenset(editor.name for editor in editors if editor.batches)


def properties(editor: EditorInfo, chosen: Parameters | None = None) -> dict[str, dict[str, Any]]:
    """The method's parameters, and those of the restraint that is `chosen` among them: name -> JSON Schema."""
    found: dict[str, dict[str, Any]] = dict(editor.parameters.get("properties", {}))
    if editor.restraints:
        names = [UNRESTRAINED, *(each.name for each in editor.restraints)]
        told = "A filter on the weight change, after the method has computed it"
        found[RESTRAINT] = {"title": "Restraint", "default": UNRESTRAINED, "description": told, "enum": names}
    for each in editor.restraints:
        if each.name == (chosen or {}).get(RESTRAINT):
            own = each.parameters.get("properties", {})
            found |= {f"{RESTRAINT}.{name}": schema for name, schema in own.items()}
    return found


def next_edit(view: ViewState, tool: Resolved) -> Edit:
    """The edit that `apply` would add; only parameters that differ from the preset are written down."""
    own = {name: value for name, value in tool.parameters.items() if tool.preset_parameters.get(name) != value}
    name = tool.editor.name
    return Edit(view.subject, view.relation, view.target, name, tool.layer, tool.preset, 1.0, own, implied=tool.implied)


def at_place(edit: Edit, layer: int, token: str, editors: list[EditorInfo]) -> Edit:
    """The same edit at another layer and token, which is written down only where its preset names another one."""
    editor = next((each for each in editors if each.name == edit.method), None)
    if editor is None or "token" not in properties(editor):
        return replace(edit, layer=layer)
    presets = {preset.name: preset.parameters for preset in editor.presets}
    named = presets.get(edit.preset or editor.default_preset, {}).get("token")
    rest = {name: value for name, value in edit.parameters.items() if name != "token"}
    return replace(edit, layer=layer, parameters=rest if named == token else {**rest, "token": token})
