"""Settings: environment before file before default, and nothing guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.errors import Refused
from unshelve.settings import Settings, read_settings


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_anything_set_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings(None, {}) == read_settings(tmp_path / "none.toml", {}) == Settings()


def test_the_environment_counts_before_the_file_and_that_before_the_default(tmp_path: Path) -> None:
    file = write(tmp_path, 'port = 9000\nhost = "0.0.0.0"\nsession_days = 30')
    got = read_settings(file, {"UNSHELVE_PORT": "9001", "PORT": "1", "HOME": "/x"})
    assert got == Settings(port=9001, host="0.0.0.0", session_days=30.0)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), (" yes ", True), ("off", False), ("0", False)]
)
def test_a_switch_is_read_from_the_usual_words(text: str, value: bool) -> None:
    assert read_settings(None, {"UNSHELVE_DURABLE_BLOBS": text}).durable_blobs is value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("PORT", "many", "UNSHELVE_PORT is 'many' and must be a whole number"),
        ("PORT", "8000.5", "must be a whole number"),
        ("PORT", "-1", "must be at least 0"),
        ("PORT", "", "must be a whole number"),
        ("SESSION_DAYS", "nan", "must be at least"),
        ("DURABLE_BLOBS", "maybe", "must be true or false"),
        ("FLUSH", "alway", "must be one of never, each-second, always. Did you mean always"),
    ],
)
def test_a_bad_value_in_the_environment_is_refused_by_name(name: str, text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_settings(None, {f"UNSHELVE_{name}": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "sets 'prot', and there is no such setting. Did you mean port"),
        ('port = "8000"', "port in .*settings.toml is '8000' and must be a whole number"),
        ("port = true", "must be a whole number"),
        ("durable_blobs = 1", "must be true or false"),
        ("[port]\nx = 1", "must be a whole number"),
        ("port = ", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_by_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_settings(write(tmp_path, text), {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match="cannot be read"):
        read_settings(tmp_path / "settings.toml", {})
