"""What a sink costs: a million answers into PostgreSQL, and fifty kills while batches are written.

    python benchmarks/sinks.py            # both
    python benchmarks/sinks.py rows       # only the million
    python benchmarks/sinks.py kills 50   # only the kills
    python benchmarks/sinks.py stream 5000000   # rows that are a dataset: how fast, and how much memory

Needs a PostgreSQL of Debian's or of the package `pgserver`, as the tests do. The rows are spooled as a sink's process
spools them; what is measured is the writing: COPY into a temporary table, the upsert by key and the ledger's line, in
one transaction. The floor is the same bytes by one bare COPY into a table of the same columns and key.
"""

from __future__ import annotations

import io
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pc

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "acceptance")]

from test_sinks import answering  # noqa: E402

from postgres_server import fresh_database  # noqa: E402
from sink_house import TABLE as SCORES  # noqa: E402
from sink_house import connect, road, sinks, sql, to_scores  # noqa: E402
from sink_kills import WATCHED, Kills, children_of  # noqa: E402
from solution_house import CAUSE, open_house  # noqa: E402
from unshelve.data.connections import connection_of  # noqa: E402
from unshelve.data.spool import Batch, Spool  # noqa: E402
from unshelve.data.target import to_table  # noqa: E402
from unshelve.data.write_table import Writer  # noqa: E402
from unshelve.ids import new_id  # noqa: E402
from unshelve.solution.running import read_solution  # noqa: E402
from unshelve.solution.sink_process import PART  # noqa: E402
from unshelve.solution.sink_runner import SinkRunner  # noqa: E402
from unshelve.solution.sinking import order_by_hand  # noqa: E402

ROWS = 1_000_000
ROUNDS = 3
KILLED_ROWS = 200
NOW = datetime(2026, 3, 14, 2, tzinfo=UTC)
LONG = """
@source
def tonight():
    for first in range(0, ROWS, 100_000):
        ids = np.arange(first, min(first + 100_000, ROWS))
        yield pd.DataFrame({"id": ids, "weight": ids % 10 * 1.0, "zone": np.where(ids % 3, "a", "b")})
"""
TABLE = (
    "create table {name} (id bigint primary key, label boolean, score double precision, version integer, "
    "answer_id varchar(26), answered_at timestamptz)"
)


def spooled(folder: Path, name: str, *, version: int) -> Batch:
    """A million answers in the parts that a sink's process makes."""
    spool = Spool(folder / name)
    rng = np.random.default_rng(version)
    order = np.random.default_rng(7).permutation(ROWS)
    for start in range(0, ROWS, PART):
        score = rng.random(PART)
        columns = {
            "id": pa.array(order[start : start + PART]),
            "label": pa.array(score > 0.5),
            "score": pa.array(score),
            "version": pa.array([version] * PART, pa.int64()),
            "answer_id": pa.array([new_id(1_773_453_600_000 + start) for _ in range(PART)]),
            "answered_at": pa.array([NOW] * PART, pa.timestamp("ms", tz="UTC")),
        }
        spool.add(start, start + PART, columns, [])
    return spool.batch(sink="flights.nightly", batch=name, key=("id",), changed=False)


def bare_copy(url: str, batch: Batch) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists bare")
        cursor.execute(TABLE.format(name="bare"))
        with cursor.copy("copy bare from stdin (format csv)") as copy:
            for table in batch.tables():
                buffer = io.BytesIO()
                place = table.schema.get_field_index("answered_at")
                table = table.set_column(place, "answered_at", table.column(place).cast(pa.timestamp("ms")))
                pc.write_csv(table, buffer, pc.WriteOptions(include_header=False))
                copy.write(buffer.getvalue())


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def rows() -> None:
    with tempfile.TemporaryDirectory() as folder, fresh_database() as url:
        new = spooled(Path(folder), "new", version=1)
        again = spooled(Path(folder), "again", version=2)
        kinds = {"somebody's table": False, "the sink's table": True}
        found: dict[str, list[float]] = {"a bare COPY": []}
        for _ in range(ROUNDS):
            found["a bare COPY"].append(seconds(lambda: bare_copy(url, new)))
            for kind, create in kinds.items():
                target = to_table("scores", connection="dwh", key="id", create=create)
                sql(url, "drop table if exists scores", "drop table if exists unshelve_batches")
                if not create:
                    sql(url, TABLE.format(name="scores"))
                with Writer(target, connection_of("dwh", url)) as writer:
                    for what, batch in (("new", new), ("replaced", again)):
                        took = seconds(lambda: writer.write(batch, now=NOW))  # noqa: B023  done before the next one
                        found.setdefault(f"{kind}, all {what}", []).append(took)
                assert sql(url, "select count(*), min(version) from scores") == [(ROWS, 2)]
    floor = min(found["a bare COPY"])
    for name, times in found.items():
        best = min(times)
        print(
            f"{name:30} {ROWS / best:10,.0f} rows/s  best {best:6.1f} s of {', '.join(f'{each:.1f}' for each in times)}"
            f"  {best / floor:5.2f} x the bare COPY"
        )


