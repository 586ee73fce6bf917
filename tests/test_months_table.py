"""The recording that ships, and what the papers and the lesson tell of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from papers import paper

from scripts.months_table import FILE, HEAD, MONTHS, OTHERS_HEAD, effect, others, table
from shatterscope.backend.settings import LESSONS
from shatterscope.backend.spoken.recorded import RecordedCheckpoint
from shatterscope.backend.spoken.recording import Recording, read_recording, write_recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_recording(FILE)


def test_it_can_be_written_again_to_the_same_bytes(recording: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "again.json.gz", recording)
    assert (tmp_path / "again.json.gz").read_bytes() == FILE.read_bytes()


def test_it_holds_every_month_at_every_distance_without_and_with_protection(recording: Recording) -> None:
    made = {
        (edit.spec.subject, edit.distance, edit.spec.parameters["protect_siblings"] > 0)
        for record in recording.records
        if len(record.result.edits) == 1
        and (edit := record.result.edits[0]).spec.method == "rome"
        and edit.spec.relation == MONTHS
    }
    assert {(month, steps, spared) for month in range(12) for steps in range(1, 7) for spared in (False, True)} <= made


def test_every_record_is_of_the_model_that_it_says(recording: Recording) -> None:
    checkpoint = RecordedCheckpoint(recording)
    assert checkpoint.knowledge.sha256 == checkpoint.sha256
    for record in recording.records:
        assert record.result.checkpoint == checkpoint.id
        assert record.evaluation.edit == record.result.id
        for relation, points in record.points.items():
            n = len(checkpoint.world.domain(checkpoint.world.relation(relation)))
            assert points.shape == [n, 2 * n]


def test_the_tables_of_the_paper_are_those_of_the_recording(recording: Recording) -> None:
    text = paper("docs/LANGUAGE_MODELS.md")
    assert "\n".join([HEAD, *table(recording.records)]) in text
    assert "\n".join([OTHERS_HEAD, *others(recording.records)]) in text


def test_the_figures_of_the_lesson_are_those_of_the_recording(recording: Recording) -> None:
    """Of May, which is taught to be followed by March."""

    def may(preset: float, token: str = "subject") -> tuple[int, int, int, float, float]:
        for record in recording.records:
            edit = record.result.edits[0]
            given = edit.spec.parameters
            if (
                (edit.spec.subject, edit.new_object, edit.spec.method, len(record.result.edits)) == (4, 2, "rome", 1)
                and (given["protect_siblings"], given["token"], given["key"]) == (preset, token, "rome")
                and given["early_stop_loss"] == 0.1
            ):
                assert record.evaluation.language is not None
                asked = record.evaluation.language.answers[0]
                columns = [i for i, subject in enumerate(asked.subjects) if subject != 4]
                right = [
                    sum(row[i] == asked.truths[i] for row in rows for i in columns)
                    for rows in (asked.before, asked.after)
                ]
                new = sum(row[i] == 2 for row in asked.after for i in columns)
                told = effect(record)
                return right[0], right[1], new, told.R, told.R_others
        raise AssertionError("it was not recorded")

    def text(step: str) -> str:
        (file,) = (LESSONS / "months").glob(f"{step}-*.md")
        return file.read_text(encoding="utf-8")

    before, after, new, R, without = may(0.0)
    assert f"56 were right. Now\n**{after}** are." in text(
        "05"
    ) or f"{before} were right. Now **{after}** are." in text("05")
    assert (before, new) == (56, 12)
    assert f"R is **{R:.3f}**, and without May **{without:.3f}**" in text("06")
    _, spared, _, _, without = may(100.0)
    assert f"**{spared} of {before}** right answers stay. R without May falls to **{without:.3f}**" in text("07")
    _, _, new, R, _ = may(0.0, "relation")
    assert f"R is **{R:.3f}**" in text("08")
    assert f"**{100 * new / 66:.1f} %** of the answers are March" in text("08")
    points = [
        float(x)
        for x in re.findall(
            r"\| without \| [^|]* \| 12 (?:\|[^|]*){3}\| ([+-][\d.]+)", "\n".join(table(recording.records))
        )
    ]
    assert len(points) == 6
    assert "some 23 points on average, three and more 30 to 46" in text("06")
    assert [round(-each) for each in points[:2]] == [23, 23]
    assert all(30 <= round(-each) <= 46 for each in points[2:])
