"""Representations of entities: what the model holds at the relation token of the bare prompt `x r` (Nishi et al. 2025, section 4).

The entity sits at position 0 and, attention being causal, is the same under every relation: it is computed once, and only
the relation token once per relation and entity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

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


def drawn_activations(model: LanguageModel, world: World, relation: Relation, site: str | None = None) -> Tensor:
    """(n, d_model) of the entities that have a fact under `relation`, on the CPU: what its picture shows. Raises `ValueError` for an unknown site."""
    found = activations(model, world.n_entities, relation, site).cpu()
    return found if world.total else found[torch.from_numpy(world.domain(relation))]


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
    known = site_names(model.config.n_layers)
    for site in sites:
        if site not in known:
            raise ValueError(f"unknown site {site!r}; this model has {', '.join(known)}")
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
