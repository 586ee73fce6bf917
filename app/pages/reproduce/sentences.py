"""Plain sentences about a run: where it comes from, how far it is from the paper, where a sequence collapses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean

from dash import html

from shatterscope.app.kit import ids, pictures, theme, words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce.protocol import count
from shatterscope.app.pages.reproduce.state import METHOD, RunView
from shatterscope.app.pages.reproduce.tables import r, site_name, site_of
from shatterscope.wire.edits import EditOutcome
from shatterscope.wire.reproduction import (
    AccuracyCell,
    Disagreement,
    FitInfo,
    KeysValues,
    Line,
    Measure,
    Provenance,
    Report,
    RingsResult,
    SequenceCurve,
    ShatteringCell,
    Spread,
    Tracing,
)
from shatterscope.wire.sweeps import LAST, SweepRequest
from shatterscope.wire.world import CheckpointInfo, Verdict

RECALL: dict[Measure, str] = {"argmax": "direct recall", "probability": "the mean probability of the truth"}


def provenance(reports: Sequence[Report], shipped: bool) -> Node:
    """Everything needed to make the same rows again."""
    first = reports[0].provenance
    rows, total = sum(r.provenance.rows for r in reports), sum(r.provenance.total for r in reports)
    done = f"{rows}" if rows == total else f"{rows} of {total}"
    facts: list[tuple[str, str, str]] = [
        ("run", "shipped with the checkpoint" if shipped else "yours", "Which rows are shown."),
        ("rows", done, "A row is one edit with everything measured, or one measurement of a sequence."),
        ("edits per cell", sizes(first), "Edits per preset and kind of edit."),
        ("asked", f"{first.queries} × {first.contexts}", "Questions per task and sub-graph for every row, and random contexts put before each."),
        ("seed", str(first.seed), "The same seed draws the same facts and the same questions."),
        ("device", first.device or "–", "What it was computed on."),
        ("date", day(first.finished), "When the last row was finished (UTC)."),
        ("checkpoint", f"{first.checkpoint} {first.checkpoint_sha256[:8]}", "The model, and the beginning of the hash of its weights."),
    ]  # fmt: skip
    if first.versions is not None:
        versions = first.versions
        text = f"shatterscope {versions.shatterscope}, torch {versions.torch}, numpy {versions.numpy}, Python {versions.python}"
        facts.append(("versions", text, "Programs the rows were computed with."))
    left_out = sum(r.provenance.left_out for r in reports)
    if left_out:
        facts.append(("left out", str(left_out), "Rows whose edit could not be made: they count in no table."))
    return [html.Div([html.Dt(name), html.Dd(html.Span(text, **tip(hint)))]) for name, text, hint in facts]


ACCURACY: dict[Measure, str] = {
    "argmax": "Change of accuracy, in points",
    "probability": "Change of the mean probability of the truth, in points",
}


def shattering_over(site: str) -> str:
    return (
        "R = ‖D* − D₀‖ / ‖D₀‖: how much all distances between representations changed, read at "
        f"{site_name(site)}. 0 means nothing moved."
    )


def opening_over(report: Report, site: str, measure: Measure) -> str:
    """What the opening table is computed over."""
    numbers = [cell.success.n for cell in report.methods if cell.method == METHOD]
    how_many = f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"
    by = "the share answered right" if measure == "argmax" else "the mean probability of the truth"
    return (
        f"change: of direct recall, in points, by {by}; R at {site_name(site)}, mean over the sub-graphs; taken: the model then answers the new "
        f"object; reached: the optimisation came to its stop. Means over {how_many} edits a cell, taken or not."
    )


def sizes(origin: Provenance) -> str:
    """Edits per cell, by method where these differ."""
    numbers: dict[int, list[str]] = {}
    for method, n in origin.edits.items():
        numbers.setdefault(n, []).append(theme.method_name(method))
    if len(numbers) < 2:
        shown = str(origin.edits_per_cell)
    else:
        shown = "; ".join(f"{n} ({', '.join(names)})" for n, names in numbers.items())
    if origin.corrective_edits is None:
        return shown
    return f"{shown}; at most {origin.corrective_edits} corrective, as many facts as the model gets wrong"


def day(when: str | None) -> str:
    if when is None:
        return "not yet"
    try:
        return datetime.fromisoformat(when).strftime("%-d %b %Y, %H:%M")
    except ValueError:
        return when


def estimate(requests: Sequence[SweepRequest]) -> str:
    """How much a run is, before it is asked for."""
    single = sum(count(each) for each in requests if each.sequence is None)
    long = sum(count(each) for each in requests if each.sequence is not None)
    return f"{single:,} single edits" + (f" and {long:,} in sequences" if long else "")


def agreement(
    report: Report, method: str, chosen: Sequence[str], site: str = LAST, measure: Measure = "argmax"
) -> Node:
    """How many of the paper's numbers ours agree with, and the ones that differ most."""
    site = site_of(report, site)
    cells: list[AccuracyCell | ShatteringCell] = [
        *report.accuracy,
        *(cell for cell in report.shattering if cell.site == site),
    ]
    known = [cell for cell in cells if cell.paper is not None and cell.method == method and cell.preset in chosen]
    mine = [cell for cell in known if _spread(cell).deviation is not None]
    if known and not mine:
        return html.P("Two edits of a kind are needed before a difference from the paper can be told from chance.")
    if not mine and method == METHOD:
        return html.P("No number of the paper stands beside these.")
    if not mine:
        return html.P(
            f"The paper has no numbers in these tables for {theme.method_name(method)}; its tables are by ROME."
        )
    named = [
        item for item in (*report.disagreements, *report.other_disagreements)
        if any(item.what.endswith(f"{method}, preset {preset}") for preset in chosen)
        and item.measure in (None, measure) and item.site in (None, site)
    ]  # fmt: skip
    lead = (
        f"{len(named)} of {len(mine)} numbers differ from the paper’s by more than two standard errors."
        if named
        else f"None of {len(mine)} numbers differs from the paper’s by more than two standard errors."
    )
    if not named:
        return html.P(lead)
    points = [item for item in named if item.unit == "points"]
    rest = [item for item in named if item.unit == "R"]
    worst = [max(group, key=lambda item: abs(item.difference)) for group in (points, rest) if group]
    return html.Div(
        [
            html.P([html.B(lead), " The largest differences: ", " ".join(map(difference, worst))]),
            html.Details(
                [html.Summary(f"All {len(named)} differences"), html.Ul([html.Li(difference(item)) for item in named])]
            ),
        ]
    )


