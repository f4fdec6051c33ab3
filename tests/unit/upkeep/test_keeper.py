"""What a served home does by itself: once a day it lets go of what is old and sweeps; costs follow runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from databases import settle
from predictions_log_files import NOON, closed, record
from unshelve.clock import FakeClock, SystemClock
from unshelve.errors import Unavailable
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.sealing import Sealer
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.upkeep.keeper import Keeper, cost_of, latest
from unshelve.upkeep.records import UpkeepKind
from unshelve.upkeep.turn import alone

from .conftest import Kept


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(SystemClock().now())


@pytest.fixture
def control(tmp_path: Path, clock: FakeClock) -> Iterator[Control]:
    with Control.open(settle(tmp_path / "home"), clock=clock) as opened:
        yield opened


def stray(control: Control, data: bytes) -> str:
    """A blob that nothing needs, put three days ago."""
    digest = control.blobs.put(data)
    path = control.blobs.path(digest)
    assert path is not None
    then = (control.clock.now() - timedelta(days=3)).timestamp()
    os.utime(path, (then, then))
    return digest


def actions(control: Control) -> list[str]:
    with control.database.read() as connection:
        return [one.action for one in audit.entries(connection, limit=20)]


def test_a_day_sweeps_what_nothing_needs_and_is_told_and_audited(control: Control, clock: FakeClock) -> None:
    old, young = stray(control, b"old"), control.blobs.put(b"a run has just put it")
    keeper = Keeper(control)
    keeper.look_after()
    assert (control.blobs.has(old), control.blobs.has(young)) == (False, True)
    with control.database.read() as connection:
        told = latest(connection)
    assert (told[UpkeepKind.SWEEP].details["removed"], told[UpkeepKind.DAY].details["swept"]) == (1, True)
    assert "sweep" in actions(control)
    another = stray(control, b"another")
    clock.move(timedelta(hours=23))
    keeper.look_after()
    assert control.blobs.has(another)  # a day is not over
    clock.move(timedelta(hours=1))
    Keeper(control).look_after()  # as another server or another process would
    assert not control.blobs.has(another)


def test_costs_that_runs_had_counted_do_not_put_the_day_off(control: Control, clock: FakeClock) -> None:
    keeper = Keeper(control)
    keeper.look_after()
    old = stray(control, b"old")
    clock.move(timedelta(hours=23))
    keeper.count(LOCAL)
    clock.move(timedelta(hours=2))
    keeper.look_after()
    assert not control.blobs.has(old)


def test_a_home_that_switched_the_sweep_off_lets_go_and_does_not_sweep(tmp_path: Path, clock: FakeClock) -> None:
    home = settle(tmp_path / "home")
    home.mkdir(mode=0o700, exist_ok=True)
    with (home / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("sweep_daily = false\n")
    with Control.open(home, clock=clock) as control:
        old = stray(control, b"old")
        Keeper(control).look_after()
        assert control.blobs.has(old)
        with control.database.read() as connection:
            told = latest(connection)
        assert told[UpkeepKind.DAY].details["swept"] is False
        assert UpkeepKind.SWEEP not in told


def test_while_another_server_or_a_backup_has_the_turn_the_day_waits(control: Control) -> None:
    old = stray(control, b"old")
    keeper = Keeper(control)
    with alone(control, LOCAL):
        keeper.look_after()
        assert control.blobs.has(old)
    keeper.look_after()
    assert not control.blobs.has(old)


def test_a_server_that_ends_breaks_the_sweep_off_and_the_next_one_goes_on(control: Control) -> None:
    old = [stray(control, b"%d" % number) for number in range(3)]
    keeper = Keeper(control)
    keeper.close()
    with pytest.raises(Unavailable, match="the next sweep goes on"):
        keeper.look_after()
    assert len(control.blobs.has_many(old)) == 2
    Keeper(control).look_after()
    assert control.blobs.has_many(old) == set()


def test_costs_tell_versions_from_answers_and_logs(kept: Kept) -> None:
    control = kept.control
    closed(control.home.predictions, [record(NOON)], name="s1")
    Sealer(control.database, control.home.predictions, ParquetFiles(control.home.predictions), actor=LOCAL).seal()
    Keeper(control).count(LOCAL)
    with control.database.read() as connection:
        cost = cost_of(connection, "parcels")
    assert cost is not None and cost.parts["versions"] > 0 and cost.parts["results"] > 0
    assert cost.total == sum(cost.parts.values())
