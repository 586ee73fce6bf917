"""A run of the paper's experiments as one self-contained HTML file: its tables, figures and sentences, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from dash import html

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.exporter import Cited
from shatterscope.app.kit.figures.fit import fit_figure
from shatterscope.app.kit.figures.histograms import histograms
from shatterscope.app.kit.figures.memory import memory_figure
from shatterscope.app.kit.figures.rings import aspect, rings_figure
from shatterscope.app.kit.figures.sequences import sequence_figure
from shatterscope.app.kit.figures.tracing import tracing_figure
from shatterscope.app.kit.markdown import html_of
from shatterscope.app.kit.parts import Node, either
from shatterscope.app.kit.share.document import comes_from, document, header, to_cite
from shatterscope.app.kit.share.markup import Written
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce import opening, sentences, tables
from shatterscope.app.pages.reproduce.runs import ShownRun
from shatterscope.app.pages.reproduce.state import METHOD, RunView
from shatterscope.wire.edits import EditOutcome
from shatterscope.wire.measures import SitesResult
from shatterscope.wire.reproduction import FitInfo, KeysValues, Measure, PaperTask, Report, RingsResult, Tracing
from shatterscope.wire.world import CheckpointInfo

SHEETS = ("figure/figure.css", "reproduce/reproduce.css")
POINTS = 128  # of each ring, as on the page
OVER = [
    html.Span("The paper’s Table 1. ", className="of-rings"),
    "Mean ± one standard deviation over edits (number of edits).",
]
TASKS: tuple[PaperTask, ...] = get_args(PaperTask)


@dataclass(frozen=True)
class Reproduced:
    """The run, and looks at one edit (`edit`, as `made`) and inside the unedited model."""

    view: RunView
    checkpoint: CheckpointInfo
    world: World
    run: ShownRun
    link: str
    edit: Edit
    made: EditOutcome
    rings: RingsResult
    sites: SitesResult
    tracings: Sequence[Tracing]
    memory: KeysValues
    checkpoints: Sequence[CheckpointInfo]


class _Figures(dict[str, Any]):
    """Figures by id, as they are put into the body."""

    def card(
        self, ident: str, title: Node, over: Node, figure: Any, className: str, after: Node = None, **more: Any
    ) -> Node:
        self[ident] = figure
        caption = html.Figcaption(
            html.Div([html.H3(title, className="figure-title"), html.P(over, className="figure-over")])
        )
        graph = html.Div(id=ident, className="graph", **more)
        below = html.P(after, className="after-words") if isinstance(after, str) else after
        return html.Figure([caption, graph, below], className=f"figure-card {className}")


def compose(shown: Reproduced, cited: Cited, now: datetime) -> str:
    figures = _Figures()
    single, sequence = shown.run.single, shown.run.sequence
    title = f"The paper’s experiments on {shown.checkpoint.title}"
    lead = [
        "Does editing one fact really shatter what a model knows of others? The experiments of ",
        html.Cite("Representation Shattering in Transformers"),
        " (Nishi et al., ICML 2025), run on our own model. ",
        *either(
            "Each of our numbers stands beside the paper’s.",
            "Its numbers are of rings, so none stands beside ours here.",
        ),
    ]
    body = html.Main(
        [
            header(title, lead),
            html.Dl(sentences.provenance(shown.run.reports, not shown.view.jobs), className="provenance"),
            *(_beside(shown.view, single, shown.run.findings, figures) if single else []),
            *(_sequences(sequence, figures, shown.view.site) if sequence else []),
            _rings(shown, figures),
            *_inside(shown, figures),
            comes_from(_provenance(shown), now, shown.link, cited.spec),
            to_cite(cited, "The same run again, from the terminal:"),
        ],
        className="file reproduce",
        **{"data-world": "rings" if shown.world.rings else "other"},
    )
    return document(title, body, figures, SHEETS)


def _block(title: Node, *content: Node) -> Node:
    heading = html.Div(html.H2(title), className="heading")
    return html.Section([heading, *content], className="block")


def _table(title: str, over: Node, table: Node) -> Node:
    caption = html.Figcaption(html.Div([html.H3(title), html.P(over, className="figure-over")]))
    return html.Figure([caption, table], className="figure-card table-card")


def _beside(view: RunView, report: Report, findings: str, figures: _Figures) -> list[Node]:
    method, measure = view.method, view.measure
    site = tables.site_of(report, view.site)
    chosen = tables.shown_presets(report, method, view.preset)
    why = html.Details(
        [
            html.Summary("Why our numbers differ"),
            html.Div(Written(words.unbroken(html_of(findings))), className="findings"),
        ],
        open=True,
    )
    kinds = tables.kinds(report.methods)
    over = "Mean ± one standard deviation over the same edits."
    return [
        *_opening(view, report, figures),
        _block(
            [*either("Our numbers beside the paper’s", "Accuracy, and R by distance"), f": {theme.method_name(method)}"],
            html.Div(sentences.agreement(report, method, chosen, site, measure), className="agreement"),
            _table(sentences.ACCURACY[measure], OVER, tables.accuracy_table(report, method, view.preset, measure)),
            _table("Shattering R, by distance", sentences.shattering_over(site), tables.shattering_table(report, method, view.preset, site)),
            why if findings and not view.jobs else None,
        ),
        _block("Damage follows shattering", html.Div([_fit(fit, figures, measure) for fit in report.fits if fit.method == method and fit.preset in chosen and fit.site == site], className="pair")),
        _block("The methods side by side", *(_table(f"{tables.kind_name(which)}", f"{tables.kind_explained(which)} {over}", tables.methods_table(report, which, site, measure)) for which in kinds)),
    ]  # fmt: skip


def _opening(view: RunView, report: Report, figures: _Figures) -> list[Node]:
    """As the page: the paper's table by token, what each token explains, and whether the edits are one group or two."""
    site, measure = tables.site_of(report, view.site), view.measure
    fits = [fit for fit in report.fits if fit.method == METHOD and fit.site == site]
    look = "Counts of single edits by ROME, those that took apart."
    return [
        _block(
            either("The paper’s numbers, and ours by token", "ROME’s edits by token"),
            _table("ROME, edits of one fact each", sentences.opening_over(report, site, measure), opening.opening_table(report, site, measure))
            if any(cell.method == METHOD for cell in report.methods)
            else None,
            html.H3("What each token explains, and what neither does", className="explained-title of-rings"),
            html.Div(opening.explained(report, site, measure), className="explained of-rings"),
        ),
        _block(
            "One group of edits, or two?",
            html.Div(opening.groups_words(report, site, measure), className="agreement"),
            figures.card("groups-r", "R, by preset and kind of edit", look, histograms(fits, opening.splits_of(report, "shattering", site), "shattering"), "groups"),
            figures.card("groups-change", "Change of direct recall, by preset and kind of edit", look, histograms(fits, opening.splits_of(report, measure, None), "change", measure), "groups"),
        ),
    ]  # fmt: skip


