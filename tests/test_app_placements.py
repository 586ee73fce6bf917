"""Where a fact can be written, in words and cells: signs beside colours, the edit's own place marked, buttons only where they do something."""

from __future__ import annotations

from typing import Any

from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.pages.explore.panels.placements import placements
from shatterscope.wire.edits import EditSpec
from shatterscope.wire.measures import Change, SiteShattering
from shatterscope.wire.placements import Placement, PlacementMade, PlacementRecall, PlacementsResult


def made(rank: int, ended: Any = "reached", taken: int | None = None) -> PlacementMade:
    fell = Change(before=1.0, after=0.9, change=-0.1)
    return PlacementMade(
        edit="a", success=rank == 1 if taken is None else taken == 2, taken=int(rank == 1) if taken is None else taken, prediction=7, rank=rank,
        probability=0.5, ended=ended, steps=9, shattering=SiteShattering(site="resid_post.1", edit=0.25, retain=0.125, test=None),
        recall=PlacementRecall(all=fell, edit=fell, retain=fell, test=None),
    )  # fmt: skip


def found(*effects: PlacementMade | str, strength: float = 1.0, facts: int = 1, **parameters: Any) -> PlacementsResult:
    places = [(layer, token) for layer in range(len(effects) // 2) for token in ("relation", "subject")]
    cells = [
        Placement(
            layer=layer, token=token, own=i == 0, refused=each if isinstance(each, str) else None, made=None if isinstance(each, str) else each,
        )
        for i, ((layer, token), each) in enumerate(zip(places, effects, strict=True))
    ]  # fmt: skip
    spec = EditSpec(
        subject=3, relation="I_C1", object=9, method="memit", layer=0, parameters=parameters, strength=strength
    )
    return PlacementsResult(
        checkpoint="a", spec=spec, facts=facts, before=1, placements=cells, n_entities=64, n_relations=8, n_queries=30, n_contexts=2, seconds=0.1,
    )  # fmt: skip


def test_a_cell_says_whether_it_took_with_r_recall_and_a_way_to_write_it_there() -> None:
    shown = to_html(placements(found(made(1), made(16, "steps"), made(1), "it reaches no answer"), "2~edit"))
    assert shown.count("✓ taken") == 2
    assert shown.count("✗ not taken") == 1
    assert "– cannot be made" in shown
    assert "it reaches no answer" in shown
    assert "rank 16, p 50.0" in shown
    assert "−10.0 points" in shown
    assert shown.count("0.250") == 3
    assert "stop reached at step 9" in shown
    assert "all 9 steps taken" in shown
    assert shown.count("● this edit") == 1
    assert 'class="own" data-place="0-relation"' in shown
    assert shown.count("<button") == 2  # neither where the edit is nor where it cannot be
    assert 'aria-label="Write it here: layer 0, subject’s token"' in shown
    assert "Only layer and token differ; method, parameters and strength stay" in shown
    assert "on top of 1 edit before it" in shown
    assert "30 sampled facts" in shown


def test_strength_0_batches_and_spread_are_told() -> None:
    shown = to_html(placements(found(made(2, None), "no", strength=0.0, spread=True)))
    assert "strength 0" in shown
    assert "taken</b>" not in shown
    assert "layer 0 and on" in shown
    assert "<button" not in shown  # in a file
    batch = to_html(placements(found(made(1, taken=1), made(1, taken=2), facts=2)))
    assert "✗ taken 1 of 2" in batch
    assert "✓ taken 2 of 2" in batch
    assert "Its batch of 2 moves as a whole" in batch
