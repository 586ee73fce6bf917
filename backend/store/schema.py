"""Versions of the schema. A database of an older version is brought up to date when it is opened, whatever is in it; one of a newer
version is left alone. To change a table: change it in `tables.py`, and add a step here that does the same to what is there.

The version is the only row of the table `schema_version`. A database without that table is version 0, the last before there were any.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, inspect, select, text
from sqlalchemy.schema import CreateColumn

from shatterscope.backend.store.tables import Base, SchemaRow


class NewerSchema(Exception):
    """The database was written by a newer version of this program."""


def add_column(connection: Connection, table: str, column: str) -> None:
    """Add a column as `tables.py` describes it; it may be null, or has a `server_default`."""
    described = CreateColumn(Base.metadata.tables[table].columns[column]).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {described}"))


def _views_remember_when_they_were_used(connection: Connection) -> None:
    add_column(connection, "views", "used")


# From version 0 to 1, and so on: the table that a step changes (one that is not there is made as it is now), and the step.
STEPS: tuple[tuple[str, Callable[[Connection], None]], ...] = (("views", _views_remember_when_they_were_used),)
VERSION = len(STEPS)


def version_of(connection: Connection) -> int | None:
    """None of a database without any table of ours. Raises `NewerSchema`."""
    found = set(inspect(connection).get_table_names())
    if SchemaRow.__tablename__ not in found:
        return None if found.isdisjoint(Base.metadata.tables) else 0
    version = connection.execute(select(func.max(SchemaRow.version))).scalar() or 0
    if version > VERSION:
        raise NewerSchema(f"its schema is version {version}, and this program knows versions up to {VERSION}")
    return version


def bring_up_to_date(connection: Connection) -> None:
    """Create what is missing, and take the steps that the database has not taken; the caller commits all of it or nothing.
    Raises `NewerSchema`."""
    version = version_of(connection)
    if version is not None:
        there = set(inspect(connection).get_table_names())
        for table, step in STEPS[version:]:
            if table in there:
                step(connection)
    Base.metadata.create_all(connection)
    connection.execute(delete(SchemaRow))
    connection.execute(insert(SchemaRow).values(version=VERSION))
