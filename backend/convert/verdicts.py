"""Whether a picture still has its shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple

from shatterscope.backend.shapes import STATISTICS, Judgement, Kind, Measured, followed
from shatterscope.backend.shapes.verdict import WORDS
from shatterscope.backend.verdicts import CKA, Side
from shatterscope.wire.pictures import (
    DiagnosticsInfo,
    JudgementInfo,
    StatisticInfo,
    StatisticValue,
)
from shatterscope.wire.verdicts import AgainstChance, StatisticChange, Verdict


def judgement(found: Judgement, kind: str) -> JudgementInfo:
    statistics = [
        StatisticInfo(
            name=name,
            title=STATISTICS[name].title,
            sentence=STATISTICS[name].sentence,
            value=each.value,
            chance=each.chance,
            chance_95=each.chance_95,
        )
        for name, each in found.statistics.items()
        if _finite(each)
    ]
    return JudgementInfo(kind=kind, word=found.word, title=found.title, sentence=found.sentence, statistics=statistics)


def verdict(found: DiagnosticsInfo) -> Verdict:
    if found.judgement is not None:
        return Verdict(word=found.judgement.word, title=found.judgement.title, sentence=found.judgement.sentence)
    title, sentence = WORDS[found.shape.verdict]
    return Verdict(word=found.shape.verdict, title=title, sentence=sentence)


def statistic_values(found: Mapping[str, float]) -> list[StatisticValue]:
    return [
        StatisticValue(name=name, title=STATISTICS[name].title, value=value)
        for name, value in found.items()
        if math.isfinite(value)
    ]


def statistic_changes(kind: Kind, before: Side, after: Side) -> list[StatisticChange]:
    """Those that are finite before and after; CKA comes last."""
    follow = followed(kind)
    found = [
        StatisticChange(
            name=name,
            title=STATISTICS[name].title,
            term=STATISTICS[name].term,
            sentence=STATISTICS[name].sentence,
            of="picture",
            follows=name in follow,
            before=_against(was),
            after=_against(after.statistics[name]),
        )
        for name, was in before.statistics.items()
        if _finite(was) and _finite(after.statistics[name])
    ]
    if _finite(before.cka) and _finite(after.cka):
        cka = StatisticChange(
            name="cka",
            title=CKA.title,
            term=CKA.term,
            sentence=CKA.sentence,
            of="representations",
            follows=False,
            before=_against(before.cka),
            after=_against(after.cka),
        )
        found.append(cka)
    return found


def _finite(found: Measured) -> bool:
    return all(map(math.isfinite, astuple(found)))


def _against(found: Measured) -> AgainstChance:
    return AgainstChance(
        value=found.value, chance=found.chance, chance_95=found.chance_95, above_chance=found.beats_chance
    )
