"""Edits as people order them: complete specifications, their content hash, and stacks of them applied in order.

An edit's id is the hash of the weights and of the complete specifications: the same edit asked for by many is computed once, and a
link opened next year gives the same picture. Each edit of a stack is computed on the model as edited so far. A delta depends on the
edits before it, with their strengths, but not on its own strength: `delta_key` says so, and moving the strength slider of the last edit
computes nothing anew.

Consecutive edits of one method marked `batch` are one step: their facts are written together, by one delta. A step also hands on the keys
it wrote to, so that later steps of the same stack (never of another) can spare them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from backend.checkpoints import Checkpoint
from backend.data.contexts import ContextSampler
from backend.editors import EDITORS, EditDelta, EditNotPossibleError, EditRequest, Fact, apply_delta
from backend.evaluation.answers import answers
from backend.graph import KnowledgeGraph
from backend.model import Transformer


class EditError(ValueError):
    """An edit that cannot be made; `field` is the path of what is wrong, `message` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


@dataclass(frozen=True)
class EditSpec:
    """One edit, complete: every default filled in. `object` is the new object, `parameters` are the editor's, all of them."""

    subject: int
    relation: str
    object: int
    method: str
    layer: int
    parameters: Mapping[str, Any]
    strength: float = 1.0
    batch: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What hashes and the store keep; `batch` only where it says something, so that the ids of single edits do not depend on it."""
        values = asdict(self)
        if not self.batch:
            del values["batch"]
        return values


@dataclass(frozen=True)
class Outcome:
    """What one edit of a stack did. Probabilities are of the new object on the bare prompt, by softmax over the whole vocabulary;
    norms are of the delta as applied, at its strength. Edits of one batch share their delta. See `schemas.EditOutcome`."""

    spec: EditSpec
    old_object: int
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


@dataclass(frozen=True)
class EditedModel:
    """A stack of edits, applied. `deltas[i]` belongs to the i-th step (of `steps_of`) and is at strength 1."""

    id: str
    model: Transformer
    outcomes: tuple[Outcome, ...]
    deltas: tuple[EditDelta, ...]


def complete_spec(
    graph: KnowledgeGraph,
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
) -> EditSpec:
    """Fill in every default. The new object is given by `object`, or by `distance` clockwise steps from the true one (0: the truth).

    Raises:
        EditError: naming the field and the fix.
    """
    n = graph.n_entities
    if not 0 <= subject < n:
        raise EditError("subject", f"must lie in 0..{n - 1}, got {subject}")
    try:
        known = graph.relation(relation)
    except KeyError as error:
        raise EditError("relation", str(error.args[0])) from None
    if (object is None) == (distance is None):
        raise EditError("object", "give exactly one of `object` and `distance`")
    if distance is not None:
        try:
            object = graph.counterfactual(subject, known, distance) if distance else graph.object_of(subject, known)
        except ValueError as error:
            raise EditError("distance", str(error)) from None
    assert object is not None
    if not 0 <= object < n:
        raise EditError("object", f"must lie in 0..{n - 1}, got {object}")
    if method not in EDITORS:
        raise EditError("method", f"unknown method {method!r}; there are {', '.join(EDITORS)}")
    editor = EDITORS[method]
    layer = editor.default_layer if layer is None else layer
    if not 0 <= layer < n_layers:
        raise EditError("layer", f"must lie in 0..{n_layers - 1}, got {layer}")
    if not math.isfinite(strength):
        raise EditError("strength", f"must be a finite number, got {strength}")
    chosen = editor.default_preset if preset is None else preset
    if chosen not in editor.presets:
        raise EditError("preset", f"{method} has no preset {chosen!r}; there are {', '.join(editor.presets)}")
    try:
        full = editor.parameters(**{**editor.presets[chosen].parameters, **(parameters or {})})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            message = f"{method} has no such parameter; it has {', '.join(editor.parameters.model_fields)}"
        else:
            message = first["msg"]
        raise EditError(f"parameters.{name}", message) from None
    if batch and not editor.batches:
        able = ", ".join(name for name, each in EDITORS.items() if each.batches)
        raise EditError("batch", f"{method} writes one fact at a time; leave `batch` out, or use one of {able}")
    try:
        editor.check(full, layer, n_layers)
    except EditNotPossibleError as error:
        raise EditError(error.field, str(error)) from None
    return EditSpec(subject, known.name, object, method, layer, full.model_dump(), float(strength), batch)


def steps_of(specs: Sequence[EditSpec]) -> list[tuple[int, int]]:
    """The steps (start, stop) of a stack: a run of edits of one method marked `batch`, or a single edit.

    Raises:
        EditError: edits of one batch that cannot be one; `field` is `edits.<i>.<field>`.
    """
    steps: list[tuple[int, int]] = []
    for i, spec in enumerate(specs):
        if i and spec.batch and specs[i - 1].batch and spec.method == specs[i - 1].method:
            first = steps[-1][0]
            _check_alike(specs, first, i)
            steps[-1] = (first, i + 1)
        else:
            steps.append((i, i + 1))
    return steps


def _check_alike(specs: Sequence[EditSpec], first: int, i: int) -> None:
    one, other = specs[first], specs[i]
    for name in ("layer", "strength", "parameters"):
        if getattr(one, name) != getattr(other, name):
            message = f"edits of one batch share their {name}; give edit {i} that of edit {first}, or leave `batch` out"
            raise EditError(f"edits.{i}.{name}", message)
    for j in range(first, i):
        if (specs[j].subject, specs[j].relation) == (other.subject, other.relation):
            message = f"edit {j} of the same batch already says what {other.subject} {other.relation} is; leave one of them out"
            raise EditError(f"edits.{i}.subject", message)


def edit_id(weights_sha256: str, specs: Sequence[EditSpec]) -> str:
    """32 hex digits of the sha256 over canonical JSON of the weights' hash and the complete specifications."""
    content = {"weights": weights_sha256, "edits": [spec.as_dict() for spec in specs]}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def delta_key(weights_sha256: str, specs: Sequence[EditSpec]) -> str:
    """Key of the last step's delta: everything it depends on, which leaves out its own strength."""
    start, _ = steps_of(specs)[-1]
    return edit_id(weights_sha256, [*specs[:start], *(replace(spec, strength=1.0) for spec in specs[start:])])


