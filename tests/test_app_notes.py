"""What telling does, in words and cells beside what editing does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.state import Edit, Target
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore.panels import Around
from shatterscope.app.pages.explore.panels.notes import NOTES, Both, notes
from shatterscope.backend import convert
from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.settings import REPOSITORY
from shatterscope.wire.measures import (
    Change,
    EditQuality,
    EvaluationResult,
    Movement,
    Movements,
    Shattering,
    TaskScore,
    WantedAnswers,
)
from shatterscope.wire.notes import NoteAnswer, NoteObeyed, NoteResult, NoteShattering, NotesResult


def score(change: float) -> TaskScore:
    fell = Change(before=1.0, after=1.0 + change, change=change)
    return TaskScore(
        task="direct", order="I", sub_graph="edit", accuracy=fell, probability=fell, n_queries=20, n_available=90, n_contexts=2
    )  # fmt: skip


def both(obeyed: float, quality: bool = True) -> Both:
    wanted = WantedAnswers(
        accuracy=Change(before=0, after=1, change=1), probability=Change(before=0, after=1, change=1), n_queries=1
    )
    still = Movement(moved=0, strain=0)
    edited = EvaluationResult(
        checkpoint="a", edit="b", scores=[score(-0.08)],
        shattering=Shattering(per_relation={}, edit=0.25, retain=0.125, test=None, n_entities=64),
        movement=Movements(per_relation={}, edit=still, retain=None, test=None, n_entities=64), measures=[], damage=[], ripples=[],
        quality=EditQuality(efficacy=wanted, generality=None, locality=wanted, portability=None) if quality else None, seconds=0.1,
    )  # fmt: skip
    note = NoteResult(
        subject=3, relation="I_C1", object=9, old_object=4, bare=NoteAnswer(prediction=4, probability=0.75, note=0.0),
        told=NoteAnswer(prediction=9, probability=0.5, note=0.5),
        obeyed=[NoteObeyed(facts=i, note=obeyed, truth=1 - obeyed, probability=obeyed, n=100) for i in range(3)],
    )  # fmt: skip
    nothing = NoteShattering(edit=0.0, retain=0.0, test=None)
    some = NoteShattering(edit=0.0625, retain=0.0, test=None)
    told = NotesResult(
        checkpoint="a", notes=[note], tokens=3, context=16, scores=[score(-0.02)], kept=0.9, n_kept=99, bare=nothing, said=some, text=some,
        n_entities=64, seconds=0.1,
    )  # fmt: skip
    return Both(told, edited)


def test_told_stands_beside_edited_in() -> None:
    shown = to_html(notes(both(0.96)))
    assert "3 I_C1 9" in shown
    assert "3 of the 16 tokens" in shown
    assert "0.250 / 0.125 / —" in shown
    assert "0 / 0 / —" in shown
    assert "−8.0 points" in shown
    assert "−2.0 points" in shown
    assert "Without it the answer is 4 (75.0" in shown
    assert shown.count('data-obeyed="0.9600"') == 3
    assert "R 0.063" in shown


def test_what_was_not_measured_is_a_dash() -> None:
    assert to_html(notes(both(0.0, quality=False))).count("<td>–</td>") == 3


@pytest.mark.parametrize("in_file", [False, True])
def test_a_model_that_was_not_taught_to_obey_leads_to_one_that_was(in_file: bool) -> None:
    here = load_checkpoint(REPOSITORY / "models_cache" / "rings-small")
    there = load_checkpoint(REPOSITORY / "models_cache" / "rings-notes")
    edit = Edit(3, "I_C1", Target(60), "memit", layer=1, preset="paper", strength=0.5)
    around = Around(convert.checkpoint_info(here, default=False), World(convert.world_info(here)), (edit,), "", in_file)
    found = replace(both(0.5), taught=convert.checkpoint_info(there, default=False))
    shown = to_html(NOTES.markup(found, around))
    assert "rings-notes" in shown
    address = "/?c=rings-notes&amp;q=5~I_C3&amp;t=d32&amp;e=5~I_C3~d32~memit~~paper~1&amp;open=notes"
    assert (f'href="{address}"' in shown) != in_file  # a file has no server behind it
    assert "not-taught" not in to_html(NOTES.markup(both(0.5), around))
