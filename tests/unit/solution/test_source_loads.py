"""Declared sources in whole runs: only what is new, lineage, a password that is nowhere, and `kill -9`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from solution_house import House, open_house
from source_engines import ODD_PASSWORD
from unshelve.registry.sources import SourceLoad, load_records, loads_of

SOLUTION = '''"""Shop: who buys again?"""
from unshelve import at_random, model, sql, target, transform

customers = sql(
    "select id, spent, again, updated from customers where updated > :mark and region = :region",
    connection="shop", watermark="updated", key="id", parameters={"region": "EU"},
)

@target
def again(customers): return customers["again"] == "yes"

@transform
def features(customers): return customers[["spent"]]

@model(split=at_random(test=0.3))
def buyer(features_train, again_train):
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression().fit(features_train, again_train)
'''


class Shop:
    """A house beside a database of customers."""

    def __init__(self, house: House, database: Path) -> None:
        self.house = house
        self.database = database

    def sql(self, statement: str, *rows: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(self.database)) as session:
            session.executemany(statement, rows) if rows else session.execute(statement)
            session.commit()

    def loads(self) -> list[SourceLoad]:
        with self.house.control.database.read() as connection:
            return loads_of(connection, "shop", "customers")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    database = tmp_path / "shop.db"
    monkeypatch.setenv("UNSHELVE_SECRET_SHOP", f"sqlite:///{database}")
    with open_house(tmp_path) as house:
        made = Shop(house, database)
        made.sql("create table customers (id integer, spent real, again text, updated text, region text)")
        made.sql(
            "insert into customers values (?, ?, ?, ?, 'EU')",
            *[(n, n % 7 + n % 3, "yes" if n % 7 > 3 else "no", f"2026-01-{n % 28 + 1:02}") for n in range(200)],
        )
        yield made


def test_a_second_run_asks_for_what_is_new_and_nothing_new_stops_the_rest(shop: Shop) -> None:
    first = shop.house.run("shop", SOLUTION)
    again = shop.house.run("shop", SOLUTION)
    assert first.result.run.state == "done", first.errors()
    assert [(load.complete, load.added) for load in shop.loads()] == [(False, 0), (True, 200)]
    assert shop.loads()[0].result == shop.loads()[1].result
    assert again.steps["again"].state == "cached"


def test_a_new_row_goes_through_and_the_lineage_of_the_version_says_from_where(shop: Shop) -> None:
    shop.house.run("shop", SOLUTION)
    shop.sql("insert into customers values (900, 50.0, 'yes', '2026-02-01', 'EU')")
    shop.house.run("shop", SOLUTION)
    newest = shop.loads()[0]
    assert (newest.added, newest.rows, newest.mark) == (1, 201, "2026-02-01")
    told = shop.house.package("shop.buyer", 2)["lineage"]["loads"]["customers"]
    assert (told["mark"], told["values"], told["result"]) == ("2026-02-01", {"region": "EU"}, newest.result)
    assert "updated > :mark" in told["asked"]


def test_a_parameter_can_be_set_for_a_run(shop: Shop) -> None:
    shop.house.run("shop", SOLUTION)
    shop.sql("update customers set region = 'US' where id >= 100")
    shop.house.run("shop", SOLUTION, arguments={"customers": {"region": "US"}})
    assert (shop.loads()[0].rows, shop.loads()[0].why) == (100, "what is asked changed")


def test_what_is_kept_of_a_load_names_the_parts_that_are_in_use(shop: Shop) -> None:
    shop.house.run("shop", SOLUTION)
    with shop.house.control.database.read() as connection:
        assert list(load_records(connection)) == [shop.loads()[0].record]


def test_a_connection_that_is_not_set_is_a_finding_and_an_error_that_says_how(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNSHELVE_SECRET_SHOP")
    ran = shop.house.run("shop", SOLUTION)
    assert [each.number for each in ran.findings] == ["U041"]
    assert "unshelve secret set shop" in ran.errors()["customers"]["message"]
    assert shop.loads() == []


def test_the_password_is_nowhere_when_a_source_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.parse import quote

    written = quote(ODD_PASSWORD, safe="")
    monkeypatch.setenv("UNSHELVE_SECRET_SHOP", f"postgresql://crm:{written}@127.0.0.1:9/shop")
    ran = shop.house.run("shop", SOLUTION)
    said = repr(ran.errors()) + repr(ran.result)
    kept = [path.read_bytes() for path in (shop.house.root / "home").rglob("*") if path.is_file()]
    for form in (ODD_PASSWORD, written, quote(ODD_PASSWORD)):
        assert form not in said
        assert not any(form.encode() in data for data in kept)


@pytest.mark.parametrize("moment", ["write_part", "read_query", "join"])
def test_a_kill_in_mid_load_leaves_the_load_before_to_go_on_from(shop: Shop, moment: str) -> None:
    shop.house.run("shop", SOLUTION)
    before = shop.loads()[0]
    shop.sql("insert into customers values (900, 50.0, 'yes', '2026-02-01', 'EU')")
    # A process that loads as a worker does, and is killed at that moment.
    code = f"""
import os, signal
import unshelve.data.joining, unshelve.data.parts, unshelve.pipeline.loads as loads
from unshelve.pipeline.load_outcome import past_of
from pathlib import Path
from unshelve.data.loaded import record_from
from unshelve.solution.loading import load_functions
from unshelve.storage.blobs import FolderBlobs
blobs = FolderBlobs(Path({str(shop.house.control.home.blobs)!r}))
def killed(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
for module in (unshelve.data.parts, loads): setattr(module, {moment!r}, killed)
declared = load_functions(Path({str(shop.house.root / "shop")!r}))["customers"]
past = past_of({{"load": {before.record!r}}}, blobs)
loads.load("customers", declared.options, declared.parameters, past, blobs)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    shop.house.run("shop", SOLUTION)
    assert (shop.loads()[0].complete, shop.loads()[0].added, shop.loads()[0].rows) == (False, 1, 201)


def test_importing_a_solution_with_sources_loads_no_driver(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(
        'from unshelve import files, http, objects, sql\na = sql("select 1", connection="x")\nb = files("*.csv")\n'
        'c = http("https://x/y")\nd = objects("s3://a/b")\n',
        encoding="utf-8",
    )
    code = "import solution, sys; print([m for m in ('numpy', 'pyarrow', 'sqlalchemy', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
