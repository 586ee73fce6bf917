"""`shatterscope world`: look at the facts of a world before it is trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shatterscope.backend.commands.common import command, examples, options
from shatterscope.backend.commands.facts import Layout, Many, checked_facts

if TYPE_CHECKING:
    from shatterscope.backend.worlds.facts_file import Facts

commands = typer.Typer(help="Look at the facts of a world before it is trained.")


@commands.callback()
def world() -> None:
    """Makes `check` a command of `world`, and not `world` itself."""


@commands.command(
    epilog=examples(
        "shatterscope world check my-facts.csv",
        "shatterscope world check my-facts.csv --many borders --layout my-map.csv",
    )
)
def check(
    facts: Annotated[Path, typer.Argument(metavar="FILE", help="CSV in UTF-8: subject,relation,object[,group].")],
    layout: Layout = None,
    many: Many = None,
) -> None:
    """Say what is in a file of facts, or what is wrong with it, line by line. Nothing is written; exit status 1 where anything is wrong."""
    found = checked_facts(facts, layout, many or [])
    _show(found, facts)
    for warning in found.warnings:
        print(f"shatterscope: perhaps wrong: {warning}", file=sys.stderr)
    name = "".join(mark if mark.isalnum() and mark.isascii() else "-" for mark in facts.stem)
    print("Train it:", command("train", *options(facts=facts, layout=layout, many=many, name=name)))


def _show(world: Facts, file: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from shatterscope.backend.commands.printed import wide_console
    from shatterscope.backend.worlds import ABSENT, draw_holdout

    console = wide_console(120)
    console.print(
        f"{escape(str(file))}: {world.n_entities} entities, {world.n_relations} relations, {int((world.truths != ABSENT).sum())} facts"
    )
    table = Table("group", "relation", "subjects", "objects of one", "undone by", box=None, pad_edge=False)
    for relation in world.relations:
        several = (world.truths[:, relation.index] != ABSENT).sum(axis=1)
        added = " (added)" if relation.name in world.added else ""
        table.add_row(
            escape(world.groups[relation.group].name),
            escape(relation.name) + added,
            str(int((several > 0).sum())),
            "1" if world.single_valued[relation.index] else f"up to {int(several.max())}",
            "itself" if relation.inverse == relation.name else escape(str(relation.inverse)),
        )
    console.print(table)
    console.print("Rules: " + escape("; ".join(rule.text for rule in world.rules)) + ".")
    holdout = draw_holdout(world)
    console.print(
        f"Kept out of training, to tell inference from recall: {int(holdout.single.sum())} questions of {int(world.present.sum())}, "
        f"and {int(holdout.composition.sum())} of {int((world.composition_objects != ABSENT).sum())} with two relations."
    )
