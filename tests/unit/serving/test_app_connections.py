"""Connections that behave badly: slow, pipelined, cut off, or lying about their length."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving_tiny import Served, head, read_response, wait_for
from unshelve.serving.limits import Limits

LIMITS = Limits(head_seconds=0.3, stall_seconds=0.3, slowest_bytes_per_second=100, keep_alive_seconds=1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, limits=LIMITS) as running:
        yield running


def asking(served: Served, body: bytes, **headers: str) -> bytes:
    said = {"host": "x", "content-type": "application/json", "authorization": f"Bearer {served.key}"}
    said["content-length"] = str(len(body))
    return head("POST", served.path, said | {name.replace("_", "-"): value for name, value in headers.items()})


def row(x: float) -> bytes:
    return json.dumps({"rows": [{"x": x}]}).encode()


def ended(sock: socket.socket) -> bool:
    """Whether the server closes the connection, whatever it says before."""
    sock.settimeout(5)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_connection_that_asks_nothing_is_closed(served: Served) -> None:
    with served.connect() as sock:
        assert ended(sock)


def test_a_head_that_does_not_end_is_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"POST /api/models/a/predict HTTP/1.1\r\nhost: x\r\nx-more:")
        response = read_response(sock)

        assert (response.status, response.json["code"]) == (408, "request-too-slow")
        assert ended(sock)


def test_a_head_that_comes_letter_by_letter_is_refused_all_the_same(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        sock.settimeout(0.05)
        status = b""
        for _ in range(40):
            try:
                sock.sendall(b"a")
                status += sock.recv(100)
            except TimeoutError:
                continue
            except OSError:
                break
            if status:
                break

    assert b"408" in status


def test_a_body_that_does_not_come_is_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1), content_length="500") + row(1))
        response = read_response(sock)

        assert response.status == 408
        assert ended(sock)
    assert served.logged() == []


def test_a_body_that_trickles_is_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, b" " * 10_000))
        sock.settimeout(0.05)
        status = b""
        for _ in range(60):
            try:
                sock.sendall(b" ")
                status += sock.recv(100)
            except TimeoutError:
                continue
            if status:
                break

    assert b"408" in status


def test_a_head_without_measure_is_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n" + b"x-more: a\r\n" * 20_000)

        assert read_response(sock).status == 431


def test_what_is_no_http_is_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00hello\r\n\r\n")

        assert read_response(sock).status == 400


def test_requests_sent_at_once_are_answered_in_their_order(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"".join(asking(served, row(n)) + row(n) for n in range(40)))
        answers = [read_response(sock).json["answers"][0]["value"] for _ in range(40)]

    assert answers == [2.0 * n for n in range(40)]
    assert len(served.logged()) == 40


def test_a_refusal_among_requests_sent_at_once_does_not_disturb_the_others(served: Served) -> None:
    bad = b'{"rows":[{"x":"one"}]}'
    with served.connect() as sock:
        sock.sendall(asking(served, row(1)) + row(1) + asking(served, bad) + bad + asking(served, row(2)) + row(2))
        statuses = [read_response(sock).status for _ in range(3)]

    assert statuses == [200, 422, 200]


def test_a_connection_serves_again_after_a_request_without_credentials(served: Served) -> None:
    said = {"host": "x", "content-type": "application/json", "content-length": str(len(row(1)))}
    with served.connect() as sock:
        sock.sendall(head("POST", served.path, said) + row(1) + asking(served, row(2)) + row(2))
        statuses = [read_response(sock).status for _ in range(2)]

    assert statuses == [401, 200]


def test_a_body_longer_than_it_says_is_no_second_request_that_anybody_answers(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1)) + row(1) + b'{"rows":[]}\r\n\r\n')

        assert read_response(sock).status == 200
        assert ended(sock)
    assert len(served.logged()) == 1


def test_two_lengths_that_differ_are_refused(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1), transfer_encoding="chunked") + row(1))

        assert read_response(sock).status == 400
    assert served.logged() == []


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1), content_length="500") + row(1))

    assert served.ask({"x": 2}).status == 200
    assert [json.loads(record.row)["x"] for record in served.logged()] == [2.0]


def test_a_client_that_leaves_before_its_answer_harms_nobody(served: Served) -> None:
    served.tiny.slow = True
    body = b'{"rows":[{"x":1,"note":"wait"}]}'
    with served.connect() as sock:
        sock.sendall(asking(served, body) + body)
        wait_for(lambda: served.tiny.calls == [1])
    served.tiny.gate.set()

    assert served.ask({"x": 2}).status == 200


def test_a_client_that_waits_to_be_invited_is_invited(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1), expect="100-continue"))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(row(1))

        assert read_response(sock).status == 200


def test_a_client_that_waits_to_be_invited_is_not_when_it_is_refused(served: Served) -> None:
    said = {"host": "x", "content-length": "100", "expect": "100-continue"}
    with served.connect() as sock:
        sock.sendall(head("POST", served.path, said))
        response = read_response(sock)

        assert (response.status, response.headers["connection"]) == (401, "close")


def test_an_idle_connection_is_closed_after_a_while(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(asking(served, row(1)) + row(1))
        read_response(sock)

        assert ended(sock)


def test_a_slow_answer_is_waited_for_however_short_the_limits_for_requests_are(served: Served) -> None:
    served.tiny.slow = True
    body = b'{"rows":[{"x":1,"note":"wait"}]}'
    with served.connect() as sock:
        sock.sendall(asking(served, body) + body)
        wait_for(lambda: served.tiny.calls == [1])
        sock.settimeout(0.8)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        served.tiny.gate.set()
        sock.settimeout(5)

        assert read_response(sock).status == 200
