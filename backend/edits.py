"""Edits as people order them: complete specifications, their content hash, and stacks of them applied in order.

An edit's id is the hash of the checkpoint and of the complete specifications: the same edit asked for by many is computed once, and a
link opened next year gives the same picture. Each edit of a stack is computed on the model as edited so far. A delta depends on the
edits before it, with their strengths, but not on its own strength: `delta_key` says so, and moving the strength slider of the last edit
computes nothing anew.

An edit at strength 0 is not there: all others come out as if it had never been ordered, and nothing is computed for it. Towards 0 an edit fades
away: what it does to those behind it goes to nothing with its strength.

Consecutive edits of one method marked `batch` are one step: their facts are written together, by one delta. A step also hands on the keys
it wrote to, so that later steps of the same stack (never of another) can spare them: each key as long as the strength, at most whole.

A `restraint` filters the weight change of a step (`restraints/`). An edit marked `implied` is made together with all that follows from its fact, as one
batch (`consistency.py`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain, zip_longest
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from shatterscope.backend import interrupt
from shatterscope.backend.checkpoints import AnyCheckpoint, Checkpoint
from shatterscope.backend.consistency import Question, Supposed, implied_by
from shatterscope.backend.editors import (
    EDITORS,
    Course,
    Earlier,
    EditDelta,
    EditNotPossibleError,
    EditorFault,
    Fact,
    Rehearsal,
    WriteRequest,
    apply_delta,
    known,
    method_named,
)
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.restraints import RESTRAINTS, restrain
from shatterscope.backend.worlds import Consequence, Relation, World
from shatterscope.wire.edits import MAX_STRENGTH

VERSION = 2
"""Of what an edit computes. Raised whenever the same specification gives another delta or outcome: a formula, a context, a default. It is part of
every id, so that what was kept under an id stays true."""


SWITCHES = ("batch", "restraint", "implied", "package")
"""Fields of a specification that are part of it only where they say something, so that the ids of edits without them do not depend on them."""

NOTHING = EditDelta(weights={}, steps=0, loss=0.0)


class EditError(ValueError):
    """An edit that cannot be made; `field` is the path of what is wrong, `message` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


class PlaceError(EditError):
    """An edit that its method cannot make at this layer and token, or that has no answer there."""


@dataclass(frozen=True)
class CompleteSpec:
    """One edit, complete: every default filled in. `object` is the new object, `parameters` are the editor's, all of them; `restraint` is None or
    {"name", "parameters"} with all of its parameters; `implied`: together with all that the fact implies. `package`: where the method comes from, name and
    version, so that another version gives another id; nothing where it is ours."""

    subject: int
    relation: str
    object: int
    method: str
    layer: int
    parameters: Mapping[str, Any]
    strength: float = 1.0
    batch: bool = False
    restraint: Mapping[str, Any] | None = None
    implied: bool = False
    package: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What hashes, the store and files keep: switches, and parameters that came later, only where they say something, so that
        the ids of edits from before hold."""
        return _identifying(asdict(self))


@dataclass(frozen=True)
class Outcome:
    """What one edit of a stack did. Probabilities are of the new object on the bare prompt, by softmax over the whole vocabulary;
    norms are of the delta as applied, at its strength; the course is of the optimisation, whatever the strength; `implied` was written with it. Edits of one batch share their delta. See `wire.edits.EditOutcome`."""

    spec: CompleteSpec
    old_object: int
    also_true: tuple[int, ...]
    new_object: int
    prediction_before: int
    prediction_after: int
    distance: int
    kind: Literal["counterfactual", "corrective"]
    success: bool
    probability_before: float
    probability_after: float
    delta_norm: float
    relative_delta_norm: float
    steps: int
    warnings: tuple[str, ...]
    diagnostics: Mapping[str, float]
    course: Course | None
    implied: tuple[Consequence, ...] = ()


@dataclass(frozen=True)
class EditedModel:
    """A stack of edits, applied. `deltas[i]` belongs to the i-th step (of `steps_of`) and is at strength 1; `outcomes[i]` to the i-th edit;
    `so_far` is what edits after these depend on, besides the model."""

    id: str
    model: LanguageModel
    outcomes: tuple[Outcome, ...]
    deltas: tuple[EditDelta, ...]
    so_far: SoFar | None = None

    @property
    def nbytes(self) -> int:
        """Of the weights that are not those of the model before the edits, which it shares; and of the deltas."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        if self.so_far is not None:
            shared = {id(each) for each in self.so_far.unedited.parameters()}
            tensors = [each for each in tensors if id(each) not in shared]
        written = [change for delta in self.deltas for change in delta.weights.values()]
        return sum(each.nbytes for each in (*tensors, *written))

    @property
    def made(self) -> tuple[Outcome, ...]:
        """The outcomes of the edits that are there, for what is measured; all of them where none is (then nothing has changed)."""
        return tuple(outcome for outcome in self.outcomes if outcome.spec.strength) or self.outcomes


