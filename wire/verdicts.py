"""Whether a picture still has the shape of its world, number by number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Wire


class AgainstChance(Wire):
    """A number, and what chance gives."""

    value: float = Field(description="1 at best")
    chance: float = Field(description="the mean over 99 shuffles of the entities; of loops, over 19 shapeless clouds")
    chance_95: float = Field(description="below which 95 of 100 of these stay")
    above_chance: bool = Field(description="whether the value is above `chance_95`")


class Verdict(Wire):
    """The word for one picture."""

    word: str = Field(description="the kind where it still has that shape; else what it has become")
    title: str
    sentence: str = Field(description="what the word means, for a layman")


class StatisticChange(Wire):
    """One number before and after an edit."""

    name: str
    title: str
    term: str = Field(description="the field's name for it")
    sentence: str = Field(description="what it says, for a layman")
    of: Literal["picture", "representations"]
    follows: bool = Field(description="whether POST /projections/strengths tells it of every strength")
    before: AgainstChance
    after: AgainstChance


class VerdictsResult(Wire):
    """Of the pictures that POST /projections draws for the same request."""

    checkpoint: str
    edit: str | None
    relation: str
    site: str
    kind: Literal["ring", "chain", "tree", "grid", "torus", "clusters", "graph"] = Field(
        description="the shape that the relation's group has in the world"
    )
    before: Verdict
    after: Verdict
    statistics: list[StatisticChange] = Field(
        description="those that fit the kind, of the pictures, then CKA, of the representations"
    )
    seconds: float
