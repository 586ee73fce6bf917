"""The CSV tables of several views as one. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

Part = tuple[str, str | None, str]  # name `method:preset`, why there is none, CSV as `POST /exports` writes it


def joined(parts: Sequence[Part]) -> str:
    """One table, its first two columns the method and the preset. What is the same in every part's provenance (the lines that begin
    with `#`) is said once; else each line names its part. A part without a table is a row `problem`."""
    told: dict[str, dict[str, str]] = {}  # of each fact: part -> what it says
    for name, _, text in parts:
        for line in text.splitlines():
            if line.startswith("# "):
                fact, _, said = line[2:].partition(": ")
                told.setdefault(fact, {})[name] = said
    out = io.StringIO()
    for fact, every in told.items():
        if len(set(every.values())) == 1:
            out.write(f"# {fact}: {next(iter(every.values()))}\n")
        else:
            out.writelines(f"# {fact} ({name}): {said}\n" for name, said in every.items())
    columns = next(csv.DictReader(_table(text)).fieldnames or [] for _, _, text in parts if text)
    writer = csv.DictWriter(out, ["method", "preset", *columns], lineterminator="\n")
    writer.writeheader()
    for name, problem, text in parts:
        method, _, preset = name.partition(":")
        if problem is not None:
            writer.writerow({"method": method, "preset": preset, "record": "problem", "name": problem})
        writer.writerows({"method": method, "preset": preset, **row} for row in csv.DictReader(_table(text)))
    return out.getvalue()


def _table(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]
