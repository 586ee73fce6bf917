"""Rows as they were meant: one that another program or a failing disk has changed is named in the log and passed over, and the others
are read. Columns are selected as the database holds them, and checked by the dataclass that they become."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, FiniteFloat, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, type_coerce
from sqlalchemy.types import NullType

log = logging.getLogger(__name__)

T = TypeVar("T")


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str | bytes) else value
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


# SQLite holds JSON as text and forgets time zones; all times are UTC.
Json = Annotated[dict[str, Any], BeforeValidator(_parsed)]
Time = Annotated[datetime, AfterValidator(lambda time: time if time.tzinfo else time.replace(tzinfo=UTC))]
Seconds = FiniteFloat


def columns(table: type, model: type) -> list[ColumnElement[Any]]:
    """The columns of `table` that the fields of `model` are called by, without what SQLAlchemy makes of them: that fails for a whole
    result at once."""
    return [type_coerce(getattr(table, field.name), NullType).label(field.name) for field in fields(model)]


def readable(model: type[T], rows: Iterable[Sequence[Any]]) -> list[T]:
    """The rows as `model`, a dataclass whose first field is the id, but for those that are damaged."""
    names = [field.name for field in fields(model)]  # type: ignore[arg-type]
    adapter: TypeAdapter[T] = TypeAdapter(model)
    found = []
    for row in rows:
        try:
            found.append(adapter.validate_python(dict(zip(names, row, strict=True))))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            log.warning("%s %.80r in the store is passed over: %s: %s", model.__name__, row[0], where, first["msg"])
    return found
