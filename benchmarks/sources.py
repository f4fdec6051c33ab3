"""How fast a table of PostgreSQL becomes an artifact, against pandas; and what loading only new rows costs.

    python benchmarks/sources.py --rows 1000000 --rounds 3
    python benchmarks/sources.py --rows 10000000 --rounds 1

Each measurement is a process of its own, so that its peak of memory is its own. Rounds are taken in turns and the best
of each is compared. The server is PostgreSQL on this machine; `tests/postgres_server.py` starts it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = """
create table sales as select
    g::bigint as id,
    (g::bigint * 7919) %% 100000 as customer,
    ((g::bigint * 31) %% 1000)::smallint as shop,
    random() * 1000 as price,
    random() as discount,
    (g %% 50)::int as amount,
    'product ' || (g::bigint * 13) %% 5000 as product,
    case when g %% 10 = 0 then null else 'note ' || g %% 100 end as note,
    g %% 3 = 0 as paid,
    timestamptz '2026-01-01' + g * interval '1 second' as updated
from generate_series(1, %s) g
"""
WHOLE = "select * from sales"
NEW = "select * from sales where updated > :mark"


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, default=1_000_000)
    reader.add_argument("--new", type=int, default=10_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--without-pandas", action="store_true")
    reader.add_argument("--one", nargs=2, metavar=("WHAT", "FOLDER"), help="used by the benchmark itself")
    asked = reader.parse_args()
    if asked.one:
        print(json.dumps(ONE[asked.one[0]](Path(asked.one[1]))))
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import psycopg

    from postgres_server import fresh_database

    with fresh_database() as url, tempfile.TemporaryDirectory(prefix="unshelve-sources-") as scratch:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(TABLE.replace("%s", str(asked.rows)).replace("%%", "%"))
            session.execute("create index on sales (updated)")
            session.execute("vacuum analyze sales")
        os.environ["UNSHELVE_SECRET_BENCH"] = url
        compare(asked, Path(scratch))
        increment(asked, Path(scratch), url)


def compare(asked: argparse.Namespace, scratch: Path) -> None:
    """The whole table: ours and pandas in turns."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(asked.rounds):
        for what in ("whole",) if asked.without_pandas else ("whole", "pandas"):
            found = measured(what, scratch)
            if what not in best or found["seconds"] < best[what]["seconds"]:
                best[what] = found
    for what, found in best.items():
        print(
            f"{what:8} {asked.rows:>11,} rows x 10: {found['seconds']:7.2f} s  peak {found['peak'] / 1e6:7.0f} MB  "
            f"{found['bytes'] / 1e6:6.0f} MB of Parquet"
        )
    if "pandas" in best:
        print(f"ratio: {best['pandas']['seconds'] / best['whole']['seconds']:.1f}x")


def increment(asked: argparse.Namespace, scratch: Path, url: str) -> None:
    """New rows behind a table that was loaded with a watermark and a key."""
    import psycopg

    full = measured("first", scratch)
    seconds = []
    for number in range(max(asked.rounds, 3)):
        begin = asked.rows + number * asked.new
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(
                "insert into sales select g, g %% 100000, 1, 1.5, 0.5, 3, 'product', 'note', true, "
                "timestamptz '2026-01-01' + g * interval '1 second' from generate_series(%s::bigint, %s::bigint) g",
                (begin + 1, begin + asked.new),
            )
        found = measured("new", scratch)
        assert found["rows"] == begin + asked.new, found
        seconds.append(found["seconds"])
    share = min(seconds) / full["seconds"]
    print(
        f"first load with a watermark {full['seconds']:.2f} s  peak {full['peak'] / 1e6:.0f} MB; "
        f"{asked.new:,} new rows {', '.join(f'{each:.3f}' for each in seconds)} s: {share:.1%} of it"
    )


def measured(what: str, scratch: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", what, str(scratch)], check=True, capture_output=True, cwd=ROOT
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def whole(folder: Path) -> dict[str, float]:
    """All rows to parts, as a run's source does it."""
    from unshelve.pipeline.declared import sql

    return _load(sql(WHOLE, connection="bench"), folder, "whole")


def first(folder: Path) -> dict[str, float]:
    return _load(_marked(), folder, "marked")


def new(folder: Path) -> dict[str, float]:
    return _load(_marked(), folder, "marked", again=True)


def pandas(folder: Path) -> dict[str, float]:
    """What people write: read_sql and to_parquet."""
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(os.environ["UNSHELVE_SECRET_BENCH"].replace("postgresql://", "postgresql+psycopg://"))
    began = time.perf_counter()
    table = pd.read_sql(WHOLE, engine)
    path = folder / "pandas.parquet"
    table.to_parquet(path)
    return _told(began, len(table), path.stat().st_size)


def _marked():  # type: ignore[no-untyped-def]
    from unshelve.pipeline.declared import sql

    return sql(NEW, connection="bench", watermark="updated", key="id")


def _load(declared, folder: Path, name: str, *, again: bool = False) -> dict[str, float]:  # type: ignore[no-untyped-def]
    import msgspec

    from unshelve.data.loaded import record_from
    from unshelve.pipeline.load_outcome import Past
    from unshelve.pipeline.loads import load
    from unshelve.storage.blobs import FolderBlobs

    kept = folder / f"{name}.json"
    before = record_from(kept.read_bytes()) if again else None
    blobs = FolderBlobs(folder / name)
    began = time.perf_counter()
    loaded = load("sales", declared.options, {}, Past(now=datetime(2100, 1, 1, tzinfo=UTC), load=before), blobs)
    told = _told(began, loaded.record.rows, loaded.record.size_bytes)
    kept.write_bytes(msgspec.json.encode(loaded.record))
    return told


def _told(began: float, rows: int, size: int) -> dict[str, float]:
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak": peak, "rows": rows, "bytes": size}


ONE = {"whole": whole, "first": first, "new": new, "pandas": pandas}

if __name__ == "__main__":
    main()
