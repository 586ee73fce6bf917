"""What every editor promises, clause by clause: checked by our own tests, by `shatterscope editor check`, and by the tests of a package from outside.

    from shatterscope.backend.editors.contract import CLAUSES, editors_named

    (EDITOR,) = editors_named("my-editor")

    @pytest.mark.parametrize("clause", CLAUSES, ids=str)
    def test_it_keeps_the_contract(clause):
        clause(EDITOR)

All of it is tried on the small checkpoint that ships, or on another. An editor from elsewhere computes in a process of its own, as it does on the server.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from shatterscope.backend.checkpoints import Checkpoint, load_checkpoint
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors import (
    EDITORS,
    EditDelta,
    EditNotPossibleError,
    Editor,
    EditorFault,
    Fact,
    WriteRequest,
    apply_delta,
)
from shatterscope.backend.editors.foreign import ForeignEditor, UnusableEditorError, checked_delta, imported, wrapped
from shatterscope.backend.editors.process import Fault
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.settings import SHIPPED

FEW_STEPS = 12  # of an optimisation, enough for the clauses that do not ask whether the fact was written


class Broken(AssertionError):
    """A clause that an editor does not keep. The message says what it did instead."""


@dataclass(frozen=True)
class Trial:
    """One editor on one checkpoint."""

    editor: Editor[Any]
    checkpoint: Checkpoint

    @property
    def layers(self) -> range:
        return range(self.checkpoint.model.config.n_layers)

    def request(self, *subjects: int) -> WriteRequest:
        """To write the answer that is four steps from the true one, of each subject."""
        world = self.checkpoint.world
        relation = world.relations[len(world.relations) // 3]
        token = self.checkpoint.vocabulary.relation_token(relation)
        facts = tuple(Fact(each, token, world.counterfactual(each, relation, 4)) for each in subjects or (7,))
        return WriteRequest(facts, ContextSampler(world, self.checkpoint.holdout))

    def parameters(self, preset: str | None = None, **given: object) -> Any:
        """The preset's, with those of `given` that there are."""
        editor = self.editor
        known = {name: value for name, value in given.items() if name in editor.parameters.model_fields}
        return editor.parameters(**{**editor.presets[preset or editor.default_preset].parameters, **known})

    def compute(
        self, request: WriteRequest | None = None, parameters: Any = None, layer: int | None = None
    ) -> EditDelta:
        """By default one fact, in few steps, at the default layer. What comes back is a delta of the model."""
        model, request = self.checkpoint.model, request or self.request()
        delta = self.editor.compute(
            model,
            self.checkpoint.statistics,
            request,
            self.editor.default_layer if layer is None else layer,
            parameters or self.parameters(steps=FEW_STEPS),
        )
        return checked_delta(delta, model, len(request.facts))

    def apply(self, delta: EditDelta, strength: float = 1.0) -> LanguageModel:
        return apply_delta(self.checkpoint.model, delta, strength)

    def written(self, delta: EditDelta, request: WriteRequest) -> bool:
        """Whether the edited model answers every fact as it shall."""
        prompts = [[fact.subject, fact.relation] for fact in request.facts]
        found = answers(self.apply(delta), prompts, self.checkpoint.world.n_entities)
        return found.prediction.tolist() == [fact.object for fact in request.facts]


@dataclass(frozen=True)
class Clause:
    """`title` is what is promised, a sentence."""

    title: str
    test: Callable[[Trial], None]

    def __call__(self, editor: Editor[Any], checkpoint: Checkpoint | None = None) -> None:
        """Raises `Broken` where `editor` does not keep it."""
        try:
            self.test(Trial(editor, checkpoint or small_checkpoint()))
        except (EditorFault, EditNotPossibleError) as error:
            raise Broken(str(error)) from None
        except Fault as fault:
            raise Broken(f"{editor.title} {fault}") from None

    def __str__(self) -> str:
        return self.test.__name__.strip("_")


