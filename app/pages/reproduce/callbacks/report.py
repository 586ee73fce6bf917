"""Tables and figures that are computed from rows: of the shipped run, or of one that may still be running."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, theme, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figures.fit import fit_figure
from shatterscope.app.kit.figures.histograms import histograms
from shatterscope.app.kit.figures.sequences import sequence_figure
from shatterscope.app.pages.reproduce import names, opening, sentences, tables
from shatterscope.app.pages.reproduce.runs import ShownRun, shown
from shatterscope.app.pages.reproduce.state import METHOD
from shatterscope.wire.reproduction import Measure, Report
from shatterscope.wire.sweeps import LAST

Json = dict[str, Any]
NOTHING = tables.empty("Nothing has been run on this checkpoint yet.")


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "provenance": Output(names.PROVENANCE, "children"),
            "rows": Output(names.ROWS, "children"),
            "going": Output(names.GOING, "children"),
            "no_run": Output(names.NO_RUN, "children"),
            "world": Output(names.PAGE, "data-world"),
            "run_label": Output(ids.REPRODUCE_RUN, "children"),
            "no_way_back": Output(names.SHIPPED, "hidden"),
            "methods": Output(names.METHOD, "options"),
            "presets": Output(names.PRESET, "options"),
            "sites": Output(names.SITE, "options"),
            "opening": Output(names.OPENING, "children"),
            "opening_over": Output(names.OPENING_OVER, "children"),
            "explained": Output(names.EXPLAINED, "children"),
            "groups_R": Output(names.GROUPS_R, "figure"),
            "groups_change": Output(names.GROUPS_CHANGE, "figure"),
            "groups_words": Output(names.GROUPS_WORDS, "children"),
            "accuracy_title": Output(names.ACCURACY_TITLE, "children"),
            "shattering_over": Output(names.SHATTERING_OVER, "children"),
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
            "site": Input(names.SITE, "value"),
            "measure": Input(names.MEASURE, "value"),
            "opened": State(names.OPENED, "data"),
        },
        prevent_initial_call=True,
    )
    async def beside(
        run: Json | None, tick: Any, method: str, preset: str, site: str, measure: Measure, opened: str | None
    ) -> Any:
        if run is None:
            raise PreventUpdate
        opening = no_update if opened == run["checkpoint"] else run["checkpoint"]
        try:
            found = await shown(client, run)
            rings = (await client.world(run["checkpoint"])).rings
        except ApiError as error:
            return {
                **dict.fromkeys(KEYS, no_update),
                "opened": opening,
                "problem": f"The tables could not be made: {error.message}",
            }
        return {
            **_head(found, run, client.address, rings),
            **_tables(found.single, method, preset, site, measure),
            **_opening(found.single, site, measure),
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
        Input(names.SITE, "value"),
        Input(names.MEASURE, "value"),
        prevent_initial_call=True,
    )
    async def methods(run: Json | None, tick: Any, chosen: str | None, site: str, measure: Measure) -> Any:
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
        return tables.methods_table(report, which, site, measure), offered, value

    @app.callback(
        Output(names.SEQUENCES, "figure"),
        Output(names.SEQUENCES_OVER, "children"),
        Output(names.SEQUENCES_WORDS, "children"),
        Input(names.RUN, "data"),
        Input(names.TICK, "data"),
        Input(names.TASK, "value"),
        Input(names.SITE, "value"),
        prevent_initial_call=True,
    )
    async def sequences(run: Json | None, tick: Any, task: Any, site: str) -> Any:
        report = await _quietly(client, run, "sequence")
        curves = report.sequences if report else []
        at = tables.site_of(report, site) if report else site
        return (
            sequence_figure(curves, task, at),
            sentences.sequences_over(report, curves),
            sentences.collapse_words(curves),
        )


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
    "sites", "opening", "opening_over", "explained", "groups_R", "groups_change", "groups_words", "accuracy_title", "shattering_over",
    "provenance", "rows", "going", "no_run", "run_label", "no_way_back", "methods", "presets", "accuracy", "shattering", "agreement", "findings",
    "no_findings", "fit", "fit_over", "r2", "r2_value", "r2_n", "r2_words", "world",
)  # fmt: skip


def _lost(found: ShownRun) -> str:
    if not found.lost:
        return ""
    return f"The run of this link ({', '.join(found.lost)}) is not known on this server any more. Run it again, or go to the shipped run."


def _head(found: ShownRun, run: Json, address: str, rings: bool) -> Json:
    nothing = not found.reports and not run["jobs"]
    told = ""
    if nothing:
        told = f"No run ships with {run['checkpoint']}. Run it here: the tables fill in as rows are finished."
    return {
        "provenance": sentences.provenance(found.reports, not run["jobs"]) if found.reports else "",
        "going": sentences.going_on(run["checkpoint"], found.going),
        "rows": sentences.rows_links(address, found.reports, not run["jobs"]),
        "no_run": told,
        "world": "rings" if rings else "other",
        "run_label": "Run" if nothing else "Run again",
        "no_way_back": not run["jobs"] or not found.shipped,
        "findings": words.unbroken(found.findings),
        "no_findings": not found.findings,
    }


def _opening(report: Report | None, site: str, measure: Measure) -> Json:
    if report is None or not report.methods:
        waiting = tables.empty("The first rows are being computed.") if report else NOTHING
        blank = histograms([], [], "shattering")
        return {
            "sites": no_update, "opening": waiting, "opening_over": "", "explained": "", "groups_R": blank, "groups_change": blank,
            "groups_words": "",
        }  # fmt: skip
    at = tables.site_of(report, site)
    fits = [fit for fit in report.fits if fit.method == METHOD and fit.site == at]
    first, *others = report.sites
    offered = [{"value": LAST, "label": tables.site_name(first)}, *({"value": s, "label": s} for s in others)]
    return {
        "sites": offered,
        "opening": opening.opening_table(report, site, measure),
        "opening_over": sentences.opening_over(report, at, measure),
        "explained": opening.explained(report, site, measure),
        "groups_R": histograms(fits, opening.splits_of(report, "shattering", at), "shattering"),
        "groups_change": histograms(fits, opening.splits_of(report, measure, None), "change", measure),
        "groups_words": opening.groups_words(report, site, measure),
    }


def _tables(report: Report | None, method: str, preset: str, site: str, measure: Measure) -> Json:
    if report is None or not report.methods:
        waiting = tables.empty("The first rows are being computed.") if report else NOTHING
        return {
            "methods": no_update, "presets": no_update, "accuracy": waiting, "shattering": waiting, "agreement": "", "fit": fit_figure(None),
            "fit_over": "", "r2": "–", "r2_value": "", "r2_n": "0", "r2_words": "", "accuracy_title": no_update, "shattering_over": "",
        }  # fmt: skip
    measured = list(dict.fromkeys(cell.method for cell in report.methods))
    chosen = tables.shown_presets(report, method, preset)
    at = tables.site_of(report, site)
    fits = [each for each in report.fits if each.method == method and each.site == at]
    fit = next((each for each in fits if each.preset == (chosen[0] if chosen else "")), None)
    line = sentences.line_of(fit, measure) if fit else None
    return {
        "methods": [{"value": name, "label": theme.method_name(name)} for name in measured],
        "presets": tables.offered_presets(report, method),
        "accuracy": tables.accuracy_table(report, method, preset, measure),
        "accuracy_title": sentences.ACCURACY[measure],
        "shattering": tables.shattering_table(report, method, preset, site),
        "shattering_over": sentences.shattering_over(at),
        "agreement": sentences.agreement(report, method, chosen, site, measure),
        "fit": fit_figure(fit, measure),
        "fit_over": f"{len(fit.points)} single edits by {theme.method_name(method)} with {words.settings(fit.preset)}; the line is least squares." if fit else "",
        "r2": sentences.r2(fit, measure),
        "r2_value": repr(line.r2) if line and line.r2 is not None else "",
        "r2_n": str(len(fit.points)) if fit else "0",
        "r2_words": sentences.fit_words(fit, [each for each in fits if each is not fit], measure),
    }  # fmt: skip
