"""What a language model knows of months, weekdays and countries: each wording of each question, asked about every name.

An answer is the name that is most probable of all those of the world, as for models that were trained here; `outright` is the share where it is the most probable
token of all. A wording counts as known from `KNOWN` on, and the first so many known ones of a file are asked from then on: as for a trained model
what it was never taught is not counted against it. The rest is told beside.

The findings are kept with the model (`knowledge.json`): with names and wordings in tokens, they are all that its world is made of.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.checkpoints import RingReport
from shatterscope.backend.files import UnreadableFile, read_file, read_json
from shatterscope.backend.lm.pretrained import LanguageModelError, first_problem
from shatterscope.backend.lm.store import WEIGHTS, LoadedModel
from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.spoken.files import Words, read_all
from shatterscope.backend.worlds.calendar import CIRCLES, ONE

COUNTRIES = Path(__file__).parent.parent / "worlds" / "data" / "countries.csv"

FORMAT = 1
KNOWLEDGE = "knowledge.json"
MOST_BYTES = 1024 * 1024
KNOWN = 0.7
ASKED = {
    "months": 6,
    "weekdays": 6,
    "countries": 1,
}  # wordings of each relation of a group, at most: controls are asked one way
MOST_STEPS = 6
CONTINENTS = {"Africa": "Africa", "Americas": "America", "Asia": "Asia", "Europe": "Europe"}
LEAST_COUNTRIES = 8

Tell = Callable[[str], None]


class MeasuredWording(BaseModel):
    """One wording. `before` and `after` are token ids of the model; `accuracy` and `outright` as the module says; `steps`: the same accuracy when it is asked for
    so many steps, of a wording that names them."""

    model_config = ConfigDict(extra="forbid")

    text: str
    before: list[int]
    after: list[int]
    accuracy: float
    outright: float
    steps: dict[int, float] = {}
    asked: bool = False


class KnownRelation(BaseModel):
    """`facts`: (subject, object) by their place among the names."""

    model_config = ConfigDict(extra="forbid")

    name: str
    group: str
    phrase: str
    facts: list[tuple[int, int]]
    wordings: list[MeasuredWording]

    @property
    def asked(self) -> list[MeasuredWording]:
        return [each for each in self.wordings if each.asked]


class Knowledge(BaseModel):
    """`sha256` is of the weights that were asked. `tokens` (n,) of the names, which are each one token; `groups`: names by group, in their order; `rings`: what its
    pictures show."""

    model_config = ConfigDict(extra="forbid")

    format: int
    sha256: str
    names: list[str]
    tokens: list[int]
    groups: dict[str, list[int]]
    relations: list[KnownRelation]
    rings: RingReport | None = None


def single_token(tokenizer: Tokenizer, name: str) -> int | None:
    """The token of a name as it stands in a sentence, where it is one."""
    try:
        return tokenizer.single(f" {name}")
    except LanguageModelError:
        return None


class _Names:
    """Names and their tokens, each once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.tokens = tokenizer, dict[str, int]()

    def add(self, name: str) -> int | None:
        """Its place; None where it is several tokens, or another name's."""
        if name not in self.tokens:
            token = single_token(self.tokenizer, name)
            if token is None or token in self.tokens.values():
                return None
            self.tokens[name] = token
        return list(self.tokens).index(name)

    def ring(self, circle: str) -> list[int]:
        """Raises `LanguageModelError` where any is several tokens."""
        for name in CIRCLES[circle]:
            self.tokenizer.single(f" {name}")
        return [place for name in CIRCLES[circle] if (place := self.add(name)) is not None]


def _questions(tokenizer: Tokenizer) -> tuple[_Names, dict[str, list[int]], list[KnownRelation]]:
    """Names, groups, and relations without their wordings: of months and weekdays, and of those countries that are one token, as are their capitals."""
    names, groups, relations = _Names(tokenizer), dict[str, list[int]](), list[KnownRelation]()
    for circle in CIRCLES:
        members = names.ring(circle)
        groups[circle] = members
        phrase = f"Which {ONE[circle]} comes after {{subject}}?"
        facts = list(zip(members, [*members[1:], members[0]], strict=True))
        relations.append(KnownRelation(name=f"{circle}_next1", group=circle, phrase=phrase, facts=facts, wordings=[]))
    rows = list(csv.DictReader(COUNTRIES.read_text(encoding="utf-8").splitlines()))
    region = {row["subject"]: CONTINENTS.get(row["object"]) for row in rows if row["relation"] == "region"}
    pairs = [
        (row["subject"], row["object"], continent)
        for row in rows
        if row["relation"] == "capital"
        and (continent := region.get(row["subject"]))
        and all(single_token(tokenizer, each) is not None for each in (row["subject"], row["object"], continent))
    ]
    pairs.sort(key=lambda each: (each[2], each[0]))
    places = [[names.add(name) for name in column] for column in zip(*pairs, strict=True)]
    kept = [row for row in zip(*places, strict=True) if None not in row and len(set(row)) == 3] if pairs else []
    if len(kept) >= LEAST_COUNTRIES:
        groups["countries"] = sorted({place for row in kept for place in row})
        for name, at, phrase in (
            ("capital", 1, "What is the capital of {subject}?"),
            ("continent", 2, "On which continent is {subject}?"),
        ):
            facts = [(row[0], row[at]) for row in kept]
            relations.append(KnownRelation(name=name, group="countries", phrase=phrase, facts=facts, wordings=[]))
    return names, groups, relations


