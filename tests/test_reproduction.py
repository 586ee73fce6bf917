"""Reports from rows whose tables are known beforehand, and runs that ship with a checkpoint."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shatterscope.backend.editors import EDITORS
from shatterscope.backend.reproduction import paper, protocol
from shatterscope.backend.reproduction.report import Run, report, spread
from shatterscope.backend.reproduction.rows import read
from shatterscope.backend.reproduction.shipped import NothingShipped, ShippedError, kept, load, ship, shortened
from shatterscope.backend.reproduction.split import are_two, divided
from shatterscope.wire.sweeps import SweepRequest, SweepRow

SHA = "a" * 64
RUN = Run("s1", SHA, protocol.single_edits("rings-small", 4), 100)
ORDERS = ("I", "II", "III")
VERSIONS = {"shatterscope": "0.1.0", "python": "3.11", "torch": "2", "numpy": "2"}


def change(before: float, after: float) -> dict[str, float]:
    return {"before": before, "after": after, "change": after - before}


def make_row(
    index: int,
    *,
    direct: float | tuple[float, float, float] = 0.0,
    logical: float = 0.0,
    stated: float = 0.0,
    held_out: float = 0.0,
    available: tuple[int, int] = (900, 100),
    R: float | tuple[float | None, ...] = 0.1,
    made: bool = True,
    sequence: dict[str, Any] | None = None,
    **more: Any,
) -> SweepRow:
    """A row of which the test says what matters. Accuracies are changes from 1."""
    changes = {"direct": direct, "logical": logical, "composition_stated": stated, "composition_held_out": held_out}
    numbers = {"direct": 1000, "logical": 50, "composition_stated": available[0], "composition_held_out": available[1]}
    scores = [
        {
            "task": task,
            "order": order,
            "sub_graph": part,
            "accuracy": change(1.0, 1.0 + (value[i] if isinstance(value, tuple) else value)),
            "probability": change(0.5, 0.5),
            "n_queries": 100,
            "n_available": numbers[task],
            "n_contexts": 5,
        }
        for task, value in changes.items()
        for i, (order, part) in enumerate(zip(ORDERS, ("edit", "retain", "test"), strict=True))
    ]
    parts = R if isinstance(R, tuple) else (R, R, R)
    spec = {"subject": 1, "relation": "I_C1", "object": 3, "layer": 0, "parameters": {"learning_rate": 0.123456789}}
    outcome = {
        "spec": spec,
        "old_object": 2,
        "new_object": 3,
        "prediction_before": 2,
        "prediction_after": 3,
        "distance": 1,
        "kind": "counterfactual",
        "success": True,
        "probability_before": 0.1,
        "probability_after": 0.9123456789,
        "delta_norm": 1.0,
        "relative_delta_norm": 0.25,
        "steps": 5,
        "warnings": [],
    }
    wanted = {"accuracy": change(0.0, 0.5), "probability": change(0.0, 0.5), "n_queries": 4}
    values: dict[str, Any] = {
        "sweep": "s1",
        "index": index,
        "checkpoint": "rings-small",
        "checkpoint_sha256": SHA,
        "method": "rome",
        "preset": "tuned",
        "kind": "counterfactual",
        "distance": 4,
        "repetition": index,
        "edit": None,
        "outcomes": [outcome] if made else [],
        "problems": [] if made else ["no finite numbers"],
        "shattering": {
            **{
                part: {"value": value, "standard_error": 0.001}
                for part, value in zip(("edit", "retain", "test"), parts, strict=True)
            },
            "per_relation": {},
            "n_pairs": 2048,
        }
        if made
        else None,
        "scores": scores if made else [],
        "quality": {"efficacy": wanted, "generality": wanted, "locality": None, "portability": wanted}
        if made
        else None,
        "sequence": sequence,
        "edit_seconds": 0.01,
        "measure_seconds": 0.1,
        "seed": 0,
        "contexts": 5,
        "queries": 100,
        "device": "cpu",
        "versions": VERSIONS,
        "finished": f"2026-11-21T08:00:{index % 60:02}.000+00:00",
    }
    return SweepRow.model_validate(values | more)


def test_a_spread_is_the_mean_and_sample_deviation() -> None:
    assert spread([]) is None
    assert spread([None]) is None
    one = spread([2.0, None])
    assert one is not None
    assert (one.mean, one.deviation, one.n) == (2.0, None, 1)
    three = spread([1.0, 2.0, 3.0])
    assert three is not None
    assert (three.mean, three.deviation, three.n) == (2.0, 1.0, 3)


def test_table_1_beside_the_papers() -> None:
    rows = [make_row(i, direct=-0.1 * i, logical=-0.2, stated=-0.5, held_out=-1.0) for i in range(1, 4)]
    found = {cell.task: cell for cell in report(rows, RUN).accuracy}
    assert found["direct"].change.mean == pytest.approx(-0.2)
    assert found["direct"].change.deviation == pytest.approx(0.1)
    assert found["direct"].change.n == 3
    assert found["direct"].paper == -0.7794
    assert found["logical"].change.deviation == pytest.approx(0)
    assert found["compositional"].change.mean == pytest.approx(-(0.9 * 0.5 + 0.1 * 1.0))  # by their number


def test_orders_count_alike() -> None:
    (cell, *_) = report([make_row(0, direct=(-0.3, 0.0, 0.0))], RUN).accuracy
    assert cell.change.mean == pytest.approx(-0.1)
    assert cell.change.deviation is None


def test_the_papers_numbers_stand_beside_its_method_alone() -> None:
    rows = [
        make_row(0),
        make_row(1, method="memit"),
        make_row(2, kind="corrective", distance=0),
        make_row(3, distance=2),
    ]
    found = report(rows, RUN)
    known = {(c.method, c.kind, c.distance): c.paper for c in found.accuracy if c.task == "direct"}
    assert known == {
        ("rome", "counterfactual", 4): -0.7794,
        ("memit", "counterfactual", 4): None,
        ("rome", "corrective", 0): -0.2195,
        ("rome", "counterfactual", 2): None,
    }
    parts = {(c.method, c.distance, c.sub_graph): c.paper for c in found.shattering}
    assert parts["rome", 2, "retain"] == 20.84
    assert parts["rome", 0, "edit"] is None
    assert parts["memit", 4, "edit"] is None
    assert {fit.method: fit.paper_r2 for fit in found.fits} == {"rome": 0.905, "memit": None}


def test_points_on_a_line_have_r2_of_1() -> None:
    rows = [make_row(i, R=0.01 * i, direct=0.05 - 2 * 0.01 * i) for i in range(5)]
    (fit,) = report(rows, RUN).fits
    assert fit.r2 == pytest.approx(1)
    assert fit.slope == pytest.approx(-2)
    assert fit.intercept == pytest.approx(0.05)
    assert [point.index for point in fit.points] == list(range(5))


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(-1, 0)), max_size=6))
def test_a_fit_is_a_share_or_nothing(pairs: list[tuple[float, float]]) -> None:
    rows = [make_row(i, R=R, direct=direct) for i, (R, direct) in enumerate(pairs)]
    for fit in report(rows, RUN).fits:
        assert (fit.r2 is None) == (fit.slope is None) == (fit.intercept is None)
        if len(pairs) < 3:
            assert fit.r2 is None
        assert fit.r2 is None or 0 <= fit.r2 <= 1 + 1e-9


def test_fits_are_of_one_method_and_preset() -> None:
    rows = [make_row(i, preset=preset, R=0.1 * i, direct=-0.1 * i) for preset in ("tuned", "paper") for i in range(3)]
    assert [(fit.preset, len(fit.points)) for fit in report(rows, RUN).fits] == [("tuned", 3), ("paper", 3)]


def test_edits_that_could_not_be_made_are_left_out_and_counted() -> None:
    rows = [make_row(0, direct=-0.5), make_row(1, made=False), make_row(2, method="pmet", made=False)]
    found = report(rows, RUN)
    assert (found.provenance.rows, found.provenance.left_out, found.provenance.total) == (3, 2, 100)
    assert [cell.method for cell in found.methods] == ["rome"]
    assert found.methods[0].success.n == 1


def test_an_R_that_is_not_finite_counts_in_no_mean() -> None:
    rows = [make_row(0, R=0.2), make_row(1, R=(None, 0.1, 0.1))]
    found = report(rows, RUN)
    assert {c.sub_graph: c.shattering.n for c in found.shattering} == {"edit": 1, "retain": 2, "test": 2}
    assert found.methods[0].shattering is not None
    assert found.methods[0].shattering.mean == pytest.approx(0.2)
    assert found.methods[0].direct is not None
    assert found.methods[0].direct.n == 2
    assert len(found.fits[0].points) == 1
    broken = report([make_row(0, R=(None, None, None))], RUN)
    assert broken.methods[0].shattering is None
    assert broken.shattering == []


def test_methods_side_by_side() -> None:
    (cell,) = report([make_row(0, direct=-0.5), make_row(1, direct=-0.3)], RUN).methods
    assert cell.success.mean == 1
    assert cell.relative_delta_norm.mean == 0.25
    assert cell.efficacy is not None
    assert cell.efficacy.mean == 0.5
    assert cell.locality is None
    assert cell.seconds.mean == 0.01


def end(ended: str) -> dict[str, Any]:
    numbers: dict[str, Any] = {"step": [3], "loss": [0.1], "probability": [0.8], "rank": [1], "length": None}
    return {"ended": ended, "contexts": 21, **numbers}


def at_token(index: int, token: str, *, ended: str, probability: float = 0.0, **more: Any) -> SweepRow:
    """A row of a preset at `token`, R at a second site ten times as large as at the last layer's resid_post."""
    row = make_row(index, **more)
    values = row.model_dump()
    values["outcomes"][0]["course"] = end(ended)
    values["outcomes"][0]["spec"]["parameters"] = {"token": token}
    values["outcomes"][0]["success"] = ended == "reached"
    for score in values["scores"]:
        score["probability"] = change(0.5, 0.5 + probability)
    rings = {part: values["shattering"][part] for part in ("edit", "retain", "test")} | {"n_pairs": 2048}
    larger = {
        part: {**value, "value": 10 * value["value"]} if part != "n_pairs" else 2048 for part, value in rings.items()
    }
    return SweepRow.model_validate(values | {"sites": {"resid_post.1": rings, "attn_out.1": larger}})


