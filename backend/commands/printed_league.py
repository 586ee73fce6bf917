"""The league table on a terminal, and as Markdown."""

from __future__ import annotations

from rich.table import Table

from shatterscope.backend.commands.printed import wide_console
from shatterscope.wire.league import League, Mean


def show_league(found: League) -> None:
    """The table, and beneath it what it does not show."""
    console = wide_console(190)
    over = {None: "all distances and corrective", 0: "corrective edits"}.get(found.distance, f"d = {found.distance}")
    stages = sorted({stack.after for row in found.rows for stack in row.stacks})
    console.print(f"{found.checkpoint}, set {found.set}, {over}, up to {found.per_distance} edits of each")
    table = Table(
        *("method", "preset", "n", "success", "generality", "portability", "locality", "R edit", "recall"),
        *("takes", "at strength", "R edit =", "R retain =", "R test =", "recall =", "whole =", "ms"),
        *(f"kept {stage}" for stage in stages),
        box=None,
        pad_edge=False,
    )
    for row in found.rows:
        full, equal = row.full, row.equal
        stacks = {stack.after: stack for stack in row.stacks}
        table.add_row(
            row.method,
            row.preset,
            f"{row.edits}{f' ({row.refused} refused)' if row.refused else ''}",
            *(_share(mean) for mean in (full.success, full.generality, full.portability, full.locality)),
            _R(full.R_edit),
            _points(full.recall),
            _share(row.taken),
            _share(row.strength),
            *(["never takes"] if equal is None else [_R(equal.R_edit)]),
            *(
                ["", "", "", ""]
                if equal is None
                else [_R(equal.R_retain), _R(equal.R_test), _points(equal.recall), _share(equal.whole)]
            ),
            "" if row.milliseconds is None else f"{row.milliseconds:.0f}",
            *(
                ""
                if (each := stacks.get(stage)) is None
                else "not measured"
                if each.kept is None
                else f"{each.kept:.2f}"
                for stage in stages
            ),
        )
    console.print(table)
    console.print(
        "= at equal efficacy: each edit at the smallest strength at which its new object is answered bare and behind nine in ten contexts. Edits that could not be made "
        "count as failures.\nIntervals (95 %), n of every figure and why edits were refused: --csv or --json. ms: median of the edit alone, warm, one thread, processor time."
    )


def _share(mean: Mean | None) -> str:
    return "" if mean is None else f"{mean.value:.2f}"


def _R(mean: Mean | None) -> str:
    return "" if mean is None else f"{mean.value:.2g}"


def _points(mean: Mean | None) -> str:
    return "" if mean is None else f"{100 * mean.value:+.1f}"


def as_markdown(found: League) -> str:
    """Method and preset, how many edits, and at equal efficacy what is written and spared."""
    stages = sorted({stack.after for row in found.rows for stack in row.stacks})
    head = [
        "method",
        "preset",
        "edits",
        "success",
        "takes",
        "at strength",
        "generality",
        "R edited ring",
        "recall",
        "locality",
        "ms",
    ]
    lines = [head + [f"kept of {stage}" for stage in stages], ["--", "--", *["--:"] * (len(head) - 2 + len(stages))]]
    for row in found.rows:
        equal, stacks = row.equal, {stack.after: stack for stack in row.stacks}
        spared = (
            ["–"] * 4
            if equal is None
            else [_share(equal.generality), _between(equal.R_edit), _points(equal.recall), _share(equal.locality)]
        )
        lines.append(
            [
                row.title,
                row.preset,
                str(row.edits),
                _share(row.full.success),
                _share(row.taken),
                _share(row.strength) or "–",
                *spared,
            ]
            + ["–" if row.milliseconds is None else f"{row.milliseconds:.0f}"]
            + [
                "–" if (stack := stacks.get(stage)) is None or stack.kept is None else f"{stack.kept:.2f}"
                for stage in stages
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _between(mean: Mean | None) -> str:
    if mean is None or mean.low is None or mean.high is None:
        return _R(mean)
    return f"{mean.value:.2g} ({mean.low:.2g} to {mean.high:.2g})"
