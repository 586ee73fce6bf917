"""What moved, and how unevenly: `geometry/movement.py`, declared."""

from __future__ import annotations

from shatterscope.backend.geometry import moved, strain
from shatterscope.backend.measures.base import Measure

OVER = "Median over {n} entities, mean over the relations of the edited {noun}."

MOVED = Measure(
    name="moved",
    title="moved",
    unit="{steps}",
    sentence="Its entities moved {value} {steps}.",
    explained=(
        "How far a representation moved, in steps: one step is the distance to its nearer {noun} neighbour before the edit. The median over all entities, "
        "the mean over the {noun}'s relations. The model reads answers off fixed directions, so facts can be lost even where the whole {noun} moved and kept "
        "its shape."
    ),
    over=OVER,
    of_relation=moved,
)

STRAIN = Measure(
    name="strain",
    title="strain",
    sentence="The {noun}'s strain is {value}.",
    explained=(
        "How much the step from a {noun} neighbour to the next changed, once the {noun} is turned back as well as it goes: 0 where the {noun} moved as a "
        "whole, 1 where the steps changed by as much as they are long. The median over all entities."
    ),
    over=OVER,
    of_relation=strain,
)