def _spread(cell: AccuracyCell | ShatteringCell) -> Spread:
    return cell.change if isinstance(cell, AccuracyCell) else cell.shattering


def difference(item: Disagreement) -> str:
    if item.unit == "points":
        size, ours, paper = (
            f"{words.fixed(abs(item.difference), 1)} points",
            words.points(item.ours / 100),
            words.points(item.paper / 100),
        )
    else:
        size, ours, paper = r(abs(item.difference)), r(item.ours), r(item.paper)
    what = re.sub(
        r"(\S+), preset (\S+)$",
        lambda found: f"{theme.method_name(found[1])} with {words.settings(found[2])}",
        item.what,
    )
    what = what[:1].upper() + what[1:].replace(" = ", "\u00a0=\u00a0")
    return f"{what}: ours differs by {size} (ours {ours}, the paper’s {paper})."


def line_of(fit: FitInfo, measure: Measure) -> Line:
    return fit if measure == "argmax" else fit.probability


def fit_words(fit: FitInfo | None, others: Sequence[FitInfo] = (), measure: Measure = "argmax") -> str:
    """What r² means, and that of the same method's other presets."""
    if fit is None or (found := line_of(fit, measure).r2) is None:
        return "Three edits are needed for a line."
    strength = "almost all" if found > 0.9 else "most" if found > 0.5 else "some" if found > 0.2 else "little"
    beside = " ".join(
        f"With {words.settings(each.preset)}: {r2:.3f} (n = {len(each.points)})."
        for each in others
        if (r2 := line_of(each, measure).r2) is not None
    )
    return f"A straight line in R accounts for {strength} of the change of {RECALL[measure]}, with {words.settings(fit.preset)}. {beside}".strip()


def collapse_words(curves: Sequence[SequenceCurve]) -> str:
    """Where each method collapses."""
    if not curves:
        return ""
    said = []
    for curve in curves:
        last = curve.points[-1].edits if curve.points else 0
        name = theme.method_name(curve.method)
        said.append(
            f"{name} has lost half of its direct recall after {words.plural(curve.collapse, 'edit')}"
            if curve.collapse is not None
            else f"{name} keeps more than half through {words.plural(last, 'edit')}"
        )
    return "; ".join(said) + ". A circle marks where it collapses."


def sequences_over(report: Report | None, curves: Sequence[SequenceCurve]) -> str:
    if report is None or not curves or not curves[0].points:
        return ""
    curve = curves[0]
    kind = "corrective edits" if curve.kind == "corrective" else f"edits at d = {curve.distance}"
    n = max((spread.n for each in curves for point in each.points for spread in (point.holding,)), default=1)
    band = "; the band is one standard deviation" if n > 1 else ""
    return f"{kind.capitalize()}, one after another on the same model; mean of {words.plural(n, 'sequence')}{band}."


def rings_title(edit: Edit, made: EditOutcome, world: World) -> str:
    """The edit whose pictures are drawn."""
    new, old = world.name(made.new_object), words.replaced(made, world.name)
    how = f"({words.target(edit, world.name)}, {theme.method_name(edit.method)})"
    return f"{edit.relation} of {world.name(edit.subject)}: taught {new} instead of {old} {how}"


def rings_over(made: EditOutcome, entities: int, world: World) -> str:
    taken = words.taking(made, world.name)
    if world.rings:
        return f"{taken}. Isomap of all entities, {entities} of each ring drawn; colour is the place on its own ring."
    return (
        f"{taken}. Isomap of all entities that have the relation; lines join neighbours, colours are those of Explore."
    )


