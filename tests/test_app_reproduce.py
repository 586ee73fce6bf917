"""The Reproduce page without a browser: tables, sentences and figures of hand-made reports, and its state in the URL."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shatterscope.app.kit import theme
from shatterscope.app.kit.figures.arrays import encode
from shatterscope.app.kit.figures.fit import fit_figure
from shatterscope.app.kit.figures.histograms import histograms
from shatterscope.app.kit.figures.memory import memory_figure
from shatterscope.app.kit.figures.rings import empty_figure, panels, rings_figure, to_come
from shatterscope.app.kit.figures.sequences import sequence_figure
from shatterscope.app.kit.figures.tracing import tracing_figure
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce import opening, protocol, sentences, tables
from shatterscope.app.pages.reproduce.callbacks.intent import after, did_since
from shatterscope.app.pages.reproduce.callbacks.looks import explore_link
from shatterscope.app.pages.reproduce.state import RunView, default_edit
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import world_info
from shatterscope.wire.base import Array
from shatterscope.wire.reproduction import (
    AccuracyCell,
    Disagreement,
    EditGroup,
    Explained,
    FitInfo,
    FitPoint,
    KeysValues,
    MethodCell,
    Provenance,
    Report,
    RingPicture,
    RingsResult,
    SequenceCurve,
    SequencePoint,
    ShatteringCell,
    Split,
    Spread,
    Tracing,
)
from shatterscope.wire.sweeps import SweepMethod, SweepRequest, SweepSequence
from shatterscope.wire.world import CheckpointInfo


def spread(mean: float, deviation: float | None = 0.1, n: int = 20) -> Spread:
    return Spread(mean=mean, deviation=deviation, n=n)


def array(values: Any) -> Array:
    values = np.asarray(values, dtype=np.float32)
    return Array(shape=list(values.shape), bdata=encode(values.ravel())["bdata"])


def report(**more: Any) -> Report:
    """ROME by two presets, at two distances."""
    accuracy = [
        AccuracyCell(
            method="rome", preset=preset, kind="counterfactual", distance=d, task="direct", change=spread(-0.1 * d), paper=paper
        )
        for preset in ("tuned", "paper")
        for d, paper in ((1, -0.0149), (2, None))
    ]  # fmt: skip
    shattering = [
        ShatteringCell(
            method="rome", preset="tuned", kind="counterfactual", distance=1, sub_graph="edit", shattering=spread(0.2), paper=1.8
        )
    ]  # fmt: skip
    methods = [
        MethodCell(
            method=name, preset=preset, kind="counterfactual", distance=d, success=spread(0.9), relative_delta_norm=spread(0.05),
            shattering=spread(0.1), direct=spread(-0.2), efficacy=None, generality=spread(0.8), locality=spread(0.7), portability=None,
            seconds=spread(0.014, None, 1),
        )
        for name in ("rome", "memit")
        for preset in ("tuned", "paper")
        for d in (1, 2)
    ]  # fmt: skip
    provenance = Provenance(
        checkpoint="rings", checkpoint_sha256="0123456789abcdef", sweeps=["a"], seed=7, edits_per_cell=20, queries=100, contexts=5,
        device="cpu", versions=None, started=None, finished="2026-11-20T10:00:00+00:00", rows=40, total=80, left_out=0,
    )  # fmt: skip
    parts: dict[str, Any] = {
        "accuracy": accuracy, "shattering": shattering, "methods": methods, "fits": [], "sequences": [], "disagreements": [],
        "provenance": provenance,
    }  # fmt: skip
    return Report(**{**parts, **more})


def found(component: Any, key: str) -> list[Any]:
    """Values of an attribute anywhere in the markup."""
    plain = json.loads(json.dumps(component, default=lambda item: item.to_plotly_json()))

    def walk(item: Any) -> list[Any]:
        if isinstance(item, list):
            return [value for each in item for value in walk(each)]
        if not isinstance(item, dict):
            return []
        return ([item[key]] if key in item else []) + [value for each in item.values() for value in walk(each)]

    return walk(plain)


def text(component: Any) -> str:
    """What a reader sees."""
    if component is None:
        return ""
    if isinstance(component, (list, tuple)):
        return "".join(map(text, component))
    return (
        text(component.children)
        if hasattr(component, "to_plotly_json") and hasattr(component, "children")
        else str(component)
    )


# --- tables ------------------------------------------------------------------------------------------------------------


def test_both_presets_and_the_papers_number_stand_side_by_side() -> None:
    table = tables.accuracy_table(report(), "rome", "both")
    assert [float(value) for value in found(table, "data-value")] == [-0.1, -0.1, -0.2, -0.2]
    assert {int(n) for n in found(table, "data-n")} == {20}
    shown = text(table)
    assert "−10.0 ± 10.0 (20)" in shown
    assert "−1.5" in shown  # the paper's
    assert any("differs from the paper's −1.5 by 8.5 points" in tip for tip in found(table, "data-tip"))


def test_beside_every_mean_stands_how_many_of_the_edits_took() -> None:
    for make, kinds in ((tables.accuracy_table, 2), (tables.shattering_table, 1)):
        table = make(report(), "rome", "both")
        assert [float(value) for value in found(table, "data-taken")] == [0.9] * 2 * kinds  # of both presets
        assert "90.0\u00a0% (20)" in text(table)
    assert "taken" in text(tables.methods_table(report(), ("counterfactual", 2)))


def test_a_table_downloads_every_number_unrounded() -> None:
    data = json.loads(found(tables.accuracy_table(report(), "rome", "tuned"), "data-csv")[0])
    assert data["columns"] == ["method", "preset", "kind", "distance", "task", "mean", "sd", "n", "paper", "taken"]
    assert data["rows"] == [
        ["rome", "tuned", "counterfactual", 1, "direct", -0.1, 0.1, 20, -0.0149, 0.9],
        ["rome", "tuned", "counterfactual", 2, "direct", -0.2, 0.1, 20, None, 0.9],
    ]


def test_what_has_not_been_measured_yet_is_said() -> None:
    assert "No edit by MEMIT has been measured yet" in text(tables.accuracy_table(report(), "memit", "both"))
    assert "…" in text(tables.accuracy_table(report(accuracy=report().accuracy[:3]), "rome", "both"))


def test_methods_stand_side_by_side_on_one_kind_of_edit() -> None:
    table = tables.methods_table(report(), ("counterfactual", 2))
    rows = json.loads(found(table, "data-csv")[0])["rows"]
    assert {(row[0], row[1]) for row in rows} == {(m, p) for m in ("rome", "memit") for p in ("tuned", "paper")}
    assert {row[3] for row in rows} == {2}
    assert "14 ms (1)" in text(table)  # one edit has no spread
    assert "90.0\u00a0% ± 10.0 (20)" in text(table)


def test_kinds_come_in_the_papers_order() -> None:
    cells = [cell.model_copy(update={"kind": "corrective", "distance": 0}) for cell in report().methods[:1]]
    assert tables.kinds([*report().methods, *cells]) == [
        ("corrective", 0),
        ("counterfactual", 1),
        ("counterfactual", 2),
    ]


def by_token() -> Report:
    """ROME with four presets, R at two sites, told by either measure."""
    cells = [
        MethodCell(
            method="rome", preset=preset, token=token, kind="counterfactual", distance=d, success=spread(1.0 - 0.2 * d), reached=spread(0.5),
            relative_delta_norm=spread(0.05), shattering=spread(0.1 * d), sites={"resid_post.1": spread(0.1 * d), "attn_out.1": spread(2.0 * d)},
            direct=spread(-0.1 * d), direct_probability=spread(-0.05 * d), efficacy=None, generality=None, locality=None, portability=None,
            seconds=spread(0.01),
        )
        for preset, token in (("tuned", "relation"), ("paper", "relation"), ("reference", "subject"), ("reference-tuned", "subject"))
        for d in (1, 4)
    ]  # fmt: skip
    told = [
        Explained(
            site=site, measure=measure, aspect="far", tokens=["subject"], title="It breaks", text=f"{site} by {measure}"
        )
        for site in ("resid_post.1", "attn_out.1")
        for measure in ("argmax", "probability")
    ]
    return report(methods=cells, sites=["resid_post.1", "attn_out.1"], explained=told)


def test_the_page_opens_with_one_table_by_token() -> None:
    table = opening.opening_table(by_token(), "resid_post.last", "argmax")
    shown = text(table)
    assert "ours, at the relation’s token" in shown
    assert "ours, at the subject’s token" in shown
    assert len(found(table, "data-value")) == 2 * 4 * 4
    rows = json.loads(found(table, "data-csv")[0])["rows"]
    of = {(row[1], row[4], row[5]): row[8] for row in rows}
    assert of["reference", 4, "change"] == -0.4
    assert of["reference", 4, "R"] == 0.4
    elsewhere = opening.opening_table(by_token(), "attn_out.1", "probability")
    there = {(r[1], r[4], r[5]): (r[6], r[7], r[8]) for r in json.loads(found(elsewhere, "data-csv")[0])["rows"]}
    assert there["reference", 4, "R"] == ("attn_out.1", "probability", 8.0)
    assert there["reference", 4, "change"][2] == -0.2
    assert "attn_out.1 by probability" in text(opening.explained(by_token(), "attn_out.1", "probability")).lower()
    assert "subject’s token alone" in text(opening.explained(by_token(), "nowhere", "argmax"))
    one = by_token().model_copy(update={"methods": [m for m in by_token().methods if m.token == "relation"]})
    said = text(opening.explained(one, "attn_out.1", "probability"))
    assert "neither" not in said
    assert "no edits at the subject’s token" in said
    assert "not been" not in shown
    assert "measured yet" in text(opening.opening_table(report(methods=[]), "resid_post.last", "argmax"))


def test_four_presets_stand_side_by_side_two_at_a_time() -> None:
    four = by_token()
    assert tables.shown_presets(four, "rome", "both") == ["tuned", "paper"]
    assert tables.shown_presets(four, "rome", "subject") == ["reference", "reference-tuned"]
    assert tables.shown_presets(four, "rome", "reference") == ["reference"]
    assert [each["label"] for each in tables.offered_presets(four, "rome")][:2] == [
        "relation’s token",
        "subject’s token",
    ]
    assert tables.shown_presets(report(), "rome", "both") == ["tuned", "paper"]
    assert tables.shown_presets(report(), "rome", "subject") == ["tuned", "paper"]


def test_every_edit_is_in_one_bar_of_its_histogram() -> None:
    points = [
        FitPoint(
            index=i,
            kind="counterfactual",
            distance=1 + i % 2,
            shattering=0.01 * i,
            change=-0.01 * i,
            success=i % 3 == 0,
        )
        for i in range(40)
    ]
    fits = [FitInfo(method="rome", preset=preset, points=points, paper_r2=None) for preset in ("tuned", "paper")]
    for of in ("shattering", "change"):
        data = histograms(fits, [], of)["data"]
        assert len(data) == 2 * 2 * 2
        assert sum(sum(trace["y"]) for trace in data) == 80
        assert sum(sum(trace["y"]) for trace in data if trace["name"] == "taken") == 2 * 14
    assert histograms([], [], "shattering")["data"] == []


def test_a_few_edits_far_beyond_all_others_count_in_the_last_bin_and_are_told() -> None:
    sizes = [*(0.01 * (1 + i % 10) for i in range(120)), 40.0]
    points = [
        FitPoint(index=i, kind="counterfactual", distance=1, shattering=size, change=0.0)
        for i, size in enumerate(sizes)
    ]
    group = EditGroup(n=60, mean=0.0, taken=1.0, reached=None)
    split = Split(
        method="rome", preset="tuned", kind="counterfactual", distance=1, of="shattering", site=None, n=121, explained=0.9, two=False,
        low=group, high=group,
    )  # fmt: skip
    figure = histograms([FitInfo(method="rome", preset="tuned", points=points, paper_r2=None)], [split], "shattering")
    assert figure["layout"]["xaxis"]["range"][1] < 0.2
    assert sum(sum(trace["y"]) for trace in figure["data"]) == 121, "none is left out"
    assert "1 beyond" in " ".join(note["text"] for note in figure["layout"]["annotations"])


# --- sentences ---------------------------------------------------------------------------------------------------------


def test_a_disagreement_is_said_with_its_size() -> None:
    item = Disagreement(
        what="change of direct recall, d = 1, rome, preset tuned", ours=-10.0, paper=-1.49, unit="points", difference=-8.51, standard_error=2.2
    )  # fmt: skip
    said = text(sentences.agreement(report(disagreements=[item]), "rome", ["tuned"]))
    assert "1 of 2 numbers differ" in said
    assert "ours differs by 8.5 points (ours −10.0, the paper’s −1.5)" in said
    assert "None of 2 numbers" in text(sentences.agreement(report(), "rome", ["tuned"]))
    assert "its tables are by ROME" in text(sentences.agreement(report(), "memit", ["tuned"]))


def test_the_provenance_names_rows_seed_date_and_weights() -> None:
    said = text(sentences.provenance([report()], shipped=True))
    for part in ("40 of 80", "seed7", "cpu", "20 Nov 2026, 10:00", "rings 01234567", "shipped with the checkpoint"):
        assert part in said


def test_running_again_keeps_the_protocol_and_counts_its_edits() -> None:
    single = SweepRequest(
        checkpoint="a", methods=[SweepMethod(name="rome"), SweepMethod(name="memit")], edits_per_cell=50, seed=3
    )
    long = single.model_copy(
        update={"sequence": SweepSequence(every=10, repetitions=3), "distances": [4], "corrective": False}
    )
    both = protocol.again([long, single], "b", 5, sequences=True)
    assert [each.sequence is None for each in both] == [True, False]
    assert [(each.checkpoint, each.edits_per_cell, each.seed) for each in both] == [("b", 5, 3), ("b", 50, 3)]
    assert protocol.count(both[0]) == 2 * 5 * 5
    assert sentences.estimate(both) == "50 single edits and 300 in sequences"
    assert len(protocol.again([single, long], "b", 5, sequences=False)) == 1


# --- figures -----------------------------------------------------------------------------------------------------------


def test_the_fitted_line_goes_through_the_points_of_a_line() -> None:
    points = [
        FitPoint(index=i, kind="counterfactual", distance=1 + i % 2, shattering=0.1 * i, change=0.02 - 0.3 * i)
        for i in range(6)
    ]
    fit = FitInfo(method="rome", preset="tuned", points=points, slope=-3.0, intercept=0.02, r2=1.0, paper_r2=0.905)
    *clouds, line = fit_figure(fit)["data"]
    assert [cloud["name"] for cloud in clouds] == ["d = 1", "d = 2"]
    assert sum(len(cloud["x"]) for cloud in clouds) == 6
    assert line["x"] == [0.0, 0.5]
    assert line["y"] == pytest.approx([0.02, -1.48])
    assert text(sentences.r2(fit)) == "r² = 1.000n = 60.905the paper’s"
    assert "With the paper’s settings: 0.500" in sentences.fit_words(
        fit, [fit.model_copy(update={"preset": "paper", "r2": 0.5})]
    )


def test_a_figure_without_data_says_so() -> None:
    for figure in (fit_figure(None), sequence_figure([])):
        assert figure["data"] == []
        assert "measured yet" in figure["layout"]["annotations"][0]["text"]


def curve(collapse: int | None) -> SequenceCurve:
    points = [
        SequencePoint(
            edits=k, shattering=spread(0.01 * k), accuracy={"direct": spread(1 - 0.01 * k)}, holding=spread(1 - 0.005 * k), written=None
        )
        for k in (20, 40, 60)
    ]  # fmt: skip
    return SequenceCurve(
        method="rome", preset="tuned", kind="counterfactual", distance=4, unedited={"direct": 1.0}, points=points, collapse=collapse
    )  # fmt: skip


def test_a_sequence_starts_at_the_unedited_model_and_its_collapse_is_marked() -> None:
    data = sequence_figure([curve(60)])["data"]
    accuracy = next(
        trace for trace in data if trace["yaxis"] == "y2" and "line" in trace.get("mode", "") and "fill" not in trace
    )
    assert (accuracy["x"][0], accuracy["y"][0]) == (0, 1.0)
    mark = data[-1]
    assert (mark["name"], mark["x"], mark["y"]) == ("collapse", [60], [pytest.approx(0.4)])
    assert "after 60 edits" in sentences.collapse_words([curve(60)])
    assert all(trace.get("name") != "collapse" for trace in sequence_figure([curve(None)])["data"])
    assert "keeps more than half through 60 edits" in sentences.collapse_words([curve(None)])


def test_every_cell_of_a_tracing_is_written_and_named() -> None:
    tracing = Tracing(
        checkpoint="a", corrupted="subject", sites=["embed", "mlp_out.0"], positions=["subject", "relation"],
        recovery=[[1.02, 0.0], [-0.05, 0.93]], standard_error=[[0.01, 0.0], [0.02, 0.03]], clean=0.9, corrupted_probability=0.0,
        n=100, seconds=1.0,
    )  # fmt: skip
    figure = tracing_figure(tracing)
    assert len(figure["layout"]["shapes"]) == 4
    written = {
        (x, y): t for trace in figure["data"] for x, y, t in zip(trace["x"], trace["y"], trace["text"], strict=True)
    }
    assert written == {(0, 0): "102 %", (1, 0): "0 %", (0, 1): "−5 %", (1, 1): "93 %"}
    assert "At the relation token the MLP alone brings back 93.0\u00a0% (layer 0)" in sentences.tracing_words(tracing)


def circle(m: int, turns: int = 1) -> Any:
    angle = 2 * np.pi * turns * np.arange(m) / m
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rings() -> RingsResult:
    relations = [f"{order}_{way}{hops}" for order in ("I", "II", "III") for way in "CA" for hops in (1, 2, 3, 4)]
    pictures = [
        RingPicture(
            relation=name, sub_graph="edit", n_neighbors=4, before=array(circle(16)), after=array(3 * circle(16, 2)), winding_before=1,
            winding_after=2, shape_before="ring", shape_after="knot", shattering=0.1,
        )
        for name in relations
    ]  # fmt: skip
    return RingsResult(checkpoint="a", edit="e", entities=16, pictures=pictures, seconds=1.0)


def test_all_rings_are_drawn_in_their_own_places_at_one_size() -> None:
    figure = rings_figure(rings(), "I_C1", lambda name: f"/?r={name}")
    dots = figure["data"][-1]
    assert len(dots["customdata"]) == 24 * 2 * 16
    x, y = (np.frombuffer(base64.b64decode(dots[axis]["bdata"]), dtype="<f4") for axis in "xy")
    panels = np.stack([x, y], axis=1).reshape(48, 16, 2)
    assert np.ptp(panels, axis=1) == pytest.approx(np.ones((48, 2)), abs=1e-5)
    centers = np.round(panels.mean(axis=1), 3)
    assert len({tuple(center) for center in centers.tolist()}) == 48
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert sum('href="/?r=' in title for title in titles) == 24
    assert sum(theme.ACCENT in title for title in titles) == 1  # the edited relation's R alone


def test_rings_may_come_a_few_at_a_time() -> None:
    """The parts are the whole, and a circle stands wherever a picture is still to come."""
    every, names = rings(), [picture.relation for picture in rings().pictures]
    whole, figure = rings_figure(every, "I_C1", None), empty_figure(names, "I_C1", None)
    assert len(figure["layout"]["shapes"]) == 48
    assert whole["layout"]["shapes"] == []
    dots: list[bytes] = []
    for start in range(0, 24, 5):
        traces, notes = panels(every.pictures[start : start + 5], names, "I_C1")
        dots.append(base64.b64decode(traces[-1]["x"]["bdata"]))
        figure["layout"]["annotations"] += notes
    assert b"".join(dots) == base64.b64decode(whole["data"][-1]["x"]["bdata"])
    assert figure["layout"]["annotations"] == whole["layout"]["annotations"]
    left = to_come(names, names[20:])
    assert left == figure["layout"]["shapes"][40:]


def test_how_many_rings_are_rings_is_counted(checkpoint: Checkpoint) -> None:
    said = text(sentences.rings_words(rings(), [], World(world_info(checkpoint))))
    assert "Before the edit: 24 rings. After it: 24 knots." in said
    assert "edit 0.100" in said


def test_keys_and_values_are_coloured_by_ring_position() -> None:
    memory = KeysValues(
        checkpoint="a", relation="I_C1", layer=0, keys=array(circle(16)), values=array(2 * circle(16)), keys_variance=0.4,
        values_variance=0.5, distance_correlation=0.83, pairs=1000, order_position=list(range(16)),
    )  # fmt: skip
    figure = memory_figure(memory)
    assert [trace["name"] for trace in figure["data"]] == ["keys", "values"]
    assert figure["layout"]["yaxis2"]["scaleanchor"] == "x2"
    assert "r = 0.83, over 1,000" in sentences.memory_words(memory)


# --- what the person did ------------------------------------------------------------------------------------------------

SHOWN = {
    "checkpoint": "rings-small", "reproduce-method": "rome", "reproduce-preset": "both", "rings-subject": 0, "rings-relation": "I_C1",
    "rings-distance": 128, "rings-method": "rome", "memory-relation": "I_C1", "layer": 0,
}  # fmt: skip
SEEN = {"url": 1, "started": 5.0, "shipped": 2, "shown": SHOWN}


@pytest.fixture
def checkpoints(client: TestClient) -> list[CheckpointInfo]:
    found = [CheckpointInfo.model_validate(item) for item in client.get("checkpoints").json()]
    (small,) = [item for item in found if item.id == "rings-small"]
    return [small, small.model_copy(update={"id": "other"})]


def done(
    checkpoints: list[CheckpointInfo],
    changes: dict[str, Any],
    url: dict[str, Any] | None = None,
    started: dict[str, Any] | None = None,
    shipped: int = 2,
    view: RunView | None = None,
) -> tuple[RunView, dict[str, Any]]:
    """What one call leaves, in which everything may have happened since the last answer that arrived."""
    did = did_since({"query": "", "seen": SEEN}, url or {"at": 1}, {**SHOWN, **changes}, started, shipped)
    return after(view or RunView("rings-small"), did, default_edit(checkpoints[0].graph.n_entities)), did.seen


def test_all_that_was_changed_since_the_last_answer_counts(checkpoints: list[CheckpointInfo]) -> None:
    view, _ = done(checkpoints, {"reproduce-preset": "tuned", "reproduce-method": "memit", "rings-subject": 7})
    assert view == RunView("rings-small", (), "memit", "tuned", Edit(7, "I_C1", Target(128), "rome"))
    view, _ = done(
        checkpoints, {"checkpoint": "other", "reproduce-method": "memit"}, view=RunView("rings-small", ("a",))
    )
    assert view == RunView("other", (), "memit")
    assert done(checkpoints, {})[0] == RunView("rings-small")


def test_of_an_address_counts_what_was_changed_after_it_was_opened(checkpoints: list[CheckpointInfo]) -> None:
    was = {**SHOWN, "reproduce-method": "ft"}  # before the browser's Back, and so of the page that was left
    opened = RunView("rings-small", ("a",), preset="paper")
    changes = {"reproduce-method": "ft", "rings-subject": 9}
    view, _ = done(checkpoints, changes, url={"at": 2, "was": was}, view=opened)
    assert view == RunView("rings-small", ("a",), "rome", "paper", Edit(9, "I_C1", Target(128), "rome"))
    assert done(checkpoints, changes, url={"at": 2}, view=opened)[0] == opened


def test_a_run_is_shown_once_and_where_it_was_asked_for(checkpoints: list[CheckpointInfo]) -> None:
    started = {"jobs": ["a", "b"], "at": 6.0, "asked": {"url": 1, "shipped": 2, "checkpoint": "rings-small"}}
    view, seen = done(checkpoints, {"reproduce-preset": "tuned"}, started=started)
    assert (view.jobs, view.preset, seen["started"]) == (("a", "b"), "tuned", 6.0)
    assert done(checkpoints, {}, started={**started, "at": 5.0})[0].jobs == (), "an answer has seen it"
    assert done(checkpoints, {}, started=started, shipped=3)[0].jobs == (), "the shipped run was asked for since"
    assert done(checkpoints, {"checkpoint": "other"}, started=started)[0].jobs == ()
    assert done(checkpoints, {}, url={"at": 2}, started=started)[0].jobs == (), "another address was opened since"
    there = {**started, "asked": {**started["asked"], "checkpoint": "other"}}
    view, _ = done(checkpoints, {"checkpoint": "other"}, started=there)
    assert (view.checkpoint, view.jobs) == ("other", ("a", "b"))
    own = RunView("rings-small", ("a",))
    assert done(checkpoints, {"reproduce-preset": "tuned"}, shipped=3, view=own)[0] == RunView(
        "rings-small", preset="tuned"
    )


def test_a_given_object_holds_until_its_question_changes(checkpoints: list[CheckpointInfo]) -> None:
    given = RunView("rings-small", edit=Edit(3, "I_C1", Target(None, 17), "rome"))
    same, _ = done(checkpoints, {"rings-method": "ft"}, view=given)
    assert same.edit == Edit(3, "I_C1", Target(None, 17), "ft")
    asked, _ = done(checkpoints, {"rings-subject": 4}, view=given)
    assert asked.edit == Edit(4, "I_C1", Target(128), "rome")


# --- state -------------------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
views = st.builds(
    RunView,
    checkpoint=st.none() | names,
    jobs=st.lists(st.from_regex(r"[a-f0-9]{16}", fullmatch=True), max_size=2).map(tuple),
    method=names,
    preset=names,
    edit=st.none()
    | st.builds(Edit, st.integers(0, 2047), st.just("II_A3"), st.builds(Target, st.integers(1, 1024)), names),
)


@given(views)
def test_the_url_holds_the_view(view: RunView) -> None:
    assert RunView.from_query(view.to_query()) == (view, [])
    assert RunView.from_store(view.to_store()) == view


@given(st.text(max_size=60))
def test_any_query_is_read(query: str) -> None:
    RunView.from_query(query)


def test_what_a_link_says_wrongly_is_named() -> None:
    view, notices = RunView.from_query("c=../etc&run=a~b~c~d~e&e=nonsense")
    assert view == RunView()
    assert [word for word in ("checkpoint", "run", "edit") if any(word in notice for notice in notices)] == [
        "checkpoint",
        "run",
        "edit",
    ]


def test_a_ring_opens_in_explore_with_the_same_edit() -> None:
    edit = default_edit(64)
    view, notices = ViewState.from_query(explore_link("rings-small", edit, "III_A2").removeprefix("/?"))
    assert (view.checkpoint, view.edits, view.see.relation, notices) == ("rings-small", (edit,), "III_A2", [])
    assert edit.target.distance == 32


def test_every_method_has_its_own_colour_and_symbol() -> None:
    looks = [(theme.method_color(name), theme.method_symbol(name)) for name in theme.METHODS]
    assert len({color for color, _ in looks}) == len({symbol for _, symbol in looks}) == len(looks)
    assert theme.ACCENT not in {color for color, _ in looks}
