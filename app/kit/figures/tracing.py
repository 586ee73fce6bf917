"""Causal tracing as a grid: which site, at which position of the prompt, brings the right answer back."""

from __future__ import annotations

from shatterscope.app.kit.figures.plain import Figure, axis, layout
from shatterscope.wire.reproduction import Tracing

# Cells run from clear to this blue, so that they suit a light and a dark page; on the strongest of them white is what can be read.
BLUE = "30,95,160"
STRONG = 0.7


def tracing_figure(tracing: Tracing) -> Figure:
    """Sites from bottom (read first) to top, positions from left to right; the share recovered is written in every cell."""
    sites, positions = tracing.sites, tracing.positions
    cells = [(row, column) for row in range(len(sites)) for column in range(len(positions))]

    def strength(row: int, column: int) -> float:
        return min(max(tracing.recovery[row][column], 0.0), 1.0)

    shapes = [
        {
            "type": "rect", "x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.46, "y1": row + 0.46, "layer": "below",
            "fillcolor": f"rgba({BLUE},{0.05 + 0.95 * strength(row, column):.3f})", "line": {"width": 0},
        }
        for row, column in cells
    ]  # fmt: skip

    def texts(strong: bool) -> Figure:
        chosen = [cell for cell in cells if (strength(*cell) > STRONG) == strong]
        return {
            "type": "scatter", "mode": "text", "name": f"another {tracing.corrupted}", "showlegend": False,
            "x": [column for _, column in chosen],
            "y": [row for row, _ in chosen],
            "text": [_share(tracing.recovery[row][column]) for row, column in chosen],
            "customdata": [
                [positions[column], sites[row], tracing.recovery[row][column], tracing.standard_error[row][column]]
                for row, column in chosen
            ],
            "meta": {"columns": {"customdata": ["position", "site", "recovery", "standard_error"]}},
            "textfont": {"size": 12, **({"color": "#ffffff"} if strong else {})},
            "hovertemplate": (
                "%{customdata[1]} at “%{customdata[0]}”<br>brings back %{customdata[2]:.1%} ± %{customdata[3]:.1%} of the answer"
                "<extra></extra>"
            ),
        }  # fmt: skip

    names: Figure = {"showgrid": False, "ticks": ""}
    return {
        "data": [texts(strong=False), texts(strong=True)],
        "layout": layout(
            left=84,
            right=6,
            top=6,
            bottom=38,
            shapes=shapes,
            hoverdistance=60,
            xaxis=axis(
                **names,
                tickvals=list(range(len(positions))),
                ticktext=[name.replace(" ", "<br>") for name in positions],
                tickangle=0,
                range=[-0.5, len(positions) - 0.5],
            ),
            yaxis=axis(**names, tickvals=list(range(len(sites))), ticktext=sites, range=[-0.5, len(sites) - 0.5]),
        ),
    }


def _share(value: float) -> str:
    shown = f"{100 * abs(value):.0f}"
    return f"{'−' if value < 0 and shown != '0' else ''}{shown} %"