def check(editor: Editor[Any], checkpoint: Checkpoint | None = None) -> Iterator[tuple[Clause, str | None]]:
    """Each clause, and what is wrong where it is not kept. Of an editor that does not answer nothing more is asked."""
    for clause in CLAUSES:
        try:
            clause(editor, checkpoint)
        except Broken as broken:
            yield clause, str(broken)
            if clause.test is _answers:
                return
        else:
            yield clause, None


def _require(kept: bool, otherwise: str) -> None:
    if not kept:
        raise Broken(otherwise)


# --- the clauses -----------------------------------------------------------------------------------------------------


def _describes_itself(trial: Trial) -> None:
    source = type(trial.editor)
    if not isinstance(trial.editor, ForeignEditor):  # one of these was held to it when it was found
        try:
            wrapped(source, source.__name__, "")
        except UnusableEditorError as error:
            raise Broken(f"{source.__name__} {error}") from None


def _explains_its_parameters(trial: Trial) -> None:
    for name, schema in trial.editor.parameters.model_json_schema().get("properties", {}).items():
        _require(bool(schema.get("description")), f"{name} has no description; give one with Field(description=...)")
        if schema.get("type") in ("number", "integer"):
            bounded = {"minimum", "exclusiveMinimum"} & schema.keys() and {
                "maximum",
                "exclusiveMaximum",
            } & schema.keys()
            _require(bool(bounded), f"{name} has no bounds; give them with Field(ge=..., le=...)")


def _answers(trial: Trial) -> None:
    trial.compute(parameters=trial.parameters())


def _leaves_the_model(trial: Trial) -> None:
    model = trial.checkpoint.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    delta = trial.compute()
    edited = trial.apply(delta, 2.0).state_dict()
    same = all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    _require(same, "the model it was given is another one afterwards; return the change instead")
    _require(all(each.grad is None for each in model.parameters()), "it left gradients in the model it was given")
    changed = {name for name, value in edited.items() if not torch.equal(value, before[name])}
    _require(changed == delta.weights.keys(), f"it names {sorted(delta.weights)} and changes {sorted(changed)}")


def _repeats_itself(trial: Trial) -> None:
    first = fingerprint(trial.compute())
    torch.manual_seed(123)
    again = "the same request gave another delta"
    seeds = "draw from np.random.default_rng(parameters.seed), never from a global generator"
    _require(fingerprint(trial.compute()) == first, f"{again} the second time; {seeds}")
    if isinstance(trial.editor, ForeignEditor):
        trial.editor.process.close()
        _require(fingerprint(trial.compute()) == first, f"{again} in another process; {seeds}, and go through no set")


def _writes_the_fact(trial: Trial) -> None:
    request = trial.request()
    delta = trial.compute(request, trial.parameters())
    _require(
        trial.written(delta, request), "with its default preset at its default layer the model answers something else"
    )


def _works_everywhere(trial: Trial) -> None:
    """Or says that it does not."""
    for preset in trial.editor.presets:
        for layer in trial.layers:
            parameters = trial.parameters(preset, steps=5)
            try:
                trial.editor.check(parameters, layer, len(trial.layers))
                delta = trial.compute(parameters=parameters, layer=layer)
            except EditNotPossibleError:
                continue
            _require(math.isfinite(delta.norm), f"preset {preset} at layer {layer} gives a delta of infinite length")


def _writes_batches(trial: Trial) -> None:
    if trial.editor.batches:
        request = trial.request(7, 40, 80)
        delta = trial.compute(request, trial.parameters())
        _require(
            trial.written(delta, request), "it says that it writes batches, and of three facts not all are written"
        )


def _names_its_keys(trial: Trial) -> None:
    delta, model = trial.compute(), trial.checkpoint.model
    for layer, keys in delta.keys.items():
        _require(model.written(layer) in delta.weights, f"it gives keys for layer {layer}, and does not write there")
        _require(len(keys) == 1, f"it gives {len(keys)} keys for one fact at layer {layer}")


