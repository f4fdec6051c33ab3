"""A source whose server goes away, whose credential ends, whose values are odd: PostgreSQL, in each moment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import psycopg
import pytest

from postgres_server import postgres_server
from source_engines import ODD_PASSWORD
from unshelve.data.loaded import record_from
from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable, UnshelveError
from unshelve.pipeline.declared import sql
from unshelve.pipeline.load_outcome import Loaded, Past
from unshelve.pipeline.loads import load, table_of
from unshelve.storage.blobs import FolderBlobs

NOW = datetime(2026, 11, 27, tzinfo=UTC)
MANY = "select g as id, repeat('x', 200) as filler, now() as updated from generate_series(1, 400000) g"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database, and in it a user `odd` whose password has every odd letter."""
    made = postgres_server().create()
    with psycopg.connect(made, autocommit=True) as session:
        session.execute("drop role if exists odd")
        literal = psycopg.sql.Literal(ODD_PASSWORD)
        session.execute(psycopg.sql.SQL("create role odd login superuser password {}").format(literal))
    parts = urlsplit(made)
    yield f"postgresql://odd:{quote(ODD_PASSWORD, safe='')}@{parts.hostname}:{parts.port}{parts.path}"
    postgres_server().drop(made)


def read(folder: Path, query: str, **options: Any) -> Loaded:
    past = options.pop("past", Past(now=NOW))
    declared = sql(query, connection="crm", **options)
    return load("rows", declared.options, declared.parameters, past, FolderBlobs(folder / "blobs"))


def quiet(error: UnshelveError) -> bool:
    """Whether an error, with all that it drags along, is without the password."""
    import traceback

    said = str(error) + "".join(traceback.format_exception(error)) + repr(error.details)
    return not any(form in said for form in (ODD_PASSWORD, quote(ODD_PASSWORD, safe=""), quote(ODD_PASSWORD)))


class Proxy:
    """Passes bytes on to a server until so many came back, and then cuts the connection."""

    def __init__(self, url: str, after: int) -> None:
        parts = urlsplit(url)
        self._to = (str(parts.hostname), parts.port)
        self._after = after
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = url.replace(f":{parts.port}/", f":{port}/")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self._listening.accept()
        server = socket.create_connection(self._to)
        threading.Thread(target=self._up, args=(client, server), daemon=True).start()
        passed = 0
        while passed < self._after and (data := server.recv(65536)):
            client.sendall(data[: self._after - passed])
            passed += len(data)
        for each in (client, server):
            each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._listening.close()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            return


@pytest.mark.parametrize("after", [0, 300, 1200, 100_000, 20_000_000])
def test_a_server_that_goes_away_at_any_moment_is_said(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", f"{Proxy(url, after).url}?sslmode=disable&gssencmode=disable")
    with pytest.raises(Unavailable, match="crm") as caught:
        read(tmp_path, MANY)
    assert quiet(caught.value)


def test_a_server_that_is_not_there_is_said(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url.replace(f":{urlsplit(url).port}/", f":{port}/"))
    with pytest.raises(Unavailable) as caught:
        read(tmp_path, "select 1 as a")
    assert quiet(caught.value)


def test_a_connection_that_is_ended_in_mid_read_is_said(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    # The session ends itself in the middle, as it does when an administrator or an expired credential ends it.
    query = "select g as id, case when g = 200000 then pg_terminate_backend(pg_backend_pid()) end as gone from "
    with pytest.raises(Unavailable, match=r"terminating|closed|went away") as caught:
        read(tmp_path, query + "generate_series(1, 400000) g")
    assert quiet(caught.value)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("select * from nothing", NotFound),
        ("select nothing from pg_class", NotFound),
        ("select 1/0 as a", Refused),
        ("selekt", Refused),
        ("select 'a'::int as a", Refused),
        ("delete from pg_class", Refused),
    ],
)
def test_every_error_of_a_query_is_without_the_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, kind: type[UnshelveError]
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    with pytest.raises(kind) as caught:
        read(tmp_path, query)
    assert quiet(caught.value)


