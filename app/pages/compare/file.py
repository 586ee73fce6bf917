"""A comparison as one self-contained HTML file: the unedited picture and a turning scene for every variant, and a row of numbers each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from dash import html

from shatterscope.app.kit import asking, batches, options, pictures, words
from shatterscope.app.kit.exporter import Cited
from shatterscope.app.kit.figures import Mark, Scene, frame_beside, scene_figure
from shatterscope.app.kit.parts import Node, card, tip
from shatterscope.app.kit.scenes import scenes_of
from shatterscope.app.kit.share.document import comes_from, document, header, scene, to_cite
from shatterscope.app.kit.state import ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.compare import rows
from shatterscope.app.pages.compare.job import verdict
from shatterscope.app.pages.compare.layout import key
from shatterscope.app.pages.compare.state import CONTROL, ORACLE, Contender, edits_of
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import EvaluationResult
from shatterscope.wire.pictures import ProjectionResult
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]
SHEETS = ("components/sort_table.css", "figure/figure.css", "compare/compare.css")


@dataclass(frozen=True)
class Variant:
    """What a contender's edits did."""

    edit: EditResult
    evaluation: EvaluationResult
    projection: ProjectionResult


@dataclass(frozen=True)
class Compared:
    """`variants`: a reason in the place of what could not be made. `marks`: role -> entity."""

    view: ViewState
    checkpoint: CheckpointInfo
    world: World
    link: str
    sort: str
    marks: dict[str, int]
    unedited: ProjectionResult
    variants: list[tuple[Contender, Variant | str]]


def compose(shown: Compared, cited: Cited, now: datetime) -> str:
    title, table = _title(shown), [_row(shown, *each) for each in shown.variants]
    before = _scenes(shown, shown.unedited)[0]
    figures = {"scene-before": scene_figure(before)}
    place = f"{shown.unedited.relation} · {options.site_name(shown.unedited.site)}"
    told = pictures.caption(shown.unedited, "before")
    scenes = [scene("scene-before", "Before", f"the unedited model · {place}", told, "before")]
    for place_, ((contender, made), row) in enumerate(zip(shown.variants, table, strict=True)):
        ident = f"scene-{place_}"
        if isinstance(made, Variant):
            after = _scenes(shown, made.projection)[1]
            after = replace(after, frame=frame_beside(before.frame, after.points, shown.view.see.scale))
            figures[ident] = scene_figure(after)
            scale = words.magnified(before.frame.half / after.frame.half) or words.scaled(shown.view.see.scale)
            told = pictures.caption(made.projection, "after")
            feet = html.Div([*verdict(row, shown.world.noun), *_drift(shown, contender, made)], className="tile-r")
            scenes.append(
                scene(
                    ident, contender.title, " · ".join(filter(None, (contender.preset, scale))), told, "variant", feet
                )
            )
        else:
            scenes.append(_missing(contender, made))
    body = html.Main(
        [
            header(title, f"The same {_what(shown)} by {_methods(shown)}, side by side. {shown.checkpoint.title}: {shown.checkpoint.note}"),
            html.Div(key(_colors(shown)), className="key", **{"data-world": asking.kind(shown.world)}),
            html.Div(scenes, className="scene-grid"),
            card("What each did", html.P(next((row["over"] for row in table if "over" in row), ""), className="lead"), numbers(_sorted(table, shown.sort), rows.columns(shown.world.noun, shown.world.info.measures, shown.world.spoken))),
            comes_from(_provenance(shown), now, shown.link, cited.spec),
            to_cite(cited, "The same numbers and pictures again, from the terminal:"),
        ],
        className="file",
    )  # fmt: skip
    return document(title, body, figures, SHEETS)


def _title(shown: Compared) -> str:
    edits = batches.made(edits_of(shown.view))
    by, on = _methods(shown), shown.checkpoint.title
    if len(edits) > 1:
        return f"The same {len(edits)} edits, by {by}, on {on}"
    made = next(made.edit.made[0] for _, made in shown.variants if isinstance(made, Variant))
    question = shown.world.question(made.spec.subject, made.spec.relation)
    return words.taught(made, question, by, on, shown.world.name)


def _methods(shown: Compared) -> str:
    """By name where they are few. One method may be there with several presets."""
    names = list(dict.fromkeys(contender.title for contender, _ in shown.variants))
    return (
        " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if len(names) <= 4 else f"{len(names)} methods"
    )


def _colors(shown: Compared) -> Node:
    told = "" if shown.world.rings else shown.world.colors_told(shown.world.group_of(shown.unedited.relation).name)
    return html.Span(told, className="of-others")


def _what(shown: Compared) -> str:
    n = len(batches.made(edits_of(shown.view)))
    return "edit" if n == 1 else f"stack of {n} edits"


