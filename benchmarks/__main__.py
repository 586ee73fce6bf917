"""`python -m benchmarks [NAME ...]`: run the benchmarks and print the table of `docs/SPEED.md`.

Every module named here has a `run() -> list[Row]`; ratios are of medians measured in one run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path

import torch

from benchmarks.row import Row

BENCHMARKS = (
    "isomap",
    "edit",
    "sweep",
    "click",
    "page",
    "rooms",
    "load",
)  # Isomap first: threads that others leave waiting slow it down


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure speed and size; prints a Markdown table."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(
            f"Other programs are running (load {load:.1f}): times will be too long, ratios hold better.",
            file=sys.stderr,
        )
    rows: list[Row] = []
    for name in names:
        started = time.perf_counter()
        rows += importlib.import_module(f"benchmarks.{name}").run()
        print(f"{name}: measured in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(f"{machine()}\n\n{table(rows)}")


def table(rows: list[Row]) -> str:
    lines = ["| | ours | baseline | ratio | |", "|---|--:|--:|--:|---|"]
    for row in rows:
        baseline = "" if row.baseline is None else amount(row.baseline, row.unit)
        ratio = "" if row.ratio is None else f"{row.ratio:.1f} ×"
        lines.append(f"| {row.name} | {amount(row.ours, row.unit)} | {baseline} | {ratio} | {row.note} |")
    return "\n".join(lines)


def amount(value: float, unit: str) -> str:
    """Two or three significant digits; seconds under one are told in milliseconds."""
    if unit == "s" and value < 1:
        value, unit = 1000 * value, "ms"
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    models = (
        [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if cpuinfo.exists()
        else []
    )
    cpu = models[0] if models else platform.machine()
    return (
        f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}."
    )


if __name__ == "__main__":
    main()
