"""The two scenes. Coordinates come from the API; a routine update is a Patch and never carries a camera.

Nor does it carry a cloud that the page has drawn already: another question moves the marks alone, an edit leaves the picture before it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from dash import Dash, Input, Output, Patch, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import aims, batches, ids, options, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figures import Scene, scene_figure, scene_update
from shatterscope.app.kit.figures.arrays import FloatArray, decode
from shatterscope.app.kit.scenes import marks_of, scenes_of
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.wire.base import Array
from shatterscope.wire.pictures import ProjectionResult

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.SCENE_BEFORE, "figure"),
        Output(ids.SCENE_AFTER, "figure"),
        Output(ids.CAPTION_BEFORE, "children"),
        Output(ids.CAPTION_AFTER, "children"),
        Output(ids.WORDS_BEFORE, "children"),
        Output(ids.WORDS_AFTER, "children"),
        Output(ids.INVITATION, "children"),
        Output(ids.SCENES, "data-mode"),
        Output(ids.SCENES, "data-edits"),
        Output(ids.SCENES, "data-scales"),
        Output(ids.DRAWN, "data"),
        Output(ids.PROBLEM_SCENE, "children"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        Input(ids.ASK, "data"),
        Input(ids.AIM, "data"),
        Input(ids.FORESEEN, "data"),
        State(ids.DRAWN, "data"),
        State(ids.CAMERA, "data"),
        prevent_initial_call=True,
    )
    async def scenes(
        model: Json,
        see: Json,
        ask: Json,
        aim: Json,
        foreseen: Json | None,
        drawn: Json | None,
        camera: list[float] | None,
    ) -> Any:
        if not (model and see and ask and aim) or model["checkpoint"] != ask["checkpoint"]:
            raise PreventUpdate
        view, edits = stored.see_of(see), stored.edits_of(model)
        relation = view.relation or ask["relation"]
        try:
            result = await client.projection(model["checkpoint"], edits, **view.asked(ask["relation"]))
            made = await client.edit(model["checkpoint"], edits) if edits else None
            world = await client.world(model["checkpoint"])
            invited = no_update if edits else await _invited(client, result, ask["subject"], world)
            target = stored.target_of(aim)
            found = await aims.look_up(client, model["checkpoint"], ask["subject"], ask["relation"], target)
        except ApiError as error:
            return *[no_update] * (len(ctx.outputs_list) - 1), f"The picture could not be made: {error.message}"
        before, after = scenes_of(result, world, marks_of(found, world), view.scale, _shades(foreseen, result))
        kind, clouds = _kind(model["checkpoint"], before), [_fingerprint(before), _fingerprint(after)]
        if drawn is not None and drawn["kind"] == kind:
            figures: list[Any] = [
                _patch(scene, known=cloud == old)
                for scene, cloud, old in zip((before, after), clouds, drawn["clouds"], strict=True)
            ]
        else:
            figures = [scene_figure(scene, _camera(camera)) for scene in (before, after)]
        place = options.place(view, relation, result.site, world)
        factor = before.frame.half / after.frame.half
        return (
            *figures,
            [
                "Before ",
                _quiet(f"{'whom the edit will move' if before.shades is not None else 'the unedited model'} · {place}"),
            ],
            [
                "After ",
                views.of_model(len(batches.made(edits)), made, place) if edits else _quiet(f"no edit yet · {place}"),
                _quiet(words.magnified(factor), "quiet scale"),
            ],
            views.caption(result, "before"),
            views.caption(result, "after") if edits else "The same picture, until you apply an edit.",
            invited,
            view.mode,
            str(len(edits)),
            "1" if view.scale == "same" or factor != 1 else "",
            {"kind": kind, "clouds": clouds},
            "",
        )


async def _invited(client: Client, result: ProjectionResult, subject: int, world: World) -> list[Any]:
    checkpoints = await client.checkpoints()
    return views.invitation(
        result, subject, options.find_checkpoint(checkpoints, result.checkpoint), checkpoints, world
    )


def _shades(foreseen: Json | None, result: ProjectionResult) -> FloatArray | None:
    """How far each point is to move, where that was asked for and is of what is drawn."""
    if foreseen is None or (foreseen["checkpoint"], foreseen["relation"]) != (result.checkpoint, result.relation):
        return None
    return decode(Array.model_validate(foreseen["overlap"])).ravel()


def _kind(checkpoint: str, scene: Scene) -> str:
    """Of scenes between which only what `scene_update` tells differs: not the colours."""
    drawn = scene.drawn
    colors = drawn.n if drawn.place is not None else _hash(drawn.path.tobytes(), "".join(drawn.colors).encode())
    shades = "" if scene.shades is None else _hash(scene.shades.tobytes())
    return f"{checkpoint}/{scene.points.shape[1]}/{colors}/{shades}"


def _fingerprint(scene: Scene) -> str:
    """Of what the first trace of a scene shows: its points, which these are, and the group they are of."""
    return _hash(scene.points.tobytes(), scene.drawn.path.tobytes(), scene.drawn.title.encode())


def _hash(*content: bytes) -> str:
    return hashlib.sha256(b"/".join(content)).hexdigest()[:16]


def _patch(scene: Scene, *, known: bool) -> Patch:
    """What is new in a scene; `known`: its cloud is not."""
    patch = Patch()
    for path, value in scene_update(scene).items():
        if known and path[:2] == ("data", 0):
            continue
        at = patch
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    return patch


def _camera(camera: list[float] | None) -> tuple[float, ...] | None:
    return tuple(camera) if camera else None


def _quiet(text: str, name: str = "quiet") -> Any:
    return html.Span(text, className=name)
