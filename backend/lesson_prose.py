"""What the text of a lesson asks for and the page cannot show: pictures that are not there, and formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]*)")
_CODE = re.compile(r"`+[^`]*`+")
# `$R=1$`, `$$...$$`, `\(...\)`, `\[...\]`, `\frac{`: but not two prices on a line.
_FORMULA = re.compile(
    r"\$\$|\$(?=[^\s$])(?![\d.,]+(?:\s|$))[^$]*[^\s$]\$(?!\d)|\\\(|\\\[|\\begin\{|\\(?:frac|sqrt|sum|text|mathrm)\{"
)


def prose_problems(folder: Path, lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    """(line, what is wrong and what to do) for the lines of a step in `folder`, the first of which is number `first` of its file."""
    fenced = False
    for number, line in enumerate(lines, first):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if fenced or fence:
            continue
        text = _CODE.sub("", line)
        for address in _PICTURE.findall(text):
            message = _picture_problem(folder, address)
            if message is not None:
                yield number, message
        formula = _FORMULA.search(_PICTURE.sub("", text))
        if formula is not None:
            yield (
                number,
                (
                    f"{formula[0][:40]!r} would be shown as it is: the page has no formulas; write it in words, *italics* and signs such as "
                    "R = 1, ‖D‖, x², or a price as \\$5"
                ),
            )


def _picture_problem(folder: Path, address: str) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None  # whether that host may be asked is the server's to say
    name = unquote(parts.path)
    if picture_type(name) is None:
        return f"the picture {address[:60]!r}: name a file beside this one that ends in {', '.join(PICTURES)}"
    if not (folder / name).is_file():
        return f"the picture {address[:60]!r} is missing: put it beside this file"
    return None


def picture_type(name: str) -> str | None:
    """The media type of a picture beside a lesson's text, None for any other name."""
    if not name or "/" in name or "\\" in name or name.startswith(".") or not name.isprintable():
        return None
    return PICTURES.get(Path(name).suffix.lower())
