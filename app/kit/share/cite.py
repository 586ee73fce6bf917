"""How to cite what is seen: the paper, and the specification that makes the picture again."""

from __future__ import annotations

import json
import shlex
from typing import Any

from shatterscope.app.kit.exporter import Cited
from shatterscope.app.kit.state import RESTRAINT, Edit, ViewState
from shatterscope.wire.edits import EditResult
from shatterscope.wire.world import CheckpointInfo

BIBTEX = """@inproceedings{nishi2025shattering,
  title     = {Representation Shattering in Transformers: A Synthetic Study with Knowledge Editing},
  author    = {Nishi, Kento and Ramesh, Rahul and Okawa, Maya and Khona, Mikail and Tanaka, Hidenori and Lubana, Ekdeep Singh},
  booktitle = {International Conference on Machine Learning (ICML)},
  year      = {2025},
  eprint    = {2410.17194},
  archivePrefix = {arXiv},
}"""


def specification(view: ViewState, checkpoint: CheckpointInfo, made: EditResult | None) -> str:
    """JSON: the weights, the edits with every default filled in, and the picture."""
    found: dict[str, Any] = {
        "checkpoint": checkpoint.id,
        "checkpoint_sha256": checkpoint.sha256,
        "edit": made.id if made else None,
        "edits": [item.spec.model_dump(mode="json", exclude_none=True) for item in made.edits] if made else [],
        "picture": picture(view),
    }
    return json.dumps(found, indent=1)


def cited(view: ViewState, checkpoint: CheckpointInfo, made: EditResult | None, query: str) -> Cited:
    return Cited(commands(view, checkpoint, query), specification(view, checkpoint, made))


def picture(view: ViewState) -> dict[str, Any]:
    """What `POST /projections` is asked for, but for the edit."""
    return view.see.asked(view.relation)


def commands(view: ViewState, checkpoint: CheckpointInfo, query: str) -> str:
    """For the terminal: the numbers of a single edit, and the picture of any stack."""
    lines = [edit_command(checkpoint.id, view.edits[0])] if len(view.edits) == 1 else []
    return "\n".join([*lines, export_command(query, "picture.html")])


def export_command(link: str, file: str) -> str:
    return f"shatterscope export {shlex.quote(link)} {file}"


def edit_command(checkpoint: str, edit: Edit) -> str:
    target = ("--distance", edit.target.distance) if edit.target.object is None else ("--object", edit.target.object)
    options: list[tuple[str, object]] = [target, ("--method", edit.method)]
    options += [("--layer", edit.layer)] if edit.layer is not None else []
    options += [("--preset", edit.preset)] if edit.preset is not None else []
    options += [("--restraint", edit.restraint)] if edit.restraint else []
    given = {name: value for name, value in edit.parameters.items() if name != RESTRAINT}
    options += [("--set", f"{name}={json.dumps(value)}") for name, value in sorted(given.items())]
    options += [("--strength", f"{edit.strength:g}")] if edit.strength != 1 else []
    words = ["shatterscope", "edit", checkpoint, str(edit.subject), edit.relation]
    switches = ["--implied"] if edit.implied else []
    return shlex.join([*words, *(f"{name}={value}" for name, value in options), *switches])
