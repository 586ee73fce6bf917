"""A database of an earlier version keeps what is in it, one of a later version is left alone, a damaged one can be kept and passed, and
a damaged row is passed over while the others are read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.settings import Settings
from shatterscope.backend.store import Job, Jobs, RoomStore, Store, StoreError, Views, move_aside
from shatterscope.backend.store.schema import VERSION
from shatterscope.backend.store.tables import Base
from shatterscope.backend.sweeps.runner import is_orphan, new_owner

BEFORE_VERSIONS = (
    Path(__file__).parent / "data" / "store_before_versions.sql"
)  # written by the last program without versions
JOB, VIEW, LINK, ROOM = "790f6e5d85cc6eae", "bjn97vej", "bjn97vejk", "room-kept"
EDIT = "e5640211b5adda78b3613b8e1bc6d31f"


def sql(file: Path, *statements: str) -> list[tuple[object, ...]]:
    """Execute; returns what the last one finds."""
    connection = sqlite3.connect(file)
    with connection:
        for statement in statements:
            found = connection.execute(statement).fetchall()
    connection.close()
    return found


@pytest.fixture
def old(settings: Settings) -> Path:
    """A database of version 0 in the place of this test's."""
    settings.state_dir.mkdir()
    connection = sqlite3.connect(settings.store_file)
    connection.executescript(BEFORE_VERSIONS.read_text(encoding="utf-8"))
    connection.close()
    return settings.store_file


def test_an_old_database_keeps_its_views_rooms_jobs_and_edits(settings: Settings, old: Path) -> None:
    app = create_app(settings)
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        assert [view["title"] for view in client.get("views").json()] == ["A broken ring"]
        assert client.get(f"views/{LINK}").json()["state"]["path"] == "/compare"
        assert client.get(f"rooms/{ROOM}").json()["revision"] > 12
        (job,) = client.get("jobs").json()
        assert (job["id"], job["status"], job["done"]) == (JOB, "done", 1)
        assert [row["index"] for row in client.get(f"sweeps/{JOB}/rows").json()] == [0]
        assert client.get(f"edits/{EDIT}").status_code == 200
    app.state.laboratory.close()
    assert sql(old, "SELECT version FROM schema_version") == [(VERSION,)]


def test_old_and_new_databases_have_the_same_tables(tmp_path: Path, old: Path) -> None:
    fresh = tmp_path / "fresh.db"
    for file in (old, fresh):
        Store(f"sqlite:///{file}").close()
        Store(f"sqlite:///{file}").close()  # a second time changes nothing
    for table in Base.metadata.tables:
        described = f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}') ORDER BY name"
        assert sql(old, described) == sql(fresh, described), table


def test_an_old_database_without_some_of_the_tables_gets_them(old: Path) -> None:
    sql(old, "DROP TABLE views", "DROP TABLE rooms")
    store = Store(f"sqlite:///{old}")
    assert Views(store).gallery(9) == []
    store.close()


def test_a_newer_database_is_left_alone(old: Path) -> None:
    Store(f"sqlite:///{old}").close()
    sql(old, f"UPDATE schema_version SET version = {VERSION + 1}")
    before = sorted(sql(old, "SELECT * FROM views"))
    with pytest.raises(StoreError, match=rf"version {VERSION + 1}.*up to {VERSION}. Update Shatterscope"):
        Store(f"sqlite:///{old}")
    assert sorted(sql(old, "SELECT * FROM views")) == before


# --- damaged rows -----------------------------------------------------------------------------------------------------

DAMAGED_ROOMS = {
    "no JSON": "state = '{'",
    "a list": "state = '[1]'",
    "too deep": f"state = '{'[' * 100_000}'",
    "no time": "expires = 'soon'",
    "for ever": "expires = 9e999",
    "no text": "state = x'ff00'",
    "no number": "revision = 'x'",
}
DAMAGED_JOBS = {
    "no JSON": "request = '{'",
    "another request": "request = '{}'",
    "a list": "request = '[]'",
    "no time": "created = 'long ago'",
    "no number": "total = 'many'",
    "no state": "status = x'ff'",
    "no beat": "beat = 'x'",
}
DAMAGED_VIEWS = {"no page": "path = '//evil.example'", "no time": "created = 'x'", "no text": "note = x'ff'"}


