"""Wire models of the league table: every preset of every method on one fixed set of edits, at its own strength and at equal efficacy.

At equal efficacy each edit has the smallest strength at which it takes: the new object is answered on the bare prompt and behind nine in ten true contexts. Shares
and changes of recall are fractions. Every figure says over how many edits it is.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Wire

SetName = Literal["open", "sealed"]
"""The edits to develop with, and those held apart for claims."""


class Mean(Wire):
    """A mean with its 95 % interval, null where one fact is too few for one; `n` edits."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int


class LeagueFigures(Wire):
    """What edits do at one strength each. Null where there is nothing to average."""

    success: Mean | None = Field(
        description="share whose new object is answered on the bare prompt; of all edits, also those that could not be made"
    )
    generality: Mean | None = Field(
        description="the same behind true contexts; an edit that could not be made has none"
    )
    portability: Mean | None = Field(description="share of the facts that follow; likewise")
    locality: Mean | None = Field(
        description="share of unrelated facts that are answered as before; of edits made, as all below"
    )
    R_edit: Mean | None
    R_retain: Mean | None
    R_test: Mean | None
    recall: Mean | None = Field(description="change of direct recall behind contexts, mean over the groups")
    whole: Mean | None = Field(
        description="share of the pictures that still show a ring (or what their world is), of those that did before"
    )


class StackFigure(Wire):
    """After `after` edits in a row, no two of the same fact. `not_measured`: why the rest is null."""

    after: int
    kept: float | None = Field(default=None, description="share of these edits whose new object is still answered")
    recall: float | None = Field(
        default=None, description="change of direct recall of facts that the stack does not edit"
    )
    R: float | None = Field(default=None, description="mean over all relations")
    not_measured: str | None = None


class Example(Wire):
    """An edit of the set that this row has made."""

    subject: int
    relation: str
    distance: int


class LeagueRow(Wire):
    """One preset of one method. `equal` is over the edits that take at some strength, but for success, generality and portability, where those that take at none
    count as failures; null where none takes."""

    method: str
    title: str
    preset: str
    package: str = Field(default="", description="where a method that is not ours comes from; empty for ours")
    weights: bool = Field(description="whether it changes weights that the model has")
    edits: int
    refused: int = Field(description="edits that could not be made; they count as failures")
    reasons: list[str] = Field(description="why, each once")
    full: LeagueFigures
    equal: LeagueFigures | None
    strength: Mean | None = Field(description="needed; of the edits that take")
    taken: Mean | None = Field(description="share of all edits that take at some strength")
    milliseconds: float | None = Field(
        description="median of the edit alone, warm, on one thread: processor time, and wall clock for methods of packages, which have a process of their own"
    )
    stacks: list[StackFigure]
    example: Example | None = Field(description="to look at; null where only corrective edits were made, or none")


class League(Wire):
    """The table of one checkpoint and set. `distance` is what it is over: null for all, 0 for corrective edits."""

    checkpoint: str
    set: SetName
    sets: list[SetName] = Field(description="that there is a table of")
    distances: list[int] = Field(description="that there are edits at; 0 stands for corrective edits")
    distance: int | None
    per_distance: int = Field(description="edits at each, the most of any row")
    started: str | None
    finished: str | None
    versions: list[str] = Field(description="of this program, that rows were measured by")
    rows: list[LeagueRow]
