"""Restraints: filters on a weight change that any editor has computed."""

from shatterscope.backend.restraints.base import Restraint, restrain
from shatterscope.backend.restraints.registry import RESTRAINTS

__all__ = ["RESTRAINTS", "Restraint", "restrain"]
