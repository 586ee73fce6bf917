"""What is compared: reads the controls or the URL, writes the controls, the URL, and, when asked to run, a tile for each contender."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, batches, ids, options, theme, words
from shatterscope.app.kit.clicks import clicks_of
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import Pin, address, open_link, opening
from shatterscope.app.kit.parts import Node, sentences, teaches
from shatterscope.app.kit.share.notice import told
from shatterscope.app.kit.state import SCALES, Edit, Relation, See, Target, ViewState
from shatterscope.app.pages.compare import rows
from shatterscope.app.pages.compare.layout import tile
from shatterscope.app.pages.compare.state import Comparison, Contender, at_first, contenders, edits_of, offered
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]

CONTROLS = (
    ids.CHECKPOINT, ids.SUBJECT, ids.ORDER, ids.DIRECTION, ids.HOPS, ids.DISTANCE, ids.COMPARE_METHODS, ids.SCALE,
)  # fmt: skip
MAX_CHIPS = 12


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
        checkpoints, editors = await self.client.checkpoints(), await self.client.editors()
        if not checkpoints:
            raise ApiError(
                0, "The server has no checkpoint. Train one with `shatterscope train`, then reload this page."
            )
        state, unread = self.read()
        if self.opened:
            state = replace(state, view=opening(state.view, checkpoints))
        notices: list[Node] = list(unread)
        pin = Pin.from_query(self.page["url"]["query"] or "") if self.opened else Pin()
        found = open_link(state.view, pin, checkpoints)
        checkpoint = found.checkpoint
        if found.missing:
            asked = state
            otherwise = f"Compare on {checkpoint.id}" if asked.run else ""
            notices += told(found, "/compare", lambda view: replace(asked, view=view).to_query(), otherwise)
            state = replace(state, view=found.view, run=state.run and found.exact)
        state = self.fit(state, checkpoint, editors, notices)
        ran = state if self.opened and state.run else self.ran()
        if ran is not None and ran is not state:  # another checkpoint chosen since is another world
            ran = self.fit(ran, checkpoint, editors, []) if ran.view.checkpoint == checkpoint.id else None
        world = await self.client.world(checkpoint.id)
        rings = {order: world.positions(order) for order in checkpoint.graph.orders}
        return self.show(state, ran, notices, checkpoint, checkpoints, editors, rings)

    @staticmethod
    def fit(
        state: Comparison, checkpoint: CheckpointInfo, editors: list[EditorInfo], notices: list[Node]
    ) -> Comparison:
        """What is compared, made to fit the checkpoint; `notices` gets what gave way."""
        view, gave_way = actions.fit(replace(state.view, checkpoint=checkpoint.id), checkpoint, editors)
        unknown = [name for name in state.by or () if name not in offered(editors)]
        if unknown:
            notices.append(f"Not known here and left out: {', '.join(unknown)[:80]}.")
            state = replace(state, by=tuple(name for name in state.by or () if name not in unknown))
        notices += gave_way
        return replace(state, view=view)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> tuple[Comparison, list[str]]:
        if self.opened:
            return Comparison.from_query(self.page["url"]["query"])
        state = self.at(self.value)
        unstack = any(click.kind == ids.COMPARE_UNSTACK for click in self.clicks)
        return self.unstacked(state) if unstack and state.view.edits else state, []

    def ran(self) -> Comparison | None:
        """What was on screen at the newest click on Compare that no answer has seen."""
        runs = [click for click in self.clicks if click.kind == ids.COMPARE_RUN]
        return self.at(runs[-1].screen.value) if runs and not self.opened else None

    def at(self, value: Json) -> Comparison:
        """What the controls say that stand at `value`."""
        before, _ = Comparison.from_query(self.plan["state"])
        chosen = tuple(value[ids.COMPARE_METHODS] or ())
        state = replace(before, by=chosen, sort=self.page["sort"] or "")
        see = replace(before.view.see, scale=value[ids.SCALE] or SCALES[0])
        if value[ids.CHECKPOINT] != before.view.checkpoint:
            return replace(state, view=ViewState(value[ids.CHECKPOINT], see=see))
        state = replace(state, view=replace(before.view, see=see))
        if before.view.edits:
            return state
        relation = Relation(value[ids.ORDER], value[ids.DIRECTION], value[ids.HOPS])
        subject, target = int(value[ids.SUBJECT] or 0), before.view.target
        if value[ids.DISTANCE] != self.plan["distance"]:
            target = Target(int(value[ids.DISTANCE] or 1))
        elif target.object is not None and (subject, relation) != (before.view.subject, before.view.relation):
            target = Target(self.plan["distance"] or 1)
        return replace(state, view=replace(state.view, subject=subject, relation=relation, target=target))

    def unstacked(self, state: Comparison) -> Comparison:
        """The stack's last edit, alone."""
        last = batches.last(state.view.edits)
        view = replace(
            state.view, subject=last.subject, relation=Relation.parse(last.relation), target=last.target, edits=()
        )
        return replace(state, view=view)

    # --- writing -----------------------------------------------------------------------------------------------------

    def show(
        self,
        state: Comparison,
        ran: Comparison | None,
        notices: list[Node],
        checkpoint: CheckpointInfo,
        checkpoints: list[CheckpointInfo],
        editors: list[EditorInfo],
        rings: dict[str, list[int]],
    ) -> Json:
        view, page, out = state.view, self.page, _nothing()
        chosen = at_first(editors) if state.by is None else state.by
        found = contenders(state, editors)
        asked = _asked(state, found)
        running = contenders(ran, editors) if ran else []
        run = ran is not None and bool(running)
        shown = _asked(ran, running) if ran and running else None if self.opened else self.plan["shown"]
        state = replace(state, run=shown is not None and shown == asked)

        last = batches.last(edits_of(view))
        marks = marks_of(last, rings)
        distance = _distance(view, rings[view.relation.order])
        world = options.world(checkpoint, checkpoints, editors)
        self.controls(out, view, chosen, distance)
        if self.opened or checkpoint.id != self.plan["checkpoint"]:
            n = checkpoint.graph.n_entities
            out["options"] = {name: world[name] for name in out["options"]}
            out["limits"] = {ids.SUBJECT: n - 1, ids.DISTANCE: n // 2, "min": -(n // 2)}
            out["note"], out["note_title"] = checkpoint.note, options.checkpoint_facts(checkpoint)
        if self.opened:
            out["groups"], out["picks"] = _groups(editors), _picks(editors)
            out["sort"] = state.sort
        out["colors"] = options.place_colors(checkpoint.graph, rings, view.subject, view.relation)
        out["question"] = words.question(view.subject, view.relation)
        if not view.edits:  # else neither is shown
            out["target"] = teaches(marks["old"], marks.get("new"), distance or None)
        out["stack"] = _stack(view.edits)
        out["edits"] = str(len(view.edits))
        out["run"] = f"Compare {words.plural(len(found), 'edit' if len(edits_of(view)) == 1 else 'stack')}"
        out["disabled"] = not found

        drawn = ran.view if ran and run else view
        first = batches.last(edits_of(drawn))
        around = marks_of(first, rings)
        base = f"{checkpoint.id} {first.relation} {around}"
        if run or (shown is None and base != self.plan.get("base")):
            blank = self.rows(drawn, running)
            out["tiles"] = self.tiles(checkpoint, running, blank, around, first.relation)
            out["rows"] = blank
            out["what"] = _what(drawn, checkpoint, first)
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
            "distance": distance,
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

    def controls(self, out: Json, view: ViewState, chosen: tuple[str, ...], distance: int) -> None:
        shown = {
            ids.CHECKPOINT: view.checkpoint,
            ids.SUBJECT: view.subject,
            ids.ORDER: view.relation.order,
            ids.DIRECTION: view.relation.direction,
            ids.HOPS: view.relation.hops,
            ids.DISTANCE: distance,
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
            shown.append(tile(row["key"], item.title, item.preset, job, row))
        return shown


def _asked(state: Comparison, found: list[Contender]) -> str:
    """What is computed; neither the order of the rows nor the scale of the pictures."""
    view = replace(state.view, see=See())
    return replace(state, view=view, by=tuple(item.name for item in found), sort="", run=False).to_query()


def _nothing() -> Json:
    """Everything stays as it is."""
    return {
        "value": dict.fromkeys(CONTROLS, no_update),
        "options": dict.fromkeys((ids.CHECKPOINT, ids.ORDER, ids.HOPS), no_update),
        "colors": dict.fromkeys((ids.ORDER, ids.DIRECTION, ids.HOPS), no_update),
        "limits": dict.fromkeys((ids.SUBJECT, ids.DISTANCE, "min"), no_update),
        **dict.fromkeys(
            ("groups", "picks", "sort", "question", "target", "stack", "edits", "run", "disabled", "tiles", "rows", "what", "stale", "board", "plan", "url_out", "note", "note_title", "notice", "problem"),
            no_update,
        ),
    }  # fmt: skip


def marks_of(edit: Edit, rings: dict[str, list[int]]) -> dict[str, int]:
    """The entities to mark, as far as this world has them: a link may name any."""
    relation = Relation.parse(edit.relation)
    ring = rings.get(relation.order, [])
    if edit.subject >= len(ring):
        return {}
    marks = {"subject": edit.subject, "old": options.object_at(ring, edit.subject, relation, 0)}
    if edit.target.distance is not None:
        marks["new"] = options.object_at(ring, edit.subject, relation, edit.target.distance)
    elif edit.target.object is not None and edit.target.object < len(ring):
        marks["new"] = edit.target.object
    return marks


def _distance(view: ViewState, ring: list[int]) -> int:
    if view.target.object is None:
        return view.target.distance or 0
    return options.signed_distance(ring, view.subject, view.relation, view.target.object)


def _shortest(state: Comparison, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> Comparison:
    """The same with defaults left out, for the URL; a link with edits, or with results, names its checkpoint."""
    bare = checkpoint.default and not state.view.edits and not state.run
    by = None if state.by is None or set(state.by) == set(at_first(editors)) else state.by
    return replace(state, by=by, view=replace(state.view, checkpoint=None if bare else checkpoint.id))


def _groups(editors: list[EditorInfo]) -> list[Json]:
    return [
        {
            "label": editor.title,
            "tip": editor.summary,
            "color": theme.method_color(editor.name),
            "options": [
                {"value": f"{editor.name}:{preset.name}", "label": preset.name, "title": preset.summary}
                for preset in editor.presets
            ],
        }
        for editor in editors
    ]


def _picks(editors: list[EditorInfo]) -> list[Json]:
    every = list(offered(editors))
    presets = dict.fromkeys(preset.name for editor in editors for preset in editor.presets)
    by_preset = [
        {"label": f"all {preset}", "value": [name for name in every if name.endswith(f":{preset}")]}
        for preset in presets
    ]
    return [*by_preset, {"label": "all", "value": every}, {"label": "none", "value": []}]


def _stack(edits: tuple[Edit, ...]) -> list[Node]:
    chips: list[Node] = [
        html.Span(
            [html.B(f"{edit.subject} {edit.relation}"), html.Span(_about(edit), className="quiet")],
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


def _about(edit: Edit) -> str:
    return words.target(edit) if edit.strength else f"{words.target(edit)} · strength 0"


def _what(view: ViewState, checkpoint: CheckpointInfo, last: Edit) -> str:
    place = f"Isomap of {last.relation}, {options.site_name(checkpoint.model.default_site)}"
    return f"{place}; each rotated to match Before."
