"""The store after real runs of everything that can name a blob: swept, examined, backed up and brought back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from postgres_server import fresh_database
from unshelve.clock import FakeClock, SystemClock
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.backup import back_up
from unshelve.upkeep.damage import examine
from unshelve.upkeep.keeper import Keeper
from unshelve.upkeep.marking import needed
from unshelve.upkeep.restore import restore
from unshelve.upkeep.sweeping import sweep
from unshelve.upkeep.uses import DATA, LOGS, RESULTS, VERSIONS, Use, uses
from upkeep_house import a_copy, everything, seal, visited


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed house with everything in it; tests get copies, for the runs take a minute."""
    root = tmp_path_factory.mktemp("everything") / "house"
    root.mkdir()
    with everything(root):
        pass
    with Control.open(root / "home") as control:
        assert seal(control) > 0
    return root


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Path:
    return a_copy(once, tmp_path / "copy")


def used(control: Control) -> list[Use]:
    with control.database.read() as connection:
        return list(uses(connection, control.blobs))


def damages(home: Path) -> list[str]:
    with stored(Home.open(home)) as opened:
        return [damage.message for part in examine(opened) for damage in part.damages]


def age(blobs: Path, days: int) -> None:
    """Makes every blob as old as if it had been put so many days ago."""
    then = (SystemClock().now() - timedelta(days=days)).timestamp()
    for path in blobs.rglob("sha256/*/*"):
        os.utime(path, (then, then))


def test_the_house_has_every_kind_of_thing_that_names_a_blob(once: Path) -> None:
    with Control.open(once / "home") as control:
        found = used(control)
    said = "\n".join(use.what for use in found)
    for kind in (
        "the manifest of depot.lateness v2",
        "the manifest of depot.advice v2",
        "estimator of depot.lateness v2",
        "lookup/roads of depot.lateness v2",
        "parts/state/long/00000 of depot.lateness v2",
        "the proof of depot.lateness v2",
        "the gates of depot.advice v2",
        "which trains was lifted from",
        "part 1 of load 2 of depot.parcels",
        "the record of load 1 of depot.parcels",
        "the table of load 2 of depot.parcels",
        "the copy of the lookup depot.roads",
        "for the sink depot.nightly",
        "part 1 of what was made by letters",
        "part 1 of a result of letters",
        "the log of letters in run 1",
        "the chart by_zone of run 1",
        "the report of depot.sound in run 2",
        "set aside by depot.sound in run 2, as csv",
        "set aside by depot.sound in run 2, as parquet",
    ):
        assert kind in said, kind
    assert {use.part for use in found} == {VERSIONS, DATA, RESULTS, LOGS}


def test_a_sweep_long_after_takes_nothing_that_anything_leads_to(home: Path) -> None:
    with Control.open(home) as control:
        wanted = {use.digest for use in used(control)}
        assert control.blobs.has_many(wanted) == wanted
        with control.database.read() as connection:
            marked = needed(connection, control.blobs)
        assert wanted <= marked
        stray = control.blobs.put(b"nothing leads here")
        before = visited(control)
    age(home.parent / "blobs", 30)
    with Control.open(home) as control:
        Keeper(control).look_after()
        assert not control.blobs.has(stray)
        assert control.blobs.has_many(wanted) == wanted
        after = visited(control)
    assert damages(home) == []
    assert after == before
    assert {status for path, status in after.items()} == {200}
    kinds = ("aside.csv", "aside.parquet", "/log", "/charts/", "/sources/", "/lookups", "/sinks", "/predictions/")
    assert [kind for kind in kinds if not any(kind in path for path in after)] == []


LOST = (
    "part 1 of load 2",
    "part 1 of what was made by letters",
    "the rows of batch",
    "the log of letters",
    "the report of depot.sound in run 2",
    "as csv",
    "which trains was lifted from",
    "lookup/roads of depot.lateness v2",
    "the proof of depot.lateness v2",
)


@pytest.mark.parametrize("kind", LOST)
def test_a_thing_that_lacks_a_blob_is_named_by_fsck_and_by_the_next_backup(
    home: Path, tmp_path: Path, kind: str
) -> None:
    with Control.open(home) as control:
        found = used(control)
        lost = next(use for use in found if kind in use.what)
        names = {use.what for use in found if use.digest == lost.digest}
        control.blobs.delete(lost.digest)
        done = back_up(control, tmp_path / "backups", LOCAL)
    assert [said.partition(f" ({lost.digest[:12]}")[0] in names for said in done.missing] == [True]
    said = damages(home)
    wanted = {name.lower() for name in names}
    told = [
        line
        for line in said
        if any(name in line.lower() for name in wanted)
        or any(line.startswith(f"{name}: its {part}") for part, _, name in map(_in_a_version, names))
    ]
    assert len(told) >= 1, said
    restored = restore(tmp_path / "backups", tmp_path / "new")
    assert [what in names for what in restored.missing] == [True]


def _in_a_version(what: str) -> tuple[str, str, str]:
    """ "lookup/roads of depot.lateness v2" as fsck says it: "depot.lateness v2: its file lookup/roads is gone"."""
    path, of, name = what.partition(" of ")
    return (path.removeprefix("the ") if path.startswith("the ") else f"file {path}"), of, name


@contextmanager
def opened(home: Path, days: int) -> Iterator[Control]:
    """The home as it is opened so many days later."""
    with Control.open(home, clock=FakeClock(SystemClock().now() + timedelta(days=days))) as control:
        yield control


def test_a_sweep_after_retention_leaves_a_home_that_fsck_finds_sound(home: Path) -> None:
    with (home / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("keep_runs_days = 5\nkeep_versions = 1\nkeep_predictions_days = 5\n")
    with opened(home, 40) as control:
        Keeper(control).look_after()
        sweep(control, LOCAL, grace=timedelta(days=1))
        gone = [path for path, status in visited(control).items() if status != 200]
        assert all(path.startswith("/runs/") for path in gone)  # of a refresh that answers, whose run was let go
        assert control.blobs.has_many({use.digest for use in used(control)}) == {use.digest for use in used(control)}
    assert damages(home) == []


def test_everything_is_restored_to_postgresql_and_another_store(home: Path, tmp_path: Path) -> None:
    with Control.open(home) as control:
        before = visited(control)
        back_up(control, tmp_path / "backups", LOCAL)
    with fresh_database() as url:
        done = restore(tmp_path / "backups", tmp_path / "new", database=url, blobs=str(tmp_path / "elsewhere"))
        assert done.missing == () and done.signatures >= 12
        assert damages(tmp_path / "new") == []
        with Control.open(tmp_path / "new") as other:
            assert visited(other) == before
