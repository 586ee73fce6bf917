"""Worlds of given facts: small ones by hand, every way a file can be wrong, properties of any, and the real ones that ship."""

from __future__ import annotations

import csv
import io
import string
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shatterscope.backend.data import TextSampler, Vocabulary
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.export_hf import word_tokenizer
from shatterscope.backend.recipes import FOLDER, read_recipe
from shatterscope.backend.worlds import ABSENT, WorldError, build, config_table, draw_holdout, read_config
from shatterscope.backend.worlds.facts_csv import MAX_BYTES, MAX_TOLD, FactsError
from shatterscope.backend.worlds.facts_file import Facts, FactsConfig, GroupOptions, RelationOptions, read_facts

HEADER = "subject,relation,object"
EUROPE = """subject,relation,object
France,capital,Paris
Italy,capital,Rome
Spain,capital,Madrid
Peru,capital,Lima
Chile,capital,Santiago
France,region,Europe
Italy,region,Europe
Spain,region,Europe
Peru,region,America
Chile,region,America
"""
BORDERS = """France,borders,Italy
France,borders,Spain
Italy,borders,France
Spain,borders,France
Peru,borders,Chile
Chile,borders,Peru
"""
MANY = {"borders": RelationOptions(many=True)}


def objects(world: Facts, subject: str, relation: str) -> set[str]:
    return {world.entities[y] for y in world.objects_of(world.entities.index(subject), world.relation(relation))}


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(FactsError) as raised:
        Facts(FactsConfig(text))
    return raised.value.problems


# --- what a small text says -----------------------------------------------------------------------------------------------------


def test_a_text_says_its_facts_and_their_inverses() -> None:
    world = Facts(FactsConfig(EUROPE))
    assert world.entities[:4] == ("France", "Paris", "Italy", "Rome")
    assert world.relation_names == ["capital", "capital_of", "region", "region_of"]
    assert world.added == ("capital_of", "region_of")
    assert objects(world, "France", "capital") == {"Paris"}
    assert objects(world, "Paris", "capital_of") == {"France"}
    assert objects(world, "America", "region_of") == {"Peru", "Chile"}
    assert objects(world, "Paris", "region") == set()
    assert world.single_valued.tolist() == [True, True, True, False]
    assert world.warnings == ()
    assert [relation.phrase for relation in world.relations[:2]] == [
        "What is the capital of {subject}?",
        "Of what is {subject} the capital?",
    ]


def test_a_relation_that_holds_both_ways_is_its_own_inverse() -> None:
    world = Facts(FactsConfig(EUROPE + BORDERS, relations=MANY))
    assert world.relation("borders").inverse == "borders"
    assert objects(world, "France", "borders") == {"Italy", "Spain"}
    assert "borders holds both ways round" in [rule.text for rule in world.rules]


def test_two_relations_that_are_the_reverse_of_each_other_are_inverses() -> None:
    back = "".join(f"{line.split(',')[2]},is capital of,{line.split(',')[0]}\n" for line in EUROPE.split()[1:6])
    world = Facts(FactsConfig(EUROPE + back))
    assert world.relation("capital").inverse == "is capital of"
    assert world.added == ("region_of",)


def test_an_inverse_has_the_name_that_its_options_give() -> None:
    world = Facts(FactsConfig(EUROPE, relations={"region": RelationOptions(inverse="countries")}))
    assert objects(world, "America", "countries") == {"Peru", "Chile"}


def test_a_declared_inverse_is_completed_and_told() -> None:
    text = EUROPE + "Paris,seat of,France\n"
    world = Facts(FactsConfig(text, relations={"capital": RelationOptions(inverse="seat of")}))
    assert objects(world, "Rome", "seat of") == {"Italy"}
    assert Facts(FactsConfig(text)).relation("seat of").inverse == "inverse of seat of"


def test_what_is_nearly_an_inverse_is_told() -> None:
    rows = [f"a{i},knows,a{i + 1}\na{i + 1},knows,a{i}\n" for i in range(0, 20, 2)]
    (warning,) = Facts(
        FactsConfig(f"{HEADER}\n{''.join(rows)}a1,knows,a2\n", relations={"knows": RelationOptions(many=True)})
    ).warnings
    assert "both ways round, but for some facts" in warning
    assert "a1 and a2" in warning or "a2 and a1" in warning


def test_most_subjects_decide_whether_a_relation_has_several_objects() -> None:
    text = f"{HEADER}\na,likes,b\na,likes,c\nd,likes,e\nd,likes,f\ng,likes,h\n"
    assert objects(Facts(FactsConfig(text)), "a", "likes") == {"b", "c"}


