"""The tables of docs/LANGUAGE_MODELS.md on months in a language model, from the recording that ships: `python -m scripts.months_table`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from shatterscope.backend.spoken.recording import SHIPPED, RecordedStack, read_recording

MONTHS, WEEKDAYS = "months_next1", "weekdays_next1"
FILE = SHIPPED / "smollm2.json.gz"
HEAD = """| protection | steps from the truth | edits | written | in other wordings | other months answer it | other months right | weekdays | capitals, continents | perplexity | R | R of the others |
| -- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"""
OTHERS_HEAD = """| method | preset | layer | edits | written | in other wordings | others answer it | others right | R | R of the others |
| -- | -- | --: | --: | --: | --: | --: | --: | --: | --: |"""


@dataclass(frozen=True)
class Effect:
    """Of one stack of edits of one ring. Shares and changes are over names and wordings; `leak`: of the other names' answers those that are a new object and
    were not before; `right`: change of the share of other names that are answered right."""

    written: float
    generality: float
    leak: float
    right: float
    weekdays: float
    countries: float
    perplexity: float
    R: float
    R_others: float


def effect(record: RecordedStack) -> Effect:
    edits, found = record.result.edits, record.evaluation
    assert found.language is not None
    relation = edits[0].spec.relation
    asked = next(each for each in found.language.answers if each.relation == relation)
    new = {edit.spec.subject: edit.new_object for edit in edits}
    objects = set(new.values())
    others = [i for i, subject in enumerate(asked.subjects) if subject not in new]
    own = [i for i, subject in enumerate(asked.subjects) if subject in new]
    wordings = range(len(asked.wordings))

    def share(of: Callable[[int, int], bool], columns: Sequence[int], start: int = 0) -> float:
        asked_of = [of(w, i) for w in wordings[start:] for i in columns]
        return fmean(asked_of) if asked_of else math.nan

    change = {each.order: each.accuracy.change for each in found.scores}
    return Effect(
        written=fmean(edit.success for edit in edits),
        generality=share(lambda w, i: asked.after[w][i] == new[asked.subjects[i]], own, 1),
        leak=share(lambda w, i: asked.after[w][i] in objects and asked.before[w][i] not in objects, others),
        right=share(lambda w, i: asked.after[w][i] == asked.truths[i], others)
        - share(lambda w, i: asked.before[w][i] == asked.truths[i], others),
        weekdays=change["weekdays"],
        countries=change["countries"],
        perplexity=found.language.perplexity.change,
        R=found.shattering.edit,
        R_others=math.nan if found.shattering.without_edited is None else found.shattering.without_edited,
    )


def table(records: Sequence[RecordedStack]) -> Iterator[str]:
    """Every month by ROME, by distance, without and with protection: means over twelve edits, and in brackets the standard deviation."""
    for protected in (False, True):
        for distance in range(1, 7):
            found = [
                effect(each)
                for each in records
                if (edit := each.result.edits[0]).spec.relation == MONTHS
                and len(each.result.edits) == 1
                and _preset(each) == ("rome", "protected" if protected else "tuned")
                and edit.distance == distance
            ]
            if found:
                yield _row("with" if protected else "without", distance, found)


def _row(protection: str, distance: int, found: Sequence[Effect]) -> str:
    def points(name: str) -> str:
        values = [100 * getattr(each, name) for each in found]
        return f"{fmean(values):+.1f} ({stdev(values):.1f})"

    def mean(name: str, form: str) -> str:
        return format(fmean(getattr(each, name) for each in found), form)

    cells = (
        protection,
        str(distance),
        str(len(found)),
        mean("written", ".2f"),
        mean("generality", ".2f"),
        f"{mean('leak', '.2f')} ({stdev(each.leak for each in found):.2f})",
        points("right"),
        points("weekdays"),
        points("countries"),
        mean("perplexity", "+.2f"),
        f"{mean('R', '.3f')} ({stdev(each.R for each in found):.3f})",
        mean("R_others", ".3f"),
    )
    return f"| {' | '.join(cells)} |"


def others(records: Sequence[RecordedStack]) -> Iterator[str]:
    """May to March by every method, all months in one batch, and weekdays."""
    groups: dict[tuple[str, str, int, str], list[RecordedStack]] = {}
    for each in records:
        first, n = each.result.edits[0], len(each.result.edits)
        method, preset = _preset(each)
        if first.spec.relation == WEEKDAYS:
            what = f"weekdays, {first.distance} from the truth"
        elif n > 1:
            what = f"all {n} months at once, {first.distance} from the truth"
        elif preset not in ("tuned", "protected") or method != "rome":
            what = "May"
        else:
            continue
        layer = 0 if first.spec.layer is None else first.spec.layer
        groups.setdefault((method, preset, layer, what), []).append(each)
    for (method, preset, layer, what), found in groups.items():
        made = [effect(each) for each in found]

        def mean(name: str, form: str, made: list[Effect] = made) -> str:
            values = [getattr(each, name) for each in made]
            return "–" if any(map(math.isnan, values)) else format(fmean(values), form)

        cells = (
            f"{method}: {what}",
            preset,
            str(layer),
            str(len(made)),
            mean("written", ".2f"),
            mean("generality", ".2f"),
            mean("leak", ".2f"),
            "–" if math.isnan(made[0].right) else f"{100 * fmean(each.right for each in made):+.1f}",
            mean("R", ".3f"),
            mean("R_others", ".3f"),
        )
        yield f"| {' | '.join(cells)} |"


def _preset(record: RecordedStack) -> tuple[str, str]:
    """Method, and the language preset whose parameters the edit has."""
    from shatterscope.backend.editors import EDITORS

    spec = record.result.edits[0].spec
    editor = EDITORS[spec.method]
    for name, preset in editor.language.items():
        if editor.parameters(**preset.parameters).model_dump() == editor.parameters(**spec.parameters).model_dump():
            return spec.method, name
    return spec.method, "own"


def main() -> None:
    found = read_recording(FILE)
    print(HEAD, *table(found.records), "", OTHERS_HEAD, *others(found.records), sep="\n")


if __name__ == "__main__":
    main()
