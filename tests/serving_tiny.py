"""A tiny model behind the real application: real sockets, real database, real log, no pandas."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import uvloop
from sqlalchemy import select

from databases import database_of, settle
from unshelve.clock import Clock, SystemClock
from unshelve.errors import NotFound, UserCodeFailed
from unshelve.predictions.log import LogSettings, LogWriter
from unshelve.predictions.record import Record
from unshelve.predictions.segment import read_records, segments
from unshelve.registry.tables import release
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import Field, FieldType, Schema
from unshelve.security.actors import LOCAL, Role
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.keys import create_key
from unshelve.serving.answering import HttpServer, http_server
from unshelve.serving.app import AnswerApp, Parts
from unshelve.serving.doors import Doors
from unshelve.serving.limits import Limits, Receive
from unshelve.serving.listening import listen
from unshelve.serving.messages import App, Scope, Send, send_json
from unshelve.serving.predictor import Predictor
from unshelve.serving.relay import Relay
from unshelve.serving.release_watch import ReleaseWatch
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home
from unshelve.storage.migration import migrate

MODEL = "tiny.double"
PATH = f"/api/models/{MODEL}/predict"
SCHEMA = Schema(
    (
        Field(name="x", type=FieldType.FLOAT, dtype="float64", seen=(0.0, 100.0)),
        Field(name="note", type=FieldType.STRING, dtype="str", missing=True),
    )
)


@dataclass
class Tiny:
    """Answers twice x. A note can make it fail, hang or answer what is no JSON."""

    version: int = 1
    model: str = MODEL
    kind: Literal["model", "endpoint"] = "model"
    slow: bool = False
    together: int = 1
    seconds: float = 0.0
    decoder: Decoder = field(default_factory=lambda: decoder(SCHEMA))
    calls: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    """What a row with the note `wait` waits for."""

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        self.calls.append(rows.n)
        columns = rows.columns()
        for note in columns["note"]:
            if note in _NOTES:
                _NOTES[note](self)
        if "few" in columns["note"]:
            return []
        return [{"value": object() if note == "object" else 2 * x} for x, note in zip(*columns.values(), strict=True)]


def _fail(tiny: Tiny) -> None:
    raise UserCodeFailed("The step halve of tiny failed: ZeroDivisionError.")


def _break(tiny: Tiny) -> None:
    raise RuntimeError("a mistake in unshelve, with a secret in it")


_NOTES: dict[str, Callable[[Tiny], object]] = {
    "fail": _fail,
    "break": _break,
    "wait": lambda tiny: tiny.gate.wait(20),
}


class TinyReleases:
    """Releases by the table `release`, over versions that are made here."""

    def __init__(self, database: Database, versions: dict[tuple[str, int], Predictor]) -> None:
        self.versions = versions
        self.broken = False
        self._database = database
        self._now: dict[str, Predictor] = {}

    def release_for(self, model: str) -> Predictor:
        try:
            return self._now[model]
        except KeyError:
            near = [name for name in self._now if name[:4] == model[:4]]
            raise NotFound(f"There is no model {model}.", code="model-not-found", near=near) from None

    def loaded(self, model: str, number: int) -> Predictor | None:
        return None

    def version(self, model: str, number: int) -> Predictor:
        try:
            return self.versions[model, number]
        except KeyError:
            raise NotFound(f"{model} has no version {number}.", code="model-version-not-found") from None

    def refresh(self) -> None:
        if self.broken:
            raise RuntimeError("a version cannot be loaded")
        with self._database.read() as connection:
            rows = connection.execute(select(release.c.model, release.c.champion)).all()
        self._now = {model: self.versions[model, champion] for model, champion in rows}


def releases(home: Home, database: Database, blobs: BlobStore) -> TinyReleases:
    """Versions 1 to 3 of the tiny model, for answer processes."""
    return TinyReleases(database, {(MODEL, number): Tiny(number) for number in (1, 2, 3)})


def promote(database: Database, number: int, model: str = MODEL) -> None:
    with database.write() as connection:
        connection.execute(release.delete().where(release.c.model == model))
        connection.execute(release.insert().values(model=model, champion=number, changed_at="2026-01-01T00:00:00Z"))


def make_key(database: Database, role: Role = Role.USER, expires: datetime | None = None) -> str:
    with database.write() as connection:
        made = create_key(connection, "test", role, actor=LOCAL, now=datetime.now(UTC), expires=expires)
    return made.text


def new_home(folder: Path) -> tuple[Home, Database]:
    home = Home.create_or_open(settle(folder / "home"))
    database = database_of(home)
    migrate(database)
    return home, database


async def control(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for control: says which path it was given."""
    await send_json(send, json.dumps({"control": scope["path"]}).encode())


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """The application on a port of this machine, run by a thread of the test."""

    def __init__(
        self,
        folder: Path,
        predictor: Tiny | None = None,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        other: App = control,
    ) -> None:
        self.home, self.database = new_home(folder)
        self.tiny = predictor or Tiny()
        promote(self.database, 1)
        self.key = make_key(self.database)
        self.releases = TinyReleases(self.database, {(MODEL, 1): self.tiny, (MODEL, 2): Tiny(2)})
        self.limits = limits or Limits()
        self.hanging: list[str] = []
        self._clock = clock or SystemClock()
        self._other = other
        self._sock = listen("127.0.0.1", 0)
        self.port = int(self._sock.getsockname()[1])
        self._server: HttpServer | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *failure: object) -> None:
        self.tiny.gate.set()
        assert self._server is not None
        self._server.stop()
        self._thread.join(20)
        self.database.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        log = LogWriter(self.home.predictions / "open", LogSettings(), self._clock)
        parts = Parts(
            doors=Doors(Doorkeeper(self.database), self._clock),
            releases=ReleaseWatch(self.releases, self.database),
            log=log,
            control=self._other,
            limits=self.limits,
            clock=self._clock,
        )
        app = self.app = AnswerApp(parts, on_hang=self.hanging.extend)
        self._server = http_server(app, self.limits)
        await app.start()
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._sock]))
        while not self._server.started:
            await asyncio.sleep(0.005)
        self._ready.set()
        await serving
        await app.close()
        if isinstance(self._other, Relay):
            await self._other.close()

    @property
    def path(self) -> str:
        return PATH

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def ask(self, *rows: dict[str, object], **options: Any) -> Response:
        """Asks for a prediction as a signed-in caller would."""
        return self.send(self.path, body=json.dumps({"rows": list(rows)}).encode(), **options)

    def send(
        self,
        path: str,
        *,
        body: bytes = b"",
        method: str = "POST",
        key: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Response:
        said = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
        if key is not None:
            said["authorization"] = f"Bearer {key or self.key}"
        said |= headers or {}
        with self.connect() as sock:
            sock.sendall(head(method, path, said) + body)
            return read_response(sock, method)

    def logged(self) -> list[Record]:
        found = [read_records(path.read_bytes())[0] for path in segments(self.home.predictions / "open")]
        return [record for part in found for record in part]


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_response(sock: socket.socket, method: str = "POST") -> Response:
    """One response from a connection; what follows it stays there."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(1)
        if not part:
            raise EOFError(data)
        data += part
    first, *lines = data.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = b""
    if method != "HEAD":
        if headers.get("transfer-encoding") == "chunked":
            body = _read_chunks(sock)
        else:
            body = _exactly(sock, int(headers.get("content-length", "0")))
    return Response(int(first.split()[1]), headers, body)


def ask(port: int, key: str, *rows: dict[str, object]) -> Response:
    """The response of whatever listens on a port to some rows."""
    body = json.dumps({"rows": rows}).encode()
    said = {"host": "x", "content-type": "application/json", "authorization": f"Bearer {key}"}
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(head("POST", PATH, said | {"content-length": str(len(body))}) + body)
        return read_response(sock)


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns once a condition of another thread or process holds; fails the test when it never does."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


def _read_chunks(sock: socket.socket) -> bytes:
    body = b""
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            line += _exactly(sock, 1)
        part = _exactly(sock, int(line, 16) + 2)
        if len(part) == 2:
            return body
        body += part[:-2]


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError(data)
        data += part
    return data
