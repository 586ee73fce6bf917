"""Is it still a ring, a tree, a grid? Arrays in, numbers and a verdict out; knows no model, no world, no web."""

from shatterscope.backend.shapes.loops import gap_by_chance
from shatterscope.backend.shapes.ring import ring_neighbor_share, winding_number
from shatterscope.backend.shapes.shape import Shape, Verdict, shape

__all__ = ["Shape", "Verdict", "gap_by_chance", "ring_neighbor_share", "shape", "winding_number"]
