"""`shatterscope train`, `checkpoints` and `export-hf`: models, made, listed and taken elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shatterscope.backend.commands.common import Device, check_folder, command, examples, fail, laboratory_of, options
from shatterscope.backend.commands.facts import FactsFile, Layout, Many, checked_facts
from shatterscope.backend.commands.printed import show_checkpoints, train_with_progress
from shatterscope.backend.settings import load_settings

if TYPE_CHECKING:
    from shatterscope.backend.api.laboratory import Laboratory
    from shatterscope.backend.checkpoints import Checkpoint
    from shatterscope.backend.models import LanguageModel
    from shatterscope.backend.recipes import Recipe

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope train rings-small --name my-rings",
        "shatterscope train rings-2048 --name long-run --steps 100000 --device cuda",
        "shatterscope train rings-2048 --name long-run --resume",
        "shatterscope train --recipe my-recipe.toml --name mine",
        "shatterscope train --facts my-facts.csv --name my-facts",
    )
)
def train(
    name: Annotated[str, typer.Option(help="Folder under the models folder that the checkpoint is written to.")],
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="rings-2048, rings-2048-calibrated, rings-2048-decay, rings-2048-smooth, rings-2048-paper (the paper's own, hours), "
            "rings-small, rings-notes, months, tree, grid, torus, chain, countries, elements (minutes), or a TOML file of your own."
        ),
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", help="The same, for a TOML file of your own.")
    ] = None,
    facts: FactsFile = None,
    layout: Layout = None,
    many: Many = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.", show_default="the recipe's")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Same seed, same weights.", show_default="the recipe's")
    ] = None,
    device: Device = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an unfinished run, with the options that it was begun with.")
    ] = False,
) -> None:
    """Train a checkpoint, with loss, accuracy, rings, speed and time left."""
    from shatterscope.backend.checkpoints import METADATA
    from shatterscope.backend.training_run import STATE, Stopped

    wanted = _wanted(recipe, recipe_file, facts, layout, many or [])
    if not name.replace("-", "").replace("_", "").isalnum():
        fail(f"--name {name!r}: use letters, digits, - and _")
    settings = load_settings(device=device)
    folder = settings.models_dir / name
    source = options(recipe=recipe_file, facts=facts, layout=layout, many=many)
    rest = options(name=name, steps=steps, seed=seed, device=device, resume=True)
    again = command("train", *filter(None, [recipe]), *source, *rest)
    try:
        chosen, place = _as_begun(wanted, folder, steps, seed, settings.device, resume)
        if not (folder / METADATA).exists():
            check_folder(folder)
        train_with_progress(chosen, folder, place, resume)
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {folder}: {error.strerror}; set SHATTERSCOPE_MODELS_DIR")
    except Stopped as stopped:
        fail(f"{stopped}; continue with: {again}")
    except KeyboardInterrupt:
        if (folder / STATE).exists():
            fail(f"stopped at once; continue from what was saved before with: {again}")
        fail("stopped, before anything was saved")
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came into it


def _wanted(
    recipe: str | None, recipe_file: Path | None, facts: Path | None, layout: Path | None, many: list[str]
) -> Recipe:
    """The one recipe that is named; fails where there is none, or what goes with facts is given without them."""
    from shatterscope.backend.recipes import facts_recipe, read_recipe

    if [recipe, recipe_file, facts].count(None) != 2:
        fail("name one thing to train: a recipe (RECIPE, or --recipe FILE), or --facts FILE")
    if facts is None and (layout is not None or many):
        fail(f"{'--layout' if layout is not None else '--many'} goes with --facts; a recipe says it itself")
    try:
        if facts is not None:
            return facts_recipe(facts.stem, checked_facts(facts, layout, many))
        if recipe_file is not None and recipe_file.suffix != ".toml":
            fail(f"--recipe {recipe_file} is no .toml file; facts are given with --facts")
        return read_recipe(str(recipe_file or recipe))
    except ValueError as error:
        fail(str(error))


def _as_begun(
    recipe: Recipe, folder: Path, steps: int | None, seed: int | None, device: str, resume: bool
) -> tuple[Recipe, str]:
    """The recipe with its options, and the device: what was given, else what the run was begun with, else the defaults."""
    from dataclasses import replace

    from shatterscope.backend.training_run import saved_run

    if resume:
        saved = saved_run(folder)
        steps = saved.recipe.train.steps if steps is None else steps
        seed = saved.recipe.train.seed if seed is None else seed
        device = saved.device if device == "auto" else device
    config = recipe.train.stretched(steps or recipe.train.steps)
    return replace(recipe, train=config if seed is None else replace(config, seed=seed)), device


@commands.command(
    epilog=examples(
        "shatterscope checkpoints",
        "shatterscope checkpoints --judge",
        "SHATTERSCOPE_MODELS_DIR=~/models shatterscope checkpoints",
    )
)
def checkpoints(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="First judge every relation's picture again, and store the verdicts.")
    ] = False,
) -> None:
    """List the trained checkpoints."""
    laboratory = laboratory_of("cpu")
    if judge:
        _judge(laboratory)
        laboratory = laboratory_of("cpu")
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


def _judge(laboratory: Laboratory) -> None:
    from shatterscope.backend import checkpoints

    for id in laboratory.registry.ids():
        folder = laboratory.settings.models_dir / id
        try:
            checkpoints.judge(folder)
        except OSError as error:
            fail(f"cannot write {folder / checkpoints.METADATA}: {error.strerror}")


@commands.command(
    epilog=examples(
        "shatterscope export-hf rings-2048 ./gpt2-rings", "shatterscope export-hf <edit id> ./gpt2-shattered"
    )
)
def export_hf(
    id: Annotated[str, typer.Argument(metavar="ID", help="Checkpoint id, or the id of an edit made before.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new or empty.")],
) -> None:
    """Write a Hugging Face GPT-2 folder: config, weights, tokenizer with entity and relation names."""
    from shatterscope.backend.export_hf import empty_folder
    from shatterscope.backend.export_hf import export_hf as export

    try:
        new = not directory.exists()
        empty_folder(directory)  # before anything is computed
        if new:
            directory.rmdir()
        checkpoint, model = asyncio.run(_model_of(id))
        print(f"written to {export(checkpoint, directory, model)}")
    except (FileExistsError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {directory}: {error.strerror}")


async def _model_of(id: str) -> tuple[Checkpoint, LanguageModel]:
    """The model called `id`: a checkpoint's own, or one edited by an edit in the store."""
    from shatterscope.backend.api.problems import ProblemError

    laboratory = laboratory_of("cpu")
    try:
        if id in laboratory.registry.ids():
            checkpoint = laboratory.registry.get(id)
            return checkpoint, checkpoint.model
        try:
            from shatterscope.backend.checkpoints import Checkpoint

            edited, model = await laboratory.edited_model(id)
            if not isinstance(edited, Checkpoint):
                fail(
                    f"{id!r} is an edit of {edited.id}, a language model: only models that were trained here are written as GPT-2"
                )
            return edited, model
        except ProblemError as error:
            known = ", ".join(laboratory.registry.ids()) or "none"
            fail(f"{id!r} is no checkpoint (there are: {known}), and as an edit: {error.detail}")
    finally:
        laboratory.close()
