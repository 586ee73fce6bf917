"""A league from the terminal: every contender on every edit, row by row into a file, so that a run that was stopped goes on where it was.

A row is there if its edit has the id that it would have now. So more edits, new methods and changed presets are added to a table that is there, and only they
are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint
from shatterscope.backend.league.measure import CONTEXTS, QUERIES, TAKEN_BEHIND, Contender, LeagueBench, contenders
from shatterscope.backend.league.rows import (
    FOLDER,
    Header,
    LeagueError,
    MeasuredEdit,
    MeasuredStack,
    Rows,
    read_rows,
    shipped_file,
    write,
)
from shatterscope.backend.league.sets import SEEDS, EditSet, edit_set
from shatterscope.backend.league.stacks import LIMIT, Stacker
from shatterscope.backend.settings import Settings, resolve_device
from shatterscope.wire.league import SetName

Watch = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and what comes next."""


@dataclass(frozen=True)
class Asked:
    """What to run. `methods` are NAME or NAME:PRESET, none for all; `edits` of every distance; `stacks` the stages of a stack, none for no stacks; `limit` in
    seconds for a stack; `anew`: without the rows that are there."""

    checkpoint: str
    set: SetName = "open"
    methods: Sequence[str] = ()
    edits: int = 3
    stacks: Sequence[int] = ()
    limit: float = LIMIT
    anew: bool = False


def rows_file(settings: Settings, checkpoint: str, name: SetName) -> Path:
    """Where a run keeps its rows."""
    return settings.state_dir / FOLDER / f"{checkpoint}.{name}.jsonl"


def run(settings: Settings, asked: Asked, watch: Watch) -> Rows:
    """Compute what is not there yet; returns all rows. Whatever ends this early leaves what it has measured.

    Raises:
        LeagueError: it cannot begin.
    """
    try:
        checkpoint = load_checkpoint(
            settings.models_dir / asked.checkpoint, torch.device(resolve_device(settings.device))
        )
        entered = contenders(asked.methods)
    except (CheckpointError, ValueError) as error:
        raise LeagueError(str(error)) from None
    edits = edit_set(checkpoint, asked.set)
    header = Header(
        checkpoint=checkpoint.id,
        checkpoint_identity=checkpoint.identity,
        set=asked.set,
        seeds={"split": SEEDS["split"], "seed": SEEDS[asked.set]["seed"]},
        distances=list(edits.distances),
        contexts=CONTEXTS,
        queries=QUERIES,
        taken_behind=TAKEN_BEHIND,
    )
    path = rows_file(settings, asked.checkpoint, asked.set)
    shipped = shipped_file(settings.models_dir / asked.checkpoint, asked.set)
    found = None if asked.anew else read_rows(path) or read_rows(shipped)
    if found is not None and found.header != header:
        raise LeagueError(
            f"the rows of {asked.checkpoint!r} on the set {asked.set!r} were measured of other weights, or with other seeds: begin again with --anew"
        )
    rows = found or Rows(header, {})
    write(path, rows)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"), path.open("a", encoding="utf-8") as file:

            def keep(row: MeasuredEdit | MeasuredStack) -> None:
                line = row.model_dump_json(exclude_none=True)
                file.write(line + "\n")
                file.flush()
                rows.rows[row.key] = type(row).model_validate_json(line)  # as it will be read

            _Run(LeagueBench(checkpoint), edits, entered, asked, rows, keep, watch).all()
    finally:
        torch.set_num_threads(threads)
    return rows


class _Run:
    def __init__(
        self,
        bench: LeagueBench,
        edits: EditSet,
        entered: Sequence[Contender],
        asked: Asked,
        rows: Rows,
        keep: Callable[[MeasuredEdit | MeasuredStack], None],
        watch: Watch,
    ) -> None:
        self.bench, self.entered, self.rows, self.keep, self.watch = bench, entered, rows, keep, watch
        self.edits = edits.edits(asked.edits)
        stages = sorted({*asked.stacks})
        self.stacker = Stacker(bench, edits.stack(stages[-1]), stages, asked.limit) if stages else None

    def all(self) -> None:
        """Single edits, one of each contender in turn, and then stacks, so that a run that is stopped has as many of each."""
        single = [
            (contender, edit)
            for edit in self.edits
            for contender in self.entered
            if not self._there(
                (*contender, "edit", str(edit.distance), str(edit.place)), self.bench.id(contender, [edit])
            )
        ]
        stacks = (
            [] if self.stacker is None else [each for each in self.entered if not self._stacked(self.stacker, each)]
        )
        total = len(single) + len(stacks)
        for i, (contender, edit) in enumerate(single):
            self.watch(i, total, ":".join(contender))
            self.keep(self.bench.row(contender, edit))
        for i, contender in enumerate(stacks, len(single)):
            self.watch(i, total, f"stack, {':'.join(contender)}")
            assert self.stacker is not None
            for row in self.stacker.rows(contender):
                self.keep(row)
        self.watch(total, total, "done")

    def _there(self, key: tuple[str, ...], id: str) -> bool:
        found = self.rows.rows.get(key)
        return found is not None and found.edit == id

    def _stacked(self, stacker: Stacker, contender: Contender) -> bool:
        """Whether every stage is measured, or was given up after as long a time as is given now."""
        for stage in stacker.stages:
            found = self.rows.rows.get((*contender, "stack", str(stage)))
            if not isinstance(found, MeasuredStack) or found.edit != stacker.id(contender, stage):
                return False
            if found.stopped is not None and found.limit < stacker.limit:
                return False
        return True


def ship(settings: Settings, rows: Rows) -> Path:
    """Keep the rows beside the checkpoint, for the page; returns the file. Raises `OSError`."""
    path = shipped_file(settings.models_dir / rows.header.checkpoint, rows.header.set)
    write(path, rows)
    return path
