"""The reference implementations' formulas, written out plainly in float64, one step after another and one prompt set at a time.

They share nothing with `backend/editors` but the model's own forward pass. Of a checkpoint they take the weights and the statistics, of a request
its facts and prompts; every number of a `paper` preset is written here again, from the file named beside it. Orientation: a weight (C, M) acts on
keys (M,).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from shatterscope.backend.editors import Fact
from shatterscope.backend.models import Transformer

Delta = dict[str, Tensor]
MLP, ATTENTION = "blocks.{}.mlp.down.weight", "blocks.{}.attn.out.weight"


def doubled(model: Transformer) -> Transformer:
    return copy.deepcopy(model).double()


def at_token(
    model: Transformer, prompts: Sequence[Sequence[int]], token: str, added: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """(B, ...) at the fact's token of every prompt, by site, and the `logits` at its last; with `added` to the outputs of the sites it names, at the
    fact's token alone. That is the last one, where the relation stands, or the subject's before it (kmeng01/rome, util/repr_tools.py, subject_last)."""
    tokens = torch.zeros(len(prompts), max(map(len, prompts)), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = torch.tensor(list(prompt))
    rows, last = torch.arange(len(prompts)), torch.tensor([len(prompt) - 1 for prompt in prompts])
    where = last if token == "relation" else torch.tensor([max(len(prompt) - 2, 0) for prompt in prompts])
    there = F.one_hot(where, tokens.shape[1]).double()[..., None]
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x[rows, where]
        return x + there * added[name] if added and name in added else x

    seen["logits"] = model(tokens, tap)[rows, last]
    return seen


@dataclass(frozen=True)
class Search:
    """Numbers of the value optimisation; the defaults are those of kmeng01/rome, hparams/ROME/gpt2-xl.json."""

    rate: float = 0.5
    steps: int = 20
    clamp: float = 4.0
    decay: float = 0.5
    kl: float = 0.0625
    token: str = "relation"
    eases: bool = False  # xpq-tech/PMET, edit/pmet/compute_zs.py: once the object leads


def offsets(
    model: Transformer, prompts: list[list[int]], fact: Fact, sites: Sequence[str], search: Search
) -> list[Tensor]:
    """What to add at `sites` for the object to be answered (kmeng01/rome, rome/compute_v.py; kmeng01/memit, memit/compute_z.py;
    xpq-tech/PMET, edit/pmet/compute_zs.py)."""
    asked = [*prompts, [fact.subject]]
    with torch.no_grad():
        clean = at_token(model, asked, search.token)
    first = [clean[site][0] for site in sites]
    before = clean["logits"][-1].log_softmax(-1)
    deltas = [torch.zeros_like(value, requires_grad=True) for value in first]
    adam, weight = torch.optim.Adam(deltas, lr=search.rate), 1.0
    for step in range(search.steps):
        adam.zero_grad()
        log_p = at_token(model, asked, search.token, dict(zip(sites, deltas, strict=True)))["logits"].log_softmax(-1)
        likelihood = -log_p[:-1, fact.object].mean()
        drift = search.kl * F.kl_div(before[None], log_p[-1:], log_target=True, reduction="batchmean")
        decay = search.decay * sum(delta.norm() / value.norm() ** 2 for delta, value in zip(deltas, first, strict=True))
        loss = weight * likelihood + drift + decay
        if loss < 0.05:
            break
        if search.eases:
            leads = bool((log_p[:-1].argmax(-1) == fact.object).all())
            weight = 0.1 if leads else 1.0
            if leads and drift <= 0.01:
                break
        if step == search.steps - 1:
            break
        loss.backward()
        adam.step()
        with torch.no_grad():
            for delta, value in zip(deltas, first, strict=True):
                longest = search.clamp * value.norm()
                if delta.norm() > longest:
                    delta *= longest / delta.norm()
    return [delta.detach() for delta in deltas]


def rome(
    model: Transformer,
    C: Tensor,
    prompts: list[list[int]],
    fact: Fact,
    layer: int,
    *,
    repaired: bool,
    token: str = "relation",
) -> Delta:
    """kmeng01/rome, rome/compute_u.py and compute_v.py; `repaired`: scalable-model-editing/rebuilding-rome, rome/compute_v.py with
    enable_random_prefix_keys."""
    model, site = doubled(model), f"mlp_out.{layer}"
    (delta,) = offsets(model, prompts, fact, [site], Search(token=token))
    with torch.no_grad():
        seen = at_token(model, prompts, token)
    keys, values = seen[f"mlp_key.{layer}"], seen[site]
    u = torch.inverse(C) @ keys.mean(0)
    u = u / u.norm()
    key, value = (keys.mean(0), values.mean(0)) if repaired else (keys[0], values[0])
    return {MLP.format(layer): torch.outer((values[0] + delta - value) / (key @ u), u)}


def mean_key(keys: Tensor) -> Tensor:
    """kmeng01/memit, memit/compute_ks.py: the mean of the bare prompt's and of the mean behind contexts."""
    return torch.stack([keys[0], keys[1:].mean(0)]).mean(0)


