from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from unshelve.errors import Refused
from unshelve.pipeline.schedule import Due, check_expression, due, in_words, next_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("expression", ["@weekly", "0 4 * * 1", "*/15 * * * *", " 0 0 L * * ", "30 9 * * MON-FRI"])
def test_cron_fields_and_names_are_sound(expression: str) -> None:
    assert check_expression(expression) is None


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("@fortnightly", "@fortnightly is not one of @hourly,"),
        ("0 4 * *", "It has 4 fields, not five."),
        ("0 0 4 * * 1", "It has 6 fields, not five."),
        ("weekly", "It has 1 field, not five."),
        ("61 * * * *", "Not a valid minute."),
        ("0 0 30 2 *", "Not a valid day-of-month."),
    ],
)
def test_what_is_no_schedule_is_said(expression: str, problem: str) -> None:
    assert (check_expression(expression) or "").startswith(problem)
    with pytest.raises(Refused, match="is no schedule"):
        next_after(expression, at("2026-01-01"), "UTC")


def test_a_schedule_keeps_the_zone_of_its_solution() -> None:
    assert next_after("0 4 * * *", at("2026-01-10T12:00"), "Europe/Berlin") == at("2026-01-11T03:00")
    assert next_after("0 4 * * *", at("2026-07-10T12:00"), "Europe/Berlin") == at("2026-07-11T02:00")


def test_a_week_begins_on_monday() -> None:
    assert next_after("@weekly", at("2026-11-22T12:00"), "UTC") == at("2026-11-23T00:00")


def test_an_hour_that_the_clock_skips_fires_right_after_it() -> None:
    found = next_after("30 2 * * *", at("2026-03-29T00:00"), "Europe/Berlin")
    assert found == at("2026-03-29T01:00")


def test_an_hour_that_comes_twice_fires_once() -> None:
    first = next_after("30 2 * * *", at("2026-10-24T12:00"), "Europe/Berlin")
    assert (first, next_after("30 2 * * *", first, "Europe/Berlin")) == (at("2026-10-25T00:30"), at("2026-10-26T01:30"))


def test_nothing_fires_before_its_time() -> None:
    later = at("2026-01-02T00:00")
    assert due("@daily", "UTC", next_at=later, now=later - timedelta(seconds=1)) == Due(fires=False, next_at=later)


def test_after_a_gap_one_run_makes_up_for_all_that_were_missed() -> None:
    found = due("@daily", "UTC", next_at=at("2026-01-02"), now=at("2026-01-05T06:00"))
    assert found == Due(fires=True, next_at=at("2026-01-06"), missed=3)


def test_a_long_gap_costs_little() -> None:
    found = due("* * * * *", "UTC", next_at=at("2020-01-01"), now=at("2026-01-05T06:00:30"))
    assert found == Due(fires=True, next_at=at("2026-01-05T06:01"), missed=1000)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(Refused, match="no time zone"):
        next_after("@daily", at("2026-01-01"), "Mars/Olympus")


def test_a_schedule_can_be_said_in_words() -> None:
    assert in_words("0 4 * * 1") == "At 04:00 on Monday"
