"""Tables and figures that are computed from rows: of the shipped run, or of one that may still be running."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from app import ids, theme, words
from app.client import ApiError, Client
from app.figures.fit import fit_figure
from app.figures.sequences import sequence_figure
from app.reproduce import names, sentences, tables
from app.reproduce.runs import Shown, shown
from app.reproduce.state import BOTH
from backend.reproduction_schemas import Report

Json = dict[str, Any]
NOTHING = tables.empty("Nothing has been run on this checkpoint yet.")


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "provenance": Output(names.PROVENANCE, "children"),
            "rows": Output(names.ROWS, "children"),
            "going": Output(names.GOING, "children"),
            "no_run": Output(names.NO_RUN, "children"),
            "run_label": Output(ids.REPRODUCE_RUN, "children"),
            "no_way_back": Output(names.SHIPPED, "hidden"),
            "methods": Output(names.METHOD, "options"),
            "presets": Output(names.PRESET, "options"),
            "accuracy": Output(names.ACCURACY, "children"),
            "shattering": Output(names.SHATTERING, "children"),
            "agreement": Output(names.AGREEMENT, "children"),
            "findings": Output(names.FINDINGS, "children"),
            "no_findings": Output(names.FINDINGS_FOLD, "hidden"),
            "fit": Output(names.FIT, "figure"),
            "fit_over": Output(names.FIT_OVER, "children"),
            "r2": Output(ids.REPRODUCE_R2, "children"),
            "r2_value": Output(ids.REPRODUCE_R2, "data-value"),
            "r2_n": Output(ids.REPRODUCE_R2, "data-n"),
            "r2_words": Output(names.R2_WORDS, "children"),
            "opened": Output(names.OPENED, "data"),
            "problem": Output(ids.PROBLEM_PAGE, "children", allow_duplicate=True),
        },
        inputs={
            "run": Input(names.RUN, "data"),
            "tick": Input(names.TICK, "data"),
            "method": Input(names.METHOD, "value"),
            "preset": Input(names.PRESET, "value"),
            "opened": State(names.OPENED, "data"),
        },
        prevent_initial_call=True,
    )
    async def beside(run: Json | None, tick: Any, method: str, preset: str, opened: str | None) -> Any:
        if run is None:
            raise PreventUpdate
        opening = no_update if opened == run["checkpoint"] else run["checkpoint"]
        try:
            found = await shown(client, run)
        except ApiError as error:
            return {
                **dict.fromkeys(KEYS, no_update),
                "opened": opening,
                "problem": f"The tables could not be made: {error.message}",
            }
        return {
            **_head(found, run, client.address),
            **_tables(found.single, method, preset),
            "opened": opening,
            "problem": _lost(found),
        }

    @app.callback(
        Output(names.METHODS, "children"),
        Output(names.KIND, "options"),
        Output(names.KIND, "value"),
        Input(names.RUN, "data"),
        Input(names.TICK, "data"),
        Input(names.KIND, "value"),
        prevent_initial_call=True,
    )
    async def methods(run: Json | None, tick: Any, chosen: str | None) -> Any:
        report = await _quietly(client, run, "single")
        kinds = tables.kinds(report.methods) if report else []
        if report is None or not kinds:
            return NOTHING, [], None
        names_of = [tables.kind_name(which) for which in kinds]
        value = chosen if chosen in names_of else names_of[-1]
        which = kinds[names_of.index(value)]
        offered = [
            {"value": name, "label": name, "title": tables.kind_explained(each)}
            for name, each in zip(names_of, kinds, strict=True)
        ]
        return tables.methods_table(report, which), offered, value

    @app.callback(
        Output(names.SEQUENCES, "figure"),
        Output(names.SEQUENCES_OVER, "children"),
        Output(names.SEQUENCES_WORDS, "children"),
        Input(names.RUN, "data"),
        Input(names.TICK, "data"),
        Input(names.TASK, "value"),
        prevent_initial_call=True,
    )
    async def sequences(run: Json | None, tick: Any, task: Any) -> Any:
        report = await _quietly(client, run, "sequence")
        curves = report.sequences if report else []
        return sequence_figure(curves, task), sentences.sequences_over(report, curves), sentences.collapse_words(curves)


async def _quietly(client: Client, run: Json | None, part: str) -> Report | None:
    """The report; what went wrong is said once, by the tables."""
    if run is None:
        raise PreventUpdate
    try:
        report: Report | None = getattr(await shown(client, run), part)
        return report
    except ApiError:
        raise PreventUpdate from None


KEYS = (
    "provenance", "rows", "going", "no_run", "run_label", "no_way_back", "methods", "presets", "accuracy", "shattering", "agreement", "findings",
    "no_findings", "fit", "fit_over", "r2", "r2_value", "r2_n", "r2_words",
)  # fmt: skip


def _lost(found: Shown) -> str:
    if not found.lost:
        return ""
    return f"The run of this link ({', '.join(found.lost)}) is not known on this server any more. Run it again, or go to the shipped run."


def _head(found: Shown, run: Json, address: str) -> Json:
    nothing = not found.reports and not run["jobs"]
    return {
        "provenance": sentences.provenance(found.reports, not run["jobs"]) if found.reports else "",
        "going": sentences.going_on(run["checkpoint"], found.going),
        "rows": sentences.rows_links(address, found.reports, not run["jobs"]),
        "no_run": f"No run ships with {run['checkpoint']}. Run it here: the tables fill in as rows are finished."
        if nothing
        else "",
        "run_label": "Run" if nothing else "Run again",
        "no_way_back": not run["jobs"] or not found.shipped,
        "findings": words.unbroken(found.findings),
        "no_findings": not found.findings,
    }


def _tables(report: Report | None, method: str, preset: str) -> Json:
    if report is None or not report.methods:
        waiting = tables.empty("The first rows are being computed.") if report else NOTHING
        return {
            "methods": no_update, "presets": no_update, "accuracy": waiting, "shattering": waiting, "agreement": "", "fit": fit_figure(None),
            "fit_over": "", "r2": "–", "r2_value": "", "r2_n": "0", "r2_words": "",
        }  # fmt: skip
    measured = list(dict.fromkeys(cell.method for cell in report.methods))
    chosen = tables.shown_presets(report, method, preset)
    offered = tables.presets(report, method)
    fit = next(
        (each for each in report.fits if (each.method, each.preset) == (method, chosen[0] if chosen else "")), None
    )
    return {
        "methods": [{"value": name, "label": theme.method_name(name)} for name in measured],
        "presets": [{"value": BOTH, "label": "both"}, *({"value": name, "label": name} for name in offered)],
        "accuracy": tables.accuracy_table(report, method, preset),
        "shattering": tables.shattering_table(report, method, preset),
        "agreement": sentences.agreement(report, method, chosen),
        "fit": fit_figure(fit),
        "fit_over": f"{len(fit.points)} single edits by {theme.method_name(method)} with {words.settings(fit.preset)}; the line is least squares." if fit else "",
        "r2": sentences.r2(fit),
        "r2_value": repr(fit.r2) if fit and fit.r2 is not None else "",
        "r2_n": str(len(fit.points)) if fit else "0",
        "r2_words": sentences.fit_words(fit, [each for each in report.fits if each.method == method and each is not fit]),
    }  # fmt: skip