def test_both_measures_every_site_and_how_optimisations_ended() -> None:
    ends = ("reached", "settled", "steps", "steps")
    rows = [at_token(i, "subject", ended=ends[i], R=0.1 * i, direct=-0.2 * i, probability=-0.1 * i) for i in range(4)]
    found = report(rows, RUN)
    assert found.sites == ["resid_post.1", "attn_out.1"]
    (direct,) = [cell for cell in found.accuracy if cell.task == "direct"]
    assert direct.probability is not None
    assert (direct.change.mean, direct.probability.mean) == pytest.approx((-0.3, -0.15))
    (cell,) = found.methods
    assert cell.token == "subject"
    assert cell.reached is not None
    assert cell.direct_probability is not None
    assert (cell.success.mean, cell.reached.mean, cell.direct_probability.mean) == pytest.approx((0.25, 0.5, -0.15))
    assert {site: R.mean for site, R in cell.sites.items()} == pytest.approx({"resid_post.1": 0.15, "attn_out.1": 1.5})
    assert {(c.site, c.sub_graph): c.shattering.mean for c in found.shattering}["attn_out.1", "test"] == pytest.approx(
        1.5
    )
    slopes = {fit.site: (fit.slope, fit.probability.slope, fit.r2, fit.probability.r2) for fit in found.fits}
    assert slopes["resid_post.1"] == pytest.approx((-2, -1, 1, 1))
    assert slopes["attn_out.1"] == pytest.approx((-0.2, -0.1, 1, 1))
    both = [*found.disagreements, *found.other_disagreements]
    assert {each.site for each in found.disagreements} == {None, "resid_post.1"}
    assert {(each.measure, each.site) for each in both} == {
        ("argmax", None),
        ("probability", None),
        (None, "resid_post.1"),
        (None, "attn_out.1"),
    }


