"""The only reader of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time: aware UTC for what people read, seconds for what is measured."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that moves only when told to, for tests and for replaying schedules."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._seconds = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def move(self, by: timedelta) -> None:
        self._now += by
        self._seconds += by.total_seconds()


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware moment."""
    return int(moment.timestamp() * 1000)
