"""What `shatterscope reproduce` prints: our numbers, each with its spread, beside the paper's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean

from rich.console import Console
from rich.table import Table

from shatterscope.backend.commands.printed import wide_console
from shatterscope.backend.reproduction.paper import ACCURACY, METHOD, SHATTERING
from shatterscope.wire.reproduction import (
    AccuracyCell,
    MethodCell,
    Provenance,
    Report,
    Reproduction,
    ShatteringCell,
    Spread,
    Tracing,
)

TASKS = ("direct", "logical", "compositional")
PARTS = ("edit", "retain", "test")
SHOWN = (("corrective", 0), ("counterfactual", 1), ("counterfactual", 4))  # of the methods side by side


def as_text(found: Reproduction, tracings: Sequence[Tracing]) -> str:
    """JSON: what the API tells of a shipped run, and `tracings`."""
    values = found.model_dump(mode="json") | {"tracings": [each.model_dump(mode="json") for each in tracings]}
    return json.dumps(values, indent=2)


def show_reproduction(found: Reproduction, tracings: Sequence[Tracing]) -> None:
    console = wide_console(150)
    _show_origin(console, found.single)
    papers = any(cell.paper is not None for cell in found.single.accuracy)
    if papers:
        _show_opening(console, found.single)
        _show_explained(console, found.single)
    _show_accuracy(console, found.single)
    _show_shattering(console, found.single)
    _show_methods(console, found.single)
    _show_fits(console, found.single)
    if found.sequence is not None:
        _show_sequences(console, found.sequence)
    if papers:
        _show_disagreements(console, found.single)
    else:
        console.print("\nThe paper's numbers are of rings, so none stands beside these.")
    _show_tracings(console, tracings)


def _show_origin(console: Console, report: Report) -> None:
    origin = report.provenance
    left_out = f", {origin.left_out} left out because their edit could not be made" if origin.left_out else ""
    console.print(
        f"[bold]{origin.checkpoint}[/] {origin.checkpoint_sha256[:12]}: {origin.rows} single edits{left_out}, "
        f"{_sizes(origin)} per preset and kind, seed {origin.seed}, on {origin.device}, "
        f"{origin.queries} queries per task and ring behind {origin.contexts} contexts"
    )


def _sizes(origin: Provenance) -> str:
    shown = ", ".join(f"{n} {method}" for method, n in origin.edits.items())
    return shown if origin.corrective_edits is None else f"{shown} (corrective: at most {origin.corrective_edits})"


def _show_opening(console: Console, report: Report) -> None:
    """What the page opens with: the paper's numbers, and ours by token."""
    site = next(iter(report.sites), "")
    _heading(
        console,
        f"The paper's numbers, and ours by token: change of direct recall in points, R at {site} (mean over the rings), "
        "share of edits that took, share whose optimisation reached its stop",
    )
    table = _table("token", "preset", "kind", "change", "(the paper's)", "R", "(the paper's)", "taken", "reached")
    for cell in report.methods:
        theirs = ACCURACY.get((cell.kind, cell.distance), {}).get("direct")
        rings = SHATTERING.get(cell.distance)
        if cell.method != METHOD or (theirs is None and rings is None):
            continue
        R = cell.sites.get(site) if cell.sites else cell.shattering
        table.add_row(
            cell.token,
            cell.preset,
            _kind(cell.kind, cell.distance),
            _mean(cell.direct, 100, 2),
            "" if theirs is None else f"({100 * theirs:.2f})",
            _mean(R, digits=4),
            "" if rings is None else f"({fmean(rings.values()):.2f})",
            _mean(cell.success, digits=2),
            _mean(cell.reached, digits=2),
        )
    console.print(table)


