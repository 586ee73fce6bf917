from __future__ import annotations

from pathlib import Path

import pytest

from shatterscope.backend.settings import SettingsError, load_settings, resolve_device


def test_environment_sets_and_options_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHATTERSCOPE_PORT", "9001")
    monkeypatch.setenv("SHATTERSCOPE_STATE_DIR", str(tmp_path))
    assert load_settings().port == 9001
    assert load_settings(port=9002, host=None).port == 9002
    assert load_settings().store_url == f"sqlite:///{tmp_path}/shatterscope.db"


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHATTERSCOPE_PORT", "")
    assert load_settings().port == 8050


def test_relative_folders_stay_where_they_were_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(state_dir="here", models_dir="~/models")
    assert settings.state_dir == tmp_path / "here"
    assert settings.models_dir == Path.home() / "models"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("WORKERS", "0"),
        ("QUEUE_LIMIT", "-1"),
        ("CACHE_MB", "none"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:x"),
        ("PUBLIC_URL", "lab.example.org"),
        ("PUBLIC_URL", "https://lab.example.org/shatterscope"),
        ("PUBLIC_URL", "https://lab.example.org/?from=mail"),
    ],
)
def test_a_bad_value_is_one_line_naming_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SHATTERSCOPE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert f"SHATTERSCOPE_{name}" in message
    assert value in message
    assert "\n" not in message


def test_behind_a_path_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages' addresses begin at the root, so a path would show a page that never loads."""
    monkeypatch.setenv("SHATTERSCOPE_PUBLIC_URL", "https://lab.example.org:8443/tools/shatter/")
    with pytest.raises(SettingsError, match=r"root of its host.*set https://lab\.example\.org:8443$"):
        load_settings()
    for root in ("https://lab.example.org:8443", "https://lab.example.org:8443/"):
        monkeypatch.setenv("SHATTERSCOPE_PUBLIC_URL", root)
        assert load_settings().public_url == "https://lab.example.org:8443"


def test_a_device_this_machine_lacks_says_so() -> None:
    assert resolve_device("auto") in ("cpu", "cuda")
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(SettingsError, match="SHATTERSCOPE_DEVICE='cuda:99'"):
        resolve_device("cuda:99")
