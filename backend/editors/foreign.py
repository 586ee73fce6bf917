"""Editors that live outside this tree: found by their entry points, held to what an editor is, and never trusted.

A package of somebody else's names its editors under the entry point group `shatterscope.editors`, a class each:

    [project.entry-points."shatterscope.editors"]
    my-editor = "my_editor:MyEditor"

`load` finds them all. One that cannot be used is left out, with a sentence that says why. What it computes, it computes in a process of its own (`process.py`), and what
comes back is checked here before anybody adds it to a model. Its package's name and version are part of every edit by it, and so of the edit's id.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from shatterscope.backend.editors.base import EditDelta, Editor, EditorFault, EditorParameters, Preset, WriteRequest
from shatterscope.backend.editors.codebook import Entry
from shatterscope.backend.editors.course import Course
from shatterscope.backend.editors.process import EditorProcess, Fault, found_at
from shatterscope.backend.models import LanguageModel, Neurons
from shatterscope.backend.settings import load_settings

GROUP = "shatterscope.editors"
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
TEXTS = ("title", "summary", "formula", "reference")
DESCRIBED = (
    *("name", *TEXTS, "parameters", "presets"),
    *("default_preset", "default_layer", "batches", "weights"),
)


class UnusableEditorError(ValueError):
    """A class that is no usable editor; the message is the end of a sentence that begins with its name."""


class ForeignEditor(Editor[Any]):
    """An editor from elsewhere, as one of ours: the same description, its `check` and `compute` in a process of its own."""

    def __init__(self, editor: Editor[Any], source: str, package: str) -> None:
        """`source`: `module:Class`. `package`: name and version of what it comes with."""
        for attribute in (*DESCRIBED, "package"):
            setattr(self, attribute, package if attribute == "package" else getattr(editor, attribute))
        self.process = EditorProcess(source)

    def compute(
        self, model: LanguageModel, statistics: Mapping[int, Tensor], request: WriteRequest, layer: int, parameters: Any
    ) -> EditDelta:
        """Raises `EditorFault` where it does not keep to its contract; `SHATTERSCOPE_EDITOR_SECONDS` is the time it has."""
        seconds = load_settings().editor_seconds
        try:
            found = self.process.compute(model, statistics, request, layer, parameters, seconds)
            return checked_delta(found, model, len(request.facts))
        except Fault as fault:
            raise EditorFault(f"{self.title}, a method of the package {self.package}, {fault}") from None


def checked_delta(found: object, model: LanguageModel, n_facts: int) -> EditDelta:
    """What an editor returned, if it is a delta of `model`. Raises `Fault`."""
    if not isinstance(found, EditDelta):
        raise Fault(f"returned {type(found).__name__}, where an EditDelta is wanted")
    parameters = dict(model.named_parameters())
    for name, change in _mapping(found.weights, "weights").items():
        if name not in parameters:
            raise Fault(f"returned a change of {name!r}, which is no parameter of the model")
        _check_tensor(f"the change of {name}", change, parameters[name])
    widths = model.config.d_mlp, model.config.d_model
    for layer, keys in _mapping(found.keys, "keys").items():
        _check_layer("keys", layer, model)
        _check_tensor(f"the keys of layer {layer}", keys, shape=(len(keys), widths[0]))
    for entry in _items(found.entries, Entry, "entries"):
        _check_layer("an entry", entry.layer, model)
        _check_tensor("the key of an entry", entry.key, shape=widths[:1])
        _check_tensor("the value of an entry", entry.value, shape=widths[1:])
    for new in _items(found.neurons, Neurons, "neurons"):
        _check_layer("neurons", new.layer, model)
        h, width = len(new.bias), widths[1]
        for part, tensor, shape in (
            ("up", new.up, (h, width)),
            ("bias", new.bias, (h,)),
            ("down", new.down, (width, h)),
        ):
            _check_tensor(f"the {part} of neurons", tensor, shape=shape)
    if len(_items(found.courses, Course, "courses")) not in (0, n_facts):
        raise Fault(f"returned {len(found.courses)} courses for {n_facts} facts; give one for each, or none")
    _items(found.warnings, str, "warnings")
    for name, value in {"loss": found.loss, **_mapping(found.diagnostics, "diagnostics")}.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise Fault(f"returned {value!r} as {name}, where a finite number is wanted")
    if not isinstance(found.steps, int) or found.steps < 0:
        raise Fault(f"returned {found.steps!r} as steps, where a whole number is wanted, 0 or more")
    return replace(found, weights={name: change.detach() for name, change in found.weights.items()})


def _mapping(found: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(found, Mapping):
        raise Fault(f"returned {type(found).__name__} as {name}, where a dict is wanted")
    return found


def _items(found: Any, kind: type, name: str) -> Sequence[Any]:
    if not isinstance(found, tuple) or not all(isinstance(each, kind) for each in found):
        raise Fault(f"returned {name} that are no tuple of {kind.__name__}")
    return found


def _check_layer(what: str, layer: object, model: LanguageModel) -> None:
    if layer not in range(model.config.n_layers):
        raise Fault(f"returned {what} for layer {layer!r}; the model's are 0..{model.config.n_layers - 1}")


def _check_tensor(what: str, found: Any, like: Tensor | None = None, shape: tuple[int, ...] | None = None) -> None:
    """`like` settles shape, dtype and device."""
    if not isinstance(found, Tensor):
        raise Fault(f"returned {what} as {type(found).__name__}, where a tensor is wanted")
    wanted = tuple(like.shape) if like is not None else shape
    if tuple(found.shape) != wanted:
        raise Fault(f"returned {what} in shape {tuple(found.shape)}, where {wanted} is wanted")
    if like is not None and (found.dtype, found.device) != (like.dtype, like.device):
        raise Fault(
            f"returned {what} as {found.dtype} on {found.device}, where {like.dtype} on {like.device} is wanted"
        )
    if not found.isfinite().all():
        raise Fault(f"returned {what} with NaN or infinite numbers in it")


# --- finding them ----------------------------------------------------------------------------------------------------


def load(taken: Collection[str]) -> tuple[dict[str, Editor[Any]], dict[str, str]]:
    """Every editor of an installed package, by name, and of those that cannot be used the reason, by entry point and package.
    `taken`: the names that are ours."""
    found: dict[str, Editor[Any]] = {}
    problems: dict[str, str] = {}
    for point in _points():
        package = _package(point)
        try:
            editor = wrapped(imported(point.value), point.value, package)
            if editor.name in taken or editor.name in found:
                other = found[editor.name].package if editor.name in found else "Shatterscope"
                raise UnusableEditorError(f"has the name {editor.name!r}, which {other} has already; give it another")
            found[editor.name] = editor
        except UnusableEditorError as error:
            problems[f"{point.name} ({package})"] = f"{point.value} {error}"
    return found, problems


def _points() -> Iterator[EntryPoint]:
    """In an order that does not depend on how the packages were installed."""
    yield from sorted(entry_points(group=GROUP), key=lambda point: (_package(point), point.name, point.value))


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"


def imported(source: str) -> object:
    """What `module:Class` or `module` names. Raises `UnusableEditorError` whatever happens in the import."""
    try:
        return found_at(source)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # it is not ours, and may even leave by sys.exit
        message = " ".join(str(error).split())
        raise UnusableEditorError(f"cannot be imported ({type(error).__name__}: {message})") from error


def wrapped(found: object, source: str, package: str) -> ForeignEditor:
    """`found`, a class from elsewhere, as an editor of this house. Raises `UnusableEditorError`, which says what it lacks."""
    if not (isinstance(found, type) and issubclass(found, Editor)):
        raise UnusableEditorError("is no subclass of shatterscope.backend.editors.Editor")
    if inspect.isabstract(found):
        raise UnusableEditorError("has no method `compute`")
    missing = [name for name in DESCRIBED if getattr(found, name, None) in (None, "")]
    if missing:
        raise UnusableEditorError(f"does not say its {', '.join(missing)}")
    try:
        editor = found()
        _check_description(editor)
    except UnusableEditorError:
        raise
    except Exception as error:
        message = " ".join(str(error).split())
        raise UnusableEditorError(f"cannot be made ({type(error).__name__}: {message})") from error
    return ForeignEditor(editor, source, package)


def _check_description(editor: Editor[Any]) -> None:
    if not (isinstance(editor.name, str) and NAME.fullmatch(editor.name)):
        raise UnusableEditorError(
            f"has the name {editor.name!r}; use small letters, digits and -, beginning with a letter, at most 32"
        )
    for name in TEXTS:
        if not isinstance(text := getattr(editor, name), str) or not text.strip():
            raise UnusableEditorError(f"has {text!r} as its {name}, where a text is wanted")
    if not (isinstance(editor.parameters, type) and issubclass(editor.parameters, EditorParameters)):
        raise UnusableEditorError("has `parameters` that are no subclass of EditorParameters")
    for name, field in editor.parameters.model_fields.items():
        if field.is_required():
            raise UnusableEditorError(f"has a parameter without a default: {name}")
    editor.parameters.model_json_schema()
    if type(editor.default_layer) is not int or editor.default_layer < 0:
        raise UnusableEditorError("needs a whole number as `default_layer`")
    for name in ("batches", "weights"):
        if type(getattr(editor, name)) is not bool:
            raise UnusableEditorError(f"needs True or False as `{name}`")
    _check_presets(editor)


def _check_presets(editor: Editor[Any]) -> None:
    presets = editor.presets
    if not (isinstance(presets, Mapping) and all(isinstance(preset, Preset) for preset in presets.values())):
        raise UnusableEditorError("has `presets` that are no dict of Preset")
    if editor.default_preset not in presets:
        raise UnusableEditorError(f"has no preset {editor.default_preset!r}, which is its default")
    for name, preset in presets.items():
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise UnusableEditorError(f"has a preset {name!r}; use small letters, digits and -")
        try:
            values = editor.parameters(**preset.parameters).model_dump()
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UnusableEditorError(
                f"has a preset {name!r} that its parameters refuse ({where}: {first['msg']})"
            ) from None
        try:
            json.dumps(values, allow_nan=False)
        except (TypeError, ValueError):
            raise UnusableEditorError(
                f"has a preset {name!r} with values that JSON has not; use numbers, texts and booleans"
            ) from None