def _fit(fit: FitInfo, figures: _Figures, measure: Measure) -> Node:
    over = f"{len(fit.points)} single edits by {theme.method_name(fit.method)} with {words.settings(fit.preset)}; the line is least squares."
    numbers = html.Div(
        sentences.r2(fit, measure),
        className="r2",
        **{"data-value": repr(sentences.line_of(fit, measure).r2), "data-n": str(len(fit.points))},
    )
    after = html.Div([numbers, html.P(sentences.fit_words(fit, measure=measure))], className="r2-row")
    return figures.card(
        f"fit-{fit.preset}", "R against the change of direct recall", over, fit_figure(fit, measure), "fit", after
    )


def _sequences(report: Report, figures: _Figures, site: str) -> list[Node]:
    curves = report.sequences
    over = sentences.sequences_over(report, curves)
    names = [(task, tables.TASKS[task][0]) for task in TASKS]
    shown = [
        figures.card(f"sequences-{task}", f"Where each method collapses: {name}", over, sequence_figure(curves, task, tables.site_of(report, site)), "sequences wide")
        for task, name in names
    ]  # fmt: skip
    return [_block("Many edits, one after another", html.P(sentences.collapse_words(curves)), *shown)]


def _rings(shown: Reproduced, figures: _Figures) -> Node:
    edit, made = shown.edit, shown.made
    title = sentences.rings_title(edit, made, shown.world)
    over = sentences.rings_over(made, shown.rings.entities, shown.world)
    figure = rings_figure(shown.rings, edit.relation, None, shown.world.pictures)
    shape = aspect([picture.relation for picture in shown.rings.pictures], shown.world.pictures)
    told = [
        part if isinstance(part, str) else part.children
        for part in sentences.rings_words(shown.rings, shown.checkpoints, shown.world)
    ]
    return _block(
        "All relations, before and after one edit",
        figures.card("rings", title, over, figure, "rings wide", "".join(told), style={"--aspect": f"{shape:.3f}"}),
        _table(
            "R of this edit, by site",
            "Where R is read decides its size.",
            tables.sites_table(shown.sites, shown.checkpoint, edit, shown.world),
        ),
    )


def _inside(shown: Reproduced, figures: _Figures) -> list[Node]:
    traced = [
        figures.card(
            f"tracing-{item.corrupted}",
            f"With another {item.corrupted}",
            sentences.tracing_over(item),
            tracing_figure(item),
            "tracing",
            sentences.tracing_words(item),
        )
        for item in shown.tracings
    ]
    memory = shown.memory
    title = f"Keys and values: {memory.relation}, layer {memory.layer}"
    return [
        _block("What decides the answer, in the unedited model", html.Div(traced, className="pair")),
        _block(
            "The edited MLP as a memory",
            figures.card(
                "memory",
                title,
                sentences.memory_words(memory),
                memory_figure(memory, shown.world.drawn(memory.relation, memory.entities, memory.order_position)),
                "memory wide",
            ),
        ),
    ]


def _provenance(shown: Reproduced) -> dict[str, Node]:
    rows = {"checkpoint": f"{shown.checkpoint.id}, weights sha256 {shown.checkpoint.sha256}"}
    for report in shown.run.reports:
        told = report.provenance
        part = "sequences" if report.sequences else "single edits"
        rows[part] = (
            f"sweep {', '.join(told.sweeps)} on weights sha256 {told.checkpoint_sha256}: {told.rows} of {told.total} rows, seed {told.seed}, "
            f"edits per cell: {sentences.sizes(told)}; {told.queries} queries behind {words.plural(told.contexts, 'random context')} each"
        )
    return rows
