"""The options of a world of given facts, and what is told of one that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shatterscope.backend.commands.common import fail

if TYPE_CHECKING:
    from shatterscope.backend.worlds.facts_file import Facts

FactsFile = Annotated[
    Path | None,
    typer.Option("--facts", metavar="FILE", help="Facts of your own, CSV: subject,relation,object[,group]."),
]
Layout = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where entities are drawn, CSV: entity,x,y[,z][,color][,branch][,group]."),
]
Many = Annotated[
    list[str] | None,
    typer.Option(metavar="RELATION", help="A relation under which a subject may have several objects; repeatable."),
]


def checked_facts(file: Path, layout: Path | None, many: Sequence[str]) -> Facts:
    """The world in a file. Ends the command with every problem on a line of its own where there is none."""
    from shatterscope.backend.worlds.facts_csv import FactsError
    from shatterscope.backend.worlds.facts_file import read_facts

    try:
        return read_facts(file, layout, many)
    except FactsError as error:
        count = len(error.problems)
        fail(f"{file}: {count} problem{'s' * (count > 1)}, nothing was written\n  " + str(error).replace("\n", "\n  "))
    except ValueError as error:
        fail(str(error))
