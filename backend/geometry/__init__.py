"""Geometry of representations: arrays in, arrays out; knows nothing of models or the web.

Start at `isomap.py` (pictures), `shattering.py` (the paper's R) and `movement.py` (what moved, and how unevenly). What a picture shows is said
one floor up, in `shapes`.
"""

from shatterscope.backend.geometry.movement import moved, strain
from shatterscope.backend.geometry.shattering import shattering

__all__ = ["moved", "shattering", "strain"]
