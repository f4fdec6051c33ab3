"""What commands write: lines for people, one JSON object for programs."""

from __future__ import annotations

from datetime import datetime

import pytest

from unshelve.cli.output import moment, result, table


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    assert table(("model", "n"), [("a.b", 7), ("a.bcd", 1234)]) == ["model     n", "a.b       7", "a.bcd  1234"]


def test_a_table_without_rows_is_its_heads() -> None:
    assert table(("model", "n"), []) == ["model  n"]


def test_what_is_missing_is_an_empty_cell() -> None:
    assert table(("a", "b"), [(None, "x"), (3, "y")]) == ["a  b", "   x", "3  y"]


def test_json_is_one_line_whatever_there_is_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    result({"a": 1, "b": "two\nlines"}, json=True, lines=["for people"])
    assert capsys.readouterr().out == '{"a":1,"b":"two\\nlines"}\n'


def test_times_are_said_in_the_zone_of_this_machine() -> None:
    local = datetime(2026, 3, 1, 12, 30).astimezone()
    assert moment(local.isoformat()) == "2026-03-01 12:30"
    assert moment(None) == ""
