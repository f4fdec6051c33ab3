"""Backup and restore, rehearsed: nothing lost, the audit chain whole, the same answers, nothing from a bad backup."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

import unshelve
from cli_solution import eventually, unshelve_here
from object_servers import seaweedfs
from postgres_server import fresh_database
from predictions_log_files import NOON, closed, record
from unshelve.errors import Conflict, Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.registry.releases import releases
from unshelve.registry.results import StoredResult, keep_results
from unshelve.registry.tables import metric, run
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.security.secrets import secret_names, set_secret
from unshelve.serving.releases import LiveReleases
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.archive import BackupFolder
from unshelve.upkeep.backup import Keeping, back_up
from unshelve.upkeep.copying import fingerprints
from unshelve.upkeep.damage import examine
from unshelve.upkeep.every_table import PACKAGES
from unshelve.upkeep.moving import move
from unshelve.upkeep.restore import restore

from .conftest import MODEL, ROW, Kept


def answers(control: Control) -> list[object]:
    with control.database.read() as connection:
        number = releases(connection)[MODEL].champion
    model = LiveReleases(control.database, control.blobs, control.verifier).version(MODEL, number)
    return list(model.answer(model.decoder.decode_rows([ROW])))


def test_a_restored_home_has_everything_and_answers_the_same(kept: Kept, tmp_path: Path) -> None:
    control = kept.control
    set_secret(control.home.secrets, "WORD", "hidden")
    sealed, unsealed = record(NOON), record(NOON + 1000)
    closed(control.home.predictions, [sealed], name="s1")
    Sealer(control.database, control.home.predictions, ParquetFiles(control.home.predictions), actor=LOCAL).seal()
    closed(control.home.predictions, [unsealed], name="s2")
    with control.database.read() as connection:
        before = fingerprints(connection)
    done = back_up(control, tmp_path / "backups", LOCAL)
    assert done.blobs > 10

    restored = restore(tmp_path / "backups", tmp_path / "new")
    assert restored.blobs == done.blobs

    with Control.open(tmp_path / "new") as other:
        assert answers(other) == answers(control)
        assert secret_names(other.home.secrets) == ["WORD"]
        log = PredictionLog(other.database, other.home.predictions, ParquetFiles(other.home.predictions))
        assert [found.id for found in log.recent()] == [unsealed.id, sealed.id]
        with other.database.read() as connection:
            after = fingerprints(connection)
            audit.verify(connection, head=audit.read_head(other.home.keys, other.verifier))
    # The turn of the backup itself is a job, and its entry in the audit came after the moment of the backup.
    assert {name for name in before if before[name] != after[name]} <= {"jobs"}
    with stored(other.home) as opened:
        assert [damage for part in examine(opened) for damage in part.damages] == []


def test_a_second_backup_adds_only_what_is_new(kept: Kept, tmp_path: Path) -> None:
    first = back_up(kept.control, tmp_path / "backups", LOCAL)
    second = back_up(kept.control, tmp_path / "backups", LOCAL)
    assert second.added_bytes < first.size_bytes / 2
    assert len(BackupFolder(tmp_path / "backups").names()) == 2
    earlier = restore(tmp_path / "backups", tmp_path / "earlier", name=first.name)
    assert earlier.blobs == first.blobs


def test_a_run_goes_on_while_a_backup_is_made(kept: Kept, tmp_path: Path) -> None:
    runs = threading.Thread(target=kept.run, args=(3,))
    runs.start()
    back_up(kept.control, tmp_path / "backups", LOCAL)
    runs.join()
    restore(tmp_path / "backups", tmp_path / "new")
    with stored(Home.open(tmp_path / "new")) as opened:
        assert [damage.message for part in examine(opened) for damage in part.damages] == []


@pytest.mark.parametrize("change", ["a blob", "a blob is gone", "rows", "the manifest", "cut off"])
def test_a_backup_that_was_changed_or_cut_off_is_refused_and_leaves_nothing(
    kept: Kept, tmp_path: Path, change: str
) -> None:
    folder = tmp_path / "backups"
    done = back_up(kept.control, folder, LOCAL)
    backup = BackupFolder(folder).read(None)
    blobs = BackupFolder(folder).blobs
    manifest = folder / f"{done.name}.backup.json"
    estimator = blobs.place(kept.estimator(1))
    if change == "a blob":
        spoil(estimator)
    elif change == "a blob is gone":
        estimator.unlink()
    elif change == "rows":
        spoil(blobs.place(backup.tables["audit"].pieces[0]))
    elif change == "the manifest":
        manifest.write_bytes(manifest.read_bytes().replace(b'"count":', b'"count":1'))
    else:
        manifest.write_bytes(manifest.read_bytes()[:100])
    with pytest.raises((Damaged, NotFound, PermissionError)):
        restore(folder, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("new")) == []


def test_a_restoring_that_was_killed_is_done_anew(kept: Kept, tmp_path: Path) -> None:
    back_up(kept.control, tmp_path / "backups", LOCAL)
    half = tmp_path / "new.restoring"
    half.mkdir()
    (half / "something").write_text("of a process that was killed")
    restore(tmp_path / "backups", tmp_path / "new")
    assert not half.exists() and (tmp_path / "new" / "version").exists()


def test_nothing_is_restored_over_what_is_there(kept: Kept, tmp_path: Path) -> None:
    back_up(kept.control, tmp_path / "backups", LOCAL)
    with pytest.raises(Refused, match="not empty"):
        restore(tmp_path / "backups", kept.control.home.root)


def test_a_folder_of_another_home_or_inside_this_one_is_refused(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="inside the home"):
        back_up(kept.control, kept.control.home.root / "backups", LOCAL)
    back_up(kept.control, tmp_path / "backups", LOCAL)
    with Control.open(tmp_path / "other") as other, pytest.raises(Refused, match="another home"):
        back_up(other, tmp_path / "backups", LOCAL)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letters.txt").write_text("x")
    with pytest.raises(Refused, match="other things"):
        back_up(kept.control, tmp_path / "full", LOCAL)


def test_the_backup_folder_is_for_its_owner_alone(kept: Kept, tmp_path: Path) -> None:
    back_up(kept.control, tmp_path / "backups", LOCAL)
    assert (tmp_path / "backups").stat().st_mode & 0o077 == 0


def spoil(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def test_an_answer_that_is_sealed_while_a_backup_is_made_is_in_it_once(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = kept.control
    answered = record(NOON)
    closed(control.home.predictions, [answered], name="s1")
    files = ParquetFiles(control.home.predictions)
    sealer = Sealer(control.database, control.home.predictions, files, actor=LOCAL)
    moment = control.database.read

    def sealed_first() -> object:
        if any((tmp_path / "backups").rglob("sha256/*/*")):
            sealer.seal()  # after the open segments were copied, before the moment of the database
        return moment()

    monkeypatch.setattr(control.database, "read", sealed_first)
    back_up(control, tmp_path / "backups", LOCAL)
    monkeypatch.undo()
    restore(tmp_path / "backups", tmp_path / "new")
    with Control.open(tmp_path / "new") as other:
        new = ParquetFiles(other.home.predictions)
        Sealer(other.database, other.home.predictions, new, actor=LOCAL).seal()
        log = PredictionLog(other.database, other.home.predictions, new)
        assert [found.id for found in log.recent()] == [answered.id]


def test_a_second_backup_of_many_rows_costs_what_is_new(kept: Kept, tmp_path: Path) -> None:
    with kept.control.database.write() as connection:
        connection.execute(metric.insert(), _metrics(connection, 0, 20_000))
    first = back_up(kept.control, tmp_path / "backups", LOCAL)
    with kept.control.database.write() as connection:
        connection.execute(metric.insert(), _metrics(connection, 20_000, 20_100))
    second = back_up(kept.control, tmp_path / "backups", LOCAL)
    assert second.rows - first.rows >= 100
    assert second.added_bytes < first.added_bytes / 10
    restore(tmp_path / "backups", tmp_path / "new")
    with Control.open(tmp_path / "new") as other, other.database.read() as connection:
        rows = connection.execute(select(metric.c.name, metric.c.value).where(metric.c.model == "many")).all()
    assert sorted(rows) == sorted((f"m{number}", number / 7) for number in range(20_100))


def _metrics(connection: Connection, begin: int, end: int) -> list[dict[str, object]]:
    """Rows whose keys fall anywhere between those of earlier ones."""
    made_by = connection.execute(select(run.c.id)).scalars().first()
    empty = dict.fromkeys(("low", "high", "rows", "higher_is_better", "unit"))
    return [
        {"run_id": made_by, "model": "many", "name": f"m{number}", "value": number / 7, "own": True, **empty}
        for number in range(begin, end)
    ]


def test_earlier_backups_go_with_what_only_they_need(kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with kept.control.database.write() as connection:
        stray = kept.control.blobs.put(b"only the first backup has this")
        outputs = canonical_json({"": {"digest": stray, "kind": "bytes", "size_bytes": 30, "summary": {}}}).decode()
        keep_results(connection, "parcels", [StoredResult("stray", "rows", outputs, "{}", "r", "2026-01-01")])
    first = back_up(kept.control, folder, LOCAL)
    with kept.control.database.write() as connection:
        connection.execute(text("DELETE FROM result WHERE key = 'stray'"))
    second = back_up(kept.control, folder, LOCAL)
    third = back_up(kept.control, folder, LOCAL, keeping=Keeping(newest=2))
    assert third.removed == (first.name,)
    assert third.freed_bytes > 0
    blobs = BackupFolder(folder).blobs
    assert not blobs.has(stray)
    assert list(blobs.verify()) == []
    for name in (second.name, third.name):
        restore(folder, tmp_path / name, name=name)
    last = back_up(kept.control, folder, LOCAL, keeping=Keeping(days=0.0))
    assert BackupFolder(folder).names() == [last.name]  # the one that was made now stays, however old
    restore(folder, tmp_path / "last")
    with pytest.raises(Refused, match="At least one"):
        back_up(kept.control, folder, LOCAL, keeping=Keeping(newest=0))


def test_nothing_is_removed_while_a_backup_that_stays_cannot_be_read(kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    first, second = back_up(kept.control, folder, LOCAL), back_up(kept.control, folder, LOCAL)
    damaged = folder / f"{second.name}.backup.json"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(Damaged):
        BackupFolder(folder).prune(keep=2)
    assert BackupFolder(folder).names() == [first.name, second.name]
    restore(folder, tmp_path / "first", name=first.name)


def test_what_the_home_has_lost_is_named_by_the_command_and_its_exit_code(kept: Kept, tmp_path: Path) -> None:
    root, lost = kept.control.home.root, kept.estimator(1)
    kept.control.blobs.delete(lost)
    with kept.control.database.read() as connection:
        proof = connection.execute(text("SELECT blob FROM attestation WHERE kind = 'proof'")).scalar_one()
    place = kept.control.blobs.path(proof)
    assert place is not None
    spoil(place)
    kept.control.close()
    said = unshelve_here("backup", tmp_path / "backups", "--home", root)
    assert said.code == 1
    assert "The home has lost 2 things" in said.out
    assert f"estimator of {MODEL} v1 ({lost[:12]}…)" in said.out
    assert f"the proof of {MODEL} v1 ({proof[:12]}…)" in said.out
    restored = restore(tmp_path / "backups", tmp_path / "new")
    assert sorted(restored.missing) == [f"estimator of {MODEL} v1", f"the proof of {MODEL} v1"]
    with stored(Home.open(tmp_path / "new")) as opened:
        assert [damage for part in examine(opened) for damage in part.damages]


def test_a_version_whose_signature_does_not_hold_is_not_restored(kept: Kept, tmp_path: Path) -> None:
    with Control.open(tmp_path / "foreign") as foreign, kept.control.database.write() as connection:
        digest = connection.execute(text("SELECT manifest FROM version")).scalar_one()
        forged = foreign.signer.sign(kept.control.blobs.get(digest))
        connection.execute(text("UPDATE version SET signature = :forged"), {"forged": forged})
    back_up(kept.control, tmp_path / "backups", LOCAL)
    with pytest.raises(Damaged, match=f"the manifest of {MODEL} v1 does not hold"):
        restore(tmp_path / "backups", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_home_is_restored_to_postgresql_and_objects(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = seaweedfs()
    server.enter(monkeypatch)
    before = answers(kept.control)
    with kept.control.database.read() as connection:
        rows = fingerprints(connection)
    back_up(kept.control, tmp_path / "backups", LOCAL)
    with fresh_database() as url:
        done = restore(tmp_path / "backups", tmp_path / "new", database=url, blobs=server.address())
        assert (done.home, done.signatures) == (str(tmp_path / "new"), 3)
        assert not (tmp_path / "new" / "unshelve.db").exists()
        assert not list((tmp_path / "new" / "blobs").rglob("sha256/*/*"))
        with Control.open(tmp_path / "new") as other:
            assert other.database.name.startswith("postgresql://")
            assert answers(other) == before
            with other.database.read() as connection:
                after = fingerprints(connection)
                audit.verify(connection, head=audit.read_head(other.home.keys, other.verifier))
        assert {name for name in rows if rows[name] != after[name]} <= {"jobs", "audit"}
        with stored(Home.open(tmp_path / "new")) as opened:
            assert [damage for part in examine(opened) for damage in part.damages] == []
        with pytest.raises(Refused, match="not empty"):
            restore(tmp_path / "backups", tmp_path / "new", database=url)
        with pytest.raises(Conflict, match="another home"), Control.open(tmp_path / "foreign") as foreign:
            move(foreign, LOCAL, database=url)
    assert not (tmp_path / "another").exists()


def test_every_package_that_declares_tables_is_copied() -> None:
    source = Path(unshelve.__file__).parent
    declared = {f"unshelve.{path.parent.name}.tables" for path in source.glob("*/tables.py") if _declares(path)}
    assert declared == {module.__name__ for module in PACKAGES} | {"unshelve.storage.tables"}


def _declares(path: Path) -> bool:
    return "METADATA" in path.read_text(encoding="utf-8")


def test_the_command_keeps_as_many_as_it_is_told_and_restores_to_elsewhere(kept: Kept, tmp_path: Path) -> None:
    root, folder = kept.control.home.root, tmp_path / "backups"
    kept.control.close()
    unshelve_here("backup", folder, "--home", root)
    said = unshelve_here("backup", folder, "--keep", 1, "--keep-for", "30d", "--home", root)
    assert (said.code, "Kept no longer: 1 earlier backup" in said.out) == (0, True)
    assert unshelve_here("backup", folder, "--keep", 0, "--home", root).code == 2
    with fresh_database() as url:
        to = ("--home", tmp_path / "new", "--to", url, "--to", tmp_path / "elsewhere")
        done = unshelve_here("restore", folder, *to, "--json")
        assert (done.code, done.json["missing"], done.json["signatures"]) == (0, [], 3)
        assert url.partition("@")[0].rpartition(":")[2] not in done.out + done.err
        assert unshelve_here("fsck", "--home", tmp_path / "new").code == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.upkeep.backup import back_up
from unshelve.upkeep.restore import restore

left = int(sys.argv[4])

def told(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "backup":
    with Control.open(Path(sys.argv[2])) as control:
        back_up(control, Path(sys.argv[3]), LOCAL, progress=told)
else:
    restore(Path(sys.argv[2]), Path(sys.argv[3]), progress=told)
"""


