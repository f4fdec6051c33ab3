"""An API as a source, asked through a real server: pages, credentials, patience, and answers that lie."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from unshelve.clock import SystemClock
from unshelve.data.loaded import record_from
from unshelve.errors import NotAllowed, Refused, SolutionInvalid, TooMany, Unavailable, UnshelveError
from unshelve.pipeline.declared import by_cursor, by_link, by_page, http
from unshelve.pipeline.load_outcome import Loaded, Past
from unshelve.pipeline.loads import load, table_of
from unshelve.storage.blobs import FolderBlobs

TOKEN = "t0k/en+wörd?"
Answer = tuple[int, dict[str, str], bytes]


class Service:
    """A server whose answers a test scripts: `answer(path, query, number of the request)`."""

    def __init__(self) -> None:
        self.answer: Callable[[str, dict[str, str], int], Answer] = lambda *_: (404, {}, b"")
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                service.asked.append(self.path)
                service.authorization.append(self.headers["authorization"])
                status, headers, body = service.answer(parts.path, query, len(service.asked))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_port


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    found = Service()
    monkeypatch.setenv("UNSHELVE_SECRET_API", f"http://:t0k%2Fen+w%C3%B6rd%3F@127.0.0.1:{found.port}/v1?private=yes")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    yield found
    found.server.shutdown()
    found.server.server_close()


def page(value: object) -> Answer:
    return 200, {"content-type": "application/json"}, msgspec.json.encode(value)


def ask(folder: Path, address: str = "/items", past: Past | None = None, **options: Any) -> Loaded:
    declared = http(address, connection="api", **options)
    blobs = FolderBlobs(folder / "blobs")
    return load("items", declared.options, declared.parameters, past or Past(now=SystemClock().now()), blobs)


def rows(folder: Path, loaded: Loaded) -> list[Any]:
    found: list[Any] = table_of(loaded, FolderBlobs(folder / "blobs")).column("id").to_pylist()
    return found


def test_the_rows_of_one_answer_come(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: page([{"id": 1, "tags": ["a"]}, {"id": 2, "name": "b"}])
    loaded = ask(tmp_path)
    assert table_of(loaded, FolderBlobs(tmp_path / "blobs")).to_pylist() == [
        {"id": 1, "tags": '["a"]', "name": None},
        {"id": 2, "tags": None, "name": "b"},
    ]


def test_pages_are_followed_by_number(service: Service, tmp_path: Path) -> None:
    service.answer = lambda _path, query, _n: page(
        {"items": [{"id": int(query["page"])}] if query["page"] < "4" else []}
    )
    assert rows(tmp_path, ask(tmp_path, pages=by_page(), rows="items")) == [1, 2, 3]


def test_pages_are_followed_by_cursor(service: Service, tmp_path: Path) -> None:
    following = {"": "a b", "a b": "c", "c": None}
    service.answer = lambda _path, query, n: page(
        {"data": {"rows": [{"id": n}]}, "meta": {"next": following[query.get("after", "")]}}
    )
    loaded = ask(tmp_path, pages=by_cursor("after", at="meta.next"), rows="data.rows")
    assert (rows(tmp_path, loaded), service.asked[1]) == ([1, 2, 3], "/v1/items?after=a+b")


@pytest.mark.parametrize("where", ["header", "body"])
def test_pages_are_followed_by_link(service: Service, tmp_path: Path, where: str) -> None:
    def answer(_path: str, _query: dict[str, str], n: int) -> Answer:
        following = f"/v1/items?p={n + 1}" if n < 3 else None
        status, headers, body = page({"rows": [{"id": n}], "next": following if where == "body" else None})
        if where == "header" and following:
            headers["link"] = f'<{following}>; rel="next", </v1/items?p=9>; rel="last"'
        return status, headers, body

    service.answer = answer
    loaded = ask(tmp_path, pages=by_link("next" if where == "body" else ""), rows="rows")
    assert rows(tmp_path, loaded) == [1, 2, 3]


def test_the_token_goes_with_each_request(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: page([{"id": 1}])
    ask(tmp_path)
    sent = service.authorization[0]
    assert sent is not None and sent.encode("latin-1").decode() == f"Bearer {TOKEN}"


def test_a_link_to_another_host_is_not_followed(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: page({"rows": [{"id": 1}], "next": f"http://localhost:{service.port}/v1/items"})
    with pytest.raises(Refused, match="which its connection does not name"):
        ask(tmp_path, pages=by_link("next"), rows="rows")


def test_a_redirect_to_another_place_is_not_given_the_token(service: Service, tmp_path: Path) -> None:
    def answer(path: str, _query: dict[str, str], _n: int) -> Answer:
        if path == "/v1/items":
            return 302, {"location": f"http://localhost:{service.port}/elsewhere"}, b""
        return page([{"id": 1}])

    service.answer = answer
    ask(tmp_path)
    assert [each is None for each in service.authorization] == [False, True]


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    service.answer = lambda _p, _q, n: (429, {"retry-after": "7"}, b"") if n < 3 else page([{"id": 1}])
    assert (rows(tmp_path, ask(tmp_path)), waits) == ([1], [7.0, 7.0])


def test_a_server_that_stays_down_is_given_up(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: (503, {}, b"")
    with pytest.raises(Unavailable, match="answered 503, 6 times"):
        ask(tmp_path)


def test_a_page_that_is_cut_is_asked_for_again(service: Service, tmp_path: Path) -> None:
    def answer(_p: str, _q: dict[str, str], n: int) -> Answer:
        return (200, {"content-length": "500"}, b'[{"id":') if n == 1 else page([{"id": 1}])

    service.answer = answer
    assert rows(tmp_path, ask(tmp_path)) == [1]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((200, {}, b'[{"id": 1}'), Refused, "not JSON"),
        ((200, {}, b"<html>"), Refused, "not JSON"),
        (page({"items": 3}), Refused, "holds a JSON object as a whole, not a list"),
        (page([1, 2]), Refused, "holds a number among its rows"),
        (page([]), SolutionInvalid, "no rows"),
        ((401, {}, b""), NotAllowed, "token"),
        ((418, {}, b""), Refused, "418"),
    ],
)
def test_an_answer_that_is_no_page_of_rows_is_refused(
    service: Service, tmp_path: Path, answer: Answer, kind: type[UnshelveError], said: str
) -> None:
    service.answer = lambda *_: answer
    with pytest.raises(kind, match=said) as caught:
        ask(tmp_path)
    assert TOKEN not in str(caught.value) and "t0k" not in str(caught.value)


def test_a_token_that_expires_between_two_pages_leaves_nothing_half_loaded(service: Service, tmp_path: Path) -> None:
    service.answer = lambda _p, _q, n: page([{"id": n}]) if n < 3 else (401, {}, b"")
    with pytest.raises(NotAllowed, match="token"):
        ask(tmp_path, pages=by_page())
    service.answer = lambda _p, query, _n: page([{"id": int(query["page"])}] if int(query["page"]) < 4 else [])
    assert rows(tmp_path, ask(tmp_path, pages=by_page())) == [1, 2, 3]


def test_pages_without_end_are_bounded(service: Service, tmp_path: Path) -> None:
    service.answer = lambda _p, _q, n: page([{"id": n}])
    with pytest.raises(TooMany, match="more than 20 pages"):
        ask(tmp_path, pages=by_page(), most_pages=20)


def test_a_page_that_repeats_is_refused(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: page([{"id": 1}])
    with pytest.raises(Refused, match="Page 2 is the same"):
        ask(tmp_path, pages=by_page())
    service.answer = lambda *_: page({"rows": [{"id": 1}], "next": "/v1/items"})
    with pytest.raises(Refused, match="leads back"):
        ask(tmp_path, pages=by_link("next"), rows="rows")


def test_only_what_is_new_is_asked_for(service: Service, tmp_path: Path) -> None:
    kept = [{"id": 1, "at": "2026-01-01T10:00:00Z"}, {"id": 2, "at": "2026-01-02T10:00:00Z", "extra": 1}]
    service.answer = lambda _p, query, _n: page([row for row in kept if str(row["at"]) >= query["since"]])
    options: dict[str, Any] = {"watermark": "at", "key": "id", "start": "2000-01-01T00:00:00Z"}
    first = ask(tmp_path, "/items?since={mark}", **options)
    kept[0] = {"id": 1, "at": "2026-01-03T10:00:00Z"}
    kept.append({"id": 3, "at": "2026-01-03T10:00:00Z"})
    past = Past(now=SystemClock().now(), load=record_from(msgspec.json.encode(first.record)))
    second = ask(tmp_path, "/items?since={mark}", past, **options)
    assert sorted(rows(tmp_path, second)) == [1, 2, 3]
    assert (second.record.full, second.record.added, second.record.changed) == (False, 1, 1)
    assert service.asked[1] == "/v1/items?since=2026-01-02T09%3A59%3A59Z"


def test_a_parameter_cannot_leave_its_place_in_the_address(service: Service, tmp_path: Path) -> None:
    service.answer = lambda *_: page([{"id": 1}])
    ask(tmp_path, "/items?name={name}", parameters={"name": "a&admin=1#/../"})
    assert service.asked == ["/v1/items?name=a%26admin%3D1%23%2F..%2F"]


def test_an_address_of_this_network_is_refused_unless_the_connection_says_so(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_API", f"http://:{'x' * 9}@127.0.0.1:{service.port}/v1")
    with pytest.raises(Refused, match="its own network"):
        ask(tmp_path)
