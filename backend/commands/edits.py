"""`shatterscope edit`: one fact changed, and what came of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shatterscope.backend.commands.common import Device, examples, fail, laboratory_of
from shatterscope.backend.commands.printed import noun_of, show_edit, show_placements

if TYPE_CHECKING:
    from pydantic import BaseModel

    from shatterscope.backend.worlds import World
    from shatterscope.wire.edits import EditResult
    from shatterscope.wire.measures import EvaluationResult
    from shatterscope.wire.placements import PlacementsResult
    from shatterscope.wire.verdicts import VerdictsResult

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope edit rings-2048 17 I_C2 --distance 4",
        "shatterscope edit rings-2048 17 I_C2 --object 1203 --layer 1 --strength 0.5",
        "shatterscope edit rings-2048 17 I_C2 --distance 500 --preset paper --set learning_rate=0.1 --set steps=50",
        "shatterscope edit rings-2048 17 I_C2 --distance 4 --where",
        "shatterscope edit rings-2048 17 I_C2 --distance 4 --method memit --restraint sphere --set restraint.alpha=0.8",
        "shatterscope edit rings-2048 17 I_C2 --distance 4 --method memit --implied",
        "shatterscope edit rings-2048 17 I_C2 --distance 4 --json > edit.json",
        "shatterscope edit months March months_next1 --object May",
    )
)
def edit(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint id, as `shatterscope checkpoints` lists them.")],
    subject: Annotated[str, typer.Argument(help="Entity: its number, 0..n-1, or its name.")],
    relation: Annotated[str, typer.Argument(help="Relation, such as I_C2.")],
    object: Annotated[str | None, typer.Option(help="The new object, likewise.")] = None,
    distance: Annotated[
        int | None, typer.Option(help="The new object by its steps from the true one, on a ring clockwise.")
    ] = None,
    method: Annotated[str, typer.Option(help="Editing method.")] = "rome",
    layer: Annotated[int | None, typer.Option(help="Layer to edit, from 0.", show_default="the method's")] = None,
    preset: Annotated[str | None, typer.Option(help="Named parameters.", show_default="the method's")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; repeatable.")
    ] = None,
    strength: Annotated[float, typer.Option(help="Share of the weight change to apply, -4 to 4.")] = 1.0,
    restraint: Annotated[
        str | None,
        typer.Option(
            help="Filter on the weight change: sphere, rect or prune. Its parameters: --set restraint.NAME=VALUE."
        ),
    ] = None,
    implied: Annotated[
        bool,
        typer.Option("--implied", help="With all that the fact implies, as one batch (methods that write batches)."),
    ] = False,
    where: Annotated[
        bool, typer.Option("--where", help="Also make it at every layer and token: where can this fact be written?")
    ] = False,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
) -> None:
    """Change one fact; print what the model answers then, R(D*) and accuracy before and after."""
    if (object is None) == (distance is None):
        fail("give exactly one of --object and --distance")
    parameters, filtered = as_parameters(set_ or [])
    if filtered and restraint is None:
        fail(f"--set restraint.{next(iter(filtered))} is a parameter of a restraint: name it with --restraint")
    body = {
        "checkpoint": checkpoint,
        "edits": [
            {
                "subject": subject,
                "relation": relation,
                "object": object,
                "distance": distance,
                "method": method,
                "layer": layer,
                "preset": preset,
                "parameters": parameters,
                "strength": strength,
                "restraint": restraint and {"name": restraint, "parameters": filtered},
                "implied": implied,
            }
        ],
    }
    made = asyncio.run(_edit(body, device, where))
    if as_json:
        found: dict[str, BaseModel | None] = {
            "edit": made.result,
            "evaluation": made.evaluation,
            "verdicts": made.verdicts,
            "placements": made.placements,
        }
        print(json.dumps({name: each.model_dump(mode="json") for name, each in found.items() if each}, indent=2))
    else:
        show_edit(made.result, made.evaluation, made.verdicts, made.world)
        if made.placements is not None:
            show_placements(made.placements, noun_of(made.world))


@dataclass(frozen=True)
class _Made:
    """What came of the edit, and the world that it was made in."""

    result: EditResult
    evaluation: EvaluationResult
    verdicts: VerdictsResult
    placements: PlacementsResult | None
    world: World


def entity_of(world: World, text: str, field: str) -> int:
    """An entity by its number or its name."""
    if text.removeprefix("-").isdecimal():
        return int(text)
    if text not in world.entities:
        fail(
            f"{field}: {text!r} is no entity; write a number from 0 to {world.n_entities - 1}, or a name such as {world.entities[0]!r}"
        )
    return world.entities.index(text)


def as_parameters(pairs: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the method and of its restraint, from `name=value` pairs; values are JSON where they can be, else text."""
    parameters: dict[str, Any] = {}
    restraint: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            fail(f"--set {pair!r}: write NAME=VALUE, for instance --set steps=50")
        own = restraint if name.startswith("restraint.") else parameters
        try:
            own[name.removeprefix("restraint.")] = json.loads(value)
        except json.JSONDecodeError:
            own[name.removeprefix("restraint.")] = value
    return parameters, restraint


async def _edit(body: dict[str, Any], device: str | None, where: bool) -> _Made:
    from pydantic import ValidationError

    from shatterscope.backend.api.measures import get_evaluation
    from shatterscope.backend.api.placements import get_placements
    from shatterscope.backend.api.problems import ProblemError
    from shatterscope.backend.api.verdicts import get_verdicts
    from shatterscope.wire.edits import EditRequest
    from shatterscope.wire.measures import EvaluationRequest
    from shatterscope.wire.pictures import ProjectionRequest
    from shatterscope.wire.placements import PlacementsRequest

    laboratory = laboratory_of(device)
    try:
        world = laboratory.checkpoint(body["checkpoint"], "body.checkpoint").world
        for spec in body["edits"]:
            for field in ("subject", "object"):
                if spec[field] is not None:
                    spec[field] = entity_of(world, spec[field], field)
        result = await laboratory.edit(EditRequest.model_validate(body))
        evaluation = await get_evaluation(laboratory, EvaluationRequest(checkpoint=body["checkpoint"], edit=result.id))
        seen = ProjectionRequest(checkpoint=body["checkpoint"], edit=result.id, relation=result.edits[0].spec.relation)
        verdicts = await get_verdicts(laboratory, seen)
        asked = PlacementsRequest(checkpoint=body["checkpoint"], edit=result.id)
        placements = await get_placements(laboratory, asked) if where else None
    except ValidationError as error:
        fail("; ".join(f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()))
    except ProblemError as error:
        fail(error.detail.replace("body.edits.0.", "").replace("body.", ""))
    finally:
        laboratory.close()
    return _Made(result, evaluation, verdicts, placements, world)
