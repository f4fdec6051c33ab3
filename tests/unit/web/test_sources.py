"""The pages of declared sources: freshness, rows, what is asked, columns with pictures, what changed when."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unshelve.data.loaded import LoadRecord, SavedMark, Sketch
from unshelve.pipeline.declared import sql
from unshelve.registry.solutions import put_solution
from unshelve.registry.sources import SourceLoad, keep_load
from unshelve.solution.declaration import Declaration, Parameter, Place, StepInfo
from web_house import CODE, NOW, House, a_house

DECLARED = sql(
    "select id, spent, city, updated\nfrom customers\nwhere updated > :mark and region = :region",
    connection="crm",
    watermark="updated",
    key="id",
    late="1d",
    fresh="1d",
    parameters={"region": "EU"},
)
SKETCH = (
    Sketch(name="id", type="int64", lowest="1", highest="99", edges=(1.0, 50.0, 99.0), counts=(5, 3), distinct=8),
    Sketch(name="city", type="string", most=(("Oslo", 0.6), ("Bergen", 0.3)), distinct=4, missing=0.1),
    Sketch(name="email", type="string", hidden="email: not shown"),
)


def a_load(number: int, **changed: Any) -> SourceLoad:
    load = SourceLoad(
        solution="shop",
        source="customers",
        number=number,
        run_id=f"run{number}",
        at=(NOW - timedelta(hours=30 - number * 10)).isoformat(),
        complete=number == 1,
        why="it is the first load" if number == 1 else "only what is new was asked for",
        mark=f"2026-03-1{number} 10:00:00 UTC",
        read_rows=100 * number,
        added=100,
        changed=number,
        removed=0,
        rows=100 * number,
        size_bytes=12_345 * number,
        seconds=1.5,
        columns=(("id", "int64"), ("city", "string")),
        notes=(),
        result="ab" * 32,
        record=f"record{number}",
        artifact={},
    )
    return dataclasses.replace(load, **changed)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return shop(a_house(tmp_path, furnished=False))


def shop(made: House) -> House:
    """A solution with a declared source that was loaded twice, the second time with other columns."""
    step = StepInfo(
        name="customers",
        kind=DECLARED.mark.kind,
        parameters=(Parameter(name="region", has_default=True, default="EU"),),
        title="customers",
        description="",
        place=Place(file="solution.py", line=3),
        code={},
        options=DECLARED.options,
        fresh_seconds=DECLARED.mark.fresh_seconds,
    )
    declaration = Declaration(name="shop", title="Shop", description="", steps=(step,), environment={}, code=CODE)
    record = LoadRecord(
        way="sql",
        at=NOW.isoformat(),
        full=False,
        why="",
        asked="",
        asked_digest="",
        values={"region": "EU"},
        mark=SavedMark(type="moment", value="2026-03-12 10:00:00"),
        sketch=SKETCH,
    )
    digest = made.site.blobs.put(msgspec.json.encode(record))
    with made.site.database.write() as connection:
        put_solution(
            connection,
            name="shop",
            title="Shop",
            description="Who buys again?",
            folder="/srv/shop",
            declaration=declaration.to_json().decode(),
            findings=[],
            now=NOW.isoformat(),
        )
        keep_load(connection, a_load(1))
        newer = (("id", "int64"), ("city", "string"), ("email", "string"))
        keep_load(connection, a_load(2, record=digest, columns=newer, notes=("Column spent holds decimals.",)))
    return made


def test_the_list_says_how_fresh_each_source_is_and_how_far_it_was_read(house: House) -> None:
    shown = house.browser().get("/solutions/shop/sources").text
    for said in ("customers", "crm", "fresh", "2026-03-12 10:00:00 UTC", "200"):
        assert said in shown


def test_the_page_of_a_source_shows_query_columns_changes_and_loads(house: House) -> None:
    shown = house.browser().get("/solutions/shop/sources/customers").text
    for said in (
        "updated &gt; :mark",
        "Oslo 60 %",
        "email: not shown",
        "email",
        "Column spent holds decimals.",
        "1 day",
    ):
        assert said in shown


def test_each_page_has_a_twin(house: House) -> None:
    listed = house.browser().json("/solutions/shop/sources")
    assert [(one["name"], one["rows"]) for one in listed["sources"]] == [("customers", 200)]
    source = house.browser().json("/solutions/shop/sources/customers")
    assert source["changes"][0]["added"] == ["email"]
    assert [one["number"] for one in source["loads"]] == [2, 1]


def test_an_unknown_source_names_what_is_near(house: House) -> None:
    answer = house.browser().get("/solutions/shop/sources/custommers")
    assert (answer.status_code, "customers" in answer.text) == (404, True)


def test_the_rail_leads_to_the_sources(house: House) -> None:
    assert 'href="/solutions/shop/sources"' in house.browser().get("/solutions/shop/sources/customers").text