def test_a_rule_of_two_relations_is_found() -> None:
    rows = [f"c{i},subregion,s{i % 4}\nc{i},region,r{i % 2}\n" for i in range(8)] + [
        f"s{i},region,r{i % 2}\n" for i in range(4)
    ]
    world = Facts(FactsConfig(f"{HEADER}\n{''.join(rows)}"))
    assert "region is subregion and then region" in [rule.text for rule in world.rules]
    c, s, r = (world.entities.index(name) for name in ("c0", "s1", "r1"))
    found = world.consequences(c, world.relation("subregion"), s)
    (implied,) = [each for each in found if each.relations == ("region",)]
    assert (implied.kind, world.entities[implied.truth], implied.expected) == ("implied", "r0", r)
    # What follows is no step: c0 is two from r0, by its subregion.
    assert world.distance(0, c, world.entities.index("r0")) == 2


def test_distances_are_facts_either_way_and_parts_are_joined_at_their_centres() -> None:
    world = Facts(FactsConfig(EUROPE))
    at = world.entities.index
    assert world.distance(0, at("Paris"), at("Rome")) == 4  # France, Europe, Italy
    assert world.distance(0, at("Paris"), at("Lima")) == 5  # France, Europe, then America, Peru
    assert world.distance(0, at("Lima"), at("Paris")) == 5
    assert list(world.counterfactuals(at("France"), world.relation("capital"))) == [4, 5]


def test_groups_come_from_their_column_and_each_has_its_own_entities() -> None:
    rows = [
        line + ("," + ("borders" if "borders" in line else "places")) for line in (EUROPE + BORDERS).splitlines()[1:]
    ]
    text = f"{HEADER},group\n" + "\n".join(rows)
    world = Facts(FactsConfig(text, relations=MANY, groups={"borders": GroupOptions(title="who borders whom")}))
    assert world.group_names == ("places", "borders")
    assert world.groups[1].title == "who borders whom"
    assert {world.entities[x] for x in world.groups[1].members} == {"France", "Italy", "Spain", "Peru", "Chile"}
    assert world.distance(1, world.entities.index("France"), world.entities.index("Paris")) == -1


def test_a_layout_is_followed() -> None:
    names = dict.fromkeys(cell for line in EUROPE.splitlines()[1:] for cell in line.split(",")[::2])
    layout = "entity,x,y,color,branch\n" + "".join(f"{name},{i},{-i},0.5,all\n" for i, name in enumerate(names))
    group = Facts(FactsConfig(EUROPE, layout)).groups[0]
    assert group.coordinates[3].tolist() == [3, -3]
    assert group.color.tolist() == [0.5] * len(names)
    assert group.branch is not None
    assert set(group.branch) == {0}


def test_without_a_layout_every_entity_has_a_place_and_always_the_same() -> None:
    a, b = (Facts(FactsConfig(EUROPE, seed=2)).groups[0] for _ in range(2))
    assert np.isfinite(a.coordinates).all()
    assert np.array_equal(a.coordinates, b.coordinates)
    assert len(np.unique(a.coordinates.round(3), axis=0)) == len(a.coordinates)


