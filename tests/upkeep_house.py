"""A home in which real runs have left everything that can name a blob: for tests of what looks after the store."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from solution_house import CAUSE, House, Ran, open_house
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.parquet_process import ParquetProcess
from unshelve.predictions.sealing import Sealer
from unshelve.predictions.tables import SEGMENT_FILE
from unshelve.registry.webhooks import add_webhook
from unshelve.security.actors import LOCAL
from unshelve.security.delegation import Delegation
from unshelve.security.secrets import set_secret
from unshelve.solution.control import Control
from unshelve.solution.runner import Runner
from unshelve.solution.running import read_solution
from unshelve.solution.sink_runner import SinkRunner
from unshelve.solution.sinking import order_by_hand
from unshelve.web.app import build
from unshelve.web.live import LiveRuns
from unshelve.web.server import site_for

SOLUTION = '''"""Depot: will a parcel be late?"""
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import (
    Dataset, at_random, chart, column, endpoint, expect, fit, model, sink, source, sql, step, target, to_table,
    transform,
)

parcels = sql(
    "select id, weight, zone, days, updated from parcels where updated > :mark",
    connection="depot", watermark="updated", key="id",
)

sound = expect("parcels", column("weight", between=(0, 9)), severity="quarantine", at_most=0.3)


@source(lookup=True, key="zone", fresh="1h")
def roads():
    """How bad the roads are."""
    return pd.read_csv(Path(__file__).parent / "roads.csv")


@source
def letters():
    """Letters by month, more than fit into memory."""
    for month in range(3):
        print("month", month)
        yield pd.DataFrame({"month": [month] * 50, "words": range(50)})


@step
def long(letters: Dataset):
    for frame in letters.frames():
        yield frame[frame["words"] > 40]


@fit
def usual(parcels_train):
    return parcels_train.groupby("zone")["weight"].mean()


@target
def late(parcels):
    return parcels["days"] > 2


@transform
def features(parcels, roads, usual, long):
    return pd.DataFrame({
        "weight": parcels["weight"], "usual": parcels["zone"].map(usual), "bad": roads["bad"], "long": len(long) / 1e6,
    })


@model(split=at_random(test=0.25, seed=1), retrain="@weekly")
def lateness(features_train, late_train, depth=3):
    return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(features_train, late_train)


@dataclass
class Advice:
    late: bool


@endpoint
def advice(lateness) -> Advice:
    return Advice(bool(lateness.label))


@chart
def by_zone(parcels):
    """Weight by zone."""
    return parcels.groupby("zone")["weight"].mean()


@source
def tonight():
    """What is on the road tonight."""
    return pd.read_csv(Path(__file__).parent / "tonight.csv")


@sink(to_table("scores", connection="dwh", key="id"))
def nightly(lateness, tonight): ...
'''
MODEL = "depot.lateness"
LIFTED = Path(__file__).parent / "lifted" / "solutions" / "trains"
ROW: dict[str, Any] = {"weight": 8.5, "zone": "a"}
ROADS = "zone,bad\na,1\nb,2\n"
TONIGHT = "id,weight,zone\n1,1.0,a\n2,8.0,b\n"
TABLE = "create table scores (id integer primary key, label boolean, score double precision)"


def run(house: House, *, depth: int = 3, roads: str = ROADS, **options: Any) -> Ran:
    """One run of the solution."""
    files = {"roads.csv": roads, "tonight.csv": TONIGHT}
    return house.run("depot", SOLUTION, files, arguments={"lateness": {"depth": depth}}, **options)


@contextmanager
def everything(root: Path) -> Iterator[House]:
    """Three runs: a second one with more rows, other roads and another model; a refresh, a batch of a sink, answers
    that are sealed among the blobs, and a webhook that was told."""
    home = root / "home"
    home.mkdir(mode=0o700, parents=True)
    (home / "settings.toml").write_text(f'blobs = "{root / "blobs"}"\n', encoding="utf-8")
    with open_house(root) as house:
        database = root / "depot.db"
        for name, url in (("DEPOT", f"sqlite:///{database}"), ("DWH", f"sqlite:///{root / 'dwh.db'}")):
            set_secret(house.control.home.secrets, name, url)
        with closing(sqlite3.connect(root / "dwh.db")) as session:
            session.execute(TABLE)
            session.commit()
        add_parcels(database, 0, 300)
        with house.control.database.write() as connection:
            add_webhook(
                connection,
                "https://hooks.example.com/depot",
                ["release", "run-failed", "sink-written"],
                secret="HOOK",
                actor="local",
                solution="depot",
                now=house.control.clock.now(),
            )
        first = run(house)
        assert first.result.run.state == "done", (first.errors(), first.result.failures)
        add_parcels(database, 300, 30)
        second = run(house, depth=2, roads=ROADS.replace("1", "3"))
        assert second.decision("lateness").released, second.result.decisions
        run(house, roads=ROADS.replace("2", "4"), only="roads")
        for _ in range(3):
            house.ask(MODEL, ROW).raise_for_status()
            house.ask("depot.advice", ROW).raise_for_status()
        write_batch(house)
        read_solution(house.control, LIFTED)  # which brings the record of a lift
        yield house


def add_parcels(database: Path, begin: int, count: int) -> None:
    """Rows of the source; one of ten is too heavy to be sound."""
    with closing(sqlite3.connect(database)) as session:
        session.execute(
            "create table if not exists parcels (id integer, weight real, zone text, days integer, updated text)"
        )
        session.executemany(
            "insert into parcels values (?, ?, ?, ?, ?)",
            [
                (n, (n % 10) + n % 7 / 8, "ab"[n % 2], n % 10 // 2 + n % 3, f"2026-01-{n % 28 + 1:02}T00:{n // 28:02}")
                for n in range(begin, begin + count)
            ],
        )
        session.commit()


def write_batch(house: House) -> None:
    """Orders a batch of the sink and carries it out."""
    with house.control.database.write() as connection:
        order_by_hand(connection, "depot.nightly", CAUSE, now=house.control.clock.now())
    runner = SinkRunner(house.control)
    while runner.take() is not None:
        pass


def seal(control: Control) -> int:
    """Seals answers of processes that have ended, into the blob store; tells how many files there are."""
    files = ParquetFiles(control.home.predictions)
    Sealer(control.database, control.home.predictions, files, actor=LOCAL, blobs=control.blobs).seal()
    with control.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(SEGMENT_FILE)).scalar_one())


def a_copy(root: Path, to: Path) -> Path:
    """A copy of a closed house, whose home is given: tests may spoil it."""
    shutil.copytree(root, to)
    (to / "home" / "settings.toml").write_text(f'blobs = "{to / "blobs"}"\n', encoding="utf-8")
    return to / "home"


def visited(control: Control) -> dict[str, int]:
    """Every page that an owner comes to by links from the start on, and every download: path and HTTP status."""
    with closing(ParquetProcess(control.home.predictions)) as files:
        app = build(site_for(control, Runner(control, lambda _event: None), LiveRuns(), files))
        return asyncio.run(_visit(app, Delegation.load_or_create(control.home.keys).issue(LOCAL, control.clock.now())))


_ENDLESS = re.compile(r"^/static|^/api|[?&]example=")
"""Links that lead to no other pages, or to another example each time."""


async def _visit(app: Any, bearer: str) -> dict[str, int]:
    found: dict[str, int] = {}
    waiting = ["/solutions", "/solutions/depot", "/storage", "/audit", "/webhooks"]
    headers = {"authorization": f"Bearer {bearer}", "accept": "text/html"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://home", headers=headers) as browser:
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            response = await browser.get(path, follow_redirects=True)
            found[path] = response.status_code
            if response.headers.get("content-type", "").startswith("text/html"):
                links = re.findall(r'(?:href|src)="(/[^"#]*)', response.text)
                waiting += [link.replace("&amp;", "&") for link in links if not _ENDLESS.search(link)]
    return found
