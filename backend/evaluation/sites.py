"""Where R is read decides its size: R(D*) at every site of the model, of one edit.

`shattering` (Nishi et al. 2025, section 3.5: R(D*) = ||D* - D0||_F / ||D0||_F) compares representations as they are at one place of the
model. The paper does not name its place. The same edit gives an R twenty times as large at one site as at another, since the change an edit
makes is measured by what else the model holds there; so a number without its site says little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

import torch
from torch import Tensor

from shatterscope.backend.activations import read_sites
from shatterscope.backend.evaluation.subgraphs import sub_graphs
from shatterscope.backend.geometry import shattering
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import World
from shatterscope.wire.base import SubGraph

ROUNDING = 1e-5  # of the largest number: what float32 sums of equal numbers may differ by


def shattering_at_sites(
    world: World, before: LanguageModel, after: LanguageModel, sites: Sequence[str]
) -> dict[str, Tensor]:
    """R of every relation over the entities that have a fact under it, at each of `sites` of the relation token.

    Both models are run once for all sites, and no more than one relation's representations are held.

    Returns:
        (n_relations,) float64 for each site, without a unit: 0 exactly where nothing changed; NaN where the unedited representations are
        all alike (D0 = 0, so R is not defined: at `embed` every entity has the embedding of the relation's token) or not finite.

    Raises:
        ValueError: an unknown site.
    """

    def of(model: LanguageModel) -> Iterator[dict[str, Tensor]]:
        for relation, found in zip(world.relations, read_sites(model, world, sites), strict=True):
            rows = slice(None) if world.total else torch.from_numpy(world.domain(relation))
            yield {site: x[rows] for site, x in found.items()}

    return site_shattering(sites, of(before), of(after))


def site_shattering(
    sites: Sequence[str], before: Iterable[Mapping[str, Tensor]], after: Iterable[Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """The same from (n, d) representations by site, of each relation in turn; where `after` lacks a site nothing changed there."""
    found: dict[str, list[Tensor]] = {site: [] for site in sites}
    for was, now in zip(before, after, strict=True):
        for site, R in found.items():
            x, y = was[site], now.get(site, was[site])
            R.append(_undefined(x) if _alike(x) else shattering(x, y))
    return {site: torch.stack(R) for site, R in found.items()}


def ring_means(world: World, edited: int, R: Tensor) -> dict[SubGraph, float]:
    """Means over the relations of each sub-graph, from (n_relations,); `edited` is the order of the edit. NaN where any of them is."""
    parts = sub_graphs(len(world.groups), edited)
    values = R.tolist()
    return {
        part: fmean(values[i] for i, each in enumerate(world.relations) if parts[each.group] == part) for part in parts
    }


def _alike(points: Tensor) -> bool:
    """Whether all (n, d) points are one, up to rounding."""
    return bool((points - points[:1]).abs().max() <= ROUNDING * points.abs().max())


def _undefined(points: Tensor) -> Tensor:
    return torch.full((), torch.nan, dtype=torch.float64, device=points.device)
