"""Training: a loop that yields step records (Nishi et al. 2025, section 3.3, with a recipe of our own).

The loss is the cross-entropy of the entity tokens alone: what relation comes next is a coin toss in the training text, and the
rows it would take are half of the cost. Adam(0.9, 0.95) in the eigenbasis of its gradients (`soap.py`), no weight decay.
The rate is constant while the rings form, then falls exponentially to nearly nothing: the loss follows the rate down all the
way, for what keeps ring neighbours from being told apart is the noise of the steps. A second, lower round goes on from there.

Why the gain of the final norm grows on a schedule: to tell an entity from its ring neighbours the logits need a large scale. Where
scale is scarce (weight decay, small gain) the model winds its codes round the ring many times instead, and the ring is
lost to the eye; where it is large from the start, the softmax is cold before there is anything to sharpen, and the codes come
out rough. So the gain starts modest, while the smooth code is found, and is multiplied by `gain_growth` over the first
`gain_steps` steps: an annealed temperature, folded into a weight the model has anyway. Or it follows the loss (`ScaleOptimiser`).

Noise in the embeddings winds the codes too, and so does a rate that falls while they still learn. So the smooth code is taken as the average of the
weights over the last steps of a round (`averaging`); in the next one the embeddings hardly move any more (`embedding_rate`), while the rest of
the model goes on learning to tell them apart.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from shatterscope.backend.data import TextSampler
from shatterscope.backend.data.notes import given
from shatterscope.backend.models import LanguageModel, ModelConfig, Transformer
from shatterscope.backend.soap import MAX_SIDE, Soap
from shatterscope.backend.worlds import Holdout, World

REFRESH_EVERY = 10  # steps between refreshes of the optimiser's bases


@dataclass(frozen=True)
class Round:
    """A constant rate, then over the last `decay_steps` down to `final_rate_share` of it: exponentially, or along half a cosine.
    `weight_decay` is decoupled (Loshchilov & Hutter 2019), on matrices alone; `embedding_rate` is the share of the rate that the token embeddings get."""

    steps: PositiveInt
    learning_rate: PositiveFloat = 2e-3
    decay_steps: PositiveInt = 20_000
    final_rate_share: Annotated[float, Field(gt=0, le=1)] = 1e-3
    decay: Literal["exponential", "cosine"] = "exponential"
    weight_decay: NonNegativeFloat = 0.0
    embedding_rate: NonNegativeFloat = 1.0

    def rate(self, step: int) -> float:
        """Learning rate of `step` (from 0) of the round."""
        decayed = max(0.0, 1 - (self.steps - step) / max(1, min(self.decay_steps, self.steps)))
        if self.decay == "exponential":
            return self.learning_rate * self.final_rate_share**decayed
        share = (1 + math.cos(math.pi * decayed)) / 2
        return self.learning_rate * (self.final_rate_share + (1 - self.final_rate_share) * share)


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a run: rounds of steps, each after the first a warm restart (Loshchilov & Hutter 2017). `batch` counts sequences of
    `context + 1` tokens; the rate warms up linearly over the first `warmup` steps. `loss_over` says which tokens of the text are to be
    predicted. The scale of the logits grows on a schedule (`gain_growth`), or follows the loss (`calibration`: the rate of its own Adam).
    `notes` is the share of walks that have a note before them (`data/notes.py`).
    At the end of each round the weights' running average takes their place, where there is one: each step adds 1 - `averaging` (Polyak & Juditsky 1992)."""

    rounds: Annotated[tuple[Round, ...], Field(min_length=1)]
    batch: PositiveInt = 256
    optimiser: Literal["soap", "adam"] = "soap"
    loss_over: Literal["entities", "all"] = "entities"
    warmup: NonNegativeInt = 500
    gain_growth: PositiveFloat = 4.0
    gain_steps: NonNegativeInt = 16_000
    calibration: NonNegativeFloat = 0.0
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    notes: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip_norm: PositiveFloat = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @property
    def steps(self) -> int:
        return sum(part.steps for part in self.rounds)

    def rate(self, step: int) -> float:
        """Learning rate of `step` (from 0)."""
        if step < self.warmup:
            return self.rounds[0].learning_rate * (step + 1) / self.warmup
        part, inside = self.round_of(step)
        return part.rate(inside)

    def round_of(self, step: int) -> tuple[Round, int]:
        """The round of `step` (from 0), and the step's number in it; behind the last one its end."""
        for part in self.rounds:
            if step < part.steps:
                return part, step
            step -= part.steps
        return self.rounds[-1], self.rounds[-1].steps

    def stretched(self, steps: int) -> TrainConfig:
        """The same schedule over another number of steps."""

        def scaled(count: int) -> int:
            return max(1, count * steps // self.steps)

        rounds = [replace(part, steps=scaled(part.steps), decay_steps=scaled(part.decay_steps)) for part in self.rounds]
        rounds[-1] = replace(rounds[-1], steps=max(1, steps - sum(part.steps for part in rounds[:-1])))
        return replace(self, rounds=tuple(rounds), warmup=scaled(self.warmup), gain_steps=scaled(self.gain_steps))


@dataclass(frozen=True)
class StepRecord:
    step: int  # steps done
    loss: float  # mean over the steps since the last record, nats per predicted token
    rate: float
    steps_per_second: float


# A sure model gives most tokens less than 1e-38, where a float32 is subnormal and a CPU many times as slow.
NEGLIGIBLE = 1e-30


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
            probability = (rows @ weight.T).softmax(1)
            total -= probability.gather(1, wanted).clamp_min_(torch.finfo(x.dtype).tiny).log_().sum()
            torch.threshold_(probability, NEGLIGIBLE, 0.0)
            probability.scatter_add_(1, wanted, torch.full_like(rows[:, :1], -1.0))  # dNLL / dlogits
            torch.mm(probability, weight, out=grad_x[start : start + chunk])
            grad_weight.addmm_(probability.T, rows)
        ctx.save_for_backward(grad_x / len(x), grad_weight / len(x))
        return total / len(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_weight = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad_x * grad, grad_weight * grad, None, None


def token_loss(
    model: LanguageModel, tokens: Tensor, n_predicted: int, chunk: int = 256, unpredicted: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy (nats) of the tokens below `n_predicted` in `tokens` (batch, context + 1), each predicted from what
    precedes it: `n_entities` for the entity tokens alone, the size of the vocabulary for all. Those `unpredicted`, of the same shape, are left out."""
    target = tokens[:, 1:].reshape(-1)
    wanted = target < n_predicted if unpredicted is None else (target < n_predicted) & ~unpredicted[:, 1:].reshape(-1)
    x = model.trunk(tokens[:, :-1]).flatten(0, 1)
    if x.is_cuda:  # a captured graph needs shapes that do not depend on the data: take every row, weigh the others 0
        nll = F.cross_entropy(model.unembed(x), target, reduction="none")
        return (nll * wanted).sum() / wanted.sum()
    at = wanted.nonzero().squeeze(1)
    loss: Tensor = _LinearCrossEntropy.apply(x[at], model.unembedding, target[at], chunk)  # type: ignore[no-untyped-call]
    return loss


class ScaleOptimiser:
    """One number, the scale of the logits, follows the loss by itself: Adam (0.95, 0.99) on the logarithm of the final norm's gain and bias.

    So confidence fits accuracy at all times. The optimiser of the weights moves the 24 entries of the gain apart, each far slower than the scale has to
    change when the rate falls; and codes wind where the scale is too small (see above)."""

    def __init__(self, norm: nn.LayerNorm, rate: float) -> None:
        self.norm, self.rate = norm, rate
        self.mean, self.square = norm.weight.new_zeros(()), norm.weight.new_zeros(())

    @torch.no_grad()
    def step(self) -> None:
        """One step, from the gradients that stand at gain and bias."""
        gain, bias = self.norm.weight, self.norm.bias
        assert gain.grad is not None
        assert bias.grad is not None
        slope = (gain.grad * gain).sum() + (bias.grad * bias).sum()
        self.mean.lerp_(slope, 0.05)
        self.square.lerp_(slope.square(), 0.01)
        factor = (-self.rate * self.mean / (self.square.sqrt() + 1e-12)).exp()
        gain.mul_(factor)
        bias.mul_(factor)


class Trainer:
    """A run: model, optimiser, sampler and generator, advanced one step at a time.

    Everything that decides the next step is in `state()`: a run that is saved, loaded and continued ends with the same weights as
    one never interrupted (on the same device with the same number of threads).
    """

    def __init__(
        self, graph: World, holdout: Holdout, model: ModelConfig, config: TrainConfig, device: torch.device
    ) -> None:
        self.config, self.device = config, device
        self.n_predicted = graph.n_entities if config.loss_over == "entities" else model.vocab_size
        self.length = model.context + 1
        self.model = Transformer(model, torch.Generator().manual_seed(config.seed)).to(device)
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.sampler = TextSampler(graph, holdout, device, notes=config.notes)
        self.optimiser = Soap(
            self.model.named_parameters(),
            max_side=MAX_SIDE if config.optimiser == "soap" else 0,  # without a rotated side it is Adam
        )
        self.optimiser.shares["token.weight"] = torch.ones((), device=device)
        self.scale = ScaleOptimiser(self.model.norm, config.calibration) if config.calibration else None
        averaged = self.model.named_parameters() if config.averaging else ()
        self.average = {name: value.detach().clone() for name, value in averaged}
        self.step = 0
        self.seconds = 0.0
        self._advance = _captured(self._one_step, self) if device.type == "cuda" else self._one_step

    def _one_step(self) -> Tensor:
        tokens = self.sampler.sample(self.config.batch, self.length, self.generator)
        told = given(tokens, self.sampler.n_entities) if self.config.notes else None
        loss = token_loss(self.model, tokens, self.n_predicted, unpredicted=told)
        self.model.zero_grad(set_to_none=self.device.type != "cuda")
        loss.backward()
        clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        if self.scale is not None:
            self.scale.step()
        return loss.detach()

    def run(self, every: int) -> Iterator[StepRecord]:
        """Train to the end, yielding a record every `every` steps and at the end."""
        torch.set_flush_denormal(True)  # see NEGLIGIBLE; it holds for this thread alone
        try:
            yield from self._run(every)
        finally:
            torch.set_flush_denormal(False)

    def _run(self, every: int) -> Iterator[StepRecord]:
        while self.step < self.config.steps:
            started, first = time.perf_counter(), self.step
            total = torch.zeros((), device=self.device)
            for _ in range(min(every, self.config.steps - self.step)):
                self._set_rates()
                total += self._advance()
                self._grow_gain()
                self.step += 1
                if self.average:
                    self._average()
                if self.step % REFRESH_EVERY == 0:
                    self.optimiser.refresh()
            loss = float(total) / (self.step - first)  # waits for the device
            elapsed = time.perf_counter() - started
            self.seconds += elapsed
            yield StepRecord(self.step, loss, self.config.rate(self.step - 1), (self.step - first) / elapsed)
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is no longer finite at step {self.step}; lower the learning rate")

    @torch.no_grad()
    def _average(self) -> None:
        weights: list[Tensor] = list(self.model.parameters())
        average = list(self.average.values())
        torch._foreach_lerp_(average, weights, 1 - self.config.averaging)
        if self.step in accumulate(part.steps for part in self.config.rounds):  # a round has ended
            torch._foreach_copy_(weights, average)

    def _set_rates(self) -> None:
        part, _ = self.config.round_of(self.step)
        self.optimiser.rate.fill_(self.config.rate(self.step))
        self.optimiser.shares["token.weight"].fill_(part.embedding_rate)
        self.optimiser.weight_decay.fill_(part.weight_decay)

    @torch.no_grad()
    def _grow_gain(self) -> None:
        if self.step < self.config.gain_steps:
            factor = self.config.gain_growth ** (1 / self.config.gain_steps)
            self.model.norm.weight.mul_(factor)
            self.model.norm.bias.mul_(factor)

    def state(self) -> dict[str, Tensor]:
        """Flat tensors: `model.*`, `soap.<parameter>.<slot>`, `generator`, `step`, `seconds`; copies, on the CPU."""
        tensors = {**self._advanced(), "generator": self.generator.get_state()}
        tensors["step"] = torch.tensor(self.step)
        tensors["seconds"] = torch.tensor(self.seconds, dtype=torch.float64)
        return {name: value.detach().cpu().clone() for name, value in tensors.items()}

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`. Raises `ValueError` where the state belongs to a model of another shape or optimiser."""
        try:
            for name, value in self._advanced().items():
                value.copy_(tensors[name])
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"the saved run is of another shape; start again without --resume ({error})") from None
        self.generator.set_state(tensors["generator"])
        self.step, self.seconds = int(tensors["step"]), float(tensors["seconds"])

    def _advanced(self) -> dict[str, Tensor]:
        """What a step changes, by name and in place: weights and slots of the optimiser."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, slots in self.optimiser.state.items():
            tensors |= {f"soap.{name}.{slot}": value for slot, value in slots.items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        if self.scale is not None:
            tensors |= {"scale.mean": self.scale.mean, "scale.square": self.scale.square}
        return tensors | {"soap.steps": self.optimiser.steps}


def _captured(step: Callable[[], Tensor], trainer: Trainer) -> Callable[[], Tensor]:
    """One training step as a CUDA graph. At this size a step is several hundred launches of almost nothing: replaying them as
    one graph keeps the device busy. The warm-up steps that capture needs are undone, so that step 0 stays step 0."""
    graph: torch.cuda.CUDAGraph | None = None
    loss = torch.zeros((), device=trainer.device)

    def advance() -> Tensor:
        nonlocal graph, loss
        if graph is None:
            before = trainer.state()
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    step()
            torch.cuda.current_stream().wait_stream(side)
            trainer.load_state(before)
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(trainer.generator)
            with torch.cuda.graph(graph):
                loss = step()
        graph.replay()
        return loss

    return advance
