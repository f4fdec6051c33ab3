"""The relay: what a client sends reaches control, and what control says reaches the client, byte by byte."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from serving_tiny import Served, head, read_response, wait_for
from unshelve.serving.limits import Message, Receive
from unshelve.serving.messages import Scope, Send
from unshelve.serving.relay import Relay, control_socket


class Control:
    """An application on a Unix socket that shows what reached it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        self.gone = threading.Event()
        self._server = uvicorn.Server(
            uvicorn.Config(self, uds=str(path), log_config=None, lifespan="off", server_header=False, ws="none")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        wait_for(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self.path.unlink(missing_ok=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/stream":
            await self._stream(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            part = message.get("body", b"")
            self.bytes_read += len(part)
            body += part if path != "/upload" else b""
            if not message.get("more_body", False):
                break
        seen = {
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode("latin-1"),
        }
        await self._say(send, json.dumps(seen).encode())

    async def _say(self, send: Send, body: bytes) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"connection", b"x-hop"),
            (b"x-hop", b"ends here"),
            (b"x-frame-options", b"SAMEORIGIN"),
        ]
        await send({"type": "http.response.start", "status": 203, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, receive: Receive, send: Send) -> None:
        """Says something now and then until nobody listens."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        listening: asyncio.Task[Message] = asyncio.ensure_future(self._until_gone(receive))
        while not listening.done():
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await asyncio.wait((listening,), timeout=0.01)
        self.gone.set()

    async def _until_gone(self, receive: Receive) -> Message:
        while (message := await receive())["type"] != "http.disconnect":
            pass
        return message


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path / "control.sock")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, other=Relay(tmp_path / "control.sock")) as running:
        yield running


def header(seen: dict[str, list[list[str]]], name: str) -> list[str]:
    return [value for key, value in seen["headers"] if key == name]


def test_a_request_reaches_control_as_it_was_sent(control: Control, served: Served) -> None:
    response = served.send("/a%20b/c%2Fd?x=1&y=%26+", body=b"\x00\xff body", headers={"x-own": "kept"})

    seen = response.json
    assert (response.status, seen["method"], seen["raw_path"], seen["query"], seen["body"]) == (
        203,
        "POST",
        "/a%20b/c%2Fd",
        "x=1&y=%26+",
        "\x00ÿ body",
    )
    assert (header(seen, "x-own"), header(seen, "host")) == (["kept"], ["localhost"])


def test_who_asks_is_said_by_the_server_and_never_by_the_client(control: Control, served: Served) -> None:
    lies = {
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-host": "evil",
        "forwarded": "for=1.2.3.4",
        "x-real-ip": "1.2.3.4",
    }

    seen = served.send("/", method="GET", headers=lies).json

    assert (header(seen, "x-forwarded-for"), header(seen, "x-forwarded-proto")) == (["127.0.0.1"], ["http"])
    assert [header(seen, name) for name in ("x-forwarded-host", "forwarded", "x-real-ip")] == [[], [], []]


def test_headers_of_one_connection_end_at_the_relay(control: Control, served: Served) -> None:
    response = served.send("/", method="GET", headers={"connection": "x-mine", "x-mine": "1", "te": "trailers"})

    assert [header(response.json, name) for name in ("x-mine", "te")] == [[], []]
    assert "x-hop" not in response.headers


def test_what_control_says_about_itself_stands_and_the_rest_is_added(control: Control, served: Served) -> None:
    headers = served.send("/", method="GET").headers

    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"


def test_cookies_stay_apart(control: Control, served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(head("GET", "/", {"host": "x", "connection": "close"}))
        data = b""
        while part := sock.recv(65536):
            data += part

    assert data.count(b"set-cookie: ") == 2


def test_a_big_upload_streams_through_in_chunks(control: Control, served: Served) -> None:
    part = b"%x\r\n" % 500_000 + b"u" * 500_000 + b"\r\n"
    with served.connect() as sock:
        sock.sendall(head("POST", "/upload", {"host": "x", "transfer-encoding": "chunked"}))
        for _ in range(40):
            sock.sendall(part)
        sock.sendall(b"0\r\n\r\n")
        status = read_response(sock).status

    assert (status, control.bytes_read) == (203, 20_000_000)


def test_a_stream_reaches_the_client_as_it_comes_and_ends_with_it(control: Control, served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(head("GET", "/stream", {"host": "x"}))
        data = b""
        while data.count(b"tick") < 3:
            data += sock.recv(100)

    assert control.gone.wait(5)


def test_a_client_that_leaves_in_the_middle_of_an_upload_is_gone_for_control_too(
    control: Control, served: Served
) -> None:
    with served.connect() as sock:
        sock.sendall(head("POST", "/x", {"host": "x", "content-length": "1000"}) + b"half")
        wait_for(lambda: control.bytes_read == 4)

    assert served.send("/", method="GET").status == 203


def test_a_head_request_has_no_body(control: Control, served: Served) -> None:
    assert served.send("/", method="HEAD").status == 203


def test_without_control_a_program_gets_a_problem_and_a_person_a_page(served: Served) -> None:
    program = served.send("/api/models", method="GET")
    person = served.send("/", method="GET", headers={"accept": "text/html,*/*"})

    assert (program.status, program.json["code"], program.headers["retry-after"]) == (503, "control-unavailable", "5")
    assert (person.status, person.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert served.ask({"x": 1}).status == 200


def test_control_that_comes_back_is_found_again(served: Served, tmp_path: Path) -> None:
    for _ in range(2):
        control = Control(tmp_path / "control.sock")
        control.start()
        assert [served.send("/", method="GET").status for _ in range(3)] == [203] * 3
        control.stop()
        assert served.send("/", method="GET").status == 503


def test_a_home_with_a_long_path_gets_a_socket_in_a_short_place(tmp_path: Path) -> None:
    long = control_socket(tmp_path / ("deep" * 50))

    assert len(bytes(long)) < 100
    assert long != control_socket(tmp_path / ("deeq" * 50))
    assert control_socket(Path("/srv/home")) == Path("/srv/home/run/control.sock")


def test_the_system_takes_a_socket_at_the_longest_path_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / ("a" * (99 - len(bytes(tmp_path))))

    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
