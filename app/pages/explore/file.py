"""A view of the Explore page as one self-contained HTML file: both scenes, the numbers, and where they come from."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from dash import html

from shatterscope.app.kit import batches, options, pictures, theme, words
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.figures import Scene, scene_figure
from shatterscope.app.kit.figures.course import course_figure
from shatterscope.app.kit.parts import Node, card
from shatterscope.app.kit.scenes import marks_of, scenes_of
from shatterscope.app.kit.share import cite
from shatterscope.app.kit.share.document import comes_from, document, header, scene, to_cite
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.panels import PANELS, Around
from shatterscope.app.pages.explore.shown import ShownView, show
from shatterscope.wire.edits import EditOutcome

SHEETS = ("explore/explore.css",)


async def html_file(client: Client, query: str) -> bytes:
    """The file of the view that `query` means.

    Raises:
        ApiError: where the view cannot be shown here; the message says what is missing.
    """
    return (await asyncio.to_thread(compose, await show(client, query), datetime.now(UTC))).encode()


def compose(shown: ShownView, now: datetime) -> str:
    title = _title(shown)
    return document(title, _body(shown, title, now), _figures(shown), SHEETS)


def _figures(shown: ShownView) -> dict[str, Any]:
    view = shown.view
    before, after = _pair(shown)
    found: dict[str, Any] = {
        "scene-before": scene_figure(before, view.camera),
        "scene-after": scene_figure(after, view.camera),
    }
    last = batches.last(view.edits) if view.edits else None
    if shown.evaluation is not None and last:
        found["damage"] = views.damage_of(shown.evaluation, last, shown.world)
    item = _optimised(shown)
    if item is not None:
        found["course"] = course_figure(item)
    return found


def _pair(shown: ShownView) -> tuple[Scene, Scene]:
    """The scenes before and after, as the page draws them."""
    return scenes_of(
        shown.projection, shown.world, marks_of(shown.aim, shown.world), shown.view.see.scale, shown.shades
    )


def _title(shown: ShownView) -> str:
    if not batches.made(shown.view.edits) or shown.edit is None:
        return f"{shown.checkpoint.title}: the unedited model"
    last = shown.edit.made[-1]
    question = shown.world.question(last.spec.subject, last.spec.relation)
    taught = words.taught(last, question, theme.method_name(last.spec.method), shown.checkpoint.title, shown.world.name)
    more = len(shown.edit.made) - 1
    failure = words.failure(shown.edit)
    return (
        taught + (f", after {words.plural(more, 'other edit')}" if more else "") + (f" · {failure}" if failure else "")
    )


def _body(shown: ShownView, title: str, now: datetime) -> Node:
    checkpoint = shown.checkpoint
    what = "small transformer" if checkpoint.language is None else "language model"
    changed = f"One fact inside a {what} was changed; this is the geometry before and after. "
    return html.Main(
        [
            header(title, f"{changed if batches.made(shown.view.edits) else ''}{checkpoint.title}: {checkpoint.note}"),
            _scenes(shown),
            html.P(_colors(shown), className="lead"),
            html.Section(
                [
                    _shattering(shown),
                    html.Div(
                        [
                            html.H2(
                                [
                                    "Accuracy ",
                                    html.Span(
                                        words.measured_over(shown.measured, shown.world.noun),
                                        className="note",
                                    ),
                                ]
                            ),
                            html.Div(
                                views.accuracy(checkpoint, shown.measured, shown.world),
                                className="accuracy",
                                id="accuracy",
                            ),
                        ],
                        className="accuracy-panel",
                    ),
                ],
                className="measures",
                **{"aria-label": "What the edit did"},
            ),
            *_details(shown),
            comes_from(_provenance(shown), now, shown.link, cite.specification(shown.view, checkpoint, shown.edit)),
            to_cite(cite.cited(shown.view, checkpoint, shown.edit, shown.query)),
        ],
        className="file",
    )


def _shattering(shown: ShownView) -> Node:
    r = views.r_values(shown.checkpoint, shown.evaluation)
    panels = [
        html.Div(
            views.r_card(name, r[name], shown.checkpoint, shown.evaluation, shown.world),
            className="r",
            id=f"r-{name}",
            **{"data-value": "" if r[name] is None else repr(r[name])},
        )
        for name in SUB_GRAPHS
    ]
    return html.Div(
        [
            html.H2(["Shattering R ", html.Span(views.read_at(shown.checkpoint), className="note")]),
            html.Div(panels, className="rs"),
            html.Div(views.r_shown(shown.site), className="r-site"),
            html.Div(views.r_beside(shown.evaluation, shown.edit, shown.world), className="r-site r-beside"),
            html.P(views.r_words(shown.evaluation, shown.edit, shown.world), className="r-words"),
        ],
        className="r-panel",
    )


def _scenes(shown: ShownView) -> Node:
    projection = shown.projection
    place = options.place(shown.view.see, projection.relation, projection.site, shown.world)
    before, after = _pair(shown)
    scale = words.magnified(before.frame.half / after.frame.half) or words.scaled(shown.view.see.scale)
    after_of = views.of_model(len(batches.made(shown.view.edits)), shown.edit, scale, place)

    def one(name: str, of: Node) -> Node:
        side = name.lower()
        told = pictures.caption(projection, "before" if side == "before" else "after")
        return scene(f"scene-{side}", name, of, told, side)

    return html.Div(
        [
            one("Before", f"{'the unedited model' if shown.shades is None else 'whom the edit will move'} · {place}"),
            one("After", after_of),
        ],
        className="scenes",
        **{"data-mode": "two", "data-edits": str(len(shown.view.edits))},
    )


def _colors(shown: ShownView) -> str:
    place = shown.world.colors_told(shown.world.relation(shown.projection.relation).group)
    if shown.shades is None:
        return place
    return f"In Before: how far the next edit will move each, dark little, light much. In After: {place[0].lower()}{place[1:]}"


def _details(shown: ShownView) -> list[Node]:
    shape = card("Shape", html.Div(views.verdicts(shown.verdicts, slider=False), id="verdicts-table"))
    answers = views.answers_grid(shown.measured, shown.edit, shown.world)
    told = [card("Answers by wording", *answers)] if answers else []
    if shown.edit is None or shown.evaluation is None:
        return [shape, *told, *_panels(shown)]
    ripples = card(
        "Ripples",
        html.P("Facts that follow from the new fact, and facts that it contradicts.", className="lead"),
        views.ripples(shown.evaluation, shown.world.name),
    )
    return [
        shape,
        *(told or [ripples]),
        card(
            f"Damage along the {'ring' if shown.world.rings else 'lines'}",
            html.Div(id="damage", className="damage-graph"),
        ),
        card("Edit quality", views.quality(shown.evaluation)),
        card(
            "What each edit did",
            views.outcomes(shown.edit, shown.checkpoint.model.d_mlp, shown.world.name),
            *_course(shown),
        ),
        *_panels(shown),
    ]


def _panels(shown: ShownView) -> list[Node]:
    around = Around(shown.checkpoint, shown.world, shown.view.edits, shown.projection.site, in_file=True)
    return [card(PANELS[name].title, PANELS[name].markup(found, around)) for name, found in shown.panels.items()]


def _course(shown: ShownView) -> list[Node]:
    item = _optimised(shown)
    if item is None:
        return []
    return [
        html.H3("How the optimisation went"),
        html.P(f"{views.course_over(item, shown.world.name)}.", className="lead"),
        html.Div(id="course", className="course-graph"),
        html.P(views.course_words(item, shown.world.name)),
    ]


def _optimised(shown: ShownView) -> EditOutcome | None:
    """The last edit that has a course."""
    made = shown.edit.edits if shown.edit is not None else []
    return next((item for item in reversed(made) if item.course is not None), None)


def _provenance(shown: ShownView) -> dict[str, Node]:
    projection, asked = shown.projection, shown.view.see
    k = projection.diagnostics["before"].n_neighbors
    one = asked.wording
    wording = "" if one is None else f" in the wording “{shown.world.told(projection.relation, one)}”"
    return {
        "checkpoint": f"{shown.checkpoint.id}, weights sha256 {shown.checkpoint.sha256}",
        "edit": shown.edit.id if shown.edit else "none: the unedited model",
        "picture": f"{projection.method} in {projection.dimensions} dimensions of {projection.relation}{wording} at {projection.site}, "
        + (f"n_neighbors {k}{' (automatic)' if asked.n_neighbors is None else ''}, " if k is not None else "")
        + f"axes {projection.align}",
    }
