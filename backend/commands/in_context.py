"""`shatterscope train-in-context`: the model of the page In context, trained again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from shatterscope.backend.commands.common import check_folder, examples, fail

commands = typer.Typer()


@commands.command(epilog=examples("shatterscope train-in-context ./in-context"))
def train_in_context(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new or empty.")],
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same weights.")] = 0,
) -> None:
    """Train the model that reads a ring or a grid from its context, on one core in minutes, and say what it reached.

    The page shows the one that ships, which was trained by this command."""
    import torch

    from shatterscope.backend.in_context.model import save
    from shatterscope.backend.in_context.train import MODEL, ContextTraining, train
    from shatterscope.backend.models import Transformer

    check_folder(directory)
    if any(directory.iterdir()):
        fail(f"{directory} is not empty; choose another folder")
    config = ContextTraining(seed=seed)
    torch.set_num_threads(1)  # the model is small, and the same number gives the same weights
    model, untrained = (Transformer(MODEL, torch.Generator().manual_seed(seed)) for _ in range(2))
    start = time.process_time()
    for step, loss in train(config, model):
        if step % 100 == 0 or step == config.steps:
            print(f"step {step} of {config.steps}, loss {loss:.3f}")
    metadata = save(directory, model.eval(), untrained.eval(), config, time.process_time() - start)
    for name, reached in metadata.reached.items():
        for length, found in reached.items():
            print(
                f"{name}, after {length} words: neighbours {found.share:.2f} (chance {found.chance:.2f}), energy {found.energy:.2f}, "
                f"loss {found.loss:.2f} (floor {found.floor:.2f})"
            )
    print(f"written to {directory}")