def rings_words(rings: RingsResult, checkpoints: Sequence[CheckpointInfo], world: World) -> list[Node]:
    """What the pictures show, and R by sub-graph; before that, where this model has few rings, where there are more."""
    before, after = (
        _counted([(item.judged_before, item.shape_before) for item in rings.pictures]),
        _counted([(item.judged_after, item.shape_after) for item in rings.pictures]),
    )
    parts = list(dict.fromkeys(item.sub_graph for item in rings.pictures))
    means = ", ".join(
        f"{part} {r(fmean(item.shattering for item in rings.pictures if item.sub_graph == part))}" for part in parts
    )
    said = f"Before the edit: {before}. After it: {after}. R, mean over the relations: {means}."
    return [*(clearer_rings(rings.checkpoint, checkpoints) if world.rings else []), said]


def _counted(found: Sequence[tuple[str | None, Verdict]]) -> str:
    """Verdicts of rings, and of what is no ring, by their number."""
    other = Counter(judged.lower() for judged, _ in found if judged is not None)
    rings = pictures.counted(verdict for judged, verdict in found if judged is None)
    return ", ".join(filter(None, [rings, *(f"{n} × {title}" for title, n in other.items())]))


def clearer_rings(id: str, checkpoints: Sequence[CheckpointInfo]) -> list[Node]:
    """Where most of a checkpoint's pictures are no rings, which has more; else nothing."""
    here = next((item.rings for item in checkpoints if item.id == id and item.graph.kind == "rings"), None)
    best = pictures.clearest(checkpoints)
    if best is None or here is None or here.closed is None or here.closed >= (best.rings.closed or 0):
        return []
    n = here.closed
    count = "None" if n == 0 else f"Only {n}"
    of_all = f"{count} of this model’s {len(here.winding)} unedited pictures {'are rings' if n > 1 else 'is a ring'}."
    return [
        f"{of_all} R does not depend on the picture. To see rings break, take ",
        html.A(best.title, href=f"?{RunView(best.id).to_query()}#{ids.REPRODUCE_RINGS}"),
        f", where {best.rings.closed} are. ",
    ]


def tracing_over(tracing: Tracing) -> str:
    return (
        f"Over {words.plural(tracing.n, 'fact')}; p(true object) is {tracing.clean:.2f}, with another {tracing.corrupted} "
        f"{tracing.corrupted_probability:.2f}."
    )


def tracing_words(tracing: Tracing) -> str:
    """What each part of a layer brings back by itself where the answer is read."""
    last = {site: row[-1] for site, row in zip(tracing.sites, tracing.recovery, strict=True)}

    def alone(kind: str) -> str:
        found = [(site, value) for site, value in last.items() if site.startswith(f"{kind}.")]
        return ", ".join(f"{words.percent(value)} (layer {site.split('.')[1]})" for site, value in found) or "nothing"

    return (
        f"At the {tracing.positions[-1]} token the MLP alone brings back {alone('mlp_out')}, "
        f"attention alone {alone('attn_out')}."
    )


def memory_words(memory: KeysValues) -> str:
    if memory.distance_correlation is None:
        return "The distances do not vary."
    return (
        f"Distances between keys and between values correlate with r = {memory.distance_correlation:.2f}, "
        f"over {memory.pairs:,} sampled pairs of entities."
    )


def r2(fit: FitInfo | None, measure: Measure = "argmax") -> list[Node]:
    """The number itself, and over how many edits; the paper's beside it."""
    if fit is None or (found := line_of(fit, measure).r2) is None:
        return [html.Span("–", className="r2-value")]
    hint = "The share of the variance of the change of direct recall that a straight line in R accounts for, over these edits."
    ours = [
        html.Span(["r² = ", html.B(f"{found:.3f}")], className="r2-value", **tip(hint)),
        html.Span(f"n = {len(fit.points)}", className="r2-n"),
    ]
    if fit.paper_r2 is None:
        return [html.Div(ours)]
    theirs = [html.Span(f"{fit.paper_r2:.3f}", className="r2-value theirs"), html.Span("the paper’s", className="r2-n")]
    return [html.Div(ours), html.Div(theirs)]


def going_on(checkpoint: str, jobs: Sequence[str]) -> Node:
    """The way to runs that nobody on this page follows."""
    if not jobs:
        return ""
    link = html.A("Follow it", href=f"?{RunView(checkpoint, tuple(jobs)).to_query()}")
    return ["A run on this checkpoint has not ended. ", link]


def rows_links(address: str, reports: Sequence[Report], shipped: bool) -> list[Node]:
    """Every row, everything measured, from the API at `address`."""
    links = []
    for item in reports:
        part = "sequence" if item.sequences else "single"
        where = (
            f"checkpoints/{item.provenance.checkpoint}/reproduction/rows?part={part}&"
            if shipped
            else f"sweeps/{item.provenance.sweeps[0]}/rows?"
        )
        name = "sequences" if item.sequences else "single edits"
        links.append(html.A(f"all rows of {name}, CSV", href=f"{address}/api/v1/{where}format=csv"))
    return links
