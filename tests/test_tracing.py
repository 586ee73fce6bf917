"""Causal tracing: what must hold of any model, and what the trained one shows; the MLP's keys and values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shatterscope.backend.activations import activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation.keys_values import Memory, distance_correlation, memory
from shatterscope.backend.evaluation.tracing import (
    POSITIONS,
    Trace,
    TracedFacts,
    TracingError,
    corrupt,
    draw_facts,
    trace,
    traced_sites,
)
from shatterscope.backend.models import Transformer


@pytest.fixture(scope="module")
def facts(checkpoint: Checkpoint) -> TracedFacts:
    return draw_facts(checkpoint.world, checkpoint.holdout, checkpoint.model, 40, np.random.default_rng(0))


@pytest.fixture(scope="module")
def traces(checkpoint: Checkpoint, facts: TracedFacts) -> dict[str, Trace]:
    rng = np.random.default_rng(1)
    return {
        part: trace(checkpoint.model, facts, corrupt(checkpoint.world, facts, part, rng))
        for part in ("subject", "relation")
    }


def at(found: Trace, site: str, position: str) -> float:
    return found.recovery[found.sites.index(site), POSITIONS.index(position)].item()


def test_prompts_are_true_facts_answered_right(checkpoint: Checkpoint, facts: TracedFacts) -> None:
    world, n = checkpoint.world, checkpoint.world.n_entities
    assert facts.clean.shape == (40, 4)
    for z, r0, x, r in facts.clean.tolist():
        assert world.objects[z, r0 - n] == x
        assert not checkpoint.holdout.single[z, r0 - n]
        assert n <= r < n + world.n_relations
    truth = world.objects[facts.clean[:, 2].numpy(), facts.clean[:, 3].numpy() - n]
    assert facts.objects.tolist() == truth.tolist()
    predicted = checkpoint.model(facts.clean)[:, -1, :n].argmax(-1)
    assert predicted.equal(facts.objects)


@pytest.mark.parametrize(("part", "column"), [("subject", 2), ("relation", 3)])
def test_one_token_is_replaced_and_leads_elsewhere(
    checkpoint: Checkpoint, facts: TracedFacts, part: str, column: int
) -> None:
    n = checkpoint.world.n_entities
    corrupted = corrupt(checkpoint.world, facts, part, np.random.default_rng(2))  # type: ignore[arg-type]
    assert (corrupted != facts.clean).nonzero()[:, 1].unique().tolist() == [column]
    assert ((corrupted < n) == (facts.clean < n)).all()
    objects = checkpoint.world.objects[corrupted[:, 2].numpy(), corrupted[:, 3].numpy() - n]
    assert (objects != facts.objects.numpy()).all()


@pytest.mark.parametrize("part", ["subject", "relation"])
def test_what_any_model_must_show(traces: dict[str, Trace], part: str) -> None:
    """The last stream at the last position is all that the answer is read from; what comes before the replaced token never differed."""
    found = traces[part]
    assert found.n == 40
    assert 0 <= found.corrupted < found.clean <= 1
    last = found.sites[-1]
    assert last.startswith("resid_post.")
    assert at(found, last, "relation") == pytest.approx(1, abs=1e-6)
    assert found.standard_error[-1, -1] == pytest.approx(0, abs=1e-6)
    assert found.recovery[-1, :-1].abs().max() < 1e-6  # the last layer's other positions are never read
    assert at(found, "embed", part) == pytest.approx(1, abs=1e-6)  # nothing else was replaced
    before = POSITIONS.index(part)
    assert found.recovery[:, :before].abs().max() < 1e-6
    assert torch.isfinite(found.standard_error).all()
    assert (found.standard_error >= 0).all()


def test_the_answer_is_decided_at_the_relation_token(traces: dict[str, Trace]) -> None:
    found = traces["subject"]
    assert at(found, "resid_mid.0", "relation") > 0.9  # attention has brought the subject there
    assert abs(at(found, "resid_post.0", "subject")) < 0.1  # and nothing is fetched any more


def test_the_order_of_batches_does_not_matter(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = draw_facts(checkpoint.world, checkpoint.holdout, checkpoint.model, 30, np.random.default_rng(3))
    corrupted = corrupt(checkpoint.world, facts, "subject", np.random.default_rng(4))
    whole = trace(checkpoint.model, facts, corrupted)
    monkeypatch.setattr("shatterscope.backend.evaluation.tracing.BATCH", 7)
    parts = trace(checkpoint.model, facts, corrupted)
    torch.testing.assert_close(parts.recovery, whole.recovery, atol=1e-5, rtol=0)
    torch.testing.assert_close(parts.standard_error, whole.standard_error, atol=1e-5, rtol=0)


def test_the_standard_error_is_that_of_other_samples(checkpoint: Checkpoint) -> None:
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        facts = draw_facts(checkpoint.world, checkpoint.holdout, checkpoint.model, 60, rng)
        found.append(trace(checkpoint.model, facts, corrupt(checkpoint.world, facts, "subject", rng)))
    site = found[0].sites.index("mlp_out.0")
    seen = torch.stack([each.recovery[site, -1] for each in found]).std().item()
    told = torch.stack([each.standard_error[site, -1] for each in found]).mean().item()
    assert 0.6 < told / seen < 1.6


def test_computing_a_trace_changes_nothing(checkpoint: Checkpoint, facts: TracedFacts) -> None:
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    trace(checkpoint.model, facts, corrupt(checkpoint.world, facts, "subject", np.random.default_rng(5)))
    assert all(before[name].equal(value) for name, value in checkpoint.model.state_dict().items())


def test_fewer_facts_where_there_are_not_as_many(checkpoint: Checkpoint) -> None:
    world = checkpoint.world
    rng = np.random.default_rng(0)
    facts = draw_facts(world, checkpoint.holdout, checkpoint.model, 10**6, rng)
    assert 2 < len(facts) < world.n_entities * world.n_relations


def test_a_model_that_knows_nothing_is_refused(checkpoint: Checkpoint, facts: TracedFacts) -> None:
    ignorant = Transformer(checkpoint.model.config, torch.Generator().manual_seed(0))
    for parameter in ignorant.parameters():
        parameter.data.zero_()
    with pytest.raises(TracingError, match="do not depend"):
        trace(ignorant, facts, corrupt(checkpoint.world, facts, "subject", np.random.default_rng(0)))


# --- keys and values -------------------------------------------------------------------------------------------------


def test_keys_lead_to_values(checkpoint: Checkpoint) -> None:
    model, relation = checkpoint.model, checkpoint.world.relation("II_A3")
    for layer in range(model.config.n_layers):
        found = memory(model, checkpoint.world.n_entities, relation, layer)
        assert found.keys.shape == (checkpoint.world.n_entities, model.config.d_mlp)
        torch.testing.assert_close(model.blocks[layer].mlp.down(found.keys), found.values)  # type: ignore[union-attr, operator]
        expected = activations(model, checkpoint.world.n_entities, relation, f"mlp_out.{layer}")
        torch.testing.assert_close(found.values, expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match=r"layers are 0\.\.1, got 2"):
        memory(model, checkpoint.world.n_entities, relation, 2)


def test_the_correlation_of_distances() -> None:
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(50, 6, generator=generator)
    turned = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    rng = np.random.default_rng(0)
    assert distance_correlation(Memory(keys, 3 * keys @ turned), 500, rng) == pytest.approx(1)
    other = torch.randn(50, 6, generator=generator)
    assert abs(distance_correlation(Memory(keys, other), 20_000, rng) or 1) < 0.3
    assert distance_correlation(Memory(keys, torch.zeros(50, 2)), 500, rng) is None


def test_sites_are_those_that_can_be_put_back(checkpoint: Checkpoint) -> None:
    sites = traced_sites(checkpoint.model)
    assert sites[0] == "embed"
    assert "final_norm" not in sites
    assert len(sites) == 1 + 4 * checkpoint.model.config.n_layers
