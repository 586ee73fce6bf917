"""The command line, `shatterscope`. Slow imports (torch, the dashboard) wait until a command needs them."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from backend.lesson_commands import lessons
from backend.settings import SettingsError, load_settings
from backend.terminal import show_checkpoints, show_edit, show_sweep, sweep_with_progress, train_with_progress

if TYPE_CHECKING:
    from fastapi import FastAPI

    from backend.api.laboratory import Laboratory
    from backend.checkpoints import Checkpoint
    from backend.model import Transformer
    from backend.schemas import EditResult, EvaluationResult

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Change one fact inside a small transformer and watch the geometry of the others break.\n\n"
    "Settings are environment variables SHATTERSCOPE_*; SHATTERSCOPE_STATE_DIR holds all that is written at run time.",
)

cli.add_typer(lessons, name="lesson")

DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default="auto")]


def _examples(*lines: str) -> str:
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  {line}" for line in lines)


def fail(message: str) -> NoReturn:
    """One line on stderr, exit status 1."""
    print(f"shatterscope: {message}", file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    """Entry point: bad input of any kind ends in one line, not in a traceback."""
    from backend.store import StoreError

    try:
        cli()
    except (SettingsError, StoreError) as error:
        print(f"shatterscope: {error}", file=sys.stderr)
        sys.exit(1)


# --- serve -----------------------------------------------------------------------------------------------------------


def build_server() -> FastAPI:
    """API and dashboard, from the environment (also uvicorn's factory under --reload)."""
    from app.main import create_app as attach_dashboard
    from backend.api import create_app

    settings = load_settings()
    server = create_app(settings)
    attach_dashboard(server, base_url=settings.api_url)
    return server


@cli.command(
    epilog=_examples(
        "shatterscope serve", "shatterscope serve --port 8060", "shatterscope serve --host 0.0.0.0 --device cuda"
    )
)
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for everyone.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8050")] = None,
    device: DeviceOption = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when a source file changes (for development).")
    ] = False,
) -> None:
    """Start the dashboard and the API."""
    import uvicorn

    settings = load_settings(host=host, port=port, device=device)
    os.environ["SHATTERSCOPE_DEVICE"] = settings.device  # build_server reads the environment, in a child under --reload
    listener = _listen(settings.host, settings.port)
    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    address = settings.public_url or f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.port}"
    options: dict[str, Any] = {"log_level": "warning", "timeout_graceful_shutdown": 2}
    if reload:
        listener.close()
        print(f"Shatterscope (reloading) on {address}", flush=True)
        folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "app")]
        uvicorn.run(
            "backend.cli:build_server",
            factory=True,
            host=settings.host,
            port=settings.port,
            reload=True,
            reload_dirs=folders,
            **options,
        )
        return

    app = build_server()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"Shatterscope is ready: {address}   (API: {address}/api/v1/docs, stop with Ctrl+C)", flush=True)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.rooms.close()  # else their streams would hold the server open
            app.state.jobs.close_streams()
            await super().shutdown(sockets)

    Server(uvicorn.Config(app, **options)).run([listener])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything slow is loaded."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except socket.gaierror:
        fail(f"--host {host!r} is no address of this machine; use 127.0.0.1 or 0.0.0.0")
    except PermissionError:
        fail(f"port {port} needs more rights; choose one from 1024 up: shatterscope serve --port 8050")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(
                f"port {port} is taken by another program; choose another: shatterscope serve --port {port % 65535 + 1}"
            )
        fail(f"cannot listen on {host}:{port}: {error.strerror}")
    return listener


# --- train -----------------------------------------------------------------------------------------------------------


