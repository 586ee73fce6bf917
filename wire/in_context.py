"""Geometry made in context: a model that reads a text about a world that nothing but the text tells (Park et al. 2024)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Array, Wire

GraphName = Literal["ring", "grid"]
MAX_SEED = 2**31 - 1


class InContextRequest(Wire):
    """Which text is read."""

    graph: GraphName = Field(default="ring", description="a ring of twelve words, or a grid of three by four")
    seed: int = Field(
        default=0, ge=0, le=MAX_SEED, description="of the words' places in the graph, and of the walk through it"
    )


class InContextResult(Wire):
    """What the model has made of the text after 1, 2, ... T words; no weight changes. The lists have one value for each number of words, null where
    fewer than three words have been met."""

    graph: GraphName
    seed: int
    words: list[str] = Field(description="the word at each vertex of the graph")
    edges: list[tuple[int, int]] = Field(description="of the graph, between vertices")
    text: list[int] = Field(description="the walk, T vertices")
    points: Array = Field(
        description="(T, vertices, 2): two principal components, each length's turned onto the next one's; NaN where a word has not been met"
    )
    share: list[float | None] = Field(
        description="of each word's nearest, as many as it has neighbours among the words met, the share that are its neighbours"
    )
    chance: list[float | None] = Field(description="the same of shuffled words")
    energy: list[float | None] = Field(
        description="Dirichlet energy: mean squared distance over edges, as a share of that over all pairs; 1 for shuffled words"
    )
    correlation: list[float | None] = Field(description="of distances between words with steps in the graph")
    loss: list[float] = Field(description="nats, of predicting the next word, mean over the last 16 predictions")
    floor: list[float] = Field(description="the same of a reader who knows the graph")
    seconds: float
