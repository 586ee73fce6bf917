"""Write the tables of docs/LEAGUE.md anew from the rows that ship: `python -m scripts.league_tables`.

Of each checkpoint there are two, under headings that begin with its name: over all distances, and at the largest.
"""

from __future__ import annotations

import re
from pathlib import Path

from shatterscope.backend.commands.printed_league import as_markdown
from shatterscope.backend.league.rows import read_rows, shipped_file
from shatterscope.backend.league.table import league
from shatterscope.backend.settings import SHIPPED

PAPER = Path(__file__).parents[1] / "docs" / "LEAGUE.md"
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def main() -> None:
    text = PAPER.read_text()
    for folder in sorted(path.parent.parent for path in (SHIPPED / "models_cache").glob("*/league/open.jsonl.gz")):
        rows = read_rows(shipped_file(folder, "open"))
        assert rows is not None
        headings = [match.end() for match in re.finditer(rf"^## `{re.escape(folder.name)}`.*\n", text, re.MULTILINE)]
        assert len(headings) == 2, folder.name
        tables = as_markdown(league(rows)), as_markdown(league(rows, max(rows.header.distances)))
        for start, table in zip(
            headings[::-1], tables[::-1], strict=True
        ):  # the later one first: places before it stay
            found = TABLE.search(text, start)
            assert found is not None
            text = text[: found.start()] + table.rstrip("\n") + "\n" + text[found.end() :]
    PAPER.write_text(text)


if __name__ == "__main__":
    main()
