"""`shatterscope oracle`: a fact learned by training, beside a control without it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shatterscope.backend.commands.common import Device, examples, fail, laboratory_of
from shatterscope.backend.commands.edits import as_parameters, entity_of
from shatterscope.backend.commands.printed import show_oracle, training_progress

if TYPE_CHECKING:
    from shatterscope.backend.api.oracles import Oracles
    from shatterscope.backend.worlds import World
    from shatterscope.wire.edits import EditResult
    from shatterscope.wire.measures import EvaluationResult
    from shatterscope.wire.oracles import OracleInfo

commands = typer.Typer()

LOOK = 0.25  # seconds between two looks at the training


@commands.command(
    epilog=examples(
        "shatterscope oracle rings-2048 --subject 17 --relation I_C2 --distance 4",
        "shatterscope oracle rings-2048 --subject 17 --relation I_C2 --distance 4 --implied",
        "shatterscope oracle months --subject March --relation months_next1 --object May --set steps=200",
    )
)
def oracle(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint id, as `shatterscope checkpoints` lists them.")],
    subject: Annotated[str, typer.Option(help="Entity: its number, 0..n-1, or its name.")],
    relation: Annotated[str, typer.Option(help="Relation, such as I_C2.")],
    object: Annotated[str | None, typer.Option(help="The new object, likewise.")] = None,
    distance: Annotated[
        int | None, typer.Option(help="The new object by its steps from the true one, on a ring clockwise.")
    ] = None,
    implied: Annotated[
        bool, typer.Option("--implied", help="What follows from the fact is stated in the text as well.")
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; repeatable.")
    ] = None,
    device: Device = None,
) -> None:
    """Learn one fact by training on, with rehearsal; print what that did beside what the same training does without the fact."""
    if (object is None) == (distance is None):
        fail("give exactly one of --object and --distance")
    parameters, filtered = as_parameters(set_ or [])
    if filtered:
        fail("an oracle has no restraint: leave --set restraint... out")
    body = {
        "checkpoint": checkpoint,
        "subject": subject,
        "relation": relation,
        "object": object,
        "distance": distance,
        "implied": implied,
        "parameters": parameters,
    }
    world, made = asyncio.run(_made(body, device))
    show_oracle(world, made)


async def _made(body: dict[str, Any], device: str | None) -> tuple[World, list[tuple[EditResult, EvaluationResult]]]:
    """The model that learned the fact, then the control."""
    from pydantic import ValidationError

    from shatterscope.backend.api.measures import get_evaluation
    from shatterscope.backend.api.oracles import Oracles
    from shatterscope.backend.api.problems import ProblemError
    from shatterscope.wire.measures import EvaluationRequest
    from shatterscope.wire.oracles import OracleRequest

    laboratory = laboratory_of(device)
    oracles = Oracles(laboratory)
    try:
        world = laboratory.checkpoint(body["checkpoint"], "body.checkpoint").world
        for field in ("subject", "object"):
            if body[field] is not None:
                body[field] = entity_of(world, body[field], field)
        done = await _trained(oracles, OracleRequest.model_validate(body))
        made = []
        for id in (done.learned, done.control):
            asked = EvaluationRequest(checkpoint=body["checkpoint"], edit=id)
            made.append((await laboratory.edit_result(id), await get_evaluation(laboratory, asked)))
    except ValidationError as error:
        fail("; ".join(f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()))
    except ProblemError as error:
        fail(error.detail.replace("body.", ""))
    finally:
        await oracles.close()
        laboratory.close()
    return world, made


async def _trained(oracles: Oracles, request: Any) -> OracleInfo:
    found: OracleInfo = await oracles.create(request)
    with training_progress(found.total) as tell:
        while found.status in ("queued", "running"):
            await asyncio.sleep(LOOK)
            found = await oracles.get(found.id)
            tell(found)
    if found.status == "failed":
        fail(found.error or "the training failed")
    return found
