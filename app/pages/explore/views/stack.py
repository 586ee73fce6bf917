"""The edit stack as chips, and what each edit did."""

from __future__ import annotations

from collections.abc import Collection

from dash import html

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.batches import Stack, joined, made
from shatterscope.app.kit.batches import obstacle as obstacle_to
from shatterscope.app.kit.parts import Node, table, tip
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.words import Name
from shatterscope.wire.edits import EditOutcome, EditResult


def chips(
    edits: Stack, result: EditResult | None, batching: Collection[str], d_mlp: int, name: Name = str
) -> list[Node]:
    """`batching`: the methods whose edits can be joined into one batch; `d_mlp`: the length of an MLP's keys."""
    shown: list[Node] = [html.Span(["model = ", html.B("base")], className="equation")]
    if not edits:
        shown.append(html.Span("no edits yet", className="quiet"))
    for index, edit in enumerate(edits):
        done = result.edits[index] if result is not None else None
        where = words.fact(done, name) if done else f"{name(edit.subject)} {edit.relation} {words.target(edit, name)}"
        note = words.outcome(done, d_mlp, name) if done else "Not computed yet."
        detail = _detail(done) if done else ""
        method = theme.method_name(edit.method)
        strength = "" if edit.strength == 1 else f"× {edit.strength:.2f}" if edit.strength else "strength 0"
        how = f"{method}{f', {edit.preset}' if edit.preset else ''}, at strength {edit.strength:.2f}. "
        where_written = words.written_at(done).removeprefix("at the ") if done else ""
        quiet = " · ".join(part for part in (detail, method, *_switches(edit, done), where_written, strength) if part)
        failed = " failed" if done and edit.strength and not done.success else ""
        mark = html.Span(words.verdict(done), className="not-taken") if done and failed else None
        shown.append(_between(edits, index, batching))
        shown.append(
            html.Span(
                [
                    html.Span([html.B(where), mark, html.Span(quiet, className="quiet")], **tip(how + note)),
                    html.Button(
                        "×",
                        id={"type": "remove", "index": f"{index}~{edit}"},
                        **{"aria-label": f"remove edit {index + 1}"},
                    ),
                ],
                className=f"chip edit{failed}{'' if edit.strength else ' absent'}{_place(edits, index)}",
                role="listitem",
            )
        )
    if edits:
        shown[0] = html.Span(
            ["model = ", html.B("base"), f" + {words.plural(len(made(edits)), 'edit')}:"], className="equation"
        )
        del shown[1]
    return shown


def _switches(edit: Edit, done: EditOutcome | None) -> list[str]:
    """The restraint, and that it was made with all that it implies."""
    restraint = [edit.restraint.upper()] if edit.restraint else []
    if not edit.implied:
        return restraint
    return [*restraint, "with all it implies" if done is None else f"with {len(done.implied)} implied"]


def _detail(done: EditOutcome) -> str:
    if done.kind == "corrective":
        return "corrective"
    return f"d = {done.distance}" if done.distance >= 0 else ""


def _between(edits: Stack, index: int, batching: Collection[str]) -> Node:
    """What stands before an edit: a plus, which joins it with the one before where they can be one batch."""
    if not index:
        return html.Span("+", className="plus")
    one = joined(edits, index)
    obstacle = None if one else obstacle_to(edits, index, batching)
    if obstacle is not None:
        return html.Span("+", className="plus", **{"data-tip": obstacle})
    told = (
        "One batch: written together, by one change of the weights. Press to make them one after the other again."
        if one
        else "One after the other. Press to write both together, by one change of the weights: one batch."
    )
    button = html.Button(
        "&" if one else "+",
        id={"type": "join", "index": f"{index}~{edits[index]}"},
        className="join joined" if one else "join",
        **{"aria-label": f"edits {index} and {index + 1}: {told}", "aria-pressed": str(one).lower(), "data-tip": told},
    )
    return html.Span(button, role="listitem")  # a list has nothing else in it


def _place(edits: Stack, index: int) -> str:
    """Classes of a chip within its batch."""
    return f"{' follows' if joined(edits, index) else ''}{' leads' if joined(edits, index + 1) else ''}"


def outcomes(result: EditResult | None, d_mlp: int, name: Name = str) -> Node:
    if result is None:
        return html.P("Nothing yet: the model is the unedited one.", className="lead")
    head = tuple(html.Span(column, **tip(explained)) for column, explained in words.OUTCOME.items())
    rows = [
        html.Tr(
            [
                html.Td([f"{name(item.spec.subject)} {item.spec.relation}", _how(item, name)]),
                html.Td([f"{name(item.prediction_before)} → {name(item.new_object)}", *_left(item, name)]),
                html.Td(
                    [
                        f"{name(item.prediction_after)} ",
                        html.Span(words.verdict(item), className="bad" if item in result.failed else ""),
                    ]
                ),
                html.Td(f"{item.probability_before:.3f} → {item.probability_after:.3f}"),
                html.Td(words.change(item.relative_delta_norm)),
                html.Td(str(item.steps)),
                html.Td(_notes(item, d_mlp), className="prose"),
            ]
        )
        for item in result.edits
    ]
    return table(head, rows)


def _how(item: EditOutcome, name: Name) -> Node:
    behind, most = "", item.spec.parameters.get("most_layers")
    if item.spec.parameters.get("spread"):
        behind = f" to {(item.spec.layer or 0) + most - 1}" if most else " and on"
    where = words.written_at(item)
    told = f"{item.spec.method}, layer {item.spec.layer}{behind}{f', {where}' if where else ''}"
    told += f", through {item.spec.restraint.name.upper()}" if item.spec.restraint else ""
    if not item.spec.batch:
        return html.Span([told, *_implied(item, name)], className="how")
    together = "Written together with its neighbours: the change and the steps are those of the whole batch."
    return html.Span([html.Span(f"{told}, one batch", **tip(together)), *_implied(item, name)], className="how")


def _implied(item: EditOutcome, name: Name) -> list[Node]:
    if not item.spec.implied:
        return []
    facts = [f"{name(each.subject)} {' '.join(each.relations)} → {name(each.new_object)}" for each in item.implied]
    told = f", with {words.plural(len(facts), 'fact')} that it implies"
    return [html.Span(told, **tip("; ".join(facts) or "The model answered them so already."))]


def _left(item: EditOutcome, name: Name) -> list[Node]:
    """Of a fact with several objects, which one is replaced, and which are left."""
    if not item.also_true or item.kind == "corrective":
        return []
    left = f"{words.plural(len(item.also_true), 'other answer')} {'stay' if len(item.also_true) > 1 else 'stays'} true"
    some = ", ".join(map(name, item.also_true[:8])) + (", …" if len(item.also_true) > 8 else "")
    return [html.Span(f"for {name(item.old_object)}; {left}", className="how", **tip(some))]


def _notes(item: EditOutcome, d_mlp: int) -> Node:
    told = " ".join([*words.diagnostics(item, d_mlp), *item.warnings]) or "–"
    return html.Span(told, **tip(words.raw_diagnostics(item))) if item.diagnostics else told
