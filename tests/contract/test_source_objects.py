"""Objects of a store as a source, against moto's server of S3."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import obstore
import pandas as pd
import pytest
from obstore.store import S3Store

from unshelve.data.loaded import record_from
from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable
from unshelve.pipeline.declared import objects
from unshelve.pipeline.load_outcome import Loaded, Past
from unshelve.pipeline.loads import load, table_of
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.objects import Patience

moto = pytest.importorskip("moto.server")


class Lake:
    """A bucket, and what loads from it left."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.store = S3Store(
            "lake",
            endpoint=endpoint,
            region="eu-west-1",
            access_key_id="KEY",
            secret_access_key="geheim",
            client_options={"allow_http": True},
        )
        self.blobs = FolderBlobs(folder / "blobs")
        self.past = Past(now=datetime(2026, 11, 27, tzinfo=UTC))

    def put(self, path: str, **columns: list[Any]) -> None:
        data = io.BytesIO()
        pd.DataFrame(columns).to_parquet(data)
        obstore.put(self.store, path, data.getvalue())

    def load(self, *addresses: str, **options: Any) -> Loaded:
        declared = objects(*addresses, connection="lake", **options)
        loaded = load("rows", declared.options, {}, self.past, self.blobs)
        self.past = Past(now=self.past.now, load=record_from(msgspec.json.encode(loaded.record)))
        return loaded

    def ids(self, loaded: Loaded) -> list[Any]:
        found: list[Any] = table_of(loaded, self.blobs).column("id").to_pylist()
        return found


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    httpx.put(f"{endpoint}/lake", headers={"host": f"{host}:{port}"}).raise_for_status()
    monkeypatch.setenv("UNSHELVE_SECRET_LAKE", f"s3://KEY:geheim@?endpoint={endpoint}&region=eu-west-1")
    yield Lake(endpoint, tmp_path)
    server.stop()


def test_objects_are_read_in_the_order_of_their_names(lake: Lake) -> None:
    lake.put("sales/2026/b.parquet", id=[2])
    lake.put("sales/2025/a.parquet", id=[1])
    lake.put("sales/_tmp.parquet", id=[9])
    lake.put("salesmen/c.parquet", id=[9])
    assert lake.ids(lake.load("s3://lake/sales/**/*.parquet")) == [1, 2]
    assert lake.ids(lake.load("s3://lake/sales")) == [1, 2]
    assert lake.ids(lake.load("s3://lake/sales/2026/b.parquet")) == [2]


def test_an_unchanged_object_is_not_brought_again(lake: Lake) -> None:
    lake.put("a.parquet", id=[1])
    first = lake.load("s3://lake/*.parquet")
    second = lake.load("s3://lake/*.parquet")
    assert (first.record.read, second.record.read, second.record.result) == (1, 0, first.record.result)


def test_a_changed_object_is_brought_again(lake: Lake) -> None:
    lake.put("a.parquet", id=[1])
    lake.load("s3://lake/*.parquet")
    lake.put("a.parquet", id=[1, 2])
    assert lake.ids(lake.load("s3://lake/*.parquet")) == [1, 2]


def test_no_object_and_no_bucket_are_said(lake: Lake) -> None:
    with pytest.raises(NotFound, match=r"No object matches s3://lake/nothing/\*"):
        lake.load("s3://lake/nothing/*")
    with pytest.raises(NotFound):
        lake.load("s3://nolake/*.parquet")


@pytest.mark.parametrize("address", ["s3://KEY:geheim@lake/x", "lake/x", "s3://lake/x?key=geheim"])
def test_an_address_with_a_key_in_it_is_refused(lake: Lake, address: str) -> None:
    with pytest.raises(Refused) as caught:
        lake.load(address)
    assert "is not the address of objects" in str(caught.value) and "?key" not in str(caught.value)


def test_a_store_that_is_not_there_is_said_without_the_key(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_LAKE", "s3://KEY:geheim@?endpoint=http://127.0.0.1:9&region=x")
    monkeypatch.setattr("unshelve.data.buckets._PATIENCE", Patience(retries=0))
    with pytest.raises((Unavailable, NotAllowed)) as caught:
        lake.load("s3://lake/*.parquet")
    assert "geheim" not in str(caught.value)


class Expiring:
    """Stands between a source and moto, and says after so many requests for objects that the token expired."""

    def __init__(self, behind: str, after: int) -> None:
        left = after

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                nonlocal left
                left -= not self.path.partition("?")[0].endswith("lake")  # lists are let through
                if left < 0:
                    body = b"<Error><Code>ExpiredToken</Code><Message>The token KEY has expired.</Message></Error>"
                    self._answer(403, {"content-type": "application/xml"}, body)
                    return
                found = httpx.request(self.command, behind + self.path, headers=dict(self.headers))
                self._answer(found.status_code, dict(found.headers), found.content)

            def do_HEAD(self) -> None:
                found = httpx.head(behind + self.path, headers=dict(self.headers))
                self._answer(found.status_code, dict(found.headers), b"")

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-encoding", "server", "date"):
                        self.send_header(name, value)
                if "content-length" not in headers:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"


def test_credentials_that_expire_in_mid_read_leave_the_load_before(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.put("a.parquet", id=[1])
    before = lake.load("s3://lake/*.parquet")
    for number in range(2, 6):
        lake.put(f"{number}.parquet", id=[number])
    straight = os.environ["UNSHELVE_SECRET_LAKE"]
    behind = straight.partition("endpoint=")[2].partition("&")[0]
    expiring = Expiring(behind, after=2)
    monkeypatch.setenv("UNSHELVE_SECRET_LAKE", straight.replace(behind, expiring.address))
    with pytest.raises(NotAllowed) as caught:
        lake.load("s3://lake/*.parquet")
    assert "geheim" not in str(caught.value)
    assert lake.past.load is not None and lake.past.load.result == before.record.result
    expiring.server.shutdown()
    expiring.server.server_close()
    monkeypatch.setenv("UNSHELVE_SECRET_LAKE", straight)
    assert sorted(lake.ids(lake.load("s3://lake/*.parquet"))) == [1, 2, 3, 4, 5]
