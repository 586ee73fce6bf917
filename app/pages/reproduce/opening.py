"""What the page opens with: one table that a reader of the paper expects, and what each token explains of it. All by the paper's method."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.pages.reproduce import tables
from shatterscope.app.pages.reproduce.state import METHOD
from shatterscope.app.pages.reproduce.tables import REACHED, TAKEN, Which, direct, r, site_name, site_of
from shatterscope.wire.base import Token
from shatterscope.wire.reproduction import Explained, Measure, MethodCell, Report, Split, Spread

TOKENS: dict[Token, str] = {"relation": "ours, at the relation’s token", "subject": "ours, at the subject’s token"}
SHOWN: tuple[Which, ...] = (("corrective", 0), *(("counterfactual", d) for d in (1, 2, 3, 4)))
NAMES = ("change", "R", "taken", "reached")
CHANGES: dict[Measure, str] = {
    "argmax": "Change of direct recall in points: of the share of facts seen in training that are answered right.",
    "probability": "Change of direct recall in points, by the mean probability of the right answer.",
}


def opening_table(report: Report, site: str, measure: Measure) -> Node:
    """Rows are kinds of edit; columns the paper's numbers, then ours, token by token and preset by preset."""
    site = site_of(report, site)
    cells: dict[tuple[str, Which], MethodCell] = {
        (c.preset, (c.kind, c.distance)): c for c in report.methods if c.method == METHOD
    }
    papers = any(_papers(report, which, site) != (None, None) for which in SHOWN)
    rows = [
        which for which in (SHOWN if papers else tables.kinds(report.methods)) if any(key[1] == which for key in cells)
    ]
    if not rows:
        return tables.empty("No edit by ROME of the paper’s distances has been measured yet.")
    token = tables.tokens(report, METHOD)
    at = {each: [preset for preset in tables.presets(report, METHOD) if token[preset] == each] for each in TOKENS}
    chosen = [preset for each in at.values() for preset in each]
    hints = (CHANGES[measure], f"R at {site_name(site)}, mean over the sub-graphs.", TAKEN, REACHED)
    names = [html.Th(html.Span(name, **tip(hint)), scope="col") for name, hint in zip(NAMES, hints, strict=True)]
    head: list[Node] = [
        html.Tr(
            [
                html.Th("", scope="col"),
                *([html.Th("the paper", scope="colgroup", colSpan=2, className="group first")] if papers else []),
                *(
                    html.Th(TOKENS[each], scope="colgroup", colSpan=4 * len(found), className="group first")
                    for each, found in at.items()
                    if found
                ),
            ]
        ),
        html.Tr(
            [
                html.Th("", scope="col"),
                *([html.Th("ROME", scope="colgroup", colSpan=2, className="group first preset")] if papers else []),
                *(
                    html.Th(f"preset {preset}", scope="colgroup", colSpan=4, className="group first preset")
                    for preset in chosen
                ),
            ]
        ),
        html.Tr(
            [
                html.Th("edits", scope="col"),
                *(_first(names[:2]) if papers else []),
                *(th for _ in chosen for th in _first(names)),
            ]
        ),
    ]
    body: list[Node] = []
    data: list[list[Any]] = []
    for which in rows:
        change, R = _papers(report, which, site)
        line: list[Node] = [
            html.Th(html.Span(tables.kind_name(which), **tip(tables.kind_explained(which))), scope="row"),
        ]
        if papers:
            line += [
                html.Td(_shown(change, "points"), className="theirs first"),
                html.Td(_shown(R, "R"), className="theirs"),
            ]
        for preset in chosen:
            cell = cells.get((preset, which))
            line += _ours(cell, site, measure)
            if cell is not None:
                found = (direct(cell, measure), tables.R_at(cell, site), cell.success, cell.reached)
                for name, spread, paper in zip(NAMES, found, (change, R, None, None), strict=True):
                    if spread is not None:
                        numbers = (spread.mean, spread.deviation, spread.n, paper)
                        data.append([METHOD, preset, token[preset], *which, name, site, measure, *numbers])
        body.append(html.Tr(line))
    columns = ["method", "preset", "token", "kind", "distance", "of", "site", "accuracy_by", "mean", "sd", "n", "paper"]
    return tables.wrapped("Ours beside the paper’s, by token", head, body, columns, data)


def _first(names: list[Node]) -> list[Node]:
    return [html.Th(names[0].children, scope="col", className="first"), *names[1:]]


