"""Slow versions: they get a thread and a line of their own, and hold up nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving_tiny import MODEL, Response, Served, Tiny, wait_for
from unshelve.serving.limits import Limits


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, Tiny(slow=True), limits=Limits(queue=3, answer_seconds=60)) as running:
        yield running


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_a_slow_version_answers_as_a_fast_one_does(served: Served) -> None:
    answers = served.ask({"x": 1}, {"x": 2}).json["answers"]

    assert [answer["value"] for answer in answers] == [2, 4]


def test_others_are_answered_while_a_slow_version_works(served: Served, callers: ThreadPoolExecutor) -> None:
    waiting = callers.submit(served.ask, {"x": 1, "note": "wait"})
    wait_for(lambda: served.tiny.calls == [1])

    assert served.send("/health/ready", method="GET").status == 200
    assert served.send(f"/api/models/{MODEL}/versions/2/predict", body=b'{"rows":[{"x":1}]}').status == 200
    served.tiny.gate.set()
    assert waiting.result().status == 200


def test_a_line_that_is_full_turns_away_and_says_when_to_come_again(
    served: Served, callers: ThreadPoolExecutor
) -> None:
    waiting = [callers.submit(served.ask, {"x": 1, "note": "wait"})]
    wait_for(lambda: served.tiny.calls == [1])
    waiting += [callers.submit(served.ask, {"x": n}) for n in range(2, 9)]

    def turned_away() -> list[Response]:
        return [each.result() for each in waiting if each.done() and each.result().status == 503]

    wait_for(lambda: len(turned_away()) == 5)
    assert {(each.json["code"], each.headers["retry-after"]) for each in turned_away()} == {("too-busy", "1")}
    served.tiny.gate.set()
    assert sorted(each.result().status for each in waiting) == [200] * 3 + [503] * 5
    assert len(served.logged()) == 3


def test_rows_that_wait_are_answered_by_one_call_where_the_version_allows_it(
    tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    with Served(tmp_path, Tiny(slow=True, together=5)) as served:
        first = callers.submit(served.ask, {"x": 0, "note": "wait"})
        wait_for(lambda: served.tiny.calls == [1])
        waiting = [callers.submit(served.ask, {"x": n}, {"x": n + 0.5}) for n in range(1, 7)]
        wait_for(lambda: len(waiting_requests(served)) == 7)
        served.tiny.gate.set()

        values = [[answer["value"] for answer in each.result().json["answers"]] for each in waiting]

    assert first.result().status == 200
    assert values == [[2.0 * n, 2.0 * n + 1] for n in range(1, 7)]
    assert served.tiny.calls == [1, 4, 4, 4]


def waiting_requests(served: Served) -> list[object]:
    return [ask for lane in served.app._lanes._lanes.values() for ask in lane._asked]


def test_the_failure_of_one_request_is_not_that_of_those_it_waited_with(
    tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    with Served(tmp_path, Tiny(slow=True, together=100)) as served:
        callers.submit(served.ask, {"x": 0, "note": "wait"})
        wait_for(lambda: served.tiny.calls == [1])
        notes = [None, "fail", None, "few"]
        waiting = [callers.submit(served.ask, {"x": n, "note": note}) for n, note in enumerate(notes)]
        wait_for(lambda: len(waiting_requests(served)) == 5)
        served.tiny.gate.set()

        statuses = [each.result().status for each in waiting]

    assert statuses == [200, 422, 200, 422]


def test_a_version_that_hangs_is_given_up_and_reported(tmp_path: Path, callers: ThreadPoolExecutor) -> None:
    tiny = Tiny(slow=True)
    with Served(tmp_path, tiny, limits=Limits(answer_seconds=0.2, stuck_seconds=0.6)) as served:
        first = callers.submit(served.ask, {"x": 1, "note": "wait"})
        wait_for(lambda: bool(tiny.calls))
        second = callers.submit(served.ask, {"x": 2})

        codes = {each.result().json["code"] for each in (first, second)}
        wait_for(lambda: bool(served.hanging))

        assert codes == {"answer-too-slow"}
        assert served.hanging[0] == f"{MODEL} version 1"
        assert served.send("/health/ready", method="GET").json == {"ready": False, "missing": ["a version hangs"]}
        assert served.logged() == []


def test_many_rows_for_a_slow_version_are_answered_too(served: Served) -> None:
    rows: list[dict[str, object]] = [{"x": float(n)} for n in range(6000)]

    answers = served.ask(*rows).json["answers"]

    assert [answer["value"] for answer in answers] == [2.0 * n for n in range(6000)]
