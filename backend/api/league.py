"""The league table that ships with a checkpoint."""

from __future__ import annotations

import asyncio
from typing import get_args

from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.problems import ProblemError, invalid
from shatterscope.backend.league.rows import LeagueError, read_rows, shipped_file
from shatterscope.backend.league.table import league
from shatterscope.wire.league import League, SetName


async def shipped_league(laboratory: Laboratory, id: str, name: SetName, distance: int | None) -> League:
    """Raises `ProblemError`: 404 where there is none, 409 where it cannot be used, 422 for a distance that it has no edits at."""
    checkpoint = laboratory.trained(id)
    folder = laboratory.settings.models_dir / checkpoint.id
    again = f"make it with: shatterscope league {checkpoint.id} --set {name} --ship"
    files = {each: shipped_file(folder, each) for each in get_args(SetName)}

    def compute() -> League:
        rows = read_rows(files[name])
        if rows is None:
            raise ProblemError(404, f"no league table of the set {name!r} ships with {checkpoint.id!r}; {again}")
        if rows.header.checkpoint_identity != checkpoint.identity:
            raise ProblemError(409, f"the league table of {checkpoint.id!r} was measured of other weights; {again}")
        if distance is not None and distance not in rows.header.distances:
            known = ", ".join(map(str, rows.header.distances))
            raise invalid("query.distance", f"there are edits at {known} (0: corrective), got {distance}")
        return league(rows, distance, [each for each, file in files.items() if file.is_file()])

    try:
        changed = await asyncio.to_thread(lambda: files[name].stat().st_mtime_ns if files[name].is_file() else 0)
        return await laboratory.compute(f"league/{checkpoint.identity}/{name}/{distance}/{changed}", compute)
    except LeagueError as error:
        raise ProblemError(409, f"{error}; {again}") from None
