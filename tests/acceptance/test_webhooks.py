"""Webhooks against a real receiver that fails, hangs, redirects, is gone, and then answers."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from predictions_log_files import closed
from unshelve.clock import FakeClock, milliseconds
from unshelve.errors import Refused
from unshelve.ids import new_id
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.record import Record
from unshelve.registry import runs
from unshelve.registry.runs import RunState
from unshelve.registry.webhooks import (
    DeliveryState,
    Webhook,
    add_webhook,
    announce,
    deliveries,
    get_webhook,
    replay,
)
from unshelve.security.fetch import FetchLimits
from unshelve.security.secrets import set_secret
from unshelve.security.webhook_signing import new_signing_secret, verify_webhook
from unshelve.solution.control import Control
from unshelve.solution.delivering import SWITCHED_OFF_AFTER, WAITS, Deliverer
from web_house import NothingSealed

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
SECRET = new_signing_secret()


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent and answers as it is told."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    """What it answers next, in order; then 204."""
    hangs: str = ""
    """The path at which it says nothing until the test is over."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if self.path == made.hangs:
                made.over.wait(30)
                return
            status = made.answers.pop(0) if made.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"http://127.0.0.1:{made.port}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the standard library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        made.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """A home whose administrator lets webhooks reach this machine."""
    monkeypatch.setenv("UNSHELVE_WEBHOOK_HOSTS", "127.0.0.1")
    with Control.open(tmp_path / "home", clock=FakeClock(NOW)) as opened:
        set_secret(opened.home.secrets, "HOOK", SECRET)
        yield opened


def webhook(control: Control, url: str, *events: str) -> Webhook:
    with control.database.write() as connection:
        return add_webhook(
            connection, url, events or ("release",), secret="HOOK", actor="ada", solution=None, now=control.clock.now()
        )


def released(control: Control, number: int = 2) -> None:
    with control.database.write() as connection:
        announce(connection, "release", "shop.late", {"to": number}, now=control.clock.now())


def turn(control: Control, later: timedelta = timedelta(0), predictions: PredictionLog | None = None) -> None:
    """One turn of the deliverer, so much later, and all that it sends."""
    assert isinstance(control.clock, FakeClock)
    control.clock.move(later)
    limits = FetchLimits(timeout_seconds=0.5, size_bytes=1000)
    deliverer = Deliverer(control, predictions, limits=limits, chance=random.Random(1))
    deliverer.turn()
    deliverer.wait()
    deliverer.close()


def states(control: Control) -> list[tuple[str, int, int | None]]:
    with control.database.read() as connection:
        return [(one.state.value, one.attempts, one.status) for one in reversed(deliveries(connection))]


def test_a_message_is_signed_and_says_what_happened(control: Control, receiver: Receiver) -> None:
    webhook(control, receiver.url)
    released(control)
    turn(control)
    headers, body = receiver.got[0]
    verify_webhook(SECRET, headers, body, NOW)
    told = json.loads(body)
    assert (told["type"], told["data"], told["id"]) == ("release", {"to": 2}, headers["webhook-id"])
    assert states(control) == [("delivered", 1, 204)]
    with pytest.raises(Refused, match="not signed"):
        verify_webhook(SECRET, headers, body + b" ", NOW)


def test_what_fails_is_tried_again_with_growing_waits_and_the_same_id(control: Control, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    webhook(control, receiver.url)
    released(control)
    turn(control)
    turn(control, WAITS[0] * 0.5)
    assert states(control) == [("waiting", 1, 500)]
    turn(control, WAITS[0])
    turn(control, WAITS[1] * 1.3)
    assert states(control) == [("delivered", 3, 204)]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_a_receiver_that_hangs_keeps_no_other_waiting(control: Control, receiver: Receiver) -> None:
    receiver.hangs = "/hook"
    webhook(control, receiver.url)
    released(control)
    webhook(control, receiver.url.replace("hook", "other"))
    released(control)
    turn(control)
    assert sorted(state for state, _, _ in states(control)) == ["delivered", "waiting", "waiting"]


def test_a_redirect_is_not_followed(control: Control, receiver: Receiver) -> None:
    receiver.answers = [302]
    webhook(control, receiver.url)
    released(control)
    turn(control)
    assert states(control) == [("waiting", 1, 302)]
    assert len(receiver.got) == 1


def test_a_receiver_that_is_gone_is_told_nothing_more(control: Control, receiver: Receiver) -> None:
    receiver.answers = [410]
    to = webhook(control, receiver.url)
    released(control)
    turn(control)
    released(control, 3)
    turn(control)
    with control.database.read() as connection:
        assert str(get_webhook(connection, to.id).disabled).startswith("The address answered 410")
    assert states(control) == [("dead", 1, 410)]


def test_after_the_last_try_a_message_is_set_aside_and_can_be_sent_again(control: Control, receiver: Receiver) -> None:
    receiver.answers = [500] * (len(WAITS) + 1)
    webhook(control, receiver.url)
    released(control)
    for wait in (timedelta(0), *WAITS):
        turn(control, wait * 1.3)
    assert states(control) == [("dead", len(WAITS) + 1, 500)]
    with control.database.write() as connection:
        replay(connection, deliveries(connection, state=DeliveryState.DEAD)[0].id, now=control.clock.now())
    turn(control)
    assert states(control) == [("delivered", 1, 204)]


def test_a_webhook_that_nothing_reaches_for_days_is_switched_off(control: Control, receiver: Receiver) -> None:
    receiver.answers = [500] * 9
    to = webhook(control, receiver.url)
    released(control)
    turn(control)
    released(control, 3)
    turn(control, SWITCHED_OFF_AFTER + timedelta(hours=1))
    with control.database.read() as connection:
        assert "Nothing has reached it for 3 days" in str(get_webhook(connection, to.id).disabled)


def test_an_address_of_this_machine_is_refused_unless_it_is_allowed(
    control: Control, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(control, receiver.url.replace("127.0.0.1", "localhost"))
    released(control)
    turn(control)
    assert receiver.got == []
    with control.database.read() as connection:
        assert "leads to this machine or its own network" in str(deliveries(connection)[0].error)


def test_a_failed_run_is_told_in_the_transaction_that_ends_it(control: Control, receiver: Receiver) -> None:
    webhook(control, receiver.url, "run-failed")
    with control.database.write() as connection:
        run = runs.queue(connection, solution="shop", cause="c", actor="a", parameters={}, now=NOW)
    with pytest.raises(ZeroDivisionError), control.database.write() as connection:
        runs.end(connection, run.id, RunState.FAILED, now=NOW, error="no")
        _ = 1 / 0
    assert states(control) == []
    with control.database.write() as connection:
        runs.end(connection, run.id, RunState.FAILED, now=NOW, error="the source was away")
    turn(control)
    assert json.loads(receiver.got[0][1])["data"]["error"] == "the source was away"


def test_each_answer_is_told_once_however_often_the_log_is_looked_at(control: Control, receiver: Receiver) -> None:
    webhook(control, receiver.url, "prediction")
    log = PredictionLog(control.database, control.home.predictions, NothingSealed())
    records = [_record(NOW + timedelta(seconds=n), n) for n in range(3)]
    closed(control.home.predictions, records)
    for _ in range(4):
        turn(control, timedelta(seconds=20), log)
    told = [json.loads(body)["data"] for _, body in receiver.got]
    assert [one["prediction"] for one in told] == [record.id for record in records]
    assert told[0]["answer"] == {"label": True}
    assert "row" not in told[0]


def _record(at: datetime, number: int) -> Record:
    return Record(
        id=new_id(milliseconds(at)), time=milliseconds(at), model="shop.late", version=1, actor="a", route="model",
        row=b'{"n": %d}' % number, answer=b'{"label": true}', seconds=0.001,
    )  # fmt: skip
