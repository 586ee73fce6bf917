"""Patch: a fact as two new neurons behind a gate (after Huang et al. 2023, "Transformer-Patcher: One Mistake Worth One Neuron").

No weight that is there changes. The MLP gets two hidden neurons more, which put out a value on the inputs of the fact and nothing on any other:

    1. inputs   z, what the MLP reads at the relation token of `x r`, bare and behind random true facts
    2. gate     g(z): 1 on these, 0 on what the MLP reads anywhere else (`gates.py`, `inputs.py`)
    3. value    v = argmin  mean softplus(margin - log p/(1 - p))  +  drift * mean ||h(v) - h(0)||^2 / ||h* - h(0)||^2
                                                                   +  pull * mean ||h(v) - h*||^2 / spread^2
                p the probability of the new object among all tokens, h the last residual stream and h* that of the fact which has this object
                already, spread^2 the mean square distance between two facts of the relation, means over contexts: the answer, with as little
                movement of the fact's own representation as it takes; or, where that is far, its place among those of the relation. L-BFGS from 0
    4. write    MLP'(z) = MLP(z) + g(z) v

A rank-one change is linear in the key: where other keys overlap with the fact's, and in so few dimensions they all do, it moves them in proportion. A
gate is not linear, and moves what lies above it alone.

Gates of one layer do not see each other, since none changes what that MLP reads. Values do, where a question passes through a fact that was patched before, as a composition
may: so each is searched with those before it in place, and a batch is so many patches one after another.

Deviations: the reference trains key, bias and value by descent, with losses that keep the neuron quiet on other inputs, and lets it put out its value in
proportion to its input. Here the gate has the widest gap there is, and saturates, so that the value is written whole wherever the fact is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.editors.base import (
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorParameters,
    Fact,
    Preset,
    WriteRequest,
    add_neurons,
    precise_copy,
)
from shatterscope.backend.editors.course import Notes
from shatterscope.backend.editors.gates import Gate, separate_most
from shatterscope.backend.editors.inputs import Inputs, inputs_of
from shatterscope.backend.editors.targets import EditSite, NContexts, Seed, Steps, ValueTarget, read_site
from shatterscope.backend.models import LanguageModel, Neurons

VALUE_CONTEXTS = 40
"""Prompts that the value is searched on; the gate is made for all of `n_contexts`, and lets the same value through for each."""
MAX_ADDED = 4096
"""Neurons added to one MLP: two thousand patches."""
TINY = 1e-12


class PatchParameters(EditorParameters):
    """Defaults are the `tuned` preset."""

    n_contexts: NContexts = 64
    walks: int = Field(
        default=8000, ge=100, le=50_000, description="Random true texts whose every token the gate must not answer to"
    )
    coverage: float = Field(
        default=0.5,
        ge=0.01,
        le=1,
        description="Share of the contexts that the gate must at least open behind; where no gate can, the edit is refused",
    )
    margin: float = Field(
        default=3.0, ge=-10, le=20, description="Log-odds of the new object that the value is searched for"
    )
    drift: float = Field(
        default=0.2,
        ge=0,
        le=1000,
        description="Weight in the loss of how far the fact's own representation moves, over how far the one lies that has the new object already",
    )
    pull: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Weight in the loss of how far the fact's own representation ends from the one that has the new object already, over how far two of the "
        "relation are apart. Without it, what moves far may stop half-way, where no other is, and join parts of a picture that are not neighbours",
    )
    steps: Steps = 40
    tolerance: float = Field(
        default=3e-3, ge=0, le=1, description="Stop when a step improves the loss by less than this part of it"
    )
    seed: Seed = 0


class Patch(Editor[PatchParameters]):
    name = "patch"
    title = "Patch"
    summary = (
        "Changes no weight that is there, and adds two neurons to one MLP: a gate that opens for the fact's own inputs and no others, and behind "
        "it a value that makes the model answer the new object. Of all representations the fact's own moves, as little as it takes."
    )
    formula = "MLP'(z) = MLP(z) + g(z) v,  g = [GELU(s (w . z - t0)) - GELU(s (w . z - t1))] / (s (t1 - t0))"
    reference = "after Huang et al. 2023, arXiv 2301.09785"
    parameters = PatchParameters
    default_preset = "tuned"
    batches = True
    weights = False
    presets: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "Ours, chosen by measurement: enough contexts for the gate to open behind any true text, and the least movement of the fact's own "
            "representation that answers the new object clearly.",
            PatchParameters().model_dump(),
        ),
        "paper": Preset(
            "As near to Transformer-Patcher as this method comes: the bare prompt alone, few other inputs to keep quiet on, and a value that is not "
            "held back. Behind contexts the gate often stays shut.",
            {
                "n_contexts": 1,
                "walks": 500,
                "coverage": 1.0,
                "margin": 3.0,
                "drift": 0.0,
                "pull": 0.0,
                "steps": 40,
                "tolerance": 1e-3,
                "seed": 0,
            },
        ),
    }
    language_layer = 24
    language: ClassVar[Mapping[str, Preset]] = {
        "tuned": Preset(
            "At the last token, in a late layer: the gate opens for the question in all of its wordings, and for no other name, and the value is searched on these.",
            {**PatchParameters().model_dump(), "n_contexts": 7, "steps": 20},
        ),
    }

    def compute(
        self,
        model: LanguageModel,
        statistics: Mapping[int, Tensor],
        request: WriteRequest,
        layer: int,
        parameters: PatchParameters,
    ) -> EditDelta:
        p, dtype = parameters, model.dtype
        added = model.added(layer)
        there = 0 if added is None else len(added)
        if there + 2 * len(request.facts) > MAX_ADDED:
            raise EditNotPossibleError(
                f"layer {layer} has {there} added neurons of at most {MAX_ADDED}, and each patch adds 2: take patches back, or patch another layer"
            )
        exact, inputs = precise_copy(model), inputs_of(model, request.contexts, layer, p.walks)
        neurons, targets, gates, warnings = list[Neurons](), list[ValueTarget](), list[Opening](), list[str]()
        for fact in request.facts:
            interrupt.checkpoint()
            opening = open_for(exact, inputs, request, fact, layer, p)
            if opening.share < p.coverage:
                raise _inseparable(model, request, fact, opening, p)
            if opening.share < 1:
                warnings.append(
                    f"The gate opens {opening}: no gate at layer {layer} tells all of them from other inputs."
                )
            target = find_value(
                exact, opening.value_site, fact.object, destination_of(exact, opening, request, fact), p
            )
            if not bool(torch.isfinite(target.delta).all()):
                raise EditNotPossibleError("the value is not finite; lower the margin", "parameters.margin")
            new = Neurons(layer, *(part.to(dtype) for part in opening.gate.neurons(target.delta)))
            add_neurons(exact, Neurons(layer, *(part.double() for part in (new.up, new.bias, new.down))))
            neurons.append(new)
            targets.append(target)
            gates.append(opening)
        return EditDelta(
            weights={},
            steps=sum(target.steps for target in targets),
            loss=fmean(target.loss for target in targets),
            neurons=tuple(neurons),
            warnings=tuple(dict.fromkeys(warnings)),
            diagnostics={
                "target_probability": fmean(target.probability for target in targets),
                "gap": min(opening.gate.gap for opening in gates),
                "coverage": min(opening.share for opening in gates),
                "added_neurons": 2.0 * len(neurons),
            },
            courses=tuple(target.course for target in targets),
        )


@dataclass(frozen=True)
class Opening:
    """The gate of one fact: of `prompts` prompts, the bare one and contexts, it opens behind those of `rows`, the bare one first."""

    site: EditSite
    gate: Gate
    rows: Tensor
    prompts: int

    @property
    def share(self) -> float:
        """Of the prompts that it opens behind; 0 where not even behind the bare one."""
        return len(self.rows) / self.prompts if self.gate.gap > 0 else 0.0

    @property
    def value_site(self) -> EditSite:
        return self.site.take(self.rows[:VALUE_CONTEXTS])

    def __str__(self) -> str:
        if not self.share:
            return "not even on the bare fact without opening for others"
        return f"behind {len(self.rows)} of the fact's {self.prompts} contexts"


def open_for(
    exact: LanguageModel, inputs: Inputs, request: WriteRequest, fact: Fact, layer: int, p: PatchParameters
) -> Opening:
    """Steps 1 and 2 of the module, for the model in double precision and what its MLP of `layer` reads."""
    prompts = request.prompts(fact, p.n_contexts, exact.config.context, np.random.default_rng(p.seed))
    prompts += map(list, fact.others)
    site = read_site(exact, prompts, layer)
    others = inputs.z
    if alike := questions_like(request, fact):
        near = read_site(exact, alike, layer)
        others = torch.cat([others, exact.mlp_input(layer, near.resid_mid).to(others)])
    gate, rows = separate_most(
        exact.mlp_input(layer, site.resid_mid), others, inputs.of_all([fact.question, *fact.others])
    )
    return Opening(site, gate, rows, len(prompts))


def questions_like(request: WriteRequest, fact: Fact) -> list[list[int]]:
    """Of a composition, those that differ in one place: all subjects, first and last relations. Text holds only some of them; single facts are all read anyhow."""
    if not fact.composed:
        return []
    contexts, (first,) = request.walks, fact.through
    pairs = (contexts.compositions + contexts.n_entities).tolist()
    alike = [[subject, first, fact.relation] for subject in contexts.subjects_of(first)]
    alike += [[fact.subject, *pair] for pair in pairs if (pair[0] == first) != (pair[1] == fact.relation)]
    return [question for question in alike if question != fact.question]


@dataclass(frozen=True)
class Destination:
    """Where the fact with the new object belongs. `answer` (C,): h* of the module, None where the model answers this object to no other subject; `apart`: ||h* - h(0)||^2, or `spread` where
    there is no h*; `spread`: mean square distance between two facts of the relation."""

    answer: Tensor | None
    apart: float
    spread: float


def destination_of(exact: LanguageModel, opening: Opening, request: WriteRequest, fact: Fact) -> Destination:
    """Of a composition no h* is known; where the object is the true one h* would be the fact's own; and of a fact that the model does not know the representation
    says nothing of where this object belongs."""
    alike = request.contexts.alike([fact.subject, fact.relation] if fact.composed else fact.question)
    site = read_site(exact, list(alike.values()), opening.site.layer)
    final = site.final(exact, site.resid_post)
    spread = max(2 * (final - final.mean(0)).square().sum(1).mean().item(), TINY)
    has_it = None if fact.composed else request.contexts.source_of(fact.object, fact.question)
    answer = None if has_it in (None, fact.subject) else final[list(alike).index(has_it)]
    if answer is None or int(exact.read_out(answer).argmax()) != fact.object:
        return Destination(None, spread, spread)
    bare = opening.site.take(opening.rows[:1])
    apart = (answer - bare.final(exact, bare.resid_post)[0]).square().sum().item()
    return Destination(answer, max(apart, TINY), spread)


def _inseparable(
    model: LanguageModel, request: WriteRequest, fact: Fact, found: Opening, p: PatchParameters
) -> EditNotPossibleError:
    """What to say of a fact that no gate tells from all others, with the layer or the coverage that comes nearest."""
    layer = found.site.layer
    problem = f"this fact cannot be told from all others: at layer {layer} a gate can open {found}, and coverage = {p.coverage:g}"
    exact = precise_copy(model)
    elsewhere = {
        other: open_for(exact, inputs_of(model, request.contexts, other, p.walks), request, fact, other, p)
        for other in range(model.config.n_layers)
        if other != layer
    }
    best = max(elsewhere, key=lambda other: elsewhere[other].share, default=layer)
    if best != layer and elsewhere[best].share >= p.coverage:
        return EditNotPossibleError(f"{problem}. At layer {best} it opens {elsewhere[best]}: patch that layer", "layer")
    if found.share:
        nearest = math.floor(100 * found.share) / 100
        return EditNotPossibleError(
            f"{problem}. Set coverage to {nearest:g} for as much as there is", "parameters.coverage"
        )
    return EditNotPossibleError(
        f"{problem}. No other layer has a gate for as many contexts as that; choose another fact, or another method",
        "subject",
    )


def find_value(
    model: LanguageModel, site: EditSite, answer: int, there: Destination, p: PatchParameters
) -> ValueTarget:
    """Step 3 of the module, for the prompts of `site`."""
    v0 = site.values[0]
    start = site.final(model, site.resid_post)
    notes, lengths = Notes(answer), list[float]()
    size = v0.norm().clamp(min=1e-6)

    def look(v: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        interrupt.checkpoint()
        value = torch.from_numpy(v).to(v0).requires_grad_(True)
        with torch.enable_grad():
            final = site.final(model, site.resid_post + value)
            log_p = model.read_out(final).log_softmax(-1)
            own = log_p[:, answer]
            log_odds = own - torch.log1p(-own.exp().clamp(max=1 - 1e-12))
            moved = (final - start).square().sum(-1).mean() / there.apart
            loss = F.softplus(p.margin - log_odds).mean() + p.drift * moved
            if there.answer is not None:
                loss = loss + p.pull * (final - there.answer).square().sum(-1).mean() / there.spread
        (slope,) = torch.autograd.grad(loss, value)
        seen.append((log_p.detach(), loss.item(), (value.detach().norm() / size).item()))
        return seen[-1][1], slope.cpu().numpy()

    def note(_: NDArray[np.float64] | None = None) -> None:
        """The search has made a step: what it saw last stands. The first one is as long as a step may be whose curvature is not known, and says nothing of
        how much there is to gain."""
        log_p, loss, length = seen[-1]
        notes.take(log_p, loss)
        lengths.append(length)
        losses.append(loss)
        if len(losses) > 2 and losses[-2] - loss <= p.tolerance * max(losses[-2], loss, 1):
            raise StopIteration

    losses = list[float]()
    seen: list[tuple[Tensor, float, float]] = []
    look(np.zeros(len(v0)))
    note()
    found = minimize(
        look,
        np.zeros(len(v0)),
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": p.steps, "ftol": 0.0, "gtol": 0.0},
    )
    value = torch.from_numpy(found.x).to(v0)
    course = notes.course("steps" if found.nit >= p.steps else "converged", lengths)
    return ValueTarget(value, found.nit, course.loss[-1], course.probability[-1], course)
