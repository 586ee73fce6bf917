"""Where a fact can be written: layer by token, and how the same edit fares at each."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import batches, words
from shatterscope.app.kit.parts import Node, table
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.kit.words import Name
from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.wire.placements import Placement, PlacementMade, PlacementsResult

WRITE = "write"  # the type of the buttons that make an edit elsewhere


def placements(found: PlacementsResult, edit: str | None = None, name: Name = str, noun: str = "ring") -> Node:
    """A row for each layer, a column for each token. `edit`: where it stands in the stack and the edit itself, for the buttons that make it elsewhere;
    without it there are none."""
    tokens = list(dict.fromkeys(place.token for place in found.placements))
    by_layer: dict[int, list[Placement]] = {}
    for place in found.placements:
        by_layer.setdefault(place.layer, []).append(place)
    onward = " and on" if found.spec.parameters.get("spread") else ""
    rows = [
        html.Tr([html.Th(f"layer {layer}{onward}", scope="row"), *(_cell(place, found, edit) for place in of_layer)])
        for layer, of_layer in by_layer.items()
    ]
    head = ("", *(f"{token}’s token" for token in tokens))
    return html.Div([html.P(_over(found, name, noun), className="lead"), table(head, rows)], className="placements")


def _cell(place: Placement, found: PlacementsResult, edit: str | None) -> Node:
    own = html.Span("● this edit", className="here") if place.own else None
    if place.made is None:
        told = [
            html.P([html.B("– cannot be made"), own], className="verdict"),
            html.P(place.refused, className="refused"),
        ]
    else:
        told = [html.P([_verdict(place.made, found), own], className="verdict"), _numbers(place.made)]
        if edit is not None and not place.own:
            told.append(
                html.Button(
                    "Write it here",
                    id={"type": WRITE, "index": f"{place.layer}~{place.token} {edit}"},
                    **{"aria-label": f"Write it here: layer {place.layer}, {place.token}’s token"},
                )
            )
    return html.Td(told, className="own" if place.own else "", **{"data-place": f"{place.layer}-{place.token}"})


def _verdict(made: PlacementMade, found: PlacementsResult) -> Node:
    if not found.spec.strength:
        return html.B("strength 0")
    of = f" {made.taken} of {found.facts}" if found.facts > 1 else ""
    return (
        html.B("✓ taken" + of)
        if made.success
        else html.B("✗ not taken" if not made.taken else f"✗ taken{of}", className="not-taken")
    )


def _numbers(made: PlacementMade) -> Node:
    R = [(part, getattr(made.shattering, part)) for part in SUB_GRAPHS]
    change = made.recall.all
    p = "–" if made.probability is None else words.percent(made.probability)
    told = {
        "new object": [f"rank {made.rank}, p {p}"],
        "R": [
            html.Span([words.r_or_dash(value), html.Span(f" {part}", className="quiet")], **{"data-r": part})
            for part, value in R
            if value is not None or part == "edit"
        ],
        "recall": ["–" if change is None else f"{words.points(change.change)} points"],
        "search": [_ended(made)],
    }
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in told.items()])


def _over(found: PlacementsResult, name: Name = str, noun: str = "ring") -> str:
    """What is the same at every place, and what its numbers are over."""
    spec, together = found.spec, found.facts > 1
    kept = f"method, parameters and strength{'' if spec.strength == 1 else f' ({spec.strength:.2f})'}"
    after = f", on top of {words.plural(found.before, 'edit')} before it" if found.before else ""
    batch = f" Its batch of {found.facts} moves as a whole; rank and p are of its last fact." if together else ""
    new = "the new object" if spec.object is None else name(spec.object)
    return (
        f"{name(spec.subject)} {spec.relation} → {new}: the same edit at every place{after}. Only layer and token differ; {kept} stay.{batch} "
        f"R is read at the last layer’s residual stream, over {found.n_entities} entities. Recall is the change of direct recall over {found.n_queries} "
        f"sampled facts of all {noun}s, each after {words.plural(found.n_contexts, 'random context')}."
    )


def _ended(made: PlacementMade) -> str:
    """How the search for the edit ended at one place."""
    if made.ended is None:
        return "none"
    return (
        f"all {words.plural(made.steps, 'step')} taken"
        if made.ended == "steps"
        else f"stop reached at step {made.steps}"
    )


def _markup(found: PlacementsResult, around: Around) -> Node:
    index = batches.last_index(around.edits)
    edit = None if around.in_file else f"{index}~{around.edits[index]}"
    return placements(found, edit, around.world.name, around.world.noun)


PLACEMENTS = Panel(
    name="placements",
    title="Where can this fact be written?",
    link="Where to write it",
    lead="Not every layer and token takes a fact, and the damage differs.",
    unfold="Make the last edit at every layer and token",
    waiting="The edit is made at every layer and token …",
    failed="Where this fact can be written could not be computed",
    needs=lambda client, checkpoint, edits: client.placements(checkpoint, edits),
    markup=_markup,
    of="trained",
    pressed=True,
)
