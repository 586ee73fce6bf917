"""SmolLM2 as its wheel holds it. `make test` fetches the wheel where it can (scripts/fetch_wheels.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from papers import ROOT, paper

from scripts.fetch_wheels import WHEELS
from shatterscope.backend.lm import gguf, huggingface
from shatterscope.backend.lm.pinned import PINNED, contents, verify
from shatterscope.backend.lm.pretrained import Pretrained, unfilled
from shatterscope.backend.lm.store import LoadedModel, add, load, source_of
from shatterscope.backend.lm.tokenizer import Tokenizer

WHEEL = PINNED["smollm2"]
PROMPTS = (
    "The capital city of France is",
    "It is March now. Next month it will be",
    "The months in order: January, February,",
    "One plus one is 2, and 12 * 12 = 144.\n\nNow",
    "def add(a, b):\n    return a + b\n\nprint(add(1, 2))  # ",
)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def test_its_sizes_are_those_that_are_told() -> None:
    sizes = f"{WHEEL.size / 1e6:.0f} MB", f"{2 * WHEEL.weights / 1e6:.0f} MB"
    for text in ((ROOT / "Makefile").read_text(encoding="utf-8"), paper("README.md")):
        (line,) = (line for line in text.splitlines() if "SmolLM2" in line)
        assert all(size in line for size in sizes)


@pytest.fixture(scope="module")
def wheel() -> Path:
    path = WHEELS / WHEEL.file
    if not path.exists():
        pytest.skip(f"NO {WHEEL.file}: SmolLM2 is untested; run python -m scripts.fetch_wheels")
    verify(WHEEL, path)
    return path


@pytest.fixture(scope="module")
def pretrained(wheel: Path) -> Pretrained:
    return gguf.pretrained(gguf.GGUF(contents(WHEEL, wheel)))


@pytest.fixture(scope="module")
def kept(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    root = tmp_path_factory.mktemp("language-models")
    card = add(root, source_of(str(wheel)))
    assert card.config.n_weights == WHEEL.weights
    yield load(root, "smollm2")
    (root / "smollm2" / "weights.safetensors").unlink()  # pytest keeps what it made, and this is large


def test_logits_are_those_of_transformers(pretrained: Pretrained) -> None:
    """In float32, as transformers reads such a file."""
    transformers = pytest.importorskip("transformers")
    config = pretrained.config
    model = unfilled(config)
    weights = {name: pretrained.read(name) for name in model.state_dict()}
    model.load_state_dict(weights, assign=True)
    shape = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
    )
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(shape)
    theirs.model.rotary_emb = type(theirs.model.rotary_emb)(shape)  # its frequencies are no weights
    names = huggingface.names(config, ())
    theirs.load_state_dict({names[name]: weight for name, weight in weights.items()}, assign=True, strict=False)
    theirs.tie_weights()
    theirs.eval()
    tokenizer = Tokenizer(pretrained.tokenizer)
    with torch.no_grad():
        for prompt in PROMPTS:
            tokens = torch.tensor([tokenizer.encode(prompt)])
            torch.testing.assert_close(model(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)


def test_tokens_are_those_of_transformers(kept: LoadedModel) -> None:
    """As AutoTokenizer of transformers 5.23 gives them for the GGUF file."""
    assert kept.tokenizer.encode(PROMPTS[0]) == [504, 3575, 2240, 282, 4649, 314]
    assert kept.tokenizer.encode("12 * 12 = 144.\n\nNow") == [
        33,
        34,
        1672,
        216,
        33,
        34,
        446,
        216,
        33,
        36,
        36,
        30,
        198,
        198,
        2696,
    ]
    for prompt in PROMPTS:
        assert kept.tokenizer.decode(kept.tokenizer.encode(prompt)) == prompt


def answers(kept: LoadedModel, prompt: Callable[[int], str]) -> list[str]:
    """What it goes on with, for each month."""
    found = []
    for month in range(12):
        tokens = torch.tensor([kept.tokenizer.encode(prompt(month))])
        final = kept.model.trunk(tokens)[0, -1]
        found.append(kept.tokenizer.decode([int(kept.model.unembed(final).argmax())]).strip())
    return found


def test_every_month_is_one_token(kept: LoadedModel) -> None:
    assert len({kept.tokenizer.single(f" {month}") for month in MONTHS}) == 12


def test_it_knows_which_month_is_next_and_no_more(kept: LoadedModel) -> None:
    """The paper's prompt, which asks for any number of steps, is beyond so small a model."""
    following = MONTHS[1:] + MONTHS[:1]
    found = answers(kept, lambda month: f"It is {MONTHS[month]} now. Next month it will be")
    assert sum(a == b for a, b in zip(found, following, strict=True)) >= 11
    found = answers(kept, lambda month: f"The months in order: {MONTHS[month - 1]}, {MONTHS[month]},")
    assert found == following
    found = answers(kept, lambda month: f"{MONTHS[month]} is followed 4 months later by")
    assert not any(found[month] == MONTHS[(month + 4) % 12] for month in range(12))
