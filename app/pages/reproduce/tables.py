"""The tables of the page, from reports: ours beside the paper's. A table carries its numbers for the CSV download."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from dash import html

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.sites import r_table
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce.state import BOTH, SUBJECT
from shatterscope.wire.base import SubGraph, Token
from shatterscope.wire.measures import SitesResult
from shatterscope.wire.reproduction import AccuracyCell, Measure, MethodCell, PaperTask, Report, ShatteringCell, Spread
from shatterscope.wire.sweeps import LAST
from shatterscope.wire.world import CheckpointInfo

TASKS: dict[PaperTask, tuple[str, str]] = {
    "direct": ("direct recall", "Facts seen in training."),
    "logical": ("logical inference", "Facts never seen in training, but implied by those that were."),
    "compositional": ("two steps", "Two relations in a row, seen in training or not."),
}
SUB_GRAPHS: dict[SubGraph, tuple[str, str]] = {
    "edit": ("edit", "The sub-graph, a ring or a group, in which the edit was made."),
    "retain": ("retain", "A sub-graph that was not edited; editors that keep facts are shown some of its facts."),
    "test": ("test", "The other sub-graph that was not edited; no editor sees its facts."),
}
Which = tuple[str, int]  # kind and distance
TAKEN = "Share of edits that took: after them the model answers the new object. R and changes are means over all, taken or not."

REACHED = "Share of edits whose optimisation came to its stop before its steps were used up. One that came to its stop may still not have taken."


def kinds(cells: Iterable[AccuracyCell | ShatteringCell | MethodCell]) -> list[Which]:
    """Corrective first, as in the paper's Table 1, then by distance."""
    return sorted({(cell.kind, cell.distance) for cell in cells}, key=lambda each: (each[0] != "corrective", each[1]))


def kind_name(which: Which) -> str:
    return "corrective" if which[0] == "corrective" else f"d = {which[1]}"


def kind_explained(which: Which) -> str:
    if which[0] == "corrective":
        return "Corrective edits: a fact that the model gets wrong is edited to the truth."
    return f"Counterfactual edits: the new, false object stands {words.plural(which[1], 'step')} from the true one."


def presets(report: Report, method: str) -> list[str]:
    """Presets measured of a method, in the order of the report."""
    return list(dict.fromkeys(cell.preset for cell in report.methods if cell.method == method))


def shown_presets(report: Report, method: str, chosen: str) -> list[str]:
    """More than two side by side are too many: of these, the ones at one token."""
    found = presets(report, method)
    if chosen in found:
        return [chosen]
    at_subject = [each for each in found if tokens(report, method)[each] == "subject"]
    if chosen == SUBJECT and at_subject:
        return at_subject
    if chosen not in (BOTH, SUBJECT):
        return found[:1]
    return found if len(found) <= 2 else [each for each in found if each not in at_subject] or found


def tokens(report: Report, method: str) -> dict[str, Token]:
    """At which token each preset of a method edits."""
    return {cell.preset: cell.token for cell in report.methods if cell.method == method}


def offered_presets(report: Report, method: str) -> list[dict[str, str]]:
    """The options of the choice of presets."""
    found = presets(report, method)
    several = [{"value": BOTH, "label": "both"}]
    if len(found) > 2 and "subject" in tokens(report, method).values():
        several = [{"value": BOTH, "label": "relation’s token"}, {"value": SUBJECT, "label": "subject’s token"}]
    return [*several, *({"value": name, "label": name} for name in found)]


def site_of(report: Report, chosen: str) -> str:
    """Where R is read: as chosen, where it was measured."""
    return chosen if chosen in report.sites else next(iter(report.sites), LAST)


def site_name(site: str) -> str:
    """A row of a version that had one site does not name it."""
    return "resid_post of the last layer" if site == LAST else site


# --- ours beside the paper's -------------------------------------------------------------------------------------------


def accuracy_table(report: Report, method: str, preset: str, measure: Measure = "argmax") -> Node:
    """The paper's Table 1: change of accuracy, in points, by kind of edit and task."""
    title = "Change of accuracy" if measure == "argmax" else "Change of the mean probability of the truth"
    cells = [cell for cell in report.accuracy if cell.method == method]
    found: dict[tuple[str, Which, str], Any] = {(c.preset, (c.kind, c.distance), c.task): c for c in cells}
    columns = [(task, name, hint) for task, (name, hint) in TASKS.items()]
    chosen, taken = shown_presets(report, method, preset), shares_taken(report, method)
    return _beside(title, "points", found, kinds(cells), columns, chosen, method, taken, measure)


