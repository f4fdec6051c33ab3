"""Sweeping: what nothing needs goes, and nothing else does, whatever happens meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from unshelve.errors import Conflict
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.solution.stored import stored
from unshelve.storage.blobs import FolderBlobs
from unshelve.upkeep.damage import examine
from unshelve.upkeep.marking import needed
from unshelve.upkeep.sweeping import sweep
from unshelve.upkeep.turn import alone

from .conftest import Kept

NO_GRACE = timedelta(seconds=-60)


def test_what_nothing_needs_goes_and_a_home_stays_whole(kept: Kept) -> None:
    usual = kept.run(1).steps
    stray = [kept.control.blobs.put(b"stray %d" % number) for number in range(5)]
    before = set(kept.control.blobs.digests()) - set(stray)
    done = sweep(kept.control, LOCAL, grace=NO_GRACE)
    assert (done.removed, done.freed_bytes) == (5, 35)
    assert set(kept.control.blobs.digests()) == before
    with stored(kept.control.home) as opened:
        assert [damage for part in examine(opened) for damage in part.damages] == []
    again = kept.run(1).steps
    assert (again["failed"], again["ran"]) <= (0, usual["ran"])


def test_what_is_young_is_left_alone(kept: Kept) -> None:
    young = kept.control.blobs.put(b"a step has just stored this")
    done = sweep(kept.control, LOCAL)
    assert (done.removed, done.young) == (0, 1)
    assert kept.control.blobs.has(young)


def test_a_dry_run_says_what_would_go_and_removes_nothing(kept: Kept) -> None:
    stray = kept.control.blobs.put(b"12345")
    done = sweep(kept.control, LOCAL, grace=NO_GRACE, dry_run=True)
    assert (done.removed, done.freed_bytes, done.dry_run) == (1, 5, True)
    assert kept.control.blobs.has(stray)


def test_a_sweep_is_in_the_audit(kept: Kept) -> None:
    sweep(kept.control, LOCAL, grace=NO_GRACE)
    with kept.control.database.read() as connection:
        assert audit.entries(connection, limit=1)[0].action == "sweep"
        audit.verify(connection)


def test_two_at_a_time_are_refused(kept: Kept) -> None:
    with alone(kept.control, LOCAL), pytest.raises(Conflict, match="goes on"):
        sweep(kept.control, LOCAL)
    sweep(kept.control, LOCAL)


def test_bytes_that_are_put_again_while_a_sweep_goes_on_stay(tmp_path: Path) -> None:
    """A writer puts the same bytes again and again, a sweeper removes them: what `put` gave is there afterwards."""
    blobs = FolderBlobs(tmp_path)
    data = [b"%d" % number * 100 for number in range(20)]
    old = 1e9
    over = threading.Event()
    lost: list[str] = []

    def write() -> None:
        rng = random.Random(1)
        for _ in range(4000):
            digest = blobs.put(rng.choice(data))
            # Put just now, so that no sweep of what is older than that may take it.
            if not blobs.has(digest) and not blobs.place(digest).with_name(f".swept-{digest[2:]}").exists():
                lost.append(digest)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        for digest in list(blobs.digests()):
            blobs.sweep(digest, before=old)
    writer.join()
    assert lost == []


def test_a_sweep_that_was_killed_half_way_is_taken_up(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    digest = blobs.put(b"moved aside when the process ended")
    place = blobs.place(digest)
    place.rename(place.with_name(f".swept-{place.name}"))
    assert list(blobs.digests(before=1e11)) == []
    assert blobs.get(digest) == b"moved aside when the process ended"


def test_a_sweep_killed_at_any_point_leaves_a_home_that_runs(kept: Kept) -> None:
    usual = kept.run(1).steps
    for number in range(200):
        kept.control.blobs.put(b"stray %d" % number)
    script = (
        "import os, signal, sys, threading\n"
        "from datetime import timedelta\n"
        "from pathlib import Path\n"
        "from unshelve.storage.blobs import FolderBlobs\n"
        "blobs = FolderBlobs(Path(sys.argv[1]))\n"
        "threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n"
        "for digest in sorted(blobs.digests(before=1e11)):\n"
        "    if digest not in set(sys.argv[3:]): blobs.sweep(digest, before=1e11)\n"
        "os._exit(0)"
    )
    with kept.control.database.read() as connection:
        wanted = needed(connection, kept.control.blobs)
    for seconds in (0.001, 0.005, 0.02):
        subprocess.run([sys.executable, "-c", script, str(kept.control.home.blobs), str(seconds), *wanted], check=False)
    again = kept.run(1).steps
    assert (again["failed"], again["ran"]) <= (0, usual["ran"])
