"""Notes told before the question: computed, remembered."""

from __future__ import annotations

import time

from shatterscope.backend import convert
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.measures import asked
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.edits import EditError, new_fact
from shatterscope.backend.evaluation import Note
from shatterscope.backend.notes import most_notes, tell
from shatterscope.wire.notes import NotesRequest, NotesResult


async def get_notes(laboratory: Laboratory, request: NotesRequest) -> NotesResult:
    """What the notes do.

    Raises:
        ProblemError: 422 for a note about no fact, or more than the context has room for, naming the field.
    """
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    notes = []
    for i, spec in enumerate(request.notes):
        try:
            relation, object = new_fact(checkpoint.world, **spec.model_dump())
        except EditError as error:
            raise invalid(f"body.notes.{i}.{error.field}", error.message) from None
        notes.append(Note(spec.subject, relation.index, object))
    context, most = checkpoint.model.config.context, most_notes(checkpoint.model.config.context)
    if len(notes) > most:
        raise invalid(
            "body.notes", f"a context of {context} tokens has room for {most} notes and a question; leave some out"
        )

    def job() -> NotesResult:
        start = time.perf_counter()
        found = tell(checkpoint, notes, n_contexts=request.contexts, queries=request.queries, seed=request.seed)
        return convert.notes_result(checkpoint, found, time.perf_counter() - start)

    told = ",".join(f"{note.subject}-{note.relation}-{note.object}" for note in notes)
    result = await laboratory.compute(f"notes/{checkpoint.identity}/{told}/{asked(request)}", job)
    return result.model_copy(update={"checkpoint": checkpoint.id})
