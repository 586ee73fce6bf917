"""A small world that is no ring, for tests: a family tree and the order of birth. People have names, the eldest has no parent, the youngest no next,
and a parent several children."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.models import ModelConfig
from shatterscope.backend.recipes import Recipe
from shatterscope.backend.training import Round, TrainConfig
from shatterscope.backend.training_run import train_checkpoint
from shatterscope.backend.worlds.base import ABSENT, Group, Relation, World

NAMES = (
    "Ada", "Bea", "Cid", "Dov", "Eva", "Fay", "Gus", "Hal", "Ida", "Jon", "Kay", "Lea", "Max", "Nia", "Ole", "Pia", "Quy", "Ron", "Sue", "Tom", "Una",
    "Vic", "Wes", "O'Hara & <b>",
)  # fmt: skip


@dataclass(frozen=True)
class FamiliesConfig:
    held_out_facts: float = 0.2
    held_out_compositions: float = 0.1
    seed: int = 0


class Families(World):
    kind: ClassVar[str] = "families"
    Config: ClassVar[type] = FamiliesConfig

    @classmethod
    def of(cls, config: FamiliesConfig) -> Families:
        n = len(NAMES)
        person = np.arange(n)
        parent = np.where(person > 0, (person - 1) // 3, ABSENT)
        truths = np.full((n, 4, 3), ABSENT)
        truths[:, 0, 0] = parent
        for x in person[1:]:
            children = truths[parent[x], 1]
            children[np.flatnonzero(children == ABSENT)[0]] = x
        truths[:-1, 2, 0], truths[1:, 3, 0] = person[1:], person[:-1]
        branch = np.array([-1, *(_first(x, parent) - 1 for x in person[1:])])
        around = 2 * np.pi * person / n
        tree = Group(
            "family", "the family", "tree", "branches", np.column_stack([np.sin(around), np.cos(around)]), person / n,
            np.column_stack([parent[1:], person[1:]]), branch,
        )  # fmt: skip
        line = Group(
            "age", "the order of birth", "chain", "sequential", np.column_stack([person, np.zeros(n)]).astype(float),
            person / (n - 1), np.column_stack([person[:-1], person[1:]]),
        )  # fmt: skip
        relations = [
            Relation(0, "parent", 0, "Who is the parent of {subject}?", "child"),
            Relation(1, "child", 0, "Who is a child of {subject}?", "parent"),
            Relation(2, "next born", 1, "Who was born after {subject}?", "born before"),
            Relation(3, "born before", 1, "Who was born before {subject}?", "next born"),
        ]
        return cls(config, NAMES, [tree, line], relations, truths)


def _first(x: int, parent: np.ndarray) -> int:  # type: ignore[type-arg]
    """The ancestor below the eldest."""
    while parent[x] > 0:
        x = int(parent[x])
    return x


def train(folder: Path) -> None:
    """A checkpoint, hardly trained, which opens on the parents: what a model that knows nothing draws best is chance."""
    world = FamiliesConfig()
    model = ModelConfig(vocab_size=Vocabulary.of(Families.of(world)).size, d_model=8, n_heads=2, n_layers=2)
    recipe = Recipe("Families", TrainConfig((Round(20),), batch=16, warmup=2), model, graph=world)
    list(train_checkpoint(recipe, folder, torch.device("cpu")))
    metadata = folder / "checkpoint.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "opening": "parent"}))
