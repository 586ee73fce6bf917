"""An edit by ROME against the same edit done the plain way: every optimisation step through the whole model, one context at a time.

`python -m benchmarks edit`, or `python -m benchmarks.edit`. Both ways get the same prompts and the same parameters, take the same
number of steps, and must end with the same weight delta.
"""

from __future__ import annotations

import copy
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.row import Row
from shatterscope.backend.checkpoints import Checkpoint, CheckpointRegistry
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import Fact, WriteRequest
from shatterscope.backend.editors.least_squares import RIDGE
from shatterscope.backend.editors.rome import Rome, RomeParameters
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.settings import load_settings

EDITS = 5
DISTANCES = (1, 4, 32)
LARGEST_DIFFERENCE = 1e-3  # of the delta's norm: summed in another order over hundreds of steps


def plain_rome(
    model: LanguageModel, C: Tensor, request: WriteRequest, layer: int, p: RomeParameters
) -> tuple[Tensor, int]:
    """ROME as it reads in `editors/rome.py`, written the plain way: (dW, updates made)."""
    fact, rng = request.fact, np.random.default_rng(p.seed)
    prompts = [torch.tensor([prompt]) for prompt in request.prompts(fact, p.n_contexts, model.config.context, rng)]
    neutral = torch.tensor([[fact.subject]])
    mlp_key, mlp_out = f"mlp_key.{layer}", f"mlp_out.{layer}"

    def run(prompt: Tensor, delta: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        seen: dict[str, Tensor] = {}
        last = prompt.shape[1] - 1
        at = last if p.token == "relation" else max(last - 1, 0)

        def tap(name: str, x: Tensor) -> Tensor:
            seen[name] = x[0, at]
            if name != mlp_out or delta is None:
                return x
            return torch.cat([x[:, :at], x[:, at : at + 1] + delta, x[:, at + 1 :]], dim=1)

        return model(prompt, tap)[0, -1].log_softmax(-1), seen

    seen = [run(prompt)[1] for prompt in prompts]
    mean = torch.stack([each[mlp_key] for each in seen]).double().mean(0)
    k0 = seen[0][mlp_key].double() if p.key == "rome" else mean
    v0 = seen[0][mlp_out] if p.key == "rome" else torch.stack([each[mlp_out] for each in seen]).mean(0)
    length = seen[0][mlp_out].norm()  # of the bare prompt's, with either key
    rate = p.learning_rate * (length.item() / len(v0) ** 0.5 if p.relative_rate else 1.0)

    original = run(neutral)[0]
    delta = torch.zeros_like(v0, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=rate)
    for taken in range(p.steps):
        adam.zero_grad()
        nll = torch.stack([-run(prompt, delta)[0][fact.object] for prompt in prompts]).mean()
        drift = F.kl_div(original, run(neutral, delta)[0], log_target=True, reduction="sum")
        loss = nll + p.kl_factor * drift + p.weight_decay * delta.norm() / length**2
        if taken == p.steps - 1 or loss.item() < p.early_stop_loss:
            break
        loss.backward()
        adam.step()
        with torch.no_grad():
            delta *= (p.clamp_norm_factor * length / delta.norm()).clamp(max=1)
    direction = (
        torch.linalg.solve(C + RIDGE * C.diagonal().mean() * torch.eye(len(C)), mean) if p.use_covariance else mean
    )
    u = direction / direction.norm()
    missing = seen[0][mlp_out] + delta.detach() - v0  # from what the key gives now to what it should
    return torch.outer(missing, u) / (k0 @ u), taken


def compare(checkpoint: Checkpoint, preset: str) -> tuple[float, float, float]:
    """Median seconds of ours and of the plain way, and the largest relative difference of their deltas."""
    rome, world, layer = Rome(), checkpoint.world, 0
    parameters = RomeParameters(**rome.presets[preset].parameters)
    contexts = ContextSampler(world, checkpoint.holdout)
    exact = copy.deepcopy(checkpoint.model).double()  # in float64, as our search goes
    ours, plain, difference = [], [], 0.0
    for i in range(-1, EDITS):  # the first one warms up
        relation = world.relations[max(i, 0) % world.n_relations]
        subject = (i + 1) * 17 % world.n_entities
        target = world.counterfactual(subject, relation, DISTANCES[i % len(DISTANCES)])
        fact = Fact(subject, checkpoint.vocabulary.relation_token(relation), target)
        request = WriteRequest((fact,), contexts)
        start = time.perf_counter()
        fast = rome.compute(checkpoint.model, checkpoint.statistics, request, layer, parameters)
        middle = time.perf_counter()
        slow, steps = plain_rome(exact, checkpoint.statistics[layer], request, layer, parameters)
        end = time.perf_counter()
        if i < 0:
            continue
        ours.append(middle - start)
        plain.append(end - middle)
        (change,) = fast.weights.values()
        assert fast.steps == steps, f"ours took {fast.steps} steps, the plain way {steps}"
        difference = max(difference, float((change - slow).norm() / slow.norm()))
    assert difference < LARGEST_DIFFERENCE, f"the two ways disagree by {difference:.1e} of the delta's norm"
    return statistics.median(ours), statistics.median(plain), difference


def run() -> list[Row]:
    settings = load_settings()
    registry = CheckpointRegistry(settings.models_dir)
    assert registry.default_id is not None, f"no checkpoint under {settings.models_dir}"
    checkpoint = registry.get(registry.default_id)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for both: tensors this small gain nothing from a second one
    rows = []
    for preset in Rome.presets:
        ours, plain, difference = compare(checkpoint, preset)
        rows.append(
            Row(
                f"an edit by ROME, preset {preset}",
                ours,
                plain,
                ratio=plain / ours,
                note=f"against every step through the whole model, one context at a time; deltas agree to {difference:.0e}",
            )
        )
    torch.set_num_threads(threads)
    return rows


if __name__ == "__main__":
    for row in run():
        assert row.baseline is not None
        print(f"{row.name}: {row.ours:.3f} s, plain {row.baseline:.3f} s, ratio {row.ratio:.1f}; {row.note}")
