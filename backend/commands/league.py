"""`shatterscope league`: every method beside every other, at equal efficacy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from shatterscope.backend.commands.common import Device, check_file, check_folder, command, examples, fail, options
from shatterscope.backend.settings import load_settings

if TYPE_CHECKING:
    from shatterscope.backend.league.rows import Rows
    from shatterscope.backend.league.run import Watch

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope league rings-2048 --edits 10 --stacks 10,100,1000 --ship",
        "shatterscope league rings-2048 --method rome --method patch:tuned --edits 3",
        "shatterscope league rings-2048 --set sealed --csv sealed.csv",
        "shatterscope league rings-2048 --edits 0",
    )
)
def league(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint id.")] = "rings-2048",
    set_: Annotated[str, typer.Option("--set", help="open, or sealed: edits held apart, for claims.")] = "open",
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "--methods", metavar="NAME[:PRESET]", help="Only these; repeatable.", show_default="all"
        ),
    ] = None,
    edits: Annotated[
        int,
        typer.Option(min=0, max=100_000, help="Edits of every distance, and corrective ones. 0 measures nothing new."),
    ] = 3,
    stacks: Annotated[
        str,
        typer.Option(metavar="N,N", help="Also edits one after another, measured after so many.", show_default="no"),
    ] = "",
    stack_seconds: Annotated[float, typer.Option(min=1, help="The most that the edits of one stack may take.")] = 120,
    distance: Annotated[
        int | None,
        typer.Option(min=0, help="Print the table of this distance; 0: of corrective edits.", show_default="all"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Go on with the rows that are there.")] = True,
    ship: Annotated[
        bool, typer.Option("--ship", help="Keep the rows in the checkpoint's folder, for the page.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there as CSV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown, as in docs/LEAGUE.md.")] = False,
    device: Device = None,
) -> None:
    """Every preset of every method on a fixed set of edits: what it writes, keeps, shatters and costs. Killed or stopped, it can be resumed."""
    from shatterscope.backend.commands.printed_league import as_markdown, show_league
    from shatterscope.backend.league.rows import FOLDER, LeagueError
    from shatterscope.backend.league.run import Asked, run
    from shatterscope.backend.league.run import ship as keep
    from shatterscope.backend.league.table import csv_lines
    from shatterscope.backend.league.table import league as table_of
    from shatterscope.wire.league import SetName

    if set_ not in get_args(SetName):
        fail(f"--set {set_}: there are {' and '.join(get_args(SetName))}")
    asked = Asked(
        checkpoint, cast("SetName", set_), method or (), edits, _stages(stacks), stack_seconds, anew=not resume
    )
    settings = load_settings(device=device)
    if csv is not None:
        check_file(csv)
    try:
        if ship:
            check_folder(settings.models_dir / checkpoint / FOLDER)
        rows = _with_progress(lambda watch: run(settings, asked, watch))
        if ship:
            print(f"written to {keep(settings, rows)}", file=sys.stderr)
    except LeagueError as error:
        fail(str(error))
    except KeyboardInterrupt:
        again = options(
            set=None if set_ == "open" else set_,
            method=method,
            edits=edits,
            stacks=stacks or None,
            stack_seconds=None if stack_seconds == 120 else f"{stack_seconds:g}",
            ship=ship,
            csv=csv,
            json=as_json,
            markdown=markdown,
            device=device,
        )
        fail(f"stopped; go on with: {command('league', checkpoint, *again)}")
    except OSError as error:
        fail(f"cannot write the rows: {error}")
    if distance is not None and distance not in rows.header.distances:
        known = ", ".join(map(str, rows.header.distances))
        fail(f"--distance {distance}: there are edits at {known}")
    table = table_of(rows, distance)
    if csv is not None:
        csv.write_text("".join(csv_lines(table)))
    if as_json:
        print(table.model_dump_json(indent=2))
    elif markdown:
        print(as_markdown(table))
    else:
        show_league(table)


def _stages(given: str) -> list[int]:
    """`10,100` as numbers."""
    try:
        found = [int(part) for part in given.split(",")] if given else []
    except ValueError:
        found = [0]
    if any(stage < 1 for stage in found):
        fail(f"--stacks {given}: give numbers of edits from 1 on, as in 10,100,1000")
    return found


def _with_progress(work: Callable[[Watch], Rows]) -> Rows:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, width=None if sys.stderr.isatty() else 120)
    columns = TextColumn("league"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[now]}"), console=console) as bar:
        task = bar.add_task("league", total=None, now="starting")
        return work(lambda done, total, now: bar.update(task, completed=done, total=total, now=now))
