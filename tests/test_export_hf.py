"""The exported folder, opened by `transformers`, is the same model with the same words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.export_hf import export_hf
from shatterscope.backend.models import ModelConfig, Transformer
from shatterscope.backend.worlds.rings import Rings, RingsConfig

transformers = pytest.importorskip("transformers")


@dataclass(frozen=True)
class Taught:
    id: str
    vocabulary: Vocabulary
    model: Transformer


def scrambled(config: ModelConfig, seed: int) -> Transformer:
    """A model whose every parameter matters: biases and gains are random too."""
    generator = torch.Generator().manual_seed(seed)
    model = Transformer(config, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


@pytest.fixture
def world() -> Taught:
    vocabulary = Vocabulary.of(Rings(RingsConfig(n_entities=40, n_orders=2, n_hops=2)))
    return Taught("tiny", vocabulary, scrambled(ModelConfig(vocabulary.size, d_model=24, n_heads=12), seed=0))


def opened(folder: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def test_logits_agree(world: Taught, tmp_path: Path) -> None:
    theirs, _ = opened(export_hf(world, tmp_path / "new" / "folder"))
    tokens = torch.randint(world.vocabulary.size, (8, 16), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, world.model(tokens), atol=1e-4, rtol=0)


def test_an_edited_model_is_exported_in_place_of_the_checkpoints_own(world: Taught, tmp_path: Path) -> None:
    edited = scrambled(world.model.config, seed=2)
    theirs, _ = opened(export_hf(world, tmp_path, model=edited))
    tokens = torch.tensor([[3, world.vocabulary.n_entities]])
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, edited(tokens), atol=1e-4, rtol=0)


def test_words_become_our_token_ids_and_back(world: Taught, tmp_path: Path) -> None:
    _, tokenizer = opened(export_hf(world, tmp_path))
    text = "17 II_A2 3 I_C1"
    ids = [world.vocabulary.names.index(word) for word in text.split()]
    assert tokenizer(text)["input_ids"] == ids
    assert tokenizer.decode(ids) == text
    assert len(tokenizer) == world.vocabulary.size


def test_an_unknown_word_is_an_error(world: Taught, tmp_path: Path) -> None:
    _, tokenizer = opened(export_hf(world, tmp_path))
    with pytest.raises(Exception, match="UNK"):
        tokenizer("17 IX_C9")


def test_generates_an_answer(world: Taught, tmp_path: Path) -> None:
    theirs, tokenizer = opened(export_hf(world, tmp_path))
    prompt = tokenizer("5 I_C1", return_tensors="pt")
    with torch.no_grad():
        answer = theirs.generate(**prompt, max_new_tokens=1, do_sample=False)[0, -1]
        assert answer == world.model(prompt["input_ids"])[0, -1].argmax()


def test_never_writes_into_a_folder_in_use(world: Taught, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        export_hf(world, tmp_path)
    with pytest.raises(FileExistsError, match="is a file"):
        export_hf(world, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_refuses_a_model_of_another_vocabulary(world: Taught, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tokens"):
        export_hf(world, tmp_path, model=Transformer(ModelConfig(vocab_size=7)))
