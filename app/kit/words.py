"""Numbers in words: the sentences a student needs, and the way figures are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from shatterscope.app.kit.spoken import AnsweredNew
from shatterscope.app.kit.state import Edit
from shatterscope.wire.edits import EditOutcome, EditResult
from shatterscope.wire.measures import Change, EvaluationResult, MeasurementInfo, SitesResult
from shatterscope.wire.world import MeasureInfo

Name = Callable[[int], str]  # of an entity

TASKS = {
    "direct": ("direct recall", "Facts seen in training."),
    "logical": (
        "logical inference",
        "Facts never seen in training, but implied by those that were, such as the way back.",
    ),
    "composition_stated": ("two steps, seen", "Two relations in a row (`x r1 r2`), seen in training."),
    "composition_held_out": ("two steps, unseen", "Two relations in a row, never seen in training."),
}

SPOKEN_TASKS = {
    "direct": (
        "recall",
        "Of all the names of its world, the true one is the most probable; over every name and every wording that is asked.",
    )
}
PERPLEXITY = (
    "exp of the mean −log p of each next token, over the last part of the help texts that ship with Python. It rises where the model has got worse at what "
    "has nothing to do with the edit."
)

SUB_GRAPHS = {
    "edit": "the {noun} that was edited",
    "retain": "a {noun} that was not edited (`retain` in the paper)",
    "test": "the other {noun} that was not edited (`test` in the paper)",
}


OUTCOME = {
    "edit": "Subject and relation of the fact that was changed, and how.",
    "taught": "What the model said before this edit → what it was taught.",
    "now says": "The answer right after this edit, to the bare question; later edits may have changed it again.",
    "p(new)": "Probability of the new object, before this edit → right after it.",
    "‖dW‖ / ‖W‖": "Size of the change, as a share of the weights that it was added to.",
    "steps": "Optimisation steps that were taken.",
    "notes": "What the method reports; hover over it for all of its numbers.",
}

QUALITY = {
    "efficacy": "The new facts themselves, asked plainly: the share that the edited model answers with the new object.",
    "generality": "The same new facts behind random true facts: the share still answered with the new object. Low where the edit works on the bare question alone.",
    "locality": "Unrelated facts: the share answered as the unedited model answered them, right or wrong. Before the edit that is all of them.",
    "portability": "Facts that follow from the new ones (under Ripples): the share answered as if the new facts held.",
    "retraction": "Facts that the new ones contradict (under Ripples): the share no longer answered as it was true before.",
}


SPOKEN_QUALITY = {
    "efficacy": "The new facts themselves, in the plain wording: the share that the edited model answers with the new object.",
    "generality": "The same new facts in the other wordings: the share answered with the new object.",
    "locality": "All other questions, in the plain wording: the share answered as the unedited model answered them, right or wrong.",
}


def fixed(value: float, places: int, scale: int = 1) -> str:
    """`scale` times a number, rounded as one does by hand: a half goes away from zero, and decimals count as they are written (0.2195 is 22.0 %,
    where the nearest binary number would give 21.9). Every rounded number of the pages goes through here."""
    if not math.isfinite(value):
        return str(value)
    exact = Decimal(repr(float(value))) * scale
    return str(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0)  # a zero has no sign


PERCENT = "\u00a0%"


def percent(value: float) -> str:
    shown = fixed(value, 1, 100)
    return f"{shown.removesuffix('.0') if shown == '100.0' else shown}{PERCENT}"


def change(share: float) -> str:
    """How large a weight change is, as a share of the weights: what is small is not nothing."""
    if share == 0:
        return "no weight"
    return percent(share) if share >= 0.0005 else f"{100 * share:.1g}\u00a0%"


def unbroken(text: str) -> str:
    """No line ends between a number and its percent sign."""
    return re.sub(r"(?<=[0-9])\s%", "\u00a0%", text)


def points(change: float) -> str:
    """A change of a fraction, in percentage points, with a true minus."""
    shown = fixed(abs(change), 1, 100)
    if shown == "0.0":
        return "±0"
    return f"{'−' if change < 0 else '+'}{shown}"


def shattering(value: float) -> str:
    if value == 0:
        return "0"
    if value < 0.0005:
        return fixed(value, 4) if value >= 0.00005 else "<0.0001"
    return fixed(value, 3 if value < 10 else 1)


def r_or_dash(value: float | None) -> str:
    """R where it may not be defined."""
    return "—" if value is None else shattering(value)


def sites_over(found: SitesResult, noun: str = "ring") -> str:
    """What R by site was computed over."""
    told = (
        f"Each is the mean over {plural(found.n_relations, 'relation')} of its {noun}, and R is over all pairs of {found.n_entities} entities: the same "
        "edit, relations and entities at every site, at the relation’s token."
        if noun == "ring"
        else f"Each is the mean over the relations of its {noun}, and R is over all pairs of the entities that a relation is asked of: the same edit, relations "
        "and entities at every site, where the answer is read."
    )
    if any(row.edit is None for row in found.sites):
        told += " —: before the edit all entities are alike there (or the edited model puts out no finite numbers), so R is not defined."
    return told


def largest_at(R: Sequence[float], layers: Sequence[str]) -> str:
    """Where along the layers R is largest, and what it is behind the last."""
    top = max(range(len(R)), key=R.__getitem__, default=None)
    if top is None or not R[top]:
        return "0 at every layer"
    first = next(i for i, value in enumerate(R) if value)
    before = f"0 before layer {layers[first]}, " if first else ""
    last = "" if top == len(R) - 1 else f", {shattering(R[-1])} at the last"
    return f"{before}largest at layer {layers[top]} ({shattering(R[top])}){last}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def settings(preset: str) -> str:
    """A preset in prose: "ROME with the paper’s settings"."""
    return {
        "paper": "the paper’s settings",
        "tuned": "tuned settings",
        "reference": "the reference’s token and settings",
        "reference-tuned": "the reference’s token, settings of ours",
    }.get(preset, f"the preset {preset}")


def model(n_edits: int) -> str:
    return "the unedited model" if n_edits == 0 else f"base + {plural(n_edits, 'edit')}"


def verdict(item: EditOutcome) -> str:
    """Whether an edit took: right after it, the model answers the new object. One at strength 0 is not there."""
    if not item.spec.strength:
        return "strength 0"
    return "✓ taken" if item.success else "✗ not taken"


def taking(item: EditOutcome, name: Name = str) -> str:
    return "Taken" if item.success else f"Not taken: {answers(item, name)}"


def failure(made: EditResult | None) -> str:
    """For a title, which edits did not take; empty where all did."""
    if made is None or not made.failed:
        return ""
    return "not taken" if len(made.there) == 1 else f"{len(made.failed)} of {len(made.there)} not taken"


def failure_told(made: EditResult | None, name: Name = str) -> str:
    """The same as a sentence."""
    if made is None or not made.failed:
        return ""
    if len(made.there) > 1:
        return f"{len(made.failed)} of {len(made.there)} edits did not take."
    return f"The edit did not take: {answers(made.failed[0], name)}."


def answers(item: EditOutcome, name: Name = str) -> str:
    """What is said right after an edit that did not take."""
    still = "still " if item.prediction_after == item.prediction_before else ""
    return f"the model {still}answers {name(item.prediction_after)}"


def written_at(item: EditOutcome) -> str:
    """Where an edit was written, if not where the answer is read."""
    token = item.spec.parameters.get("token", "relation")
    return "" if token == "relation" else f"at the {token}’s token"


def target(edit: Edit, name: Name = str) -> str:
    if edit.target.object is not None:
        return f"→ {name(edit.target.object)}"
    return f"d = {edit.target.distance}".replace("-", "−")


def fact(item: EditOutcome, name: Name = str) -> str:
    """What an edit taught."""
    return f"{name(item.spec.subject)} {item.spec.relation} → {name(item.new_object)}"


def magnified(factor: float) -> str:
    """Said where a scene has another scale than the one before the edit: how many times larger it is drawn, and why."""
    if _times(max(factor, 1 / factor)) == _times(1):
        return ""
    if factor > 1:
        return f"shown enlarged {_times(factor)} (the cloud has shrunk)"
    return f"shown reduced {_times(1 / factor)} (the cloud has grown)"


def scaled(scale: str) -> str:
    return "at the scale of Before" if scale == "same" else ""


def _times(factor: float) -> str:
    return f"{factor:.1f}x" if factor < 100 else f"{factor:.0f}x"


def r_explained(sub_graph: str, title: str, n_entities: int, n_relations: int, noun: str = "ring") -> str:
    return (
        f"How much the distances between {f'all {n_entities}' if noun == 'ring' else 'the'} representations changed, as a share of what they were: "
        f"R = ‖D* − D‖ / ‖D‖, the mean over the {plural(n_relations, 'relation')} of {title}, {SUB_GRAPHS[sub_graph].format(noun=noun)}. 0 means nothing moved."
    )


def r_in_words(value: float, measures: Sequence[MeasurementInfo] = (), noun: str = "ring") -> str:
    """R of the edited ring as a sentence, and what else is measured there."""
    if value == 0:
        return "Nothing has moved: this is the unedited model."
    return " ".join(
        [f"Distances {on(noun)} the edited {noun} changed by {percent(value)}.", *map(told, measures)]
    ).strip()


def told(item: MeasurementInfo) -> str:
    """A measure in a sentence; nothing where it has no number."""
    return "" if item.value is None else item.sentence.format(value=measured(item, item.value))


def measured(item: MeasureInfo, value: float | None) -> str:
    return percent(value) if item.format == "share" and value is not None else steps(value)


def explained(measures: Sequence[MeasureInfo]) -> str:
    """What each number is, for a tooltip."""
    return " ".join(f"{each.title}: {each.explained}" for each in measures)


def steps(value: float | None) -> str:
    """A number of no known size."""
    return "–" if value is None else fixed(value, 2 if value < 10 else 1)


def origin(package: str | None) -> str:
    """Whose method it is, where it is not ours."""
    return f"From the package {package}, which is no part of Shatterscope." if package else ""


def on(noun: str) -> str:
    """Things are on a ring, and in a group."""
    return "on" if noun == "ring" else "in"


def replaced(item: EditOutcome, name: Name = str) -> str:
    """The old object of an edit, and that it is not the only one where it is not."""
    return f"{name(item.old_object)}{one_of(1 + len(item.also_true))}"


def one_of(n: int) -> str:
    """Of several objects that are right."""
    return f", one of {n} right answers" if n > 1 else ""


def taught(item: EditOutcome, question: str, by: str, on: str, name: Name = str) -> str:
    """What an edit did, as a title: the question, both answers, by what it was done and on which model."""
    true, new = item.old_object == item.new_object, name(item.new_object)
    answer = f"{new}, which is true" if true else f"{new} instead of {replaced(item, name)}"
    return f"{question} Taught: {answer}, by {by}, on {on}"


def blank(wording: str) -> str:
    """A way of asking a language model, with a blank for the name."""
    return wording.replace("{subject}", "___").replace("{k}", "k")


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def asked_in(names: int, wordings: int) -> str:
    """What the answers of a language model are over."""
    return f"{plural(names, 'name')} × {plural(wordings, 'wording')}."


def answered_right(before: int, lost: int, found: int, n: int, edited: bool = True) -> str:
    """Of `n` answers of a language model, so many were right before; of these, some are lost, and `found` others are right now."""
    if not edited:
        return f"{before} of {n} answers are right."
    new = f", and {plural(found, 'other')} {'is' if found == 1 else 'are'} right now" if found else ""
    return f"Of {plural(before, 'right answer')} {lost or 'none'} {'are' if lost > 1 else 'is'} lost{new}."


def answer_new(found: AnsweredNew, new: str, names: int) -> str:
    """How many names answer the new object of an edit."""
    (most_before, most), (_, some) = found.most, found.some
    return f"{new} is now the answer to {most} of {plural(names, 'name')} in most wordings (before the edit to {most_before}), and to {some} in at least one."


def perplexity(found: Change, n: int) -> str:
    """How well a language model still predicts text that is about something else."""
    was, now = fixed(found.before, 2), fixed(found.after, 2)
    return f"Perplexity of other text: {was if was == now else f'{was} → {now}'}, over {n} tokens."


def measured_over(found: EvaluationResult, noun: str = "ring") -> str:
    scores = found.scores
    if not scores:
        return "There is no question to ask."
    score = scores[0]
    if found.language is not None:
        return "Every name of a group in every wording that is asked: the share of right answers."
    sampled = "all" if score.n_queries == score.n_available else f"{score.n_queries} sampled"
    return f"Over {sampled} queries per task and {noun}, each after {plural(score.n_contexts, 'random context')} without its answer."


def diagnostics(item: EditOutcome, d_mlp: int) -> list[str]:
    """What the method has to say of itself, in sentences; `d_mlp` is the length of a key."""
    found, parts = item.diagnostics, []
    for name, value in found.items():
        kind, _, layer = name.partition(".")
        if kind == "null_space_rank":
            share = found.get(f"key_in_null_space.{layer}")
            inside = "" if share is None else f"; {percent(share)} of the fact's own key lies there"
            parts.append(
                f"Null space of layer {layer}: {value:.0f} of {d_mlp} directions are free to change (rank P){inside}."
            )
    if "contexts_covered" in found:
        parts.append(
            f"Codebook entry with radius {found['radius']:.2f}: it covers {percent(found['contexts_covered'])} of the contexts it was computed with."
        )
    if "largest_change" in found:
        parts.append(f"No weight changed by more than {found['largest_change']:.2g}.")
    if item.spec.restraint is not None:
        factor = {name: value for name, value in found.items() if name.startswith("restraint_factor.")}
        left = {name: value for name, value in found.items() if name.startswith("restraint_left.")}
        longer = (
            f", and made it {', '.join(f'{value:.2f}' for value in factor.values())} times as long" if factor else ""
        )
        missing = f"; {percent(max(left.values()))} of the values is missing" if left else ""
        parts.append(f"{item.spec.restraint.name.upper()} filtered the change{longer}{missing}.")
    if found.get("residual_left", 0) >= 0.005:
        parts.append(f"{percent(found['residual_left'])} of the wanted change is missing.")
    return parts


def raw_diagnostics(item: EditOutcome) -> str:
    """All of the method's own numbers, by their names in the API."""
    return "; ".join(f"{name} = {value:.4g}" for name, value in item.diagnostics.items())


def outcome(item: EditOutcome, d_mlp: int, name: Name = str) -> str:
    """What an edit did, for its chip's tooltip."""
    if not item.spec.strength:
        return f"At strength 0 this edit is not there: the model answers {name(item.prediction_after)}, as without it."
    said = f"Taken: the model now answers {name(item.prediction_after)}" if item.success else taking(item, name)
    where = written_at(item)
    steps = plural(item.steps, "optimisation step")
    share = item.relative_delta_norm
    size = f"The change is {change(share)} of the weight's norm" if share else "No weight was changed"
    text = (
        f"{said} (p = {item.probability_after:.2f} for {name(item.new_object)}, before {item.probability_before:.2f}). "
        f"{size}{f', {where}' if where else ''}, after {steps}."
    )
    return " ".join([text, *diagnostics(item, d_mlp), *item.warnings])
