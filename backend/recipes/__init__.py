"""Recipes: all that decides a checkpoint, one TOML file each. `shatterscope train` takes the name of one here, or a file of one's own.

    title = "My rings"
    note = "What is tried with them."

    [graph]              # the world: `kind` (rings where there is none), and its config, for instance `RingsConfig`
    n_entities = 512     # `facts_file = "mine.csv"` stands for `facts = "..."`: the text of a file beside the recipe

    [model]              # `ModelConfig`; the vocabulary is the world's
    final_gain = 12.0

    [train]              # `TrainConfig`
    batch = 256

    [[train.rounds]]     # `Round`, at least one
    steps = 10_000
    learning_rate = 2e-3

What is left out has the default of its class.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.files import UnreadableFile, read_file
from shatterscope.backend.models import ModelConfig
from shatterscope.backend.training import Round, TrainConfig
from shatterscope.backend.worlds import ABSENT, WorldConfig, WorldError, build, config_table, read_config
from shatterscope.backend.worlds.facts_csv import read_text
from shatterscope.backend.worlds.facts_file import Facts
from shatterscope.backend.worlds.rings import RingsConfig

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))
MAX_BYTES = 100_000
T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """All that decides a checkpoint. `model.vocab_size` is that of the world's vocabulary."""

    title: str
    train: TrainConfig
    model: ModelConfig
    note: str = ""
    graph: WorldConfig = field(default_factory=RingsConfig)
    view: str = ""  # what the page opens on, as in a link: question, new object, preset, picture


def read_recipe(name: str) -> Recipe:
    """The recipe of that name, or in the TOML file at that path.

    Raises:
        ValueError: there is none, or something in it is wrong; the message says what and where.
    """
    file = FOLDER / f"{name}.toml" if name in NAMES else Path(name)
    if name not in NAMES and file.suffix != ".toml":
        raise ValueError(
            f"no recipe {name!r}; there are: {', '.join(NAMES)}, or a file of your own, such as my-recipe.toml"
        )
    try:
        given = tomllib.loads(read_file(file, MAX_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no file {file}") from None
    except UnreadableFile as error:
        raise ValueError(f"{file} {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not a text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not TOML: {error}") from None
    try:
        return _recipe(given, file.parent)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def facts_recipe(title: str, world: Facts) -> Recipe:
    """A recipe for facts of one's own, by their number: minutes on a laptop."""
    vocabulary = Vocabulary.of(world).size
    steps = 2000 if world.present.sum() <= 2000 else 5000
    one = Round(steps, learning_rate=3e-3, decay_steps=steps, final_rate_share=3e-3, decay="cosine", weight_decay=0.1)
    train = TrainConfig((one,), batch=128, warmup=200, gain_growth=1.0, calibration=3e-3)
    note = f"{world.n_entities} entities, {world.n_relations} relations, {int((world.truths != ABSENT).sum())} facts."
    return Recipe(title[:200], train, ModelConfig(vocab_size=vocabulary), note, world.config)


def _recipe(given: dict[str, Any], folder: Path) -> Recipe:
    if isinstance(given.get("graph"), dict):
        given = given | {"graph": _with_texts(given["graph"], folder)}
    try:
        world = read_config(given.get("graph", {}))
    except ValueError as error:
        raise ValueError(f"graph: {error}") from None
    model = given.get("model", {})
    if not isinstance(model, dict):
        raise ValueError("model: a table is needed")
    if "vocab_size" in model:
        raise ValueError("model.vocab_size follows from the world; leave it out")
    vocabulary = Vocabulary.of(build(world)).size
    whole = {**given, "graph": world, "model": {**model, "vocab_size": vocabulary}}
    recipe = _validated(whole)
    known = asdict(recipe) | {"graph": {"kind": ""} | config_table(world)}
    if (unknown := _unknown(given, known)) is not None:
        raise ValueError(f"{unknown} is not part of a recipe")
    return recipe


def _with_texts(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Every `name_file` replaced by `name`, the text of that file."""
    found = {}
    for key, value in table.items():
        name = key.removesuffix("_file")
        if name == key:
            found[key] = value
        elif not isinstance(value, str) or name in table:
            raise ValueError(f"graph.{key}: the name of a file is needed, and no {name} beside it")
        else:
            try:
                found[name] = read_text(folder / value)
            except WorldError as error:
                raise ValueError(f"graph.{key}: {error}") from None
    return found


def _validated(given: Any) -> Recipe:
    try:
        return TypeAdapter(Recipe).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None


def _unknown(given: Any, known: Any, place: str = "") -> str | None:
    """The first place in what was given that was not read."""
    if isinstance(given, dict):
        for key, value in given.items():
            here = f"{place}.{key}".lstrip(".")
            if key not in known:
                return here
            if (found := _unknown(value, known[key], here)) is not None:
                return found
    elif isinstance(given, list):
        for i, (value, other) in enumerate(zip(given, known, strict=True)):
            if (found := _unknown(value, other, f"{place}.{i}")) is not None:
                return found
    return None
