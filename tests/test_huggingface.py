"""Hugging Face folders: what the transformers library writes is the same model here; what is wrong with one is said in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import words_tokenizer

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.export_hf import export_hf
from shatterscope.backend.lm.huggingface import read_folder
from shatterscope.backend.lm.pretrained import LanguageModelError, Pretrained, unfilled
from shatterscope.backend.models import LanguageModel

transformers = pytest.importorskip("transformers")

VOCABULARY = 60
LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "rms_norm_eps": 1e-4,
}
SCALED = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
GPT2 = {
    "vocab_size": VOCABULARY,
    "n_positions": 64,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 4,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
}


def llama(**changed: Any) -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA | changed))


def gpt2(**changed: Any) -> Any:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2 | changed))


def saved(theirs: Any, folder: Path, **options: Any) -> Path:
    theirs.save_pretrained(folder, **options)
    (folder / "tokenizer.json").write_text(words_tokenizer(VOCABULARY))
    return folder


def opened(found: Pretrained) -> LanguageModel:
    model = unfilled(found.config)
    model.load_state_dict({name: weight.float() for name, weight in found.weights()}, assign=True)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: llama(),
        lambda: llama(tie_word_embeddings=True),
        lambda: llama(num_key_value_heads=6),
        lambda: llama(rope_parameters=SCALED),
        lambda: gpt2(),
        lambda: gpt2(activation_function="gelu", n_inner=32),
    ],
    ids=["llama", "tied", "a key each", "llama 3.1", "gpt2", "gelu by erf"],
)
def test_logits_are_those_of_transformers(make: Callable[[], Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = make().eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.endswith("bias") or "norm" in name or "ln_" in name:  # which would begin at 0 and 1
                parameter += 0.3 * torch.randn(parameter.shape)
    model = opened(read_folder(saved(theirs, tmp_path / "folder")))
    tokens = torch.randint(VOCABULARY, (3, 40))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)


def test_weights_may_be_in_several_files(tmp_path: Path) -> None:
    theirs = llama()
    whole = opened(read_folder(saved(theirs, tmp_path / "whole")))
    folder = saved(theirs, tmp_path / "sharded", max_shard_size="10KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    for name, weight in opened(read_folder(folder)).state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_are_kept_as_precise_as_they_come(dtype: torch.dtype, tmp_path: Path) -> None:
    found = read_folder(saved(llama().to(dtype), tmp_path / "folder"))
    assert found.kept_in == dtype
    assert {weight.dtype for _, weight in found.weights()} == {dtype}


def test_a_checkpoint_of_ours_comes_back_from_its_export(checkpoint: Checkpoint, tmp_path: Path) -> None:
    found = opened(read_folder(export_hf(checkpoint, tmp_path / "folder")))
    for name, weight in checkpoint.model.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight)
    tokens = torch.arange(12).view(2, 6)
    assert torch.equal(found(tokens), checkpoint.model(tokens))


def test_names_without_their_first_part_are_gpt2s_as_well(tmp_path: Path) -> None:
    """As in the first GPT-2 of all, which also holds its masks."""
    folder = saved(gpt2(), tmp_path / "folder")
    whole = opened(read_folder(folder))
    weights = load_file(folder / "model.safetensors")
    older = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    save_file(older | {"h.0.attn.bias": torch.ones(1, 1, 64, 64, dtype=torch.bool)}, folder / "model.safetensors")
    for name, weight in opened(read_folder(folder)).state_dict().items():
        assert torch.equal(weight, whole.state_dict()[name])


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(llama(), tmp_path_factory.mktemp("sound") / "folder", max_shard_size="10KB")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "mine")


def refused(folder: Path) -> str:
    with pytest.raises(LanguageModelError) as raised:
        dict(read_folder(folder).weights())
    return str(raised.value)


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path)
    assert all(name in said for name in ("config.json", "tokenizer.json", "model.safetensors"))
    for name in ("pytorch_model.bin", "vocab.json", "model.gguf"):
        (tmp_path / name).touch()
    said = refused(tmp_path)
    assert "save them as safetensors" in said
    assert "AutoTokenizer" in said
    assert "GGUF" in said
    assert "there is no folder" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model_type": "mamba"}, "model_type is 'mamba'; llama and gpt2 are read"),
        ({"model_type": None}, "model_type is None"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"attention_bias": True}, "attention_bias"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"head_dim": 8}, "head_dim: 6 heads of 8 are not the 24"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "'yarn'"),
        ({"num_hidden_layers": 4}, "lacks 9 of its weights, model.layers.3"),
        ({"num_hidden_layers": 2}, "holds model.layers.2"),
        ({"hidden_size": 48, "head_dim": None}, "token.weight is .60, 24. where .60, 48. belongs"),
        ({"num_hidden_layers": 10**9}, "take a smaller one"),
        ({"num_hidden_layers": "many"}, "num_hidden_layers"),
    ],
)
def test_a_configuration_that_is_not_read_is_named_by_field(folder: Path, changed: dict[str, Any], said: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(LanguageModelError, match=said):
        dict(read_folder(folder).weights())


def test_damaged_files_are_named(folder: Path) -> None:
    shard = sorted(folder.glob("model-*.safetensors"))[1]
    content = shard.read_bytes()
    shard.write_bytes(content[:-100])
    assert f"mine/{shard.name} is damaged or not whole" in refused(folder)
    shard.unlink()
    assert f"mine/{shard.name} is missing" in refused(folder)
    shard.write_bytes(content)
    (folder / "config.json").write_text("{")
    assert "mine/config.json cannot be read as JSON" in refused(folder)


def test_an_index_names_files_of_its_folder_alone(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    for files in ({"a": "../other.safetensors"}, {}, {"a": 3}, []):
        index.write_text(json.dumps({"weight_map": files}))
        assert "weight_map names no files of this folder" in refused(folder)


def test_quantised_weights_are_not_taken_for_weights(tmp_path: Path) -> None:
    folder = saved(llama(), tmp_path / "mine")
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    save_file(weights | {name: weights[name].to(torch.int8)}, folder / "model.safetensors")
    assert f"mine: {name} is stored as I8" in refused(folder)


def test_a_value_that_is_no_number_is_refused(tmp_path: Path) -> None:
    theirs = llama()
    with torch.no_grad():
        theirs.model.norm.weight[0] = torch.nan
    assert "norm.weight holds values that are no numbers" in refused(saved(theirs, tmp_path / "mine"))
