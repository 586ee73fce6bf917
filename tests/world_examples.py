"""Configs of worlds that have no default: what their tests build."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

STATIONS = ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ivy", "Juniper", "Larch", "Maple"]
LINE = "\n".join(f"{a},next,{b}" for a, b in pairwise(STATIONS))
ZONES = "\n".join(f"{name},zone,zone {1 + i // 4}" for i, name in enumerate(STATIONS))

EXAMPLES: dict[str, dict[str, Any]] = {"facts": {"facts": f"subject,relation,object\n{LINE}\n{ZONES}\n"}}
