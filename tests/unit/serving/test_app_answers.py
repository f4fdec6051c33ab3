"""Answers over real HTTP: who is asked, what comes back, and what the log keeps of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving_tiny import MODEL, Served, Tiny, promote, wait_for
from unshelve.ids import ALPHABET


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as running:
        yield running


def test_each_row_gets_an_answer_with_its_id_and_version(served: Served) -> None:
    response = served.ask({"x": 1.5}, {"x": 2, "note": "two"})

    answers = response.json["answers"]
    ids = [answer.pop("id") for answer in answers]
    assert (response.status, response.json["model"]) == (200, MODEL)
    assert answers == [{"version": 1, "value": 3, "warnings": []}, {"version": 1, "value": 4, "warnings": []}]
    assert all(len(name) == 26 and set(name) <= set(ALPHABET) for name in ids)
    assert len(set(ids)) == 2


def test_the_log_keeps_what_was_asked_and_the_very_answer_that_left(served: Served) -> None:
    answers = served.ask({"x": 1.5}, {"x": 2.0}).json["answers"]

    records = served.logged()

    assert [json.loads(record.answer) for record in records] == answers
    assert [json.loads(record.row) for record in records] == [{"x": 1.5, "note": None}, {"x": 2.0, "note": None}]
    assert {(record.model, record.version, record.route) for record in records} == {(MODEL, 1, "model")}
    assert [record.id for record in records] == [answer["id"] for answer in answers]


def test_a_value_outside_of_what_training_had_is_answered_with_a_warning(served: Served) -> None:
    warnings = served.ask({"x": 1000}).json["answers"][0]["warnings"]

    assert [warning["field"] for warning in warnings] == ["x"]


def test_a_version_can_be_asked_before_it_is_released(served: Served) -> None:
    response = served.send(f"/api/models/{MODEL}/versions/2/predict", body=b'{"rows":[{"x":1}]}')

    assert [answer["version"] for answer in response.json["answers"]] == [2]
    assert [record.route for record in served.logged()] == ["version"]


def test_a_promotion_is_taken_over_without_a_failed_call(served: Served) -> None:
    stop = threading.Event()
    versions: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            versions.append(served.ask({"x": 1}).json["answers"][0]["version"])

    caller = threading.Thread(target=ask)
    caller.start()
    promote(served.database, 2)
    wait_for(lambda: bool(versions) and versions[-1] == 2)
    promote(served.database, 1)
    wait_for(lambda: versions[-1] == 1)
    stop.set()
    caller.join()

    assert set(versions) == {1, 2}


def test_a_release_made_this_moment_is_found_by_the_first_who_asks(served: Served) -> None:
    served.releases.versions["tiny.new", 1] = Tiny(1, model="tiny.new")
    promote(served.database, 1, model="tiny.new")

    response = served.send("/api/models/tiny.new/predict", body=b'{"rows":[{"x":1}]}')

    assert response.status == 200


def test_releases_that_cannot_be_loaded_leave_the_former_ones_answering(served: Served) -> None:
    served.releases.broken = True
    promote(served.database, 2)
    wait_for(lambda: served.send("/health/ready", method="GET").status == 503)

    assert served.ask({"x": 1}).json["answers"][0]["version"] == 1

    served.releases.broken = False
    promote(served.database, 2)
    wait_for(lambda: served.send("/health/ready", method="GET").status == 200)
    assert served.ask({"x": 1}).json["answers"][0]["version"] == 2


def test_health_is_public_and_says_nothing_more(served: Served) -> None:
    assert served.send("/health/live", method="GET", key=None).json == {"live": True}
    assert served.send("/health/ready", method="GET", key=None).json == {"ready": True}


def test_any_other_path_is_answered_by_control(served: Served) -> None:
    for path in ("/", "/api/models", "/api/models/a.b/versions/x/predict", "/api/models//predict", "/health/other"):
        assert served.send(path, method="GET", key=None).json == {"control": path}


def test_many_rows_are_answered_by_another_thread_with_the_same_answers(served: Served) -> None:
    rows: list[dict[str, object]] = [{"x": float(n % 100)} for n in range(10_000)]

    answers = served.ask(*rows).json["answers"]

    assert [answer["value"] for answer in answers] == [2 * float(n % 100) for n in range(10_000)]
    assert len(served.logged()) == 10_000


def test_every_response_carries_the_headers_that_keep_browsers_in_bounds(served: Served) -> None:
    responses = [
        served.ask({"x": 1}),
        served.ask({"x": "one"}),
        served.ask({"x": 1}, key=None),
        served.send("/health/live", method="GET"),
    ]

    for response in responses:
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers


def test_no_answer_leaves_that_the_log_could_not_take(served: Served) -> None:
    folder = served.home.predictions / "open"
    folder.write_text("a file where the folder should be")

    response = served.ask({"x": 1})

    assert (response.status, response.json["code"]) == (503, "prediction-log-unwritable")
    assert response.headers["retry-after"] == "10"
    assert served.send("/health/ready", method="GET").status == 503
    folder.unlink()
    assert served.ask({"x": 1}).status == 200
    assert served.send("/health/ready", method="GET").status == 200
