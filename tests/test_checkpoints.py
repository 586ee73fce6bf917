"""A checkpoint is trusted only when it is what it says; a bad one never keeps the others from loading."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from backend.checkpoints import CheckpointError, CheckpointRegistry, UnknownCheckpointError, load_checkpoint

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


def test_the_recorded_accuracy_is_that_of_the_weights() -> None:
    checkpoint = load_checkpoint(SMALL)
    graph = checkpoint.graph
    subjects = torch.arange(graph.n_entities)
    right = []
    for relation in graph.relations_of_order(0):
        prompt = torch.stack(
            [subjects, torch.full_like(subjects, checkpoint.vocabulary.relation_token(relation))], dim=1
        )
        answer = checkpoint.model(prompt)[:, -1, : graph.n_entities].argmax(1).numpy()
        stated = ~checkpoint.holdout.single[:, relation.index]
        right.extend(answer[stated] == graph.objects[stated, relation.index])
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
