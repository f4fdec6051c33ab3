from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from unshelve.web import wording

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.7364, None, "0.736"),
        (9.0, "min", "9 min"),
        (21.84, "min", "21.8 min"),
        (1284.2, None, "1,284"),
        (-4.25, None, "\N{MINUS SIGN}4.25"),
        (1.31, "$", "$1.31"),
        (0.0, None, "0"),
        (4e-7, None, "4.0e-07"),
        (None, None, wording.NOTHING),
        (float("nan"), None, "not a number"),
        (float("-inf"), None, "-infinite"),
    ],
)
def test_a_measure_has_as_many_digits_as_are_read(value: float | None, unit: str | None, said: str) -> None:
    assert wording.measure(value, unit) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0004, "0.4 ms"),
        (0.012, "12 ms"),
        (1.94, "1.9 s"),
        (48.2, "48 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (260_000, "3 days"),
    ],
)
def test_a_time_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (999_600, "1.0 MB"), (1_100_000_000, "1.1 GB"), (5e18, "5000000 TB")]
)
def test_an_amount_of_bytes_has_its_unit(size: float, said: str) -> None:
    assert wording.size(size) == said


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (timedelta(hours=1), "today 14:09"),
        (timedelta(days=1), "yesterday 15:09"),
        (timedelta(days=20), "22 Feb 15:09"),
        (timedelta(days=400), "7 Feb 2025"),
    ],
)
def test_a_moment_is_as_short_as_now_allows(back: timedelta, said: str) -> None:
    assert wording.moment(NOW - back, NOW) == said


def test_names_from_code_become_words() -> None:
    assert [wording.words(name) for name in ("roc_auc", "sched_dep_time", "late", "")] == [
        "ROC AUC",
        "Sched dep time",
        "Late",
        "",
    ]


def test_a_whole_float_is_written_without_its_fraction() -> None:
    assert [wording.exact(value) for value in (22.0, 0.1, True, None, [1.5, 2.0])] == [
        "22",
        "0.1",
        "yes",
        wording.NOTHING,
        "1.5, 2",
    ]