def _papers(report: Report, which: Which, site: str) -> tuple[float | None, float | None]:
    """The paper's change of direct recall and its R, the mean over the sub-graphs."""
    change = next((c.paper for c in report.accuracy if c.method == METHOD and c.task == "direct" and (c.kind, c.distance) == which), None)  # fmt: skip
    R = {c.sub_graph: c.paper for c in report.shattering if c.method == METHOD and (c.kind, c.distance) == which and c.site == site}  # fmt: skip
    known = [each for each in R.values() if each is not None]
    return change, fmean(known) if known else None


def _ours(cell: MethodCell | None, site: str, measure: Measure) -> list[Node]:
    if cell is None:
        return [html.Td("…", className="waiting first"), *(html.Td("…", className="waiting") for _ in NAMES[1:])]
    found: list[tuple[Spread | None, str]] = [
        (direct(cell, measure), "points"),
        (tables.R_at(cell, site), "R"),
        (cell.success, "share"),
        (cell.reached, "share"),
    ]
    line: list[Node] = []
    for name, (spread, unit) in zip(NAMES, found, strict=True):
        side = "ours first" if name == "change" else "ours"
        if spread is None:
            line.append(html.Td("–", className=side))
            continue
        spreads = "" if unit == "share" else f" {tables.plus_minus_of(spread, unit)}"
        hint = (
            f"{name}: {_shown(spread.mean, unit)}{spreads}, over {tables.over(spread)} with the preset {cell.preset}."
        )
        bad = " bad" if name == "taken" and spread.mean < 0.95 else ""
        line.append(
            html.Td(
                html.Span(html.B(_shown(spread.mean, unit)), **tip(hint)),
                className=side + bad,
                **{"data-value": repr(spread.mean), "data-n": str(spread.n)},
            )
        )
    return line


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "share":
        return f"{words.fixed(value, 0, 100)}\u00a0%"
    return words.points(value) if unit == "points" else r(value)


# --- what each token explains ------------------------------------------------------------------------------------------

RULE = (
    "A size counts as the paper’s between half and twice of it, a share from three quarters of it on, of either preset at that token. Computed from "
    "the rows of this run."
)


def explained(report: Report, site: str, measure: Measure) -> list[Node]:
    """The paper's findings, sorted by the token at which they are seen."""
    blocks = [
        html.Div(
            [html.H3(title.replace("'", "’")), html.Ul([html.Li(_said(each)) for each in members])],
            className="explained-group",
        )
        for title, members in report.explained_at(site_of(report, site), measure)
    ]
    if not blocks:
        return []
    edited = {each.token for each in report.methods}
    other = next((each for each in TOKENS if each not in edited), None)
    rule = (
        RULE
        if other is None
        else f"{RULE} It has no edits at the {other}’s token: run it again to see what that explains."
    )
    return [html.Div(blocks, className="explained-groups"), html.P(rule, className="explained-rule")]


def _said(each: Explained) -> list[Node]:
    return [html.B(f"{each.title}."), " ", words.unbroken(f"{each.text[:1].upper()}{each.text[1:]}.")]


# --- one group or two --------------------------------------------------------------------------------------------------


def splits_of(report: Report, of: str, site: str | None) -> list[Split]:
    return [each for each in report.splits if each.method == METHOD and each.of == of and each.site == site]


def groups_words(report: Report, site: str, measure: Measure) -> list[Node]:
    """How many of the cells are two groups, and which groups those are."""
    site = site_of(report, site)
    said, which = [], []
    for name, found in (
        (f"R at {site_name(site)}", splits_of(report, "shattering", site)),
        ("The change of direct recall", splits_of(report, measure, None)),
    ):
        if not found:
            continue
        two = [each for each in found if each.two]
        said.append(
            f"{name} falls into two groups in {len(two)} of {words.plural(len(found), 'cell')} of ROME’s edits (a cell: one preset, one kind)."
        )
        which += [html.Li(f"{name}; {_group_words(each)}.") for each in two]
    if not said:
        return [html.P("Twenty edits of a kind are needed before it can be told whether they are one group or two.")]
    rule = (
        "The edits of a cell are divided in two as well as can be. They count as two groups where more than 80\u00a0% of the variance lies between "
        "the parts (it is 64\u00a0% for one bell, 75\u00a0% for values spread evenly), and each has 5\u00a0% of the edits and five at least."
    )
    details = html.Details([html.Summary("Which, and who took"), html.Ul(which)]) if which else None
    return [html.P([html.B(" ".join(said)), " ", rule]), details]


def _group_words(each: Split) -> str:
    unit = "R" if each.of == "shattering" else "points"
    kind = tables.kind_name((each.kind, each.distance))
    parts = [
        f"{part.n} at {_shown(part.mean, unit)} ({_shown(part.taken, 'share')} taken)" for part in (each.low, each.high)
    ]
    return f"{each.preset}, {kind}: {' and '.join(parts)}"
