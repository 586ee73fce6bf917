"""All editors by name. A new one is a line here."""

from __future__ import annotations

from typing import Any

from backend.editors.alphaedit import AlphaEdit
from backend.editors.base import Editor
from backend.editors.ft import Ft
from backend.editors.ft_l import FtL
from backend.editors.ft_m import FtM
from backend.editors.grace import Grace
from backend.editors.memit import Memit
from backend.editors.pmet import Pmet
from backend.editors.rome import Rome

EDITORS: dict[str, Editor[Any]] = {
    editor.name: editor for editor in (Rome(), Memit(), Pmet(), AlphaEdit(), Ft(), FtL(), FtM(), Grace())
}
