"""The figures that a lesson's text and notes may name, step by step, as the API gives them: for the step's view, its panel, and the pages that it links to.

python -m scripts.lesson_figures shattering
python -m scripts.lesson_figures mending --train          # also what is kept in lesson_figures.json, because it takes minutes: oracles
python -m scripts.lesson_figures '/compare?c=rings-small&q=0~II_C2&t=d16&by=rome:tuned&by=patch:tuned'
python -m scripts.lesson_figures '?c=rings-small&q=0~II_C2&e=0~II_C2~d16~rome~0~tuned~1'      # of any address
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from shatterscope.app.kit import actions, options, pictures, words
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.pages.compare.state import Comparison, contenders
from shatterscope.app.pages.explore.panels import PANELS, Around
from shatterscope.app.pages.league.rows import rows
from shatterscope.app.pages.league.state import LeagueView
from shatterscope.backend.api import create_app
from shatterscope.backend.lessons import read_lesson
from shatterscope.backend.settings import LESSONS, load_settings
from shatterscope.wire.edits import MAX_EDITS, EditOutcome
from shatterscope.wire.lessons import Reveal, Step
from shatterscope.wire.measures import EvaluationResult
from shatterscope.wire.world import CheckpointInfo

KEPT = Path(__file__).with_suffix(".json")
LINK = re.compile(r"\]\((/[^)\s]*)\)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", help="a lesson that ships, or an address")
    parser.add_argument("--train", action="store_true", help="train oracles, and keep what came of it")
    asked = parser.parse_args()
    server = create_app(load_settings())
    try:
        asyncio.run(show(Client(server), asked.what, train=asked.train))
    finally:
        server.state.laboratory.close()


async def show(client: Client, what: list[str], *, train: bool) -> None:
    told: dict[tuple[str, str | None], str] = {}
    for title, address, panel in (found for each in what for found in views(each)):
        seen = without_camera(address), panel
        print(f"\n{title}")
        if seen in told:
            print(f"  as {told[seen]}")
            continue
        told[seen] = title
        for line in await figures(client, address, panel, train=train):
            print(f"  {line}")


def without_camera(query: str) -> str:
    return re.sub(r"&cam=[^&]*", "", query)


def views(what: str) -> Iterator[tuple[str, str, str | None]]:
    """Each view's title, address and panel."""
    if "=" in what or what.startswith("/"):
        yield what, what, None
        return
    for number, step in enumerate(read_lesson(LESSONS / what).steps, 1):
        for address, panel in seen_at(step):
            yield f"{number}. {step.title}{f': {address[:60]}' if address.startswith('/') else ''}", address, panel


def seen_at(step: Step) -> Iterator[tuple[str, str | None]]:
    """What a step shows, as addresses with panels: its view, that of its answer, and the pages that its text and notes link to, but no other lesson."""
    screens: list[Step | Reveal] = [step, *([step.reveal] if step.reveal else [])]
    yield from ((screen.view, screen.panel) for screen in screens)
    for text in (*(screen.text for screen in screens), step.notes):
        yield from ((address, None) for address in LINK.findall(text) if not address.startswith("/?lesson="))


def drawn_stack(method: str, n: int = MAX_EDITS, seed: int = 0) -> tuple[Edit, ...]:
    """`n` false facts of different entities of 2048, by chance and not for what they do: relation and distance are drawn for each."""
    rng = random.Random(seed)
    relations = [f"{ring}_{way}{steps}" for ring in ("I", "II", "III") for way in "CA" for steps in (1, 2, 3, 4)]
    subjects = rng.sample(range(2048), n)
    return tuple(
        Edit(each, rng.choice(relations), Target(rng.choice((1, 4, 32, 500))), method, 0, "tuned") for each in subjects
    )


async def figures(
    client: Client, address: str, panel: str | None = None, *, pictured: bool = True, train: bool = False
) -> list[str]:
    """Lines with all that is measured at an address of Explore (with or without what leads to its query), Compare or the League; without a caption it is
    quicker."""
    path, _, query = address.rpartition("?")
    match path:
        case "" | "/":
            return await explored(client, query, panel, pictured=pictured)
        case "/compare":
            return await compared(client, query, train=train)
        case "/league":
            return await in_league(client, query)
    raise ValueError(f"{address}: figures are known of Explore, Compare and the League")


async def compared(client: Client, query: str, *, train: bool) -> list[str]:
    """Of each contender its own lines."""
    state, _ = Comparison.from_query(query)
    checkpoint = options.find_checkpoint(await client.checkpoints(), state.view.checkpoint)
    found: list[str] = []
    for each in contenders(state, await client.compared()):
        told = f"{each.title} {each.preset}"
        if each.trained:
            lines = await trained(client, checkpoint, each.edits[0], anew=train)
        else:
            made = await client.edit(checkpoint.id, each.edits)
            held = f"{sum(edit.success for edit in made.there)} of {len(made.there)} took"
            lines = [held, *measured(await client.evaluation(checkpoint.id, each.edits))]
        found += [f"{told}: {line}" for line in lines]
    return found


