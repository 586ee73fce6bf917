"""Activations: the short cut over two tokens agrees with the whole model, at every site."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shatterscope.backend.activations import activations, all_activations, default_site
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.models import site_names


def whole_model(checkpoint: Checkpoint, relation: int) -> dict[str, Tensor]:
    n = checkpoint.world.n_entities
    prompts = torch.stack([torch.arange(n), torch.full((n,), n + relation)], dim=1)
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x[:, -1]
        return x

    checkpoint.model(prompts, tap)
    return seen


def test_every_site_agrees_with_the_whole_model(checkpoint: Checkpoint) -> None:
    relation = checkpoint.world.relations[3]
    expected = whole_model(checkpoint, relation.index)
    for site in site_names(checkpoint.model.config.n_layers):
        got = activations(checkpoint.model, checkpoint.world.n_entities, relation, site)
        torch.testing.assert_close(got, expected[site], rtol=1e-4, atol=1e-3)


def test_all_relations_at_once_are_the_single_ones_stacked(checkpoint: Checkpoint) -> None:
    n = checkpoint.world.n_entities
    together = all_activations(checkpoint.model, n)
    assert together.shape == (checkpoint.world.n_relations, n, checkpoint.model.config.d_model)
    for relation in checkpoint.world.relations:
        torch.testing.assert_close(together[relation.index], activations(checkpoint.model, n, relation))


def test_an_unknown_site_names_the_known_ones(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match=default_site(checkpoint.model)):
        activations(checkpoint.model, checkpoint.world.n_entities, checkpoint.world.relations[0], "resid_post.9")


@torch.no_grad()
def test_continuing_a_prefix_agrees_with_the_whole_model(checkpoint: Checkpoint) -> None:
    model = checkpoint.model
    tokens = torch.randint(model.config.vocab_size, (5, 9), generator=torch.Generator().manual_seed(0))
    past = model.prefix(model.embed(tokens[:, :7]))
    x = model.token(tokens[:, 7:]) + model.position.weight[7:9]
    _, added = model.step(x[:, 0], past, continues=True)
    past = [layer.then(k, v) for layer, (k, v) in zip(past, added, strict=True)]
    final, _ = model.step(x[:, 1], past)
    torch.testing.assert_close(model.norm(final), model.trunk(tokens)[:, -1], rtol=1e-4, atol=1e-3)
