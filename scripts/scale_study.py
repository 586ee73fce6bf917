"""How much of an edit's damage is the editor's own step size? The same function at other scales, under the reference's step size.

A pre-norm transformer computes the same function when everything written into its residual stream is multiplied by one factor and the
final norm's gain divided by it (but for the norms' epsilon). R(D*) does not see the factor either. The value optimisation of ROME does:
its first step of Adam moves by learning_rate * sqrt(d_model), whatever the length of the value. So the difference between the rows of
the table printed here is the step size's own work.

    python -m scripts.scale_study rings-2048 --edits 20
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import fmean

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from shatterscope.backend.checkpoints import METADATA, STATISTICS, WEIGHTS, file_hash, load_checkpoint
from shatterscope.backend.settings import load_settings
from shatterscope.backend.sweeps.foreground import Foreground
from shatterscope.wire.sweeps import SweepMethod, SweepRequest, SweepRow

INTO_STREAM = (
    "token.weight",
    "position.weight",
    "attn.out.weight",
    "attn.out.bias",
    "mlp.down.weight",
    "mlp.down.bias",
)
FACTORS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)
DISTANCES = [1, 2, 3, 4]


def rescaled(weights: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """Weights of the same function with its residual stream `factor` times as long."""
    power = {name: 1 for name in weights if name.endswith(INTO_STREAM)} | {"norm.weight": -1, "norm.bias": -1}
    return {name: value * factor ** power.get(name, 0) for name, value in weights.items()}


def write_rescaled(source: Path, folder: Path, factor: float) -> None:
    """A checkpoint folder of the rescaled model. The MLPs' keys, read behind a norm, are what they were, and so are their statistics."""
    folder.mkdir()
    save_file(rescaled(load_file(source / WEIGHTS), factor), folder / WEIGHTS)
    (folder / STATISTICS).write_bytes((source / STATISTICS).read_bytes())
    metadata = json.loads((source / METADATA).read_text())
    metadata["sha256"][WEIGHTS] = file_hash(folder / WEIGHTS)
    (folder / METADATA).write_text(json.dumps(metadata))


@torch.no_grad()
def value_length(folder: Path, layer: int) -> float:
    """Mean ||v0|| of the MLP at the relation token, over all entities and the first relation."""
    checkpoint = load_checkpoint(folder, torch.device("cpu"))
    found: list[float] = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name == f"mlp_out.{layer}":
            found.append(x[:, -1].norm(dim=-1).mean().item())
        return x

    entities = torch.arange(checkpoint.world.n_entities)
    relation = torch.full_like(entities, checkpoint.vocabulary.relation_token(checkpoint.world.relations[0]))
    checkpoint.model.trunk(torch.stack([entities, relation], 1), tap)
    return found[0]


def cell(rows: list[SweepRow], distance: int) -> str:
    here = [row for row in rows if row.distance == distance and row.shattering is not None]
    R = fmean(
        fmean(part.value for part in parts if part is not None and part.value is not None)
        for row in here
        if (shattering := row.shattering) is not None
        for parts in [(shattering.edit, shattering.retain, shattering.test)]
    )
    change = fmean(fmean(score.accuracy.change for score in row.scores if score.task == "direct") for row in here)
    return f"{R:.2f} ({100 * change:+.0f})"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("checkpoint")
    arguments.add_argument("--edits", type=int, default=20, help="edits per distance")
    chosen = arguments.parse_args()
    settings = load_settings(device="cpu")
    source = settings.models_dir / chosen.checkpoint
    print("R, mean over the sub-graphs (change of direct recall in points); ROME, preset paper\n")
    print("| factor | layer | ‖v0‖ | first step / ‖v0‖ | " + " | ".join(f"d = {d}" for d in DISTANCES) + " |")
    print("|--:|--:|--:|--:|" + "--:|" * len(DISTANCES))
    with tempfile.TemporaryDirectory() as place:
        models = Path(place) / "models"
        models.mkdir()
        here = settings.model_copy(
            update={"models_dir": models, "state_dir": Path(place) / "state", "database_url": None}
        )
        for factor in FACTORS:
            id = f"scaled-{FACTORS.index(factor)}"
            write_rescaled(source, models / id, factor)
            methods = [SweepMethod(name="rome", preset="paper", layer=layer) for layer in (0, 1)]
            request = SweepRequest(
                checkpoint=id, methods=methods, distances=DISTANCES, corrective=False, edits_per_cell=chosen.edits
            )
            foreground = Foreground(here)
            job = foreground.create(request)
            foreground.run(job, lambda: None)
            rows = list(foreground.rows(job.id))
            foreground.close()
            for layer in (0, 1):
                own = [row for row in rows if row.outcomes and row.outcomes[0].spec.layer == layer]
                length = value_length(models / id, layer)
                step = 0.5 * load_checkpoint(models / id, torch.device("cpu")).model.config.d_model ** 0.5 / length
                cells = " | ".join(cell(own, distance) for distance in DISTANCES)
                print(f"| {factor:g} | {layer} | {length:.1f} | {step:.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
