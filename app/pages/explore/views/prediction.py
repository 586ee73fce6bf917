"""What the next edit will do, in a line: R and recall, each with its error, or why that is not known."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.state import Edit
from shatterscope.wire.predictions import ExpectedDamage, PredictionResult
from shatterscope.wire.world import CheckpointInfo

OUTSIDE = {
    "parameters": "other parameters",
    "layer": "another layer",
    "restraint": "a restraint",
    "implied": "facts that are implied",
    "strength": "another strength",
}
GATED = "It changes no weight: beside this fact’s own inputs nothing is to move."


def expected(found: PredictionResult, edit: Edit, noun: str = "ring") -> Node:
    """The lines near `Apply`; they say whether there is a colour for each entity (`data-moves`). `noun`: what groups are called."""
    return html.Div(_expected(found, edit, noun), **({} if found.overlap is None else {"data-moves": "1"}))


def _expected(found: PredictionResult, edit: Edit, noun: str) -> Node:
    if found.expected:
        by = {each.of: each for each in found.expected}
        told: list[Node] = [html.B("Expected: "), _R(by["edit"]), f" on the edited {noun}"]
        if "loss" in by:
            told += [", ", _loss(by["loss"]), f" over all {noun}s"]
        if "stack" in found.outside:
            told.append(". Behind other edits the error is larger")
        return html.Span(told, **tip(fitted_on(found, theme.method_name(edit.method))))
    if found.writes == "gate":
        return GATED
    return found.problem or why_not(found, edit)


def taught(new: str) -> Node:
    """Of a fact that the model answers so already: what another edit would still move is next to nothing, and no number is worth reading."""
    return f"The model already answers {new}: there is nothing left to teach."


def played_back(checkpoint: CheckpointInfo) -> Node:
    """Of a language model that is not on this machine: which edits can be looked at, and how to make others."""
    recording = None if checkpoint.language is None else checkpoint.language.recorded
    if recording is None:
        return []
    told = f"Played back: {words.plural(recording.edits, 'edit')} were recorded on {recording.finished[:10]}. Others need the model: "
    return [told, html.Code(f"shatterscope models add {checkpoint.id}")]


def why_not(found: PredictionResult, edit: Edit) -> Node:
    """Why no R is expected."""
    if found.fitted is None:
        command = f"shatterscope predict {found.checkpoint} --method {edit.method} --ship"
        return ["No R is expected: nothing was measured here yet. To measure: ", html.Code(command)]
    ways = [OUTSIDE[each] for each in found.outside if each in OUTSIDE]
    told = " and ".join(ways)
    return f"No R is expected: this edit has {told}, and what was measured is the preset {found.fitted.preset} at layer {found.fitted.layer}."


def fitted_on(found: PredictionResult, method: str) -> str:
    assert found.fitted is not None
    r2 = {each.of: words.fixed(each.r2, 2) for each in found.expected}
    told = [f"log R {part} {r2[part]}" for part in ("edit", "retain", "test") if part in r2]
    told += [f"recall {r2['loss']}"] if "loss" in r2 else []
    return (
        f"Two of three edits lie within. From {found.fitted.edits} edits by {method} (preset {found.fitted.preset}) that were measured on this "
        f"checkpoint; r² on held-out ones: {', '.join(told)}."
    )


def _R(each: ExpectedDamage) -> str:
    low, value, high = (words.shattering(at) for at in (each.low, each.value, each.high))
    return f"R {value} ({low} to {high})"


def _loss(each: ExpectedDamage) -> str:
    value, most, least = (words.fixed(at, 0, 100) for at in (each.value, each.high, each.low))
    return f"recall −{value} points (−{most} to −{least})".replace("−0 ", "0 ").replace("−0)", "0)")
