"""The oracle: the text that it is trained on, its control, and what training does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sampler import facts_of

from shatterscope.backend import interrupt
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data import TextSampler
from shatterscope.backend.data.changed import ChangedFact, ChangedFacts
from shatterscope.backend.editors import Rehearsal
from shatterscope.backend.editors.oracle import OracleText, TrainingStep, watched
from shatterscope.backend.edits import EditedModel, EditError, complete_spec, edit_id, run_edits
from shatterscope.backend.oracles.kept import KeptTrainings, training_key, write
from shatterscope.backend.training import Round, TrainConfig
from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig

N, LENGTH, BATCH = 24, 14, 40


def rehearsal(seed: int = 0, **held_out: float) -> Rehearsal:
    world = Rings(RingsConfig(n_entities=N, n_hops=2, seed=seed, **held_out))
    return Rehearsal(world, draw_holdout(world), TrainConfig((Round(1),), batch=BATCH))


def change(of: Rehearsal, subject: int, relations: tuple[int, ...], shift: int) -> ChangedFact:
    world, old = of.world, subject
    for relation in relations:
        old = world.object_of(old, world.relations[relation])
    return ChangedFact(subject, relations, old, (old + shift) % N)


def text(of: Rehearsal, facts: list[ChangedFact], **options: object) -> OracleText:
    told: dict[str, object] = {"length": LENGTH, "batch": BATCH, "share": 0.25, "seed": 0, **options}
    return OracleText(of, facts, **told)  # type: ignore[arg-type]


def statements(tokens: torch.Tensor) -> list[tuple[int, tuple[int, ...], int]]:
    return [(x, tuple(r), y) for row in tokens.tolist() for x, r, y in facts_of(row, N)]


@settings(max_examples=25)
@given(st.integers(0, 50), st.integers(0, N - 1), st.integers(1, N - 1), st.booleans())
def test_the_text_states_the_new_fact_and_never_the_old(seed: int, subject: int, shift: int, composed: bool) -> None:
    of = rehearsal(seed)
    fact = change(of, subject, tuple(of.world.compositions[3].tolist()) if composed else (0,), shift)
    drawn = text(of, [fact], seed=seed)
    for _ in range(3):
        tokens = drawn.next()
        assert tokens.shape == (BATCH, LENGTH)
        for row in tokens[: drawn.n_stated].tolist():
            assert (fact.subject, list(fact.relations), fact.new) in facts_of(row, N)
        assert (fact.subject, fact.relations, fact.old) not in statements(tokens)


@settings(max_examples=25)
@given(st.integers(0, 50), st.integers(0, N - 1), st.integers(1, N - 1))
def test_all_else_is_as_the_world_has_it(seed: int, subject: int, shift: int) -> None:
    of = rehearsal(seed, held_out_facts=0.1)
    fact = change(of, subject, (1,), shift)
    pairs = {tuple(pair): column for column, pair in enumerate(of.world.compositions.tolist())}
    for x, relations, y in statements(text(of, [fact], seed=seed).next()):
        if (x, relations) == (fact.subject, fact.relations):
            assert y == fact.new
        elif len(relations) == 1:
            assert y == of.world.objects[x, relations[0]]
        else:
            assert y == of.world.composition_objects[x, pairs[relations]]  # `x r r'` too: it is a ripple, not the fact


def test_the_text_of_the_control_is_the_worlds_and_alike() -> None:
    of = rehearsal()
    fact = change(of, 5, (0,), 7)
    learned, control = text(of, [fact]).next(), text(of, [fact], changed=False).next()
    for x, relations, y in statements(control):
        if len(relations) == 1:
            assert y == of.world.objects[x, relations[0]]
    same = (learned == control).all(1)
    assert same.float().mean() > 0.5  # the sequences in which the fact does not come up
    for row, other in zip(learned[~same].tolist(), control[~same].tolist(), strict=True):
        first = next(i for i, (a, b) in enumerate(zip(row, other, strict=True)) if a != b)
        assert (row[first], other[first]) == (fact.new, fact.old)  # they part at the fact


def test_a_sampler_with_nothing_changed_draws_what_it_drew_before() -> None:
    of = rehearsal()
    same = ChangedFact(5, (0,), old := of.world.object_of(5, of.world.relations[0]), old)
    plain, changed = (
        TextSampler(of.world, of.holdout, changed=each).sample(50, LENGTH, torch.Generator().manual_seed(1))
        for each in (None, ChangedFacts([same]))
    )
    assert torch.equal(plain, changed)


def test_contexts_are_short_where_the_context_is() -> None:
    of = rehearsal()
    tokens = text(of, [change(of, 5, (0,), 7)], length=3).next()
    assert tokens[0].tolist()[0] == 5


def learn(checkpoint: Checkpoint, **more: object) -> EditedModel:
    parameters = {"steps": 4, "batch": 16, **more.pop("parameters", {})}  # type: ignore[dict-item]
    told = {"subject": 7, "relation": "I_C1", "distance": 3, "method": "oracle", **more}
    return run_edits(checkpoint, [complete_spec(checkpoint.world, 2, parameters=parameters, **told)])  # type: ignore[arg-type]


def weights(edited: EditedModel) -> torch.Tensor:
    return torch.cat([value.flatten() for value in edited.model.parameters()])


def test_no_steps_change_nothing(checkpoint: Checkpoint) -> None:
    made = learn(checkpoint, parameters={"steps": 0})
    assert all(torch.equal(a, b) for a, b in zip(made.model.parameters(), checkpoint.model.parameters(), strict=True))


def test_the_same_order_gives_the_same_weights_and_the_model_is_left_alone(checkpoint: Checkpoint) -> None:
    before = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    first, second, other = learn(checkpoint), learn(checkpoint), learn(checkpoint, parameters={"seed": 1})
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert all(torch.equal(before[name], value) for name, value in checkpoint.model.state_dict().items())
    assert not any(value.requires_grad for value in first.model.parameters())


def test_training_makes_the_new_object_likelier_and_the_control_does_not(checkpoint: Checkpoint) -> None:
    told: list[TrainingStep] = []
    hurry = {"steps": 30, "share": 0.5, "learning_rate": 1e-3}
    with watched(told.append):
        learned = learn(checkpoint, parameters=hurry)
    control = learn(checkpoint, parameters=hurry, preset="control")
    assert learned.outcomes[0].probability_after > 10 * control.outcomes[0].probability_after
    assert [each.step for each in told] == [0, 10, 20, 30]
    assert told[-1].probability == pytest.approx(learned.outcomes[0].probability_after, rel=1e-3)
    assert told[-1].loss > 0


def test_what_is_implied_is_stated_as_well(checkpoint: Checkpoint) -> None:
    assert learn(checkpoint).outcomes[0].implied == ()
    assert learn(checkpoint, implied=True).outcomes[0].implied


def test_training_stops_when_asked(checkpoint: Checkpoint) -> None:
    class Enough(Exception):
        pass

    def stop() -> None:
        raise Enough

    with pytest.raises(Enough), interrupt.interruptible(stop):
        learn(checkpoint)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"layer": 1}, "layer"), ({"parameters": {"share": 0}}, "parameters.share"), ({"preset": "tuned"}, "preset")],
)
def test_what_cannot_be_is_refused_by_field(checkpoint: Checkpoint, wrong: dict[str, object], field: str) -> None:
    with pytest.raises(EditError) as error:
        learn(checkpoint, **wrong)
    assert error.value.field == field


def test_a_control_is_kept_once_for_every_new_object(checkpoint: Checkpoint) -> None:
    def spec(**more: object) -> object:
        told = {"subject": 7, "relation": "I_C1", "distance": 3, "method": "oracle", **more}
        return complete_spec(checkpoint.world, 2, **told)  # type: ignore[arg-type]

    def key(**more: object) -> str:
        return training_key(checkpoint, spec(**more))  # type: ignore[arg-type]

    assert key(preset="control") == key(preset="control", distance=4)
    assert len({key(), key(distance=4), key(preset="control"), key(implied=True), key(subject=8)}) == 5
    ids = {edit_id(checkpoint, [spec(preset="control", distance=d)]) for d in (3, 4)}  # type: ignore[list-item]
    assert len(ids) == 2  # what is measured of it depends on the new object


def test_what_is_kept_is_bounded_and_what_is_damaged_is_not_there(checkpoint: Checkpoint, tmp_path: object) -> None:
    kept = KeptTrainings(tmp_path / "oracles", max_bytes=1)  # type: ignore[operator]
    delta = learn(checkpoint).deltas[0]
    write(kept.path("a"), delta, 2.5)
    found = kept.get("a")
    assert found is not None
    assert all(torch.equal(found.weights[name], value) for name, value in delta.weights.items())
    assert (found.steps, found.loss) == (delta.steps, delta.loss)
    assert kept.get("b") is None
    kept.path("b").write_bytes(b"no tensors")
    assert kept.get("b") is None
    kept.make_room()
    assert list(kept.folder.iterdir()) == []
