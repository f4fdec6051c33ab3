"""A home with a tiny solution that writes its answers back, for tests of sinks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from solution_house import CAUSE, House
from unshelve.data.connections import connection_of
from unshelve.registry.sinks import SinkBatch, batches_of, get_batch
from unshelve.security.secrets import set_secret
from unshelve.solution.sink_runner import SinkRunner
from unshelve.solution.sinking import order_by_hand

SOLUTION = '''"""Parcels: will a parcel be late?"""
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import at_random, model, sink, source, target, to_files, to_table, transform

@source
def parcels():
    rng = np.random.default_rng(7)
    weight = rng.uniform(0, 10, 400)
    return pd.DataFrame({"id": range(400), "weight": weight, "zone": rng.choice(["a", "b"], 400), "days": weight / 2})

@target
def late(parcels):
    return parcels["days"] > 2.5

@transform
def features(parcels):
    return pd.DataFrame({"weight": parcels["weight"], "far": parcels["zone"] == "b"})

@model(split=at_random(test=0.25, seed=1))
def lateness(features_train, late_train):
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(features_train, late_train)

@source
def tonight():
    """What is on the road tonight."""
    return pd.read_csv(Path(__file__).parent / "tonight.csv")
'''
TABLE = "create table scores (id integer primary key, label boolean, score double precision, version integer, "
TABLE += "answer_id varchar(26), answered_at timestamp)"


def sinks(*declared: str) -> str:
    """The solution with these sinks."""
    return SOLUTION + "\n".join(declared)


def to_scores(options: str = "", sink: str = "") -> str:
    """A sink into the table of TABLE."""
    return (
        f'\n@sink(to_table("scores", connection="dwh", key="id"{options}){sink})\ndef nightly(lateness, tonight): ...\n'
    )


def road(rows: int = 5, **columns: list[Any]) -> str:
    """The file tonight.csv with as many parcels."""
    import pandas as pd

    frame = pd.DataFrame(
        {"id": range(1, rows + 1), "weight": [float(n % 10) for n in range(rows)], "zone": ["a"] * rows}
    )
    return frame.assign(**columns).to_csv(index=False)


def connect(house: House, url: str, name: str = "DWH") -> None:
    """Set a connection of the home."""
    set_secret(house.control.home.secrets, name, url)


def write(house: House, sink: str = "parcels.nightly") -> SinkBatch:
    """Order a batch and carry out what waits; what became of it."""
    batch = order(house, sink)
    runner = SinkRunner(house.control)
    while runner.take() is not None:
        pass
    with house.control.database.read() as connection:
        return get_batch(connection, batch)


def order(house: House, sink: str = "parcels.nightly") -> str:
    """Order a batch; its id."""
    with house.control.database.write() as connection:
        return order_by_hand(connection, sink, CAUSE, now=house.control.clock.now())


def newest(house: House, sink: str = "nightly") -> SinkBatch:
    """The newest batch of a sink."""
    with house.control.database.read() as connection:
        return batches_of(connection, "parcels", sink)[0]


def sql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Carry out statements and give what the last one found."""
    wanted = url.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")
    known = {"password": connection_of("it", url).password.encode()} if url.startswith("mysql") else {}
    engine = create_engine(wanted, connect_args=known)
    try:
        with engine.begin() as connection:
            for statement in statements:
                found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


def sqlite(folder: Path) -> str:
    """The address of a new SQLite database."""
    return f"sqlite:///{folder / 'dwh.db'}"
