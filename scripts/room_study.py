"""Could a patch keep the model's shape? What it costs to make room for one, before anything is written.

`patch` adds two hidden neurons to an MLP. To add none, two that are there have to be freed: those whose work the others can best take over. Their output
columns are set to zero and all others are solved for anew, W' = W C_s (C_ss)^-1 with C = E[k k^T] over all keys and s those that stay, which is the closest
linear map that does without them. The table says what that alone does: R(D*), mean over all relations, and answers changed of all bare facts.

    python -m scripts.room_study
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from shatterscope.backend.activations import all_activations
from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.evaluation import relation_shattering
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.settings import load_settings

CHECKPOINTS = ("rings-2048", "rings-2048-smooth", "months", "tree")
RIDGE = 1e-9


def without(W: Tensor, C: Tensor, freed: list[int]) -> tuple[Tensor, float]:
    """W (d_model, d_mlp) with the columns `freed` at zero and the others solved for anew, and the mean square error at its output, over that output's own."""
    stay = [j for j in range(len(C)) if j not in freed]
    ridge = RIDGE * C.trace() / len(C) * torch.eye(len(stay), dtype=C.dtype)
    solved = torch.zeros_like(W)
    solved[:, stay] = torch.linalg.solve(C[stay][:, stay] + ridge, C[stay] @ W.T).T
    change = W - solved
    return solved, ((change @ C * change).sum() / (W @ C * W).sum()).item()


def freed(W: Tensor, C: Tensor, n: int) -> list[int]:
    """The n neurons to free, one after the other, each the one that costs least."""
    chosen: list[int] = []
    for _ in range(n):
        left = [j for j in range(len(C)) if j not in chosen]
        chosen.append(min(left, key=lambda j: without(W, C, [*chosen, j])[1]))
    return chosen


@torch.no_grad()
def with_room(checkpoint: Checkpoint, layer: int, n: int) -> LanguageModel:
    model = copy.deepcopy(checkpoint.model)
    W, C = model.output_projection(layer).weight, checkpoint.statistics[layer]
    solved, _ = without(W.double(), C, freed(W.double(), C, n))
    W.copy_(solved.float())
    return model


@torch.no_grad()
def main() -> None:
    print("| checkpoint | layer | neurons freed | R | answers changed |\n|---|--:|--:|--:|--:|")
    for name in CHECKPOINTS:
        checkpoint = load_checkpoint(load_settings().models_dir / name)
        world, model = checkpoint.world, checkpoint.model
        before = all_activations(model, world.n_entities)
        answers = model.read_out(before).argmax(-1)
        for layer in range(model.config.n_layers):
            for n in (1, 2):
                other = with_room(checkpoint, layer, n)
                after = all_activations(other, world.n_entities)
                R = relation_shattering(world, before, after).mean().item()
                asked = torch.from_numpy(world.present.T)
                changed = int((other.read_out(after).argmax(-1) != answers)[asked].sum())
                print(
                    f"| {name} | {layer} | {n} of {model.config.d_mlp} | {R:.4f} | {changed} of {int(asked.sum())} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