def test_rows_of_one_site_do_not_name_it_nor_say_how_they_ended() -> None:
    found = report([make_row(i) for i in range(3)], RUN)
    assert found.sites == ["resid_post.last"]
    assert found.methods[0].reached is None
    assert found.methods[0].token == "relation"


@given(st.floats(4.5, 50), st.integers(1, 4))
def test_two_narrow_groups_are_told_from_one(apart: float, share: int) -> None:
    """Two equal groups of +-1 whose means are D apart: D^2 / (4 + D^2) of the variance lies between them."""
    sides = [-1.0, 1.0] * 25
    found = divided([x - apart / 2 for x in sides] + [x + apart / 2 for x in sides])
    assert found is not None
    assert found[0] == pytest.approx(apart**2 / (4 + apart**2))
    assert are_two(*found)
    outliers = divided([0.1 * (i % 7) for i in range(100 - share)] + [1000.0] * share)
    assert outliers is not None
    assert not are_two(*outliers)


def test_one_bell_or_plateau_is_one_group() -> None:
    from scipy.stats import norm

    even = (np.arange(2000) + 0.5) / 2000
    for values, share in ((even, 0.75), (norm.ppf(even), 2 / math.pi)):
        found = divided(values.tolist())
        assert found is not None
        assert found[0] == pytest.approx(share, abs=2e-3)
        assert not are_two(*found)
    assert divided([1.0] * 50) is None
    assert divided([0.0, 1.0] * 9) is None  # too few edits


