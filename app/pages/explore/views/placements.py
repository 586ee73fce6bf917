"""Where a fact can be written: layer by token, and how the same edit fares at each."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, table
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.kit.words import Name
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
    return html.Div(
        [html.P(words.placements_over(found, name, noun), className="lead"), table(head, rows)], className="placements"
    )


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
        "search": [words.placement_ended(made)],
    }
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in told.items()])
