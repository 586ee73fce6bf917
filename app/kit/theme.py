"""Colour: one cyclic map for ring position, one accent for the edit, one colour a method. Everything else is in `frontend_assets/style.css`.

The cyclic map is a closed curve in OKLab whose projection on the plane of lightness and blue-yellow is a circle. People with
red-green colour blindness see just that plane, so every position keeps its own colour for them too; the red-green
component only adds colour for the rest. It stays away from red, which means "the edit", and from white and black, so the same
colours serve the light and the dark theme.
"""

from __future__ import annotations

import math
from zlib import crc32

ACCENT = "#e5391c"
ACCENT_DARK = "#8f1d0a"
NEUTRAL = "#8a8f98"
INK = "#5b616b"

STEPS = 48


def _oklab_to_hex(lightness: float, a: float, b: float) -> str:
    """Bjorn Ottosson's OKLab to sRGB, clipped to the gamut."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _gamma(min(max(value, 0.0), 1.0))):02x}" for value in linear)


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def ring_color(turn: float) -> str:
    """The colour at `turn` (a fraction of the way round, 0..1)."""
    angle = 2 * math.pi * turn
    return _oklab_to_hex(
        0.67 + 0.125 * math.sin(angle), -0.105 * math.sin(angle) - 0.005, 0.14 * math.cos(angle) - 0.005
    )


def ring_colorscale() -> list[tuple[float, str]]:
    """For plotly: `STEPS + 1` stops, the last one equal to the first."""
    return [(step / STEPS, ring_color(step / STEPS)) for step in range(STEPS + 1)]


def sequential_color(share: float) -> str:
    """From the first (0, dark blue) to the last (1, light yellow); lightness alone tells the order."""
    angle = math.radians(265 - 165 * share)
    return _oklab_to_hex(0.5 + 0.32 * share, 0.11 * math.cos(angle), 0.11 * math.sin(angle))


def sequential_colorscale() -> list[tuple[float, str]]:
    """For plotly: from little (dark blue) to much (light yellow)."""
    return [(step / 8, sequential_color(step / 8)) for step in range(9)]


def branch_color(branch: int, count: int, within: float) -> str:
    """Each of `count` branches has its hue, from darker (`within` 0) to lighter (1) in it; what belongs to no branch (-1) is grey."""
    if branch < 0:
        return NEUTRAL
    angle = 2 * math.pi * branch / count
    return _oklab_to_hex(
        0.67 + 0.07 * math.sin(angle) + 0.14 * (within - 0.5),
        -0.105 * math.sin(angle) - 0.005,
        0.14 * math.cos(angle) - 0.005,
    )


def faint(color: str) -> str:
    """The same colour, mixed with a grey that both themes bear."""
    channels = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgb({','.join(str(round(0.45 * channel + 0.55 * 150)) for channel in channels)})"


def ring_gradient() -> str:
    """For CSS: position 0 at the top, clockwise."""
    return f"conic-gradient({', '.join(color for _, color in ring_colorscale())})"


# Methods: Okabe and Ito's colours without the one that is near the accent, and more; people with any colour blindness tell them
# apart (tests/test_palette.py), and symbols do so without colour. The same on every page.
METHODS: dict[str, tuple[str, str, str]] = {
    "rome": ("ROME", "#0080c8", "circle"),
    "memit": ("MEMIT", "#e69f00", "square"),
    "pmet": ("PMET", "#009e73", "diamond"),
    "alphaedit": ("AlphaEdit", "#cc79a7", "triangle-up"),
    "emmet": ("EMMET", "#3030f0", "pentagon"),
    "encore": ("ENCORE", "#c0a878", "hexagon2"),
    "betaedit": ("BetaEdit", "#d830c0", "triangle-left"),
    "mose": ("MOSE", "#306048", "hourglass"),
    "lyaplock": ("LyapLock", "#a8c0c0", "bowtie"),
    "ultraedit": ("UltraEdit", "#487830", "triangle-right"),
    "crispedit": ("CrispEdit", "#9000c0", "star-diamond"),
    "ft": ("FT", "#7d838d", "cross"),
    "ft-l": ("FT-L", "#56b4e9", "x"),
    "ft-m": ("FT-M", "#a58f00", "triangle-down"),
    "grace": ("GRACE", "#7a5790", "star"),
    "patch": ("Patch", "#784800", "octagon"),
}


# Of other methods: from packages that are installed, or of a row that another server has made. People tell them apart as well as those above.
FOREIGN_COLORS = ("#906060", "#7860f0", "#604890", "#1890f0")
FOREIGN_SYMBOLS = ("hexagon", "hexagram", "diamond-wide", "star-square", "star-triangle-up")


def method_name(method: str) -> str:
    return METHODS[method][0] if method in METHODS else method


def method_color(method: str) -> str:
    return METHODS[method][1] if method in METHODS else _of_name(method, FOREIGN_COLORS)


def method_symbol(method: str) -> str:
    return METHODS[method][2] if method in METHODS else _of_name(method, FOREIGN_SYMBOLS)


def _of_name(method: str, choices: tuple[str, ...]) -> str:
    """By the name alone: the same on every server, whatever else is installed."""
    return choices[crc32(method.encode()) % len(choices)]


STEP_COLORS = ("#56b4b0", "#4a90c8", "#6a68c4", "#93429a", "#c8912a")


def step_color(index: int, count: int) -> str:
    """The colour of the `index`-th of `count` kinds in order of strength: a walk through `STEP_COLORS`."""
    at = 0 if count < 2 else index * (len(STEP_COLORS) - 1) / (count - 1)
    return STEP_COLORS[round(at)]
