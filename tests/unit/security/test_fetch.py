"""Fetching: through the checked number, redirects checked again, within limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unshelve.errors import Refused, TooLarge, Unavailable
from unshelve.security.fetch import FetchLimits, fetch
from unshelve.security.urls import UrlRules

OPEN = UrlRules(private=True)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("location", self.path[4:])
            self.end_headers()
            return
        body = b"x" * int(self.path[6:]) if self.path.startswith("/size/") else self.headers["host"].encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the standard library
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_body_comes_back_and_the_name_is_asked_once(port: int) -> None:
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    got = fetch(f"http://data.example.org:{port}/x", rules=OPEN, resolve=resolve)
    assert (got.status, got.content_type, got.body) == (200, "text/plain", f"data.example.org:{port}".encode())
    assert asked == ["data.example.org"]


def test_a_missing_page_is_an_answer_too(port: int) -> None:
    assert fetch(f"http://127.0.0.1:{port}/missing", rules=OPEN).status == 404


def test_a_redirect_is_followed_when_it_may_be(port: int) -> None:
    got = fetch(f"http://127.0.0.1:{port}/to//size/3", rules=OPEN)
    assert (got.url, got.body) == (f"http://127.0.0.1:{port}/size/3", b"xxx")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "file:///etc/passwd", "http://2130706433/", "//10.0.0.1/"]
)
def test_a_redirect_to_where_one_may_not_go_is_refused(port: int, target: str) -> None:
    rules = UrlRules(private=True, hosts=frozenset({"127.0.0.1"}))
    with pytest.raises(Refused):
        fetch(f"http://127.0.0.1:{port}/to/{target}", rules=rules)


def test_redirects_in_a_circle_end(port: int) -> None:
    def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    url = f"http://a.example.org:{port}" + "/to/" * 9 + "/x"
    with pytest.raises(Refused, match="more than 2 times"):
        fetch(url, rules=OPEN, limits=FetchLimits(redirects=2), resolve=resolve)


def test_too_much_is_not_read(port: int) -> None:
    with pytest.raises(TooLarge, match="more than 1,000 bytes"):
        fetch(f"http://127.0.0.1:{port}/size/1001", rules=OPEN, limits=FetchLimits(size_bytes=1000))
    assert (
        len(fetch(f"http://127.0.0.1:{port}/size/1000", rules=OPEN, limits=FetchLimits(size_bytes=1000)).body) == 1000
    )


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        fetch("http://127.0.0.1:9/", rules=OPEN)


def test_this_machine_is_not_asked_by_default(port: int) -> None:
    with pytest.raises(Refused, match="own network"):
        fetch(f"http://127.0.0.1:{port}/")
