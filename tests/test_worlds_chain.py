"""The number line, and its ends."""

import pytest

from shatterscope.backend.worlds.chain import Chain, ChainConfig

chain = Chain.of(ChainConfig(n_entities=9, n_hops=2))


def test_steps_add_up_and_stop_at_the_ends() -> None:
    number = {name: i for i, name in enumerate(chain.entities)}
    assert chain.entities[chain.object_of(number["4"], chain.relation("next2"))] == "6"
    assert chain.entities[chain.object_of(number["4"], chain.relation("back1"))] == "3"
    assert [chain.entities[x] for x in chain.domain(chain.relation("next2"))] == [str(i) for i in range(1, 8)]
    with pytest.raises(ValueError, match="9 has no next1"):
        chain.object_of(number["9"], chain.relation("next1"))


def test_compositions_that_would_pass_an_end_are_absent() -> None:
    both = chain.compositions.tolist().index([chain.relation("next2").index] * 2)
    assert (chain.composition_objects[:, both] >= 0).sum() == 5


def test_distance_is_the_difference() -> None:
    assert chain.distance(0, 0, 8) == 8
    assert chain.distance(0, 6, 2) == 4


def test_a_line_too_short_for_its_steps_is_refused() -> None:
    with pytest.raises(ValueError, match=r"n_entities must lie in 9\.\..*2 \* n_hops \+ 1.*got 8"):
        ChainConfig(n_entities=8, n_hops=4)
