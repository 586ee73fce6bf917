"""Efficacy against shattering, a point a method and preset, with the Pareto front: of these, none shatters less and writes at least as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.plain import Figure, axis, layout, nothing
from shatterscope.wire.league import Mean

LEAST = 1e-6
"""R below this is drawn here: a logarithmic axis has no 0."""
FEW_DECADES = 2.5


@dataclass(frozen=True)
class FrontPoint:
    """One point. `R` is to be small, `efficacy` large."""

    method: str
    preset: str
    R: Mean
    efficacy: Mean

    @property
    def name(self) -> str:
        return f"{theme.method_name(self.method)} {self.preset}"


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of the points (cost, gain) are on the front, from the cheapest on: those that no other point is at least as good as in both and better in one. Of
    equal points all are."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    found: list[int] = []
    for i in order:
        cost, gain = points[i]
        if not found or gain > points[found[-1]][1] or points[found[-1]] == (cost, gain):
            found.append(i)
    return found


def front_figure(entries: Sequence[FrontPoint], efficacy: str) -> Figure:
    """`efficacy`: what the vertical axis is called. Names stand above and left of their points, where by definition of the front there are no others."""
    if not entries:
        return nothing("No edit of these methods takes.")
    at = [(max(entry.R.value, LEAST), entry.efficacy.value) for entry in entries]
    best = front(at)
    ends = [entry.R.value if end is None else end for entry in entries for end in (entry.R.low, entry.R.high)]
    left, right = (math.log10(max(LEAST, end)) for end in (min(ends), max(ends)))
    wide = max(right - left, 1.0)
    shown = (left - 0.15 * wide, right + 0.05 * wide)
    # Presets of several methods may be the same edit: their names stand once, beside each other.
    alike = {at[i]: [j for j in best if at[j] == at[i]] for i in best}
    named = {group[0]: ", ".join(entries[j].name for j in group) for group in alike.values()}
    data: list[Figure] = [
        {
            "type": "scatter", "mode": "lines", "x": [at[i][0] for i in best], "y": [at[i][1] for i in best], "name": "Pareto front",
            "line": {"color": theme.NEUTRAL, "width": 1.5, "dash": "dot", "shape": "hv"}, "hoverinfo": "skip", "meta": {"csv": False},
        }
    ]  # fmt: skip
    for method in dict.fromkeys(entry.method for entry in entries):
        own = [i for i, entry in enumerate(entries) if entry.method == method]
        symbol = theme.method_symbol(method)
        data.append(
            {
                "type": "scatter", "mode": "markers+text", "name": theme.method_name(method),
                "x": [at[i][0] for i in own], "y": [at[i][1] for i in own],
                "error_x": _bars([entries[i].R for i in own], theme.faint(theme.method_color(method))),
                "text": [named.get(i, "") for i in own], "textfont": {"size": 11},
                "textposition": ["top center" if i == best[0] else "top left" for i in own],
                "customdata": [[entries[i].preset, _told(entries[i].R), _told(entries[i].efficacy)] for i in own],
                "marker": {
                    "color": theme.method_color(method), "size": 10, "line": {"width": [2 if i in best else 0.5 for i in own]},
                    "symbol": [symbol if entries[i].preset.endswith("tuned") else f"{symbol}-open" for i in own],
                },
                "meta": {"columns": {"x": "R", "y": efficacy.replace(" ", "_"), "customdata": ["preset", "R_told", "efficacy_told"]}},
                "hovertemplate": f"{theme.method_name(method)} %{{customdata[0]}}<br>R %{{customdata[1]}}<br>{efficacy} %{{customdata[2]}}<extra></extra>",
            }
        )  # fmt: skip
    return {
        "data": data,
        "layout": layout(
            left=58,
            bottom=96,
            top=20,
            xaxis=axis(
                "R of the edited part (logarithmic): less is better",
                type="log",
                range=list(shown),
                **_ticks(*shown),
            ),
            yaxis=axis(efficacy, tickformat=".0%", range=[-0.04, 1.09]),
            showlegend=True,
            legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "font": {"size": 11}, "itemclick": False},
        ),
    }


def _ticks(low: float, high: float) -> Figure:
    """Ticks from 10^low to 10^high: at powers of ten, and where these are few also between them."""
    few = high - low < FEW_DECADES
    found = [
        (digit * 10.0**power, power)
        for power in range(math.floor(low), math.ceil(high) + 1)
        for digit in ((1, 2, 5) if few else (1,))
        if low <= math.log10(digit) + power <= high
    ]
    texts = [
        f"{value:.{max(0, -power)}f}" if few else f"10<sup>{power}</sup>".replace("-", "−") for value, power in found
    ]
    return {"tickvals": [value for value, _ in found], "ticktext": texts}


def _bars(means: Sequence[Mean], color: str) -> Figure:
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 0.7, "width": 0,
        "array": [max(0.0, (mean.high if mean.high is not None else mean.value) - mean.value) for mean in means],
        "arrayminus": [max(0.0, mean.value - max(LEAST, mean.low if mean.low is not None else mean.value)) for mean in means],
    }  # fmt: skip


def _told(mean: Mean) -> str:
    between = "" if mean.low is None or mean.high is None else f" ({mean.low:.2g} to {mean.high:.2g})"
    return f"{mean.value:.3g}{between}, {mean.n} edits"
