"""All editors by name. A new one is a line here."""

from __future__ import annotations

from typing import Any

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
from shatterscope.backend.editors.patch import Patch
from shatterscope.backend.editors.pmet import Pmet
from shatterscope.backend.editors.rome import Rome
from shatterscope.backend.editors.ultraedit import UltraEdit

EDITORS: dict[str, Editor[Any]] = {
    editor.name: editor
    for editor in (
        *(Rome(), Memit(), Pmet(), AlphaEdit()),
        *(Emmet(), Encore(), BetaEdit(), Mose(), LyapLock(), UltraEdit(), CrispEdit()),
        *(Ft(), FtL(), FtM(), Grace(), Patch()),
    )
}