def complete_spec(
    world: World,
    n_layers: int,
    *,
    subject: int,
    relation: str,
    object: int | None = None,
    distance: int | None = None,
    method: str = "rome",
    preset: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    layer: int | None = None,
    strength: float = 1.0,
    batch: bool = False,
    restraint: str | Mapping[str, Any] | None = None,
    implied: bool = False,
    package: str | None = None,
    anywhere: bool = False,
) -> CompleteSpec:
    """Fill in every default. The new object is given by `object`, or by `distance` clockwise steps from the true one (0: the truth).
    `restraint`: its name, or {"name", "parameters"} with those that are not its defaults. `package`: where the method came from when this was written
    down; what is installed here makes the edit, whichever version it is. `anywhere`: do not ask whether the method can make it at its layer and token
    (`check_place`).

    Raises:
        EditError: naming the field and the fix.
    """
    asked, object = new_fact(world, subject, relation, object, distance)
    if not known(method) and package:
        raise EditError("method", f"{method!r} is a method of the package {package}, which is not installed here")
    if not known(method):
        raise EditError("method", f"unknown method {method!r}; there are {', '.join(EDITORS)}")
    editor = method_named(method)
    presets = editor.presets_on(world)
    if not presets:
        able = ", ".join(other for other, each in EDITORS.items() if each.language)
        raise EditError("method", f"{method} is not offered on a language model; there are {able}")
    if layer is None:
        layer = min(editor.language_layer, n_layers - 2) if world.worded else editor.default_layer
    if not 0 <= layer < n_layers:
        raise EditError("layer", f"must lie in 0..{n_layers - 1}, got {layer}")
    if not abs(strength) <= MAX_STRENGTH:  # NaN is refused as well
        raise EditError("strength", f"must lie in {-MAX_STRENGTH:g}..{MAX_STRENGTH:g}, got {strength:g}")
    usual = editor.default_preset if editor.default_preset in presets else next(iter(presets))
    chosen = usual if preset is None else preset
    if chosen not in presets:
        raise EditError("preset", f"{method} has no preset {chosen!r}; there are {', '.join(presets)}")
    full = _validated(editor.parameters, {**presets[chosen].parameters, **(parameters or {})}, method, "parameters")
    for name, wanted in (("batch", batch), ("implied", implied)):
        if wanted and not editor.batches:
            able = ", ".join(other for other, each in EDITORS.items() if each.batches)
            raise EditError(name, f"{method} writes one fact at a time; leave `{name}` out, or use one of {able}")
    filtered = None if restraint is None else _complete_restraint(method, restraint)
    strength = float(strength) or 0.0  # not -0.0
    spec = CompleteSpec(
        subject, asked.name, object, method, layer, full, strength, batch, filtered, implied, editor.package
    )
    if not anywhere:
        check_place(spec, n_layers)
    return spec


def _validated(schema: type[BaseModel], values: Mapping[str, Any], owner: str, field: str) -> dict[str, Any]:
    """All parameters of `owner`. Raises `EditError` for the first that is wrong."""
    try:
        return schema(**values).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            message = f"{owner} has no such parameter; it has {', '.join(schema.model_fields)}"
        else:
            message = first["msg"]
        raise EditError(f"{field}.{name}", message) from None


def _complete_restraint(method: str, asked: str | Mapping[str, Any]) -> dict[str, Any]:
    asked = {"name": asked} if isinstance(asked, str) else asked
    name = asked["name"]
    if name not in RESTRAINTS:
        raise EditError("restraint.name", f"unknown restraint {name!r}; there are {', '.join(RESTRAINTS)}")
    if not method_named(method).weights:
        able = ", ".join(other for other, each in EDITORS.items() if each.weights)
        message = f"{method} changes no weights that could be restrained; leave `restraint` out, or use one of {able}"
        raise EditError("restraint", message)
    given = asked.get("parameters") or {}
    return {"name": name, "parameters": _validated(RESTRAINTS[name].parameters, given, name, "restraint.parameters")}


