"""One suite over every database that a source reads: PostgreSQL, MariaDB, SQLite, DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from source_engines import Database, has_mariadb, open_database
from unshelve.data.loaded import record_from
from unshelve.errors import NotFound, Refused, SolutionInvalid
from unshelve.pipeline.declared import DeclaredSource, sql
from unshelve.pipeline.load_outcome import Loaded, Past
from unshelve.pipeline.loads import load, table_of
from unshelve.storage.blobs import FolderBlobs

KINDS = [
    "postgresql",
    pytest.param("mysql", marks=pytest.mark.skipif(not has_mariadb(), reason="MariaDB is not installed here")),
    "sqlite",
    "duckdb",
]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TABLE = """create table customers
    (id integer, name varchar(80), spent double precision, updated timestamp null, gone boolean)"""
NEW = "select id, name, spent, updated from customers where updated > :mark"


class Shop:
    """A database with customers, and the store and the record that loads of it leave."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.blobs = FolderBlobs(folder / "blobs")
        self.past = Past(now=NOW)

    def add(self, *rows: tuple[Any, ...]) -> None:
        self.database.run("insert into customers values (?, ?, ?, ?, ?)", *[(*row, False)[:5] for row in rows])

    def load(self, declared: DeclaredSource, *, after: timedelta = timedelta(), **values: object) -> Loaded:
        past = Past(now=NOW + after, load=self.past.load)
        loaded = load("customers", declared.options, {**declared.parameters, **values}, past, self.blobs)
        # The record goes through JSON, as it does between two runs.
        self.past = Past(now=NOW, load=record_from(msgspec.json.encode(loaded.record)))
        return loaded

    def rows(self, loaded: Loaded) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = table_of(loaded, self.blobs).to_pylist()
        return sorted(found, key=lambda row: (row["id"] is None, row["id"]))


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    database = open_database(request.param, tmp_path)
    database.run(TABLE)
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", database.url)
    return Shop(database, tmp_path)


def at(day: int, hour: int = 10) -> str:
    return f"2026-01-{day:02} {hour:02}:00:00"


def declared(query: str = NEW, **options: Any) -> DeclaredSource:
    return sql(query, connection="crm", **{"watermark": "updated", "key": "id", **options})


def test_all_rows_come_with_their_types(shop: Shop) -> None:
    shop.add((1, "Åsa", 1.5, at(1)), (2, "Bo", None, at(2)))
    loaded = shop.load(sql("select id, name, spent from customers", connection="crm"))
    assert shop.rows(loaded) == [{"id": 1, "name": "Åsa", "spent": 1.5}, {"id": 2, "name": "Bo", "spent": None}]
    assert {each.name: each.type.removesuffix("32").removesuffix("64") for each in loaded.record.columns} == {
        "id": "int",
        "name": "string",
        "spent": "double",
    }


def test_a_query_that_returns_nothing_is_refused(shop: Shop) -> None:
    with pytest.raises(SolutionInvalid, match="brought no rows"):
        shop.load(sql("select id, name from customers", connection="crm"))


def test_after_the_first_load_only_what_is_new_is_asked_for(shop: Shop) -> None:
    shop.add(*[(number, "x", 1.0, at(1 + number % 20)) for number in range(100)])
    first = shop.load(declared())
    shop.add((200, "new", 2.0, at(25)))
    second = shop.load(declared())
    assert (first.record.full, second.record.full) == (True, False)
    assert (second.record.added, second.record.changed, second.record.removed) == (1, 0, 0)
    assert second.record.read < 10
    assert len(shop.rows(second)) == 101


def test_an_empty_increment_leaves_the_very_same_rows(shop: Shop) -> None:
    shop.add(*[(number, "x", 1.0, at(1 + number % 20)) for number in range(50)])
    first = shop.load(declared())
    assert shop.load(declared()).record.result == first.record.result


def test_a_row_that_comes_again_takes_the_place_of_the_one_before(shop: Shop) -> None:
    shop.add((1, "before", 1.0, at(1)), (2, "other", 1.0, at(2)), (3, "last", 1.0, at(3)))
    shop.load(declared())
    shop.database.run("update customers set name = ?, updated = ? where id = 1", ("after", at(4)))
    loaded = shop.load(declared())
    assert [row["name"] for row in shop.rows(loaded)] == ["after", "other", "last"]
    assert (loaded.record.added, loaded.record.changed) == (0, 1)


@pytest.mark.parametrize("key", ["id", None])
def test_a_row_with_a_watermark_equal_to_the_mark_is_not_lost(shop: Shop, key: str | None) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(2)))
    shop.load(declared(key=key))
    shop.add((3, "tie", 1.0, at(2)))
    assert [row["id"] for row in shop.rows(shop.load(declared(key=key)))] == [1, 2, 3]


@pytest.mark.parametrize("key", ["id", None])
def test_ties_are_not_kept_twice_where_the_query_asks_for_them_too(shop: Shop, key: str | None) -> None:
    query = NEW.replace(">", ">=")
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(2)))
    shop.load(declared(query, key=key))
    shop.add((3, "tie", 1.0, at(2)))
    assert [row["id"] for row in shop.rows(shop.load(declared(query, key=key)))] == [1, 2, 3]


def test_a_late_row_is_found_within_the_time_that_late_says(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(10)))
    shop.load(declared(late="2d"))
    shop.add((3, "late", 1.0, at(9)), (4, "too late", 1.0, at(7)))
    assert [row["id"] for row in shop.rows(shop.load(declared(late="2d")))] == [1, 2, 3]


