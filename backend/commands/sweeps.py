"""`shatterscope sweep` and `reproduce`: experiments of many edits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shatterscope.backend.commands.common import (
    Device,
    check_file,
    check_folder,
    command,
    examples,
    fail,
    given,
    options,
)
from shatterscope.backend.commands.printed import show_sweep, sweep_with_progress
from shatterscope.backend.settings import load_settings

commands = typer.Typer()

# Of a sweep, what is decided once it has begun.
SETTLED = ("method", "distance", "corrective", "edits", "seed", "queries", "every", "repetitions")


@commands.command(
    epilog=examples(
        "shatterscope sweep rings-2048 --method rome --edits 50 --csv rows.csv",
        "shatterscope sweep rings-2048 --method rome:paper --method memit --distance 1 --distance 4 --no-corrective",
        "shatterscope sweep rings-2048 --method alphaedit --distance 4 --no-corrective --edits 1000 --every 50",
        "shatterscope sweep --resume 1f0c52d9a4b37e68",
    )
)
def sweep(
    context: typer.Context,
    checkpoint: Annotated[str | None, typer.Argument(help="Checkpoint id; not needed with --resume.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:PRESET]", help="Editing method; repeatable.", show_default="rome"),
    ] = None,
    distance: Annotated[
        list[int] | None, typer.Option(help="Distance of counterfactual edits; repeatable.", show_default="1 2 3 4")
    ] = None,
    corrective: Annotated[bool, typer.Option(help="Correct facts the model gets wrong as well.")] = True,
    edits: Annotated[int, typer.Option(min=1, help="Edits per method and kind.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same edits and questions.")] = 0,
    queries: Annotated[int, typer.Option(min=1, help="Questions per task and ring.")] = 100,
    every: Annotated[
        int | None,
        typer.Option(
            min=1, help="Make the edits one after another, and measure after every so many.", show_default="no"
        ),
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Sequences per method and kind, with --every.")] = 1,
    resume: Annotated[str | None, typer.Option(metavar="ID", help="Go on with this sweep.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rows there as CSV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead of the table.")] = False,
    device: Device = None,
) -> None:
    """Make many edits, each alone (or one after another), and measure what each does. Killed or stopped, it can be resumed."""
    from pydantic import ValidationError

    from shatterscope.backend.sweeps.foreground import Foreground, SweepError
    from shatterscope.wire.sweeps import SweepRequest

    if (checkpoint is None) == (resume is None):
        fail("give a checkpoint, or --resume with the id of a sweep")
    if resume is not None and (settled := given(context, *SETTLED)):
        fail(f"--resume goes on with what the sweep was begun with: leave out {', '.join(settled)}")
    if csv is not None:
        check_file(csv)
    foreground = Foreground(load_settings(device=device))
    try:
        if resume is not None:
            job = foreground.resume(resume)
        else:
            parts = [name.partition(":") for name in method or ["rome"]]
            body: dict[str, Any] = {
                "checkpoint": checkpoint,
                "methods": [{"name": name, "preset": preset or None} for name, _, preset in parts],
                "corrective": corrective,
                "edits_per_cell": edits,
                "seed": seed,
                "queries": queries,
                **({} if distance is None else {"distances": distance}),
                **({} if every is None else {"sequence": {"every": every, "repetitions": repetitions}}),
            }
            job = foreground.create(SweepRequest.model_validate(body))
        status, error = sweep_with_progress(foreground, job)
        if csv is not None:
            csv.write_text("".join(foreground.csv(job.id)))
        if as_json:
            print(json.dumps([row.model_dump(mode="json") for row in foreground.rows(job.id)], indent=2))
        else:
            show_sweep(foreground.rows(job.id))
    except ValidationError as error_:
        fail("; ".join(f"{item['loc'][-1] if item['loc'] else 'sweep'}: {item['msg']}" for item in error_.errors()))
    except SweepError as error_:
        fail(str(error_))
    except OSError as error_:
        fail(f"cannot write {csv}: {error_.strerror}")
    finally:
        foreground.close()
    if status != "done":
        again = command("sweep", *options(resume=job.id, csv=csv, json=as_json, device=device))
        fail(f"{error or 'stopped'}; go on with: {again}")


@commands.command(
    epilog=examples(
        "shatterscope reproduce",
        "shatterscope reproduce rings-small --edits 5 --no-sequences",
        "shatterscope reproduce rings-2048 --edits 200 --edits-others 50 --ship",
        "shatterscope reproduce --resume 1f0c52d9a4b37e68",
        "shatterscope reproduce rings-2048 --json > reproduction.json",
    )
)
def reproduce(
    context: typer.Context,
    checkpoint: Annotated[str | None, typer.Argument(help="Checkpoint id.", show_default="rings-2048")] = None,
    edits: Annotated[int, typer.Option(min=1, max=1_000_000, help="Single edits by ROME, per preset and kind.")] = 200,
    edits_others: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="The same by every other method.", show_default="50, or --edits if fewer"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Same seed, same edits and questions.")] = 0,
    sequence_edits: Annotated[int, typer.Option(min=1, max=1000, help="Edits of each sequence.")] = 100,
    sequences: Annotated[bool, typer.Option(help="Edits one after another as well.")] = True,
    ship: Annotated[
        bool, typer.Option("--ship", help="Keep the run in the checkpoint's folder, for the page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON instead of tables.")] = False,
    resume: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Go on with this sweep of a reproduction; repeatable.")
    ] = None,
    device: Device = None,
) -> None:
    """Run the paper's experiments again, and print our numbers beside the paper's. Killed or stopped, it can be resumed."""
    from shatterscope.backend.commands.printed_reproduction import as_text, show_reproduction
    from shatterscope.backend.reproduction.run import RunStopped, ask, check, keep, results, run, traced
    from shatterscope.backend.reproduction.shipped import FOLDER, ShippedError
    from shatterscope.backend.sweeps.foreground import Foreground, SweepError

    if resume and (settled := given(context, "edits", "edits_others", "seed")):
        fail(f"--resume goes on with what the run was begun with: leave out {', '.join(settled)}")
    foreground = Foreground(load_settings(device=device))
    try:
        asked = ask(
            foreground,
            resume or [],
            checkpoint=checkpoint,
            edits=edits,
            edits_others=edits_others,
            seed=seed,
            sequence_edits=sequence_edits if sequences else None,
        )
        asked = check(foreground, asked)
        if ship:
            check_folder(foreground.settings.models_dir / asked.checkpoint / FOLDER)
        runs = run(foreground, asked, sweep_with_progress)
        found = results(foreground, runs)
        tracings = traced(foreground.settings, asked.checkpoint, n_facts=200, seed=seed)
        if as_json:
            print(as_text(found, tracings))
        else:
            show_reproduction(found, tracings)
        if ship:
            print(f"written to {keep(foreground, runs)}", file=sys.stderr)
    except RunStopped as stopped:
        kept = options(
            resume=stopped.ids,
            no_sequences=not sequences,
            ship=ship,
            sequence_edits=None if sequence_edits == 100 else sequence_edits,
            json=as_json,
            device=device,
        )
        fail(f"{stopped}; go on with: {command('reproduce', *kept)}")
    except (SweepError, ShippedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write the run into the checkpoint's folder: {error}")
    finally:
        foreground.close()
