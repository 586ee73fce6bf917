"""All editors by name. A new one is a line here."""

from __future__ import annotations

from typing import Any

from backend.editors.base import Editor
from backend.editors.rome import Rome

EDITORS: dict[str, Editor[Any]] = {editor.name: editor for editor in (Rome(),)}
