"""How long a home of a gigabyte takes to be backed up and restored, beside a plain copy of its folder.

    python benchmarks/restore.py [--megabytes 1024]

The home holds blobs of 1 MB that stored results lead to. The floor is `cp -r` of the same blobs in the same run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from unshelve.ids import canonical_json
from unshelve.registry.results import StoredResult, keep_results
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.upkeep.backup import back_up
from unshelve.upkeep.restore import restore

MEGABYTE = 1 << 20
NOW = "2026-01-01T00:00:00.000000+00:00"


def main() -> None:
    """Fill a home, back it up, restore it, and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    wanted = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Control.open(root / "home") as control:
            fill(control, wanted)
            backed = timed(lambda: back_up(control, root / "backups", LOCAL))
            again = timed(lambda: back_up(control, root / "backups", LOCAL))
        restored = timed(lambda: restore(root / "backups", root / "new"))
        copied = timed(lambda: shutil.copytree(root / "home" / "blobs", root / "copy"))
    load = os.getloadavg()[0]
    print(f"{wanted:,} MB, load {load:.1f}; a plain copy takes {copied:.1f} s")
    print(f"  backup   {backed:6.1f} s  {backed / copied:4.1f}x the copy; again, with nothing new, {again:.1f} s")
    print(f"  restore  {restored:6.1f} s  {restored / copied:4.1f}x the copy, every byte hashed (promised: 120 s)")


def fill(control: Control, megabytes: int) -> None:
    """Store blobs that differ, and results that lead to them."""
    rows = []
    for number in range(megabytes):
        digest = control.blobs.put(os.urandom(MEGABYTE))
        artifact = {"digest": digest, "kind": "bytes", "size_bytes": MEGABYTE, "summary": {}}
        rows.append(
            StoredResult(
                key=f"{number:064x}",
                task=f"task{number}",
                outputs=canonical_json({"": artifact}).decode(),
                parts="{}",
                run_id="r",
                made_at=NOW,
            )
        )
    with control.database.write() as connection:
        keep_results(connection, "big", rows)


def timed(what: object) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    what()  # type: ignore[operator]  # a call
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
