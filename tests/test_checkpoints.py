"""A checkpoint is trusted only when it is what it says; a bad one never keeps the others from loading."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy as copy_of
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save
from starlette.testclient import TestClient

from shatterscope.app.main import create_app as create_dashboard
from shatterscope.backend.api import create_app
from shatterscope.backend.checkpoints import (
    CheckpointError,
    CheckpointRegistry,
    UnknownCheckpointError,
    file_hash,
    load_checkpoint,
    read_metadata,
)
from shatterscope.backend.convert import checkpoint_info
from shatterscope.backend.export_hf import gpt2_config
from shatterscope.backend.models import ModelConfig, Transformer
from shatterscope.backend.settings import Settings, load_settings

SHIPPED = Path(__file__).parents[1] / "models_cache"
SMALL = SHIPPED / "rings-small"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SMALL, tmp_path / "copy"))


def test_all_shipped_checkpoints_load() -> None:
    registry = CheckpointRegistry(SHIPPED)
    assert registry.problems == {}
    assert registry.ids()[0] == registry.default_id
    assert "rings-small" in registry.ids()


def test_a_folder_from_before_each_round_had_its_own_weight_decay_loads(copy: Path) -> None:
    described = json.loads((copy / "checkpoint.json").read_text())
    described["training"]["config"]["weight_decay"] = 0.04
    for part in described["training"]["config"]["rounds"]:
        part.pop("weight_decay", None)
    (copy / "checkpoint.json").write_text(json.dumps(described))
    assert {part.weight_decay for part in load_checkpoint(copy).metadata.training.config.rounds} == {0.04}


def test_the_recorded_accuracy_is_that_of_the_weights() -> None:
    checkpoint = load_checkpoint(SMALL)
    world = checkpoint.world
    subjects = torch.arange(world.n_entities)
    right = []
    for relation in world.relations_of(0):
        prompt = torch.stack(
            [subjects, torch.full_like(subjects, checkpoint.vocabulary.relation_token(relation))], dim=1
        )
        answer = checkpoint.model(prompt)[:, -1, : world.n_entities].argmax(1).numpy()
        stated = ~checkpoint.holdout.single[:, relation.index]
        right.extend(answer[stated] == world.objects[stated, relation.index])
    assert sum(right) / len(right) == pytest.approx(checkpoint.metadata.accuracy["direct"]["I"])


def break_weights(folder: Path) -> None:
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)


def remove_statistics(folder: Path) -> None:
    (folder / "statistics.safetensors").unlink()


def break_json(folder: Path) -> None:
    (folder / "checkpoint.json").write_text("{")


def foreign_json(folder: Path) -> None:
    (folder / "checkpoint.json").write_text("[1, 2]")


def other_format(folder: Path) -> None:
    rewrite(folder, format=99)


def other_graph(folder: Path) -> None:
    data = json.loads((folder / "checkpoint.json").read_text())
    rewrite(folder, graph=data["graph"] | {"n_orders": 2})


def unknown_field(folder: Path) -> None:
    rewrite(folder, surprise=1)


def other_opening(folder: Path) -> None:
    rewrite(folder, opening="IV_C9")


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (break_weights, "weights.safetensors is not the file"),
        (remove_statistics, "statistics.safetensors is missing"),
        (break_json, "cannot be read as JSON"),
        (foreign_json, "format None"),
        (other_format, "format 99"),
        (other_graph, "do not belong together"),
        (other_opening, "opening: 'IV_C9' is not a relation of its world"),
        (unknown_field, "surprise"),
    ],
)
def test_damage_is_named_and_the_others_load(damage: Callable[[Path], None], says: str, copy: Path) -> None:
    shutil.copytree(SMALL, copy.parent / "good")
    damage(copy)
    with pytest.raises(CheckpointError, match=says):
        load_checkpoint(copy)
    registry = CheckpointRegistry(copy.parent, default="copy")
    assert registry.ids() == ["good"]
    assert registry.default_id == "good"
    assert says in registry.problems["copy"]
    with pytest.raises(UnknownCheckpointError, match="did not load"):
        registry.get("copy")


def test_an_unknown_checkpoint_names_those_there_are() -> None:
    with pytest.raises(UnknownCheckpointError, match="rings-small"):
        CheckpointRegistry(SHIPPED).get("rings-17")


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    registry = CheckpointRegistry(tmp_path / "nowhere")
    assert registry.ids() == []
    assert registry.default_id is None


# --- folders that somebody else wrote ---------------------------------------------------------------------------------

ODD: list[object] = [
    None, True, -1, 0, 1, 0.5, -0.5, 10**9, 10**400, 1e308, "", "\ud800", "x" * 100_000, [], {}, [[]], {"a": {}},
]  # fmt: skip


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON value; of the many relations one stands for all."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        if key in ("I_C1", "I", 0) or not str(key).startswith("I"):
            yield (*path, key)
            yield from places(each, (*path, key))


def changed(data: dict[str, object], path: Sequence[str | int], value: object = ...) -> dict[str, object]:
    """A copy with another value there, or none."""
    found = copy_of(data)
    holder: Any = found
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return found


def test_any_change_of_the_description_is_refused_by_name_or_does_no_harm(tmp_path: Path) -> None:
    """Some 1500 of them: each of the places deleted, and each replaced by each odd value."""
    good = load_checkpoint(SMALL)
    data = json.loads((SMALL / "checkpoint.json").read_text())
    data |= {"sha256": {**data["sha256"], "I_other": "0"}}
    folder = tmp_path / "odd"
    folder.mkdir()
    taken, refused = 0, []
    for path in places(data):
        for value in (..., *ODD):
            (folder / "checkpoint.json").write_text(json.dumps(changed(data, path, value)))
            try:
                metadata = read_metadata(folder)
            except CheckpointError as error:
                refused.append(str(error))
                continue
            taken += 1
            json.dumps(checkpoint_info(replace(good, metadata=metadata), True).model_dump(mode="json"), allow_nan=False)
            assert metadata.model.n_weights <= 50_000_000
    assert [text for text in refused if not text.startswith("odd/checkpoint.json") or len(text) > 400] == []
    assert 0 < taken < 700  # titles, seeds, seconds: what decides nothing


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"format": NaN}', '{"format": 1e999}', "\x00", "\xff"]
)
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "checkpoint.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        read_metadata(tmp_path)


def rewritten(folder: Path, file: str, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Other tensors, with a hash that fits."""
    tensors = load_file(folder / file)
    change(tensors)
    (folder / file).write_bytes(save(tensors))
    data = json.loads((folder / "checkpoint.json").read_text())
    data["sha256"][file] = file_hash(folder / file)
    (folder / "checkpoint.json").write_text(json.dumps(data))


