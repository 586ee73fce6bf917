"""The answer to the question: truth, what the model says now, its five likeliest answers."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import words
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.words import Name
from shatterscope.app.kit.world import World
from shatterscope.wire.world import Answer, FactInfo

PLAIN = "The model goes on with this text. All answers in its other wordings are below: Answers by wording."
MOST = 3  # right answers that are named


def question(world: World, subject: int, relation: str) -> Node:
    """The question; of a language model also the text that it goes on with."""
    asked = world.question(subject, relation)
    if not world.spoken:
        return asked
    text = html.Span(f"“{world.wordings(subject, relation)[0]} …”", className="asked-as", **tip(PLAIN))
    return [asked, text]


def truth(base: FactInfo, name: Name = str, spoken: bool = False) -> Node:
    """`spoken`: of a language model, of whose training nothing is known."""
    stated = "A fact seen in training." if base.stated else "Never seen in training: the model has to infer it."
    stated = "As the world has it; nothing of it was taught here." if spoken else stated
    right = [name(each) for each in base.objects or [base.object]]
    if len(right) <= MOST:
        return html.Span(" or ".join(right), **tip(stated))
    shown, more = right[: MOST - 1], len(right) - MOST + 1
    return html.Span(
        [" or ".join(shown), html.Span(f" or {more} others", className="quiet")], **tip(f"{stated} {', '.join(right)}.")
    )


def no_truth(subject: str, relation: str) -> Node:
    return html.Span("–", **tip(f"{subject} has no {relation}."))


def answer(base: FactInfo, edited: FactInfo, name: Name = str) -> list[Node]:
    now = edited.top[0] if edited.top else Answer(object=edited.prediction, probability=0.0)
    right = edited.prediction in (edited.object, *edited.objects)
    mark = html.Span("✓" if right else "✗", className="mark", title="the truth" if right else "not the truth")
    shown = [
        html.Span(name(edited.prediction), className="answer-now", **{"data-right": str(right).lower()}),
        mark,
        html.Span(words.percent(now.probability), className="quiet"),
    ]
    if edited.prediction != base.prediction:
        shown.append(html.Span(f"was {name(base.prediction)}", className="was"))
    return shown


def top(base: FactInfo, edited: FactInfo, changed: bool, name: Name = str) -> list[Node]:
    """The five likeliest answers as bars; the unedited model's probability stays as a thin line."""
    before = {item.object: item.probability for item in base.top}
    rows = []
    for item in edited.top[:5]:
        was = before.get(item.object, 0.0)
        role = (
            "truth"
            if item.object in (edited.object, *edited.objects)
            else ("raised" if changed and item.probability > was + 0.005 else "")
        )
        rows.append(
            html.Div(
                [
                    html.Span(name(item.object), className="entity"),
                    html.Span(
                        [
                            html.Span(className="fill", style={"width": f"{100 * item.probability:.1f}%"}),
                            html.Span(className="tick", style={"left": f"{100 * was:.1f}%"}) if changed else None,
                        ],
                        className="track",
                    ),
                    html.Span(words.percent(item.probability), className="number"),
                ],
                className=f"bar-row {role}".strip(),
            )
        )
    return rows
