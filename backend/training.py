"""Training: a loop that yields step records (Nishi et al. 2025, section 3.3, with a recipe of our own).

The loss is the cross-entropy of the entity tokens alone: what relation comes next is a coin toss in the training text, and the
rows it would take are half of the cost. Adam(0.9, 0.95) without weight decay, warm-up, cosine to nearly nothing.

Why the gain of the final norm grows on a schedule: to tell an entity from its ring neighbours the logits need a large scale. Where
scale is scarce (weight decay, small gain) the model winds its codes round the ring many times instead, and the ring is
lost to the eye; where it is large from the start, the softmax is cold before there is anything to sharpen, and the codes come
out rough. So the gain starts modest, while the smooth code is found, and is multiplied by `gain_growth` over the first
`gain_steps` steps: an annealed temperature, folded into a weight the model has anyway.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from backend.data import TextSampler
from backend.graph import Holdout, KnowledgeGraph
from backend.model import ModelConfig, Transformer


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a run. Rates are per step; `batch` counts sequences of `context + 1` tokens."""

    steps: int = 60_000
    batch: int = 256
    learning_rate: float = 2e-3
    warmup: int = 500
    decay_steps: int = 40_000
    final_rate_share: float = 0.01
    gain_growth: float = 8.0
    gain_steps: int = 20_000
    clip_norm: float = 1.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of `step` (from 0): linear warm-up, constant, then over the last `decay_steps` a cosine down to
        `final_rate_share` of the peak."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        decayed = max(0.0, 1 - (self.steps - step) / max(1, min(self.decay_steps, self.steps - self.warmup)))
        floor = self.final_rate_share
        return self.learning_rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * decayed)))


@dataclass(frozen=True)
class StepRecord:
    step: int  # steps done
    loss: float  # mean over the steps since the last record, nats per entity token
    rate: float
    steps_per_second: float