def test_a_report_tells_groups_with_the_share_that_took() -> None:
    rows = [
        at_token(i, "subject", ended="steps" if i < 8 else "reached", R=2.0 if i < 8 else 0.1 + 0.001 * i)
        for i in range(30)
    ]
    (split,) = [each for each in report(rows, RUN).splits if (each.of, each.site) == ("shattering", "resid_post.1")]
    assert split.two
    assert (split.high.n, split.high.taken, split.high.reached, split.low.n, split.low.taken) == (8, 0, 0, 22, 1)
    assert split.high.mean == pytest.approx(2)


def test_what_each_token_explains_is_read_off_the_rows() -> None:
    rows = [
        at_token(4 * i + j, token, preset=preset, ended=ended, direct=direct, distance=distance, R=R)
        for i in range(2)
        for j, (token, preset, distance, ended, direct, R) in enumerate(
            (
                ("relation", "tuned", 1, "reached", -0.015, (0.1, 0.01, 0.01)),
                ("relation", "tuned", 4, "reached", -0.10, (0.1, 0.01, 0.01)),
                ("subject", "reference-tuned", 1, "reached", -0.40, (1.0, 1.0, 0.9)),
                ("subject", "reference-tuned", 4, "steps", -0.79, (1.0, 1.0, 0.9)),
            )
        )
    ]
    told = {e.aspect: e for e in report(rows, RUN).explained if (e.site, e.measure) == ("resid_post.1", "argmax")}
    assert {aspect: each.tokens for aspect, each in told.items()} == {
        "rings": ["subject"],
        "reached": ["subject"],
        "distance": ["subject"],
        "far": ["subject"],
        "near": ["relation"],
        "R": [],
    } | ({"r2": told["r2"].tokens} if "r2" in told else {})
    assert told["far"].text == (
        "at the relation’s token −10.0 points with tuned; at the subject’s token −79.0 points with reference-tuned; in the paper −77.9 points"
    )
    assert "10 % with tuned; at the subject’s token 90 % with reference-tuned; in the paper 95 %" in told["rings"].text
    assert report([make_row(0, method="memit")], RUN).explained == []


