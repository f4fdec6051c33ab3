"""Backup and restore, rehearsed: nothing lost, the audit chain whole, the same answers, nothing from a bad backup."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from predictions_log_files import NOON, closed, record
from unshelve.errors import Damaged, NotFound, Refused
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.registry.releases import releases
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.security.secrets import secret_names, set_secret
from unshelve.serving.releases import LiveReleases
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.archive import BackupFolder
from unshelve.upkeep.backup import back_up
from unshelve.upkeep.copying import fingerprints
from unshelve.upkeep.damage import examine
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
        spoil(blobs.place(backup.tables["audit"].digest))
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