class _LinearCrossEntropy(torch.autograd.Function):
    """mean NLL of softmax(x W^T), in row chunks: the logits never exist all at once, and both gradients are computed while a
    chunk is still in cache. Twice as fast on a CPU as `F.cross_entropy(x @ W.T, y)`."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, x: Tensor, weight: Tensor, target: Tensor, chunk: int
    ) -> Tensor:
        # x (N, C), weight (V, C), target (N,)
        grad_x, grad_weight = torch.empty_like(x), torch.zeros_like(weight)
        total = x.new_zeros(())
        for start in range(0, len(x), chunk):
            rows, wanted = x[start : start + chunk], target[start : start + chunk, None]
            probability = (rows @ weight.T).log_softmax(1)
            total -= probability.gather(1, wanted).sum()
            probability.exp_()
            probability.scatter_add_(1, wanted, torch.full_like(rows[:, :1], -1.0))  # dNLL / dlogits
            torch.mm(probability, weight, out=grad_x[start : start + chunk])
            grad_weight.addmm_(probability.T, rows)
        ctx.save_for_backward(grad_x / len(x), grad_weight / len(x))
        return total / len(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_weight = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad_x * grad, grad_weight * grad, None, None


def entity_loss(model: Transformer, tokens: Tensor, n_entities: int, chunk: int = 256) -> Tensor:
    """Mean cross-entropy (nats) of the entity tokens of `tokens` (batch, context + 1), each predicted from what precedes it."""
    target = tokens[:, 1:].reshape(-1)
    x = model.trunk(tokens[:, :-1]).flatten(0, 1)
    if x.is_cuda:  # a captured graph needs shapes that do not depend on the data: take every row, weigh the others 0
        wanted = target < n_entities
        nll = F.cross_entropy(model.unembed(x), target, reduction="none")
        return (nll * wanted).sum() / wanted.sum()
    at = (target < n_entities).nonzero().squeeze(1)
    loss: Tensor = _LinearCrossEntropy.apply(x[at], model.token.weight, target[at], chunk)  # type: ignore[no-untyped-call]
    return loss


class Trainer:
    """A run: model, optimiser, sampler and generator, advanced one step at a time.

    Everything that decides the next step is in `state()`: a run that is saved, loaded and continued ends with the same weights as
    one never interrupted (on the same device with the same number of threads).
    """

    def __init__(
        self, graph: KnowledgeGraph, holdout: Holdout, model: ModelConfig, config: TrainConfig, device: torch.device
    ) -> None:
        self.config, self.device, self.n_entities = config, device, graph.n_entities
        self.length = model.context + 1
        self.model = Transformer(model, torch.Generator().manual_seed(config.seed)).to(device)
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.sampler = TextSampler(graph, holdout, device)
        cuda = device.type == "cuda"  # there the step is captured, and a rate held in a tensor can still be changed
        rate = torch.tensor(config.learning_rate, device=device) if cuda else config.learning_rate
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), lr=rate, betas=(0.9, 0.95), fused=True, capturable=cuda
        )
        self.step = 0
        self.seconds = 0.0
        self._advance = _captured(self._one_step, self) if cuda else self._one_step

    def _one_step(self) -> Tensor:
        tokens = self.sampler.sample(self.config.batch, self.length, self.generator)
        loss = entity_loss(self.model, tokens, self.n_entities)
        self.optimiser.zero_grad(set_to_none=self.device.type != "cuda")
        loss.backward()
        clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        return loss.detach()

    def run(self, every: int) -> Iterator[StepRecord]:
        """Train to the end, yielding a record every `every` steps and at the end."""
        while self.step < self.config.steps:
            started, first = time.perf_counter(), self.step
            total = torch.zeros((), device=self.device)
            for _ in range(min(every, self.config.steps - self.step)):
                self._set_rate(self.config.rate(self.step))
                total += self._advance()
                self._grow_gain()
                self.step += 1
            loss = float(total) / (self.step - first)  # waits for the device
            elapsed = time.perf_counter() - started
            self.seconds += elapsed
            yield StepRecord(self.step, loss, self.config.rate(self.step - 1), (self.step - first) / elapsed)
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is no longer finite at step {self.step}; lower the learning rate")

    def _set_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    @torch.no_grad()
    def _grow_gain(self) -> None:
        if self.step < self.config.gain_steps:
            factor = self.config.gain_growth ** (1 / self.config.gain_steps)
            self.model.norm.weight.mul_(factor)
            self.model.norm.bias.mul_(factor)

    def state(self) -> dict[str, Tensor]:
        """Flat tensors: `model.*`, `adam.<parameter>.<slot>`, `generator`, `step`, `seconds`."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for slot, value in self.optimiser.state[parameter].items():
                tensors[f"adam.{name}.{slot}"] = value
        tensors["generator"] = self.generator.get_state()
        tensors["step"] = torch.tensor(self.step)
        tensors["seconds"] = torch.tensor(self.seconds, dtype=torch.float64)
        return {name: value.detach().cpu().clone() for name, value in tensors.items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`. Raises `ValueError` where the state belongs to a model of another shape."""
        weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"the saved run is of another shape; start anew without --resume ({error})") from None
        for name, parameter in self.model.named_parameters():
            prefix = f"adam.{name}."
            self.optimiser.state[parameter] = {
                key.removeprefix(prefix): value.to(self.device if value.dim() or self.device.type == "cuda" else "cpu")
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
        self.generator.set_state(tensors["generator"])
        self.step, self.seconds = int(tensors["step"]), float(tensors["seconds"])


def _captured(step: Callable[[], Tensor], trainer: Trainer) -> Callable[[], Tensor]:
    """One training step as a CUDA graph. At this size a step is a few hundred launches of almost nothing: replaying them as one
    graph keeps the device busy. The warm-up steps that capture needs are undone, so that step 0 stays step 0."""
    graph: torch.cuda.CUDAGraph | None = None
    loss = torch.zeros((), device=trainer.device)

    def advance() -> Tensor:
        nonlocal graph, loss
        if graph is None:
            resumed = trainer.step > 0
            state = (
                trainer.state() if resumed else {f"model.{k}": v.clone() for k, v in trainer.model.state_dict().items()}
            )
            generator = trainer.generator.get_state()
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    step()
            torch.cuda.current_stream().wait_stream(side)
            with torch.no_grad():
                for name, value in trainer.model.state_dict().items():
                    value.copy_(state[f"model.{name}"])
                for name, parameter in trainer.model.named_parameters():
                    for slot, value in trainer.optimiser.state[parameter].items():
                        saved = state.get(f"adam.{name}.{slot}")
                        value.zero_() if saved is None else value.copy_(saved)
            trainer.generator.set_state(generator)
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(trainer.generator)
            with torch.cuda.graph(graph):
                loss = step()
        graph.replay()
        return loss

    return advance
