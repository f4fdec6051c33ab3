"""When a batch that did not end is tried again, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unshelve.solution.sink_tries import (
    MOST_BREAKS,
    Standing,
    broken_off,
    how_it_ended,
    is_given_up,
    said_of,
    wait_after_break,
    was_ended,
)

NOW = datetime(2026, 3, 14, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def after(breaks: int, lasts: timedelta, row: int = 0) -> Standing:
    """Where a batch stands that was broken off so often at one row, over so long a time."""
    standing = Standing(row, NOW)
    for number in range(1, breaks + 1):
        standing = broken_off(standing, row, NOW + lasts * number / breaks)
    return standing


def test_fifty_kills_in_ten_minutes_do_not_give_a_batch_up() -> None:
    lasts = timedelta(minutes=10)
    assert not is_given_up(after(50, lasts), NOW + lasts)


def test_a_batch_that_gets_no_further_for_a_day_is_given_up_and_says_where_it_stood() -> None:
    standing = after(MOST_BREAKS, DAY, row=5_000)
    assert is_given_up(standing, NOW + DAY)
    assert said_of(standing, NOW + DAY).startswith("It was broken off 12 times in 24 hours at row 5,001,")


def test_a_server_that_was_off_for_a_week_goes_on_with_its_batch() -> None:
    assert not is_given_up(broken_off(Standing(0, NOW), 0, NOW + 7 * DAY), NOW + 7 * DAY)


def test_a_batch_that_gets_further_is_as_good_as_new() -> None:
    assert broken_off(after(40, DAY), 5_000, NOW + DAY) == Standing(5_000, NOW + DAY, 0)


def test_the_first_breaks_cost_no_wait_and_later_ones_more_and_more() -> None:
    waits = [wait_after_break(Standing(0, NOW, breaks)) for breaks in range(1, 10)]
    assert [each.total_seconds() for each in waits] == [0, 0, 0, 30, 120, 600, 1800, 1800, 1800]


def test_a_process_that_somebody_kills_is_told_from_one_that_falls_over() -> None:
    assert [was_ended(code, False) for code in (-9, -15, -11, -6, 1)] == [True, True, False, False, False]
    assert not was_ended(-9, True)


def test_how_a_process_ended_is_said_in_words() -> None:
    assert how_it_ended(-9, True, "").endswith("ended by the machine, whose memory was used up.")
    assert how_it_ended(-11, False, "").endswith("ended by SIGSEGV.")
    assert how_it_ended(1, False, "MemoryError").endswith("ended with 1: MemoryError.")