def test_a_row_that_is_deleted_within_the_late_time_goes(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(9)), (3, "c", 1.0, at(10)))
    shop.load(declared(late="2d"))
    shop.database.run("delete from customers where id = 2")
    loaded = shop.load(declared(late="2d"))
    assert [row["id"] for row in shop.rows(loaded)] == [1, 3]
    assert loaded.record.removed == 1


def test_a_row_that_is_marked_as_deleted_goes(shop: Shop) -> None:
    query = NEW.replace("updated from", "updated, gone from")
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(2)))
    shop.load(declared(query, deleted="gone"))
    shop.database.run("update customers set gone = ?, updated = ? where id = 1", (True, at(3)))
    assert [row["id"] for row in shop.rows(shop.load(declared(query, deleted="gone")))] == [2]


def test_what_was_deleted_without_a_sign_goes_with_the_next_complete_load(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 1.0, at(20)))
    shop.load(declared(full="7d"))
    shop.database.run("delete from customers where id = 1")
    assert len(shop.rows(shop.load(declared(full="7d"), after=timedelta(days=6)))) == 2
    assert len(shop.rows(shop.load(declared(full="7d"), after=timedelta(days=7)))) == 1


def test_a_changed_query_loads_everything(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 9.0, at(2)))
    shop.load(declared())
    loaded = shop.load(declared(NEW + " and spent < 5"))
    assert (loaded.record.why, len(shop.rows(loaded))) == ("what is asked changed", 1)


def test_a_changed_parameter_loads_everything(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "b", 9.0, at(2)))
    source = declared(NEW + " and spent < :most", parameters={"most": 5})
    assert len(shop.rows(shop.load(source))) == 1
    assert len(shop.rows(shop.load(source, most=10))) == 2


def test_changed_columns_load_everything_and_it_is_said(shop: Shop) -> None:
    source = declared("select * from customers where updated > :mark")
    shop.add((1, "a", 1.0, at(1)), (2, "b", 9.0, at(2)))
    shop.load(source)
    shop.database.run("alter table customers add column city varchar(20)")
    loaded = shop.load(source)
    assert (loaded.record.full, loaded.record.why) == (True, "the columns changed")
    assert "city" in [each.name for each in loaded.record.columns]


def test_changed_columns_are_refused_where_they_must_stay_the_same(shop: Shop) -> None:
    source = declared("select * from customers where updated > :mark", columns="same")
    shop.add((1, "a", 1.0, at(1)), (2, "b", 9.0, at(2)))
    before = shop.load(source)
    shop.database.run("alter table customers add column city varchar(20)")
    with pytest.raises(Refused, match="city"):
        shop.load(source)
    assert shop.past.load is not None and shop.past.load.result == before.record.result


@pytest.mark.parametrize("text", ["x' or '1'='1", "'; drop table customers; --", "\\", "%s", ":mark", "$1", "\u2028é"])
def test_an_injection_in_a_parameter_stays_a_value(shop: Shop, text: str) -> None:
    shop.add((1, text, 1.0, at(1)), (2, "b", 9.0, at(2)))
    loaded = shop.load(
        sql("select id, name from customers where name = :who", connection="crm", parameters={"who": text})
    )
    assert shop.rows(loaded) == [{"id": 1, "name": text}]
    assert len(shop.rows(shop.load(sql("select id from customers", connection="crm")))) == 2


def test_letters_that_are_seldom_arrive_as_they_are(shop: Shop) -> None:
    text = "\u2028\U0001f600 \x01\t\r\n é\u0301 \ufeff" + ("" if shop.database.kind == "postgresql" else "\x00end")
    shop.add((1, text, 1.0, at(1)))  # PostgreSQL has no text with NUL in it
    loaded = shop.load(sql("select id, name from customers", connection="crm"))
    assert shop.rows(loaded) == [{"id": 1, "name": text}]


def test_two_columns_of_one_name_are_refused(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)))
    with pytest.raises(Refused, match=r"two columns named 'id'|[Dd]uplicate column"):
        shop.load(sql("select id, id from customers", connection="crm"))


def test_a_wrong_table_and_a_wrong_query_are_told_apart(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.load(sql("select id from custommers", connection="crm"))
    with pytest.raises(Refused):
        shop.load(sql("selekt id from customers", connection="crm"))


def test_a_watermark_that_does_not_come_is_refused(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)))
    with pytest.raises(Refused, match="watermark='updated'"):
        shop.load(declared("select id, name from customers where updated > :mark"))


def test_a_column_without_any_value_keeps_its_place(shop: Shop) -> None:
    shop.add((1, None, 1.0, at(1)))
    shop.load(declared())
    shop.add((2, "later", 1.0, at(2)))
    assert [row["name"] for row in shop.rows(shop.load(declared()))] == [None, "later"]


def test_a_number_is_a_watermark_too(shop: Shop) -> None:
    source = sql("select id, name from customers where id > :mark", connection="crm", watermark="id")
    shop.add((1, "a", 1.0, at(1)), (-5, "b", 1.0, at(1)))
    shop.load(source)
    shop.add((7, "c", 1.0, at(1)))
    loaded = shop.load(source)
    assert ([row["id"] for row in shop.rows(loaded)], loaded.record.read) == ([-5, 1, 7], 2)


def test_a_mark_far_in_the_future_does_not_stop_the_loads(shop: Shop) -> None:
    shop.add((1, "a", 1.0, at(1)), (2, "wrong", 1.0, "2036-01-01 00:00:00"))
    shop.load(declared())
    shop.add((3, "c", 1.0, "2026-11-28 11:00:00"))
    loaded = shop.load(declared(), after=timedelta(days=1))
    assert [row["id"] for row in shop.rows(loaded)] == [1, 2, 3]