def test_a_shipped_row_is_short_and_still_a_row() -> None:
    row = at_token(0, "subject", ended="steps", R=0.123456789, direct=-0.123456789).model_dump(mode="json")
    row["shattering"]["per_relation"] = {"I_C1": {"value": 0.1, "standard_error": 0.1}}
    short = SweepRow.model_validate(kept(row))
    assert short.shattering is not None
    assert short.shattering.per_relation == {}
    assert short.shattering.edit.value == 0.1235
    assert short.sites["attn_out.1"].test is not None
    assert short.sites["attn_out.1"].test.value == 1.235
    assert short.outcomes[0].probability_after == 0.912346
    assert short.outcomes[0].spec.parameters == {"token": "subject"}


def test_disagreements_are_those_beyond_two_standard_errors() -> None:
    def found(values: list[float]) -> dict[str, float]:
        rows = [
            make_row(i, direct=value, logical=-0.7802, stated=-0.8063, held_out=-0.8063)
            for i, value in enumerate(values)
        ]
        return {each.what: each.difference for each in report(rows, RUN).disagreements if each.unit == "points"}

    theirs = paper.ACCURACY["counterfactual", 4]["direct"]
    assert found([theirs - 0.01, theirs + 0.01]) == {}
    assert found([theirs]) == {}  # one edit has no standard error
    near = [theirs + 0.019 + d for d in (-math.sqrt(1.5e-4), 0, math.sqrt(1.5e-4))]  # s.e. 0.0071, 2.7 of them away
    (what,) = found(near)
    assert "direct" in what
    assert "d = 4" in what
    assert found(near)[what] == pytest.approx(1.9)  # percentage points
    assert found([theirs + 0.012, theirs - 0.008, theirs + 0.02]) == {}


def test_other_methods_do_not_disagree_with_the_paper() -> None:
    rows = [make_row(i, method="memit", direct=-0.01 * i) for i in range(3)]
    assert report(rows, RUN).disagreements == []


def holding(after: int, share: float | None = 1.0, made: int = 1) -> dict[str, Any]:
    return {"after": after, "made": made, "written": share, "holding": share, "probability": share}


def test_sequences_are_curves_with_their_collapse() -> None:
    drops = {10: (-0.1, -0.2), 20: (-0.4, -0.5), 30: (-0.5, -0.7)}  # of an unedited accuracy of 1
    rows = [
        make_row(10 * r + i, direct=values[r], sequence=holding(after, 1.0 - 0.01 * after), method="grace")
        for r in range(2)
        for i, (after, values) in enumerate(drops.items())
    ]
    found = report(rows[::-1], RUN)
    assert found.accuracy == found.methods == found.fits == []
    (curve,) = found.sequences
    assert [point.edits for point in curve.points] == [10, 20, 30]
    assert curve.unedited["direct"] == 1
    assert curve.points[1].accuracy["direct"].mean == pytest.approx(0.55)
    assert curve.points[1].accuracy["direct"].n == 2
    assert curve.points[2].holding.mean == pytest.approx(0.7)
    assert curve.collapse == 30
    (unbroken,) = report(rows[:2], RUN).sequences
    assert unbroken.collapse is None


def test_a_stretch_without_edits_has_nothing_written() -> None:
    values = holding(10, 0.5)
    (curve,) = report([make_row(0, sequence=values | {"written": None})], RUN).sequences
    assert curve.points[0].written is None
    nothing = make_row(1, made=False, sequence=holding(5, None, 0))
    assert report([nothing], RUN).sequences == []


def test_no_rows_make_an_empty_report() -> None:
    found = report([], RUN)
    assert found.accuracy == found.fits == found.sequences == []
    assert found.provenance.versions is None
    assert found.provenance.device is None
    assert found.provenance.started is None