def new_fact(
    world: World, subject: int, relation: str, object: int | None = None, distance: int | None = None
) -> tuple[Relation, int]:
    """The relation and the new object of what is to be changed, given by exactly one of `object` and `distance`, as in `complete_spec`.

    Raises:
        EditError: naming the field and the fix.
    """
    n = world.n_entities
    if not 0 <= subject < n:
        raise EditError("subject", f"must lie in 0..{n - 1}, got {subject}")
    try:
        known = world.relation(relation)
    except KeyError as error:
        raise EditError("relation", str(error.args[0])) from None
    if not world.present[subject, known.index]:
        raise EditError("subject", f"{world.entities[subject]} has no {relation}; choose a subject that has one")
    if (object is None) == (distance is None):
        raise EditError("object", "give exactly one of `object` and `distance`")
    if distance is not None:
        try:
            object = world.counterfactual(subject, known, distance) if distance else world.object_of(subject, known)
        except ValueError as error:
            raise EditError("distance", str(error)) from None
    assert object is not None
    if not 0 <= object < n:
        raise EditError("object", f"must lie in 0..{n - 1}, got {object}")
    return known, object


def check_place(spec: CompleteSpec, n_layers: int) -> None:
    """Raises `PlaceError` where the method cannot make the edit at its layer and token."""
    editor = method_named(spec.method)
    try:
        editor.check(editor.parameters(**spec.parameters), spec.layer, n_layers)
    except EditNotPossibleError as error:
        raise PlaceError(error.field, str(error)) from None


def steps_of(specs: Sequence[CompleteSpec]) -> list[tuple[int, int]]:
    """The steps (start, stop) of a stack: a run of edits of one method marked `batch`, or a single edit. Edits at strength 0 are passed over:
    they make no step, and part none that they stand inside of.

    Raises:
        EditError: edits of one batch that cannot be one; `field` is `edits.<i>.<field>`.
    """
    steps: list[tuple[int, int]] = []
    for i, spec in enumerate(specs):
        if not spec.strength:
            continue
        last = specs[steps[-1][1] - 1] if steps else None
        if last is not None and last.batch and spec.batch and last.method == spec.method:
            first = steps[-1][0]
            _check_alike(specs, first, i)
            steps[-1] = (first, i + 1)
        else:
            steps.append((i, i + 1))
    return steps


def _check_alike(specs: Sequence[CompleteSpec], first: int, i: int) -> None:
    one, other = specs[first], specs[i]
    for name in ("layer", "strength", "parameters", "restraint"):
        if getattr(one, name) != getattr(other, name):
            message = f"edits of one batch share their {name}; give edit {i} that of edit {first}, or leave `batch` out"
            raise EditError(f"edits.{i}.{name}", message)
    for j in range(first, i):
        if specs[j].strength and (specs[j].subject, specs[j].relation) == (other.subject, other.relation):
            message = f"edit {j} of the same batch already says what {other.subject} {other.relation} is; leave one of them out"
            raise EditError(f"edits.{i}.subject", message)


def edit_id(checkpoint: AnyCheckpoint, specs: Sequence[CompleteSpec]) -> str:
    """32 hex digits of the sha256 over canonical JSON of everything that the answer depends on: the checkpoint by name and
    `Checkpoint.identity`, the complete specifications, and `VERSION`."""
    return stored_id(checkpoint, [spec.as_dict() for spec in specs], VERSION)


def stored_id(checkpoint: AnyCheckpoint, specification: Sequence[Mapping[str, Any]], version: int) -> str:
    """The id that `version` of this program gave to edits, from their specification as it was then."""
    # Rows of sweeps are stored as the API tells them, with what is not part of an id.
    names = {each.name for each in fields(CompleteSpec)}
    edits = [_identifying({key: spec[key] for key in spec if key in names}) for spec in specification]
    if version == 1:
        return _digest({"weights": checkpoint.sha256, "edits": edits})
    return _digest({"name": checkpoint.id, "checkpoint": checkpoint.identity, "version": version, "edits": edits})


