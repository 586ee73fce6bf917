"""Nothing is told by colours that somebody cannot tell apart: each kind of colour blindness is simulated, and text keeps its contrast."""

from __future__ import annotations

import math
import re
from itertools import combinations

import pytest

from shatterscope.app.kit import theme
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.settings import REPOSITORY

Rgb = tuple[float, float, float]

# Machado, Oliveira and Fernandes 2009, severity 1, on linear sRGB.
BLINDNESS: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
STYLE = (REPOSITORY / "frontend_assets" / "style.css").read_text(encoding="utf-8")
PAIRS = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
COLORS = {
    "light": {name: light for name, light, _ in PAIRS},
    "dark": {name: dark for name, _, dark in PAIRS},
}


def linear(color: str) -> Rgb:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))

    def one(x: float) -> float:
        return x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4

    return one(red), one(green), one(blue)


def seen(color: str, blindness: str) -> Rgb:
    rgb = linear(color)
    red, green, blue = (
        min(max(sum(a * b for a, b in zip(row, rgb, strict=True)), 0.0), 1.0) for row in BLINDNESS[blindness]
    )
    return red, green, blue


def difference(a: str, b: str, blindness: str) -> float:
    """100 times the distance in OKLab; about 2 is just noticeable."""

    def oklab(rgb: Rgb) -> Rgb:
        r, g, b = rgb
        long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
        medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
        short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
        return (
            0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
        )

    return 100 * math.dist(oklab(seen(a, blindness)), oklab(seen(b, blindness)))


def contrast(a: str, b: str) -> float:
    """As WCAG 2 has it."""

    def luminance(color: str) -> float:
        red, green, blue = linear(color)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("mode", COLORS)
def test_before_and_after_right_and_wrong_are_told_apart(mode: str, blindness: str) -> None:
    colors = COLORS[mode]
    for a, b in (("edit", "neutral"), ("edit", "good"), ("edit", "ink"), ("edit", "soft"), ("good", "ink")):
        assert difference(colors[a], colors[b], blindness) > 8, (a, b)


@pytest.mark.parametrize("mode", COLORS)
def test_text_and_signs_stand_out(mode: str) -> None:
    colors = COLORS[mode]
    for surface in ("page", "surface", "raised"):
        for text in ("ink", "soft", "edit", "good"):
            assert contrast(colors[text], colors[surface]) >= 4.5, (text, surface)
    for sign in ("focus", "neutral"):
        assert contrast(colors[sign], colors["surface"]) >= 3, sign


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_methods_are_told_apart(blindness: str) -> None:
    colors = [color for _, color, _ in theme.METHODS.values()]
    for a, b in combinations([*colors, *theme.FOREIGN_COLORS], 2):
        assert difference(a, b, blindness) > 3.9, (a, b)
    for color in theme.FOREIGN_COLORS:
        assert difference(color, theme.ACCENT, blindness) > 8, "which means the edit"
    symbols = [*(symbol for _, _, symbol in theme.METHODS.values()), *theme.FOREIGN_SYMBOLS]
    assert len(set(symbols)) == len(symbols), "and by their symbols where colour does not serve"
    assert theme.METHODS.keys() == EDITORS.keys()


@pytest.mark.parametrize("mode", COLORS)
def test_methods_from_elsewhere_stand_out(mode: str) -> None:
    for color in theme.FOREIGN_COLORS:
        assert contrast(color, COLORS[mode]["surface"]) >= 2.2, color
    names = [f"method-{i}" for i in range(60)]
    looks = {(theme.method_color(name), theme.method_symbol(name)) for name in names}
    assert len(looks) == len(theme.FOREIGN_COLORS) * len(theme.FOREIGN_SYMBOLS), "every one is used"


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_places_on_the_ring_are_told_apart(blindness: str) -> None:
    """A quarter or half a turn away it is always another colour."""
    colors = [theme.ring_color(step / theme.STEPS) for step in range(theme.STEPS)]
    quarter = theme.STEPS // 4
    for step, color in enumerate(colors):
        for away in (quarter, 2 * quarter):
            assert difference(color, colors[(step + away) % theme.STEPS], blindness) > 5
