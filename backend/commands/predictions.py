"""`shatterscope predict`: measure edits, so that the damage of others can be told before they are made."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shatterscope.backend.commands.common import Device, check_folder, examples, fail, laboratory_of

if TYPE_CHECKING:
    from shatterscope.backend.prediction.fit import Fitted

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope predict rings-2048 --ship",
        "shatterscope predict rings-small --method rome --method memit --edits 60",
        "shatterscope predict my-rings --method alphaedit --ship",
    )
)
def predict(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint id.")],
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Editing method, by its default preset; repeatable.", show_default="rome"),
    ] = None,
    edits: Annotated[int, typer.Option(min=24, help="Edits per method.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same edits.")] = 0,
    ship: Annotated[
        bool, typer.Option("--ship", help="Keep the edits beside the checkpoint, for the page to predict by.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON instead of the table.")] = False,
    device: Device = None,
) -> None:
    """Make random edits, and fit what was known before them to the damage that they did. About a second an edit on rings of 2048 entities."""
    from dataclasses import asdict

    from shatterscope.backend.checkpoints import CheckpointError
    from shatterscope.backend.editors import EDITORS
    from shatterscope.backend.prediction import shipped
    from shatterscope.backend.prediction.sampled import sampled

    methods = list(dict.fromkeys(method or ["rome"]))
    for each in methods:
        if each not in EDITORS:
            fail(f"--method {each!r}: unknown; there are {', '.join(EDITORS)}")
    laboratory = laboratory_of(device)
    try:
        found = laboratory.registry.get(checkpoint)
        folder = laboratory.settings.models_dir / checkpoint
        if ship:
            check_folder(folder)
        told: dict[str, Fitted] = {}
        for each in methods:
            made = _counted(sampled(found, each, edits, seed), each, edits)
            rows = shipped.rows_of(made, EDITORS[each].default_preset, seed)
            told[each] = rows.fitted()
            if ship:  # at once, so that what was measured outlives an interruption
                shipped.ship(folder, found, {each: rows})
    except (CheckpointError, ValueError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped; methods that were finished are kept" if ship else "stopped")
    finally:
        laboratory.close()
    if as_json:
        print(json.dumps({name: asdict(fitted) for name, fitted in told.items()}, indent=2))
    else:
        _show(told)
    if ship:
        print(f"kept in {folder / shipped.FILE}; a server that runs has to be started again to see it")


def _counted(made: Any, method: str, n: int) -> Any:
    """The same, with a line of progress where somebody watches."""
    for i, each in enumerate(made, 1):
        if sys.stderr.isatty():
            print(f"\r{method}: {i} of {n} edits", end="" if i < n else "\n", file=sys.stderr, flush=True)
        yield each


def _show(told: dict[str, Fitted]) -> None:
    from rich.table import Table

    from shatterscope.backend.commands.printed import wide_console
    from shatterscope.backend.prediction.fit import LOSS

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    table = Table("method", "edits", "Spearman", "AUC", box=None, pad_edge=False)
    targets = list(dict.fromkeys(target for fitted in told.values() for target in fitted.lines))
    for target in targets:
        table.add_column("r2 loss" if target == LOSS else f"r2 log R {target}")
    for name, fitted in told.items():
        r2 = [number(fitted.lines[target].r2) if target in fitted.lines else "–" for target in targets]
        table.add_row(name, str(fitted.n_edits), number(fitted.spearman), number(fitted.auc), *r2)
    wide_console(120).print(table)