def in_place_of(file: str, put: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / file).unlink()
        put(folder / file)

    return damage


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


FILES = ("checkpoint.json", "weights.safetensors", "statistics.safetensors")
WEIGHT, MOMENT = "blocks.0.mlp.down.weight", "mlp_key.0"
DAMAGES: dict[str, Callable[[Path], object]] = {
    **{f"{file} is a pipe": in_place_of(file, os.mkfifo) for file in FILES},
    **{f"{file} is a folder": in_place_of(file, Path.mkdir) for file in FILES},
    **{f"{file} is a terabyte": in_place_of(file, sparse) for file in FILES},
    **{f"{file} points to itself": in_place_of(file, lambda path: path.symlink_to(path)) for file in FILES},
    **{f"{file} is a device": in_place_of(file, lambda path: path.symlink_to("/dev/zero")) for file in FILES},
    "weights are NaN": lambda folder: rewritten(folder, FILES[1], lambda found: found[WEIGHT].fill_(float("nan"))),
    "weights are doubles": lambda folder: rewritten(
        folder, FILES[1], lambda found: found.update({WEIGHT: found[WEIGHT].double()})
    ),
    "weights are of another shape": lambda folder: rewritten(
        folder, FILES[1], lambda found: found.update({WEIGHT: found[WEIGHT][:5].clone()})
    ),
    "a weight is missing": lambda folder: rewritten(folder, FILES[1], lambda found: found.pop(WEIGHT)),
    "moments are infinite": lambda folder: rewritten(
        folder, FILES[2], lambda found: found[MOMENT].fill_(float("inf"))
    ),
    "moments are integers": lambda folder: rewritten(
        folder, FILES[2], lambda found: found.update({MOMENT: found[MOMENT].long()})
    ),
    "moments are missing": lambda folder: rewritten(folder, FILES[2], lambda found: found.pop(MOMENT)),
    "no heads": lambda folder: edited(folder, "model", n_heads=0),
    "a world of a milliard": lambda folder: edited(folder, "graph", n_entities=10**9),
    "no accuracy": lambda folder: rewrite(folder, accuracy={}),
}  # fmt: skip


