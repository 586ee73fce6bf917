"""The Reproduce page's markup, from top to bottom. What the callbacks fill in stands empty here."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.components import Choice, Field, Plain, Select
from shatterscope.app.kit.figure_card import figure_card
from shatterscope.app.kit.figures.plain import nothing
from shatterscope.app.kit.parts import Node, either, labelled, problem
from shatterscope.app.pages.reproduce import names
from shatterscope.app.pages.reproduce.protocol import EDITS
from shatterscope.app.pages.reproduce.state import BOTH, METHOD
from shatterscope.wire.sweeps import LAST

WAITING = nothing("computing …")


def layout() -> list[Node]:
    return [
        dcc.Interval(id=names.POLL, interval=2000, disabled=True),
        dcc.Store(id=names.TOKENS, storage_type="local"),
        html.Main(
            [head(), opening(), groups(), beside(), correlation_and_methods(), sequences(), rings(), inside()],
            className="reproduce",
            id=names.PAGE,
            **{"data-world": "rings"},
        ),
    ]


def head() -> Node:
    sizes = [{"value": n, "label": str(n), "title": f"{n} edits per method, preset and kind of edit"} for n in EDITS]
    parts = [
        {"value": "all", "label": "all"},
        {"value": "single", "label": "single edits", "title": "Without the sequences"},
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H1(either("Reproduce the paper", "The paper’s experiments in another world")),
                    html.P(
                        [
                            "Does editing one fact really shatter what a model knows of others? These are the experiments of ",
                            html.Cite("Representation Shattering in Transformers"),
                            " (Nishi et al., ICML 2025), run on our own model. ",
                            *either("Each of our numbers stands beside the paper’s.", "Its numbers are of rings, so none stands beside ours here."),
                        ],
                        className="lead",
                    ),
                    html.Dl(id=names.PROVENANCE, className="provenance"),
                    html.P(id=names.ROWS, className="rows-links"),
                    html.P(id=names.NO_RUN, className="no-run"),
                    html.P(id=names.GOING, className="no-run"),
                ],
                className="head-words",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            labelled(
                                "edits per cell", Choice(id=names.EDITS, options=sizes, value=EDITS[1], label="edits per cell"),
                                hint="Edits per method, preset and kind of edit. More edits take longer and narrow the spread of the means.",
                            ),
                            labelled("what", Choice(id=names.PARTS, options=parts, value="all", label="what to run")),
                            html.Button("Run again", id=ids.REPRODUCE_RUN, className="run"),
                        ],
                        className="run-row",
                    ),
                    html.P(id=names.ESTIMATE, className="estimate"),
                    progress(),
                    problem(names.PROBLEM_RUN),
                ],
                className="head-run",
            ),
        ],
        className="head card",
    )  # fmt: skip


def progress() -> Node:
    """Filled in by `frontend_assets/reproduce` from server-sent events."""
    bar = html.Div(html.Div(className="done"), className="progress-bar")
    return html.Div(
        [
            html.Div(
                bar, id=ids.REPRODUCE_PROGRESS, role="progressbar",
                **{"aria-label": "progress of the run", "aria-valuemin": "0", "aria-valuemax": "100", "data-state": "none"},
            ),
            html.P("", id=names.PROGRESS_WORDS, className="progress-words", **{"aria-live": "off"}),
            html.Div(
                [
                    html.Button("Pause", id=names.PAUSE, hidden=True),
                    html.Button("Resume", id=names.RESUME, hidden=True),
                    html.Button("Cancel", id=ids.SWEEP_CANCEL, hidden=True, title="Stop; the rows that are finished are kept"),
                    html.Button("Show the shipped run", id=names.SHIPPED, className="quiet", hidden=True),
                ],
                className="run-tools",
            ),
        ],
        id=names.RUNNING,
        className="running",
        hidden=True,
    )  # fmt: skip


def opening() -> Node:
    """The paper's numbers beside ours, by token; and what each token explains."""
    measures = [
        {"value": "argmax", "label": "argmax", "title": "Share of questions whose most probable entity is the truth"},
        {"value": "probability", "label": "mean probability", "title": "Mean probability of the truth"},
    ]
    return html.Section(
        [
            heading(
                either("The paper’s numbers, and ours by token", "ROME’s edits by token"),
                labelled(
                    "R read at", Choice(id=names.SITE, options=[], value=LAST, label="site at which R is read"),
                    hint="Where R is read decides its size. It holds for all tables and figures of single edits and of sequences below; the paper does not name its own site.",
                ),
                labelled(
                    "accuracy by", Choice(id=names.MEASURE, options=measures, value="argmax", label="what an accuracy is"),
                    hint="It holds for all tables and figures of single edits below.",
                ),
            ),
            table_card(names.OPENING, "ROME, edits of one fact each", html.Span(id=names.OPENING_OVER)),
            html.H3("What each token explains, and what neither does", className="explained-title of-rings"),
            html.Div(id=names.EXPLAINED, className="explained of-rings"),
        ],
        className="block opening",
    )  # fmt: skip


