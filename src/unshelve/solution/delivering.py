"""Sends what is in the outbox to webhooks: signed, tried again with growing waits, and set aside when nothing helps.

At least once: a receiver that answered and was not heard is told again, with the same `webhook-id`. One receiver that
hangs keeps no other waiting. Answers are followed in the prediction log; all else comes from the outbox.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from unshelve.clock import milliseconds
from unshelve.errors import Refused, UnshelveError
from unshelve.ids import first_id, milliseconds_of
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.record import Record
from unshelve.registry.webhooks import (
    Delivery,
    DeliveryState,
    Webhook,
    change_delivery,
    change_webhook,
    due_deliveries,
    forget_delivered,
    get_webhook,
    post,
    webhooks,
)
from unshelve.security import fetch
from unshelve.security.actors import LOCAL
from unshelve.security.audit import append
from unshelve.security.fetch import FetchLimits
from unshelve.security.secrets import kept_secret
from unshelve.security.urls import UrlRules
from unshelve.security.webhook_signing import signed_headers
from unshelve.settings import Settings
from unshelve.solution.control import Control

_LOGGER: Final = logging.getLogger("unshelve.webhooks")

POLL_SECONDS: Final = 1.0
WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 3 * 3600, 8 * 3600, 24 * 3600))
"""How long a delivery waits after each try that failed, give or take a fifth; after the last it is set aside."""
SWITCHED_OFF_AFTER: Final = timedelta(days=3)
"""A webhook for which nothing has worked for so long is told of nothing more."""
KEPT: Final = timedelta(days=14)
"""How long a delivery that arrived stays on its page."""
LIMITS: Final = FetchLimits(size_bytes=64_000, timeout_seconds=10.0, redirects=0)
_AT_ONCE: Final = 8
_IN_A_ROW: Final = 50
_OVERLAP_MILLISECONDS: Final = 10_000
"""Answers of several processes come into the log in another order than their ids: so far back is looked again."""
_WINDOW_MILLISECONDS: Final = 60_000
_CURSOR_MILLISECONDS: Final = 5_000
"""How far the cursor may lag behind while there are no answers."""
_GONE: Final = 410


class Deliverer:
    """Sends deliveries until it is closed. `predictions` is where answers are followed; without it they are not."""

    def __init__(
        self,
        control: Control,
        predictions: PredictionLog | None = None,
        *,
        limits: FetchLimits = LIMITS,
        chance: random.Random | None = None,
    ) -> None:
        self._control = control
        self._predictions = predictions
        self._limits = limits
        self._chance = chance or random.Random()  # noqa: S311  only spreads tries over time
        self._closing = threading.Event()
        self._busy: set[str] = set()
        self._told: dict[str, frozenset[str]] = {}
        """The newest answers that are in each webhook's outbox, so that the database is not asked for each again."""
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def begin(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send nothing more; what is under way is waited for, for as long as one try may take."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=20)
        self._pool.shutdown(cancel_futures=True)

    def turn(self) -> None:
        """Look once for answers and deliveries, and hand what is due to the threads that send."""
        self._follow()
        with self._control.database.read() as connection:
            due = due_deliveries(connection, now=self._control.clock.now())
        by_webhook: dict[str, list[Delivery]] = {}
        for one in due:
            by_webhook.setdefault(one.webhook, []).append(one)
        for name, waiting in by_webhook.items():
            with self._lock:
                if name in self._busy:
                    continue
                self._busy.add(name)
            self._pool.submit(self._send_all, name, waiting[:_IN_A_ROW])

    def wait(self) -> None:
        """Wait until nothing is under way: for tests and for those who stop."""
        self._pool.shutdown(wait=True)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")

    def _work(self) -> None:
        while not self._closing.wait(POLL_SECONDS):
            try:
                self.turn()
            except Exception:  # the edge of the thread: logged, and tried again at the next turn
                _LOGGER.exception("webhooks could not be looked after")

    def _send_all(self, name: str, waiting: Iterable[Delivery]) -> None:
        try:
            with self._control.database.read() as connection:
                to = get_webhook(connection, name)
            for one in waiting:
                if self._closing.is_set() or not self._send(to, one):
                    return  # the next would most likely fail as well; it has its own turn
        except Exception:  # the edge of the thread: logged, and what waits is due again
            _LOGGER.exception("webhook %s could not be told", name)
        finally:
            with self._lock:
                self._busy.discard(name)

    def _send(self, to: Webhook, one: Delivery) -> bool:
        """Try one delivery once and write down what came of it; whether it arrived."""
        status, problem, hopeless = None, None, False
        try:
            answer = fetch.post(
                to.url,
                one.body,
                self._headers(to, one),
                rules=url_rules(self._control.settings),
                limits=self._limits,
            )
            status = answer.status
            if not 200 <= status < 300:
                problem = f"It answered {status}."
        except Refused as error:
            problem = str(error)
            # What was answered too long was received all the same: only the address itself is past mending.
            hopeless = error.subject_code in ("url-refused", "secret-empty")
        except UnshelveError as error:
            problem = str(error)
        self._keep(to, one, status, problem, hopeless=hopeless)
        return problem is None

    def _headers(self, to: Webhook, one: Delivery) -> dict[str, str]:
        secret = kept_secret(self._control.home.secrets, to.secret)
        return {
            "content-type": "application/json",
            "user-agent": "unshelve-webhooks",
            **signed_headers(secret, one.id, one.body, self._control.clock.now()),
        }

    def _keep(self, to: Webhook, one: Delivery, status: int | None, problem: str | None, *, hopeless: bool) -> None:
        now = self._control.clock.now()
        moment, attempts = milliseconds(now), one.attempts + 1
        with self._control.database.write() as connection:
            if problem is None:
                change_delivery(
                    connection,
                    one.id,
                    state=DeliveryState.DELIVERED.value,
                    attempts=attempts,
                    ended_at=moment,
                    status=status,
                    error=None,
                )
                if to.failing_since is not None:
                    change_webhook(connection, to.id, failing_since=None)
                return
            dead = hopeless or status == _GONE or attempts > len(WAITS)
            values: dict[str, object] = {"attempts": attempts, "status": status, "error": problem}
            if dead:
                values |= {"state": DeliveryState.DEAD.value, "ended_at": moment}
            else:
                values["next_at"] = milliseconds(now + self._spread(WAITS[attempts - 1]))
            change_delivery(connection, one.id, **values)
            since = to.failing_since or moment
            change_webhook(connection, to.id, failing_since=since)
            why = _why_off(status, problem, since, moment)
            if why is not None:
                change_webhook(connection, to.id, disabled=why)
                append(connection, LOCAL, "switch off webhook", to.id, {"url": to.url, "why": why}, now=now)

    def _spread(self, wait: timedelta) -> timedelta:
        """A wait, give or take a fifth: what failed together is not tried again together."""
        return wait * self._chance.uniform(0.8, 1.2)

    def _follow(self) -> None:
        """Put the answers that were given since the last turn into the outboxes that want them."""
        if self._predictions is None:
            return
        with self._control.database.read() as connection:
            wanting = [one for one in webhooks(connection) if "prediction" in one.events and one.disabled is None]
        for to in wanting:
            self._follow_for(to, self._control.clock.now())

    def _follow_for(self, to: Webhook, now: datetime) -> None:
        from_id = first_id(max(milliseconds_of(to.cursor) - _OVERLAP_MILLISECONDS, to.made_at))
        end = min(milliseconds(now) + 1, milliseconds_of(to.cursor) + _WINDOW_MILLISECONDS)
        found = self._answers(from_id, first_id(end))
        new = [record for record in found if record.id not in self._told.get(to.id, ())]
        if not new and end - milliseconds_of(to.cursor) < _CURSOR_MILLISECONDS:
            return
        with self._control.database.write() as connection:
            for record in new:
                solution = record.model.partition(".")[0]
                if to.solution in (None, solution):
                    told = _told(record)
                    at = datetime.fromtimestamp(record.time / 1000, UTC)
                    post(connection, to, "prediction", record.model, told, now=at, unique=record.id)
            change_webhook(connection, to.id, cursor=first_id(end))
        self._told[to.id] = frozenset(record.id for record in found)

    def _answers(self, first: str, end: str) -> list[Record]:
        """The answers with ids from `first` up to `end`, the oldest first."""
        assert self._predictions is not None
        found: list[Record] = []
        before = end
        while True:
            page = self._predictions.recent(limit=500, before=before)
            found += [record for record in page if record.id >= first]
            if len(page) < 500 or page[-1].id < first:
                return found[::-1]
            before = page[-1].id


def tidy_deliveries(control: Control) -> None:
    """Forget deliveries that arrived long ago."""
    with control.database.write() as connection:
        forget_delivered(connection, before=control.clock.now() - KEPT)


def url_rules(settings: Settings) -> UrlRules:
    """Which addresses webhooks may be sent to: public ones, and the hosts that an administrator named."""
    hosts = (host.strip().lower() for host in settings.webhook_hosts.split(","))
    return UrlRules(own=frozenset(host for host in hosts if host))


def _told(record: Record) -> dict[str, object]:
    """What a webhook is told of an answer. The row that was asked about stays at home; its id finds it."""
    answer = msgspec.json.decode(record.answer)
    return {
        "prediction": record.id,
        "model": record.model,
        "version": record.version,
        "at": record.time,
        "route": record.route,
        "answer": answer,
    }


def _why_off(status: int | None, problem: str, since: int, moment: int) -> str | None:
    if status == _GONE:
        return "The address answered 410: it wants nothing more."
    if moment - since > SWITCHED_OFF_AFTER.total_seconds() * 1000:
        return f"Nothing has reached it for {SWITCHED_OFF_AFTER.days} days; the last time: {problem}"
    return None