def killed(*words: object) -> None:
    """A backup or a restoring in a process of its own, which SIGKILL ends at a moment."""
    code = 0

    def tried() -> bool:
        nonlocal code
        done = subprocess.run(
            [sys.executable, "-c", KILLED, *map(str, words)], check=False, capture_output=True, text=True
        )
        code = done.returncode
        return "goes on" not in done.stderr  # the turn of the one that was killed before, until its lease is over

    eventually(tried, seconds=60)
    assert code == -signal.SIGKILL


def test_a_backup_that_is_killed_leaves_earlier_ones_and_the_next_is_whole(kept: Kept, tmp_path: Path) -> None:
    root, folder = kept.control.home.root, tmp_path / "backups"
    first = back_up(kept.control, folder, LOCAL)
    kept.run(2)
    kept.control.close()
    with (root / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("lease_seconds = 1\n")
    for moment in (1, 20):
        killed("backup", root, folder, moment)
        assert BackupFolder(folder).names() == [first.name]
    made: list[str] = []

    def tried() -> bool:
        made.extend(_backed_up(root, folder))
        return bool(made)

    eventually(tried, seconds=60)
    assert BackupFolder(folder).names() == [first.name, *made]
    for moment in (1, 20):
        killed("restore", folder, tmp_path / "new", moment)
        assert not (tmp_path / "new").exists()
    assert restore(folder, tmp_path / "new").missing == ()
    with stored(Home.open(tmp_path / "new")) as opened:
        assert [damage.message for part in examine(opened) for damage in part.damages] == []


def _backed_up(root: Path, folder: Path) -> list[str]:
    with Control.open(root) as control:
        try:
            return [back_up(control, folder, LOCAL).name]
        except Conflict:
            return []
