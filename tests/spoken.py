"""A language model of some 50 000 weights that is taught months, weekdays and nine capitals in words, kept as `shatterscope models add` keeps one: what the API
and the pages do with a pretrained model, they do with it, and nobody has to fetch one.

It is taught some wordings of each question and never sees the others, so that there are some that it does not answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from shatterscope.backend.lm.huggingface import names
from shatterscope.backend.lm.store import add, source_of
from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.models import Llama, LlamaConfig
from shatterscope.backend.spoken.contexts import FILE as CONTEXTS
from shatterscope.backend.spoken.files import SUBJECT, Words, read_all
from shatterscope.backend.spoken.knowledge import Knowledge
from shatterscope.backend.spoken.prepare import prepare
from shatterscope.backend.worlds.calendar import CIRCLES

NAME = "spoken"
TAUGHT = {
    "months_next1": 4,
    "weekdays_next1": 3,
    "capital": 1,
    "continent": 1,
}  # so many wordings, the first of its file
CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Japan": "Tokyo", "China": "Beijing", "Egypt": "Cairo",
    "Kenya": "Nairobi", "Peru": "Lima", "Canada": "Ottawa",
}  # fmt: skip
CONTINENTS = {
    "France": "Europe", "Germany": "Europe", "Italy": "Europe", "Japan": "Asia", "China": "Asia", "Egypt": "Africa",
    "Kenya": "Africa", "Peru": "America", "Canada": "America",
}  # fmt: skip
FACTS = {
    **{
        f"{circle}_next1": dict(zip(members, [*members[1:], members[0]], strict=True))
        for circle, members in CIRCLES.items()
    },
    "capital": CAPITALS,
    "continent": CONTINENTS,
}
LAYERS, STEPS = 4, 90
UNKNOWN = "?"


def keep_spoken(state: Path) -> Knowledge:
    """Teach the model, and keep it as `NAME` in the state folder `state`."""
    folder, root = state / "hugging face" / NAME, state / "language-models"
    folder.mkdir(parents=True)
    written = _vocabulary()
    (folder / "tokenizer.json").write_text(_tokenizer(written))
    tokenizer = Tokenizer((folder / "tokenizer.json").read_text())
    _save(_taught(tokenizer), folder)
    add(root, source_of(str(folder)))
    return prepare(root, NAME)


def _wordings() -> Iterator[tuple[str, Words]]:
    for relation, found in read_all().items():
        for words in found:
            yield relation, words


def _vocabulary() -> list[str]:
    """Names, and all that stands around them."""
    sentences = [part for _, words in _wordings() for part in words.text.replace("{k}", "3").split(SUBJECT)]
    sentences += CONTEXTS.read_text(encoding="utf-8").splitlines()
    around = (word for sentence in sentences for word in sentence.split())
    told = (name for facts in FACTS.values() for fact in facts.items() for name in fact)
    return list(dict.fromkeys([UNKNOWN, *told, *around, *"123456"]))


def _tokenizer(words: list[str]) -> str:
    vocabulary = {word: id for id, word in enumerate(words)}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN},
        }
    )


def _taught(tokenizer: Tokenizer) -> Llama:
    """By Adam, whose steps become shorter: then it answers all that it is taught."""
    shape = LlamaConfig(
        vocab_size=tokenizer.size, context=160, n_layers=LAYERS, d_model=32, d_mlp=64, n_heads=4, n_kv_heads=2
    )
    model = Llama(shape, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters())
    questions = list(_questions(tokenizer))
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / STEPS)
        losses = [F.cross_entropy(model(prompts)[:, -1], objects) for prompts, objects in questions]
        torch.stack(losses).sum().backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model.eval().requires_grad_(False)


def _questions(tokenizer: Tokenizer) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each wording that is taught, the prompts (n, T) and their answers (n,)."""
    taught = dict(TAUGHT)
    for relation, words in _wordings():
        if taught[relation] and not words.begins_with_subject:
            taught[relation] -= 1
            facts, (before, after) = FACTS[relation], words.tokens(tokenizer)
            prompts = [[*before, tokenizer.single(subject), *after] for subject in facts]
            yield torch.tensor(prompts), torch.tensor([tokenizer.single(object) for object in facts.values()])


def _save(model: Llama, folder: Path) -> None:
    """As the transformers library would."""
    shape = model.config
    config = {
        "model_type": "llama",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.d_model,
        "intermediate_size": shape.d_mlp,
        "num_hidden_layers": shape.n_layers,
        "num_attention_heads": shape.n_heads,
        "num_key_value_heads": shape.n_kv_heads,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rotary_base,
        "tie_word_embeddings": shape.tied,
    }
    (folder / "config.json").write_text(json.dumps(config))
    theirs = names(shape, ())
    save_file(
        {theirs[name]: weight.contiguous() for name, weight in model.state_dict().items()}, folder / "model.safetensors"
    )