def edited(folder: Path, part: str, **changes: object) -> None:
    data = json.loads((folder / "checkpoint.json").read_text())
    rewrite(folder, **{part: data[part] | changes})


def test_no_folder_keeps_the_server_from_starting_or_telling(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(SMALL, models / "good", ignore=shutil.ignore_patterns("reproduction"))
    for name, damage in DAMAGES.items():
        damage(Path(shutil.copytree(models / "good", models / name)))
    strange = {os.fsdecode(b"caf\xe9"): "caf\\xe9", "two\nlines": "two\\nlines"}
    for name in strange:
        shutil.copytree(models / "good", models / name)
    (models / "loop").symlink_to(models / "loop")
    (models / "empty").mkdir()
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(models))
    app = create_app(load_settings())
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        health = client.get("health")
        assert health.status_code == 200
        assert health.json()["checkpoints"] == ["good"]
        assert set(health.json()["problems"]) == {*DAMAGES, *strange.values(), "empty"}
        assert str(tmp_path) not in health.text
        for name, reason in health.json()["problems"].items():
            assert "cannot be used (" not in reason, (name, reason)  # each has a message of its own
        assert [each["id"] for each in client.get("checkpoints").json()] == ["good"]
        for name in ("no heads", "caf\\xe9"):
            assert "did not load" in client.get(f"checkpoints/{name}/errors").json()["detail"]
    app.state.laboratory.close()


def test_the_weights_are_counted_without_making_the_model() -> None:
    small = ModelConfig(vocab_size=7, context=3, n_layers=3, d_model=8, n_heads=2)
    for config in (ModelConfig(vocab_size=50), small, replace(small, n_inner=20)):
        assert config.n_weights == Transformer(config).n_params


def test_an_mlp_of_another_width_is_told_and_used_everywhere(copy: Path) -> None:
    """The small checkpoint with the first 40 of its MLPs' 96 units."""
    before = load_checkpoint(copy)
    for name in ("weights.safetensors", "statistics.safetensors"):
        tensors = load_file(copy / name)
        for key, value in tensors.items():
            rows = ".mlp.up." in key or key.startswith("mlp_key.")
            columns = key.endswith(".mlp.down.weight") or key.startswith("mlp_key.")
            value = value[:40] if rows else value
            tensors[key] = (value[:, :40] if columns else value).contiguous()
        (copy / name).write_bytes(save(tensors))
    described = json.loads((copy / "checkpoint.json").read_text())
    hashes = {name: file_hash(copy / name) for name in described["sha256"]}
    rewrite(copy, model={**described["model"], "n_inner": 40}, sha256=hashes)
    narrow = load_checkpoint(copy)
    assert narrow.model.config.d_mlp == checkpoint_info(narrow, True).model.d_mlp == 40
    assert narrow.identity != before.identity
    assert gpt2_config(narrow.model.config)["n_inner"] == 40

    server = create_app(load_settings(models_dir=copy.parent, state_dir=copy.parent / "state", warm_up=False))
    create_dashboard(server)
    with TestClient(server) as client:
        query = f"c={copy.name}&q=7~I_C2&e=7~I_C2~d40~alphaedit~0~tuned~1"
        for page in (f"/export.html?{query}", f"/compare/export.html?{query}&by=alphaedit:tuned&by=rome:tuned"):
            file = client.get(page)
            assert file.status_code == 200, file.text
            assert "of 40 directions are free" in file.text, page


def test_a_shape_that_leaves_the_width_open_keeps_its_identity() -> None:
    """Edits of old links are found by it."""
    assert load_checkpoint(SMALL).identity == "3026e54b414217456813e7cc3027b5c0cee83c27f0e1916ec2f8f8744a5b535e"
