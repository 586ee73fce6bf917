"""A language model asked everything: each question of its world, in each wording, once. All that an edit did to answers and representations is read from two
surveys, so each model runs once for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from shatterscope.backend.activations import Entering, default_site, in_words
from shatterscope.backend.editors.codebook import codebooks
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.worlds import Relation

Kept = tuple[tuple[Entering, ...], ...]
"""What enters one layer: by relation, by wording."""


@dataclass(frozen=True)
class AskedRelation:
    """One relation, of n subjects, in W wordings: representations (W, n, d) at the last layer's `resid_post` of the last token, and probabilities (W, n, names)
    by softmax over the whole vocabulary."""

    representations: Tensor
    probability: Tensor

    @cached_property
    def answers(self) -> Tensor:
        """(W, n), the most probable name."""
        return self.probability.argmax(-1)


@dataclass(frozen=True)
class Survey:
    """By relation, in their order."""

    asked: tuple[AskedRelation, ...]

    def means(self, world: Spoken) -> Tensor:
        """(relations, entities, d), the mean over wordings; 0 where nothing is asked."""
        found = []
        for relation, each in zip(world.relations, self.asked, strict=True):
            x = each.representations.mean(0)
            rows = torch.from_numpy(world.domain(relation)).to(x.device)
            found.append(torch.zeros(world.n_entities, x.shape[-1], device=x.device).index_copy_(0, rows, x))
        return torch.stack(found)


@torch.no_grad()
def survey(model: LanguageModel, world: Spoken, start: int = 0, kept: Kept | None = None) -> Survey:
    """Ask `model`. Where it is the one before an edit up to the layer `start`, that part is not run again: `kept` is what enters that layer (`entering`)."""
    site, found = default_site(model), []
    for i, relation in enumerate(world.relations):
        x = in_words(model, world, relation, [site], start=start, entering=None if kept is None else kept[i])[site]
        found.append(AskedRelation(x, probabilities(model, x, world.n_entities)))
    return Survey(tuple(found))


@torch.no_grad()
def probabilities(model: LanguageModel, x: Tensor, n: int) -> Tensor:
    """(W, m, d), the residual stream behind the last layer -> (W, m, n), of the first n tokens among all, wording by wording: so many logits are large."""

    def of(each: Tensor) -> Tensor:
        logits = model.read_out(each)
        return (logits[:, :n] - logits.logsumexp(-1, keepdim=True)).exp()

    return torch.stack([of(each) for each in x])


def entering(model: LanguageModel, world: Spoken, layer: int) -> Kept:
    """What enters `layer` when everything is asked."""

    def of(relation: Relation) -> tuple[Entering, ...]:
        keep: list[Entering] = []
        in_words(model, world, relation, (), start=layer, keep=keep)
        return tuple(keep)

    return tuple(map(of, world.relations))


def first_changed(before: LanguageModel, after: LanguageModel) -> int:
    """The first layer in which `after` is not `before`: they share all weights but those that were edited. 0 where something else differs; the number of layers
    where nothing does."""
    n = before.config.n_layers
    own = dict(before.named_parameters())
    changed = [name for name, weight in after.named_parameters() if own.get(name) is not weight]
    layers = [*codebooks(after), *(layer for layer in range(n) if after.added(layer) is not None)]
    for name in changed:
        owner, _, rest = name.partition(".")
        layers.append(int(rest.partition(".")[0]) if owner == "blocks" else 0)
    return min(layers, default=n)


def answered_right(world: Spoken, relation: Relation, answers: Tensor) -> Tensor:
    """(W, n) bool, from (W, n) answers."""
    truths = torch.from_numpy(world.objects[world.domain(relation), relation.index]).to(answers.device)
    return answers == truths


def texts(world: Spoken, relation: Relation) -> Sequence[str]:
    """The wordings in which `relation` is asked."""
    return [each.text for each in world.told[relation.index]]
