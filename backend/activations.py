"""Representations of entities: what the model holds at the relation token of the bare prompt `x r` (Nishi et al. 2025, section 4).

The entity sits at position 0 and, attention being causal, is the same under every relation: it is computed once, and only
the relation token once per relation and entity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.models import LanguageModel, site_names
from shatterscope.backend.worlds import Relation, World


def default_site(model: LanguageModel) -> str:
    """Where the page looks unless told otherwise: the last layer's residual stream."""
    return f"resid_post.{model.config.n_layers - 1}"


def relation_tokens(model: LanguageModel, n_entities: int) -> Tensor:
    """(n_relations,), the token of every relation of the vocabulary, by its index (`Vocabulary`: they follow the entities)."""
    return torch.arange(n_entities, model.config.vocab_size)


def activations(model: LanguageModel, n_entities: int, relation: Relation, site: str | None = None) -> Tensor:
    """(n_entities, d_model) at `site` of the relation token. Raises `ValueError` for an unknown site."""
    return _at_relation(model, n_entities, relation_tokens(model, n_entities)[[relation.index]], site)[0]


def drawn_activations(
    model: LanguageModel, world: World, relation: Relation, site: str | None = None, wording: int | None = None
) -> Tensor:
    """(n, d_model) of the entities that have a fact under `relation`, on the CPU: what its picture shows. Raises `ValueError` for an unknown site."""
    if world.worded:
        site = site or default_site(model)
        return in_words(model, world, relation, [site], wording)[site].mean(0).cpu()
    found = activations(model, world.n_entities, relation, site).cpu()
    return found if world.total else found[torch.from_numpy(world.domain(relation))]


def read_sites(
    model: LanguageModel,
    world: World,
    sites: Collection[str],
    relations: Sequence[Relation] | None = None,
    wording: int | None = None,
) -> Iterator[dict[str, Tensor]]:
    """For each of `relations` (without them: all), (n_entities, d_model) at each of `sites`, where the answer is read.

    Of a question in words that is the mean over its wordings, or one of them, at the last token; entities that it is not asked of are 0.

    Raises:
        ValueError: an unknown site.
    """
    relations = world.relations if relations is None else relations
    if not world.worded:
        tokens = relation_tokens(model, world.n_entities)[[relation.index for relation in relations]]
        yield from at_sites(model, world.n_entities, sites, tokens)
        return
    for relation in relations:
        found = in_words(model, world, relation, sites, wording)
        rows = torch.from_numpy(world.domain(relation)).to(model.device)
        yield {
            site: torch.zeros(world.n_entities, x.shape[-1], device=x.device).index_copy_(0, rows, x.mean(0))
            for site, x in found.items()
        }


@dataclass(frozen=True)
class Entering:
    """What enters a layer: the text before a subject (1, T, C), and the subjects with the text behind them (n, F, C)."""

    before: Tensor
    own: Tensor


@torch.no_grad()
def in_words(
    model: LanguageModel,
    world: World,
    relation: Relation,
    sites: Collection[str],
    wording: int | None = None,
    *,
    start: int = 0,
    entering: Sequence[Entering] | None = None,
    keep: list[Entering] | None = None,
) -> dict[str, Tensor]:
    """(wordings, n, d_model) at each of `sites` of the last token: of the n entities that `relation` has answers for, in all wordings or one.

    The text before the subject, which is the same for all, is run once.

    Args:
        start: the first layer to run, with what enters it in each wording, `entering`.
        keep: takes what enters `start` instead, and nothing behind that layer is run.

    Raises:
        ValueError: an unknown site.
    """
    _check_sites(model, sites)
    subjects = torch.from_numpy(world.domain(relation)).to(model.device)
    found: dict[str, list[Tensor]] = {site: [] for site in sites}

    def tap(name: str, x: Tensor) -> Tensor:
        if name in found:
            found[name].append(x[:, -1].clone())
        return x

    worded = world.wordings([relation])
    for i, each in enumerate(worded if wording is None else [worded[wording]]):
        interrupt.checkpoint()
        if entering is None:
            before = model.embed(torch.tensor([each.before], device=model.device))
            after = torch.tensor(each.after, device=model.device).expand(len(subjects), -1)
            own = model.embed(torch.cat([subjects[:, None], after], 1), before.shape[1])
        else:
            before, own = entering[i].before, entering[i].own
        if keep is not None:
            keep.append(_enters(model, Entering(before, own), start))
            continue
        final = model.go_on(own, model.prefix(before, start), tap, start=start)
        if "final_norm" in found:
            found["final_norm"].append(model.final_norm(final[:, -1]))
    return {site: torch.stack(x) for site, x in found.items() if x}


def _enters(model: LanguageModel, x: Entering, layer: int) -> Entering:
    """What enters `layer`, from what enters the first."""
    before, own = x.before, x.own
    for each in range(layer):
        middle, past = model.until_mlp(each, before)
        before = model.resid_post(each, middle)
        own = model.resid_post(each, model.until_mlp_on(each, own, past))
    return Entering(before, own)


def _check_sites(model: LanguageModel, sites: Collection[str]) -> None:
    known = site_names(model.config.n_layers)
    for site in sites:
        if site not in known:
            raise ValueError(f"unknown site {site!r}; this model has {', '.join(known)}")


def all_activations(model: LanguageModel, n_entities: int, site: str | None = None) -> Tensor:
    """(n_relations, n_entities, d_model) at `site` of the relation token, every relation of the vocabulary."""
    return _at_relation(model, n_entities, relation_tokens(model, n_entities), site)


def _at_relation(model: LanguageModel, n_entities: int, tokens: Tensor, site: str | None) -> Tensor:
    site = site or default_site(model)
    return torch.stack([found[site] for found in at_sites(model, n_entities, [site], tokens)])


@torch.no_grad()
def at_sites(
    model: LanguageModel,
    n_entities: int,
    sites: Collection[str],
    tokens: Tensor | None = None,
    before: Tensor | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Several sites in one pass: for each relation, (n_entities, d_model) at each of `sites` of the relation token.

    Args:
        tokens: (n,) token ids of relations; without it every relation of the vocabulary.
        before: (T,) token ids that stand before every entity; without it the prompt is bare.

    Raises:
        ValueError: an unknown site.
    """
    _check_sites(model, sites)
    device = model.device
    prompt = torch.arange(n_entities, device=device)[:, None]
    if before is not None:
        prompt = torch.cat([before.to(device).expand(n_entities, -1), prompt], 1)
    past = model.prefix(model.embed(prompt))
    tokens = relation_tokens(model, n_entities) if tokens is None else tokens
    recorded: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        if name in sites:
            recorded[name] = x
        return x

    for token in tokens.to(device):  # one relation at a time stays in cache
        interrupt.checkpoint()
        final, _ = model.step(model.embed(token[None], prompt.shape[1]), past, tap)
        if "final_norm" in sites:
            recorded["final_norm"] = model.final_norm(final)
        yield {name: x.expand(n_entities, -1) for name, x in recorded.items()}
