"""What is let go of, and what never is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from cli_solution import SOLUTION, write_solution
from databases import settle
from predictions_log_files import NOON, closed, record
from unshelve.clock import FakeClock, SystemClock
from unshelve.errors import NotFound
from unshelve.models.package import Manifest
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.registry.runs import runs_of
from unshelve.registry.versions import add_version, versions_of
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.serving.releases import LiveReleases
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.upkeep.costs import costs
from unshelve.upkeep.damage import examine
from unshelve.upkeep.retention import Retained, retain
from unshelve.upkeep.sweeping import sweep

from .conftest import MODEL, Kept


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[tuple[Kept, FakeClock]]:
    """A home that keeps runs for three days, one version beside those that answer, and answers for thirty days."""
    home = settle(tmp_path / "home")
    home.mkdir(mode=0o700, exist_ok=True)
    with (home / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("keep_runs_days = 10\nkeep_versions = 1\nkeep_predictions_days = 30\n")
    clock = FakeClock(SystemClock().now())
    with Control.open(home, clock=clock) as control:
        yield Kept(control, write_solution(tmp_path / "parcels", SOLUTION)), clock


def test_old_versions_go_but_what_answers_and_did_before_stays(limited: tuple[Kept, FakeClock]) -> None:
    kept, clock = limited
    for depth in (1, 2, 3, 4, 5):
        kept.run(depth)
        clock.move(timedelta(days=1))
    first = kept.estimator(1)
    retain(kept.control, LOCAL)
    with kept.control.database.read() as connection:
        states = {version.number: version.state for version in versions_of(connection, MODEL)}
    assert states == {5: "accepted", 4: "accepted", 3: "accepted", 2: "accepted", 1: "removed"}
    clock.move(timedelta(days=20))
    retain(kept.control, LOCAL)
    sweep(kept.control, LOCAL, grace=timedelta(days=-400))
    assert not kept.control.blobs.has(first)
    live = LiveReleases(kept.control.database, kept.control.blobs, kept.control.verifier)
    for number in (2, 3, 4, 5):
        assert live.version(MODEL, number).version == number
    with pytest.raises(NotFound, match="was removed"):
        live.version(MODEL, 1)
    with stored(kept.control.home) as opened:
        assert [damage.message for part in examine(opened) for damage in part.damages] == []


def test_old_runs_go_but_those_that_made_what_is_kept_stay(limited: tuple[Kept, FakeClock]) -> None:
    kept, clock = limited
    kept.run(1)
    kept.run(1)
    kept.run(1)
    clock.move(timedelta(days=11))
    assert retain(kept.control, LOCAL) == Retained(runs=1)
    with kept.control.database.read() as connection:
        assert {run.number for run in runs_of(connection, "parcels")} == {1, 3}
        audit.verify(connection)
    assert retain(kept.control, LOCAL) == Retained()


def test_old_answers_go_and_the_audit_goes_on_to_name_them(limited: tuple[Kept, FakeClock]) -> None:
    kept, clock = limited
    control = kept.control
    files = ParquetFiles(control.home.predictions)
    looked_up = b'{"weather":{"copy":"ab","age_seconds":1.5,"found":"entry"}}'
    closed(control.home.predictions, [msgspec.structs.replace(record(NOON), lookups=looked_up)], name="s1")
    Sealer(control.database, control.home.predictions, files, actor=LOCAL).seal()
    log = PredictionLog(control.database, control.home.predictions, files)
    assert len(log.recent()) == 1
    clock.move(timedelta(days=3650))
    assert retain(control, LOCAL).predictions == 1
    assert log.looked_up(date(2026, 3, 1), date(2026, 3, 1), ["flights.lateness"]) == []
    assert log.recent() == [] and list(control.home.predictions.rglob("*.parquet")) == []
    with control.database.read() as connection:
        audit.verify(connection)


def test_without_limits_everything_stays(kept: Kept) -> None:
    kept.run(2)
    assert retain(kept.control, LOCAL) == Retained()


def test_versions_that_differ_in_one_file_share_the_others(kept: Kept) -> None:
    with kept.control.database.read() as connection:
        (one,) = costs(connection, kept.control.blobs).solutions
    for depth in (2, 3):
        kept.run(depth)
    with kept.control.database.read() as connection:
        (three,) = costs(connection, kept.control.blobs).solutions
        made = versions_of(connection, MODEL)
    changed = sum(kept.control.blobs.size(kept.estimator(version.number)) for version in made)
    assert len(made) == 3
    assert one.parts["versions"] < three.parts["versions"] < 3 * one.parts["versions"] and changed > 0
    assert three.own == three.total == sum(three.parts.values())


def test_a_version_that_a_kept_endpoint_pins_stays_however_many_are_newer(tmp_path: Path) -> None:
    home = settle(tmp_path / "home")
    home.mkdir(mode=0o700, exist_ok=True)
    with (home / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("keep_versions = 1\n")
    with Control.open(home) as control:
        manifests = [added(control, "shop.price", "model", {"n": str(number)}) for number in range(1, 5)]
        pin = {"price": {"number": 1, "manifest": manifests[0]}}
        added(control, "shop.offer", "endpoint", {}, pin)
        assert retain(control, LOCAL) == Retained(versions=2)
        with control.database.read() as connection:
            states = {one.number: one.state for one in versions_of(connection, "shop.price")}
    assert states == {1: "candidate", 2: "removed", 3: "removed", 4: "candidate"}


def added(
    control: Control,
    model: str,
    kind: Literal["model", "endpoint"],
    environment: dict[str, str],
    models: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """Adds a version without files, and gives the digest of its manifest."""
    manifest = Manifest(
        model=model, kind=kind, title="", description="", files={}, environment=environment, models=models or {}
    )
    data = manifest.to_bytes()
    with control.database.write() as connection:
        add_version(
            connection,
            model=model,
            kind=kind,
            manifest=control.blobs.put(data),
            signature=control.signer.sign(data),
            run_id="r",
            summary={},
            now="2026-01-01T00:00:00.000000+00:00",
        )
    return manifest.digest
