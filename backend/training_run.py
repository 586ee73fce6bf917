"""One training run from recipe to checkpoint folder: train, report, save to resume from, assess, write.

While it runs, the folder holds `training_state.safetensors`, which knows what the run was begun with; `resume=True` continues from it,
with the same recipe on the same kind of device, and ends with the weights that the uninterrupted run would have had.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from shatterscope.backend.assessment import Assessment, assess, measure_notes
from shatterscope.backend.checkpoints import TrainingReport, key_statistics, save_checkpoint, write_tensors
from shatterscope.backend.recipes import Recipe
from shatterscope.backend.training import StepRecord, Trainer
from shatterscope.backend.worlds import build, config_table, draw_holdout

STATE = "training_state.safetensors"


@dataclass(frozen=True)
class SavedRun:
    """What an unfinished run was begun with; `device` is its kind, such as `cpu`."""

    recipe: Recipe
    device: str


class Stopped(Exception):
    """The run was asked to stop, and its state is saved."""


def saved_run(folder: Path) -> SavedRun:
    """The unfinished run in a folder.

    Raises:
        FileExistsError: the folder holds a checkpoint already.
        FileNotFoundError: there is none.
        ValueError: it cannot be read.
    """
    file = folder / STATE
    if (folder / "checkpoint.json").exists():
        raise FileExistsError(f"{folder} holds a finished checkpoint; choose another name or remove the folder")
    if not file.exists():
        raise FileNotFoundError(f"nothing to resume in {folder}: there is no {STATE}")
    try:
        with safe_open(file, "pt") as tensors:
            return TypeAdapter(SavedRun).validate_json((tensors.metadata() or {})["run"])
    except KeyError:
        raise ValueError(
            f"{file} was saved by an earlier version, which did not write down what the run was begun with; remove it and start again"
        ) from None
    except (OSError, SafetensorError, ValidationError) as error:
        raise ValueError(f"{file} cannot be read: {str(error).splitlines()[0]}; remove it and start again") from None


@dataclass(frozen=True)
class Progress:
    """A record of the run; `assessment` comes with some of them (compositions sampled), and in full with the last."""

    record: StepRecord
    total: int
    assessment: Assessment | None
    folder: Path | None = None  # set once the checkpoint is written


def train_checkpoint(
    recipe: Recipe,
    folder: Path,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 100,
    assess_every: int = 2000,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train `recipe` into `folder`, yielding progress every `every` steps. Where `stop` says so then, the state is saved and the run ends.

    Raises:
        Stopped: it was asked to.
        FileExistsError: the folder holds a checkpoint already, or an unfinished run and `resume` is False.
        FileNotFoundError: `resume` without anything to resume.
        ValueError: the saved run was begun with another recipe or on another kind of device, or cannot be read.
    """
    state_file = folder / STATE
    this = SavedRun(recipe, device.type)
    if resume:
        _check_same(folder, saved_run(folder), this)
    elif (folder / "checkpoint.json").exists():
        raise FileExistsError(f"{folder} holds a finished checkpoint; choose another name or remove the folder")
    elif state_file.exists():
        raise FileExistsError(f"{folder} holds an unfinished run; continue it with --resume or remove the folder")

    world = build(recipe.graph)
    holdout = draw_holdout(world)
    trainer = Trainer(world, holdout, recipe.model, recipe.train, device)
    if resume:
        try:
            trainer.load_state(load_file(state_file))
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{state_file} cannot be read: {error}; remove it and start again") from None
    folder.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        write_tensors(state_file, trainer.state(), {"run": TypeAdapter(SavedRun).dump_json(this).decode()})

    record = StepRecord(trainer.step, float("nan"), 0.0, 0.0)
    saved = time.monotonic()
    for record in trainer.run(every):
        due = record.step % assess_every < every and record.step < recipe.train.steps
        yield Progress(
            record, recipe.train.steps, assess(trainer.model, world, holdout, n_subjects=100) if due else None
        )
        if stop():
            save()
            raise Stopped(f"stopped at step {record.step}")
        if due or time.monotonic() - saved > 30 or record.step == recipe.train.steps:
            save()
            saved = time.monotonic()

    model = trainer.model.eval().requires_grad_(False)
    assessment = assess(model, world, holdout)
    save_checkpoint(
        folder,
        title=recipe.title,
        note=recipe.note,
        view=recipe.view,
        world=world,
        model=model,
        statistics=key_statistics(model, trainer.sampler, torch.Generator(device).manual_seed(recipe.train.seed)),
        assessment=assessment,
        notes=measure_notes(model, world, holdout) if recipe.train.notes else None,
        training=TrainingReport(
            config=recipe.train,
            seconds=round(trainer.seconds, 1),
            device=_device_name(device),
            torch=torch.__version__,
            finished=datetime.date.today().isoformat(),
        ),
    )
    state_file.unlink(missing_ok=True)
    yield Progress(record, recipe.train.steps, assessment, folder)


def _check_same(folder: Path, saved: SavedRun, asked: SavedRun) -> None:
    """Raises `ValueError` naming what differs."""
    before, now = _told(saved), _told(asked)
    different = [name for name in before | now if before.get(name) != now.get(name)]
    if different:
        there, here = (", ".join(f"{name} {told.get(name)!s:.200}" for name in different) for told in (before, now))
        raise ValueError(
            f"the unfinished run in {folder} was begun with {there}, not with {here}; leave such options out to continue it, "
            "or choose another --name"
        )


def _told(run: SavedRun) -> dict[str, Any]:
    """What a run was begun with, the options by their names."""
    recipe = run.recipe
    rest: dict[str, Any] = {f"graph.{name}": value for name, value in config_table(recipe.graph).items()}
    rest |= {"model": asdict(recipe.model), "schedule": asdict(replace(recipe.train, seed=0))}
    shown = {
        "recipe": repr(recipe.title),
        "--steps": recipe.train.steps,
        "--seed": recipe.train.seed,
        "--device": run.device,
    }
    return shown | {name: json.dumps(value) for name, value in rest.items()}


def _device_name(device: torch.device) -> str:
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type}, {torch.get_num_threads()} threads"
    )
