"""What PostgreSQL does in its own way: what can be wrong with an address or a server, and what people are told."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from postgres_server import PostgresServer, fresh_database
from unshelve.errors import Refused, Unavailable, UnshelveError
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that tests may stop and kill."""
    server = PostgresServer()
    yield server
    server.close()


def with_password(url: str, password: str) -> str:
    head, _, tail = url.partition("@")
    return f"{head.rpartition(':')[0]}:{password}@{tail}"


def test_a_wrong_password_is_one_clear_error_without_it(url: str) -> None:
    with pytest.raises(Unavailable, match="does not let this user in") as caught:
        Database.open(with_password(url, "s3cret%2Fpass"))
    assert caught.value.subject_code == "database-sign-in"
    assert "s3cret" not in str(caught.value)


def test_a_database_that_is_not_there_is_said_with_what_makes_it(url: str) -> None:
    with pytest.raises(Unavailable, match="createdb nothere"):
        Database.open(url.rpartition("/")[0] + "/nothere")


def test_a_server_that_is_not_there_does_not_answer() -> None:
    with pytest.raises(Unavailable, match=r"postgresql://house@127\.0\.0\.1:9/x does not answer"):
        Database.open("postgresql://house:word@127.0.0.1:9/x")


@pytest.mark.parametrize("address", ["postgresql://house:word@host:nonsense/x", "postgresql://house:word@host"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(Refused, match="postgresql://USER:PASSWORD@HOST") as caught:
        Database.open(address)
    assert "word" not in str(caught.value).replace("PASSWORD", "").replace("password", "")


def test_the_name_for_people_holds_no_password(url: str) -> None:
    database = Database.open(f"{url}?sslmode=prefer")
    assert database.name == url.replace(url.partition("@")[0].rpartition(":")[2], "").replace("house:@", "house@")
    database.close()


def test_a_text_with_nul_is_refused_and_nothing_is_kept(url: str) -> None:
    database = Database.open(url)
    with database.write() as connection:
        connection.exec_driver_sql("create table thing (text text)")
    with pytest.raises(Refused, match="NUL"), database.write() as connection:
        connection.execute(text("insert into thing values (:text)"), {"text": "a\x00b"})
    database.close()


def test_texts_sort_by_their_bytes_whatever_the_language_of_the_database(own_server: PostgresServer) -> None:
    with psycopg.connect(own_server.url("postgres"), autocommit=True) as connection:
        try:
            connection.execute(
                "create database german template template0 locale_provider icu icu_locale 'de-DE' locale 'C.UTF-8'"
            )
        except psycopg.errors.FeatureNotSupported:
            pytest.skip("this server was built without the languages of ICU")
    database = Database.open(own_server.url("german"))
    migrate(database)
    with database.write() as connection:
        for number, at in enumerate(["2026-11-27T10:00:00.5", "2026-11-27T10:00:00+", "B", "a", "Z"]):
            connection.execute(
                text("insert into trusted (digest, reason, actor, created) values (:at, '', '', :number)"),
                {"at": at, "number": number},
            )
    with database.read() as connection:
        found = list(connection.execute(text("select digest from trusted order by digest")).scalars())
    assert found == sorted(found)
    database.close()


def test_a_server_that_is_killed_is_said_and_found_again(own_server: PostgresServer) -> None:
    database = Database.open(own_server.create())
    with database.write() as connection:
        connection.exec_driver_sql("create table thing (text text)")
    listening = database.change_token()
    own_server.stop(signal.SIGQUIT)
    with pytest.raises(Unavailable), database.write() as connection:
        connection.exec_driver_sql("insert into thing values ('lost')")
    own_server.start()
    with database.write() as connection:
        connection.exec_driver_sql("insert into thing values ('kept')")
    with database.read() as connection:
        assert connection.exec_driver_sql("select text from thing").scalars().all() == ["kept"]
    assert database.change_token() != listening
    database.close()


def test_a_server_that_goes_in_the_middle_of_a_transaction_leaves_nothing_of_it(own_server: PostgresServer) -> None:
    database = Database.open(own_server.create())
    with database.write() as connection:
        connection.exec_driver_sql("create table thing (text text)")
    with pytest.raises(UnshelveError), database.write() as connection:
        connection.exec_driver_sql("insert into thing values ('lost')")
        own_server.stop(signal.SIGQUIT)
        own_server.start()
        connection.exec_driver_sql("insert into thing values ('lost too')")
    with database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from thing").scalar() == 0
    database.close()


def test_a_writer_that_hangs_does_not_keep_others_waiting_for_good(url: str) -> None:
    hanging = Database.open(f"{url}?options=-c%20idle_in_transaction_session_timeout%3D200")
    other = Database.open(url)
    with other.write() as connection:
        connection.exec_driver_sql("create table thing (text text)")
    with pytest.raises(Unavailable), hanging.write() as connection:
        connection.exec_driver_sql("insert into thing values ('lost')")
        with other.write() as second:  # waits until the server has ended the transaction above
            second.exec_driver_sql("insert into thing values ('kept')")
        connection.exec_driver_sql("insert into thing values ('lost too')")
    with other.read() as connection:
        assert connection.exec_driver_sql("select text from thing").scalars().all() == ["kept"]
    hanging.close()
    other.close()