async def trained(client: Client, checkpoint: CheckpointInfo, edit: Edit, *, anew: bool) -> list[str]:
    """Lines of an oracle, which takes a minute to train: what came of it is kept in `KEPT`, of the weights that it began from.

    Raises:
        ValueError: nothing is kept of these weights, and it is not to be trained `anew`.
    """
    key = f"{checkpoint.id} {checkpoint.sha256} {edit}"
    kept: dict[str, list[str]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if anew:
        job = await client.start_oracle(checkpoint.id, edit)
        while (now := await client.oracle(job.id)).status in ("queued", "running"):
            await asyncio.sleep(1)
        if now.error:
            raise ValueError(now.error)
        kept[key] = measured(await client.evaluation(checkpoint.id, (edit,)))
        KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if key not in kept:
        raise ValueError(
            f"nothing is kept of {edit} on {checkpoint.id}: python -m scripts.lesson_figures <lesson> --train"
        )
    return kept[key]


async def in_league(client: Client, query: str) -> list[str]:
    """A line for each row of the table."""
    view, _ = LeagueView.from_query(query)
    checkpoint = options.find_checkpoint(await client.checkpoints(), view.checkpoint)
    table = await client.league(checkpoint.id, view.set, view.distance)
    return [
        f"{row['cells']['method']['value']}: "
        + ", ".join(f"{key} {cell['text']}" for key, cell in row["cells"].items() if key != "method")
        for row in (rows(table, view) if table else [])
    ]


async def explored(client: Client, query: str, panel: str | None, *, pictured: bool) -> list[str]:
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
    found += measured(await client.evaluation(checkpoint.id, view.edits))
    return [*found, await told_by(panel, client, checkpoint, view)] if panel else found


async def told_by(name: str, client: Client, checkpoint: CheckpointInfo, view: ViewState) -> str:
    """What a panel says, as one line of text."""
    panel = PANELS[name]
    found = await panel.needs(client, checkpoint.id, view.edits)
    shown = panel.markup(
        found, Around(checkpoint, await client.world(checkpoint.id), view.edits, checkpoint.model.default_site)
    )
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", to_html(shown))))


async def caption(client: Client, checkpoint: CheckpointInfo, view: ViewState) -> str:
    picture = await client.projection(
        checkpoint.id, view.edits, relation=view.see.relation or view.relation, site=view.see.site or checkpoint.model.default_site,
        method=view.see.projection, dimensions=view.see.dimensions, align=view.see.align, n_neighbors=view.see.n_neighbors,
    )  # fmt: skip
    return f"{picture.relation}: {pictures.caption(picture, 'after' if picture.edit else 'before')}"


def edited(item: EditOutcome) -> str:
    noted = "".join(f", {name} {value:.4g}" for name, value in item.diagnostics.items())
    return (
        f"{item.spec.method}: {item.old_object} -> {item.new_object}; says {item.prediction_after}, "
        f"p = {words.percent(item.probability_after)}, change {words.percent(item.relative_delta_norm)} of the weights' norm{noted}"
    )


def in_words(result: EvaluationResult) -> list[str]:
    """Of a language model, how many answers about names whose own did not change most are right, and which answer is given most."""
    assert result.language is not None
    found = []
    for each in result.language.answers:
        columns = range(len(each.subjects))
        moved = max(columns, key=lambda i: sum(a[i] != b[i] for a, b in zip(each.after, each.before, strict=True)))
        others = [i for i in columns if i != moved]
        right = [sum(row[i] == each.truths[i] for row in rows for i in others) for rows in (each.before, each.after)]
        most = Counter(row[moved] for row in each.after).most_common(1)[0][0]
        same = [sum(row[i] == most for row in rows for i in others) for rows in (each.before, each.after)]
        n = len(each.after) * len(others)
        found.append(
            f"{each.relation}: of {n} answers about others than {each.subjects[moved]} {right[0]} right, now {right[1]}; {most} is {same[0]}, now {same[1]}, "
            f"{words.percent(same[1] / n)}"
        )
    if result.shattering.without_edited is not None:
        found.append(f"R without what was edited {result.shattering.without_edited:.3f}")
    return found


def measured(result: EvaluationResult) -> list[str]:
    """R and what moved by ring, accuracy by task and ring, edit quality."""
    found: list[str] = []
    if result.edit and result.language is not None:
        found += in_words(result)
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