@dataclass(frozen=True)
class Spreading:
    """What tells the batched methods apart: which site the values belong to, which weights are written, and how."""

    search: Search
    sites: Sequence[str]
    writes: Sequence[tuple[str, str, str]]  # weight, site of its keys, site of its values
    share: Callable[[int], float]
    update: Callable[[str, int, Tensor, Tensor], Tensor]  # weight, layer, K (M, n), R (C, n) -> (C, M)
    keys: dict[int, Tensor] = field(default_factory=dict)  # (M, n), of the MLPs


def spread(model: Transformer, prompts: Mapping[Fact, list[list[int]]], layer: int, how: Spreading) -> Delta:
    """kmeng01/memit, memit/memit_main.py: from `layer` to the last, each on the model with those before it written."""
    token = how.search.token
    # kmeng01/memit edits layers before the last: at the subject's token the last one does not reach the answer.
    model, layers = doubled(model), range(layer, model.config.n_layers - (token == "subject"))
    goals: dict[str, list[Tensor]] = {}
    for fact, asked in prompts.items():
        sites = [site.format(layers[-1]) for site in how.sites]
        with torch.no_grad():
            clean = at_token(model, asked[:1], token)
        for site, delta in zip(how.sites, offsets(model, asked, fact, sites, how.search), strict=True):
            goals.setdefault(site, []).append(clean[site.format(layers[-1])][0] + delta)
    changes: Delta = {}
    with torch.no_grad():
        for i, each in enumerate(layers):
            for weight, key, value in how.writes:
                K = torch.stack(
                    [mean_key(at_token(model, asked, token)[key.format(each)]) for asked in prompts.values()], 1
                )
                now = torch.cat(
                    [at_token(model, asked[:1], token)[value.format(layers[-1])] for asked in prompts.values()]
                ).T
                R = (torch.stack(goals[value], 1) - now) / how.share(len(layers) - i)
                change = how.update(weight, each, K, R)
                changes[weight.format(each)] = change
                model.get_parameter(weight.format(each)).add_(change)
                if weight == MLP:
                    how.keys[each] = K
    return changes


SPREADING = Search(
    clamp=0.75
)  # kmeng01/memit, hparams/MEMIT/gpt2-xl.json, and jianghoucheng/AlphaEdit, hparams/AlphaEdit/gpt2-xl.json
STREAM = (MLP, "mlp_key.{}", "resid_post.{}")


def memit(
    model: Transformer,
    moments: Mapping[int, Tensor],
    prompts: Mapping[Fact, list[list[int]]],
    layer: int,
    token: str = "relation",
) -> Delta:
    """kmeng01/memit, memit/memit_main.py, lambda = 20000."""

    def update(weight: str, layer: int, K: Tensor, R: Tensor) -> Tensor:
        return R @ torch.linalg.solve(20000 * moments[layer] + K @ K.T, K).T

    return spread(
        model, prompts, layer, Spreading(replace(SPREADING, token=token), ["resid_post.{}"], [STREAM], float, update)
    )


def alphaedit(
    model: Transformer,
    moments: Mapping[int, Tensor],
    prompts: Mapping[Fact, list[list[int]]],
    layer: int,
    cache: dict[int, Tensor],
    token: str = "relation",
) -> Delta:
    """jianghoucheng/AlphaEdit, AlphaEdit/AlphaEdit_main.py and experiments/evaluate.py (get_project), threshold .02, L2 = 10. `cache` holds the
    second moments of earlier edits' keys; this one's are added."""

    def update(weight: str, layer: int, K: Tensor, R: Tensor) -> Tensor:
        U, S, _ = torch.linalg.svd(moments[layer])
        P = U[:, S < 0.02] @ U[:, S < 0.02].T
        A = P @ (K @ K.T + cache.get(layer, torch.zeros_like(P))) + 10 * torch.eye(len(P)).double()
        return torch.linalg.solve(A, P @ K @ R.T).T

    how = Spreading(replace(SPREADING, token=token), ["resid_post.{}"], [STREAM], float, update)
    changes = spread(model, prompts, layer, how)
    for each, K in how.keys.items():
        cache[each] = cache.get(each, torch.zeros(len(K), len(K)).double()) + K @ K.T
    return changes