def copies(file: Path, table: str, id: str, damages: dict[str, str]) -> None:
    """The row once more for each damage, under its name."""
    columns = [str(name) for (name,) in sql(file, f"SELECT name FROM pragma_table_info('{table}')") if name != "id"]
    names = ", ".join(f'"{name}"' for name in columns)
    for name, damage in damages.items():
        sql(
            file,
            f"INSERT INTO {table} (id, {names}) SELECT '{name}', {names} FROM {table} WHERE id = '{id}'",
            f"UPDATE {table} SET {damage} WHERE id = '{name}'",
        )


def test_damaged_rows_are_named_and_passed_over(
    settings: Settings, old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for table, id, damages in (
        ("rooms", ROOM, DAMAGED_ROOMS),
        ("jobs", JOB, DAMAGED_JOBS),
        ("views", VIEW, DAMAGED_VIEWS),
    ):
        copies(old, table, id, damages)
    row = f"INSERT INTO job_rows SELECT job, {{}}, finished, {{}} FROM job_rows WHERE job = '{JOB}' AND \"index\" = 0"
    sql(old, row.format(1, "'{'"), row.format(2, "'{}'"), row.format(3, "x'ff'"))
    sql(old, f"UPDATE edits SET specification = '{{' WHERE id = '{EDIT}'")
    app = create_app(settings)
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        for name in DAMAGED_ROOMS:
            assert client.get(f"rooms/{name}").status_code == 404, name
        assert client.get(f"rooms/{ROOM}").status_code == 200
        assert [job["id"] for job in client.get("jobs").json()] == [JOB]
        for name in DAMAGED_JOBS:
            assert client.get(f"jobs/{name}").status_code in (404, 409), name
            assert client.post(f"jobs/{name}/resume").status_code in (401, 403, 404, 409), name
        for name in DAMAGED_VIEWS:
            assert client.get(f"views/{name}").status_code == 404, name
        assert [view["id"] for view in client.get("views").json()] == [VIEW]
        assert [each.get("index") for each in client.get(f"sweeps/{JOB}/rows").json()] == [0, None]
        assert len(client.get(f"sweeps/{JOB}/rows", params={"format": "csv"}).text.splitlines()) == 2
        assert client.get(f"sweeps/{JOB}/report").status_code in (200, 404)
        assert client.get(f"edits/{EDIT}").status_code == 404
    app.state.laboratory.close()
    for name in (*DAMAGED_VIEWS, *DAMAGED_ROOMS):
        assert name in caplog.text


def test_an_edit_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = Store(f"sqlite:///{file}")
    store.put_edit("a", "rings", [{"subject": 1}])
    sql(file, "UPDATE edits SET specification = '['")
    assert store.get_edit("a") is None
    store.put_edit("a", "rings", [{"subject": 2}])
    assert store.get_edit("a") == ("rings", [{"subject": 2}])
    store.close()


# --- damaged files, and files that go away ----------------------------------------------------------------------------


def test_a_damaged_file_is_kept_and_passed(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_bytes(b"certainly not SQLite, and long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="shatterscope store --move-aside") as caught:
        Store(f"sqlite:///{file}")
    assert str(file) in str(caught.value)
    assert str(tmp_path) not in caught.value.public
    kept = move_aside(file)
    assert kept.read_bytes().startswith(b"certainly")
    Store(f"sqlite:///{file}").close()


def test_a_state_folder_that_is_deleted_under_a_server_loses_nothing_in_silence(settings: Settings) -> None:
    app = create_app(settings)
    view = {"state": {"path": "/", "query": "?t=d4"}}
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        assert client.post("views", json=view).status_code == 201
        away = settings.state_dir.rename(settings.state_dir.parent / "away")
        answers = [
            client.post("views", json={"state": {"path": "/", "query": "?t=d5"}}),
            client.post("rooms"),
            client.get("views"),
            client.get("jobs"),
        ]
        assert [answer.status_code for answer in answers] == [503] * 4
        detail = answers[0].json()["detail"]
        assert "was removed or replaced" in detail
        assert str(settings.state_dir) not in detail
        assert client.get("health").status_code == 200
        away.rename(settings.state_dir)
        assert client.post("views", json=view).status_code == 200
        shutil.rmtree(settings.state_dir)
        settings.state_dir.mkdir()
        settings.store_file.touch()
        assert client.post("views", json=view).status_code == 503
    app.state.laboratory.close()


# --- who is gone ------------------------------------------------------------------------------------------------------


def test_whose_job_it_is_is_told_from_who_has_its_number_now(tmp_path: Path) -> None:
    jobs = Jobs(Store(f"sqlite:///{tmp_path / 'store.db'}"))

    def owned(owner: str, beat: float = 0.0) -> Job:
        sql(tmp_path / "store.db", "DELETE FROM jobs")
        job = jobs.create(
            "a", kind="sweep", checkpoint="x", checkpoint_sha256="0", request={}, plan={}, total=1, owner=owner
        )
        sql(tmp_path / "store.db", f"UPDATE jobs SET beat = {time.time() + beat}")
        return jobs.get("a") or job

    host, pid, start, secret = new_owner().rsplit(":", 3)
    mine = f"{host}:{pid}:{start}:{secret}"
    assert start
    assert not is_orphan(owned(mine))
    assert not is_orphan(owned(f"{host}:{pid}:{secret}")), "as written by an earlier version"
    assert is_orphan(owned(f"{host}:{pid}:{start}0:{secret}")), "another process with its number"
    assert is_orphan(owned(f"{host}:{pid}:00000000-{start[9:]}:{secret}")), "before the machine was started again"
    assert is_orphan(owned(f"{host}:1999999999:{start}:{secret}"))
    assert is_orphan(owned(mine, beat=-3600))
    assert is_orphan(owned(mine, beat=7200)), "the clock was put back by two hours"
    assert not is_orphan(owned(f"elsewhere:{pid}:{start}:{secret}"))
    assert is_orphan(owned(f"elsewhere:{pid}:{start}:{secret}", beat=7200))
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # ended, and not yet noticed
    assert is_orphan(owned(f"{host}:{child}:{start}:{secret}"))
    os.waitpid(child, 0)


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_the_oldest_jobs_that_have_ended_make_room(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    jobs = Jobs(store)
    for id in "abcde":
        jobs.create(id, kind="sweep", checkpoint="x", checkpoint_sha256="0", request={}, plan={}, total=2)
        jobs.put_row(id, 0, "{}")
        jobs.put_row(id, 1, "{}")
    for id in "acd":
        job = jobs.get(id)
        assert job is not None
        jobs.move(job, "cancelled")
    jobs.make_room(5, 10)
    assert [job.id for job in jobs.all()] == list("abcde")
    jobs.make_room(4, 10)
    assert [job.id for job in jobs.all()] == list("bcde")
    jobs.make_room(4, 6)
    assert [job.id for job in jobs.all()] == list("bde")
    jobs.make_room(0, 0)
    assert [job.id for job in jobs.all()] == list("be"), "those that wait or run stay"
    assert sql(tmp_path / "store.db", "SELECT DISTINCT job FROM job_rows") == [("b",), ("e",)]
    store.close()


def test_the_oldest_edits_make_room(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    for id in "abcde":
        store.put_edit(id, "rings", [])
    store.prune_edits(2)
    assert [id for id in "abcde" if store.get_edit(id)] == ["d", "e"]
    store.close()


async def test_a_room_that_was_left_gives_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shatterscope.backend.api import rooms as live

    monkeypatch.setattr(live, "MAX_ROOMS", 2)
    store, now = Store(f"sqlite:///{tmp_path / 'store.db'}"), [1000.0]
    rooms = live.Rooms(RoomStore(store), clock=lambda: now[0])
    first, _ = await rooms.create()
    second, _ = await rooms.create()
    followed = first.follow()
    await anext(followed)
    with pytest.raises(live.RoomsFull):
        await rooms.create()
    now[0] += live.IDLE_SECONDS + 1
    third, _ = await rooms.create()
    assert [rooms.get(each.id) is not None for each in (first, second, third)] == [True, False, True]
    assert second.ended == "expired"
    await rooms.tick()
    assert {each.id for each in RoomStore(store).load(now[0])} == {first.id, third.id}
    await followed.aclose()  # type: ignore[attr-defined]
    store.close()


def test_a_room_lives_a_day_whatever_the_clock_was(settings: Settings, old: Path) -> None:
    app = create_app(settings)  # the room of the old database says that it ends in the year 2100
    assert app.state.rooms.get(ROOM).expires <= time.time() + 24 * 3600
    app.state.laboratory.close()
