"""All restraints by name. A new one is a line here."""

from __future__ import annotations

from typing import Any

from shatterscope.backend.restraints.base import Restraint
from shatterscope.backend.restraints.prune import Prune
from shatterscope.backend.restraints.rect import Rect
from shatterscope.backend.restraints.sphere import Sphere

RESTRAINTS: dict[str, Restraint[Any]] = {restraint.name: restraint for restraint in (Sphere(), Rect(), Prune())}
