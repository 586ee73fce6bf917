"""Training: the loss is cross-entropy, runs repeat and resume exactly, and a world is learned."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.data import TextSampler, Vocabulary
from shatterscope.backend.models import ModelConfig, Transformer
from shatterscope.backend.soap import Soap
from shatterscope.backend.training import Round, ScaleOptimiser, TrainConfig, Trainer, token_loss
from shatterscope.backend.training_run import STATE, Recipe, SavedRun, Stopped, saved_run, train_checkpoint
from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig

GRAPH = Rings(RingsConfig(n_entities=32, n_orders=3, n_hops=1))
MODEL = ModelConfig(vocab_size=Vocabulary.of(GRAPH).size, final_gain=20.0)
RECIPE = Recipe(
    title="Tiny",
    note="For tests.",
    graph=GRAPH.config,
    model=MODEL,
    train=TrainConfig((Round(40),), batch=16, warmup=5, gain_steps=20),
)


CALIBRATED = TrainConfig(
    (Round(15, weight_decay=0.1), Round(25, embedding_rate=0.05)),
    batch=16,
    warmup=5,
    gain_growth=1.0,
    calibration=0.01,
    averaging=0.9,
)


def trainer(config: TrainConfig = RECIPE.train) -> Trainer:
    return Trainer(GRAPH, draw_holdout(GRAPH), MODEL, config, torch.device("cpu"))


@pytest.mark.parametrize("sure", [1, 30])  # then some tokens have probabilities that float32 has no digits for
def test_the_loss_is_the_cross_entropy_of_the_entity_tokens(sure: int) -> None:
    model = Transformer(MODEL, torch.Generator().manual_seed(0))
    model.norm.weight.data *= sure
    tokens = TextSampler(GRAPH, draw_holdout(GRAPH)).sample(8, 17, torch.Generator().manual_seed(0))
    ours = token_loss(model, tokens, 32, chunk=7)
    ours.backward()
    gradient = {
        name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
    }
    model.zero_grad()
    target = tokens[:, 1:].flatten()
    entity = target < 32
    plain = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1)[entity], target[entity])
    plain.backward()
    if sure == 1:
        assert torch.allclose(ours, plain, rtol=1e-5)
    assert (model(tokens[:, :-1]).softmax(-1) < 1e-38).any() == (sure > 1)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(gradient[name], parameter.grad, rtol=1e-3, atol=1e-5 * sure), name


def test_the_loss_over_all_tokens_is_the_cross_entropy_of_the_text() -> None:
    model = Transformer(MODEL, torch.Generator().manual_seed(0))
    tokens = TextSampler(GRAPH, draw_holdout(GRAPH)).sample(8, 17, torch.Generator().manual_seed(0))
    plain = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert torch.allclose(token_loss(model, tokens, MODEL.vocab_size), plain, rtol=1e-5)


def test_adam_with_decay_is_that_of_torch() -> None:
    weight, bias = torch.randn(5, 3), torch.randn(3)
    ours, theirs = [[torch.nn.Parameter(value.clone()) for value in (weight, bias)] for _ in range(2)]
    soap = Soap({"weight": ours[0], "bias": ours[1]}.items(), max_side=0)
    soap.weight_decay.fill_(0.1)
    adam = torch.optim.AdamW(
        [{"params": theirs[:1], "weight_decay": 0.1}, {"params": theirs[1:], "weight_decay": 0.0}],
        lr=1e-2,
        betas=(0.9, 0.95),
    )
    soap.rate.fill_(1e-2)
    for _ in range(20):
        for weight, bias in (ours, theirs):
            weight.grad = bias.grad = None
            ((weight @ bias).square().sum() + bias.sin().sum()).backward()
        soap.step()
        adam.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-5)


def test_the_rate_falls_along_half_a_cosine() -> None:
    part = Round(1000, 1e-2, decay_steps=1000, final_rate_share=0.1, decay="cosine")
    assert [part.rate(step) for step in (0, 500, 1000)] == pytest.approx([1e-2, 5.5e-3, 1e-3])


def test_the_rate_warms_up_decays_and_restarts() -> None:
    rounds = (Round(1000, 1e-2, decay_steps=400, final_rate_share=0.01), Round(100, 1e-3, decay_steps=50))
    config = TrainConfig(rounds, warmup=100)
    assert config.steps == 1100
    assert config.rate(0) == pytest.approx(1e-4)
    assert config.rate(99) == config.rate(600) == pytest.approx(1e-2)
    assert config.rate(800) == pytest.approx(1e-3)
    assert config.rate(999) == pytest.approx(1e-4, rel=0.02)
    assert config.rate(1000) == config.rate(1050) == pytest.approx(1e-3)
    assert config.rate(1100) == pytest.approx(1e-6)


@given(steps=st.integers(1, 3000))
def test_a_stretched_schedule_has_the_steps_asked_for(steps: int) -> None:
    config = TrainConfig((Round(1000, 1e-2), Round(100, 1e-3)), warmup=100)
    assert config.stretched(steps).steps == max(steps, len(config.rounds))
    assert config.stretched(1100) == config


def test_a_round_says_how_fast_embeddings_learn_and_how_matrices_shrink() -> None:
    def moved(part: Round) -> dict[str, torch.Tensor]:
        run = trainer(TrainConfig((part,), batch=16, warmup=0, gain_growth=1.0))
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        list(run.run(1))
        return {name: value - before[name] for name, value in run.model.state_dict().items()}

    plain, still, slow = moved(Round(1)), moved(Round(1, embedding_rate=0.0)), moved(Round(1, embedding_rate=0.25))
    decayed = moved(Round(1, learning_rate=2e-3, weight_decay=0.5))
    assert not still["token.weight"].any()
    assert torch.allclose(slow["token.weight"], plain["token.weight"] / 4, atol=1e-7)
    for name in set(plain) - {"token.weight"}:
        assert torch.equal(still[name], plain[name]), name
    weights = trainer().model.state_dict()
    for name, value in weights.items():
        wanted = plain[name] - (1e-3 * value if value.dim() == 2 else 0)
        assert torch.allclose(decayed[name], wanted, atol=1e-6), name


def test_the_scale_follows_the_loss_to_where_confidence_fits_accuracy() -> None:
    """Logits a in favour of an answer that is right with probability .9, among two: the best a is log 9."""
    norm = torch.nn.LayerNorm(2)
    scale = ScaleOptimiser(norm, rate=0.02)
    for _ in range(2000):
        norm.zero_grad()
        first, second = norm(torch.tensor([1.0, -1.0]))
        odds = first - second
        (-0.9 * F.logsigmoid(odds) - 0.1 * F.logsigmoid(-odds)).backward()
        scale.step()
    assert float(odds.detach()) == pytest.approx(math.log(9), abs=0.05)
    assert torch.equal(norm.weight[0], norm.weight[1])  # one number: the gain keeps its direction


def test_a_round_ends_with_the_average_of_its_weights() -> None:
    rounds = TrainConfig((Round(3), Round(2)), batch=16, warmup=0, gain_growth=1.0, averaging=0.5)
    run, plain = trainer(rounds), trainer(replace(rounds, averaging=0.0))
    average = {name: value.clone() for name, value in plain.model.state_dict().items()}
    ours, theirs = run.run(1), plain.run(1)
    for _ in range(3):
        next(theirs), next(ours)
        average = {name: value.lerp(plain.model.state_dict()[name], 0.5) for name, value in average.items()}
    for name, value in run.model.state_dict().items():
        assert torch.allclose(value, average[name], atol=1e-6), name
    list(ours)
    for name, value in run.average.items():
        assert torch.equal(run.model.state_dict()[name], value), name


@pytest.mark.parametrize("config", [RECIPE.train, CALIBRATED], ids=["plain", "calibrated"])
def test_same_seed_same_weights_also_when_resumed(config: TrainConfig) -> None:
    whole, again = trainer(config), trainer(config)
    list(whole.run(40))
    steps = again.run(10)
    next(steps), next(steps)
    resumed = trainer(config)
    resumed.load_state(again.state())
    list(resumed.run(10))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_state_of_another_shape_is_refused() -> None:
    run = trainer()
    next(run.run(1))
    state = run.state()
    state["model.token.weight"] = torch.zeros(3, 24)
    with pytest.raises(ValueError, match="another shape"):
        trainer().load_state(state)


def test_a_run_writes_a_checkpoint_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    progress = list(train_checkpoint(RECIPE, folder, torch.device("cpu"), every=10))
    assert progress[-1].folder == folder
    assert not (folder / STATE).exists()
    checkpoint = load_checkpoint(folder)
    assert checkpoint.metadata.training.config == RECIPE.train
    assert set(checkpoint.metadata.accuracy["direct"]) == {"I", "II", "III"}
    moment = checkpoint.statistics[0]
    assert torch.allclose(moment, moment.T)
    assert torch.linalg.eigvalsh(moment).min() > -1e-9


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    list(train_checkpoint(RECIPE, whole, torch.device("cpu"), every=10))
    run = train_checkpoint(RECIPE, broken, torch.device("cpu"), every=10, assess_every=10)
    for _ in range(3):
        next(run)
    run.close()
    with pytest.raises(FileExistsError, match="--resume"):
        next(train_checkpoint(RECIPE, broken, torch.device("cpu")))
    list(train_checkpoint(RECIPE, broken, torch.device("cpu"), every=10, resume=True))
    assert load_checkpoint(broken).sha256 == load_checkpoint(whole).sha256


def test_nothing_to_resume_and_nothing_to_overwrite(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        next(train_checkpoint(RECIPE, folder, torch.device("cpu"), resume=True))
    list(train_checkpoint(RECIPE, folder, torch.device("cpu"), every=40))
    with pytest.raises(FileExistsError, match="finished checkpoint"):
        next(train_checkpoint(RECIPE, folder, torch.device("cpu")))


def test_a_run_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    folder, cpu = tmp_path / "tiny", torch.device("cpu")
    with pytest.raises(Stopped, match="step 10"):
        list(train_checkpoint(RECIPE, folder, cpu, every=10, stop=lambda: True))
    assert saved_run(folder) == SavedRun(RECIPE, "cpu")
    for other, said in (
        (replace(RECIPE, train=replace(RECIPE.train, seed=3)), "--seed 0, not with --seed 3"),
        (replace(RECIPE, train=RECIPE.train.stretched(50)), "--steps 40.*not with --steps 50"),
        (replace(RECIPE, title="Other"), "'Tiny'.*not with recipe 'Other'"),
        (replace(RECIPE, graph=replace(GRAPH.config, seed=1)), "graph"),
    ):
        with pytest.raises(ValueError, match=said):
            next(train_checkpoint(other, folder, cpu, resume=True))
    with pytest.raises(ValueError, match="--device cpu, not with --device meta"):
        next(train_checkpoint(RECIPE, folder, torch.device("meta"), resume=True))
    list(train_checkpoint(RECIPE, folder, cpu, every=10, resume=True))
    list(train_checkpoint(RECIPE, tmp_path / "whole", cpu, every=10))
    assert load_checkpoint(folder).sha256 == load_checkpoint(tmp_path / "whole").sha256


def test_a_state_that_does_not_say_what_it_is_of_is_refused(tmp_path: Path) -> None:
    for content in (save({"step": torch.tensor(1)}), b"", b"\xff" * 100):
        (tmp_path / STATE).write_bytes(content)
        with pytest.raises(ValueError, match="remove it and start again"):
            saved_run(tmp_path)
