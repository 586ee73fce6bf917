"""Texts about a world that nothing but the text tells: lazy random walks on a small graph whose vertices are named anew for every text.

After Park et al. 2024 (arXiv 2501.00070), section 2, whose walks never stay. Ours stay as often as they take any one step: else two vertices with the
same neighbours are followed by the same words, and a model that predicts the next word draws those together instead of the neighbours (on a ring
of an even number of vertices, two rings of every second one).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.geometry.checks import FloatArray, IntArray
from shatterscope.backend.shapes import Layout, layout

GraphName = Literal["ring", "grid"]
WORDS = ("apple", "bird", "car", "egg", "house", "milk", "plane", "opera", "box", "sand", "sun", "mango")
N = len(WORDS)


@dataclass(frozen=True)
class Graph:
    """A graph of `N` vertices; `layout` says how many steps apart they are."""

    layout: Layout

    @cached_property
    def steps(self) -> IntArray:
        """(N, N), steps between vertices."""
        assert self.layout.steps is not None
        vertex = np.arange(N)
        return np.asarray(self.layout.steps(vertex[:, None], vertex[None, :]))

    @cached_property
    def adjacency(self) -> NDArray[np.bool_]:
        """(N, N)"""
        return np.asarray(self.steps == 1)

    @cached_property
    def next(self) -> tuple[Tensor, Tensor]:
        """Where a walk may be next: per vertex, (N, N) all vertices by their distance, and (N,) how many of them are at most one step away."""
        return torch.from_numpy(np.argsort(self.steps, axis=1, kind="stable")), torch.from_numpy(
            (self.steps <= 1).sum(axis=1)
        )

    @property
    def floor(self) -> FloatArray:
        """(N,), nats: the least loss of predicting the word behind each vertex, for whoever knows the graph."""
        return np.asarray(np.log((self.steps <= 1).sum(axis=1)))


GRAPHS: dict[GraphName, Graph] = {
    "ring": Graph(layout.ring(np.arange(N))),
    "grid": Graph(layout.grid(np.column_stack(np.divmod(np.arange(N), 3)))),
}
assert set(GRAPHS) == set(get_args(GraphName))


@dataclass(frozen=True)
class Texts:
    """`names` (batch, N): the word of each vertex; `vertices` (batch, length): where the walk is."""

    names: Tensor
    vertices: Tensor

    @property
    def tokens(self) -> Tensor:
        """(batch, length), words as numbers 0..N-1."""
        return self.names.gather(1, self.vertices)


def draw(graph: Graph, batch: int, length: int, generator: torch.Generator) -> Texts:
    """Walks from a vertex drawn at random; each next one is the same or a neighbour, all as likely."""
    where, count = graph.next
    names = torch.rand(batch, N, generator=generator).argsort(dim=1)
    chance = torch.rand(batch, length, generator=generator)
    at = (chance[:, 0] * N).long()
    walk = [at]
    for step in range(1, length):
        at = where[at, (chance[:, step] * count[at]).long()]
        walk.append(at)
    return Texts(names, torch.stack(walk, dim=1))
