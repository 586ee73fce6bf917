"""What a model makes of a text while it reads: where each word stands, and whether neighbours in the graph stand together.

A word's representation is the mean over its last occurrences in one text, behind the last layer's attention (Park et al. 2024, section 3, take the mean over
the last tokens of a long context, at one layer). There the model that ships shows both shapes best, by far for the grid: its last MLP turns what a word is
next to into what may come next. All points are (m, d), of the words that have been met; `adjacency` is (m, m), of the same ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from shatterscope.backend.geometry.alignment import procrustes
from shatterscope.backend.geometry.checks import FloatArray, IntArray
from shatterscope.backend.geometry.pca import fit_pca
from shatterscope.backend.in_context.text import Graph, N, Texts
from shatterscope.backend.models import LanguageModel

OCCURRENCES = 3  # that a word's representation is the mean of
RECENT = 16  # predictions that a loss is the mean of: one alone is luck
FEWEST = 3  # words of which a shape can be told
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Numbers:
    """Of the words met so far. `share` of nearest words that are neighbours in the graph, and what shuffled words give (`chance`); `energy`, as
    `dirichlet_energy`; `correlation` of their distances with steps in the graph."""

    share: float
    chance: float
    energy: float
    correlation: float


@dataclass(frozen=True)
class ReadText:
    """One text, and what was made of it after 1, 2, ... T words.

    Attributes:
        names: (N,), the word of each vertex.
        vertices: (T,), where the walk was.
        points: (T, N, 2), the picture: the two principal components of the words met so far, each turned and shifted onto the one after it; row i is
            vertex i, NaN where it has not been met.
        numbers: (T,), None of fewer than `FEWEST` words.
        loss: (T,), nats: of predicting the next word, mean over the last `RECENT` predictions.
        floor: (T,), the same of a reader who knows the graph: it cannot know which step is next.
    """

    names: IntArray
    vertices: IntArray
    points: FloatArray
    numbers: list[Numbers | None]
    loss: FloatArray
    floor: FloatArray


@torch.no_grad()
def states(model: LanguageModel, texts: Texts) -> tuple[FloatArray, FloatArray]:
    """Of texts of T + 1 words, the residual stream behind the last layer's attention (batch, T, d_model), and the loss (nats) of each next word (batch, T)."""
    seen: dict[str, torch.Tensor] = {}

    def tap(name: str, x: torch.Tensor) -> torch.Tensor:
        seen[name] = x
        return x

    logits = model(texts.tokens[:, :-1], tap)
    loss = F.cross_entropy(logits.transpose(1, 2), texts.tokens[:, 1:], reduction="none")
    return seen[f"resid_mid.{model.config.n_layers - 1}"].double().numpy(), loss.double().numpy()


def recent_means(states: FloatArray, vertices: IntArray, occurrences: int = OCCURRENCES) -> FloatArray:
    """(T, d) states and (T,) vertices -> (T, N, d): after each word, each vertex's mean over its last occurrences; NaN where there is none yet."""
    recent = [deque[FloatArray](maxlen=occurrences) for _ in range(N)]
    now = np.full((N, states.shape[1]), np.nan)
    means = np.empty((len(states), *now.shape))
    for step, vertex in enumerate(vertices):
        recent[vertex].append(states[step])
        now[vertex] = np.mean(recent[vertex], axis=0)
        means[step] = now
    return means


def dirichlet_energy(points: FloatArray, adjacency: BoolArray) -> float:
    """Mean squared distance over the graph's edges, as a share of that over all pairs: 1 where neighbours are no nearer than others, and on
    average over shuffled words; 0 where neighbours coincide and others do not.

    Park et al. 2024, section 4, take the sum over the edges; the mean over all pairs takes out how large the picture is. 1 where all points coincide.
    """
    squared = squareform(pdist(points, "sqeuclidean"))
    everywhere = squared.sum() / (len(points) * (len(points) - 1))
    return float(squared[adjacency].mean() / everywhere) if everywhere > 0 and adjacency.any() else 1.0


def neighbour_share(points: FloatArray, adjacency: BoolArray) -> tuple[float, float]:
    """Of each word's d nearest, d its number of neighbours, the share that are its neighbours; and the mean of that over shuffled words, which is
    known: each of the d is one with probability d / (m - 1)."""
    distance = squareform(pdist(points))
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")
    degree = adjacency.sum(axis=1)
    hits = sum(int(adjacency[i, nearest[i, : degree[i]]].sum()) for i in range(len(points)))
    edges = max(int(degree.sum()), 1)
    return hits / edges, float((degree**2).sum()) / (len(points) - 1) / edges


def distance_correlation(points: FloatArray, steps: IntArray) -> float:
    """Pearson's correlation of distances between points with (m, m) steps in the graph, over all pairs; 0 where either are all alike."""
    apart, far = pdist(points), squareform(steps, checks=False).astype(np.float64)
    if np.ptp(apart) == 0 or np.ptp(far) == 0:
        return 0.0
    return float(np.corrcoef(apart, far)[0, 1])


def flat(points: FloatArray) -> FloatArray:
    """(m, d) -> (m, 2), the two principal components; of one point the origin."""
    return fit_pca(points, 2).embedding if len(points) > 1 else np.zeros((1, 2))


def pictures(means: FloatArray) -> FloatArray:
    """(T, N, d) -> (T, N, 2), as `ReadText.points`. From the last picture back: each is laid onto the one after it, which has all its words."""
    found = np.full((*means.shape[:2], 2), np.nan)
    for step in range(len(means) - 1, -1, -1):
        met = ~np.isnan(means[step, :, 0])
        found[step, met] = flat(means[step, met])
        if step + 1 < len(means):
            found[step, met] = procrustes(found[step, met], found[step + 1, met])
    return found


def numbers(means: FloatArray, graph: Graph) -> Numbers | None:
    """Of (N, d) means, NaN where a word has not been met; None of fewer than `FEWEST` words."""
    met = np.flatnonzero(~np.isnan(means[:, 0]))
    if len(met) < FEWEST:
        return None
    among = np.ix_(met, met)
    share, chance = neighbour_share(means[met], graph.adjacency[among])
    energy = dirichlet_energy(means[met], graph.adjacency[among])
    return Numbers(share, chance, energy, distance_correlation(means[met], graph.steps[among]))


def recent_mean(values: FloatArray) -> FloatArray:
    """(T,) -> (T,), the mean of the last `RECENT` values, or of all there are."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - RECENT, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def read(model: LanguageModel, graph: Graph, texts: Texts) -> list[ReadText]:
    """What a model makes of texts of T + 1 words, each by itself; T is at most the model's context."""
    streams, losses = states(model, texts)
    names, walks = texts.names.numpy(), texts.vertices.numpy()[:, :-1]
    return [_reading(graph, *each) for each in zip(names, walks, streams, losses, strict=True)]


def _reading(graph: Graph, names: IntArray, vertices: IntArray, stream: FloatArray, loss: FloatArray) -> ReadText:
    means = recent_means(stream, vertices)
    told = [numbers(mean, graph) for mean in means]
    return ReadText(names, vertices, pictures(means), told, recent_mean(loss), recent_mean(graph.floor[vertices]))
