"""What stands beside an edit: facts told instead, damage foreseen, a world that is read in context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert.arrays import array
from shatterscope.backend.convert.measures import task_scores
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import CompleteSpec
from shatterscope.backend.in_context import WORDS as IN_CONTEXT_WORDS
from shatterscope.backend.in_context import Graph, ReadText
from shatterscope.backend.notes import NotesEffect
from shatterscope.backend.prediction.fit import Fitted
from shatterscope.backend.prediction.foresee import Foreseen, Reading
from shatterscope.backend.prediction.sampled import Moved, judged
from shatterscope.backend.prediction.shipped import MethodRows
from shatterscope.wire.base import SubGraph
from shatterscope.wire.in_context import InContextRequest, InContextResult
from shatterscope.wire.notes import NoteAnswer, NoteObeyed, NoteResult, NoteShattering, NotesResult
from shatterscope.wire.predictions import ExpectedDamage, FittedOn, MeasuredMove, Outside, PredictionResult


def notes_result(checkpoint: Checkpoint, found: NotesEffect, seconds: float) -> NotesResult:
    world, context = checkpoint.world, checkpoint.model.config.context
    return NotesResult(
        checkpoint=checkpoint.id,
        notes=[
            NoteResult(
                subject=each.note.subject,
                relation=world.relation_names[each.note.relation],
                object=each.note.object,
                old_object=int(world.truths[each.note.subject, each.note.relation, 0]),
                bare=NoteAnswer(**asdict(each.bare)),
                told=NoteAnswer(**asdict(each.told)),
                obeyed=[NoteObeyed(**asdict(one)) for one in each.obeyed],
            )
            for each in found.notes
        ],
        tokens=NOTE_TOKENS * len(found.notes),
        context=context,
        scores=task_scores(found.scores),
        kept=found.kept,
        n_kept=found.n_kept,
        bare=_note_shattering(found.bare),
        said=_note_shattering(found.said),
        text=_note_shattering(found.text),
        n_entities=world.n_entities,
        seconds=seconds,
    )


def prediction_result(
    checkpoint: Checkpoint,
    spec: CompleteSpec,
    reading: Reading,
    foreseen: Foreseen,
    rows: MethodRows | None,
    fitted: Fitted | None,
    stacked: bool,
) -> PredictionResult:
    """`rows` and `fitted`: of the method, where anything was measured; `stacked`: other edits stand before it."""
    world, editor = checkpoint.world, EDITORS[spec.method]
    outside: list[Outside] = [] if rows is None else rows.outside(spec)
    lines = {} if fitted is None or outside or not foreseen.features else fitted.lines
    expected = {name: (line, line.expected(foreseen.features)) for name, line in lines.items()}
    return PredictionResult(
        checkpoint=checkpoint.id,
        relation=spec.relation,
        entities=None if world.total else world.domain(world.relation(spec.relation)).tolist(),
        overlap=None if foreseen.overlaps is None else array(foreseen.overlaps.cpu().numpy()),
        margin=array(reading.margins.cpu().numpy()),
        writes="gate" if not editor.weights else "unknown" if foreseen.overlaps is None else "direction",
        expected=[ExpectedDamage(of=name, r2=line.r2, **asdict(value)) for name, (line, value) in expected.items()],
        fitted=None
        if rows is None or fitted is None
        else FittedOn(
            preset=rows.preset,
            layer=rows.layer,
            edits=fitted.n_edits,
            spearman=fitted.spearman,
            auc=fitted.auc,
        ),
        outside=[*outside, "stack"] if stacked and rows is not None else outside,
        seconds=0.0,
    )


def measured_prediction(
    found: PredictionResult,
    reading: Reading,
    foreseen: Foreseen,
    move: Moved,
    measured: Mapping[str, float | None],
) -> PredictionResult:
    """With what the edit did."""
    spearman, auc = judged(foreseen, reading, move)
    return found.model_copy(
        update={
            "expected": [each.model_copy(update={"measured": measured.get(each.of)}) for each in found.expected],
            "move": MeasuredMove(
                displacement=array(move.displacement.numpy()),
                changed=int(move.changed.sum()),
                spearman=spearman,
                auc=auc,
            ),
        }
    )


def _note_shattering(R: Mapping[SubGraph, float]) -> NoteShattering:
    return NoteShattering(edit=R["edit"], retain=R.get("retain"), test=R.get("test"))


def in_context_result(request: InContextRequest, graph: Graph, reading: ReadText, seconds: float) -> InContextResult:
    def told(name: str) -> list[float | None]:
        return [None if each is None else round(getattr(each, name), 4) for each in reading.numbers]

    return InContextResult(
        graph=request.graph,
        seed=request.seed,
        words=[IN_CONTEXT_WORDS[word] for word in reading.names],
        edges=[(int(i), int(j)) for i, j in np.argwhere(np.triu(graph.adjacency))],
        text=reading.vertices.tolist(),
        points=array(reading.points),
        share=told("share"),
        chance=told("chance"),
        energy=told("energy"),
        correlation=told("correlation"),
        loss=reading.loss.round(4).tolist(),
        floor=reading.floor.round(4).tolist(),
        seconds=seconds,
    )
