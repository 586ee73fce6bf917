"""The edits told instead: the same facts as text before the question, beside what editing them in does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from dash import html

from shatterscope.app.kit import batches, words
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.parts import Node, table, tip
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.kit.state import Edit, ViewState
from shatterscope.app.kit.words import Name
from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.wire.measures import EvaluationResult, TaskScore
from shatterscope.wire.notes import NoteObeyed, NoteResult, NotesResult
from shatterscope.wire.world import CheckpointInfo


@dataclass(frozen=True)
class Both:
    """The same facts, told and edited in. `taught`: the checkpoint to look at instead, the first that was taught to obey notes; None where this one was."""

    told: NotesResult
    edited: EvaluationResult
    taught: CheckpointInfo | None = None


async def _needs(client: Client, checkpoint: str, edits: Stack) -> Both:
    told, edited, checkpoints = await asyncio.gather(
        client.notes(checkpoint, batches.made(edits) or edits),
        client.evaluation(checkpoint, edits),
        client.checkpoints(),
    )
    taught = [each for each in checkpoints if each.notes is not None]
    here = any(each.id == checkpoint for each in taught)
    return Both(told, edited, None if here or not taught else taught[0])


def notes(found: Both, name: Name = str, instead: Node = None) -> Node:
    """`instead`: said first, of a model that was not taught to obey notes."""
    told = found.told
    return html.Div(
        [
            instead,
            html.P([_text(told, name), f" {_costs(told)}"], className="lead"),
            html.Div([_compared(found), *(_note(note, name) for note in told.notes)], className="tables"),
            html.P(_over(told), className="lead"),
        ],
        className="notes",
    )


def _text(told: NotesResult, name: Name) -> Node:
    """The text that the model is given, as it stands there."""
    said = " ".join(f"{name(note.subject)} {note.relation} {name(note.object)}" for note in told.notes)
    last = told.notes[-1]
    return html.Code([html.B(said), f" … {name(last.subject)} {last.relation} ?"], className="note-text")


def _costs(told: NotesResult) -> str:
    n = words.plural(len(told.notes), "note")
    return f"{n}, {told.tokens} of the {told.context} tokens of context, before every question that is to be answered by it."


def _compared(found: Both) -> Node:
    told, edited = found.told, found.edited
    quality = edited.quality
    behind = [each.note for note in told.notes for each in note.obeyed if each.facts]
    rows = [
        _row(
            "new answer",
            "Of the new facts, asked plainly: the share answered with the new object.",
            None if quality is None or quality.efficacy is None else quality.efficacy.accuracy.after,
            fmean(note.told.prediction == note.object for note in told.notes),
        ),
        _row(
            "behind other facts",
            "The same questions behind random true facts. Told: these stand between note and question.",
            None if quality is None or quality.generality is None else quality.generality.accuracy.after,
            fmean(behind) if behind else None,
        ),
        _row(
            "others kept",
            "Other facts that are answered as before. Edited: a sample of unrelated ones. Told: all single facts, asked directly behind the notes.",
            None if quality is None or quality.locality is None else quality.locality.accuracy.after,
            told.kept,
        ),
        html.Tr(
            [
                html.Th(
                    "direct recall",
                    scope="row",
                    **tip("Change of the share answered right, mean over the groups, behind random true facts."),
                ),
                html.Td(_recall(edited.scores)),
                html.Td(_recall(told.scores), **{"data-told": "recall"}),
            ]
        ),
        html.Tr(
            [
                html.Th(
                    "R",
                    scope="row",
                    **tip(
                        "R(D*) on the bare prompt: edit, retain and test. A note changes no weight, so nothing there can move."
                    ),
                ),
                html.Td(_R(edited.shattering)),
                html.Td(_R(told.bare), **{"data-told": "R"}),
            ]
        ),
        html.Tr(
            [html.Th("lasts", scope="row"), html.Td("in every context"), html.Td("while the note is in the context")]
        ),
    ]
    return table(("", "edited in", "told"), rows)


def _row(title: str, explained: str, edited: float | None, told: float | None) -> Node:
    def cell(value: float | None) -> str:
        return "–" if value is None else words.percent(value)

    named = html.Th(title, scope="row", **tip(explained))
    return html.Tr([named, html.Td(cell(edited)), html.Td(cell(told), **{"data-told": title})])


def _recall(scores: Sequence[TaskScore]) -> str:
    changes = [score.accuracy.change for score in scores if score.task == "direct"]
    return f"{words.points(fmean(changes))} points" if changes else "–"


def _R(found: object) -> str:
    return " / ".join(words.r_or_dash(getattr(found, part)) for part in SUB_GRAPHS)


def _note(note: NoteResult, name: Name) -> Node:
    """Bare and told answers, and a bar for each number of facts between."""
    answers = (
        f"{name(note.subject)} {note.relation}: the world says {name(note.old_object)}, the note {name(note.object)}. "
        f"Without it the answer is {_answer(name, note.bare.prediction, note.bare.probability)}, "
        f"directly behind it {_answer(name, note.told.prediction, note.told.probability)}."
    )
    head = ("facts between", "answered by the note", "", "true", "neither")
    return html.Div([html.P(answers), table(head, [_bar(each) for each in note.obeyed])], className="obeyed")


def _answer(name: Name, prediction: int, probability: float) -> str:
    return f"{name(prediction)} ({words.percent(probability)})"


def _bar(found: NoteObeyed) -> Node:
    parts = [("by-note", found.note), ("by-truth", found.truth)]
    bar = html.Div([html.Span(className=kind, style={"width": f"{100 * share:.1f}%"}) for kind, share in parts])
    return html.Tr(
        [
            html.Th(str(found.facts), scope="row"),
            html.Td(words.percent(found.note), **{"data-obeyed": f"{found.note:.4f}"}),
            html.Td(bar, className="share", **{"aria-hidden": "true"}),
            html.Td(words.percent(found.truth)),
            html.Td(words.percent(max(0.0, 1 - found.note - found.truth))),
        ]
    )


def _over(told: NotesResult) -> str:
    obeyed, direct = told.notes[0].obeyed, [score for score in told.scores if score.task == "direct"]
    asked = sum(score.n_queries for score in direct)
    return (
        f"Each row is over {words.plural(obeyed[0].n, 'random walk')} of true facts that arrive at the subject. Told, others kept is over {told.n_kept} facts "
        f"and direct recall over {asked} sampled ones. Read behind the notes instead of on the bare prompt, representations of the edited group are "
        f"R {words.r_or_dash(told.said.edit)} away from those read behind the same sentences with the true objects; for scale, these true sentences move "
        f"them by R {words.r_or_dash(told.text.edit)} from the bare ones."
    )


def _markup(found: Both, around: Around) -> Node:
    return notes(found, around.world.name, _instead(found.taught, around) if found.taught else None)


def _instead(taught: CheckpointInfo, around: Around) -> Node:
    """Leads to a note that is obeyed: what the other checkpoint opens on, edited by the same method, and told."""
    view = replace(ViewState.from_query(taught.view)[0], checkpoint=taught.id)
    if taught.view:
        made = around.edits[-1]
        view = replace(view, edits=(Edit(view.subject, view.relation, view.target, made.method, preset=made.preset),))
    address = f"/?{view.to_query()}&open={NOTES.name}"
    link = html.B(taught.id) if around.in_file else html.A(taught.id, href=address)
    return html.P(
        [
            "This model was never taught to obey notes. ",
            link,
            " was: see one obeyed there.",
        ],
        className="not-taught",
    )


NOTES = Panel(
    name="notes",
    title="Tell it instead",
    link="Tell it instead",
    lead="The same facts as notes: text before the question, and no weight changes. A model has to be taught to obey them.",
    unfold="Tell the unedited model what the edits say",
    waiting="The model is told, and asked …",
    failed="What telling it does could not be computed",
    needs=_needs,
    markup=_markup,
    of="trained",
)
