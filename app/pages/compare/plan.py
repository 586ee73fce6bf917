"""What is compared: reads the controls or the URL, writes the controls, the URL, and, when asked to run, a tile for each contender."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from dash import html, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, aims, asking, batches, ids, options, theme, words
from shatterscope.app.kit.clicks import clicks_of
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.links import Pin, address, open_link, opening
from shatterscope.app.kit.parts import Node, sentences, teaches
from shatterscope.app.kit.rings import RingSteps, place_colors
from shatterscope.app.kit.share.notice import told
from shatterscope.app.kit.state import SCALES, Edit, See, ViewState
from shatterscope.app.pages.compare import rows
from shatterscope.app.pages.compare.layout import tile
from shatterscope.app.pages.compare.state import (
    CONTROL,
    IMPLIED,
    ORACLE,
    Comparison,
    Contender,
    at_first,
    contenders,
    edits_of,
    offered,
)
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]

CONTROLS = (
    ids.CHECKPOINT, *asking.PICKERS, ids.COMPARE_METHODS, ids.SCALE,
)  # fmt: skip
OPTIONS = (ids.CHECKPOINT, ids.ORDER, ids.HOPS, ids.RELATION, ids.ENTITY, ids.OBJECT)
WORLD = (ids.COMPARE_EDIT, ids.COMPARE_BOARD)  # whose `data-world` says which pickers and texts are seen
MAX_CHIPS = 12
GROUPS = ALONE, BATCHES, BESIDE, TRAINED = (
    "one fact at a time",
    "many facts as one",
    "beside the weights",
    "trained instead",
)


class Planner:
    """One answer of the page. `page` is what the callback got; `page["plan"]` what the answer before it had seen and shown."""

    def __init__(self, client: Client, page: Json) -> None:
        self.client = client
        self.page = page
        self.value: Json = page["value"]
        self.plan: Json = page["plan"] or {}
        self.opened = self.plan.get("url") != (page["url"] or {}).get("at")
        seen = self.plan.get("seen", {}).get("click", 0)
        self.clicks = [click for click in clicks_of(page["clicks"], self.value) if click.id > seen]
        self.seen = max((click.id for click in self.clicks), default=seen)

    async def answer(self) -> Json:
        if self.page["url"] is None:
            raise PreventUpdate
        try:
            return await self._answer()
        except ApiError as error:
            return {**_nothing(), "problem": f"{error.message} Nothing of your state is lost."}

    async def _answer(self) -> Json:
        checkpoints, editors = await self.client.checkpoints(anew=self.opened), await self.client.compared()
        if not checkpoints:
            raise ApiError(
                0, "The server has no checkpoint. Train one with `shatterscope train`, then reload this page."
            )
        state, unread = await self.read()
        if self.opened:
            state = replace(state, view=opening(state.view, checkpoints))
        notices: list[Node] = list(unread)
        pin = Pin.from_query(self.page["url"]["query"] or "") if self.opened else Pin()
        found = open_link(state.view, pin, checkpoints)
        checkpoint = found.checkpoint
        editors = on_model(editors, checkpoint)
        if found.missing:
            asked = state
            otherwise = f"Compare on {checkpoint.id}" if asked.run else ""
            notices += told(found, "/compare", lambda view: replace(asked, view=view).to_query(), otherwise)
            state = replace(state, view=found.view, run=state.run and found.exact)
        state = await self.fit(state, checkpoint, editors, notices)
        ran = state if self.opened and state.run else await self.ran()
        if ran is not None and ran is not state:  # another checkpoint chosen since is another world
            ran = await self.fit(ran, checkpoint, editors, []) if ran.view.checkpoint == checkpoint.id else None
        return await self.show(state, ran, notices, checkpoint, checkpoints, editors)

    async def fit(
        self, state: Comparison, checkpoint: CheckpointInfo, editors: list[EditorInfo], notices: list[Node]
    ) -> Comparison:
        """What is compared, made to fit the checkpoint; `notices` gets what gave way."""
        view, gave_way = actions.fit(replace(state.view, checkpoint=checkpoint.id), checkpoint, editors)
        unknown = [name for name in state.by or () if name not in offered(editors)]
        if unknown:
            why = "known here" if checkpoint.language is None else "offered on a language model"
            notices.append(f"Not {why} and left out: {', '.join(unknown)[:80]}.")
            state = replace(state, by=tuple(name for name in state.by or () if name not in unknown))
        notices += gave_way
        return replace(state, view=await aims.settled(self.client, view, checkpoint.id))

    # --- reading -----------------------------------------------------------------------------------------------------

    async def read(self) -> tuple[Comparison, list[str]]:
        if self.opened:
            return Comparison.from_query(self.page["url"]["query"])
        state, unread = await self.at(self.value)
        unstack = any(click.kind == ids.COMPARE_UNSTACK for click in self.clicks)
        return self.unstacked(state) if unstack and state.view.edits else state, unread

    async def ran(self) -> Comparison | None:
        """What was on screen at the newest click on Compare that no answer has seen."""
        runs = [click for click in self.clicks if click.kind == ids.COMPARE_RUN]
        return (await self.at(runs[-1].screen.value))[0] if runs and not self.opened else None

    async def at(self, value: Json) -> tuple[Comparison, list[str]]:
        """What the controls say that stand at `value`, and what of it cannot be read."""
        before, _ = Comparison.from_query(self.plan["state"])
        chosen = tuple(value[ids.COMPARE_METHODS] or ())
        state = replace(before, by=chosen, sort=self.page["sort"] or "")
        see = replace(before.view.see, scale=value[ids.SCALE] or SCALES[0])
        if value[ids.CHECKPOINT] != self.plan["checkpoint"]:
            by = None if set(chosen) == set(self.plan["at_first"]) else chosen
            return replace(state, by=by, view=ViewState(value[ids.CHECKPOINT], see=see)), []
        view = replace(before.view, see=see)
        if view.edits:
            return replace(state, view=view), []
        shown: Json = self.plan["pickers"]
        changed = {name for name in asking.PICKERS if value[name] != shown[name]}
        view, unread = asking.chosen(view, await self.client.world(self.plan["checkpoint"]), value, changed)
        return replace(state, view=view), unread

    def unstacked(self, state: Comparison) -> Comparison:
        """The stack's last edit, alone."""
        last = batches.last(state.view.edits)
        view = replace(state.view, subject=last.subject, relation=last.relation, target=last.target, edits=())
        return replace(state, view=view)

    # --- writing -----------------------------------------------------------------------------------------------------

    async def show(
        self,
        state: Comparison,
        ran: Comparison | None,
        notices: list[Node],
        checkpoint: CheckpointInfo,
        checkpoints: list[CheckpointInfo],
        editors: list[EditorInfo],
    ) -> Json:
        view, page, out = state.view, self.page, _nothing()
        chosen = at_first(editors) if state.by is None else state.by
        found = contenders(state, editors)
        asked = _asked(state, found)
        running = contenders(ran, editors) if ran else []
        run = ran is not None and bool(running)
        shown = _asked(ran, running) if ran and running else None if self.opened else self.plan["shown"]
        state = replace(state, run=shown is not None and shown == asked)

        world = await self.client.world(checkpoint.id)
        aim = await aims.look_up(self.client, checkpoint.id, view.subject, view.relation, view.target)
        pickers = asking.shown(view, world, aim) | {ids.DISTANCE: aim.distance or 0}
        self.controls(out, view, chosen, pickers)
        if self.opened or checkpoint.id != self.plan["checkpoint"]:
            offered = options.world(checkpoint, checkpoints, editors)
            offered |= {ids.RELATION: asking.relations(world)}
            offered |= {ids.ENTITY: asking.names(world), ids.OBJECT: asking.names(world)}
            out["options"] = {name: offered[name] for name in out["options"]}
            out["world"] = dict.fromkeys(WORLD, asking.kind(world))
            out["columns"] = rows.table_columns(world.noun, world.info.measures, world.spoken)
            out["note"], out["note_title"] = checkpoint.note, options.checkpoint_facts(checkpoint)
        if self.opened or checkpoint.id != self.plan["checkpoint"] or not world.rings:
            limits = asking.limits(world, aim)
            out["limits"] = {name: limits[name] for name in out["limits"]}
        methods = [editor.name for editor in editors]
        if self.opened or methods != self.plan["methods"]:
            out["groups"], out["picks"] = _groups(editors), _picks(editors)
        if self.opened:
            out["sort"] = state.sort
        if world.rings:
            rings = {order: world.positions(order) for order in checkpoint.graph.orders}
            out["colors"] = place_colors(checkpoint.graph, rings, view.subject, RingSteps.parse(view.relation))
        out["question"] = world.question(view.subject, view.relation)
        if not view.edits:  # else neither is shown
            out["target"] = teaches(aim, aim.distance or None, world)
        out["stack"] = _stack(view.edits, world.name)
        out["edits"] = str(len(view.edits))
        out["run"] = f"Compare {counted(found, 'edit' if len(edits_of(view)) == 1 else 'stack')}"
        out["disabled"] = not found

        drawn = ran.view if ran and run else view
        first = batches.last(edits_of(drawn))
        around = await aims.marks(self.client, checkpoint.id, first)
        base = f"{checkpoint.id} {first.relation} {around}"
        if run or (shown is None and base != self.plan.get("base")):
            blank = self.rows(drawn, running)
            out["tiles"] = self.tiles(checkpoint, running, blank, around, first.relation)
            out["rows"] = blank
            out["what"] = _what(drawn, checkpoint, first)
            known = world.has(first.relation) and not world.rings
            out["colors_told"] = world.colors_told(world.group_of(first.relation).name) if known else ""
        stale = shown is not None and shown != asked
        out["stale"] = (
            "What you see was computed before the latest changes. Press Compare to compute it again." if stale else ""
        )
        out["board"] = "1" if stale else ""
        out["plan"] = {
            "url": page["url"]["at"],
            "seen": {"click": self.seen},
            "state": state.to_query(),
            "checkpoint": checkpoint.id,
            "methods": methods,
            "at_first": at_first(editors),
            "pickers": pickers,
            "shown": shown,
            "base": base,
            "round": self.round() + bool(run),
        }
        out["url_out"] = address(_shortest(state, checkpoint, editors).to_query(), checkpoint)
        out["notice"], out["problem"] = sentences(notices), ""
        return out

    def round(self) -> int:
        found: int = self.plan.get("round", 0)
        return found

    def controls(self, out: Json, view: ViewState, chosen: tuple[str, ...], pickers: Json) -> None:
        shown = {
            ids.CHECKPOINT: view.checkpoint,
            **pickers,
            ids.COMPARE_METHODS: list(chosen),
            ids.SCALE: view.see.scale,
        }
        for name, value in shown.items():
            if self.value[name] != value:
                out["value"][name] = value

    def rows(self, view: ViewState, found: list[Contender]) -> list[Json]:
        """Each run has tiles and rows of its own, so that a late answer cannot land in a newer one."""
        return [
            rows.row(f"{self.round()} {item.name}", item.title, item.preset, item.in_explore(view)) for item in found
        ]

    def tiles(
        self, checkpoint: CheckpointInfo, found: list[Contender], blank: list[Json], marks: Json, relation: str
    ) -> list[Node]:
        common = {"checkpoint": checkpoint.id, "relation": relation, "marks": marks}
        shown = [tile(f"{self.round()} {relation} {marks}", "Before", "the unedited model", {**common, "edits": []})]
        for item, row in zip(found, blank, strict=True):
            job = {**common, "edits": [str(edit) for edit in item.edits], "d_mlp": checkpoint.model.d_mlp}
            learns = str(item.edits[0]) if item.trained else ""
            shown.append(tile(row["key"], item.title, item.preset, job, row, learns))
        return shown