def test_a_file_is_read_with_its_picture(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(b"\xef\xbb\xbf" + EUROPE.replace("\n", "\r\n").encode())  # as spreadsheets write it
    world = read_facts(file)
    assert world.entities == Facts(FactsConfig(EUROPE)).entities
    assert world.config.layout.startswith("entity,x,y")
    assert np.allclose(world.groups[0].coordinates, Facts(FactsConfig(EUROPE)).groups[0].coordinates, atol=1e-3)
    assert read_config(config_table(world.config)) == world.config


# --- what can be wrong ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"nothing is in it; the first line must be the header subject,relation,object"),
        ("France,capital,Paris\n", r"line 1: the columns subject, relation, object are missing"),
        ("subject,relation\na,b\n", r"line 1: the column object is missing"),
        ("subject;relation;object\n", r"line 1: the columns are separated by ';'; save the file with commas"),
        (f"{HEADER},when\n", r"line 1: unknown column 'when'"),
        (f"{HEADER},group,group\n", r"line 1: a column stands there twice"),
        (EUROPE + "Cuba,capital\n", r"line 12: 2 cells where the header has 3"),
        (EUROPE + 'Cuba,capital,"Hav"ana\n', r"line 12: is not CSV"),
        (EUROPE + "\nFrance,capital,Paris\n", r"line 13: says again what line 2 says; remove one of them"),
        (
            EUROPE + "France,capital,Lyon\n",
            r"line 12: capital of 'France' is 'Lyon', but in line 2 it is 'Paris'; .*--many 'capital'",
        ),
        (EUROPE + "Cuba,,Havana\n", r"line 12: the relation is empty; fill it in"),
        (EUROPE + "Cuba,capital,  \n", r"line 12: the object is empty"),
        (
            EUROPE + "Cuba,capital,=1+1\n",
            r"line 12: the object '=1\+1' begins with '=': a spreadsheet would compute it",
        ),
        (EUROPE + "@Cuba,capital,Havana\n", r"line 12: the subject '@Cuba' begins with '@'"),
        (EUROPE + "+Cuba,capital,-Havana\n", r"line 12: the object '-Havana' begins with '-'"),
        (EUROPE + f"Cuba,capital,{'H' * 61}\n", r"line 12: the object 'H+'\.\.\. has 61 characters; at most 60"),
        (EUROPE + "Cuba,capital,Hav\x07ana\n", r"line 12: the object holds a control character \(U\+0007\)"),
        (EUROPE + "Cuba,capital,\u202eHavana\n", r"line 12: the object holds a control character \(U\+202E\)"),
        (EUROPE + "capital,region,Europe\n", r"line 2: 'capital' is a relation here and an entity elsewhere"),
        (f"{HEADER}\na,b,a\n", r"there are 1 entities; at least 8 are needed"),
        (f"{HEADER}\na,b,c\nd,b,e\n", r"there are 4 entities; at least 8 are needed"),
        (
            f"{HEADER}\n" + "".join(f"x{i},next,x{i + 1}\n" for i in range(49_999)),
            r"there are 50000 entities; at most 2000",
        ),
        (
            f"{HEADER}\n" + "".join(f"x{i},r{i},y{i}\n" for i in range(60)),
            r"there are 120 relations with their inverses; at most 100",
        ),
        (f"{HEADER},group\na,r,b,one\nc,r,d,two\n", r"line 3: r is in group 'two' here and in 'one' in line 2"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    import re

    found = problems(text)
    assert [line for line in found if re.match(told, line)], found


def test_all_that_is_wrong_is_told_at_once_but_no_more_than_a_screen() -> None:
    text = EUROPE + "Cuba,capital,\nCuba,,Havana\n,capital,Havana\n"
    assert [line.split(":")[0] for line in problems(text)] == ["line 12", "line 13", "line 14"]
    with pytest.raises(FactsError) as raised:
        Facts(FactsConfig(EUROPE + "Cuba,capital,\n" * 30))
    assert len(str(raised.value).splitlines()) == MAX_TOLD + 1
    assert str(raised.value).endswith("and 10 more")


def test_many_contradictions_of_one_relation_are_told_as_one() -> None:
    text = f"{HEADER}\n" + "".join(f"x{i},of,y{i}\n" for i in range(20)) + "".join(f"x{i},of,z{i}\n" for i in range(6))
    found = problems(text)
    assert len(found) == 4
    assert found[-1] == "3 more subjects have several objects under of"


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("entity,x\nFrance,1\n", "layout: line 1: the column y is missing"),
        ("entity,x,y\nFrance,1,north\n", "layout: line 2: y must be a number below a million, got 'north'"),
        ("entity,x,y\nFrance,1,nan\n", "layout: line 2: y must be a number"),
        ("entity,x,y,color\nFrance,1,1,7\n", "layout: line 2: color must lie in 0..1, got 7"),
        ("entity,x,y\nFrance,1,1\nFrance,2,2\n", "layout: line 3: 'France' has a place already, in line 2"),
        ("entity,x,y\nFrance,1,1\n", "layout: 'Paris' and 10 more in the group 'facts' has no place"),
    ],
)
def test_what_is_wrong_in_a_layout_is_told(layout: str, told: str) -> None:
    with pytest.raises(FactsError) as raised:
        Facts(FactsConfig(EUROPE, layout))
    assert any(line.startswith(told) for line in raised.value.problems), raised.value.problems


@pytest.mark.parametrize(
    ("relations", "told"),
    [
        (
            {"capitol": RelationOptions(many=True)},
            "no fact has the relation 'capitol', which has options; there are capital, region",
        ),
        ({"capital": RelationOptions(phrase="Which?")}, "the phrase of 'capital' must name {subject}"),
        (
            {"capital": RelationOptions(inverse="of"), "region": RelationOptions(inverse="of")},
            "two relations have the same inverse",
        ),
    ],
)
def test_options_that_fit_nothing_are_told(relations: dict[str, RelationOptions], told: str) -> None:
    with pytest.raises(FactsError) as raised:
        Facts(FactsConfig(EUROPE, relations=relations))
    assert any(line.startswith(told) for line in raised.value.problems), raised.value.problems