def test_provenance() -> None:
    found = report([make_row(7), make_row(3)], RUN).provenance
    assert (found.started, found.finished) == ("2026-11-21T08:00:03.000+00:00", "2026-11-21T08:00:07.000+00:00")
    assert (found.checkpoint, found.checkpoint_sha256, found.sweeps) == ("rings-small", SHA, ["s1"])
    assert (found.seed, found.edits_per_cell, found.queries, found.contexts) == (0, 4, 100, 5)
    assert found.versions is not None
    assert found.versions.torch == "2"


def test_rows_and_their_json_are_read_alike() -> None:
    for row in (make_row(0, direct=-0.1), make_row(1, made=False), make_row(2, sequence=holding(5))):
        assert read(row) == read(row.model_dump_json())


@given(st.integers(1, 1000), st.integers(0, 2**31 - 1))
def test_the_protocols_sweeps_know_the_options_that_ask_for_them(n: int, seed: int) -> None:
    single, sequence = protocol.single_edits("small", n, seed), protocol.sequences("small", n, seed)
    assert protocol.arguments(single) == [f"--edits={n}", f"--seed={seed}"]
    others = protocol.single_edits("small", n, seed, others=n + 60, wrong=n)
    assert protocol.arguments(others) == [f"--edits={n}", f"--edits-others={n + 60}", f"--seed={seed}"]
    never_wrong = protocol.single_edits("small", n, seed, wrong=0)
    assert not never_wrong.corrective
    assert protocol.arguments(never_wrong) == protocol.arguments(single)
    assert protocol.arguments(sequence) == [f"--sequence-edits={n}"]
    for request in (single, sequence):
        assert protocol.arguments(request.model_copy(update={"queries": request.queries + 1})) is None


def test_the_protocol_is_two_sweeps() -> None:
    single, sequence = protocol.single_edits("a", 70, 3), protocol.sequences("a", 45, 3)
    assert [(each.name, each.preset) for each in single.methods] == [
        (name, preset)
        for name in ("rome", "memit", "pmet", "alphaedit")
        for preset in ("tuned", "paper", "reference", "reference-tuned")
        if preset in EDITORS[name].presets
    ]
    assert {each.name: each.edits for each in single.methods} == {
        "rome": None,
        "memit": 50,
        "pmet": 50,
        "alphaedit": 50,
    }
    assert single.edits_per_cell == 70
    assert {each.edits for each in protocol.single_edits("a", 7).methods} == {None}
    assert single.sites == sequence.sites == ["resid_post.last", "attn_out.last", "mlp_out.last"]
    assert SweepRequest.model_validate(single.model_dump()) == single
    assert (single.distances, single.corrective, single.seed, single.sequence) == ([1, 2, 3, 4], True, 3, None)
    assert sequence.sequence is not None
    assert (sequence.sequence.every, sequence.sequence.repetitions) == (3, 3)
    assert (sequence.corrective, sequence.distances) == (False, [4])


# --- shipping --------------------------------------------------------------------------------------------------------