def shattering_table(report: Report, method: str, preset: str, site: str = LAST) -> Node:
    """The paper's table of R by distance and sub-graph, R read at `site`."""
    site = site_of(report, site)
    cells = [cell for cell in report.shattering if cell.method == method and cell.site == site]
    found: dict[tuple[str, Which, str], Any] = {(c.preset, (c.kind, c.distance), c.sub_graph): c for c in cells}
    columns = [(part, name, hint) for part, (name, hint) in SUB_GRAPHS.items()]
    chosen, taken = shown_presets(report, method, preset), shares_taken(report, method)
    title = "Shattering R" if site == LAST else f"Shattering R at {site}"
    return _beside(title, "R", found, kinds(cells), columns, chosen, method, taken)


def shares_taken(report: Report, method: str) -> dict[tuple[str, Which], Spread]:
    """By preset and kind of edit: how many of the edits that are averaged over took."""
    return {(c.preset, (c.kind, c.distance)): c.success for c in report.methods if c.method == method}


def _beside(
    title: str,
    unit: str,
    found: dict[tuple[str, Which, str], Any],
    rows: Sequence[Which],
    columns: Sequence[tuple[str, str, str]],
    chosen: Sequence[str],
    method: str,
    taken: dict[tuple[str, Which], Spread],
    measure: Measure = "argmax",
) -> Node:
    """The share of our edits that took; then of every column, ours by each preset and the paper's."""
    if not found:
        return empty(f"No edit by {theme.method_name(method)} has been measured yet.")
    theirs = any(cell.paper is not None for cell in found.values())
    parts = [*chosen, *(["paper's"] if theirs else [])]
    span = {"colSpan": len(parts)}
    head = [
        html.Tr([
            html.Th("", scope="col"),
            html.Th(html.Span("taken", **tip(TAKEN)), scope="colgroup", className="group", colSpan=len(chosen)),
            *(html.Th(html.Span(name, **tip(hint)), scope="colgroup", className="group", **span) for _, name, hint in columns),
        ]),
        html.Tr([
            html.Th("edits", scope="col"),
            *(_part(part, place, short=True) for place, part in enumerate(chosen)),
            *(_part(part, place) for _ in columns for place, part in enumerate(parts)),
        ]),
    ]  # fmt: skip
    body, data = [], []
    for which in rows:
        line = [html.Th(html.Span(kind_name(which), **tip(kind_explained(which))), scope="row")]
        line += [_taken(taken.get((preset, which)), first=place == 0) for place, preset in enumerate(chosen)]
        for column, name, _ in columns:
            members = [found.get((preset, which, column)) for preset in chosen]
            for place, (preset, cell) in enumerate(zip(chosen, members, strict=True)):
                spread = None if cell is None else cell.shattering if unit == "R" else changed(cell, measure)
                line.append(_ours(cell, spread, unit, name, which, method, preset, first=place == 0))
                if cell is not None and spread is not None:
                    paper = cell.paper
                    share = taken.get((preset, which))
                    share_taken = None if share is None else share.mean
                    data.append(
                        [method, preset, *which, column, spread.mean, spread.deviation, spread.n, paper, share_taken]
                    )
            if theirs:
                number = next((cell.paper for cell in found.values() if _place(cell) == (which, column)), None)
                line.append(html.Td(_number(number, unit) if number is not None else "–", className="theirs"))
        body.append(html.Tr(line))
    names = [
        "method",
        "preset",
        "kind",
        "distance",
        "task" if unit == "points" else "sub_graph",
        "mean",
        "sd",
        "n",
        "paper",
        "taken",
    ]
    return wrapped(title, head, body, names, data)


def _place(cell: AccuracyCell | ShatteringCell) -> tuple[Which, str]:
    return (cell.kind, cell.distance), cell.task if isinstance(cell, AccuracyCell) else cell.sub_graph


