"""Is it still a ring, a tree, a grid? Arrays in, numbers and a verdict out; knows no model, no world, no web.

Start at `verdict.py`; `statistics.py` lists every number with its words, `layout.py` what a world has to give, `chance.py` what a number is
held against.
"""

from shatterscope.backend.shapes import layout
from shatterscope.backend.shapes.chance import Measured
from shatterscope.backend.shapes.layout import Layout
from shatterscope.backend.shapes.loops import gap_by_chance
from shatterscope.backend.shapes.ring import ring_neighbor_share, winding_number
from shatterscope.backend.shapes.shape import FEWEST_POINTS, Shape, Verdict, shape
from shatterscope.backend.shapes.statistics import (
    COMPARISONS,
    STATISTICS,
    ComparedStatistic,
    Kind,
    Statistic,
    followed,
    for_kind,
    measure,
)
from shatterscope.backend.shapes.verdict import Judgement, verdict

__all__ = [
    "COMPARISONS",
    "FEWEST_POINTS",
    "STATISTICS",
    "ComparedStatistic",
    "Judgement",
    "Kind",
    "Layout",
    "Measured",
    "Shape",
    "Statistic",
    "Verdict",
    "followed",
    "for_kind",
    "gap_by_chance",
    "layout",
    "measure",
    "ring_neighbor_share",
    "shape",
    "verdict",
    "winding_number",
]
