"""What single edits do to the pictures of the worlds beyond rings: the table of docs/RESULTS.md.

    python -m scripts.world_edits

Each pair is the same question, once with a false answer that shatters its picture and once with one, or with another preset, that does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shatterscope.backend.activations import drawn_activations
from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.backend.layouts import layout_of
from shatterscope.backend.pictures import Diagnostics, compare, fit
from shatterscope.backend.settings import REPOSITORY

HEAD = "| world | question | truth | taught | ROME's preset | answers it | picture before | picture after |\n|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class WorldEdit:
    """By ROME, at its default layer."""

    checkpoint: str
    subject: str
    relation: str
    new: str
    preset: str = "tuned"


EDITS = (
    WorldEdit("months", "May", "months_next1", "December", "paper"),
    WorldEdit("months", "May", "months_next1", "July"),
    WorldEdit("tree", "2.1.1", "parent", "3.2"),
    WorldEdit("tree", "2.1.1", "parent", "2"),
    WorldEdit("grid", "E5", "east1", "F4", "paper"),
    WorldEdit("grid", "E5", "east1", "F4"),
    WorldEdit("countries", "France", "region", "Asia", "paper"),
    WorldEdit("countries", "France", "region", "Asia"),
    WorldEdit("elements", "Silver", "right", "Copper", "paper"),
    WorldEdit("elements", "Silver", "right", "Copper"),
)


def row(edit: WorldEdit, checkpoint: Checkpoint) -> str:
    """A row of the table. The picture is that of Explore: 3D Isomap of the last layer at the relation's token."""
    world = checkpoint.world
    at, relation = world.entities.index, world.relation(edit.relation)
    made = run_edits(
        checkpoint,
        [
            complete_spec(
                world,
                checkpoint.model.config.n_layers,
                subject=at(edit.subject),
                relation=relation.name,
                object=at(edit.new),
                preset=edit.preset,
            )
        ],
    )
    before = fit(
        drawn_activations(checkpoint.model, world, relation),
        world.positions(relation),
        belongs=layout_of(world, relation),
    )
    pictures = compare(before, drawn_activations(made.model, world, relation))
    outcome = made.outcomes[0]
    told = [
        checkpoint.id,
        relation.phrase.replace("{subject}", edit.subject),
        world.entities[outcome.old_object],
        edit.new,
        f"`{edit.preset}`",
        "yes" if outcome.success else "no",
        shown(pictures.diagnostics_before),
        shown(pictures.diagnostics_after),
    ]
    return f"| {' | '.join(told)} |"


def shown(picture: Diagnostics) -> str:
    """The verdict, and the numbers that it rests on: of a ring its hole as a share of the picture, of another shape each statistic with what chance gives."""
    if picture.judgement is None:
        return f"{picture.shape.verdict} (hole {picture.shape.loop:.2f})"
    measured = [
        f"{name} {each.value:.2f} ({each.chance:.2f})" for name, each in list(picture.judgement.statistics.items())[:2]
    ]
    return f"{picture.judgement.title.removeprefix('A ').lower()}: {', '.join(measured)}"


def rows() -> Iterator[str]:
    checkpoints: dict[str, Checkpoint] = {}
    for edit in EDITS:
        if edit.checkpoint not in checkpoints:
            checkpoints[edit.checkpoint] = load_checkpoint(REPOSITORY / "models_cache" / edit.checkpoint)
        yield row(edit, checkpoints[edit.checkpoint])


if __name__ == "__main__":
    print(HEAD)
    for line in rows():
        print(line)
