"""Many ROME edits of one model as one batch of tensors, each exactly the edit that `editors/rome.py` makes alone.

The value optimisation of one edit is a few dozen steps over two dozen short rows, most of it overhead. Here all edits of a task step side
by side; one that has reached its loss leaves the batch. Equal to the edits made one by one but for the order of floating-point sums.
Other methods are made one by one, by `run_edits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import Course, EditDelta, EditNotPossibleError, Fact, WriteRequest
from shatterscope.backend.editors.adam import Adam, step_size
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.editors.rome import Rome, RomeParameters
from shatterscope.backend.editors.targets import EditSite, ValueTarget, read_site
from shatterscope.backend.edits import CompleteSpec, delta_key, restrained
from shatterscope.backend.models import LanguageModel


def compute_together(checkpoint: Checkpoint, specs: Sequence[CompleteSpec]) -> dict[str, EditDelta]:
    """The deltas of edits that are each made alone, by `delta_key`, as far as they can be computed together: edits by ROME that share
    layer, parameters and restraint, of facts that the model does not answer so already. The rest is left out."""
    first = specs[0]
    alike = all(
        (each.method, each.layer, each.parameters, each.restraint)
        == (Rome.name, first.layer, first.parameters, first.restraint)
        for each in specs
    )
    if not alike or len(specs) == 1:
        return {}
    model, world, p = precise_copy(checkpoint.model), checkpoint.world, RomeParameters(**first.parameters)
    dtype = checkpoint.model.dtype
    contexts = ContextSampler(world, checkpoint.holdout)
    prompts, behind = list[list[int]](), list[int]()
    for spec in specs:
        fact = Fact.of(world, spec.subject, [world.relation(spec.relation)], spec.object)
        rng = np.random.default_rng(p.seed)
        asked = WriteRequest((fact,), contexts).prompts(fact, p.n_contexts, model.config.context, rng)
        prompts += [*asked, fact.neutral]
        behind += [*[fact.behind] * len(asked), 0]
    site = read_site(model, prompts, first.layer, p.token, behind)
    rows = torch.arange(len(prompts), device=site.keys.device).view(len(specs), -1)
    sites = [site.take(each) for each in rows]
    found = optimise_together(model, site, [spec.object for spec in specs], sites, p)
    rome, deltas = Rome(), {}
    for spec, own, target in zip(specs, sites, found, strict=True):
        try:
            delta = rome.write(model.written(first.layer), checkpoint.statistics[first.layer], own, target, p, dtype)
            delta = restrained(spec, checkpoint.model, checkpoint.model, delta)
        except EditNotPossibleError:
            continue  # `run_edits` will come upon it, and say so
        deltas[delta_key(checkpoint.identity, [spec])] = delta
    return deltas


def optimise_together(
    model: LanguageModel, site: EditSite, objects: Sequence[int], sites: Sequence[EditSite], p: RomeParameters
) -> list[ValueTarget]:
    """`targets.optimise_value` for N edits at once.

    Args:
        site: N times B prompts; of the B of each edit the last is the neutral one.
        objects: the N new objects.
        sites: the same prompts, edit by edit.
    """
    n, width = len(objects), site.values.shape[1]
    site_rows = len(site.keys) // n
    like = site.values
    v0 = [each.values[0].norm().item() for each in sites]
    rates = [step_size(p.learning_rate, norm, width, p.relative_rate) for norm in v0]
    norms = like.new_tensor(v0)
    targets = torch.tensor(objects, device=like.device)
    live = torch.arange(n, device=like.device)  # which edits are still in the batch, row by row of all that follows
    delta = like.new_zeros(n, width)
    adam = Adam(delta, like.new_tensor(rates)[:, None])
    with torch.no_grad():
        original = model.unembed(_final(model, site, delta)[:, -1]).log_softmax(-1)  # (n, V)
    found: dict[int, ValueTarget] = {}
    steps_led = torch.zeros_like(live)  # in a row
    for taken in range(p.steps):
        delta.requires_grad_(True)
        with torch.enable_grad():
            final = _final(model, site, delta)  # (n, B, C)
        told = _tell(model, final.detach(), targets, original, p.kl_factor)
        length = delta.detach().norm(dim=1)
        decay = p.weight_decay / norms**2
        loss = told.nll + p.kl_factor * told.kl + decay * length  # (n,)
        reached = loss < p.early_stop_loss
        steps_led = torch.where(told.leads, steps_led + 1, 0)
        led = (steps_led >= p.stop_after_leading) & (p.stop_after_leading > 0)
        ended = reached | led | (taken == p.steps - 1)
        for i in ended.nonzero()[:, 0].tolist():
            course = Course(
                "reached" if bool(reached[i]) else "led" if bool(led[i]) else "steps",
                site_rows - 1,
                (loss[i].item(),),
                (told.probability[i].item(),),
                (int(told.rank[i]),),
                (min((length[i] / norms[i]).item(), p.clamp_norm_factor),),
            )
            found[int(live[i])] = ValueTarget(
                delta[i].detach().clone(), taken, course.loss[0], course.probability[0], course
            )
        if len(found) == n:
            break
        (gradient,) = torch.autograd.grad(final, delta, told.slope)
        delta = delta.detach()
        gradient = gradient + decay[:, None] * delta / length.where(length > 0, 1.0)[:, None]
        if bool(ended.any()):
            stay = (~ended).nonzero()[:, 0]
            rows = torch.arange(len(site.keys), device=like.device).view(len(live), -1)[stay].flatten()
            site = site.take(rows)
            adam.keep(stay)
            live, delta, gradient = live[stay], delta[stay], gradient[stay]
            norms, targets, original, steps_led = norms[stay], targets[stay], original[stay], steps_led[stay]
        delta = adam.step(delta, gradient)
        length, largest = delta.norm(dim=1), p.clamp_norm_factor * norms
        delta = delta * torch.where(length > largest, largest / length, 1.0)[:, None]
    return [found[i] for i in range(n)]


def _final(model: LanguageModel, site: EditSite, delta: Tensor) -> Tensor:
    """(n, B, C) behind the final norm, with each edit's delta (n, C) added at all of its prompts."""
    prompts = len(site.keys) // len(delta)
    resid_post = site.resid_mid + (site.values + delta.repeat_interleave(prompts, 0))
    return model.final_norm(site.final(model, resid_post)).view(len(delta), prompts, -1)


