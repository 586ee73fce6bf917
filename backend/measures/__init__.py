"""What is measured of an edit below R. Each measure declares itself in a file; whoever computes or shows them goes through all, and names none."""

from shatterscope.backend.measures.base import Measure, Measurement, gathered, of_model, of_relations
from shatterscope.backend.measures.registry import MEASURES

__all__ = ["MEASURES", "Measure", "Measurement", "gathered", "of_model", "of_relations"]