def counted(found: list[Contender], noun: str) -> str:
    """How many are made, and how many trained; an oracle's control is not one more."""
    made = sum(not each.trained for each in found)
    oracles = sum(each.trained and each.edits[0].preset != CONTROL for each in found)
    told = [words.plural(made, noun)] if made or not oracles else []
    return " and ".join(told + ([words.plural(oracles, "oracle")] if oracles else []))


def _asked(state: Comparison, found: list[Contender]) -> str:
    """What is computed; neither the order of the rows nor the scale of the pictures."""
    view = replace(state.view, see=See())
    return replace(state, view=view, by=tuple(item.name for item in found), sort="", run=False).to_query()


def _nothing() -> Json:
    """Everything stays as it is."""
    return {
        "value": dict.fromkeys(CONTROLS, no_update),
        "options": dict.fromkeys(OPTIONS, no_update),
        "world": dict.fromkeys(WORLD, no_update),
        "colors": dict.fromkeys((ids.ORDER, ids.DIRECTION, ids.HOPS), no_update),
        "limits": dict.fromkeys((ids.SUBJECT, ids.DISTANCE, "min"), no_update),
        **dict.fromkeys(
            ("colors_told", "columns", "groups", "picks", "sort", "question", "target", "stack", "edits", "run", "disabled", "tiles", "rows", "what", "stale", "board", "plan", "url_out", "note", "note_title", "notice", "problem"),
            no_update,
        ),
    }  # fmt: skip


