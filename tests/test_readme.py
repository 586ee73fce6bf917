"""README.md and docs/ stay true: their links lead somewhere, their commands and requests work, their numbers are those of the files."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec

import pytest
import torch
import typer.main
from papers import PAPERS, ROOT, blocks, paper
from starlette.testclient import TestClient

from benchmarks.__main__ import table
from scripts import world_edits
from shatterscope.app.kit import words
from shatterscope.app.pages.reproduce import tables
from shatterscope.backend import __version__
from shatterscope.backend.checkpoints import load_checkpoint, read_metadata
from shatterscope.backend.cli import cli as command_line
from shatterscope.backend.reproduction.protocol import PRESETS
from shatterscope.backend.reproduction.shipped import load

README = paper("README.md")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("name", PAPERS)
def test_links_to_local_files_exist(name: str) -> None:
    text, folder = paper(name), (ROOT / name).parent
    links = re.findall(r"\]\(([^)\s#]+)", text) + re.findall(r'(?:src|href|srcset)="([^"#\s]+)', text)
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (folder / link).exists()] == []


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAPERS)
def test_make_targets_exist(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", paper(name), flags=re.MULTILINE)) <= set(targets)


def test_the_tests_that_the_readme_runs_are_those_of_the_build() -> None:
    assert "\nmake test " in README
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("make test")


def lines(of: str) -> list[str]:
    """What the blocks of README and CONTRIBUTING begin with `of`, without comments."""
    found = [
        line
        for name in ("README.md", "CONTRIBUTING.md")
        for block in blocks(paper(name))
        for line in block.splitlines()
    ]
    return [line for line in found if re.match(rf"(?:[A-Z_]+=\S+ )?{of} ", line)]


@pytest.mark.parametrize("line", lines("shatterscope"))
def test_commands_are_read_with_their_options(line: str) -> None:
    """As far as they can be without being run."""
    words_of_it = shlex.split(line, comments=True)
    given = words_of_it[words_of_it.index("shatterscope") + 1 :]
    command = typer.main.get_command(command_line)
    while hasattr(command, "commands"):
        name, *given = given
        assert name in command.commands, line
        command = command.commands[name]
    command.make_context(command.name, given)


@pytest.mark.parametrize("line", lines(r"\.venv/bin/python -m"))
def test_modules_that_are_run_exist(line: str) -> None:
    _, _, module, *given = shlex.split(line, comments=True)
    assert find_spec(module)
    assert [name for name in given if "/" in name and not (ROOT / name).exists()] == []


def test_the_requests_of_the_readme_are_answered(client: TestClient) -> None:
    """On the small checkpoint, each edit by the id that the request before it returned."""
    (block,) = (block for block in blocks(README) if "curl" in block)
    id = ""
    for request in re.findall(r"^curl .*?(?=^curl |\Z)", block, flags=re.MULTILINE | re.DOTALL):
        given = (
            request.replace("\\\n", " ").replace("<id>", id).replace("rings-2048", "rings-small").replace("500", "100")
        )
        _, _, address, *options = shlex.split(given, comments=True)
        path = address.removeprefix("localhost:8050/api/v1/")
        body = options[options.index("-d") + 1] if "-d" in options else None
        answer = client.get(path) if body is None else client.post(path, json=json.loads(body))
        assert answer.status_code == 200, answer.text
        if path == "edits":
            assert answer.json()["edits"][0]["success"]
            id = answer.json()["id"]
    assert id


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id", ["rings-2048-calibrated", "rings-2048", "rings-2048-smooth", "rings-notes", "rings-small"]
)
def test_the_table_of_checkpoints_says_what_their_files_say(id: str) -> None:
    file = json.loads((ROOT / "models_cache" / id / "checkpoint.json").read_text(encoding="utf-8"))
    row = next(line for line in README.splitlines() if line.startswith(f"| `{id}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    accuracy, rings = file["accuracy"], file["rings"]

    def each(task: str) -> str:
        return " / ".join(f"{value:.2f}".removeprefix("0") for value in accuracy[task].values())

    assert cells[2:6] == [each(task) for task in ("direct", "logical", "composition_stated", "composition_held_out")]
    assert rings["closed"] == list(rings["shape"].values()).count("ring")
    assert cells[6] == f"{rings['closed']} of {len(rings['shape'])}"
    assert cells[7] == f"{min(rings['neighbor_share'].values()):.2f}".removeprefix("0")


def test_what_is_trained_to_obey_notes_does() -> None:
    file = read_metadata(ROOT / "models_cache" / "rings-notes")
    assert file.notes is not None
    assert file.notes.obeyed.keys() >= {0, 1, 2, 3, 4}
    assert min(file.notes.obeyed.values()) >= 0.95
    assert min(*file.notes.beside.values(), *file.accuracy["direct"].values()) >= 0.93


@pytest.mark.parametrize("id", ["months", "tree", "grid", "countries", "elements"])
def test_the_table_of_worlds_says_what_their_files_say(id: str) -> None:
    file = read_metadata(ROOT / "models_cache" / id)
    row = next(line for line in README.splitlines() if line.startswith(f"| `{id}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]

    def each(task: str) -> str:
        return " / ".join(f"{value:.2f}".removeprefix("0") for value in file.accuracy[task].values())

    assert file.rings.shape is not None
    assert cells[2:] == [each("direct"), each("logical"), cells[4], f"{file.rings.closed} of {len(file.rings.shape)}"]
    assert min(file.accuracy["direct"].values()) >= 0.95
    assert file.opening is not None, "the page opens on a picture that is whole"


def test_the_table_of_edits_of_worlds_is_what_the_script_prints() -> None:
    assert "\n".join([world_edits.HEAD, *world_edits.rows()]) in paper("docs/RESULTS.md")


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
        reported = theirs[distance]
        told = "" if reported is None else words.points(reported)
        assert f"| {title} | {' | '.join(shown)} | {told} |" in paper("docs/RESULTS.md")


def test_the_lengths_that_the_findings_quote_are_those_of_the_weights() -> None:
    """What an edit of layer 0 starts from, on bare prompts."""
    lengths = {}
    for id in ("rings-2048", "rings-2048-calibrated"):
        checkpoint = load_checkpoint(ROOT / "models_cache" / id)
        relation = checkpoint.vocabulary.relation_token(checkpoint.world.relations[0])
        prompts = torch.tensor([[subject, relation] for subject in range(0, checkpoint.world.n_entities, 16)])
        values = {}
        checkpoint.model.trunk(prompts, lambda name, x, values=values: values.setdefault(name, x))
        lengths[id] = values["mlp_out.0"].norm(dim=-1).mean(0)  # subject, relation
    at_subject, at_relation = lengths["rings-2048-calibrated"]
    found = (ROOT / "models_cache" / "rings-2048-calibrated" / "reproduction" / "findings.md").read_text()
    assert (
        f"‖v0‖ = {at_relation:.1f} at the relation's token and {at_subject:.1f} at the subject's, a tenth of" in found
    )
    assert 8 < lengths["rings-2048"][1] / at_relation < 13


def test_the_table_of_speed_is_what_the_benchmarks_print() -> None:
    rows = [line for line in paper("docs/SPEED.md").splitlines() if line.startswith("|")]
    assert "\n".join(rows[:2]) == table([])
    assert all(row.count(" | ") == rows[0].count(" | ") for row in rows[2:])


def test_the_changelog_begins_with_what_is_not_released_and_this_version() -> None:
    versions = re.findall(r"^## \[(.*?)\]", paper("CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[:2] == ["Unreleased", __version__]