def _row(shown: Compared, contender: Contender, made: Variant | str) -> Json:
    reason = made if isinstance(made, str) else ""
    blank = rows.row(contender.name, contender.title, contender.preset, "", "failed", reason)
    if isinstance(made, str):
        return blank
    return rows.filled(
        blank, made.edit, made.evaluation, shown.checkpoint.model.d_mlp, shown.world.name, shown.world.noun
    )


def _scenes(shown: Compared, projection: ProjectionResult) -> tuple[Scene, Scene]:
    # The key above the scenes says which is which: these are small.
    marks = [Mark(entity, role, shown.world.name(entity)) for role, entity in shown.marks.items()]
    return scenes_of(projection, shown.world, marks)


def _missing(contender: Contender, reason: str) -> Node:
    caption = html.P([f"{contender.title} ", html.Span(contender.preset, className="quiet")], className="scene-caption")
    return html.Figure(
        [caption, html.P(f"No picture: {reason}", className="scene-words bad")], className="scene variant"
    )


def _drift(shown: Compared, contender: Contender, made: Variant) -> list[Node]:
    """What the control beside an oracle says of it."""
    first = contender.edits[0]
    beside = (replace(first, preset=CONTROL),)
    if contender.method != ORACLE or first.preset == CONTROL:
        return []
    controls = [other for each, other in shown.variants if each.edits == beside and isinstance(other, Variant)]
    R = [each.evaluation.shattering.edit for each in (made, *controls)]
    if len(R) < 2 or R[0] is None or R[1] is None:
        return []
    return [html.P(rows.drift(R[0], R[1]), className="tile-drift")]


def _provenance(shown: Compared) -> dict[str, Node]:
    picture = shown.unedited
    return {
        "checkpoint": f"{shown.checkpoint.id}, weights sha256 {shown.checkpoint.sha256}",
        "pictures": f"{picture.method} in {picture.dimensions} dimensions of {picture.relation} at {picture.site}, "
        f"n_neighbors {picture.diagnostics['before'].n_neighbors} (automatic), axes {picture.align}",
    }


# --- the table -------------------------------------------------------------------------------------------------------


def _sorted(table: list[Json], sort: str) -> list[Json]:
    """As the page's table is: what has no number stands last."""
    name = sort.removeprefix("-")
    known = [row for row in table if row["cells"].get(name, rows.NONE)["value"] is not None]
    rest = [row for row in table if row not in known]
    return [*sorted(known, key=lambda row: row["cells"][name]["value"], reverse=sort.startswith("-")), *rest]


def numbers(table: list[Json], columns: Sequence[rows.Column]) -> Node:
    """The rows as the page shows them, without its sorting."""
    groups = [(name, len(list(of))) for name, of in groupby(columns, key=lambda column: column.group or column.key)]
    names = {column.group for column in columns}
    head = [
        html.Tr([html.Th(name if name in names else "", colSpan=str(n), className="edge") for name, n in groups], className="groups"),
        html.Tr([html.Th(html.Span(column.label, **tip(column.tip)), scope="col", className=_edge(place, columns)) for place, column in enumerate(columns)]),
    ]  # fmt: skip
    done = [row for row in table if row["state"] == "done"]
    most = {
        column.key: max((abs(row["cells"][column.key]["value"] or 0) for row in done), default=0)
        for column in columns[1:]
        if column.group in rows.BARS
    }
    body = []
    for row in table:
        name = [row["cells"]["method"]["text"], html.Span(f" {row['cells']['method']['note']}", className="quiet")]
        cells = [_cell(row["cells"][column.key], column.key, most.get(column.key, 0), _edge(place, columns)) for place, column in enumerate(columns[1:], 1)] if row["state"] == "done" else [
            html.Td(row["reason"], colSpan=str(len(columns) - 1), className="reason failed")
        ]  # fmt: skip
        body.append(html.Tr([html.Th(name, scope="row"), *cells], **{"data-key": row["key"]}))
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(body)]), className="sort-table", tabIndex="0", role="region",
        **{"aria-label": "What each method's edit did"},
    )  # fmt: skip


def _edge(place: int, columns: Sequence[rows.Column]) -> str:
    """Neighbours of one group stand together."""
    group, before = columns[place].group, columns[place - 1].group if place else ""
    return "" if group and group == before else "edge"


def _cell(cell: Json, key: str, most: float, edge: str) -> Node:
    share = abs(cell["value"] or 0) / most if most else 0
    bar = html.I(className="bar-in-cell", style={"width": f"{100 * share:.1f}%"}) if share else None
    value = "" if cell["value"] is None else repr(cell["value"])
    return html.Td(
        [bar, html.Span(cell["text"], **(tip(cell["tip"]) if cell.get("tip") else {}))],
        className=" ".join(filter(None, (cell.get("tone"), edge))),
        **{"data-column": key, "data-value": value},
    )