def kills(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, fresh_database() as url:
        root = Path(folder)
        with open_house(root) as own:
            connect(own, url)
            sql(url, SCORES, *WATCHED)
            declared = sinks(to_scores(sink=', schedule="@yearly"'))
            ran = own.run("parcels", declared, {"tonight.csv": road(KILLED_ROWS)})
            run_id = ran.result.run.id
        with answering(root / "home") as address:
            done = Kills(root / "home", address, url, run_id, random.Random(2026))
            usual = done.one_in_peace()
            took = seconds(lambda: done.go_on(count, 1.5 * usual))
        lost, twice = done.lost_and_twice(KILLED_ROWS)
        kinds = ", ".join(f"{number} of the {kind}" for kind, number in sorted(done.kills.items()))
        batches = [batch.state.value for batch in done.found()]
        print(f"{count} kills ({kinds}) in {took:.0f} s, at moments up to {1.5 * usual:.1f} s")
        print(f"a batch in peace takes {usual:.1f} s; {len(batches)} batches of {KILLED_ROWS} rows")
        print(f"done {batches.count('done')}, given up {batches.count('failed')}: {lost} rows lost, {twice} rows twice")


def stream(rows: int) -> None:
    """Rows that are a dataset: answered and written by a process whose memory is watched."""
    declared = sinks(to_scores(sink=', schedule="@yearly"'))
    made = LONG.replace("ROWS", str(rows)) + to_scores(sink=', schedule="@yearly"')
    with tempfile.TemporaryDirectory() as folder, fresh_database() as url, open_house(Path(folder)) as own:
        connect(own, url)
        sql(url, SCORES.replace("id integer", "id bigint"))
        own.run("parcels", declared, {"tonight.csv": road(5)})
        read_solution(own.control, own.write("parcels", declared[: declared.index("@source\ndef tonight")] + made))
        begin, used = 0.0, [0]

        def watch(done: int, of: int) -> None:
            nonlocal begin
            begin = begin or time.perf_counter()
            children = children_of(os.getpid())
            used.extend(
                memory_of(each) for each in children if "sink_process" in Path(f"/proc/{each}/cmdline").read_text()
            )
            if done % 500_000 == 0:
                print(f"  {done:,} of {of:,} answered, {used[-1] / 1e6:,.0f} MB", flush=True)

        with own.control.database.write() as connection:
            order_by_hand(connection, "parcels.nightly", CAUSE, now=own.control.clock.now())
        batch = SinkRunner(own.control).take(watch)
        took = time.perf_counter() - begin
        assert batch is not None
        there = sql(url, "select count(*), count(distinct answer_id) from scores")
        print(f"{batch.written:,} rows written in {took:,.0f} s, {batch.written / took:,.0f} a second: {there}")
        print(f"memory of the process: {used[1] / 1e6:,.0f} MB at its first row, {max(used) / 1e6:,.0f} MB at most")


def memory_of(process: int) -> int:
    """Bytes of memory that are a process's own and no file's."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    what = sys.argv[1] if len(sys.argv) > 1 else "both"
    if what in ("rows", "both"):
        rows()
    if what in ("kills", "both"):
        kills(int(sys.argv[2]) if len(sys.argv) > 2 else 50)
    if what == "stream":
        stream(int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000)


if __name__ == "__main__":
    main()