def groups() -> Node:
    """Are the edits of a kind a mixture?"""
    return html.Section(
        [
            heading("One group of edits, or two?"),
            html.Div(id=names.GROUPS_WORDS, className="agreement"),
            html.Div(
                [
                    figure_card(names.GROUPS_R, "R, by preset and kind of edit", "Counts of single edits by ROME; one scale of R a row, the last bar with all that lie beyond.", figure=WAITING, className="groups"),
                    figure_card(names.GROUPS_CHANGE, "Change of direct recall, by preset and kind of edit", "The same edits; the share is the variance between the two best parts.", figure=WAITING, className="groups"),
                ],
                className="pair",
            ),
        ],
        className="block",
    )  # fmt: skip


def beside() -> Node:
    """Table 1 and the table of R."""
    return html.Section(
        [
            heading(
                either("Our numbers beside the paper’s", "Accuracy, and R by distance"),
                labelled("method", Choice(id=names.METHOD, options=[], value=METHOD, label="method")),
                labelled(
                    "preset", Choice(id=names.PRESET, options=[{"value": BOTH, "label": "both"}], value=BOTH, label="preset"),
                    hint="Two presets at most stand side by side. paper, reference: the reference implementation's parameters at the relation's and at the subject's token. tuned, reference-tuned: settings of ours.",
                ),
            ),
            html.Div(id=names.AGREEMENT, className="agreement"),
            html.Div(
                [
                    table_card(names.ACCURACY, html.Span("Change of accuracy, in points", id=names.ACCURACY_TITLE), [html.Span("The paper’s Table 1. ", className="of-rings"), "Mean ± one standard deviation over edits (number of edits)."]),
                    table_card(names.SHATTERING, "Shattering R, by distance", html.Span(id=names.SHATTERING_OVER)),
                ],
                id=ids.REPRODUCE_TABLE, className="stacked",
            ),
            html.Details(
                [html.Summary("Why our numbers differ"), dcc.Markdown(id=names.FINDINGS, className="findings", link_target="_blank")],
                id=names.FINDINGS_FOLD, hidden=True,
            ),
        ],
        className="block",
    )  # fmt: skip


def correlation_and_methods() -> Node:
    kind = Choice(id=names.KIND, options=[], value=None, label="kind of edit")
    r2 = html.Div(
        [
            html.Span("–", className="r2-value"), html.Span(className="r2-n"),
        ],
        id=ids.REPRODUCE_R2, className="r2", **{"data-value": "", "data-n": "0"},
    )  # fmt: skip
    words = html.Div([r2, html.P(id=names.R2_WORDS)], className="r2-row")
    return html.Section(
        [
            heading("Damage follows shattering"),
            html.Div(
                [
                    figure_card(
                        names.FIT, "R against the change of direct recall", html.Span(id=names.FIT_OVER), figure=WAITING,
                        explained="One point is one edit, measured alone on the unedited model.", after=words, className="fit",
                    ),
                    table_card(names.METHODS, "The methods side by side", html.Span(["Mean ± one standard deviation over the same edits. ", kind])),
                ],
                className="pair fit-and-methods",
            ),
        ],
        className="block",
    )  # fmt: skip


