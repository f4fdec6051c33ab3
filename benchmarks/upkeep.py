"""What looking after a home of many small things costs: a second backup, counting, marking, an examination.

    python benchmarks/upkeep.py [--things 100000]

The home holds as many stored results of 200 bytes, each used by a step of a run and named by its log, and as many
entries of the audit. Then 100 of each are new. The floor is reading the same rows without looking at them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from unshelve.ids import canonical_json, digest
from unshelve.registry.results import StoredResult, keep_results
from unshelve.registry.runs import time_text
from unshelve.registry.tables import result, run, run_step
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.upkeep.backup import back_up
from unshelve.upkeep.costs import costs
from unshelve.upkeep.damage import examine
from unshelve.upkeep.marking import needed
from unshelve.upkeep.sweeping import sweep

NOW = "2026-01-01T00:00:00.000000+00:00"
T = TypeVar("T")
NEW = 100
A_RUN = 500
"""How many steps a run has."""


def main() -> None:
    """Fill a home, look after it in every way, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--things", type=int, default=100_000)
    things = parser.parse_args().things
    with tempfile.TemporaryDirectory() as folder, Control.open(Path(folder) / "home") as control:
        fill(control, 0, things)
        backups = Path(folder) / "backups"
        first, one = timed(lambda: back_up(control, backups, LOCAL))
        fill(control, things, things + NEW)
        second, two = timed(lambda: back_up(control, backups, LOCAL))
        sizes: dict[str, int] = {}
        with control.database.read() as connection:
            floor, _ = timed(lambda: [connection.execute(select(table)).all() for table in (result, run_step)])
            counting, _ = timed(lambda: costs(connection, control.blobs, sizes=sizes))
            again, _ = timed(lambda: costs(connection, control.blobs, sizes=sizes))
            marking, marked = timed(lambda: needed(connection, control.blobs))
        sweeping, done = timed(lambda: sweep(control, LOCAL))
        with stored(control.home) as opened:
            examining, damages = timed(lambda: [one for part in examine(opened) for one in part.damages])
    assert done.removed == 0 and len(damages) == 0 and len(marked) > 2 * things
    print(f"{things:,} results, steps with a log, and audit entries; load {os.getloadavg()[0]:.1f}")
    print(f"  first backup   {first:6.1f} s  {one.size_bytes / 1e6:8.1f} MB")
    share = two.added_bytes / one.size_bytes
    print(f"  with {NEW} new   {second:6.1f} s  {two.added_bytes / 1e6:8.2f} MB added, {share:.1%} of the first")
    print(f"  reading rows   {floor:6.1f} s  the floor")
    print(f"  counting       {counting:6.1f} s  {counting / floor:4.1f}x; again {again:.1f} s, {again / floor:.1f}x")
    print(f"  marking        {marking:6.1f} s  {marking / floor:4.1f}x")
    print(f"  sweeping       {sweeping:6.1f} s")
    print(f"  fsck           {examining:6.1f} s")


def fill(control: Control, begin: int, end: int) -> None:
    """Stores so many results and logs, with the rows that lead to them, and as many entries of the audit."""
    blobs, rows, steps = control.blobs, [], []
    at = time_text(control.clock.now())
    for number in range(begin, end):
        artifact = {"digest": blobs.put(f"{number:0200}".encode()), "kind": "bytes", "size_bytes": 200, "summary": {}}
        outputs = canonical_json({"": artifact}).decode()
        rows.append(StoredResult(digest(f"key {number}".encode()), f"t{number}", outputs, "{}", "r", at))
        steps.append(
            {
                "run_id": f"run{number // A_RUN:09}",
                "task": f"t{number}",
                "position": number % A_RUN,
                "state": "ran",
                "reason": "",
                "outputs": outputs,
                "attempts": 1,
                "log": blobs.put(f"log of {number}".encode()),
            }
        )
    with control.database.write() as connection:
        runs = sorted({step["run_id"] for step in steps})
        known = set(connection.execute(select(run.c.id)).scalars())
        texts = dict.fromkeys(("cause", "actor"), "x") | dict.fromkeys(("parameters", "environment", "graph"), "{}")
        made = [
            {"id": one, "solution": "many", "number": place, "state": "done", "queued_at": NOW, **texts}
            for place, one in enumerate(runs, start=begin)
            if one not in known
        ]
        if made:
            connection.execute(run.insert(), made)
        connection.execute(run_step.insert(), steps)
        keep_results(connection, "many", rows)
        for number in range(begin, end):
            audit.append(connection, LOCAL, "look", f"thing {number}", {}, now=control.clock.now())


def timed(what: Callable[[], T]) -> tuple[float, T]:
    """Seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    given = what()
    return time.perf_counter() - began, given


if __name__ == "__main__":
    main()
