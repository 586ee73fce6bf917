"""What an editor is: a name, its parameters, and `compute`, which returns a weight delta and touches nothing.

A new editor costs one file with a subclass of `Editor` and one line in `registry.py`, or a package of one's own (`foreign.py`); its parameters appear in
the API and the interface by themselves, through their JSON Schema. What several need has modules of its own: `targets.py`, `spreading.py`,
`least_squares.py`, `fine_tuning.py`, `codebook.py`. Editors do not import each other.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from shatterscope.backend.data.contexts import Contexts, ContextSampler
from shatterscope.backend.editors.codebook import Entry, insert
from shatterscope.backend.editors.course import Course
from shatterscope.backend.models import AddedNeurons, LanguageModel, Neurons
from shatterscope.backend.training import TrainConfig
from shatterscope.backend.worlds import Holdout, Relation, World


class EditorParameters(BaseModel):
    """Base of every editor's parameters: immutable, and an unknown name is refused.

    `added` are parameters that came when edits had ids already. At its default such a one changes nothing, and what is hashed and kept of an edit
    leaves it out: so an id, and a file, stays what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    added: ClassVar[frozenset[str]] = frozenset({"stop_after_leading", "protect_siblings", "most_layers"})

    @classmethod
    def identifying(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of these parameters those that an edit's id is made of: all that is needed to make the edit again."""
        fields = cls.model_fields
        return {name: value for name, value in values.items() if name not in cls.added or value != fields[name].default}


P = TypeVar("P", bound=EditorParameters)


class EditNotPossibleError(ValueError):
    """The edit has no answer on this model (a vanishing key, values that are no longer finite), or the method cannot do it.
    `field` is the part of the specification to change."""

    def __init__(self, message: str, field: str = "layer") -> None:
        super().__init__(message)
        self.field = field


class EditorFault(RuntimeError):
    """An editor from another package did not keep to the contract. The message names both and says what it did."""


@dataclass(frozen=True)
class Preset:
    """A named set of parameters, with a sentence on where they come from. Values not given are the schema's defaults."""

    summary: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """What to write, in tokens: after `subject relation` the model shall answer `object`; after `subject through relation` where `through` holds the
    first relation of a composition.

    Of a language model a relation is the text behind the subject: `through` and `relation` are its tokens, `before` those of the text in front, and `others`
    the same question put otherwise, whole. `behind`: how many tokens stand behind the one that is called the subject's.
    """

    subject: int
    relation: int  # token id
    object: int
    through: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    behind: int = 1
    others: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, world: World, subject: int, relations: Sequence[Relation], object: int) -> Fact:
        """The fact as `world` asks for it: the plain way, and the others beside."""
        plain, *others = world.wordings(relations)
        *through, last = plain.after
        return cls(
            subject,
            last,
            object,
            tuple(through),
            plain.before,
            len(plain.after) if plain.before else 1,
            tuple(tuple(each.around(subject)) for each in others),
        )

    @property
    def composed(self) -> bool:
        """Whether it is asked by two relations, one after the other."""
        return bool(self.through) and not self.before

    @property
    def question(self) -> list[int]:
        """The bare prompt."""
        return [*self.before, self.subject, *self.through, self.relation]

    @property
    def neutral(self) -> list[int]:
        """The bare subject: what an edit at its token should leave alone."""
        return [*self.before, self.subject]


@dataclass(frozen=True)
class Earlier:
    """What the steps of a stack so far did to the output projection of one layer.

    Attributes:
        start: (d_model, d_mlp), the weight before the first of them.
        keys: (n, d_mlp) of each step, the keys that it wrote to, as long as its strength and at most whole.
        weights: (d_model, d_mlp) of each step, the weight after it.
    """

    start: Tensor
    keys: tuple[Tensor, ...] = ()
    weights: tuple[Tensor, ...] = ()

    def then(self, keys: Tensor, weight: Tensor) -> Earlier:
        return Earlier(self.start, (*self.keys, keys), (*self.weights, weight))


@dataclass(frozen=True)
class Rehearsal:
    """What the model was trained on: for a method that goes on training."""

    world: World
    holdout: Holdout
    config: TrainConfig


