"""Families: up, down and sideways."""

import numpy as np
import pytest

from shatterscope.backend.worlds import draw_holdout
from shatterscope.backend.worlds.tree import Tree, TreeConfig

tree = Tree.of(TreeConfig(branching=3, depth=4))
at = {name: i for i, name in enumerate(tree.entities)}


def told(subject: str, relation: str) -> str:
    return tree.entities[tree.object_of(at[subject], tree.relation(relation))]


def test_a_tree_has_as_many_entities_as_its_levels_hold() -> None:
    assert len(tree.entities) == 1 + 3 + 9 + 27 + 81 == TreeConfig(branching=3, depth=4).n_entities
    assert tree.entities[:5] == ("root", "1", "2", "3", "1.1")


@pytest.mark.parametrize(
    ("subject", "relation", "object"),
    [
        ("2.3.1", "parent", "2.3"),
        ("2", "parent", "root"),
        ("2.3.1", "branch1", "2"),
        ("2.3.1.3", "branch2", "2.3"),
        ("2.3", "branch2", "2.3"),
        ("root", "child3", "3"),
        ("2.1", "child2", "2.1.2"),
        ("2.1", "sibling_next", "2.2"),
        ("2.3", "sibling_next", "2.1"),
        ("1", "sibling_back", "3"),
    ],
)
def test_families_are_right(subject: str, relation: str, object: str) -> None:
    assert told(subject, relation) == object


@pytest.mark.parametrize(
    ("subject", "relation"), [("root", "parent"), ("root", "sibling_next"), ("1", "branch2"), ("1.1.1.1", "child1")]
)
def test_what_a_family_has_not_is_absent(subject: str, relation: str) -> None:
    assert not tree.present[at[subject], tree.relation(relation).index]


def test_a_house_is_an_entity_and_all_below_it() -> None:
    def all_of(subject: str, relation: str) -> set[str]:
        return {tree.entities[x] for x in tree.objects_of(at[subject], tree.relation(relation))}

    assert all_of("2.3.1", "house") == {"2.3.1", "2.3", "2", "root"}
    assert all_of("2.3.1", "member") == {"2.3.1", "2.3.1.1", "2.3.1.2", "2.3.1.3"}
    assert len(all_of("root", "member")) == 121
    assert not tree.single_valued[tree.relation("house").index]


def test_distance_goes_over_the_common_ancestor() -> None:
    assert tree.distance(0, at["1.1.1.1"], at["1.1.1.2"]) == 2
    assert tree.distance(0, at["1.1.1.1"], at["3.2"]) == 4 + 2


def test_a_new_parent_can_be_whoever_has_children() -> None:
    found = tree.counterfactuals(at["1.1.1.1"], tree.relation("parent"))
    assert {len(tree.entities[x].split(".")) for others in found.values() for x in others} == {1, 2, 3}
    assert [tree.entities[x] for x in found[2]] == ["1", "1.1.2", "1.1.3"]


def test_what_is_held_out_of_the_relations_without_an_inverse_follows_from_two_facts() -> None:
    held_out = draw_holdout(Tree.of(TreeConfig(held_out_facts=0.2))).single
    for name in ("parent", "branch1", "child1"):
        assert tree.inverse(tree.relation(name)) is None
        assert held_out[:, tree.relation(name).index].any()
    rules = {
        (tree.relations[r].name, *(tree.relations[i].name for i in tree.compositions[pair]))
        for r, pairs in tree.sums.items()
        for pair in pairs
    }
    assert {("parent", "sibling_next", "parent"), ("branch1", "parent", "branch1")} <= rules
    assert ("child2", "child1", "sibling_next") in rules
    assert not any(first.startswith("parent") and second.startswith("child") for _, first, second in rules)


def test_of_two_siblings_each_is_the_next() -> None:
    pairs = Tree.of(TreeConfig(branching=2, depth=3, held_out_facts=0.3))
    sibling = pairs.relation("sibling_next")
    assert pairs.inverse(sibling) == sibling
    assert "sibling_back" not in pairs.relation_names
    lost = draw_holdout(pairs).single[:, sibling.index]
    assert lost.any()
    assert not (lost & lost[pairs.objects[:, sibling.index]]).any()


def test_the_picture_is_radial_and_its_colours_keep_branches_apart() -> None:
    (group,) = tree.groups
    radius = np.linalg.norm(group.coordinates, axis=1)
    assert radius[at["root"]] == 0
    assert radius[at["2.2"]] == pytest.approx(2 / 4)
    assert radius[-81:] == pytest.approx(1)
    assert group.branch is not None
    assert group.branch[at["root"]] == -1
    assert group.branch[[at["3"], at["3.1.2"]]].tolist() == [2, 2]
    for branch in range(3):
        colors = group.color[group.branch == branch]
        assert branch / 3 < colors.min() < colors.max() < (branch + 1) / 3
    assert group.color[at["2"]] < group.color[at["2.3"]] < group.color[at["2.3.1.1"]]


def test_trees_too_large_are_refused_by_their_sizes() -> None:
    with pytest.raises(ValueError, match="branching and depth make 435848050 entities, more than 1200"):
        TreeConfig(branching=9, depth=9)
