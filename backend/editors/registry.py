"""All editors by name: ours, a line each, then those of installed packages (`foreign.py`). The oracle is made as an edit is, and is no editor: it stands beside them."""

from __future__ import annotations

from collections import UserDict
from functools import cached_property
from typing import Any

from shatterscope.backend.editors import foreign
from shatterscope.backend.editors.alphaedit import AlphaEdit
from shatterscope.backend.editors.base import Editor
from shatterscope.backend.editors.betaedit import BetaEdit
from shatterscope.backend.editors.crispedit import CrispEdit
from shatterscope.backend.editors.emmet import Emmet
from shatterscope.backend.editors.encore import Encore
from shatterscope.backend.editors.ft import Ft
from shatterscope.backend.editors.ft_l import FtL
from shatterscope.backend.editors.ft_m import FtM
from shatterscope.backend.editors.grace import Grace
from shatterscope.backend.editors.lyaplock import LyapLock
from shatterscope.backend.editors.memit import Memit
from shatterscope.backend.editors.mose import Mose
from shatterscope.backend.editors.oracle import Oracle
from shatterscope.backend.editors.patch import Patch
from shatterscope.backend.editors.pmet import Pmet
from shatterscope.backend.editors.rome import Rome
from shatterscope.backend.editors.ultraedit import UltraEdit

OURS: dict[str, Editor[Any]] = {
    editor.name: editor
    for editor in (
        *(Rome(), Memit(), Pmet(), AlphaEdit()),
        *(Emmet(), Encore(), BetaEdit(), Mose(), LyapLock(), UltraEdit(), CrispEdit()),
        *(Ft(), FtL(), FtM(), Grace(), Patch()),
    )
}


class Editors(UserDict[str, Editor[Any]]):
    """`problems`: the editors of packages that cannot be used, and why.

    The packages are looked for when somebody first asks, not when this is imported: they import this themselves.
    """

    def __init__(self) -> None:
        """Without `data`, which is found later."""

    @cached_property
    def _found(self) -> tuple[dict[str, Editor[Any]], dict[str, str]]:
        return foreign.load(OURS)

    @cached_property
    def data(self) -> dict[str, Editor[Any]]:  # type: ignore[override]
        return OURS | self._found[0]

    @property
    def problems(self) -> dict[str, str]:
        return self._found[1]


EDITORS = Editors()
ORACLE = Oracle()


def known(method: str) -> bool:
    return method == ORACLE.name or method in EDITORS


def method_named(name: str) -> Editor[Any]:
    """An editor, or the oracle. Raises `KeyError`."""
    return ORACLE if name == ORACLE.name else EDITORS[name]