@dataclass(frozen=True)
class WriteRequest:
    """The facts to write as one edit, one for methods that take no batches; where to draw contexts from; and what earlier edits of the same stack did, by
    layer. `rehearsal` is there for a method that trains."""

    facts: tuple[Fact, ...]
    contexts: Contexts
    earlier: Mapping[int, Earlier] = field(default_factory=dict)
    rehearsal: Rehearsal | None = None

    @property
    def fact(self) -> Fact:
        """The only fact. Raises `ValueError` for a batch."""
        (fact,) = self.facts
        return fact

    @property
    def walks(self) -> ContextSampler:
        """The contexts as walks over the facts of a world. Raises `EditNotPossibleError` where the model was taught no such world."""
        if not isinstance(self.contexts, ContextSampler):
            raise EditNotPossibleError(
                "this method needs text of the world that the model was taught, and a language model was taught none; choose another method",
                "method",
            )
        return self.contexts

    @property
    def carried(self) -> dict[int, Tensor]:
        """layer -> (n, d_mlp), the keys that earlier edits wrote to, in their order."""
        return {layer: torch.cat(each.keys) for layer, each in self.earlier.items()}

    def carried_moment(self, layer: int, like: Tensor) -> Tensor:
        """(d_mlp, d_mlp) as `like`, K_p K_p^T of the keys that earlier edits wrote to."""
        if layer not in self.earlier:
            return torch.zeros_like(like)
        keys = self.carried[layer].to(like)  # (n, d_mlp)
        return keys.T @ keys

    def prompts(self, fact: Fact, n: int, context: int, rng: np.random.Generator) -> list[list[int]]:
        """`n` token lists that end with the fact's question: the bare prompt, then the same behind contexts, which name neither the new object nor the
        true one."""
        question = fact.question
        return [question, *self.contexts.behind(question, fact.object, n - 1, context, rng)]


@dataclass(frozen=True)
class EditDelta:
    """What an edit adds to the model, and how it went.

    Attributes:
        weights: parameter name -> what is added to it, of its shape and dtype. Empty for a method that changes none.
        steps: optimisation steps taken, over all facts.
        loss: of the optimisation, at its end; the mean over the facts.
        entries: what is added to the codebooks beside the weights (`codebook.py`).
        neurons: what is added to the MLPs beside their own neurons.
        keys: layer -> (n, d_mlp), the keys that the edit wrote to, for later edits to carry.
        warnings: sentences for people; degeneracies are results, not exceptions.
        diagnostics: the numbers behind them.
        courses: of the optimisation of each fact, in their order; empty where none was kept.
    """

    weights: dict[str, Tensor]
    steps: int
    loss: float
    entries: tuple[Entry, ...] = ()
    neurons: tuple[Neurons, ...] = ()
    keys: Mapping[int, Tensor] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, float] = field(default_factory=dict)
    courses: tuple[Course, ...] = ()

    def noting(self, warnings: Sequence[str], diagnostics: Mapping[str, float]) -> EditDelta:
        """The same delta with more to say."""
        return replace(self, warnings=(*self.warnings, *warnings), diagnostics={**self.diagnostics, **diagnostics})

    @property
    def norm(self) -> float:
        """Frobenius norm over all weights."""
        return math.hypot(*(w.double().norm().item() for w in self.weights.values()))