def _leaves_a_working_model(trial: Trial) -> None:
    """Also where it is asked nothing, as where a group of a world has no question for a task."""
    edited = trial.apply(trial.compute())
    width, nothing = edited.config.d_model, torch.empty(0, 2, dtype=torch.long, device=edited.device)
    shape = edited(nothing).shape
    _require(
        shape == (0, 2, edited.config.vocab_size), f"asked nothing, the edited model answers in shape {tuple(shape)}"
    )
    past = edited.prefix(edited.embed(nothing[:, :1]))
    shape = edited.step(torch.empty(0, width, device=edited.device), past)[0].shape
    _require(shape == (0, width), f"asked nothing behind a prefix, the edited model answers in shape {tuple(shape)}")


CLAUSES = (
    Clause("It describes itself: name, texts, parameters, presets.", _describes_itself),
    Clause("Each parameter has a description, and each number bounds.", _explains_its_parameters),
    Clause("It answers in time, with a finite change of parameters that the model has.", _answers),
    Clause("It leaves the model as it was, and changes what it names.", _leaves_the_model),
    Clause("The same request gives the same bits, in another process too.", _repeats_itself),
    Clause("Its default preset writes the fact at its default layer.", _writes_the_fact),
    Clause("Every preset works at every layer, or says that it cannot.", _works_everywhere),
    Clause("Where it writes batches, all facts of one are written.", _writes_batches),
    Clause("Keys that it hands on belong to the layers it writes to.", _names_its_keys),
    Clause("The edited model works on.", _leaves_a_working_model),
)


def fingerprint(delta: EditDelta) -> str:
    """Of every bit that an edit adds to the model."""
    digest = hashlib.sha256()
    for name, change in sorted(delta.weights.items()):
        digest.update(name.encode() + change.cpu().numpy().tobytes())
    for entry in delta.entries:
        digest.update(entry.key.cpu().numpy().tobytes() + entry.value.cpu().numpy().tobytes())
        digest.update(repr(entry.radius).encode())
    for new in delta.neurons:
        for part in (new.up, new.bias, new.down):
            digest.update(part.cpu().numpy().tobytes())
    return digest.hexdigest()


# --- what is tried ---------------------------------------------------------------------------------------------------


@cache
def small_checkpoint() -> Checkpoint:
    return load_checkpoint(SHIPPED / "models_cache" / "rings-small")


def editors_named(name: str) -> list[Editor[Any]]:
    """An installed method by its name, a class by `module:Class`, or all editors that a module defines.

    Raises:
        UnusableEditorError: there is none, or it cannot be used, and why.
    """
    if name in EDITORS:
        return [EDITORS[name]]
    for point, reason in EDITORS.problems.items():
        if point.partition(" ")[0] == name:
            raise UnusableEditorError(f"{point} cannot be used: {reason}")
    module, _, attribute = name.partition(":")
    return [_from(f"{module}:{each}") for each in ([attribute] if attribute else _defined_in(module))]


def _defined_in(module: str) -> list[str]:
    try:
        content = vars(imported(module)).values()
    except UnusableEditorError as error:
        raise UnusableEditorError(f"no method {module!r} is installed, and as a module it {error}") from None
    own = [each for each in content if isinstance(each, type) and f"{each.__module__}.".startswith(f"{module}.")]
    found = [each.__qualname__ for each in own if issubclass(each, Editor)]
    if not found:
        raise UnusableEditorError(f"{module} defines no subclass of shatterscope.backend.editors.Editor")
    return found


def _from(source: str) -> Editor[Any]:
    try:
        return wrapped(imported(source), source, source.partition(":")[0])
    except UnusableEditorError as error:
        raise UnusableEditorError(f"{source} {error}") from None
