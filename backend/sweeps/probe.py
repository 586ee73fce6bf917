"""What a row measures of an edited model, fast: R(D*) and the scores, for thousands of edits of one checkpoint.

The same questions as `experiment.measure`, asked in another way. Every editor here writes behind the first MLP's keys, so up to there the
edited model computes what the unedited one did: that part is kept, for every prompt, and each edit pays only for what lies behind.
An edit that did change something earlier is measured in full, by the same code. R is taken from sampled pairs (`geometry/sampled.py`);
where a sub-graph's standard error would exceed `LARGEST_ERROR` of its R, from all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend.activations import default_site, relation_tokens
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation import QuerySet, Score, draw_queries, relation_shattering
from shatterscope.backend.evaluation.scores import judge
from shatterscope.backend.geometry.sampled import sampled_shattering
from shatterscope.backend.models import LanguageModel, Past

PAIRS = 2048  # per relation: the mean over the 8 relations of a sub-graph then has an error of some 0.7 %
LARGEST_ERROR = 0.02


@dataclass(frozen=True)
class Kept:
    """The first block at some positions, up to its MLP's keys (*, M), and the stream (*, C) that its MLP's output is added to."""

    keys: Tensor
    stream: Tensor

    def after(self, model: LanguageModel) -> Tensor:
        """(*, C), what leaves the first block of `model`."""
        return self.stream + model.mlp_value(0, self.keys, self.stream)


@dataclass(frozen=True)
class Behind:
    """The positions asked behind one random context: the walks of all subjects, single relations, and both relations of compositions."""

    walks: Kept  # (S, T)
    single: Kept  # (Q1,)
    first: Kept  # (Q2,)
    second: Kept  # (Q2,)


@dataclass(frozen=True)
class Parts:
    """Everything kept of one model."""

    subjects: Kept  # (n_entities, 1), the prompts `x`
    relations: Kept  # (n_relations, n_entities), `x r`
    contexts: tuple[Behind, ...]


@dataclass(frozen=True)
class Shattered:
    """R per relation with its standard error (0 where all pairs were measured), and the pairs sampled per relation (None: all)."""

    R: list[float]
    standard_error: list[float]
    n_pairs: int | None


@dataclass(frozen=True)
class Probed:
    """`shattered` by site, the last layer's `resid_post` among them, where the `representations` (n_relations, n_entities, C) are read."""

    shattered: dict[str, Shattered]
    scores: list[Score]
    representations: Tensor


