from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from shatterscope.backend.store import Store, StoreError

SPECIFICATION = [{"subject": 1, "relation": "I_C2", "object": 5, "strength": 0.5}]


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    place = url(tmp_path / "new" / "folder" / "store.db")
    store = Store(place)
    store.put_edit("a", "rings", SPECIFICATION)
    store.close()
    again = Store(place)
    assert again.get_edit("a") == ("rings", SPECIFICATION)
    assert again.get_edit("b") is None
    again.close()


def test_putting_an_edit_twice_keeps_the_first(tmp_path: Path) -> None:
    store = Store(url(tmp_path / "store.db"))
    store.put_edit("a", "rings", SPECIFICATION)
    store.put_edit("a", "rings", [])
    assert store.get_edit("a") == ("rings", SPECIFICATION)
    store.close()


def test_many_threads_may_put_the_same_edit(tmp_path: Path) -> None:
    store = Store(url(tmp_path / "store.db"))
    failures: list[BaseException] = []

    def put() -> None:
        try:
            store.put_edit("a", "rings", SPECIFICATION)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.get_edit("a") == ("rings", SPECIFICATION)
    store.close()


def test_the_file_is_in_wal_mode(tmp_path: Path) -> None:
    Store(url(tmp_path / "store.db")).close()
    engine = create_engine(url(tmp_path / "store.db"))
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_a_memory_database_works_across_threads() -> None:
    store = Store("sqlite://")
    thread = threading.Thread(target=store.put_edit, args=("a", "rings", SPECIFICATION))
    thread.start()
    thread.join()
    assert store.get_edit("a") == ("rings", SPECIFICATION)
    store.close()


def test_a_folder_that_cannot_be_made_is_a_clear_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="SHATTERSCOPE_STATE_DIR") as caught:
        Store(url(tmp_path / "file" / "store.db"))
    assert str(tmp_path / "file") in str(caught.value)


def test_a_file_that_is_no_database_is_a_clear_problem(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("certainly not SQLite, and long enough to be looked at" * 10)
    with pytest.raises(StoreError, match="not a database"):
        Store(url(tmp_path / "store.db"))


def test_a_store_that_goes_away_is_a_clear_problem(tmp_path: Path) -> None:
    store = Store(url(tmp_path / "store.db"))
    engine = create_engine(url(tmp_path / "store.db"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE edits"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"store\.db"):
        store.get_edit("a")
    with pytest.raises(StoreError, match=r"store\.db"):
        store.put_edit("a", "rings", SPECIFICATION)
    store.close()


@pytest.mark.parametrize("bad", ["nonsense", "nosuchdb://x", "postgresql+nodriver://user:secret@host/db"])
def test_a_bad_url_names_the_setting_and_hides_the_password(bad: str) -> None:
    with pytest.raises(StoreError, match="SHATTERSCOPE_DATABASE_URL") as caught:
        Store(bad)
    assert "secret" not in str(caught.value)
