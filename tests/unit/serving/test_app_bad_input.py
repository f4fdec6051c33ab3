"""Bad input over real HTTP: a clear refusal, and nothing is logged."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from serving_tiny import MODEL, Served, head, read_response
from unshelve.serving.limits import Limits

LIMITS = Limits(body_bytes=12_000_000)
DEEP = b'{"rows":[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"

BAD = {
    "no JSON": (b"{rows", 400),
    "nothing": (b"", 400),
    "another shape": (b'{"row":[{"x":1}]}', 400),
    "a list": (b"[1]", 400),
    "no rows": (b'{"rows":[]}', 422),
    "deep": (DEEP, 400),
    "deep and cut off": (b"[" * 100_000, 400),
    "invalid UTF-8": (b'{"rows":[{"x":1,"note":"\xff\xfe"}]}', 400),
    "a lone surrogate": (b'{"rows":[{"x":1,"note":"\\ud800"}]}', 400),
    "long string": (b'{"rows":[{"x":1,"note":"' + b"a" * 10_000_000 + b'"}]}', 422),
    "unknown field": (b'{"rows":[{"x":1,"z":2}]}', 422),
    "missing field": (b'{"rows":[{}]}', 422),
    "wrong type": (b'{"rows":[{"x":"1"}]}', 422),
    "NaN": (b'{"rows":[{"x":NaN}]}', 422),
    "Infinity": (b'{"rows":[{"x":-Infinity}]}', 422),
    "too big a number": (b'{"rows":[{"x":1e400}]}', 422),
    "a key twice": (b'{"rows":[{"x":1,"x":2}]}', 422),
    "null": (b'{"rows":[{"x":null}]}', 422),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served"), limits=LIMITS) as running:
        yield running


@pytest.mark.parametrize("name", BAD)
def test_a_body_that_cannot_be_answered_is_refused_and_not_logged(served: Served, name: str) -> None:
    body, status = BAD[name]
    before = len(served.logged())

    response = served.send(served.path, body=body)

    assert response.status == status, response.body[:300]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json["status"] == response.status
    assert response.json["detail"]
    assert len(response.body) < 3000
    assert len(served.logged()) == before
    assert served.ask({"x": 1}).status == 200


def test_every_bad_field_is_named_at_once(served: Served) -> None:
    response = served.ask({"x": "one", "nota": "a"}, {"x": 1}, {"note": 5})

    found = {(problem["row"], problem["field"]) for problem in response.json["problems"]}
    assert found == {(0, "x"), (0, "nota"), (2, "x"), (2, "note")}


def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(served: Served) -> None:
    headers = {"content-length": "999999999999", "expect": "100-continue"}

    response = served.send(served.path, headers=headers)

    assert (response.status, response.json["code"]) == (413, "too-large")
    assert response.headers["connection"] == "close"


def test_a_client_that_sends_too_much_all_the_same_can_read_the_refusal(served: Served) -> None:
    response = served.send(served.path, body=b" " * 20_000_000)

    assert response.status == 413


def test_a_body_in_chunks_is_refused_when_it_has_become_too_long(served: Served) -> None:
    headers = {"host": "x", "content-type": "application/json", "authorization": f"Bearer {served.key}"}
    chunk = b"%x\r\n" % 1_000_000 + b" " * 1_000_000 + b"\r\n"
    with served.connect() as sock:
        sock.sendall(head("POST", served.path, {**headers, "transfer-encoding": "chunked"}))
        for _ in range(13):
            sock.sendall(chunk)
        sock.sendall(b"0\r\n\r\n")
        response = read_response(sock)

    assert response.status == 413


def test_a_body_in_chunks_is_read_when_it_is_short_enough(served: Served) -> None:
    headers = {"host": "x", "content-type": "application/json", "authorization": f"Bearer {served.key}"}
    with served.connect() as sock:
        sock.sendall(head("POST", served.path, {**headers, "transfer-encoding": "chunked"}))
        for part in (b'{"rows":', b'[{"x"', b":4}]}"):
            sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        sock.sendall(b"0\r\n\r\n")
        response = read_response(sock)

    assert response.json["answers"][0]["value"] == 8


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "text/csv"]
)
def test_a_content_type_that_is_not_read_is_said(served: Served, kind: str) -> None:
    response = served.ask({"x": 1}, headers={"content-type": kind})

    assert (response.status, response.json["code"]) == (415, "unsupported-type")


def test_parameters_and_case_of_the_content_type_do_not_matter(served: Served) -> None:
    assert served.ask({"x": 1}, headers={"content-type": "Application/JSON; charset=utf-8"}).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_told_the_right_one(served: Served, method: str) -> None:
    response = served.send(served.path, method=method)

    assert response.status == 405
    assert response.headers["allow"] == "POST"


def test_an_unknown_model_is_not_found_and_a_near_one_is_named(served: Served) -> None:
    response = served.send("/api/models/tiny.doubel/predict", body=b'{"rows":[{"x":1}]}')

    assert (response.status, response.json["near"]) == (404, [MODEL])


@pytest.mark.parametrize("name", ["a.b", "../../etc/passwd", "a%2Fb", "%00", "%ff", "tiny.double%20", "🐟", "x" * 5000])
def test_a_strange_name_of_a_model_is_only_not_found(served: Served, name: str) -> None:
    response = served.send(f"/api/models/{name}/predict".replace("🐟", "%F0%9F%90%9F"), body=b"{}")

    assert response.status == 404 or "control" in response.json


@pytest.mark.parametrize("number", ["9", "0", "999999999"])
def test_an_unknown_version_is_not_found(served: Served, number: str) -> None:
    response = served.send(f"/api/models/{MODEL}/versions/{number}/predict", body=b'{"rows":[{"x":1}]}')

    assert (response.status, response.json["code"]) == (404, "model-version-not-found")


@pytest.mark.parametrize(("note", "code"), [("few", "answers-not-one-a-row"), ("object", "answer-not-json")])
def test_a_version_that_answers_nonsense_is_to_blame(served: Served, note: str, code: str) -> None:
    response = served.ask({"x": 1, "note": note})

    assert (response.status, response.json["code"]) == (422, code)


def test_the_failure_of_a_versions_own_code_is_said(served: Served) -> None:
    response = served.ask({"x": 1, "note": "fail"})

    assert (response.status, response.json["code"]) == (422, "user-code-failed")


def test_a_mistake_of_ours_is_a_500_that_tells_nothing(served: Served) -> None:
    response = served.ask({"x": 1, "note": "break"})

    assert response.status == 500
    assert "secret" not in json.dumps(response.json)
    assert served.ask({"x": 1}).status == 200