@torch.no_grad()
def what_it_knows(found: LoadedModel, own: Path | None = None, tell: Tell = lambda line: None) -> Knowledge:
    """Ask everything. Takes half a minute for 135 million weights.

    Args:
        own: a folder of wordings beside those that ship (`wordings.read_all`).

    Raises:
        LanguageModelError: a name of the rings is several tokens, a file cannot be used, or the model knows no wording of any ring.
    """
    tokenizer, model = found.tokenizer, found.model
    wordings = read_all(own)
    names, groups, relations = _questions(tokenizer)
    tokens = torch.tensor(list(names.tokens.values()), device=model.device)
    for relation in relations:
        for words in wordings.get(relation.name, []):
            interrupt.checkpoint()
            if words.begins_with_subject:
                tell(
                    f"{words.text}: it begins with the subject, where all names look alike to a model; put words before it"
                )
            relation.wordings.append(_asked(model, tokenizer, tokens, relation, words))
        known = [each for each in relation.wordings if each.accuracy >= KNOWN and not each.steps and each.before]
        for each in known[: ASKED[relation.group]]:
            each.asked = True
        tell(
            f"{relation.name}: {len(known)} of {len(relation.wordings)} wordings are known, {len(relation.asked)} are asked"
        )
    if not any(relation.asked for relation in relations if relation.group in CIRCLES):
        raise LanguageModelError(
            f"{found.name} answers no wording of months or weekdays ({KNOWN:.0%} of the names at least); it has nothing to edit here"
        )
    return Knowledge(
        format=FORMAT,
        sha256=found.card.sha256[WEIGHTS],
        names=list(names.tokens),
        tokens=tokens.tolist(),
        groups=groups,
        relations=relations,
    )


def _asked(
    model: LanguageModel, tokenizer: Tokenizer, names: Tensor, relation: KnownRelation, words: Words
) -> MeasuredWording:
    subjects = [subject for subject, _ in relation.facts]
    objects = torch.tensor([object for _, object in relation.facts], device=model.device)
    ring = len(relation.facts)
    steps, accuracy, outright = dict[int, float](), 0.0, 0.0
    for k in range(1, min(MOST_STEPS, ring - 1) + 1) if words.asks_for_steps else (1,):
        before, after = words.tokens(tokenizer, k)
        prompts = torch.tensor([[*before, int(names[each]), *after] for each in subjects], device=model.device)
        logits = model.unembed(model.trunk(prompts)[:, -1])
        wanted = objects.roll(1 - k) if words.asks_for_steps else objects
        right = (logits[:, names].argmax(1) == wanted).double().mean().item()
        if words.asks_for_steps:
            steps[k] = right
        if k == 1:
            accuracy, outright = right, (logits.argmax(1) == names[wanted]).double().mean().item()
    before, after = words.tokens(tokenizer)
    return MeasuredWording(
        text=words.text, before=list(before), after=list(after), accuracy=accuracy, outright=outright, steps=steps
    )


def write_knowledge(folder: Path, knowledge: Knowledge) -> None:
    """Whole or not at all. Raises `OSError`."""
    temporary = folder / f"{KNOWLEDGE}.{os.getpid()}.part"
    temporary.write_text(knowledge.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, folder / KNOWLEDGE)


def read_knowledge(folder: Path, sha256: Mapping[str, str]) -> Knowledge:
    """Raises `LanguageModelError`: there is none, or it is of other weights."""
    again = f"run `shatterscope models know {folder.name}`"
    try:
        data = read_json(read_file(folder / KNOWLEDGE, MOST_BYTES))
        knowledge = Knowledge.model_validate(data)
    except FileNotFoundError:
        raise LanguageModelError(f"what {folder.name} knows has not been asked yet; {again}") from None
    except UnreadableFile as error:
        raise LanguageModelError(f"{KNOWLEDGE} {error}; {again}") from None
    except ValidationError as error:
        raise LanguageModelError(f"{KNOWLEDGE}: {first_problem(error)}; {again}") from None
    if knowledge.format != FORMAT or knowledge.sha256 != sha256.get(WEIGHTS):
        raise LanguageModelError(f"{KNOWLEDGE} is of other weights, or of another version; {again}")
    return knowledge


def asked_relations(knowledge: Knowledge) -> Sequence[KnownRelation]:
    """Those that it answers in at least one wording."""
    return [relation for relation in knowledge.relations if relation.asked]
