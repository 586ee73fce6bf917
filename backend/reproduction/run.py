"""A reproduction run from the terminal: two sweeps, one after the other, each of which can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint
from shatterscope.backend.edits import EditError
from shatterscope.backend.evaluation.tracing import TracingError
from shatterscope.backend.reproduction import protocol
from shatterscope.backend.reproduction.fitting import fitted
from shatterscope.backend.reproduction.report import Run, report, without_paper
from shatterscope.backend.reproduction.shipped import PARTS, Part, read_findings, ship
from shatterscope.backend.reproduction.traced import trace_checkpoint
from shatterscope.backend.settings import Settings, resolve_device
from shatterscope.backend.store import Job
from shatterscope.backend.sweeps.foreground import Foreground, SweepError
from shatterscope.backend.sweeps.plan import TooManyCells, check_size, known_facts, make_plan
from shatterscope.wire.reproduction import Reproduction, Tracing
from shatterscope.wire.sweeps import SweepRequest

ShowProgress = Callable[[Foreground, Job], tuple[str, str | None]]


class RunStopped(Exception):
    """A sweep did not get to its end; `ids` are the sweeps to resume."""

    def __init__(self, reason: str, ids: Sequence[str]) -> None:
        super().__init__(reason)
        self.ids = list(ids)


@dataclass(frozen=True)
class RunRequest:
    """What to run; `ids` are sweeps to go on with instead of beginning again."""

    requests: dict[Part, SweepRequest]
    ids: dict[Part, str]

    @property
    def checkpoint(self) -> str:
        return next(iter(self.requests.values())).checkpoint


def ask(
    foreground: Foreground,
    ids: Sequence[str] = (),
    *,
    checkpoint: str | None = None,
    edits: int = protocol.EDITS,
    edits_others: int | None = None,
    seed: int = 0,
    sequence_edits: int | None = protocol.SEQUENCE_EDITS,
) -> RunRequest:
    """What to run: the protocol, but for the sweeps `ids`, which say themselves what they are of.

    Args:
        edits_others: by other methods than the paper's main one; None for the protocol's number.
        sequence_edits: None for no sequences.

    Raises:
        SweepError: sweeps that do not make one reproduction.
    """
    known: dict[Part, str] = {}
    requests: dict[Part, SweepRequest] = {}
    for id in ids:
        request = foreground.info(id).request
        part: Part = "single" if request.sequence is None else "sequence"
        if part in known:
            raise SweepError(f"sweeps {known[part]!r} and {id!r} are both of {_NAMES[part]}; give one of each kind")
        known[part], requests[part] = id, request
    of = {request.checkpoint for request in requests.values()} | ({checkpoint} if checkpoint else set())
    if len(of) > 1:
        raise SweepError(f"--resume: these are of different checkpoints ({', '.join(sorted(of))})")
    if known and "single" not in known:
        raise SweepError("--resume: give the sweep of single edits first, then that of sequences")
    name = of.pop() if of else protocol.CHECKPOINT
    if "single" not in requests:
        requests["single"] = protocol.single_edits(name, edits, seed, edits_others)
    if "sequence" not in requests and sequence_edits is not None:
        requests["sequence"] = protocol.sequences(name, sequence_edits, requests["single"].seed)
    return RunRequest({part: requests[part] for part in PARTS if part in requests}, known)


def check(foreground: Foreground, asked: RunRequest) -> RunRequest:
    """The same with no more corrective edits than the model has facts wrong, and in a world of no rings fitted to it. Raises `SweepError` for what this checkpoint cannot serve,
    before hours are spent on half of it."""
    settings = foreground.settings
    fresh = {part: request for part, request in asked.requests.items() if part not in asked.ids}
    if not fresh:
        return asked
    try:
        device = torch.device(resolve_device(settings.device))
        checkpoint = load_checkpoint(settings.models_dir / asked.checkpoint, device)
        known = known_facts(checkpoint)
        for part, request in fresh.items():
            if request.corrective and (wrong := len(known.wrong)) < request.edits_per_cell:
                fewer = {"corrective": wrong > 0, "corrective_edits": wrong or None}
                request = fresh[part] = request.model_copy(update=fewer)
            request = fresh[part] = fitted(checkpoint.world, request, known)
            check_size(request, settings.sweep_limit)
            try:
                make_plan(checkpoint, request, known)
            except EditError as error:
                option = "--edits" if part == "single" else "--sequence-edits"
                raise SweepError(f"{option} {request.edits_per_cell}: {error.message}") from None
    except (CheckpointError, TooManyCells) as error:
        raise SweepError(str(error)) from None
    return replace(asked, requests={**asked.requests, **fresh})


def run(foreground: Foreground, asked: RunRequest, progress: ShowProgress) -> dict[Part, Run]:
    """Run every part to its end.

    Raises:
        SweepError: it cannot begin.
        RunStopped: it was stopped or failed; its rows are kept.
    """
    done: dict[Part, Run] = {}
    for part, request in asked.requests.items():
        ids = [each.sweep for each in done.values()]
        job = foreground.resume(asked.ids[part]) if part in asked.ids else foreground.create(request)
        status, error = progress(foreground, job)
        if status != "done":
            raise RunStopped(error or "stopped", [*ids, job.id])
        done[part] = Run(job.id, job.checkpoint_sha256, request, job.total)
    return done


def results(foreground: Foreground, runs: dict[Part, Run]) -> Reproduction:
    """The reports of what has been run. Raises `ShippedError` for findings that cannot be read."""
    reports = {part: report(foreground.rows(each.sweep), each) for part, each in runs.items()}
    requests = [each.request for each in runs.values()]
    folder = foreground.settings.models_dir / requests[0].checkpoint
    if load_checkpoint(folder).world.kind != "rings":
        reports = {part: without_paper(each) for part, each in reports.items()}
    return Reproduction(
        single=reports["single"],
        sequence=reports.get("sequence"),
        requests=requests,
        findings=read_findings(folder),
    )


def keep(foreground: Foreground, runs: dict[Part, Run]) -> Path:
    """Ship what has been run with its checkpoint; returns the folder. Raises `OSError` where it cannot be written."""
    parts = {
        part: (each, (row.model_dump_json() for row in foreground.rows(each.sweep))) for part, each in runs.items()
    }
    folder = foreground.settings.models_dir / runs["single"].request.checkpoint
    return ship(folder, parts["single"], parts.get("sequence"))


def traced(settings: Settings, checkpoint: str, n_facts: int, seed: int) -> list[Tracing]:
    """Causal tracing of the unedited model. Raises `SweepError`."""
    try:
        device = torch.device(resolve_device(settings.device))
        return trace_checkpoint(load_checkpoint(settings.models_dir / checkpoint, device), n_facts, seed)
    except (CheckpointError, TracingError) as error:
        raise SweepError(str(error)) from None


_NAMES: dict[Part, str] = {"single": "single edits", "sequence": "sequences"}