def part(rows: list[SweepRow], request: SweepRequest) -> tuple[Run, list[str]]:
    return Run("s1", SHA, request, len(rows)), [row.model_dump_json() for row in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rings-small"
    folder.mkdir()
    return folder


@pytest.fixture
def shipped(folder: Path) -> Path:
    single = part([make_row(i, direct=-0.1 * i) for i in range(3)], protocol.single_edits("rings-small", 3))
    sequence = part([make_row(0, sequence=holding(5))], protocol.sequences("rings-small", 5))
    ship(folder, single, sequence)
    return folder


def test_what_is_shipped_is_found_again(shipped: Path) -> None:
    (shipped / "reproduction" / "findings.md").write_text("# Found\n", encoding="utf-8")
    found = load(shipped, SHA)
    rows = [SweepRow.model_validate_json(row) for row in found.rows("single")]
    assert [row.index for row in rows] == [0, 1, 2]
    assert rows[0].outcomes[0].probability_after == 0.912346  # six digits
    assert rows[0].outcomes[0].spec.parameters == {"learning_rate": 0.123456789}  # whole
    everything = found.reproduction()
    assert everything.single.provenance.rows == 3
    assert everything.sequence is not None
    assert everything.sequence.sequences[0].points[0].edits == 5
    assert [request.sequence is None for request in everything.requests] == [True, False]
    assert everything.findings == "# Found\n"
    assert everything.single == report(rows, Run("s1", SHA, everything.requests[0], 3))


def test_the_same_rows_make_the_same_bytes(shipped: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "rings-small"
    other.mkdir(parents=True)
    rows = [make_row(i, direct=-0.1 * i) for i in range(3)]
    ship(other, part(rows, protocol.single_edits("rings-small", 3)))
    name = "reproduction/single.jsonl.gz"
    assert (shipped / name).read_bytes() == (other / name).read_bytes()


def test_a_run_without_sequences_has_none(shipped: Path) -> None:
    ship(shipped, part([make_row(0)], protocol.single_edits("rings-small", 1)))
    found = load(shipped, SHA)
    assert found.reproduction().sequence is None
    with pytest.raises(NothingShipped, match="no sequences"):
        list(found.rows("sequence"))
    assert sorted(path.name for path in (shipped / "reproduction").iterdir()) == [
        "reproduction.json",
        "single.jsonl.gz",
    ]


def test_nothing_shipped_says_how_to_make_it(folder: Path) -> None:
    with pytest.raises(NothingShipped, match="shatterscope reproduce rings-small --ship"):
        load(folder, SHA)


def test_a_run_of_other_weights_is_refused(shipped: Path) -> None:
    with pytest.raises(ShippedError, match="other weights"):
        load(shipped, "b" * 64)


@pytest.mark.parametrize(
    ("name", "contents", "said"),
    [
        ("reproduction.json", b"{", "reproduction.json cannot be read as JSON"),
        ("reproduction.json", b"{}", "reproduction.json is damaged"),
        ("reproduction.json", b"\xff\xfe", "reproduction.json cannot be read as JSON"),
        ("single.jsonl.gz", b"", "sha256"),
        ("sequence.jsonl.gz", None, "sequence.jsonl.gz is missing"),
        ("findings.md", b"\xff", "findings.md is not UTF-8"),
    ],
)
def test_damaged_files_are_told_plainly(shipped: Path, name: str, contents: bytes | None, said: str) -> None:
    path = shipped / "reproduction" / name
    if contents is None:
        path.unlink()
    else:
        path.write_bytes(contents)
    with pytest.raises(ShippedError, match=said):
        load(shipped, SHA).reproduction()


def test_another_format_is_refused(shipped: Path) -> None:
    path = shipped / "reproduction" / "reproduction.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 9}))
    with pytest.raises(ShippedError, match="format 9"):
        load(shipped, SHA)


def test_foreign_rows_are_told(shipped: Path) -> None:
    found = load(shipped, SHA)
    (shipped / "reproduction" / "single.jsonl.gz").write_bytes(gzip.compress(b'{"index": 1}\n'))
    with pytest.raises(ShippedError, match="other rows"):
        found.reproduction()


def test_only_whole_runs_of_these_weights_are_shipped(folder: Path) -> None:
    request = protocol.single_edits("rings-small", 2)
    row = make_row(0).model_dump_json()
    with pytest.raises(ValueError, match="1 of its 2 rows"):
        ship(folder, (Run("s1", SHA, request, 2), [row]))
    with pytest.raises(ValueError, match="other weights"):
        ship(folder, (Run("s1", "b" * 64, request, 1), [row]))
    with pytest.raises(NothingShipped):
        load(folder, SHA)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortened_numbers_are_right_to_six_digits(value: float) -> None:
    assert shortened({"a": [value]})["a"][0] == pytest.approx(value, rel=1e-5, abs=1e-300)
    assert shortened({"parameters": {"b": value}, "n": 12345678}) == {"parameters": {"b": value}, "n": 12345678}