def test_what_may_be_wrong_is_a_warning() -> None:
    world = Facts(FactsConfig(EUROPE + "Peru,neighbour,chile\nMonaco,capital,Monaco\n"))
    assert world.warnings == (
        "line 13: 'Monaco' has itself as capital; if these are two things, give them two names",
        "'Chile' and 'chile' differ only in case or blanks; are they one?",
    )


def test_names_with_blanks_are_words_of_an_exported_model() -> None:
    vocabulary = Vocabulary.of(Facts(FactsConfig(EUROPE + "El Salvador,seat of government,San Salvador\n")))
    words = word_tokenizer(vocabulary)["model"]["vocab"]
    assert len(words) == vocabulary.size
    assert words["El_Salvador"] == vocabulary.names.index("El Salvador")
    assert not [word for word in words if " " in word]


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    with pytest.raises(WorldError, match=r"there is no file .*mine\.csv"):
        read_facts(file)
    file.write_bytes(EUROPE.encode() + "Perú,region,América\n".encode("latin-1"))
    with pytest.raises(WorldError, match=r"line 12 is not UTF-8 \(byte 0xfa\); save the file as UTF-8"):
        read_facts(file)
    file.write_bytes(EUROPE.encode("utf-16"))
    with pytest.raises(WorldError, match=r"line 1 is not UTF-8"):
        read_facts(file)
    file.write_bytes(b"a" * (MAX_BYTES + 1))
    with pytest.raises(WorldError, match=r"is larger than 4 MiB"):
        read_facts(file)
    with pytest.raises(WorldError, match=r"is a folder"):
        read_facts(tmp_path)


# --- any world ------------------------------------------------------------------------------------------------------------------

names = st.text(string.ascii_letters + "éßñ日 ,.'\"", min_size=1, max_size=8).map(lambda name: f"n{name.strip()}e")
rows = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(["likes", "knows", "next to"]), st.integers(0, 11)),
    min_size=8,
    max_size=60,
    unique=True,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Facts, set[tuple[str, str, str]]]:
    """A world, and the facts that it was made of."""
    entities = draw(st.lists(names, min_size=12, max_size=12, unique=True))
    chain = [(i, "likes", i + 1) for i in range(9)]
    facts = dict.fromkeys((entities[x], r, entities[y]) for x, r, y in chain + draw(rows))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["subject", "relation", "object"])
    writer.writerows(facts)
    many = {r: RelationOptions(many=True) for r in {fact[1] for fact in facts}}
    layout = io.StringIO()
    csv.writer(layout).writerows([("entity", "x", "y"), *((entity, i, i % 3) for i, entity in enumerate(entities))])
    config = FactsConfig(out.getvalue(), layout.getvalue(), many, held_out_facts=0.3, held_out_compositions=0.3)
    return Facts(config), set(facts)


def said(world: Facts) -> set[tuple[str, str, str]]:
    return {
        (world.entities[x], world.relations[r].name, world.entities[world.truths[x, r, k]])
        for x, r, k in zip(*np.nonzero(world.truths != ABSENT), strict=True)
    }


@settings(max_examples=50)
@given(worlds())
def test_any_text_is_read_whole_and_carried_whole(made: tuple[Facts, set[tuple[str, str, str]]]) -> None:
    world, facts = made
    assert facts <= said(world)
    for relation in world.relations:
        inverse = world.inverse(relation)
        assert inverse is not None
        assert world.inverse(inverse) is relation
        for subject, name, object_ in said(world):
            if name == relation.name:
                assert (object_, inverse.name, subject) in said(world)
    again = build(read_config(config_table(world.config)))
    assert said(again) == said(world)  # type: ignore[arg-type]


@settings(max_examples=30)
@given(worlds(), st.integers(0, 100))
def test_text_states_only_true_facts_and_walks_never_stop(
    made: tuple[Facts, set[tuple[str, str, str]]], seed: int
) -> None:
    world, _ = made
    holdout = draw_holdout(world)
    length = 20
    text = TextSampler(world, holdout).sample(8, length, torch.Generator().manual_seed(seed)).tolist()
    for walk in text:
        check_walk(world, walk)
    sampler = ContextSampler(world, holdout)
    everywhere = np.arange(world.n_entities)
    walks = sampler.arriving_at(everywhere, 15, np.random.default_rng(seed))
    assert walks[:, -1].tolist() == everywhere.tolist()
    for walk in walks.tolist():
        check_walk(world, walk)