class Probe:
    """The unedited model, measured once, and what measures any edit of it.

    Args:
        queries: per task and order.
        seed: of the questions, and of the sampled pairs.
        sites: where R is read, beside the last layer's `resid_post`: behind the first MLP's keys (`plan.named_sites`).

    Raises:
        ValueError: counts below 1.
    """

    @torch.no_grad()
    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        n_contexts: int,
        queries: int,
        seed: int,
        n_pairs: int = PAIRS,
        sites: Sequence[str] = (),
    ) -> None:
        world, self.model = checkpoint.world, checkpoint.model
        self.world = world
        self.n_entities, self.seed, self.n_pairs = world.n_entities, seed, n_pairs
        self.relation_group = [relation.group for relation in world.relations]
        self.device = self.model.device
        self.sites = list(dict.fromkeys([default_site(self.model), *sites]))
        self.queries: QuerySet = draw_queries(
            world,
            checkpoint.holdout,
            self.model.config.context,
            n_contexts=n_contexts,
            queries=queries,
            seed=seed,
            device=self.device,
        )
        cells = self.queries.cells
        self._single = [i for i, cell in enumerate(cells) if cell.relations.shape[1] == 1]
        self._double = [i for i, cell in enumerate(cells) if cell.relations.shape[1] == 2]
        parts = self._single, self._double
        self._walks, self._rows = (
            [],
            [],
        )  # of each context: the walks that are needed, and where the queries of either part find theirs
        for c in range(len(self.queries.contexts)):
            walks, rows = self.queries.walks(c)
            self._walks.append(walks)
            self._rows.append([torch.cat([rows[i] for i in part]) for part in parts])
        self._relations = [torch.cat([cells[i].relations for i in part]) for part in parts]
        self._parts = self._read(self.model)
        self.representations = self._represent(self.model, self._parts)
        self.scores = self._score(self.model, self._parts)

    @torch.no_grad()
    def measure(self, model: LanguageModel) -> Probed:
        """Measure an edited copy of the checkpoint's model."""
        parts = self._parts if self._begins_alike(model) else self._read(model)
        after = self._represent(model, parts)
        shattered = {site: self._shatter(site, after[site]) for site in self.sites}
        return Probed(shattered, self._score(model, parts), after[self.sites[0]])

    # --- representations ----------------------------------------------------------------------------------------

    def _represent(self, model: LanguageModel, parts: Parts) -> dict[str, Tensor]:
        """(n_relations, n_entities, C) at every site, at the relation token of `x r`."""
        past = model.prefix(parts.subjects.after(model), 1)
        found: dict[str, list[Tensor]] = {site: [] for site in self.sites}

        def tap(name: str, x: Tensor) -> Tensor:
            if name in found:
                found[name].append(x)
            return x

        # One relation at a time stays in cache.
        for keys, stream in zip(parts.relations.keys, parts.relations.stream, strict=True):
            first = tap("mlp_out.0", model.mlp_value(0, keys, stream))
            final, _ = model.step(tap("resid_post.0", stream + first), past, tap, start=1)
            if "final_norm" in found:
                tap("final_norm", model.final_norm(final))
        return {site: torch.stack(each) for site, each in found.items()}

    def _shatter(self, site: str, after: Tensor) -> Shattered:
        before = self.representations[site]
        if not self.world.total:
            return Shattered(relation_shattering(self.world, before, after).tolist(), [0.0] * len(before), None)
        generator = torch.Generator(self.device).manual_seed(self.seed)
        sample = sampled_shattering(before, after, self.n_pairs, generator)
        R, error = sample.R.cpu(), sample.standard_error.cpu()
        for group in sorted(set(self.relation_group)):
            members = torch.tensor([each == group for each in self.relation_group])
            if not bool(error[members].norm() <= LARGEST_ERROR * R[members].sum()):  # also where either is NaN
                return Shattered(relation_shattering(self.world, before, after).tolist(), [0.0] * len(R), None)
        return Shattered(R.tolist(), error.tolist(), self.n_pairs)

    # --- answers ------------------------------------------------------------------------------------------------

    def _score(self, model: LanguageModel, parts: Parts) -> list[Score]:
        """One score per cell of the queries, as `evaluation.score`."""
        finals: list[list[Tensor]] = [[], []]
        for behind, both in zip(parts.contexts, self._rows, strict=True):
            past = model.prefix(behind.walks.after(model), 1)
            single, double = ([layer.take(rows) for layer in past] for rows in both)
            finals[0].append(model.step(behind.single.after(model), single, start=1)[0])
            _, added = model.step(behind.first.after(model), double, start=1, continues=True)
            double = [layer.then(k, v) for layer, (k, v) in zip(double, added, strict=True)]
            finals[1].append(model.step(behind.second.after(model), double, start=1)[0])
        scores: dict[int, Score] = {}
        for part, found in zip((self._single, self._double), finals, strict=True):
            final = model.final_norm(torch.stack(found, 1))  # (Q, contexts, C)
            cells = [self.queries.cells[i] for i in part]
            for i, cell, mine in zip(part, cells, torch.split(final, [len(cell) for cell in cells]), strict=True):
                truth = cell.objects.repeat_interleave(mine.shape[1], 0)
                sums = judge(model, mine.flatten(0, 1), truth, self.n_entities)
                accuracy, probability = (sums / len(truth) if len(truth) else sums * torch.nan).tolist()
                scores[i] = Score(accuracy, probability)
        return [scores[i] for i in range(len(self.queries.cells))]

    # --- the part that edits leave alone ------------------------------------------------------------------------

    def _begins_alike(self, model: LanguageModel) -> bool:
        """Whether `model` computes the same up to the first MLP's keys."""
        early = model.before_keys()
        mine = dict(self.model.named_parameters())
        return all(torch.equal(mine[name], p) for name, p in model.named_parameters() if name.startswith(early))

    def _read(self, model: LanguageModel) -> Parts:
        entities = torch.arange(self.n_entities, device=self.device)
        subjects, past = _first_layer(model, entities[:, None])
        relations = relation_tokens(model, self.n_entities).to(self.device)
        kept = [_one_more(model, relation[None], 1, past)[0] for relation in relations]
        keys, stream = torch.stack([each.keys for each in kept]), torch.stack([each.stream for each in kept])
        contexts = tuple(self._behind(model, c) for c in range(len(self.queries.contexts)))
        return Parts(subjects, Kept(keys, stream), contexts)

    def _behind(self, model: LanguageModel, c: int) -> Behind:
        """What is asked behind the walks of context c, (S, T) tokens."""
        walks = self.queries.contexts[c][self._walks[c]]
        length = walks.shape[1]
        kept, past = _first_layer(model, walks)
        single, double = (past.take(rows) for rows in self._rows[c])
        one, two = self._relations
        first, (k, v) = _one_more(model, two[:, 0], length, double)
        return Behind(
            walks=kept,
            single=_one_more(model, one[:, 0], length, single)[0],
            first=first,
            second=_one_more(model, two[:, 1], length + 1, double.then(k, v))[0],
        )


def _first_layer(model: LanguageModel, tokens: Tensor) -> tuple[Kept, Past]:
    """(B, T) tokens -> the first layer at each position, and what later positions see of it."""
    stream, past = model.until_mlp(0, model.embed(tokens))
    return Kept(model.mlp_key(0, stream), stream), past


def _one_more(model: LanguageModel, tokens: Tensor, position: int, past: Past) -> tuple[Kept, tuple[Tensor, Tensor]]:
    """(B,) tokens at the position after `past` -> the first layer there, its key and its value."""
    stream, added = model.until_mlp_next(0, model.embed(tokens[:, None], position)[:, 0], past)
    return Kept(model.mlp_key(0, stream), stream), added
