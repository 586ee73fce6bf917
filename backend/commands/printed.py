"""What the commands print: tables, outcomes, and a training run's progress."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import EvaluationResult, MeasurementInfo
from shatterscope.wire.oracles import OracleInfo
from shatterscope.wire.placements import PlacementsResult
from shatterscope.wire.verdicts import StatisticChange, VerdictsResult
from shatterscope.wire.world import CheckpointInfo

if TYPE_CHECKING:
    from shatterscope.backend.recipes import Recipe
    from shatterscope.backend.store import Job
    from shatterscope.backend.sweeps.foreground import Foreground
    from shatterscope.backend.training_run import Progress as Training
    from shatterscope.backend.worlds import World
    from shatterscope.wire.sweeps import SweepRow


def wide_console(width: int) -> Console:
    """As wide as the terminal, or as the tables need where the output goes to a file."""
    return Console(width=None if sys.stdout.isatty() else width)


def show_checkpoints(found: Sequence[CheckpointInfo]) -> None:
    table = Table(
        "id", "shape", "direct", "logical", "compositional", "whole pictures", "sha256", box=None, pad_edge=False
    )
    for info in found:
        world, accuracy = info.graph, info.accuracy
        table.add_row(
            escape(info.id) + (" (default)" if info.default else ""),
            f"{world.n_entities} entities, {len(world.relations)} relations, {info.model.n_layers} layers, width {info.model.d_model}",
            _by_order(accuracy.direct),
            _by_order(accuracy.logical),
            _by_order(accuracy.compositional),
            "not judged" if info.rings.shape is None else f"{info.rings.closed} of {len(info.rings.shape)}",
            info.sha256[:12],
        )
    wide_console(160).print(table)


def noun_of(world: World) -> str:
    """What a group is called."""
    return "ring" if world.kind == "rings" else "group"


def show_edit(result: EditResult, evaluation: EvaluationResult, verdicts: VerdictsResult, world: World) -> None:
    """Entities by their names, as the world has them."""
    console, names = wide_console(120), [escape(name) for name in world.entities]
    noun = noun_of(world)
    outcome, shattering = result.edits[0], evaluation.shattering
    spec = outcome.spec
    verdict = "strength 0"
    if spec.strength:
        verdict = "[bold green]taken[/]" if outcome.success else "[bold red]not taken[/]"
    token = "" if spec.parameters.get("token", "relation") == "relation" else f", {spec.parameters['token']}'s token"
    left = f" (one of {1 + len(outcome.also_true)} that are right)" if outcome.also_true else ""
    console.print(
        f"{names[spec.subject]} {spec.relation} {names[outcome.old_object]}{left} -> [bold]{names[outcome.new_object]}[/]   "
        f"{outcome.kind}, distance {outcome.distance}, {spec.method} at layer {spec.layer}{token}: {verdict}"
    )
    console.print(
        f"answer {names[outcome.prediction_before]} -> {names[outcome.prediction_after]}; probability of the new object "
        f"{outcome.probability_before:.4f} -> {outcome.probability_after:.4f}; |dW|/|W| {outcome.relative_delta_norm:.4f}, "
        f"{outcome.steps} steps, {result.seconds:.2f} s"
    )
    if spec.restraint is not None:
        told = ", ".join(f"{name} {value}" for name, value in spec.restraint.parameters.items())
        console.print(f"restraint {spec.restraint.name} ({told})")
    if spec.implied:
        console.print(f"with all that it implies, {len(outcome.implied)} more:")
    for fact in outcome.implied:
        asked = f"{names[fact.subject]} {' '.join(fact.relations)}"
        console.print(f"  {asked} {names[fact.old_object]} -> {names[fact.new_object]}   {escape(fact.explanation)}")
    for warning in outcome.warnings:
        console.print(f"[yellow]{escape(warning)}[/]")
    parts = {"edit": shattering.edit, "retain": shattering.retain, "test": shattering.test}
    console.print(
        "R(D*)  "
        + "   ".join(f"{part} {R:.4f}" for part, R in parts.items() if R is not None)
        + "   (at the last layer's residual stream)"
    )
    for measure in evaluation.measures:
        values = (
            [("", measure.value)] if measure.parts is None else [(f"{part} ", each) for part, each in measure.parts]
        )
        told = "   ".join(f"{part}{_number(measure, value)}" for part, value in values if value is not None)
        console.print(f"{measure.title}  {told or 'undefined'}{f'   ({measure.unit})' if measure.unit else ''}")
    was, now = verdicts.before, verdicts.after
    console.print(
        f"shape: {was.title.lower()} -> {now.title.lower()}   " + "   ".join(map(_statistic, verdicts.statistics))
    )
    for name in ("efficacy", "generality", "locality", "portability", "retraction"):
        asked_of = evaluation.quality and getattr(evaluation.quality, name)
        if asked_of:
            was_, now_ = asked_of.accuracy.before, asked_of.accuracy.after
            console.print(f"{name}  {was_:.3f} -> {now_:.3f}   (of {asked_of.n_queries})")
    table = Table("task", noun, "sub-graph", "accuracy before", "after", "change", "queries", box=None, pad_edge=False)
    for score in evaluation.scores:
        accuracy = score.accuracy
        of_all = "all" if score.n_queries == score.n_available else f"of {score.n_available}"
        table.add_row(
            score.task,
            score.order,
            score.sub_graph,
            f"{accuracy.before:.3f}",
            f"{accuracy.after:.3f}",
            f"{accuracy.change:+.3f}",
            f"{score.n_queries} {of_all}",
        )
    console.print(table)
    console.print(f"id {result.id}")


def _number(measure: MeasurementInfo, value: float) -> str:
    return f"{100 * value:.1f} %" if measure.format == "share" else f"{value:.2f}"


def _statistic(found: StatisticChange) -> str:
    """A number with a star where it is above chance."""
    was, now = (f"{each.value:.2f}{'*' if each.above_chance else ''}" for each in (found.before, found.after))
    return f"{found.term} {was} -> {now}"


def show_placements(found: PlacementsResult, noun: str) -> None:
    """Where the fact can be written: a row for each layer and token, and why not where it cannot be made."""
    console = wide_console(120)
    console.print("\nWhere can this fact be written? The same edit; only layer and token differ.")
    table = Table(
        "layer", "token", "", "rank", "p(new)", "search", "R edit", "retain", "test", "recall", box=None, pad_edge=False
    )
    refused = []
    for place in found.placements:
        made, here = place.made, f"{place.layer}{' *' if place.own else ''}"
        if made is None:
            table.add_row(here, place.token, "cannot be made")
            refused.append(f"layer {place.layer}, {place.token}'s token: {place.refused}")
            continue
        verdict = "[bold green]taken[/]" if made.success else "[bold red]not taken[/]"
        R = made.shattering
        table.add_row(
            here,
            place.token,
            verdict if found.spec.strength else "strength 0",
            str(made.rank),
            "" if made.probability is None else f"{made.probability:.4f}",
            "" if made.ended is None else f"{'all' if made.ended == 'steps' else made.ended + ','} {made.steps} steps",
            *("" if value is None else f"{value:.4f}" for value in (R.edit, R.retain, R.test)),
            "" if made.recall.all is None else f"{made.recall.all.change:+.3f}",
        )
    console.print(table)
    console.print(
        f"* this edit; R at the last layer's residual stream; recall: change of direct recall, {found.n_queries} sampled queries over all {noun}s"
    )
    for line in refused:
        console.print(escape(line))


def train_with_progress(recipe: Recipe, folder: Path, device: str, resume: bool) -> None:
    """Ctrl+C, or SIGTERM, lets the run save itself and raises `Stopped`; a second one raises `KeyboardInterrupt`."""
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from shatterscope.backend.settings import resolve_device
    from shatterscope.backend.training_run import train_checkpoint

    console = wide_console(160)
    columns = (
        TextColumn("loss {task.fields[loss]:.3f}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]:.0f} steps/s"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("train", total=recipe.train.steps, loss=float("nan"), speed=0.0)

        def tell(progress: Training) -> None:
            record = progress.record
            bar.update(task, completed=record.step, loss=record.loss, speed=record.steps_per_second)
            if progress.assessment is not None:
                accuracy = "   ".join(
                    f"{name} {_by_order(progress.assessment.accuracy[name])}"
                    for name in ("direct", "logical", "compositional")
                )
                rings = progress.assessment.rings
                drawn = f"   whole pictures {len(rings.whole)} of {len(rings.shape)}"
                console.print(f"step {record.step}: {accuracy}{drawn}")
            if progress.folder is not None:
                console.print(f"[bold]written to {escape(str(progress.folder))}[/bold]")

        place = torch.device(resolve_device(device))
        with _asked_to_stop() as stop:
            for progress in train_checkpoint(recipe, folder, place, resume=resume, stop=stop.is_set):
                tell(progress)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that the first Ctrl+C or SIGTERM sets."""
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def sweep_with_progress(foreground: Foreground, job: Job) -> tuple[str, str | None]:
    """Run a sweep that `foreground` owns; returns (status, error). Ctrl+C pauses it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    # Progress goes to stderr: the rows may be printed to a file.
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 120)
    columns = (
        TextColumn("sweep {task.fields[id]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("sweep", total=job.total, id=job.id, speed="starting")

        def watch() -> None:
            info = foreground.info(job.id)
            speed = "" if info.rate is None else f"{info.rate:.1f} rows/s, {info.eta:.0f} s left"
            bar.update(task, completed=info.done, speed=speed or "starting")

        status, error = foreground.run(job, watch)
        bar.update(task, completed=foreground.info(job.id).done, speed=status)
    return status, error


def show_sweep(rows: Iterable[SweepRow]) -> None:
    """Means over the rows of each cell of the grid; of sequences, each measurement."""
    from statistics import fmean

    cells: dict[tuple[str, str, str, str], list[SweepRow]] = {}
    for row in rows:
        kind = "corrective" if row.kind == "corrective" else f"d = {row.distance}"
        after = "" if row.sequence is None else f"after {row.sequence.after}"
        cells.setdefault((row.method, row.preset, kind, after), []).append(row)
    tasks = ("direct", "logical", "composition_stated", "composition_held_out")
    table = Table(
        *("method", "preset", "kind", "", "n", "taken", "R edit", "retain", "test", *tasks), box=None, pad_edge=False
    )

    def mean(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{fmean(known):.4f}" if known else ""

    for names, members in cells.items():
        success = [
            float(row.outcomes[-1].success) if row.sequence is None else row.sequence.holding
            for row in members
            if row.outcomes
        ]
        found = [row.shattering for row in members if row.shattering is not None]
        R = [
            mean([each.edit.value for each in found]),
            mean([each.retain.value for each in found if each.retain is not None]),
            mean([each.test.value for each in found if each.test is not None]),
        ]
        changes = [
            [100 * score.accuracy.change for row in members for score in row.scores if score.task == task]
            for task in tasks
        ]
        cells_ = [f"{fmean(each):+.2f}" if each else "" for each in changes]
        table.add_row(*names, str(len(members)), mean(success), *R, *cells_)
    console = wide_console(160)
    console.print(table)
    console.print(
        "Tasks: change of accuracy in percentage points, mean over rings. Taken: share of edits after which the model answers the new object; of sequences, of all edits that hold."
    )


def _by_order(values: dict[str, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values.values())


@contextmanager
def training_progress(steps: int) -> Iterator[Callable[[OracleInfo], None]]:
    """A bar for `steps` in all, told how far an oracle is; on stderr, so that what is printed is the result alone."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = ("train", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("train", total=steps, said="")

        def tell(found: OracleInfo) -> None:
            said = "" if found.probability is None else f"p(new object) {found.probability:.3f}"
            bar.update(task, completed=found.done, said=said)

        yield tell