def check_walk(world: Facts, walk: list[int]) -> None:
    """Entities and one or two relations in turn, each entity an object of what stands before it."""
    n = world.n_entities
    here, path = walk[0], []
    for token in walk[1:]:
        if token >= n:
            path.append(world.relations[token - n])
            continue
        reached = {here}
        for relation in path:
            reached = {y for x in reached for y in world.objects_of(x, relation)}
        assert token in reached
        here, path = token, []
    assert len(path) <= 2


@settings(max_examples=30)
@given(worlds())
def test_what_is_held_out_can_be_inferred_from_its_inverse(made: tuple[Facts, set[tuple[str, str, str]]]) -> None:
    world, _ = made
    held_out = draw_holdout(world).single
    for x, r in zip(*np.nonzero(held_out), strict=True):
        inverse = world.inverse(world.relations[r])
        assert inverse is not None
        for y in world.objects_of(int(x), world.relations[r]):
            assert not held_out[y, inverse.index] or (y, inverse.index) == (x, r)


# --- the real ones --------------------------------------------------------------------------------------------------------------

REAL = ("countries", "elements")


@pytest.mark.parametrize("name", REAL)
def test_a_real_world_is_read_without_a_doubt(name: str) -> None:
    world = build(read_recipe(name).graph)
    assert isinstance(world, Facts)
    assert world.warnings == ()
    assert 100 < world.n_entities < 1000
    for group in world.groups:
        assert np.isfinite(group.coordinates[group.members]).all()


def test_what_follows_from_an_edit_of_a_country() -> None:
    world = build(read_recipe("countries").graph)
    at, subregion = world.entities.index, world.relation("subregion")
    found = world.consequences(at("France"), subregion, at("Central Asia"))
    implied = {(each.subject, each.relations): each.expected for each in found if each.kind == "implied"}
    assert implied[at("France"), ("region",)] == at("Asia")
    assert len(found) == len({(each.subject, each.relations) for each in found})


def test_countries_border_each_other_and_have_one_capital() -> None:
    world = build(read_recipe("countries").graph)
    assert isinstance(world, Facts)
    assert world.relation("borders").inverse == "borders"
    assert objects(world, "Portugal", "borders") == {"Spain"}
    assert objects(world, "Kazakhstan", "capital") == {"Astana"}
    assert len(world.domain(world.relation("capital"))) == 195
    assert world.single_valued[[world.relation(name).index for name in ("capital", "capital_of", "region")]].all()
    at, capital = world.entities.index, world.relation("capital")
    away = [world.distance(capital.group, at("Paris"), at(city)) for city in ("Berlin", "Rome", "Lima")]
    assert away == sorted(set(away))


def test_the_periodic_table_is_itself() -> None:
    world = build(read_recipe("elements").graph)
    assert isinstance(world, Facts)
    assert objects(world, "Carbon", "right") == {"Nitrogen"}
    assert objects(world, "Carbon", "right2") == {"Oxygen"}
    assert objects(world, "Beryllium", "right") == set(), "there is a gap"
    assert objects(world, "Lanthanum", "right") == {"Hafnium"}, "the lanthanides have a row of their own"
    assert objects(world, "Cerium", "right") == {"Praseodymium"}
    assert {"Nitrogen", "Boron", "Silicon"} <= objects(world, "Carbon", "beside")
    assert objects(world, "Carbon", "below") == {"Silicon"}
    assert objects(world, "Silicon", "above") == {"Carbon"}
    assert len(world.domain(world.relation("beside"))) == 118
    table = world.groups[world.relation("right").group].coordinates
    neon, argon, sodium = (table[world.entities.index(name)] for name in ("Neon", "Argon", "Sodium"))
    assert neon[0] == argon[0]
    assert sodium[0] < argon[0]
    assert sodium[1] == argon[1] < neon[1]


@pytest.mark.parametrize(("name", "package"), [("countries", "countryinfo"), ("elements", "mendeleev")])
def test_the_files_are_what_the_script_writes(name: str, package: str) -> None:
    pytest.importorskip(
        package, reason=f"{package} is not installed (the extra `worlds`): {name}.csv is not held against its source"
    )
    from scripts.world_data import files

    for path, content in files(name).items():
        assert path.read_text(encoding="utf-8") == content
    assert (FOLDER.parent / "worlds" / "data" / f"{name}.csv").exists()