def sequences() -> Node:
    tasks = [
        {"value": "direct", "label": "direct"}, {"value": "logical", "label": "logical"}, {"value": "compositional", "label": "two steps"},
    ]  # fmt: skip
    return html.Section(
        [
            heading(
                "Many edits, one after another",
                labelled("accuracy of", Choice(id=names.TASK, options=tasks, value="direct", label="accuracy of")),
            ),
            figure_card(
                names.SEQUENCES, "Where each method collapses", html.Span(id=names.SEQUENCES_OVER), figure=WAITING,
                after=html.P(id=names.SEQUENCES_WORDS, className="after-words"), className="sequences wide",
            ),
        ],
        className="block",
    )  # fmt: skip


def rings() -> Node:
    return html.Section(
        [
            heading(
                "All relations, before and after one edit",
                labelled("entity", Field(id=names.SUBJECT, type="number", min=0, step=1, value=0, label="subject of the edit")),
                labelled("relation", Select(id=names.RELATION, options=[], label="relation of the edit")),
                labelled(
                    "distance", Field(id=names.DISTANCE, type="number", step=1, value=1, label="distance of the new object"),
                    hint="Steps from the true to the new, false object.",
                ),
                labelled("method", Select(id=names.RINGS_METHOD, options=[], label="method of the edit")),
            ),
            problem(names.PROBLEM_RINGS),
            html.P(id=names.RINGS_WORDS, className="lead"),
            figure_card(
                names.RINGS, html.Span("Every relation’s representations", id=names.RINGS_TITLE), html.Span(id=names.RINGS_OVER),
                figure=WAITING, className="rings wide", id=ids.REPRODUCE_RINGS,
                explained="Each picture is Isomap in two dimensions, in the colours of Explore. Click one to open it there.",
            ),
            html.Details(
                [html.Summary("R of this edit by site: where it is read decides its size"), problem(names.PROBLEM_SITES), Plain(id=names.SITES)],
                id=names.SITES_FOLD, open=False, **{"data-told": ""},
            ),
        ],
        className="block",
    )  # fmt: skip


def inside() -> Node:
    def trace(graph: str, over: str, words: str, what: str) -> Node:
        after = html.P(id=words, className="after-words")
        return figure_card(
            graph, f"With another {what}", html.Span(id=over), figure=WAITING, after=after, className="tracing"
        )

    return html.Section(
        [
            heading("What decides the answer, in the unedited model"),
            problem(names.PROBLEM_INSIDE),
            html.P(
                "Causal tracing: the model reads one fact, then is asked another, and one part of the question is replaced so that it answers "
                "wrong. Then a single activation of the right run is put back. Each cell says how much of the right answer that brings back.",
                className="lead",
            ),
            html.Div(
                [trace(names.TRACE_SUBJECT, names.TRACE_SUBJECT_OVER, names.TRACE_SUBJECT_WORDS, "subject"), trace(names.TRACE_RELATION, names.TRACE_RELATION_OVER, names.TRACE_RELATION_WORDS, "relation")],
                id=ids.REPRODUCE_TRACING, className="pair",
            ),
            heading(
                "The edited MLP as a memory",
                labelled("relation", Select(id=names.MEMORY_RELATION, options=[], label="relation asked")),
                labelled("layer", Choice(id=names.LAYER, options=[], value=0, label="layer of the MLP")),
            ),
            figure_card(
                names.MEMORY, "Keys and values", html.Span(id=names.MEMORY_OVER), figure=WAITING, className="memory wide",
                explained="A key is the MLP’s hidden activation (after GELU), a value what the MLP adds to the residual stream. Each by its own PCA, in the colours of Explore.",
            ),
        ],
        className="block",
    )  # fmt: skip


def heading(title: Node, *controls: Node) -> Node:
    return html.Div([html.H2(title), html.Div(list(controls), className="controls")], className="heading")


def table_card(ident: str, title: Node, over: Node) -> Node:
    """A table as a figure card: its download is the data it shows."""
    button = html.Button(
        "CSV",
        type="button",
        className="download",
        title="The numbers, unrounded, one row each",
        **{"data-table-csv": "", "aria-label": "download as CSV"},
    )
    caption = html.Figcaption(
        [
            html.Div([html.H3(title, className="figure-title"), html.P(over, className="figure-over")]),
            html.Div(button, className="downloads"),
        ]
    )
    return html.Figure([caption, html.Div(id=ident)], className="figure-card table-card")  # fmt: skip
