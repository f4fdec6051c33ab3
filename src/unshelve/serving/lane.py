"""The thread of a slow version: rows wait for it in a bounded line, so that the event loop never waits."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from unshelve.errors import Unavailable
from unshelve.schema.rows import Rows
from unshelve.serving.limits import Limits
from unshelve.serving.predictor import LooksUp, Predictor

Answers = list[dict[str, Any]]
_RETRY: Final = {"retry_after_seconds": 1}


@dataclass(eq=False, slots=True)
class _Ask:
    """One request that waits."""

    rows: Rows
    copies: Mapping[str, str] | None
    future: asyncio.Future[Answers]


class Lane:
    """Answers for one version, one call at a time, in the order of asking.

    Rows of several requests go into one call where the version allows it; each request then gets its own answers,
    and its own failure when one of them fails.
    """

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor = predictor
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Ask] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._asked: set[_Ask] = set()
        self._busy_since: float | None = None
        self._idle_since = self._loop.time()
        self._closed = False
        name = f"answers {predictor.model} {predictor.version}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def answer(self, rows: Rows, copies: Mapping[str, str] | None = None) -> Answers:
        """The answers to some rows. Raises Unavailable when too many wait already or the version hangs."""
        if len(self._asked) >= self._limits.queue:
            raise Unavailable(
                f"{self._limits.queue} requests are waiting for {self._name} already.",
                code="too-busy",
                hint="Ask again in a moment, or send more rows in one request.",
                details=_RETRY,
            )
        ask = _Ask(rows, copies, self._loop.create_future())
        self._asked.add(ask)
        with self._changed:
            self._waiting.append(ask)
            self._changed.notify()
        try:
            return await ask.future
        finally:
            self._asked.discard(ask)

    def working_seconds(self) -> float:
        """How long the call that is under way has taken; 0 when there is none."""
        since = self._busy_since
        return 0.0 if since is None else self._loop.time() - since

    def idle_seconds(self) -> float:
        """How long nobody has asked; 0 while somebody waits."""
        return 0.0 if self._asked else self._loop.time() - self._idle_since

    def give_up(self) -> None:
        """Fails everybody who waits; the thread goes on by itself if its call ever returns."""
        with self._changed:
            self._waiting.clear()
        for ask in tuple(self._asked):
            if not ask.future.done():
                ask.future.set_exception(
                    Unavailable(
                        f"{self._name} has not answered for {self._limits.answer_seconds:g} seconds.",
                        code="answer-too-slow",
                        details=_RETRY,
                    )
                )

    def close(self) -> None:
        """Ends the thread once nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def _name(self) -> str:
        return f"version {self.predictor.version} of {self.predictor.model}"

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                group = self._next_group()
            self._busy_since = self._loop.time()
            results = self._answer_together(group)
            self._busy_since = None
            try:
                self._loop.call_soon_threadsafe(self._deliver, results)
            except RuntimeError:  # the loop has ended, and everybody who waited with it
                return

    def _next_group(self) -> list[_Ask]:
        group = [self._waiting.popleft()]
        room = self.predictor.together - group[0].rows.n
        while self._waiting and self._waiting[0].rows.n <= room and self._waiting[0].copies == group[0].copies:
            group.append(self._waiting.popleft())
            room -= group[-1].rows.n
        return group

    def _answer_together(self, group: list[_Ask]) -> list[tuple[_Ask, Answers | Exception]]:
        if len(group) > 1:
            try:
                answers = iter(answer_from(self.predictor, _joined([ask.rows for ask in group]), group[0].copies))
                return [(ask, [next(answers) for _ in range(ask.rows.n)]) for ask in group]
            except (Exception, StopIteration):  # noqa: BLE001, S110  each is asked alone below, where its failure is its own
                pass
        results: list[tuple[_Ask, Answers | Exception]] = []
        for ask in group:
            try:
                results.append((ask, answer_from(self.predictor, ask.rows, ask.copies)))
            except Exception as error:  # noqa: BLE001  handed to the one who asked, at the edge
                results.append((ask, error))
        return results

    def _deliver(self, results: list[tuple[_Ask, Answers | Exception]]) -> None:
        self._idle_since = self._loop.time()
        for ask, result in results:
            if ask.future.done():
                continue
            if isinstance(result, Exception):
                ask.future.set_exception(result)
            else:
                ask.future.set_result(result)


def answer_from(predictor: Predictor, rows: Rows, copies: Mapping[str, str] | None) -> Answers:
    """The answers to some rows, from the newest copies of lookups or from those named."""
    if copies is not None and isinstance(predictor, LooksUp):
        return predictor.answer(rows, copies)
    return predictor.answer(rows)


def _joined(parts: list[Rows]) -> Rows:
    """The rows of several requests as one table; remarks are still read from the requests' own rows."""
    return Rows(parts[0].schema, [row for part in parts for row in part.values])
