"""Recipes: every one that ships is read; a file of one's own is read, and what is wrong in it is named."""

import os
from pathlib import Path

import pytest

from shatterscope.backend.recipes import NAMES, read_recipe
from shatterscope.backend.worlds.rings import RingsConfig

OWN = """
title = "My rings"
[graph]
n_entities = 32
[train]
batch = 16
[[train.rounds]]
steps = 40
embedding_rate = 0.05
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_that_ships_is_read(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.title
    assert recipe.note


def test_a_file_of_ones_own_has_the_defaults_of_the_classes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    recipe = read_recipe(str(file))
    assert recipe.graph == RingsConfig(n_entities=32)
    assert recipe.model.vocab_size == 32 + recipe.graph.n_orders * 2 * recipe.graph.n_hops
    assert [part.embedding_rate for part in recipe.train.rounds] == [0.05]
    assert recipe.train.clip_norm == 1.0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("steps = 40", "steps = 0", r"train.rounds.0.steps: .*greater than 0"),
        ("steps = 40", 'steps = "many"', r"train.rounds.0.steps: .*integer"),
        ("steps = 40", "step = 40", r"train.rounds.0.steps: Field required"),
        ("embedding_rate", "embeding_rate", r"train.rounds.0.embeding_rate is not part of a recipe"),
        ("[[train.rounds]]", "[[train.laps]]", r"train.rounds: Field required"),
        ("batch = 16", "batch = -1", r"train.batch: .*greater than 0"),
        ("batch = 16", "optimiser = 'sgd'", r"train.optimiser: .*soap"),
        ("n_entities = 32", "n_entities = 3", r"graph: n_entities must be at least .*17"),
        ("[train]", "[model]\nd_model = 23\n[train]", r"model: d_model \(23\) must be a multiple"),
        ("[train]", "[model]\nvocab_size = 3\n[train]", r"model.vocab_size follows from the world"),
        ("[train]", "model = 3\n[train]", r"graph.model is not part of a recipe"),
        ("[graph]\nn_entities = 32", "graph = 32", r"graph: a table is needed"),
        ("[graph]\nn_entities = 32", "model = 32", r"model: a table is needed"),
        ("[graph]", "[worlds]", r"worlds is not part of a recipe"),
        ('title = "My rings"', "", r"title: Field required"),
        ('title = "My rings"', "title = ", r"is not TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    file = tmp_path / "mine.toml"
    assert old in OWN
    file.write_text(OWN.replace(old, new))
    with pytest.raises(ValueError, match=reason) as raised:
        read_recipe(str(file))
    assert str(file) in str(raised.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no recipe 'rings-9'; there are: .*rings-2048, .*or a file"):
        read_recipe("rings-9")
    with pytest.raises(ValueError, match=r"there is no file .*none.toml"):
        read_recipe(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(ValueError, match="UTF-8"):
        read_recipe(str(tmp_path / "latin.toml"))
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ValueError, match=r"pipe.toml is no regular file"):
        read_recipe(str(tmp_path / "pipe.toml"))
    (tmp_path / "large.toml").write_bytes(b"#" * 200_000)
    with pytest.raises(ValueError, match=r"is larger than"):
        read_recipe(str(tmp_path / "large.toml"))
