"""What was foreseen of each entity against what it did, a dot each on logarithmic axes: a small drawing that any markup can hold.

It is an image of its own, which no style sheet reaches: its greys suit the light and the dark page.
"""

from __future__ import annotations

from base64 import b64encode
from math import ceil, floor, log10

import numpy as np

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import FloatArray

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 8, 40
LOWEST = 1e-3  # of the largest: all below are drawn there
DOT = 2.2


def prediction_image(overlap: FloatArray, displacement: FloatArray, edited: int | None = None) -> str:
    """The address of the image (`data:`). Both (n,); `edited`: the row of the edited entity."""
    x, ticks_x = _axis(overlap, LEFT, WIDTH - RIGHT)
    y, ticks_y = _axis(displacement, HEIGHT - BOTTOM, TOP)
    half = DOT / 2
    dots = "".join(
        f"M{a - half:.1f} {b - half:.1f}h{DOT}v{DOT}h-{DOT}z" for a, b in zip(x.tolist(), y.tolist(), strict=True)
    )
    grid = [f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>' for at, _ in ticks_x]
    grid += [f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>' for at, _ in ticks_y]
    labels = [
        f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{text}</text>' for at, text in ticks_x
    ]
    labels += [f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>' for at, text in ticks_y]
    middle, center = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    labels.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">predicted: overlap of keys</text>')
    labels.append(f'<text transform="translate(12 {center}) rotate(-90)" text-anchor="middle">actual: moved by</text>')
    own = ""
    if edited is not None:
        own = f'<circle cx="{x[edited]:.1f}" cy="{y[edited]:.1f}" r="4.5" fill="{theme.ACCENT}"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="Inter, system-ui, sans-serif" font-size="11" fill="{theme.NEUTRAL}">'
        f'<g stroke="{theme.NEUTRAL}" stroke-opacity=".25">{"".join(grid)}</g>{"".join(labels)}'
        f'<path d="{dots}" fill="{theme.sequential_color(0.35)}" fill-opacity=".75"/>{own}</svg>'
    )
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _axis(values: FloatArray, start: float, end: float) -> tuple[FloatArray, list[tuple[float, str]]]:
    """Where each value stands between `start` and `end`, and powers of ten with their names."""
    largest = float(values.max(initial=0)) or 1.0
    shown = np.log10(np.maximum(values, LOWEST * largest))
    low, high = float(shown.min(initial=log10(largest))), log10(largest)
    low, high = low - 0.05, high + 0.08

    def at(exponent: float | FloatArray) -> float | FloatArray:
        return start + (exponent - low) / (high - low) * (end - start)

    ticks = []
    for power in range(floor(low), ceil(high) + 1):
        for digit in (1, 3):
            exponent = power + log10(digit)
            if low <= exponent <= high:
                ticks.append((float(at(exponent)), f"{digit * 10.0**power:g}"))
    return np.asarray(at(shown)), ticks
