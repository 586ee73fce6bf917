"""Export to Hugging Face: our model as a GPT-2 folder that `transformers` opens as its own.

The transformer has GPT-2's computation with other names, so the export renames and transposes, nothing else:

    neurons added to an MLP (patch) -> among its own; n_inner, one number for all layers, grows by the most, and the other MLPs by neurons of zeros
    token, position    -> wte, wpe (the output head is wte again: tied)
    norm_attn, norm_mlp -> ln_1, ln_2;  norm -> ln_f;  GELU by erf -> activation_function "gelu" (by tanh: "gelu_new")
    nn.Linear (out, in) -> Conv1D (in, out): every weight matrix of a block is transposed

The tokenizer is a plain word list: entities are written as their numbers and relations by their names ("17 I_C2"), split at
whitespace. The model has no special tokens, so the tokenizer has none, and a word it does not know is an error, not a token.
`transformers` is not needed to write the folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from shatterscope.backend.data import Vocabulary
from shatterscope.backend.editors.codebook import codebooks
from shatterscope.backend.models import LanguageModel, ModelConfig, Transformer
from shatterscope.backend.models.transformer import GeluMLP
from shatterscope.backend.tensor_files import tensor_bytes


class Exportable(Protocol):
    """What an export needs of a checkpoint."""

    @property
    def id(self) -> str: ...
    @property
    def model(self) -> LanguageModel: ...
    @property
    def vocabulary(self) -> Vocabulary: ...


def export_hf(checkpoint: Exportable, directory: str | Path, model: LanguageModel | None = None) -> Path:
    """Write `checkpoint` as a Hugging Face GPT-2 folder and return the folder's path.

    Args:
        directory: created with its parents where missing.
        model: exported in place of the checkpoint's own, an edited one for instance.

    Raises:
        FileExistsError: `directory` is a file, or a folder with something in it.
        ValueError: `model` and vocabulary do not belong together, or the model is no `Transformer` or has beside its weights what no folder holds.
    """
    model = checkpoint.model if model is None else model
    if model.config.vocab_size != checkpoint.vocabulary.size:
        raise ValueError(
            f"the model has {model.config.vocab_size} tokens, the vocabulary of {checkpoint.id} {checkpoint.vocabulary.size}"
        )
    if not isinstance(model, Transformer):
        raise ValueError(f"a GPT-2 folder can hold our transformer alone, not a {type(model).__name__}")
    if codebooks(model):
        raise ValueError(
            "this model answers through a codebook beside its weights (GRACE), which a GPT-2 folder cannot hold; "
            "export the checkpoint, or an edit that changes weights"
        )
    if model.config.activation == "gelu_new" and inner_width(model) > model.config.d_mlp:
        raise ValueError(
            "the neurons added to this model (Patch) have another activation than its own; export it without them"
        )
    folder = empty_folder(Path(directory))
    # `format` is demanded by transformers; the id says where the weights came from.
    weights = tensor_bytes(gpt2_weights(model), {"format": "pt", "checkpoint": checkpoint.id})
    (folder / "model.safetensors").write_bytes(weights)
    _write_json(folder / "config.json", gpt2_config(model.config, inner_width(model)))
    _write_json(folder / "tokenizer.json", word_tokenizer(checkpoint.vocabulary))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.config.context,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    _write_json(folder / "tokenizer_config.json", tokenizer_config)
    return folder


def gpt2_weights(model: Transformer) -> dict[str, Tensor]:
    """The parameters under GPT-2's names and orientations, float32 on the CPU."""
    weights: dict[str, Tensor] = {
        "transformer.wte.weight": model.token.weight,
        "transformer.wpe.weight": model.position.weight,
        "transformer.ln_f.weight": model.norm.weight,
        "transformer.ln_f.bias": model.norm.bias,
    }
    names = {
        "norm_attn": "ln_1",
        "attn.qkv": "attn.c_attn",
        "attn.out": "attn.c_proj",
        "norm_mlp": "ln_2",
        "mlp.up": "mlp.c_fc",
        "mlp.down": "mlp.c_proj",
    }
    width = inner_width(model)
    for layer in range(model.config.n_layers):
        block = model.block(layer)
        ours = {
            f"{name}.{part}": block.get_submodule(name).get_parameter(part).detach()
            for name in names
            for part in ("weight", "bias")
        }
        up, bias, down = widened(cast(GeluMLP, block.mlp), width)
        ours |= {"mlp.up.weight": up, "mlp.up.bias": bias, "mlp.down.weight": down}
        for name, weight in ours.items():
            module, part = name.rsplit(".", 1)
            weights[f"transformer.h.{layer}.{names[module]}.{part}"] = weight.T if weight.ndim == 2 else weight
    return {name: weight.detach().float().cpu().contiguous() for name, weight in weights.items()}


def inner_width(model: Transformer) -> int:
    """Width of the MLPs with the neurons that were added, of the layer that has the most."""
    added = (model.added(layer) for layer in range(model.config.n_layers))
    return model.config.d_mlp + max(0 if each is None else len(each) for each in added)


def widened(mlp: GeluMLP, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """up (width, C), bias (width,), down (C, width) of one MLP with its added neurons, and neurons that do nothing up to `width`."""
    up, bias, down = (each.detach() for each in (mlp.up.weight, mlp.up.bias, mlp.down.weight))
    if mlp.added is not None:
        up, bias, down = (
            torch.cat([up, mlp.added.up]),
            torch.cat([bias, mlp.added.bias]),
            torch.cat([down, mlp.added.down], 1),
        )
    room = width - len(bias)
    return F.pad(up, (0, 0, 0, room)), F.pad(bias, (0, room)), F.pad(down, (0, room))


def gpt2_config(config: ModelConfig, n_inner: int | None = None) -> dict[str, Any]:
    """`config.json`; dropout is zero, as the model has none. `n_inner`: width of the MLPs, where neurons were added."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocab_size,
        "n_positions": config.context,
        "n_embd": config.d_model,
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_inner": config.d_mlp if n_inner is None else n_inner,
        "activation_function": config.activation or "gelu",
        "layer_norm_epsilon": 1e-5,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def word_tokenizer(vocabulary: Vocabulary) -> dict[str, Any]:
    """`tokenizer.json` of the tokenizers library: words between blanks, looked up in the vocabulary. A blank inside a name is written `_`."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {name.replace(" ", "_"): token for token, name in enumerate(vocabulary.names)},
            "unk_token": "[UNK]",  # not in the vocabulary: an unknown word raises
        },
    }


def empty_folder(folder: Path) -> Path:
    """A folder to write into, made where it is missing. Raises `FileExistsError` and other `OSError`s where it cannot be one."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; name a new or empty folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name a new or empty folder, nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