def _part(part: str, place: int, *, short: bool = False) -> Node:
    if part == "paper's":
        hint = "The number in Nishi et al. 2025, by ROME. A dash: the paper has none."
        return html.Th(html.Span("the paper’s", **tip(hint)), scope="col", className="theirs")
    hint = {
        "tuned": "Ours, with step sizes that suit this model: the value optimisation stops where it has reached its target.",
        "paper": "Ours, with the reference implementation's parameters.",
        "reference": "Ours, with the reference implementation's parameters and at the token it edits: the subject's.",
        "reference-tuned": "Ours, at the subject's token, with settings chosen by measurement.",
    }.get(part, f"Ours, with the preset {part}.")
    return html.Th(
        html.Span(part if short or part not in ("tuned", "paper") else f"ours, {words.settings(part)}", **tip(hint)),
        scope="col",
        className="first" if place == 0 else "",
    )


def changed(cell: AccuracyCell, measure: Measure) -> Spread | None:
    return cell.change if measure == "argmax" else cell.probability


def direct(cell: MethodCell, measure: Measure) -> Spread | None:
    """Change of direct recall."""
    return cell.direct if measure == "argmax" else cell.direct_probability


def R_at(cell: MethodCell, site: str) -> Spread | None:
    return cell.sites.get(site) if cell.sites else cell.shattering


def _ours(
    cell: Any, spread: Spread | None, unit: str, name: str, which: Which, method: str, preset: str, *, first: bool
) -> Node:
    side = "ours first" if first else "ours"
    if spread is None:
        return html.Td("…", className=f"{side} waiting")
    what = (
        f"Change of {name}, mean over the sub-graphs"
        if unit == "points"
        else f"R of the {name}, mean over its relations"
    )
    hint = f"{what}, over {over(spread)} by {theme.method_name(method)} with {words.settings(preset)} ({kind_name(which)}). {plus_minus(spread)}"
    children: list[Node] = [html.B(_number(spread.mean, unit)), html.Small(_deviation(spread, unit))]
    if cell.paper is not None:
        hint += f" {_against(spread.mean, cell.paper, unit)}"
    return html.Td(
        html.Span(children, **tip(hint)), className=side, **{"data-value": repr(spread.mean), "data-n": str(spread.n)}
    )


def _taken(share: Spread | None, *, first: bool) -> Node:
    side = "taken first" if first else "taken"
    if share is None:
        return html.Td("…", className=f"{side} waiting")
    hint = f"{TAKEN} {words.percent(share.mean)} of {over(share)}."
    return html.Td(
        html.Span([html.B(words.percent(share.mean)), html.Small(f" ({share.n})")], **tip(hint)),
        className=side if share.mean >= 0.95 else f"{side} bad",
        **{"data-taken": repr(share.mean)},
    )


def _number(value: float, unit: str) -> str:
    return words.points(value) if unit == "points" else r(value)


def r(value: float) -> str:
    """R, in a column of others: as many places as can matter."""
    if 0 < value < 0.0005:
        return "<0.001"
    return words.fixed(value, 1 if value >= 10 else 2 if value >= 1 else 3)


def _deviation(spread: Spread, unit: str) -> str:
    if spread.deviation is None:
        return f" ({spread.n})"
    size = words.fixed(spread.deviation, 1, 100) if unit == "points" else r(spread.deviation)
    return f" ± {size} ({spread.n})"


def _against(ours: float, paper: float, unit: str) -> str:
    difference = ours - paper
    size = f"{words.fixed(abs(difference), 1, 100)} points" if unit == "points" else f"{r(abs(difference))} in R"
    return f"It differs from the paper's {_number(paper, unit)} by {size}."


def over(spread: Spread) -> str:
    return words.plural(spread.n, "edit")


def plus_minus(spread: Spread) -> str:
    return (
        "± is one standard deviation over these edits." if spread.deviation is not None else "One edit has no spread."
    )


def plus_minus_of(spread: Spread, unit: str) -> str:
    """The spread alone."""
    return _deviation(spread, unit).rsplit(" (", 1)[0].strip()


# --- the methods side by side ------------------------------------------------------------------------------------------

COLUMNS: tuple[tuple[str, str, str, str], ...] = (
    ("success", "taken", "share", TAKEN),
    ("reached", "reached", "share", REACHED),
    ("shattering", "R", "R", "How much the distances between representations changed, mean over the sub-graphs."),
    ("direct", "direct recall", "points", "Change of the share of facts seen in training that are answered right, in points."),
    ("generality", "generality", "share", "Share of other contexts in which the new fact is answered."),
    ("locality", "locality", "share", "Share of unrelated facts answered as before the edit."),
    ("portability", "portability", "share", "Share of facts that follow from the new fact and are answered as if it held."),
    ("relative_delta_norm", "size", "share", "Norm of the weight change, as a share of the norm of the weights."),
    ("seconds", "time", "seconds", "Of computing the edit alone."),
)  # fmt: skip


