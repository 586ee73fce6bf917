"""A local Hugging Face folder of the Llama or the GPT-2 family: config.json, tokenizer.json, and weights as safetensors, in one file or in several
(model.safetensors.index.json). Nothing in it is run, and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from torch import Tensor

from shatterscope.backend.files import UnreadableFile, name_of, read_file, read_json
from shatterscope.backend.lm.pretrained import (
    MAX_TOKENIZER_BYTES,
    Config,
    GPT2Config,
    LanguageModelError,
    Pretrained,
    first_problem,
    shapes,
)
from shatterscope.backend.models import LlamaConfig
from shatterscope.backend.models.llama import RotaryScaling

CONFIG, TOKENIZER, WEIGHTS, INDEX = "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"
MAX_JSON_BYTES = 16 * 1024 * 1024
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

LLAMA = {
    "token": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
    "norm_attn": "input_layernorm",
    "attn.q": "self_attn.q_proj",
    "attn.k": "self_attn.k_proj",
    "attn.v": "self_attn.v_proj",
    "attn.out": "self_attn.o_proj",
    "norm_mlp": "post_attention_layernorm",
    "mlp.gate": "mlp.gate_proj",
    "mlp.up": "mlp.up_proj",
    "mlp.down": "mlp.down_proj",
}
GPT2 = {
    "token": "wte",
    "position": "wpe",
    "norm": "ln_f",
    "norm_attn": "ln_1",
    "attn.qkv": "attn.c_attn",
    "attn.out": "attn.c_proj",
    "norm_mlp": "ln_2",
    "mlp.up": "mlp.c_fc",
    "mlp.down": "mlp.c_proj",
}
# What the files hold beside weights: masks, frequencies, and the embedding once more.
BESIDE = re.compile(r"(.*\.)?(attn\.bias|attn\.masked_bias|rotary_emb\.inv_freq)")


def read_folder(folder: Path) -> Pretrained:
    """Raises `LanguageModelError`: what is missing, or what in it is not read here."""
    if not folder.is_dir():
        raise LanguageModelError(f"there is no folder {folder}")
    _check_files(folder)
    config = _config(folder)
    weights = _Weights(folder)
    tokenizer = _read(folder, TOKENIZER, MAX_TOKENIZER_BYTES).decode("utf-8", "replace")
    theirs = names(config, weights.files.keys())
    missing = [name for name in theirs.values() if name not in weights.files]
    if missing:
        raise LanguageModelError(
            f"{name_of(folder)} lacks {len(missing)} of its weights, {missing[0]} for one; copy it again"
        )
    tied = {"lm_head.weight"} if theirs.get("head.weight") is None else set()
    foreign = [name for name in weights.files.keys() - set(theirs.values()) - tied if not BESIDE.fullmatch(name)]
    if foreign:
        raise LanguageModelError(
            f"{name_of(folder)} holds {min(foreign)[:80]}, which its family does not have: it is another kind of model"
        )

    def read(name: str) -> Tensor:
        weight = weights.tensor(theirs[name])
        # GPT-2 keeps the matrices of its blocks the other way round.
        other_way = isinstance(config, GPT2Config) and name.startswith("blocks.") and weight.ndim == 2
        return weight.T if other_way else weight

    return Pretrained(config, tokenizer, weights.precision(), read)


def _check_files(folder: Path) -> None:
    """Says all that is missing at once, and what to do about what is there instead."""
    there = {path.name for path in folder.iterdir()}
    missing = [name for name in (CONFIG, TOKENIZER) if name not in there]
    if not there & {WEIGHTS, INDEX}:
        missing.append(f"{WEIGHTS} (or {INDEX} and the files that it names)")
    if not missing:
        return
    advice = []
    if not there & {WEIGHTS, INDEX} and any(name.endswith((".bin", ".pt", ".pth")) for name in there):
        advice.append("weights as .bin are programs that could do anything: save them as safetensors")
    if TOKENIZER not in there and there & {"tokenizer.model", "vocab.json"}:
        advice.append("a tokeniser of the slow kind: open it with AutoTokenizer of transformers, and save it again")
    if any(name.endswith(".gguf") for name in there):
        advice.append("a GGUF file by itself is not read")
    told = f"{name_of(folder)} is no Hugging Face folder that can be read: {' and '.join(missing)} missing"
    raise LanguageModelError("; ".join([told, *advice]))


def _read(folder: Path, file: str, limit: int) -> bytes:
    try:
        return read_file(folder / file, limit)
    except FileNotFoundError:
        raise LanguageModelError(f"{name_of(folder)}/{file} is missing; copy the folder again") from None
    except UnreadableFile as error:
        raise LanguageModelError(f"{name_of(folder)}/{file} {error}") from None


def _json(folder: Path, file: str) -> Any:
    try:
        return read_json(_read(folder, file, MAX_JSON_BYTES))
    except UnreadableFile as error:
        raise LanguageModelError(f"{name_of(folder)}/{file} {error}") from None


# --- config.json ------------------------------------------------------------------------------------------------------


class _Rope(BaseModel):
    """Positions, in the names of any version of transformers."""

    model_config = ConfigDict(protected_namespaces=())

    rope_type: str = "default"
    rope_theta: float | None = None
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 8192

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, data: Any) -> Any:
        return {"rope_type": data["type"]} | data if isinstance(data, dict) and "type" in data else data

    @property
    def scaling(self) -> RotaryScaling | None:
        if self.rope_type == "default":
            return None
        if self.rope_type != "llama3":
            raise ValueError(f"positions scaled as {self.rope_type!r:.40}; 'default' and 'llama3' are read")
        length = self.original_max_position_embeddings
        return RotaryScaling(self.factor, self.low_freq_factor, self.high_freq_factor, length)


class _LlamaFile(BaseModel):
    """What of config.json decides what a Llama computes; defaults are those of transformers."""

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: Literal["silu", "swish"] = "silu"
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: _Rope | None = None
    rope_parameters: _Rope | None = None
    attention_bias: Literal[False] = False
    mlp_bias: Literal[False] = False
    tie_word_embeddings: bool = False

    def shape(self) -> LlamaConfig:
        rope = self.rope_parameters or self.rope_scaling or _Rope()
        if self.head_dim is not None and self.head_dim * self.num_attention_heads != self.hidden_size:
            raise ValueError(
                f"head_dim: {self.num_attention_heads} heads of {self.head_dim} are not the {self.hidden_size} of hidden_size; such models are not read"
            )
        return LlamaConfig(
            vocab_size=self.vocab_size,
            context=self.max_position_embeddings,
            n_layers=self.num_hidden_layers,
            d_model=self.hidden_size,
            d_mlp=self.intermediate_size,
            n_heads=self.num_attention_heads,
            n_kv_heads=self.num_key_value_heads or self.num_attention_heads,
            rotary_base=rope.rope_theta or self.rope_theta,
            scaling=rope.scaling,
            norm_eps=self.rms_norm_eps,
            tied=self.tie_word_embeddings,
        )


class _GPT2File(BaseModel):
    """The same of a GPT-2."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: Literal["gelu_new", "gelu"] = "gelu_new"
    layer_norm_epsilon: float = Field(1e-5, ge=1e-5, le=1e-5)
    scale_attn_weights: Literal[True] = True
    scale_attn_by_inverse_layer_idx: Literal[False] = False
    add_cross_attention: Literal[False] = False
    tie_word_embeddings: Literal[True] = True

    def shape(self) -> GPT2Config:
        return GPT2Config(
            vocab_size=self.vocab_size,
            context=self.n_positions,
            n_layers=self.n_layer,
            d_model=self.n_embd,
            n_heads=self.n_head,
            n_inner=self.n_inner,
            activation=self.activation_function,
        )