@cli.command(
    epilog=_examples(
        "shatterscope train rings-small --name my-rings",
        "shatterscope train rings-2048 --name long-run --steps 100000 --device cuda",
        "shatterscope train rings-2048 --name long-run --resume",
    )
)
def train(
    recipe: Annotated[
        str, typer.Argument(help="rings-2048 (the paper's shape), rings-2048-smooth or rings-small (minutes).")
    ],
    name: Annotated[str, typer.Option(help="Folder under the models folder that the checkpoint is written to.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.", show_default="the recipe's")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same weights.")] = 0,
    device: DeviceOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an unfinished run, with the same other options.")
    ] = False,
) -> None:
    """Train a checkpoint, with loss, accuracy, rings, speed and time left."""
    from dataclasses import replace

    from backend.training_run import RECIPES

    if recipe not in RECIPES:
        fail(f"no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    if not name.replace("-", "").replace("_", "").isalnum():
        fail(f"--name {name!r}: use letters, digits, - and _")
    chosen = RECIPES[recipe]
    config = replace(chosen.train if steps is None else chosen.train.stretched(steps), seed=seed)
    settings = load_settings(device=device)
    try:
        train_with_progress(replace(chosen, train=config), settings.models_dir / name, settings.device, resume)
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {settings.models_dir / name}: {error.strerror}; set SHATTERSCOPE_MODELS_DIR")
    except KeyboardInterrupt:
        fail(f"stopped; continue with: shatterscope train {recipe} --name {name} --resume")


# --- checkpoints and edits -------------------------------------------------------------------------------------------


def _laboratory(device: str | None = None) -> Laboratory:
    from backend.api.laboratory import Laboratory

    return Laboratory(load_settings(device=device))


@cli.command(epilog=_examples("shatterscope checkpoints", "SHATTERSCOPE_MODELS_DIR=~/models shatterscope checkpoints"))
def checkpoints(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the trained checkpoints."""
    laboratory = _laboratory("cpu")
    found, problems = laboratory.checkpoints(), laboratory.registry.problems
    if as_json:
        print(json.dumps([info.model_dump(mode="json") for info in found], indent=2))
    else:
        show_checkpoints(found)
    for name, reason in problems.items():
        print(f"shatterscope: {name} did not load: {reason}", file=sys.stderr)
    if not found:
        fail(
            f"no checkpoints in {laboratory.settings.models_dir}; train one: shatterscope train rings-small --name my-rings"
        )


@cli.command(
    epilog=_examples(
        "shatterscope edit rings-2048 17 I_C2 --distance 4",
        "shatterscope edit rings-2048 17 I_C2 --object 1203 --layer 1 --strength 0.5",
        "shatterscope edit rings-2048 17 I_C2 --distance 500 --preset paper --set learning_rate=0.1 --set steps=50",
        "shatterscope edit rings-2048 17 I_C2 --distance 4 --json > edit.json",
    )
)
def edit(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint id, as `shatterscope checkpoints` lists them.")],
    subject: Annotated[int, typer.Argument(help="Entity, 0..n-1.")],
    relation: Annotated[str, typer.Argument(help="Relation, such as I_C2.")],
    object: Annotated[int | None, typer.Option(help="The new object.")] = None,
    distance: Annotated[
        int | None, typer.Option(help="The new object by its clockwise steps from the true one.")
    ] = None,
    method: Annotated[str, typer.Option(help="Editing method.")] = "rome",
    layer: Annotated[int | None, typer.Option(help="Layer to edit, from 0.", show_default="the method's")] = None,
    preset: Annotated[str | None, typer.Option(help="Named parameters.", show_default="the method's")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; repeatable.")
    ] = None,
    strength: Annotated[float, typer.Option(help="Share of the weight change to apply, -4 to 4.")] = 1.0,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
) -> None:
    """Change one fact; print what the model answers then, R(D*) and accuracy before and after."""
    if (object is None) == (distance is None):
        fail("give exactly one of --object and --distance")
    body = {
        "checkpoint": checkpoint,
        "edits": [
            {
                "subject": subject,
                "relation": relation,
                "object": object,
                "distance": distance,
                "method": method,
                "layer": layer,
                "preset": preset,
                "parameters": _parameters(set_ or []),
                "strength": strength,
            }
        ],
    }
    result, evaluation = asyncio.run(_edit(body, device))
    if as_json:
        print(
            json.dumps(
                {"edit": result.model_dump(mode="json"), "evaluation": evaluation.model_dump(mode="json")}, indent=2
            )
        )
    else:
        show_edit(result, evaluation)


def _parameters(pairs: list[str]) -> dict[str, Any]:
    """`name=value` pairs; values are JSON where they can be, else text."""
    parameters: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            fail(f"--set {pair!r}: write NAME=VALUE, for instance --set steps=50")
        try:
            parameters[name] = json.loads(value)
        except json.JSONDecodeError:
            parameters[name] = value
    return parameters


async def _edit(body: dict[str, Any], device: str | None) -> tuple[EditResult, EvaluationResult]:
    from pydantic import ValidationError

    from backend.api.measures import get_evaluation
    from backend.api.problems import ProblemError
    from backend.schemas import EditRequest, EvaluationRequest

    laboratory = _laboratory(device)
    try:
        result = await laboratory.edit(EditRequest.model_validate(body))
        evaluation = await get_evaluation(laboratory, EvaluationRequest(checkpoint=body["checkpoint"], edit=result.id))
    except ValidationError as error:
        fail("; ".join(f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()))
    except ProblemError as error:
        fail(error.detail.replace("body.edits.0.", "").replace("body.", ""))
    finally:
        laboratory.close()
    return result, evaluation


# --- sweeps ----------------------------------------------------------------------------------------------------------


@cli.command(
    epilog=_examples(
        "shatterscope sweep rings-2048 --method rome --edits 50 --csv rows.csv",
        "shatterscope sweep rings-2048 --method rome:paper --method memit --distance 1 --distance 4 --no-corrective",
        "shatterscope sweep rings-2048 --method alphaedit --distance 4 --no-corrective --edits 1000 --every 50",
        "shatterscope sweep --resume 1f0c52d9a4b37e68",
    )
)
def sweep(
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
    queries: Annotated[int, typer.Option(min=1, help="Questions per task and order.")] = 100,
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
    device: DeviceOption = None,
) -> None:
    """Make many edits, each alone (or one after another), and measure what each does. Killed or stopped, it can be resumed."""
    from pydantic import ValidationError

    from backend.sweep_schemas import SweepRequest
    from backend.sweeps.foreground import Foreground, SweepError

    if (checkpoint is None) == (resume is None):
        fail("give a checkpoint, or --resume with the id of a sweep")
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
        fail(f"{error or 'stopped'}; go on with: shatterscope sweep --resume {job.id}")


# --- the reproduction ------------------------------------------------------------------------------------------------


@cli.command(
    epilog=_examples(
        "shatterscope reproduce",
        "shatterscope reproduce rings-small --edits 5 --no-sequences",
        "shatterscope reproduce rings-2048 --edits 90 --ship",
        "shatterscope reproduce --resume 1f0c52d9a4b37e68",
        "shatterscope reproduce rings-2048 --json > reproduction.json",
    )
)
def reproduce(
    checkpoint: Annotated[str | None, typer.Argument(help="Checkpoint id.", show_default="rings-2048")] = None,
    edits: Annotated[int, typer.Option(min=1, max=1_000_000, help="Single edits per method, preset and kind.")] = 50,
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
    device: DeviceOption = None,
) -> None:
    """Run the paper's experiments again, and print our numbers beside the paper's. Killed or stopped, it can be resumed."""
    from backend.reproduction.run import Stopped, ask, check, keep, results, run, traced
    from backend.reproduction.shipped import ShippedError
    from backend.sweeps.foreground import Foreground, SweepError
    from backend.terminal_reproduction import as_text, show_reproduction

    foreground = Foreground(load_settings(device=device))
    try:
        asked = ask(
            foreground,
            resume or [],
            checkpoint=checkpoint,
            edits=edits,
            seed=seed,
            sequence_edits=sequence_edits if sequences else None,
        )
        check(foreground, asked)
        runs = run(foreground, asked, sweep_with_progress)
        found = results(foreground, runs)
        tracings = traced(foreground.settings, asked.checkpoint, n_facts=200, seed=seed)
        if as_json:
            print(as_text(found, tracings))
        else:
            show_reproduction(found, tracings)
        if ship:
            print(f"written to {keep(foreground, runs)}", file=sys.stderr)
    except Stopped as stopped:
        again = " ".join(f"--resume {id}" for id in stopped.ids)
        options = ("" if sequences else " --no-sequences") + (" --ship" if ship else "")
        options += "" if sequence_edits == 100 else f" --sequence-edits {sequence_edits}"
        fail(f"{stopped}; go on with: shatterscope reproduce {again}{options}")
    except (SweepError, ShippedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write the run into the checkpoint's folder: {error}")
    finally:
        foreground.close()


@cli.command(
    epilog=_examples(
        "shatterscope export '?c=rings-2048&e=17~I_C2~d500~rome~0~tuned~1' shattered.html",
        "shatterscope export 'http://127.0.0.1:8050/v/bjn97vej' shattered.json",
        "shatterscope export '/compare?c=rings-2048&q=17~I_C2&by=rome:tuned&by=memit:tuned' comparison.html",
        "shatterscope export '/reproduce?c=rings-2048' reproduction.html",
    )
)
def export(
    view: Annotated[
        str,
        typer.Argument(metavar="VIEW_URL", help="A link to Explore, Compare or Reproduce; a query alone is Explore's."),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="FILE.html, .json or .csv; of Explore .safetensors (the edited weights) or .delta.safetensors (their change), "
            "of Compare .zip or .delta.zip (the same of every variant).",
        ),
    ],
    device: DeviceOption = None,
) -> None:
    """Write a view as one HTML file that opens without a network, or its numbers, or its edited weights. No server is needed."""
    from app.client import ApiError
    from app.share.exporter import TYPES

    if file.suffix.lstrip(".") not in TYPES:
        fail(f"{file}: name a file that ends in {', '.join('.' + name for name in TYPES)}")
    try:
        file.write_bytes(asyncio.run(_export(view, file.name, device)))
    except ApiError as error:
        fail(error.message)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    print(f"written to {file} ({file.stat().st_size / 1e6:.2f} MB)")


async def _export(view: str, name: str, device: str | None) -> bytes:
    from app.client import Client
    from app.share.routes import find
    from backend.api import create_app

    server = create_app(load_settings(device=device))
    try:
        client = Client(server=server)
        exporter, query = await find(client, view)
        return await exporter.make(client, exporter.format_of(name), query)
    finally:
        server.state.laboratory.close()


@cli.command(
    epilog=_examples(
        "shatterscope export-hf rings-2048 ./gpt2-rings", "shatterscope export-hf <edit id> ./gpt2-shattered"
    )
)
def export_hf(
    id: Annotated[str, typer.Argument(metavar="ID", help="Checkpoint id, or the id of an edit made before.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new or empty.")],
) -> None:
    """Write a Hugging Face GPT-2 folder: config, weights, tokenizer with entity and relation names."""
    from backend.export_hf import export_hf as export

    try:
        checkpoint, model = asyncio.run(_model_of(id))
        print(f"written to {export(checkpoint, directory, model)}")
    except (FileExistsError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {directory}: {error.strerror}")


async def _model_of(id: str) -> tuple[Checkpoint, Transformer]:
    """The model called `id`: a checkpoint's own, or one edited by an edit in the store."""
    from backend.api.problems import ProblemError

    laboratory = _laboratory("cpu")
    try:
        if id in laboratory.registry.ids():
            checkpoint = laboratory.registry.get(id)
            return checkpoint, checkpoint.model
        try:
            return await laboratory.edited_model(id)
        except ProblemError as error:
            known = ", ".join(laboratory.registry.ids()) or "none"
            fail(f"{id!r} is no checkpoint (there are: {known}), and as an edit: {error.detail}")
    finally:
        laboratory.close()
