"""What all two-dimensional figures share. Text and grid lines take their colours from the style sheet; on export they are these."""

from __future__ import annotations

from typing import Any

Figure = dict[str, Any]

CLEAR = "rgba(0,0,0,0)"
SOFT, LINE = "#5d6168", "#d9d9d4"


def layout(*, left: int = 52, right: int = 14, top: int = 14, bottom: int = 44, **more: Any) -> Figure:
    """Margins in pixels; `more` goes in as it is."""
    return {
        "autosize": True,
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": "Inter, system-ui, sans-serif", "size": 12, "color": SOFT},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#22252b", "bordercolor": "#22252b", "font": {"color": "#fff", "size": 12}},
        "dragmode": False,
        "showlegend": False,
        "uirevision": "kept",
        **more,
    }


def axis(title: str = "", **more: Any) -> Figure:
    """An axis that does not zoom, with faint grid lines."""
    return {
        "title": {"text": title, "font": {"size": 12}, "standoff": 8},
        "fixedrange": True,
        "gridcolor": LINE,
        "zeroline": False,
        "nticks": 6,
        "tickfont": {"size": 11},
        **more,
    }


def note(text: str, x: float, y: float, **more: Any) -> Figure:
    """Text at a place; in the coordinates of the paper (0 to 1) unless `more` names axes."""
    return {
        "text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False, "xanchor": "left", "yanchor": "bottom",
        "borderpad": 0, "font": {"size": 12}, **more,
    }  # fmt: skip


def nothing(text: str) -> Figure:
    """No figure yet, and why."""
    hidden = {"visible": False, "range": [0, 1], "fixedrange": True}
    words = note(text, 0.5, 0.5, xanchor="center", yanchor="middle")
    return {"data": [], "layout": layout(xaxis=hidden, yaxis=hidden, annotations=[words])}