_FILES: dict[str, type[_LlamaFile] | type[_GPT2File]] = {"llama": _LlamaFile, "gpt2": _GPT2File}


def _config(folder: Path) -> Config:
    data = _json(folder, CONFIG)
    name = f"{name_of(folder)}/{CONFIG}"
    kind = data.get("model_type") if isinstance(data, dict) else None
    file = _FILES.get(str(kind))
    if file is None:
        raise LanguageModelError(f"{name}: model_type is {kind!r:.40}; {' and '.join(_FILES)} are read")
    if data.get("quantization_config"):
        raise LanguageModelError(
            f"{name}: quantization_config: quantised weights are not read; take the model as it was before"
        )
    try:
        return file.model_validate(data).shape()
    except ValidationError as error:
        raise LanguageModelError(f"{name}: {first_problem(error)}") from None
    except ValueError as error:
        raise LanguageModelError(f"{name}: {error}") from None


# --- weights ----------------------------------------------------------------------------------------------------------


def names(config: Config, there: Iterable[str]) -> dict[str, str]:
    """Our name of every weight -> the file's. Some GPT-2 folders lack the first part of all names."""
    llama = isinstance(config, LlamaConfig)
    first = "model.layers" if llama else "transformer.h"
    prefix = "" if llama else "transformer."
    if not llama and "wte.weight" in there:
        first, prefix = "h", ""
    found = {}
    for name in shapes(config):
        module, part = name.rsplit(".", 1)
        if module.startswith("blocks."):
            _, layer, inside = module.split(".", 2)
            found[name] = f"{first}.{layer}.{(LLAMA if llama else GPT2)[inside]}.{part}"
        else:
            found[name] = f"{prefix}{(LLAMA if llama else GPT2)[module]}.{part}"
    return found


class _Weights:
    """The tensors of all files; `files`: tensor -> the file that holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}
        # One handle a file, for as long as this lives.
        self._open: Callable[[str], Any] = cache(self._opened)
        for file in self._shards():
            self.files |= dict.fromkeys(self._open(file).keys(), file)

    def _shards(self) -> list[str]:
        if (self.folder / WEIGHTS).exists():
            return [WEIGHTS]
        data = _json(self.folder, INDEX)
        named = data.get("weight_map") if isinstance(data, dict) else None
        files = set(named.values()) if isinstance(named, dict) else set()
        if not files or not all(isinstance(file, str) and Path(file).name == file for file in files):
            raise LanguageModelError(f"{name_of(self.folder)}/{INDEX}: weight_map names no files of this folder")
        return sorted(files)

    def _opened(self, file: str) -> Any:
        path = self.folder / file
        name = f"{name_of(self.folder)}/{file}"
        if not path.is_file():
            raise LanguageModelError(f"{name} is missing; copy the folder again, all files of it")
        try:
            return safe_open(path, "pt")
        except (SafetensorError, OSError) as error:
            raise LanguageModelError(f"{name} is damaged or not whole ({error}); copy it again") from None

    def tensor(self, name: str) -> Tensor:
        found: Tensor = self._open(self.files[name]).get_tensor(name)
        return found

    def precision(self) -> torch.dtype:
        """The one that loses nothing."""
        kinds = {
            self._open(file).get_slice(name).get_dtype(): name
            for name, file in self.files.items()
            if not BESIDE.fullmatch(name)
        }
        for kind, name in kinds.items():
            if kind not in DTYPES:
                raise LanguageModelError(
                    f"{name_of(self.folder)}: {name[:80]} is stored as {kind}; {', '.join(DTYPES)} are read, no quantised weights"
                )
        dtypes = {DTYPES[kind] for kind in kinds}
        return dtypes.pop() if len(dtypes) == 1 else torch.float32
