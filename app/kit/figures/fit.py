"""R against the change of direct recall, one point an edit, with the fitted line."""

from __future__ import annotations

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.plain import Figure, axis, layout, note, nothing
from shatterscope.wire.reproduction import FitInfo, FitPoint, Line, Measure
from shatterscope.wire.sweeps import LAST

Group = tuple[str, int]


def group_name(group: Group) -> str:
    return "corrective" if group[0] == "corrective" else f"d = {group[1]}"


def groups(points: list[FitPoint]) -> list[Group]:
    """The kinds of edit there are: counterfactual by distance, then corrective."""
    return sorted({(point.kind, point.distance) for point in points}, key=lambda each: (each[0] == "corrective", each))


def fit_figure(fit: FitInfo | None, measure: Measure = "argmax") -> Figure:
    if fit is None or not fit.points:
        return nothing("No edit has been measured yet.")
    line: Line = fit if measure == "argmax" else fit.probability
    what = "direct recall" if measure == "argmax" else "mean probability of the truth"
    found = groups(fit.points)
    data = []
    for index, group in enumerate(found):
        members = [point for point in fit.points if (point.kind, point.distance) == group]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": group_name(group), "showlegend": True,
                "x": [point.shattering for point in members],
                "y": [point.change if measure == "argmax" else point.probability for point in members],
                "customdata": [point.index for point in members],
                "marker": {
                    "color": theme.step_color(index, len(found)), "size": 7, "opacity": 0.75,
                    "symbol": "diamond" if group[0] == "corrective" else "circle", "line": {"width": 0},
                },
                "meta": {"columns": {"x": "R", "y": f"change_of_{what.replace(' ', '_')}", "customdata": ["row"]}},
                "hovertemplate": f"{group_name(group)}, row %{{customdata}}<br>R %{{x:.3f}}, {what} %{{y:+.1%}}<extra></extra>",
            }
        )  # fmt: skip
    annotations = []
    if line.slope is not None and line.intercept is not None:
        ends = [min(point.shattering for point in fit.points), max(point.shattering for point in fit.points)]
        data.append(
            {
                "type": "scatter", "mode": "lines", "x": ends, "y": [line.intercept + line.slope * x for x in ends],
                "line": {"color": theme.NEUTRAL, "width": 2}, "hoverinfo": "skip", "name": "least squares", "showlegend": False, "meta": {"csv": False},
            }
        )  # fmt: skip
        if line.r2 is not None:
            annotations = [note(f"r² = {line.r2:.3f}", 0.99, 0.98, xanchor="right", yanchor="top")]
    return {
        "data": data,
        "layout": layout(
            left=58,
            top=46,
            xaxis=axis(
                "R, mean over the sub-graphs" if fit.site == LAST else f"R at {fit.site}, mean over the sub-graphs",
                rangemode="tozero",
            ),
            yaxis=axis(f"change of {what}", tickformat=".1~%"),
            showlegend=True,
            legend={
                "orientation": "h",
                "x": -0.13,
                "y": 1.02,
                "yanchor": "bottom",
                "font": {"size": 11},
                "itemclick": False,
            },
            annotations=annotations,
        ),
    }
