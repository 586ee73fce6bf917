"""The README stays true: its map names every module, its links lead somewhere, its commands exist."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from shatterscope.app.kit import words
from shatterscope.app.pages.reproduce import tables
from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.reproduction.protocol import PRESETS
from shatterscope.backend.reproduction.shipped import load

ROOT = Path(__file__).resolve().parent.parent


@cache
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@cache
def tree() -> dict[str, str]:
    """The map of the tree, path -> phrase: the fenced block that names the most paths."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme(), flags=re.MULTILINE | re.DOTALL)
    return max((parse_tree(block) for block in blocks), key=len, default={})


def parse_tree(block: str) -> dict[str, str]:
    """One path a line, `  rome.py   a rank-one edit`. A name ending in `/` is a folder; what is indented deeper lies in it."""
    found: dict[str, str] = {}
    folders: list[tuple[int, str]] = []  # (indentation, path) of the folders the line may lie in
    for line in block.splitlines():
        match = re.match(r"([\s│├└─|]*)([\w./-]+)(?:\s+(.*))?$", line)
        if not match or not ("." in match[2] or match[2].endswith("/")):
            continue
        depth, name, phrase = len(match[1]), match[2], match[3] or ""
        while folders and folders[-1][0] >= depth:
            folders.pop()
        path = (folders[-1][1] if folders else "") + name
        found[path] = phrase.strip()
        if name.endswith("/"):
            folders.append((depth, path))
    return found


def modules() -> list[str]:
    """Every module but the `__init__.py`, which stand for their folder."""
    paths = sorted(path for top in ("backend", "app", "wire") for path in (ROOT / top).rglob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in paths if path.name != "__init__.py"]


def test_a_map_is_read_as_drawn() -> None:
    plain = "backend/      the science\n  schemas.py  the wire\n  graph/\n    rings.py  # rings\napp/ the page\n  ids.py names\n"
    drawn = "backend/      the science\n├── schemas.py  the wire\n├── graph/\n│   └── rings.py  # rings\napp/ the page\n└── ids.py names\n"
    for block in (plain, drawn):
        assert parse_tree(block)["backend/graph/rings.py"] == "# rings"
        assert parse_tree(block)["app/ids.py"] == "names"


@pytest.mark.parametrize("module", modules())
def test_the_map_names_every_module_with_a_phrase(module: str) -> None:
    assert tree().get(module), f"the README's map of the tree lacks {module}, or says nothing about it"


def test_the_map_names_nothing_that_is_gone() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_links_to_local_files_exist() -> None:
    links = re.findall(r"\]\(([^)\s#]+)", readme()) + re.findall(r'(?:src|href|srcset)="([^"#\s]+)', readme())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", readme(), flags=re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("id", ["rings-2048-calibrated", "rings-2048", "rings-2048-smooth", "rings-small"])
def test_the_table_of_checkpoints_says_what_their_files_say(id: str) -> None:
    file = json.loads((ROOT / "models_cache" / id / "checkpoint.json").read_text(encoding="utf-8"))
    row = next(line for line in readme().splitlines() if line.startswith(f"| `{id}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    accuracy, rings = file["accuracy"], file["rings"]

    def each(task: str) -> str:
        return " / ".join(f"{value:.2f}".removeprefix("0") for value in accuracy[task].values())

    assert cells[2:6] == [each(task) for task in ("direct", "logical", "composition_stated", "composition_held_out")]
    assert rings["closed"] == list(rings["shape"].values()).count("ring")
    assert cells[6] == f"{rings['closed']} of {len(rings['shape'])}"
    assert cells[7] == f"{min(rings['neighbor_share'].values()):.2f}".removeprefix("0")


def test_the_figures_of_the_shipped_run_are_those_of_the_reproduce_page() -> None:
    """Digit by digit: rounded once, from the rows, by the one rule of the pages."""
    folder = ROOT / "models_cache" / "rings-2048"
    weights = json.loads((folder / "checkpoint.json").read_text())["sha256"]["weights.safetensors"]
    report = load(folder, weights).reproduction().single
    ours = {(c.preset, c.distance): c for c in report.methods if c.method == "rome"}
    theirs = {
        c.distance: c.paper for c in report.accuracy if (c.method, c.preset, c.task) == ("rome", "paper", "direct")
    }
    for title, distance in (("corrective", 0), *((f"d = {d}", d) for d in (1, 2, 3, 4))):
        shown = []
        for preset in PRESETS:
            cell = ours[preset, distance]
            assert cell.direct is not None
            assert cell.direct.deviation is not None
            assert cell.shattering is not None
            change = f"{words.points(cell.direct.mean)} ± {words.fixed(cell.direct.deviation, 1, 100)}"
            shown.append(f"{change} · R {tables.r(cell.shattering.mean)} · {words.fixed(cell.success.mean, 0, 100)} %")
        paper = theirs[distance]
        told = "" if paper is None else words.points(paper)
        assert f"| {title} | {' | '.join(shown)} | {told} |" in readme()


def test_the_lengths_that_the_findings_quote_are_those_of_the_weights() -> None:
    """What an edit of layer 0 starts from, on bare prompts."""
    lengths = {}
    for id in ("rings-2048", "rings-2048-calibrated"):
        checkpoint = load_checkpoint(ROOT / "models_cache" / id)
        relation = checkpoint.vocabulary.relation_token(checkpoint.graph.relations[0])
        prompts = torch.tensor([[subject, relation] for subject in range(0, checkpoint.graph.n_entities, 16)])
        values = {}
        checkpoint.model.trunk(prompts, lambda name, x, values=values: values.setdefault(name, x))
        lengths[id] = values["mlp_out.0"].norm(dim=-1).mean(0)  # subject, relation
    at_subject, at_relation = lengths["rings-2048-calibrated"]
    found = (ROOT / "models_cache" / "rings-2048-calibrated" / "reproduction" / "findings.md").read_text()
    assert (
        f"‖v0‖ = {at_relation:.1f} at the relation's token and {at_subject:.1f} at the subject's, a tenth of" in found
    )
    assert 8 < lengths["rings-2048"][1] / at_relation < 13