def pmet(
    model: Transformer,
    moments: Mapping[str, Mapping[int, Tensor]],
    prompts: Mapping[Fact, list[list[int]]],
    layer: int,
    *,
    both: bool,
    token: str = "relation",
) -> Delta:
    """xpq-tech/PMET, edit/pmet/pmet_main.py and compute_zs.py, edit/hparams/PMET/EleutherAI_gpt-j-6B.json; `both`: rewrite_module_tmps names the
    attention's output projection as well. `moments` by weight."""

    def update(weight: str, layer: int, K: Tensor, R: Tensor) -> Tensor:
        return R @ K.T @ torch.inverse(K @ K.T + 6000 * moments[weight][layer])

    attention, mlp = (ATTENTION, "attn_key.{}", "attn_out.{}"), (MLP, "mlp_key.{}", "mlp_out.{}")
    search = Search(rate=0.2, steps=30, clamp=0.75, kl=1.0, eases=True, token=token)
    writes = [attention, mlp] if both else [mlp]
    return spread(
        model, prompts, layer, Spreading(search, ["mlp_out.{}", "attn_out.{}"], writes, lambda left: left**0.5, update)
    )


def fine_tuning(model: Transformer, fact: Fact, layer: int, *, bound: float | None, token: str = "relation") -> Delta:
    """kmeng01/rome, baselines/ft/ft_main.py: hparams/FT/gpt2-xl_unconstr.json, and with a bound gpt2-xl_constr.json. An answer of one token makes
    zjunlp/EasyEdit, easyeditor/models/ft/ft_main.py, the same. At the subject's token the other one keeps its unedited output while it is trained."""
    model = doubled(model)
    chosen = {name: value for name, value in model.named_parameters() if f"blocks.{layer}.mlp.down" in name}
    start = {name: value.detach().clone() for name, value in chosen.items()}
    for name, value in model.named_parameters():
        value.requires_grad = name in chosen
    site, plain = f"mlp_out.{layer}", {}
    with torch.no_grad():
        model(torch.tensor([[fact.subject, fact.relation]]), lambda name, x: plain.setdefault(name, x))

    def kept(name: str, x: Tensor, token: str) -> Tensor:
        return torch.stack([x[:, 0], plain[name][:, 1]], 1) if name == site and token == "subject" else x

    adam = torch.optim.Adam(chosen.values(), lr=5e-4)
    for _ in range(25):
        adam.zero_grad()
        prompt = torch.tensor([[fact.subject, fact.relation]])
        logits = model(prompt, lambda name, x: kept(name, x, token))[0, -1]
        loss = -logits.log_softmax(-1)[fact.object]
        if loss < 1e-2:
            break
        loss.backward()
        adam.step()
        if bound is not None:
            with torch.no_grad():
                for name, value in chosen.items():
                    value.copy_(value.clamp(start[name] - bound, start[name] + bound))
    return {name: (value - start[name]).detach() for name, value in chosen.items()}


def grace(model: Transformer, fact: Fact, layer: int, start: Tensor) -> tuple[Tensor, Tensor]:
    """Key and value of a first entry (Thartvigsen/GRACE, grace/editors/grace.py; zjunlp/EasyEdit, hparams/GRACE/gpt2-xl.yaml), the value from `start`."""
    model, prompt = doubled(model), [[fact.subject, fact.relation]]
    with torch.no_grad():
        clean = at_token(model, prompt, "relation")
    value = start.double().clone().requires_grad_(True)
    adam = torch.optim.Adam([value], lr=1.0)
    for _ in range(200):
        adam.zero_grad()
        moved = at_token(model, prompt, "relation", {f"mlp_out.{layer}": value - clean[f"mlp_out.{layer}"][0]})[
            "logits"
        ]
        F.cross_entropy(moved, torch.tensor([fact.object])).backward()
        adam.step()
    return clean[f"mlp_key.{layer}"][0], value.detach()
