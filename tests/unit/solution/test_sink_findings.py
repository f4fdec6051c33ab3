"""Findings on sinks: what they take, when they write, and where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unshelve.solution.check import check
from unshelve.solution.declaration import Declaration

SHOP = """
from unshelve import sink, to_files, to_table
@source
def orders(): ...
@source
def tonight(): ...
@target
def late(orders): ...
@model
def lateness(orders_train, late_train): ...
"""
TO = 'to_table("scores", connection="dwh", key="id")'


@pytest.fixture
def found(declared: Callable[[str], Declaration]) -> Callable[[str], list[str]]:
    """The numbers of the findings on sinks of SHOP with some more lines."""

    def numbers(text: str) -> list[str]:
        return [each.number for each in check(declared(SHOP + text)) if each.number in ("U012", "U060", "U061", "U062")]

    return numbers


def test_a_sink_over_a_model_and_a_source_is_sound(found: Callable[[str], list[str]]) -> None:
    assert found(f'@sink({TO}, schedule="@daily")\ndef nightly(lateness, tonight):\n    """Scores."""\n') == []


@pytest.mark.parametrize("takes", ["lateness", "tonight", "orders, tonight", "lateness, late", ""])
def test_a_sink_without_answers_or_rows_is_refused(takes: str, found: Callable[[str], list[str]]) -> None:
    assert found(f"@sink({TO})\ndef nightly({takes}): ...\n") == ["U060"]


def test_two_sinks_at_one_table_are_refused(found: Callable[[str], list[str]]) -> None:
    other = TO.replace('"dwh"', '"DWH"').replace("scores", "Scores")
    assert found(f"@sink({TO})\ndef a(lateness, tonight): ...\n@sink({other})\ndef b(lateness, orders): ...\n") == [
        "U061"
    ]


def test_a_body_that_nobody_runs_is_said(found: Callable[[str], list[str]]) -> None:
    assert found(f"@sink({TO})\ndef nightly(lateness, tonight):\n    return tonight.head()\n") == ["U062"]


def test_a_schedule_that_is_none_is_refused(found: Callable[[str], list[str]]) -> None:
    assert found(f'@sink({TO}, schedule="at night")\ndef nightly(lateness, tonight): ...\n') == ["U012"]