def _identifying(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of a specification what its id is made of."""
    said = {key: value for key, value in spec.items() if value or key not in SWITCHES}
    if known(spec["method"]):  # else it was made by a program with other methods
        said["parameters"] = method_named(spec["method"]).parameters.identifying(spec["parameters"])
    return said


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def delta_key(identity: str, specs: Sequence[CompleteSpec]) -> str:
    """Key of the last step's delta: everything it depends on, which leaves out its own strength and the edits that are not there."""
    start, _ = steps_of(specs)[-1]
    before, step = ([spec for spec in part if spec.strength] for part in (specs[:start], specs[start:]))
    whole = [*before, *(replace(spec, strength=1.0) for spec in step)]
    return _digest({"checkpoint": identity, "version": VERSION, "edits": [spec.as_dict() for spec in whole]})


def delta_keys(identity: str, specs: Sequence[CompleteSpec]) -> list[str]:
    """The key of every step's delta. Raises `EditError` as `steps_of` does."""
    return [delta_key(identity, specs[:stop]) for _, stop in steps_of(specs)]


def run_edits(
    checkpoint: AnyCheckpoint,
    specs: Sequence[CompleteSpec],
    cache: MutableMapping[str, EditDelta] | None = None,
    so_far: SoFar | None = None,
) -> EditedModel:
    """Apply a stack of edits in order. `cache`, the caller's, holds deltas by `delta_key` and is read and filled. `so_far`: for who goes on from
    a model edited before (as `checkpoint.model`).

    Raises:
        EditError: a fact that is already true and answered right, or an edit that has no answer; `field` is `edits.<i>.<field>`.
    """
    keys = iter(delta_keys(checkpoint.identity, specs))
    stops = dict(steps_of(specs))
    model, deltas = checkpoint.model, list[EditDelta]()
    outcomes: dict[int, Outcome] = {}
    so_far = so_far or SoFar(checkpoint.model)
    for i, spec in enumerate(specs):
        interrupt.checkpoint()
        if not spec.strength:
            outcomes[i] = _outcome(checkpoint, model, model, spec, NOTHING)
        if i not in stops:
            continue
        key, step = next(keys), {j: specs[j] for j in range(i, stops[i]) if specs[j].strength}
        joined = _joined(checkpoint, model, step, so_far.said)
        delta = None if cache is None else cache.get(key)
        if delta is None:
            delta = _compute(checkpoint, model, step, joined, so_far)
            if cache is not None:
                cache[key] = delta
        edited = apply_delta(model, delta, spec.strength)
        courses = delta.courses[: len(step)]  # those of what is implied come behind
        for (j, each), course in zip_longest(step.items(), courses):
            outcomes[j] = _outcome(checkpoint, model, edited, each, delta, course, joined.get(j, ()))
        deltas.append(delta)
        so_far = so_far.then(delta, list(step.values()), model, edited)
        model = edited
    found = tuple(outcomes[i] for i in range(len(specs)))
    return EditedModel(edit_id(checkpoint, specs), model, found, tuple(deltas), so_far)


@dataclass(frozen=True)
class SoFar:
    """What an edit depends on besides the model that the ones before it left.

    Attributes:
        unedited: the model before all of them.
        written: what they did to each layer's weight. A key is as long as the strength, so that K_p K_p^T fades with it, and at most whole.
        said: the questions that they answered themselves.
    """

    unedited: LanguageModel
    written: Mapping[int, Earlier] = field(default_factory=dict)
    said: frozenset[Question] = frozenset()

    def then(
        self, delta: EditDelta, step: Sequence[CompleteSpec], before: LanguageModel, after: LanguageModel
    ) -> SoFar:
        """After one more step, which made of the model `before` the one `after`."""
        written = dict(self.written)
        for layer, keys in delta.keys.items():
            weight = before.written(layer)
            there = written.get(layer, Earlier(before.get_parameter(weight)))
            written[layer] = there.then(min(abs(step[0].strength), 1.0) * keys, after.get_parameter(weight))
        return replace(self, written=written, said=self.said | {(spec.subject, (spec.relation,)) for spec in step})


def at_strength(checkpoint: AnyCheckpoint, edited: EditedModel, strength: float) -> LanguageModel:
    """The model of a stack with its last step at another strength. Deltas are added and nothing is computed: none depends on its own strength."""
    specs = [outcome.spec for outcome in edited.outcomes]
    strengths = [specs[start].strength for start, _ in steps_of(specs)]
    model = checkpoint.model
    for delta, each in zip(edited.deltas, [*strengths[:-1], strength], strict=True):
        model = apply_delta(model, delta, each) if each else model
    return model


def _joined(
    checkpoint: AnyCheckpoint, model: LanguageModel, step: Mapping[int, CompleteSpec], said: frozenset[Question]
) -> dict[int, tuple[Consequence, ...]]:
    """What is written together with each edit of a step that is to be made with all that it implies."""
    world = checkpoint.world
    asking = {i: spec for i, spec in step.items() if spec.implied}
    said |= {(spec.subject, (spec.relation,)) for spec in step.values()}
    facts = [Supposed(spec.subject, world.relation(spec.relation), spec.object) for spec in asking.values()]
    return dict(zip(asking, map(tuple, implied_by(world, model, facts, said)), strict=True))


def _compute(
    checkpoint: AnyCheckpoint,
    model: LanguageModel,
    step: Mapping[int, CompleteSpec],
    joined: Mapping[int, Sequence[Consequence]],
    so_far: SoFar,
) -> EditDelta:
    """The delta of one step: its edits by where they stand in the stack, then what they imply."""
    world, facts = checkpoint.world, []
    for i, spec in step.items():
        relation = world.relation(spec.relation)
        true = spec.object in world.objects_of(spec.subject, relation)
        asked = [world.prompt(spec.subject, [relation])]
        if true and int(answers(model, asked, world.n_entities).prediction[0]) == spec.object:
            raise EditError(
                f"edits.{i}.object",
                f"{world.entities[spec.subject]} {spec.relation} {world.entities[spec.object]} is already true and the model answers it; "
                "choose another object, or a fact the model gets wrong",
            )
        facts.append(Fact.of(world, spec.subject, [relation], spec.object))
    for each in chain.from_iterable(joined.values()):
        assert each.expected is not None
        facts.append(Fact.of(world, each.subject, [world.relation(name) for name in each.relations], each.expected))
    start, spec = next(iter(step.items()))
    editor = method_named(spec.method)
    request = write_request(checkpoint, facts, so_far)
    if editor.trains:
        if not isinstance(checkpoint, Checkpoint):
            raise EditError(
                f"edits.{start}.method", f"{editor.title} goes on training, and {checkpoint.id} was not trained here"
            )
        rehearsal = Rehearsal(world, checkpoint.holdout, checkpoint.metadata.training.config)
        request = replace(request, rehearsal=rehearsal)
    try:
        delta = editor.compute(model, checkpoint.statistics, request, spec.layer, editor.parameters(**spec.parameters))
        return restrained(spec, so_far.unedited, model, delta)
    except EditNotPossibleError as error:
        raise PlaceError(f"edits.{start}.{error.field}", str(error)) from None
    except EditorFault as fault:
        raise EditError(f"edits.{start}.method", str(fault)) from None


def write_request(checkpoint: AnyCheckpoint, facts: Sequence[Fact], so_far: SoFar) -> WriteRequest:
    """`facts` as an editor is asked to write them, behind the edits `so_far`."""
    return WriteRequest(tuple(facts), checkpoint.contexts, dict(so_far.written))


def restrained(spec: CompleteSpec, unedited: LanguageModel, model: LanguageModel, delta: EditDelta) -> EditDelta:
    """`delta`, computed on `model`, through the restraint of `spec`. Raises `EditNotPossibleError` as `restrain`."""
    if spec.restraint is None:
        return delta
    restraint = RESTRAINTS[spec.restraint["name"]]
    return restrain(restraint, restraint.parameters(**spec.restraint["parameters"]), unedited, model, delta)


def _outcome(
    checkpoint: AnyCheckpoint,
    before: LanguageModel,
    after: LanguageModel,
    spec: CompleteSpec,
    delta: EditDelta,
    course: Course | None = None,
    implied: tuple[Consequence, ...] = (),
) -> Outcome:
    world = checkpoint.world
    relation = world.relation(spec.relation)
    right = world.objects_of(spec.subject, relation)
    old = spec.object if spec.object in right else right[0]
    prompt = [world.prompt(spec.subject, [relation])]
    was, now = answers(before, prompt, world.n_entities), answers(after, prompt, world.n_entities)
    predicted = int(now.prediction[0])
    norm = abs(spec.strength) * delta.norm
    weight = math.hypot(*(before.get_parameter(name).norm().item() for name in delta.weights))
    return Outcome(
        spec=spec,
        old_object=old,
        also_true=tuple(each for each in right if each != old),
        new_object=spec.object,
        prediction_before=int(was.prediction[0]),
        prediction_after=predicted,
        distance=world.distance(relation.group, old, spec.object),
        kind="corrective" if spec.object == old else "counterfactual",
        success=predicted == spec.object,
        probability_before=was.of(0, spec.object)[1],
        probability_after=now.of(0, spec.object)[1],
        delta_norm=norm,
        relative_delta_norm=norm / weight if weight else 0.0,
        steps=delta.steps,
        warnings=delta.warnings,
        diagnostics=delta.diagnostics,
        course=course,
        implied=implied,
    )
