"""R at every site: as by hand, zero before the edit, and not defined where all entities are alike."""

from __future__ import annotations

import copy
from statistics import fmean
from typing import Any, cast

import pytest
import torch
from starlette.testclient import TestClient

from shatterscope.backend.activations import all_activations, default_site
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import EditedModel, complete_spec, run_edits
from shatterscope.backend.evaluation import ring_means, shattering_at_sites
from shatterscope.backend.experiment import measure_baseline, measure_geometry
from shatterscope.backend.geometry import shattering
from shatterscope.backend.models import Transformer, site_names
from shatterscope.backend.models.blocks import Block

EDIT: dict[str, Any] = {"subject": 3, "relation": "II_C1", "distance": 6, "parameters": {"steps": 20}}


@pytest.fixture(scope="module")
def edited(checkpoint: Checkpoint) -> EditedModel:
    return run_edits(checkpoint, [complete_spec(checkpoint.world, 2, **EDIT)])


@pytest.mark.parametrize("site", ["attn_out.1", "mlp_out.1"])
def test_it_is_the_shattering_of_the_representations_there(
    checkpoint: Checkpoint, edited: EditedModel, site: str
) -> None:
    world = checkpoint.world
    R = shattering_at_sites(world, checkpoint.model, edited.model, [site])[site]
    each = [all_activations(model, world.n_entities, site) for model in (checkpoint.model, edited.model)]
    by_hand = shattering(*each).tolist()
    assert R.tolist() == by_hand
    of_ring = {
        order: fmean(R for R, each in zip(by_hand, world.relations, strict=True) if each.group == order)
        for order in range(3)
    }
    assert ring_means(world, 1, R) == {"edit": of_ring[1], "retain": of_ring[2], "test": of_ring[0]}


def test_at_the_last_residual_stream_it_is_the_r_of_the_evaluation_and_before_the_edit_nothing_changed(
    checkpoint: Checkpoint, edited: EditedModel
) -> None:
    world, site = checkpoint.world, default_site(checkpoint.model)
    R = shattering_at_sites(world, checkpoint.model, edited.model, ["embed", "attn_out.0", "resid_mid.0", site])
    geometry = measure_geometry(checkpoint, edited, measure_baseline(checkpoint, queries=1, n_contexts=1))
    assert dict(zip(world.relation_names, R[site].tolist(), strict=True)) == geometry.shattering
    assert ring_means(world, 1, R[site]) == geometry.sub_graph_shattering
    for before in ("attn_out.0", "resid_mid.0"):  # the edit is of layer 0's MLP, at the relation token
        assert set(R[before].tolist()) == {0.0}
    assert R["embed"].isnan().all()


def test_where_all_entities_are_alike_it_is_not_defined(checkpoint: Checkpoint) -> None:
    """Attention that hands nothing on: behind the relation's token the model holds the same for every entity. And rounding is no distance."""
    still, moved = (copy.deepcopy(checkpoint.model) for _ in range(2))
    for model in (still, moved):
        for block in model.blocks:
            cast(Block, block).attn.out.weight.data.zero_()
    cast(Block, moved.blocks[0]).mlp.down.bias.data.add_(1)
    R = shattering_at_sites(checkpoint.world, still, moved, site_names(2))
    assert all(each.isnan().all() for each in R.values())
    later = copy.deepcopy(checkpoint.model)
    cast(Block, later.blocks[1]).attn.out.weight.data.zero_()
    R = shattering_at_sites(checkpoint.world, later, doubled(later), site_names(2))
    assert {site for site, each in R.items() if each.isnan().all()} == {"embed", "attn_out.1"}
    assert R["mlp_out.0"].tolist() == pytest.approx([1.0] * len(R["mlp_out.0"]), rel=1e-5)


def doubled(model: Transformer) -> Transformer:
    """Layer 0's MLP puts out twice as much, so that all distances there are twice as long."""
    found = copy.deepcopy(model)
    cast(Block, found.blocks[0]).mlp.down.weight.data.mul_(2)
    return found


def test_the_api_tells_r_of_all_sites_or_of_those_asked_for(client: TestClient, checkpoint: Checkpoint) -> None:
    id = client.post("edits", json={"checkpoint": "rings-small", "edits": [EDIT]}).json()["id"]
    asked = {"checkpoint": "rings-small", "edit": id}
    found = client.post("evaluations/sites", json=asked).json()
    assert [each["site"] for each in found["sites"]] == site_names(2)
    assert (found["n_entities"], found["n_relations"]) == (checkpoint.world.n_entities, 8)
    by_site = {each.pop("site"): each for each in found["sites"]}
    assert by_site["embed"] == {"edit": None, "retain": None, "test": None}
    evaluation = client.post("evaluations", json={**asked, "queries": 1, "contexts": 1}).json()["shattering"]
    assert by_site["resid_post.1"] == {part: evaluation[part] for part in ("edit", "retain", "test")}
    one = client.post("evaluations/sites", json={**asked, "sites": ["mlp_out.1"]}).json()["sites"]
    assert one == [{"site": "mlp_out.1", **by_site["mlp_out.1"]}]
    refused = client.post("evaluations/sites", json={**asked, "sites": ["mlp_out.1", "mlp_key.0"]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.sites.1"


def test_models_of_no_finite_numbers_have_no_r(checkpoint: Checkpoint) -> None:
    broken = copy.deepcopy(checkpoint.model)
    cast(Block, broken.blocks[1]).mlp.down.bias.data.fill_(torch.nan)
    R = shattering_at_sites(checkpoint.world, checkpoint.model, broken, ["attn_out.1", "resid_post.1"])
    assert R["resid_post.1"].isnan().all()
    assert set(R["attn_out.1"].tolist()) == {0.0}