def _shortest(state: Comparison, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> Comparison:
    """The same with defaults left out, for the URL; a link with edits, or with results, names its checkpoint."""
    bare = checkpoint.default and not state.view.edits and not state.run
    by = None if state.by is None or set(state.by) == set(at_first(editors)) else state.by
    return replace(state, by=by, view=replace(state.view, checkpoint=None if bare else checkpoint.id))


def _groups(editors: list[EditorInfo]) -> list[Json]:
    """The methods by what they do to the model."""
    found: dict[str, list[Json]] = {}
    for editor in editors:
        found.setdefault(_group(editor), []).append(_item(editor))
    return [{"label": label, "items": found[label]} for label in GROUPS if label in found]


def _group(editor: EditorInfo) -> str:
    if editor.name == ORACLE:
        return TRAINED
    if not editor.restraints:
        return BESIDE
    return BATCHES if editor.batches else ALONE


def _item(editor: EditorInfo) -> Json:
    usual = editor.default_preset
    presets = sorted(editor.presets, key=lambda preset: preset.name != usual)
    options = [
        {"value": f"{editor.name}:{preset.name}", "label": preset.name, "title": preset.summary} for preset in presets
    ]
    through = [
        {
            "value": f"{editor.name}:{usual}+{each.name}",
            "label": each.title,
            "title": f"The weight change of {usual}, through {each.title}. {each.summary}",
        }
        for each in editor.restraints
    ]
    return {
        "label": editor.title,
        "tip": " ".join(filter(None, (editor.summary, words.origin(editor.package)))),
        "color": theme.method_color(editor.name),
        "options": _oracles(editor) if editor.name == ORACLE else options,
        "through": through,
    }


def _oracles(oracle: EditorInfo) -> list[Json]:
    """Its control comes by itself."""
    (learned,) = (preset for preset in oracle.presets if preset.name != CONTROL)
    beside = "Takes a while; a control without the fact is trained beside it."
    value = f"{ORACLE}:{learned.name}"
    return [
        {"value": value, "label": learned.name, "title": f"{learned.summary} {beside}"},
        {
            "value": f"{value}+{IMPLIED}",
            "label": IMPLIED,
            "title": f"What follows from the fact is stated in the text as well. {beside}",
        },
    ]


def _picks(editors: list[EditorInfo]) -> list[Json]:
    editors = [editor for editor in editors if editor.name != ORACLE]  # seconds for each click, not part of "all"
    every = [name for name, (_, _, restraint) in offered(editors).items() if restraint is None]
    counts = Counter(preset.name for editor in editors for preset in editor.presets)
    presets = [name for name, n in counts.items() if n > 1]  # in the order of the methods
    by_preset = [
        {"label": f"all {preset}", "value": [name for name in every if name.endswith(f":{preset}")]}
        for preset in presets
    ]
    return [*by_preset, {"label": "all", "value": every}, {"label": "none", "value": []}]


def _stack(edits: tuple[Edit, ...], name: words.Name) -> list[Node]:
    chips: list[Node] = [
        html.Span(
            [html.B(f"{name(edit.subject)} {edit.relation}"), html.Span(_about(edit, name), className="quiet")],
            className="chip edit" if edit.strength else "chip edit absent",
            role="listitem",
        )
        for edit in edits[:MAX_CHIPS]
    ]
    if len(edits) > MAX_CHIPS:
        chips.append(html.Span(f"and {len(edits) - MAX_CHIPS} more", className="quiet", role="listitem"))
    lead = html.Span(
        f"{words.plural(len(batches.made(edits)), 'edit')} from Explore, each now made by every method:",
        className="quiet",
    )
    return [lead, *chips] if edits else []


def _about(edit: Edit, name: words.Name) -> str:
    return words.target(edit, name) if edit.strength else f"{words.target(edit, name)} · strength 0"


def _what(view: ViewState, checkpoint: CheckpointInfo, last: Edit) -> str:
    place = f"Isomap of {last.relation}, {options.site_name(checkpoint.model.default_site)}"
    return f"{place}; each rotated to match Before."