def show_oracle(world: World, made: Sequence[tuple[EditResult, EvaluationResult]]) -> None:
    """The model that learned the fact beside its control."""
    console, names = wide_console(120), [escape(name) for name in world.entities]
    outcome = made[0][0].edits[0]
    console.print(
        f"{names[outcome.spec.subject]} {outcome.spec.relation} {names[outcome.old_object]} -> "
        f"[bold]{names[outcome.new_object]}[/]   learned by training, {outcome.steps} steps; {outcome.kind}, distance {outcome.distance}"
    )
    if outcome.implied:
        console.print(f"with all that it implies, {len(outcome.implied)} more facts stated")
    table = Table(box=None, pad_edge=False)
    for title in ("", "learned", "control"):
        table.add_column(title, justify="right" if title else "left")
    for title, values in _oracle_rows(made, names):
        table.add_row(title, *values)
    console.print(table)
    learned, control = (evaluation.shattering.edit for _, evaluation in made)
    if learned:
        console.print(
            f"The control was never told the fact: {control / learned:.0%} as much R comes of training alone, as drift."
        )


def _oracle_rows(
    made: Sequence[tuple[EditResult, EvaluationResult]], names: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    outcomes = [edit.edits[0] for edit, _ in made]
    yield "answer", [names[each.prediction_after] for each in outcomes]
    yield "probability of the new object", [f"{each.probability_after:.4f}" for each in outcomes]
    for part in ("edit", "retain", "test"):
        found = [getattr(evaluation.shattering, part) for _, evaluation in made]
        if found[0] is not None:
            yield f"R(D*) {part}", [f"{each:.4f}" for each in found]
    for task in dict.fromkeys(score.task for score in made[0][1].scores):
        scores = [[score for score in evaluation.scores if score.task == task] for _, evaluation in made]
        asked = sum(score.n_queries for score in scores[0])
        if asked:
            changes = [sum(score.accuracy.change * score.n_queries for score in each) / asked for each in scores]
            yield f"{task.replace('_', ' ')}, points", [f"{100 * each:+.1f}" for each in changes]
    for name in ("efficacy", "generality", "locality", "portability", "retraction"):
        wanted = [evaluation.quality and getattr(evaluation.quality, name) for _, evaluation in made]
        if all(wanted):
            yield name, [f"{each.accuracy.after:.1%}" for each in wanted if each]
    yield "|dW|/|W|", [f"{each.relative_delta_norm:.4f}" for each in outcomes]
    yield "seconds", [f"{edit.seconds:.1f}" for edit, _ in made]
