"""Every fact in the training text is true and stated; sequences are cut where asked."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.data import TextSampler
from shatterscope.backend.worlds import Holdout, draw_holdout
from shatterscope.backend.worlds.rings import Rings, RingsConfig


def facts_of(tokens: list[int], n_entities: int) -> list[tuple[int, list[int], int]]:
    """(subject, relations, object) of every complete fact of one sequence."""
    facts, subject, relations = [], tokens[0], list[int]()
    for token in tokens[1:]:
        if token >= n_entities:
            relations.append(token - n_entities)
        else:
            facts.append((subject, relations, token))
            subject, relations = token, []
    return facts


@given(st.integers(0, 100), st.integers(2, 30))
def test_text_states_only_true_facts_and_none_held_out(seed: int, length: int) -> None:
    world = Rings(RingsConfig(n_entities=24, n_hops=2, held_out_facts=0.2, held_out_compositions=0.2, seed=seed))
    holdout = draw_holdout(world)
    pairs = {tuple(pair): column for column, pair in enumerate(world.compositions.tolist())}
    text = TextSampler(world, holdout).sample(20, length, torch.Generator().manual_seed(seed))
    assert text.shape == (20, length)
    for sequence in text.tolist():
        for subject, relations, answer in facts_of(sequence, 24):
            if len(relations) == 1:
                assert answer == world.objects[subject, relations[0]]
                assert not holdout.single[subject, relations[0]]
            else:
                column = pairs[tuple(relations)]
                assert answer == world.composition_objects[subject, column]
                assert not holdout.composition[subject, column]


def test_singles_and_compositions_come_half_and_half_and_all_stated_facts_come_up() -> None:
    world = Rings(RingsConfig(n_entities=20, n_orders=1, n_hops=1))
    holdout: Holdout = draw_holdout(world)
    text = TextSampler(world, holdout).sample(3000, 17, torch.Generator().manual_seed(0))
    facts = [fact for sequence in text.tolist() for fact in facts_of(sequence, 20)]
    composed = sum(len(relations) == 2 for _, relations, _ in facts) / len(facts)
    assert abs(composed - 0.5) < 0.02
    singles = {(subject, relations[0]) for subject, relations, _ in facts if len(relations) == 1}
    assert len(singles) == int((~holdout.single).sum())


def test_same_generator_same_text() -> None:
    world = Rings(RingsConfig(n_entities=24, n_hops=2))
    sampler = TextSampler(world, draw_holdout(world))
    first, second = (sampler.sample(8, 17, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