def _show_explained(console: Console, report: Report) -> None:
    for title, members in report.explained_at(next(iter(report.sites), ""), "argmax"):
        _heading(console, title)
        for each in members:
            console.print(f"- {each.title}: {each.text}.", soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    return table


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _kind(kind: str, distance: int) -> str:
    return "corrective" if kind == "corrective" else f"d = {distance}"


def _show_accuracy(console: Console, report: Report) -> None:
    _heading(
        console,
        "Table 1: change of accuracy, percentage points: mean ± standard deviation over edits (the paper's, where it has one)",
    )
    table, taken = _table("ROME, preset", "kind", "n", "taken", *TASKS), _taken(report)
    cells: dict[tuple[str, str, int, str], AccuracyCell] = {
        (c.preset, c.kind, c.distance, c.task): c for c in report.accuracy if c.method == METHOD
    }
    for preset, kind, distance in dict.fromkeys(key[:3] for key in cells):
        row = [cells.get((preset, kind, distance, task)) for task in TASKS]
        n = str(next(cell.change.n for cell in row if cell is not None))
        shown = ["" if c is None else _beside(c.change, c.paper, 100, 2) for c in row]
        table.add_row(preset, _kind(kind, distance), n, taken.get((preset, kind, distance), ""), *shown)
    console.print(table)


def _show_shattering(console: Console, report: Report) -> None:
    site = next(iter(report.sites), "")
    _heading(console, f"R(D*) at {site}: mean ± standard deviation over edits (the paper's, where it has one)")
    table, taken = _table("ROME, preset", "kind", "n", "taken", *PARTS), _taken(report)
    cells: dict[tuple[str, str, int, str], ShatteringCell] = {
        (c.preset, c.kind, c.distance, c.sub_graph): c
        for c in report.shattering
        if c.method == METHOD and c.site == site
    }
    for preset, kind, distance in dict.fromkeys(key[:3] for key in cells):
        row = [cells.get((preset, kind, distance, part)) for part in PARTS]
        n = str(next(cell.shattering.n for cell in row if cell is not None))
        shown = ["" if c is None else _beside(c.shattering, c.paper, 1, 4) for c in row]
        table.add_row(preset, _kind(kind, distance), n, taken.get((preset, kind, distance), ""), *shown)
    console.print(table)


def _taken(report: Report) -> dict[tuple[str, str, int], str]:
    """By preset and kind of edit, the share of ROME's edits after which the model answers the new object."""
    return {(c.preset, c.kind, c.distance): _mean(c.success) for c in report.methods if c.method == METHOD}


def _show_methods(console: Console, report: Report) -> None:
    _heading(
        console, "Methods side by side: means over edits; R over all sub-graphs, direct recall in percentage points"
    )
    quality = ("efficacy", "generality", "locality", "portability")
    table = _table("method", "preset", "kind", "n", "taken", "R", "direct", *quality, "|dW|/|W|", "ms")
    for cell in report.methods:
        if (cell.kind, cell.distance) in SHOWN:
            table.add_row(*_method(cell))
    console.print(table)


def _method(cell: MethodCell) -> list[str]:
    quality = (cell.efficacy, cell.generality, cell.locality, cell.portability)
    return [
        cell.method,
        cell.preset,
        _kind(cell.kind, cell.distance),
        str(cell.success.n),
        _mean(cell.success),
        _mean(cell.shattering, digits=4),
        _mean(cell.direct, 100, 2),
        *map(_mean, quality),
        _mean(cell.relative_delta_norm, digits=4),
        _mean(cell.seconds, 1000, 0),
    ]


def _show_fits(console: Console, report: Report) -> None:
    _heading(console, "R against the change of direct recall, over single edits (the paper's r², where it has one)")
    table = _table("method", "preset", "n", "r²", "slope, points per R")
    for fit in (each for each in report.fits if each.site in report.sites[:1]):
        r2 = "" if fit.r2 is None else f"{fit.r2:.3f}"
        theirs = "" if fit.paper_r2 is None else f" ({fit.paper_r2:.3f})"
        slope = "" if fit.slope is None else f"{100 * fit.slope:+.2f}"
        table.add_row(fit.method, fit.preset, str(len(fit.points)), r2 + theirs, slope)
    console.print(table)


def _show_sequences(console: Console, report: Report) -> None:
    _heading(console, "Sequences: where less than half of the unedited direct recall is left; means over repetitions")
    table = _table(
        "method", "preset", "kind", "unedited", "last point", "direct there", "holding", "R", "collapse after"
    )
    for curve in report.sequences:
        last = curve.points[-1]
        collapse = "not in this run" if curve.collapse is None else f"{curve.collapse} edits"
        table.add_row(
            curve.method,
            curve.preset,
            _kind(curve.kind, curve.distance),
            f"{curve.unedited['direct']:.3f}" if "direct" in curve.unedited else "",
            f"{last.edits} edits",
            _mean(last.accuracy.get("direct")),
            _mean(last.holding),
            _mean(last.shattering, digits=4),
            collapse,
        )
    console.print(table)


def _show_disagreements(console: Console, report: Report) -> None:
    if not report.disagreements:
        console.print("\nNo number differs from the paper's by more than two of our standard errors.")
        return
    _heading(console, "Differs from the paper by more than two of our standard errors")
    table = _table("what", "ours", "± s.e.", "the paper's", "difference", "")
    for each in report.disagreements:
        digits = 2 if each.unit == "points" else 4
        numbers = (each.ours, each.standard_error, each.paper, each.difference)
        table.add_row(each.what, *(f"{number:.{digits}f}" for number in numbers), each.unit)
    console.print(table)


def _show_tracings(console: Console, tracings: Sequence[Tracing]) -> None:
    for found in tracings:
        _heading(
            console, f"Causal tracing, {found.corrupted} replaced: share of the answer that one activation brings back"
        )
        console.print(
            f"over {found.n} facts; probability of the truth {found.clean:.3f} clean, {found.corrupted_probability:.3f} corrupted"
        )
        table = _table("site", *found.positions)
        for site, recovery, error in zip(found.sites, found.recovery, found.standard_error, strict=True):
            cells = (f"{r:.3f} ± {e:.3f}" if e >= 0.0005 else f"{r:.3f}" for r, e in zip(recovery, error, strict=True))
            table.add_row(site, *cells)
        console.print(table)


def _beside(ours: Spread, paper: float | None, scale: float, digits: int) -> str:
    mean = _signed(scale * ours.mean, digits) if scale != 1 else f"{ours.mean:.{digits}f}"
    spread = "" if ours.deviation is None else f" ± {scale * ours.deviation:.{digits}f}"
    theirs = "" if paper is None else f" ({scale * paper:.2f})"
    return f"{mean}{spread}{theirs}"


def _mean(spread: Spread | None, scale: float = 1, digits: int = 3) -> str:
    return "" if spread is None else f"{scale * spread.mean:.{digits}f}"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}"
