"""How often somebody may try to sign in. Kept in the memory of the control process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from unshelve.clock import Clock
from unshelve.errors import TooMany
from unshelve.wire import RETRY_AFTER

WINDOW_SECONDS: Final = 900.0

# A name alone has a high limit: a low one would let anybody lock a user out by guessing badly on purpose.
MOST_PER_PAIR: Final = 5
MOST_PER_ADDRESS: Final = 20
MOST_PER_NAME: Final = 50

_MOST_SUBJECTS: Final = 20_000


class Attempts:
    """Counts attempts per user name, per address, and per both, over the last 15 minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    @contextmanager
    def one(self, name: str, address: str) -> Iterator[None]:
        """One attempt: counted when it begins, so that many at once are many, and forgiven when the block succeeds.

        Raises TooMany, with the seconds to wait, before the block is entered. Without a name (for links, which
        nobody can guess) only the address counts.
        """
        limits = self._limits(name, address)
        with self._lock:
            now = self._clock.monotonic()
            wait = max(self._wait(subject, most, now) for subject, most in limits)
            if wait > 0:
                seconds = int(wait) + 1
                raise TooMany(
                    "There were too many attempts to sign in.",
                    hint=f"Try again in {(seconds + 59) // 60} minutes, or ask an owner for a sign-in link.",
                    details={RETRY_AFTER: seconds},
                )
            for subject, _ in limits:
                self._times.setdefault(subject, deque()).append(now)
                self._times.move_to_end(subject)
            while len(self._times) > _MOST_SUBJECTS:
                self._times.popitem(last=False)
        yield
        with self._lock:
            for subject, _ in limits:
                times = self._times.get(subject)
                if times and now in times:
                    times.remove(now)

    def _limits(self, name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        of_address = (("", address), MOST_PER_ADDRESS)
        if not name:
            return (of_address,)
        return ((name, address), MOST_PER_PAIR), of_address, ((name, ""), MOST_PER_NAME)

    def _wait(self, subject: tuple[str, str], most: int, now: float) -> float:
        times = self._times.get(subject)
        if times is None:
            return 0.0
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if not times:
            del self._times[subject]
            return 0.0
        return times[-most] + WINDOW_SECONDS - now if len(times) >= most else 0.0