@dataclass(frozen=True)
class Told:
    """Terms of the loss, the new object's rank on the bare prompt, and whether it leads behind all contexts, (n,) each, and the slope (n, B, C) of nll + kl_factor kl."""

    nll: Tensor
    kl: Tensor
    probability: Tensor
    rank: Tensor
    leads: Tensor
    slope: Tensor


@torch.no_grad()
def _tell(model: LanguageModel, final: Tensor, targets: Tensor, original: Tensor, kl_factor: float) -> Told:
    """What the model says at the last tokens. Slopes are written out: with logits z = E x and p = softmax(z),

        -log p_t            has the slope  E^T p - E_t
        KL(p || q)          has the slope  E^T (p * (log p - log q - KL))

    which takes one pass over the (n B, V) logits where automatic differentiation takes half a dozen.
    """
    E, (n, B, C) = model.unembedding, final.shape
    z = final.view(-1, C) @ E.T
    rows = z.sub_(z.amax(1, keepdim=True)).view(n, B, -1)
    wanted = rows[:, :-1].gather(2, targets[:, None, None].expand(-1, B - 1, 1))[..., 0]
    rank = rows.shape[2] + 1 - (rows[:, 0] <= wanted[:, :1]).sum(1)  # as `course.Notes`
    leads = (wanted == 0).all(1)  # the largest is
    neutral = rows[:, -1].clone()
    odds = z.clamp_(min=-80).exp_()  # exp is many times slower where it underflows
    total = odds.sum(1, keepdim=True)
    mean = ((odds @ E) / total).view(n, B, C)
    log_total = total.log().view(n, B)
    log_p = wanted - log_total[:, :-1]  # (n, B - 1)
    p = rows[:, -1] / total.view(n, B, 1)[:, -1]
    gap = neutral - log_total[:, -1:] - original
    kl = (p * gap).sum(1)
    slope = torch.cat(
        [(mean[:, :-1] - E[targets][:, None]) / (B - 1), (kl_factor * (p * (gap - kl[:, None])) @ E)[:, None]], 1
    )
    return Told(-log_p.mean(1), kl, log_p.exp().mean(1), rank, leads, slope)
