"""Marks: how far a source was read, with zones, clocks that are put back, ties and times to come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.data.loaded import SavedMark
from unshelve.data.marks import bound_of, mark_of
from unshelve.errors import Refused

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def mark(values: list[Any], kind: pa.DataType | None = None) -> SavedMark | None:
    return mark_of(pa.array(values, kind), "updated", NOW)


def bound(saved: SavedMark | None, **options: Any) -> Any:
    assert saved is not None
    return bound_of(saved, **{"late": None, "zone": None, "ties": False, **options}).value


def test_a_moment_with_a_zone_is_kept_in_utc() -> None:
    there = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    found = mark([there, None])
    assert found == SavedMark(type="moment", value="2026-07-01 10:00:00")
    assert bound(found) == datetime(2026, 7, 1, 9, 59, 59, 999999, tzinfo=UTC)


def test_a_moment_in_another_zone_on_the_clock_is_the_same_moment() -> None:
    column = pa.array([datetime(2026, 7, 1, 10)], pa.timestamp("us", tz="UTC")).cast(
        pa.timestamp("us", tz="America/New_York")
    )
    assert mark_of(column, "updated", NOW) == SavedMark(type="moment", value="2026-07-01 10:00:00")


@pytest.mark.parametrize(
    ("local", "begins"),
    [
        ("2026-10-25 01:59:59", "2026-10-25 01:59:58.999999"),  # before the hour that comes twice
        ("2026-10-25 02:00:00", "2026-10-25 01:59:59.999999"),  # its beginning
        ("2026-10-25 02:59:59", "2026-10-25 01:59:59.999999"),  # its end, the first or the second time
        ("2026-10-25 03:00:00", "2026-10-25 02:59:59.999999"),  # after it: all of it was seen
        ("2026-03-29 03:00:00", "2026-03-29 02:59:59.999999"),  # clocks put forward leave nothing out
    ],
)
def test_a_local_time_that_the_clock_shows_twice_begins_where_that_hour_does(local: str, begins: str) -> None:
    saved = SavedMark(type="local", value=local)
    assert bound(saved, zone="Europe/Berlin") == datetime.fromisoformat(begins)


def test_a_time_to_come_is_cut_at_now() -> None:
    assert mark([datetime(9999, 1, 1, tzinfo=UTC)]) == SavedMark(type="moment", value="2026-11-27 00:00:00")


def test_a_time_before_1677_is_a_mark_too() -> None:
    assert mark([datetime(1500, 1, 1)]) == SavedMark(type="local", value="1500-01-01 00:00:00")


@pytest.mark.parametrize("values", [[], [None, None], [float("nan"), float("inf")]])
def test_a_column_without_a_value_has_no_mark(values: list[Any]) -> None:
    assert mark(values) is None


def test_infinities_are_no_marks() -> None:
    assert mark([1.5, float("inf"), float("nan"), None]) == SavedMark(type="float", value=1.5)


def test_a_day_begins_with_the_day_itself_again() -> None:
    assert bound(mark([date(2026, 3, 1)])) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("2026-01-02", "2026-01-01"),
        ("2026-01-02 10:00:00", "2026-01-02 09:59:59"),
        ("2026-01-02T10:00:00Z", "2026-01-02T09:59:59Z"),
        ("2026-01-02T10:00:00.250000+02:00", "2026-01-02T09:59:59.250000+02:00"),
        ("row 7", "row 7"),
    ],
)
def test_a_time_that_is_a_text_steps_back_in_its_own_form(text: str, begins: str) -> None:
    assert bound(mark([text])) == begins


@pytest.mark.parametrize(
    ("to_come", "cut"),
    [
        ("9999-12-31", "2026-11-27"),
        ("2036-01-01T10:00:00Z", "2026-11-27T00:00:00Z"),
        ("2036-01-01 10:00:00+02:00", "2026-11-27 02:00:00+02:00"),
        ("2036-01-01 10:00:00", "2026-11-27 14:00:00"),  # as far ahead as a local time may be
        ("zzz", "zzz"),
    ],
)
def test_a_text_that_is_a_time_to_come_is_cut_at_now_in_its_own_form(to_come: str, cut: str) -> None:
    assert mark(["2026-01-01", to_come]) == SavedMark(type="text", value=cut)


def test_a_day_to_come_is_cut_at_now() -> None:
    assert mark([date(9999, 12, 31)]) == SavedMark(type="day", value="2026-11-27")


def test_what_cannot_grow_is_no_watermark() -> None:
    with pytest.raises(Refused, match="watermark updated holds bool"):
        mark([True, False])


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1), st.integers(0, 1000))
def test_all_rows_at_the_mark_lie_beyond_the_bound(values: list[int], late: int) -> None:
    saved = mark(values, pa.int64())
    assert saved is not None
    beyond = bound_of(saved, late=late or None, zone=None, ties=False).within(pa.array(values, pa.int64()), "updated")
    assert all(
        inside == (value > max(values) - (late or 1)) for value, inside in zip(values, beyond.to_pylist(), strict=False)
    )


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_float_at_the_mark_lies_beyond_the_bound(values: list[float]) -> None:
    saved = mark(values, pa.float64())
    assert saved is not None
    assert max(values) > bound(saved)