def _measured(cell: MethodCell, key: str, site: str, measure: Measure) -> Spread | None:
    if key == "shattering":
        return R_at(cell, site)
    if key == "direct":
        return direct(cell, measure)
    found: Spread | None = getattr(cell, key)
    return found


def methods_table(report: Report, which: Which, site: str = LAST, measure: Measure = "argmax") -> Node:
    """Every method and preset on the same kind of edit, a bar behind each mean."""
    site = site_of(report, site)
    cells = [cell for cell in report.methods if (cell.kind, cell.distance) == which]
    if not cells:
        return empty("No edit of this kind has been measured yet.")
    head = [
        html.Tr([html.Th("method", scope="col"), *(html.Th(html.Span(name, **tip(hint)), scope="col") for _, name, _, hint in COLUMNS)])
    ]  # fmt: skip
    largest = {
        key: max((abs(s.mean) for cell in cells if (s := _measured(cell, key, site, measure))), default=1.0)
        for key, *_ in COLUMNS
    }
    body, data = [], []
    for cell in cells:
        color = theme.method_color(cell.method)
        name = [
            html.I(className="swatch", style={"background": color}),
            theme.method_name(cell.method),
            " ",
            html.Small(cell.preset),
        ]
        line: list[Node] = [html.Th(name, scope="row")]
        for key, _, unit, hint in COLUMNS:
            spread = _measured(cell, key, site, measure)
            if spread is None:
                line.append(html.Td("–"))
                continue
            scale = 1.0 if unit == "share" and key != "relative_delta_norm" else largest[key] or 1.0
            width = min(100 * abs(spread.mean) / scale, 100)
            explained = f"{hint} Over {over(spread)} ({kind_name(which)}). {plus_minus(spread)}"
            bar = html.I(className="bar-behind", style={"width": f"{width:.1f}%", "background": color})
            number = html.Span([html.B(_written(spread.mean, unit)), html.Small(_sd(spread, unit))], **tip(explained))
            line.append(
                html.Td(
                    [number, html.Span(bar, className="bar-track")],
                    **{"data-value": repr(spread.mean), "data-n": str(spread.n)},
                )
            )
            data.append(
                [cell.method, cell.preset, cell.kind, cell.distance, key, spread.mean, spread.deviation, spread.n]
            )
        body.append(html.Tr(line))
    return wrapped(
        "Methods side by side", head, body, ["method", "preset", "kind", "distance", "measure", "mean", "sd", "n"], data
    )


def _written(value: float, unit: str) -> str:
    if unit == "share":
        return words.percent(value)
    if unit == "seconds":
        return f"{words.fixed(value, 0, 1000)} ms" if value < 1 else f"{words.fixed(value, 1)} s"
    return _number(value, unit)


def _sd(spread: Spread, unit: str) -> str:
    if spread.deviation is None:
        return f" ({spread.n})"
    if unit == "R":
        return f" ± {r(spread.deviation)} ({spread.n})"
    size = 1000 * spread.deviation if unit == "seconds" and spread.mean < 1 else spread.deviation
    places, scale = (1, 100) if unit in ("share", "points") else (0 if spread.mean < 1 else 1, 1)
    shown = words.fixed(size, places, scale)
    return f" ± {shown} ({spread.n})"


# --- markup --------------------------------------------------------------------------------------------------------------


def wrapped(title: str, head: list[Node], body: list[Node], columns: list[str], rows: list[list[Any]]) -> Node:
    """A table that scrolls within itself, with the data of its CSV."""
    csv = json.dumps({"title": title, "columns": columns, "rows": rows})
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(body)]), className="numbers", tabIndex="0", role="region",
        **{"data-csv": csv, "aria-label": title},
    )  # fmt: skip


def empty(text: str) -> Node:
    return html.P(text, className="empty")


def sites_table(found: SitesResult, checkpoint: CheckpointInfo, edit: Edit, world: World) -> Node:
    """R of the edit whose rings are drawn, by site."""
    return r_table(found, checkpoint, edit.relation, checkpoint.model.default_site, "in the pictures", world=world)
