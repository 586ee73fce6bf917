"""What is done once with a language model before it can be edited: it is asked what it knows, and its pictures are judged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from shatterscope.backend.assessment import measure_rings
from shatterscope.backend.checkpoints import RingReport
from shatterscope.backend.lm.store import Tell, load
from shatterscope.backend.spoken.files import OWN
from shatterscope.backend.spoken.knowledge import Knowledge, what_it_knows, write_knowledge
from shatterscope.backend.spoken.survey import survey
from shatterscope.backend.spoken.world import Spoken, SpokenConfig, numbered


def prepare(root: Path, name: str, tell: Tell = lambda line: None) -> Knowledge:
    """Ask the model `name` that is kept in `root`, and keep what it knows beside it. Wordings of one's own are read from its folder `wordings`.

    Raises:
        LanguageModelError: as `what_it_knows`, and where there is no such model.
        OSError: its folder cannot be written.
    """
    found = load(root, name)
    own = root / name / OWN
    knowledge = what_it_knows(found, own if own.is_dir() else None, tell)
    world = Spoken(SpokenConfig(knowledge))
    numbered(found.model, world.numbering)
    rings = asdict(measure_rings(survey(found.model, world).means(world).numpy(), world))
    report = RingReport(closed=len(rings.pop("whole")), **rings)
    knowledge = knowledge.model_copy(update={"rings": report})
    write_knowledge(root / name, knowledge)
    return knowledge