def test_a_wrong_password_is_not_let_in_and_not_said(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = urlsplit(url)
    wrong = f"postgresql://house:{quote(ODD_PASSWORD, safe='')}@{parts.hostname}:{parts.port}{parts.path}"
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", wrong)
    with pytest.raises(NotAllowed, match="secret set crm") as caught:
        read(tmp_path, "select 1 as a")
    assert quiet(caught.value)


def test_a_source_cannot_write(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("create table kept as select 1 as id")
    with pytest.raises(Refused, match=r"data-modifying|read-only"):
        read(tmp_path, "with gone as (delete from kept returning id) select * from gone")
    with psycopg.connect(url) as session:
        assert session.execute("select count(*) from kept").fetchone() == (1,)


def test_a_failed_load_leaves_the_one_before_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("create table t as select g as id, now() as updated, 1 as x from generate_series(1, 5) g")
    options: dict[str, Any] = {"watermark": "updated", "key": "id"}
    query = "select id, updated, 10 / x as y from t where updated > :mark"
    first = read(tmp_path, query, **options)
    past = Past(now=NOW, load=record_from(msgspec.json.encode(first.record)))
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("insert into t values (6, now(), 0)")
    with pytest.raises(Refused, match="division by zero"):
        read(tmp_path, query, past=past, **options)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("update t set x = 5 where id = 6")
    again = read(tmp_path, query, past=past, **options)
    assert (again.record.full, again.record.added, again.record.rows) == (False, 1, 6)


def test_odd_values_and_types_come_as_plain_ones(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    loaded = read(
        tmp_path,
        """select 12345678901234567.89::numeric as much, 42::numeric(12, 0) as whole, 'NaN'::numeric as nan,
        'infinity'::float8 as endless, '1500-02-03'::date as early,
        '3000-01-01 00:00:00+02'::timestamptz as later, 'infinity'::timestamptz as never, '-infinity'::date as ever,
        array[1, 2] as many, '{"a": [1]}'::jsonb as j, '1 day 2 hours'::interval as span, '10.0.0.1'::inet as host,
        int4range(1, 5) as "a range", '\\x00ff'::bytea as raw, null as nothing, 'a'::"char" as letter,
        '00000000-0000-0000-0000-000000000001'::uuid as id, '10:30'::time as hour, E'tab\\t\\u2028é' as text""",
    )
    row = table_of(loaded, FolderBlobs(tmp_path / "blobs")).to_pylist()[0]
    assert str(row.pop("nan")) == "nan"
    assert row == {
        "much": 12345678901234568.0,
        "whole": 42,
        "endless": float("inf"),
        "early": date(1500, 2, 3),
        "later": datetime(2999, 12, 31, 22, tzinfo=UTC),
        "never": None,
        "ever": None,
        "many": "{1,2}",
        "j": '{"a": [1]}',
        "span": "1 day 02:00:00",
        "host": "10.0.0.1/32",
        "a range": "[1,5)",
        "raw": b"\x00\xff",
        "nothing": None,
        "letter": "a",
        "id": "00000000-0000-0000-0000-000000000001",
        "hour": "10:30:00",
        "text": "tab\t\u2028é",
    }
    assert {"Column many holds _int4, which has no type here; its values are kept as texts."} <= set(
        loaded.record.notes
    )


def test_local_times_around_the_change_of_clocks_are_not_lost(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", url)
    options: dict[str, Any] = {"watermark": "at", "zone": "Europe/Berlin"}
    query = "select id, at from t where at > :mark"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("create table t (id int, at timestamp)")
        session.execute("insert into t values (1, '2026-10-25 01:30'), (2, '2026-10-25 02:50')")
        first = read(tmp_path, query, **options)
        # An hour later the clock shows 02:10 again.
        session.execute("insert into t values (3, '2026-10-25 02:10')")
    past = Past(now=NOW, load=record_from(msgspec.json.encode(first.record)))
    again = read(tmp_path, query, past=past, **options)
    assert sorted(table_of(again, FolderBlobs(tmp_path / "blobs")).column("id").to_pylist()) == [1, 2, 3]
