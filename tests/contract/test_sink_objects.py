"""Batches of answers as objects of real servers: seen whole, once, whatever breaks in between."""

from __future__ import annotations

import io
from pathlib import Path

import boto3
import pandas as pd
import pytest

import object_servers
from answers_spool import batch_of, scores
from object_servers import BUCKET, KEY, KEY_ID, ObjectServer
from unshelve.data.connections import Connection, connection_of
from unshelve.data.spool import Written
from unshelve.data.write_objects import write_object
from unshelve.errors import Refused, Unavailable
from unshelve.storage.objects import Patience


@pytest.fixture(params=["moto", "seaweedfs"])
def server(request: pytest.FixtureRequest) -> ObjectServer:
    """A running server with a bucket."""
    found: ObjectServer = getattr(object_servers, request.param)()
    return found


def reached(server: ObjectServer, *, port: int | None = None, key: str = KEY) -> Connection:
    """The connection that a person would set."""
    endpoint = f"http://127.0.0.1:{port or server.port}"
    return connection_of("lake", f"s3://{KEY_ID}:{key}@?endpoint={endpoint}&region=us-east-1")


def at(prefix: str, ending: str = "csv") -> str:
    return f"s3://{BUCKET}/{prefix}/2026-03-14.{ending}"


def read(server: ObjectServer, address: str) -> bytes:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=KEY,
        region_name="us-east-1",
    )
    body: bytes = client.get_object(Bucket=BUCKET, Key=address.partition(f"{BUCKET}/")[2])["Body"].read()
    return body


def test_an_object_holds_the_rows_and_is_written_once(server: ObjectServer, tmp_path: Path) -> None:
    batch, address, memory = batch_of(tmp_path, scores(0.5, 0.25, 1.5)), at("once", "parquet"), tmp_path / "memory"
    assert write_object(batch, address, reached(server), memory) == Written(rows=3, written=3)
    assert pd.read_parquet(io.BytesIO(read(server, address)))["label"].tolist() == [0.5, 0.25, 1.5]
    assert write_object(batch, address, reached(server), memory) == Written(rows=3, written=3, again=True)
    assert not list(memory.glob("*.waiting"))


def test_the_environment_lets_in_where_the_connection_has_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = object_servers.seaweedfs()
    server.enter(monkeypatch)
    keyless = connection_of("lake", f"s3://?endpoint=http://127.0.0.1:{server.port}&region=us-east-1")
    write_object(batch_of(tmp_path, scores("a")), at("environment"), keyless, tmp_path / "memory")
    assert read(server, at("environment")).startswith(b"id,label,version")


def test_a_store_that_was_away_gets_the_file_that_waited(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unshelve.data.buckets._PATIENCE", Patience(connect_seconds=1, retries=0))
    batch, memory = batch_of(tmp_path, scores("a", "b")), tmp_path / "memory"
    with pytest.raises(Unavailable, match="cannot be reached"):
        write_object(batch, at("away"), reached(server, port=9), memory)
    assert [each.name for each in memory.glob("*.waiting")] == ["b1.waiting"]
    assert write_object(batch, at("away"), reached(server), memory) == Written(rows=2, written=2)
    assert read(server, at("away")).count(b"\n") == 3


def test_only_what_changed_is_in_the_object_of_the_next_batch(tmp_path: Path) -> None:
    server, memory = object_servers.moto(), tmp_path / "memory"
    write_object(batch_of(tmp_path, scores("a", "b"), changed=True), at("first"), reached(server), memory)
    second = batch_of(tmp_path, scores("a", "c"), batch="b2", changed=True)
    assert write_object(second, at("second"), reached(server), memory).unchanged == 1
    assert [line[:3] for line in read(server, at("second")).splitlines()] == [b"id,", b"2,c"]


def test_a_wrong_key_is_said_without_it_and_how_to_set_it(tmp_path: Path) -> None:
    server = object_servers.seaweedfs()
    batch = batch_of(tmp_path, scores("a"))
    with pytest.raises(Unavailable, match="refuses the credentials") as caught:
        write_object(batch, at("wrong"), reached(server, key="geheim"), tmp_path / "memory")
    assert "unshelve secret set lake" in str(caught.value.hint)
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


def test_a_bucket_that_is_not_there_is_named(server: ObjectServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no bucket or container at s3://no-such-bucket"):
        write_object(batch_of(tmp_path, scores("a")), "s3://no-such-bucket/x.csv", reached(server), tmp_path / "memory")


def test_the_connection_of_another_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"is for s3://, and az://lake/x\.csv is not"):
        write_object(batch_of(tmp_path, scores("a")), "az://lake/x.csv", reached(object_servers.moto()), tmp_path / "m")
