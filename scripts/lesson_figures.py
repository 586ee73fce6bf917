"""The figures that a lesson's text and notes may name, step by step, as the API gives them for the step's view.

python -m scripts.lesson_figures shattering
python -m scripts.lesson_figures '?c=rings-small&q=0~II_C2&e=0~II_C2~d16~rome~0~tuned~1'      # of any address
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator

from shatterscope.app.kit import actions, options, pictures, words
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.state import ViewState
from shatterscope.backend.api import create_app
from shatterscope.backend.lessons import read_lesson
from shatterscope.backend.settings import LESSONS, load_settings
from shatterscope.wire.edits import EditOutcome
from shatterscope.wire.measures import EvaluationResult
from shatterscope.wire.world import CheckpointInfo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", help="a lesson that ships, or the address of a view")
    server = create_app(load_settings())
    try:
        asyncio.run(show(Client(server), parser.parse_args().what))
    finally:
        server.state.laboratory.close()


async def show(client: Client, what: list[str]) -> None:
    told: dict[str, str] = {}
    for title, query in (found for each in what for found in views(each)):
        view = without_camera(query)
        print(f"\n{title}")
        if view in told:
            print(f"  as {told[view]}")
            continue
        told[view] = title
        for line in await figures(client, query):
            print(f"  {line}")


def without_camera(query: str) -> str:
    return re.sub(r"&cam=[^&]*", "", query)


def views(what: str) -> Iterator[tuple[str, str]]:
    """Each view's title and address."""
    if "=" in what:
        yield what, what
        return
    for number, step in enumerate(read_lesson(LESSONS / what).steps, 1):
        yield f"{number}. {step.title}", step.view
        if step.reveal:
            yield f"{number}. {step.title} (answer)", step.reveal.view


async def figures(client: Client, query: str, *, pictured: bool = True) -> list[str]:
    """Lines with all that is measured at a view; without a caption it is quicker."""
    view, _ = ViewState.from_query(query)
    checkpoint = options.find_checkpoint(await client.checkpoints(), view.checkpoint)
    view, _ = actions.fit(view, checkpoint, await client.editors())
    found = [edited(edit) for edit in (await client.edit(checkpoint.id, view.edits)).edits] if view.edits else []
    fact = await client.fact(checkpoint.id, view.subject, view.relation, view.edits)
    found.append(f"answer {fact.prediction} ({words.percent(fact.top[0].probability)}), truth {fact.object}")
    if pictured:
        found.append(await caption(client, checkpoint, view))
    if not view.edits:
        all_of = [f"{ring} {words.percent(value)}" for ring, value in checkpoint.accuracy.direct.items()]
        found.append(f"direct recall of all facts, without context: {', '.join(all_of)}")
    return [*found, *measured(await client.evaluation(checkpoint.id, view.edits))]


async def caption(client: Client, checkpoint: CheckpointInfo, view: ViewState) -> str:
    picture = await client.projection(
        checkpoint.id, view.edits, relation=view.see.relation or view.relation, site=view.see.site or checkpoint.model.default_site,
        method=view.see.projection, dimensions=view.see.dimensions, align=view.see.align, n_neighbors=view.see.n_neighbors,
    )  # fmt: skip
    return f"{picture.relation}: {pictures.caption(picture, 'after' if picture.edit else 'before')}"


def edited(item: EditOutcome) -> str:
    return (
        f"{item.spec.method}: {item.old_object} -> {item.new_object}; says {item.prediction_after}, "
        f"p = {words.percent(item.probability_after)}, change {words.percent(item.relative_delta_norm)} of the weights' norm"
    )


def measured(result: EvaluationResult) -> list[str]:
    """R and what moved by ring, accuracy by task and ring, edit quality."""
    found: list[str] = []
    if result.edit:
        rings = {score.order: score.sub_graph or "edit" for score in result.scores}
        parts = [
            (ring, getattr(result.shattering, part), getattr(result.movement, part)) for ring, part in rings.items()
        ]
        found.append(words.r_in_words(result.shattering.edit))
        found.append("R " + ", ".join(f"{ring} {words.shattering(R)}" for ring, R, _ in parts))
        found.append(
            "moved, strain "
            + ", ".join(f"{ring} {words.steps(m.moved)} {words.steps(m.strain)}" for ring, _, m in parts)
        )
    for task, (name, _) in words.TASKS.items():
        scores = [score for score in result.scores if score.task == task]
        found.append(
            f"{name} "
            + ", ".join(f"{score.order} {change(score.accuracy.before, score.accuracy.after)}" for score in scores)
        )
    if result.quality:
        each = [(name, getattr(result.quality, name)) for name in words.QUALITY]
        found.append(
            ", ".join(f"{name} {words.percent(it.accuracy.after)} of {it.n_queries}" for name, it in each if it)
        )
    return found


def change(before: float, after: float) -> str:
    return words.percent(after) if before == after else f"{words.percent(before)} -> {words.percent(after)}"


if __name__ == "__main__":
    main()
