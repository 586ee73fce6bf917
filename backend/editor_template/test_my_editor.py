"""My editor keeps what every editor promises. It has to be installed: pip install -e ."""

from __future__ import annotations

import pytest

from shatterscope.backend.editors.contract import CLAUSES, Clause, editors_named

(EDITOR,) = editors_named("my-editor")


@pytest.mark.parametrize("clause", CLAUSES, ids=str)
def test_my_editor_keeps_the_contract(clause: Clause) -> None:
    clause(EDITOR)