def delta_keys(weights_sha256: str, specs: Sequence[EditSpec]) -> list[str]:
    """The key of every step's delta. Raises `EditError` as `steps_of` does."""
    return [delta_key(weights_sha256, specs[:stop]) for _, stop in steps_of(specs)]


def run_edits(
    checkpoint: Checkpoint,
    specs: Sequence[EditSpec],
    cache: MutableMapping[str, EditDelta] | None = None,
    carried: Mapping[int, Tensor] | None = None,
) -> EditedModel:
    """Apply a stack of edits in order. `cache`, the caller's, holds deltas by `delta_key` and is read and filled.

    `carried` are keys that edits before these wrote to, by layer, for who goes on from a model edited before (as `checkpoint.model`).

    Raises:
        EditError: a fact that is already true and answered right, or an edit that has no answer; `field` is `edits.<i>.<field>`.
    """
    model, outcomes, deltas = checkpoint.model, [], []
    carried = dict(carried or {})
    keys = delta_keys(checkpoint.sha256, specs)
    for key, (start, stop) in zip(keys, steps_of(specs), strict=True):
        delta = None if cache is None else cache.get(key)
        if delta is None:
            delta = _compute(checkpoint, model, specs[start:stop], carried, start)
            if cache is not None:
                cache[key] = delta
        edited = apply_delta(model, delta, specs[start].strength)
        outcomes += [_outcome(checkpoint.graph, model, edited, spec, delta) for spec in specs[start:stop]]
        deltas.append(delta)
        if specs[start].strength:  # an edit turned down to nothing wrote nothing
            for layer, wrote in delta.keys.items():
                carried[layer] = torch.cat([carried[layer], wrote]) if layer in carried else wrote
        model = edited
    return EditedModel(edit_id(checkpoint.sha256, specs), model, tuple(outcomes), tuple(deltas))


def _compute(
    checkpoint: Checkpoint, model: Transformer, specs: Sequence[EditSpec], carried: Mapping[int, Tensor], start: int
) -> EditDelta:
    """The delta of one step; `start` is where it stands in the stack."""
    graph, facts = checkpoint.graph, []
    for i, spec in enumerate(specs, start):
        relation = graph.relation(spec.relation)
        token = checkpoint.vocabulary.relation_token(relation)
        truth = graph.object_of(spec.subject, relation)
        if (
            spec.object == truth
            and int(answers(model, [[spec.subject, token]], graph.n_entities).prediction[0]) == truth
        ):
            raise EditError(
                f"edits.{i}.object",
                f"{spec.subject} {spec.relation} {spec.object} is already true and the model answers it right; "
                "choose another object, or a fact the model gets wrong",
            )
        facts.append(Fact(spec.subject, token, spec.object))
    spec = specs[0]
    editor = EDITORS[spec.method]
    request = EditRequest(tuple(facts), ContextSampler(graph, checkpoint.holdout), dict(carried))
    try:
        return editor.compute(model, checkpoint.statistics, request, spec.layer, editor.parameters(**spec.parameters))
    except EditNotPossibleError as error:
        raise EditError(f"edits.{start}.{error.field}", str(error)) from None


def _outcome(
    graph: KnowledgeGraph, before: Transformer, after: Transformer, spec: EditSpec, delta: EditDelta
) -> Outcome:
    relation = graph.relation(spec.relation)
    truth = graph.object_of(spec.subject, relation)
    prompt = [[spec.subject, graph.n_entities + relation.index]]
    was, now = answers(before, prompt, graph.n_entities), answers(after, prompt, graph.n_entities)
    predicted = int(now.prediction[0])
    norm = abs(spec.strength) * delta.norm
    weight = math.hypot(*(before.get_parameter(name).norm().item() for name in delta.weights))
    return Outcome(
        spec=spec,
        old_object=truth,
        new_object=spec.object,
        prediction_before=int(was.prediction[0]),
        prediction_after=predicted,
        distance=graph.distance(relation.order, truth, spec.object),
        kind="corrective" if spec.object == truth else "counterfactual",
        success=predicted == spec.object,
        probability_before=was.of(0, spec.object)[1],
        probability_after=now.of(0, spec.object)[1],
        delta_norm=norm,
        relative_delta_norm=norm / weight if weight else 0.0,
        steps=delta.steps,
        warnings=delta.warnings,
        diagnostics=delta.diagnostics,
    )