class Editor(ABC, Generic[P]):
    """A method that makes a model answer something else.

    `summary` says in two sentences what it does, `formula` how, `reference` who found it; `batches` whether it writes many facts as one edit,
    `weights` whether it changes weights that the model has (what a restraint acts on); `language` its presets on a language model, with `tuned` among them, and none where it is not offered there; `trains` whether it goes on training the model; `package` where it comes from, name and version, and nothing
    where it is ours.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    reference: ClassVar[str]
    parameters: type[P]
    presets: ClassVar[Mapping[str, Preset]]
    default_preset: ClassVar[str]
    default_layer: ClassVar[int] = 0
    batches: ClassVar[bool] = False
    weights: ClassVar[bool] = True
    language: ClassVar[Mapping[str, Preset]] = {}
    language_layer: ClassVar[int] = 3
    trains: ClassVar[bool] = False
    package: ClassVar[str] = ""

    def presets_on(self, world: World) -> Mapping[str, Preset]:
        """Those for a model that is asked about `world`."""
        return self.language if world.worded else self.presets

    def check(self, parameters: P, layer: int, n_layers: int) -> None:
        """Raises `EditNotPossibleError` for parameters within their bounds that this method cannot combine."""
        if getattr(parameters, "token", "relation") == "subject" and layer == n_layers - 1:
            raise EditNotPossibleError(
                f"what layer {layer}, the last, puts out at the subject's token does not reach the answer, which is read at the relation's: "
                "choose an earlier layer, or token = relation",
                "parameters.token",
            )

    def at_token(self, parameters: P, token: str) -> P:
        """The same parameters, writing at `token` (relation or subject). Raises `EditNotPossibleError` for a method that cannot choose."""
        if "token" in self.parameters.model_fields:
            return parameters.model_copy(update={"token": token})
        if token == "relation":
            return parameters
        raise EditNotPossibleError(
            f"{self.title} writes at the relation's token alone, where the answer is read",
            "parameters.token",
        )

    def direction(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, layer: int, parameters: P
    ) -> Tensor | None:
        """Where the change will point, known without the search of a value: u (d_mlp,) float64 such that the output projection of `layer` changes by
        an outer product with u, whatever is written, so that what the MLP answers to a key k moves by |u . k| as much. Of any length; of the edit's one fact.

        None: the change has no one direction that is known before, or the method changes no weight (`weights`). Of a method that writes to several
        layers it is that of the first.
        """
        return None

    @abstractmethod
    def compute(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, layer: int, parameters: P
    ) -> EditDelta:
        """The delta that writes `request` at `layer`. The model is left bit-identical; the same inputs give the same delta.

        Args:
            statistics: per layer (d_mlp, d_mlp) float64, E[k k^T] of the MLP keys.

        Raises:
            EditNotPossibleError: no finite update exists.
        """


LARGE = 20_000_000
"""Weights from which on a model is searched as it is: twice as many bytes would not fit, or would take seconds to make."""


def precise_copy(model: LanguageModel) -> LanguageModel:
    """A copy in double precision; of a `LARGE` model one in its own, which shares its weights. Where Adam divides a slope by its own size, the rounding of
    a tiny one decides its sign, and where a search ends."""
    return sharing_copy(model) if model.n_params > LARGE else copy.deepcopy(model).double()


def sharing_copy(model: LanguageModel) -> LanguageModel:
    """A copy whose parameters and buffers are those of `model`, to be replaced and never changed in place."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def apply_delta(model: LanguageModel, delta: EditDelta, strength: float = 1.0) -> LanguageModel:
    """A copy of `model` with `strength * delta` added; `model` itself is never changed."""
    edited = add_weights(model, delta.weights, strength)
    for entry in delta.entries:
        insert(edited, entry, strength)
    for neurons in delta.neurons:
        add_neurons(edited, neurons, strength)
    return edited


def added_neurons(model: LanguageModel) -> dict[int, AddedNeurons]:
    """The neurons that were added to `model`, by layer."""
    found = {layer: model.added(layer) for layer in range(model.config.n_layers)}
    return {layer: added for layer, added in found.items() if added is not None}


def add_neurons(model: LanguageModel, neurons: Neurons, strength: float = 1.0) -> None:
    """Add hidden neurons to `model` itself, what they put out times `strength`. At strength 0 there is nothing to add."""
    if not strength:
        return
    new = AddedNeurons(neurons.up, neurons.bias, strength * neurons.down)
    there = model.added(neurons.layer)
    model.set_added(neurons.layer, new if there is None else there.with_more(new))


@torch.no_grad()
def add_weights(model: LanguageModel, weights: Mapping[str, Tensor], strength: float = 1.0) -> LanguageModel:
    """A copy of `model` with `strength` times each of `weights` added to the parameter of that name. All others are shared by both."""
    edited = sharing_copy(model)
    for name, change in weights.items():
        was = edited.get_parameter(name)
        module, _, own = name.rpartition(".")
        now = nn.Parameter(was.clone().add_(change, alpha=strength), was.requires_grad)
        setattr(edited.get_submodule(module), own, now)
    return edited
