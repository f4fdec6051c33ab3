"""Moving a home to PostgreSQL and object storage, and back: everything there, compared, and answering the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from cli_solution import eventually
from object_servers import seaweedfs
from postgres_server import fresh_database
from predictions_log_files import NOON, closed, record
from unshelve.cli.elsewhere import targets
from unshelve.errors import Conflict, Refused, Unavailable
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.serving.releases import LiveReleases
from unshelve.settings import Settings
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.damage import examine
from unshelve.upkeep.moving import move

from .conftest import MODEL, ROW


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Path:
    """A home on SQLite and a folder, with a run, a version that answers, and a sealed answer."""
    shutil.copytree(once / "home", tmp_path / "home")
    with Control.open(tmp_path / "home") as control:
        closed(control.home.predictions, [record(NOON)], name="s1")
        files = ParquetFiles(control.home.predictions)
        Sealer(control.database, control.home.predictions, files, actor=LOCAL).seal()
    return tmp_path / "home"


def told(home: Path) -> tuple[object, ...]:
    """What a home answers, what it remembers of answers, and whether all that is stored is sound."""
    with Control.open(home) as control:
        model = LiveReleases(control.database, control.blobs, control.verifier).version(MODEL, 1)
        answered = list(model.answer(model.decoder.decode_rows([ROW])))
        files = ParquetFiles(control.home.predictions)
        log = PredictionLog(control.database, control.home.predictions, files, blobs=control.blobs)
        with control.database.read() as connection:
            audit.verify(connection)
        remembered = [found.id for found in log.recent()]
    with stored(Home.open(home)) as opened:
        damages = [damage.message for part in examine(opened) for damage in part.damages]
    return answered, remembered, damages


def test_a_home_goes_to_postgresql_and_objects_and_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = seaweedfs()
    server.enter(monkeypatch)
    before = told(home)
    assert before[2] == []
    with fresh_database() as url:
        blobs = server.address()
        with Control.open(home) as control:
            done = move(control, LOCAL, database=url, blobs=blobs)
            assert done.rows > 20 and done.copied > 10
            assert url.partition("@")[0].rpartition(":")[2] not in str(done)
        for folder in (home / "blobs" / "sha256").iterdir():
            for blob in folder.iterdir():
                blob.unlink()  # what is used from now on is elsewhere
        (home / "unshelve.db").rename(home / "elsewhere.db")
        assert told(home) == before
        with Control.open(home) as control:
            back = move(control, LOCAL, database="home", blobs="home")
            assert back.copied >= done.copied
    assert told(home) == before


def test_a_move_that_was_cut_off_goes_on(home: Path, tmp_path: Path) -> None:
    with Control.open(home) as control:
        some = sorted(control.blobs.digests())[:5]
        from unshelve.storage.blobs import FolderBlobs

        target = FolderBlobs(tmp_path / "elsewhere")
        for digest in some:
            target.put(control.blobs.get(digest))
        done = move(control, LOCAL, blobs=str(tmp_path / "elsewhere"))
        assert done.present >= 1
    assert told(home)[2] == []


def test_a_database_with_other_things_in_it_is_refused_and_nothing_is_changed(home: Path) -> None:
    import psycopg

    with fresh_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("create table customers (id integer)")
        with Control.open(home) as control, pytest.raises(Refused, match="customers"):
            move(control, LOCAL, database=url)
    assert not (home / "settings.toml").exists()


def test_two_homes_are_not_moved_onto_one_database_or_one_bucket(home: Path, tmp_path: Path) -> None:
    with fresh_database() as url:
        with Control.open(home) as control:
            move(control, LOCAL, database=url)
        with Control.open(tmp_path / "other") as other, pytest.raises(Conflict, match="another home"):
            move(other, LOCAL, database=url)


@pytest.mark.parametrize(
    ("addresses", "database", "blobs"),
    [
        (["s3://b/p", "postgresql://u@h/d"], "postgresql://u@h/d", "s3://b/p"),
        (["/srv/blobs"], None, "/srv/blobs"),
        (["home"], "home", "home"),
        (["home", "postgresql://u@h/other"], "postgresql://u@h/other", "home"),
    ],
)
def test_an_address_says_by_its_form_what_goes_there(
    addresses: list[str], database: str | None, blobs: str | None
) -> None:
    away = Settings(database="postgresql://u@h/d", blobs="s3://b")
    assert targets(addresses, away) == (database, blobs)


def test_addresses_that_mean_nothing_are_refused() -> None:
    with pytest.raises(Refused, match="in the home already"):
        targets(["home"], Settings())
    with pytest.raises(Refused, match="two places for the blobs"):
        targets(["/a", "/b"], Settings())


def test_a_server_that_is_not_there_leaves_the_home_where_it_is(home: Path) -> None:
    with Control.open(home) as control, pytest.raises(Unavailable):
        move(control, LOCAL, database="postgresql://nobody:word@127.0.0.1:9/x")
    assert not (home / "settings.toml").exists()


def test_what_the_environment_says_would_overrule_a_move(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Control.open(home) as control:
        monkeypatch.setenv("UNSHELVE_BLOBS", "/somewhere")
        with pytest.raises(Refused, match="UNSHELVE_BLOBS"):
            move(control, LOCAL, blobs="home")


def test_other_settings_stay(home: Path, tmp_path: Path) -> None:
    (home / "settings.toml").write_text('# mine\nsession_days = 3\nblobs = ""\n', encoding="utf-8")
    with Control.open(home) as control:
        move(control, LOCAL, blobs=str(tmp_path / "elsewhere"))
    text = (home / "settings.toml").read_text(encoding="utf-8")
    assert "session_days = 3" in text and "# mine" in text and text.count("blobs") == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Control
from unshelve.upkeep import moving

what, _, number = sys.argv[1].partition(" ")
left = int(number or 1)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def told(name, _done, _of):
    global left
    left -= what == ("blobs" if name == "blobs" else "tables")
    if left == 0 and what in ("blobs", "tables"):
        die()

if what == "copied":
    moving.check_equal = die
if what == "compared":
    moving._keep = die
with Control.open(Path(sys.argv[2])) as control:
    moving.move(control, LOCAL, database=sys.argv[3], blobs=sys.argv[4], progress=told)
"""


def killed(home: Path, moment: str, database: str, blobs: str) -> None:
    """A move in a process of its own that ends by SIGKILL at a moment."""
    words = [sys.executable, "-c", KILLED, moment, str(home), database, blobs]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNSHELVE_")}
    code = -1

    def tried() -> bool:
        nonlocal code
        done = subprocess.run(words, check=False, env=environment, capture_output=True, text=True)
        code = done.returncode
        # The turn of the one that was killed before this one is over after its lease.
        return "upkeep-going-on" not in done.stderr and "goes on" not in done.stderr

    eventually(tried, seconds=60)
    assert code == -signal.SIGKILL, moment


def test_a_move_that_is_killed_anywhere_leaves_the_home_where_it_is_and_is_made_again(
    home: Path, tmp_path: Path
) -> None:
    (home / "settings.toml").write_text("lease_seconds = 1\n", encoding="utf-8")
    before, elsewhere = told(home), str(tmp_path / "elsewhere")
    with fresh_database() as url:
        for moment in ("blobs 3", "tables 9", "copied", "compared"):
            killed(home, moment, url, elsewhere)
            assert "postgresql" not in (home / "settings.toml").read_text(encoding="utf-8")
            assert told(home) == before, moment
        moved(home, url, elsewhere)
        assert told(home) == before
        for moment in ("blobs 3", "tables 9", "compared"):
            killed(home, moment, "home", "home")
            assert url in (home / "settings.toml").read_text(encoding="utf-8")
            assert told(home) == before, moment
        moved(home, "home", "home")
        assert told(home) == before


def moved(home: Path, database: str, blobs: str) -> None:
    """Moves a home, as soon as the turn of one that was killed is over."""

    def tried() -> bool:
        with Control.open(home) as control:
            try:
                move(control, LOCAL, database=database, blobs=blobs)
            except Conflict as error:
                assert error.subject_code == "upkeep-going-on"
                return False
        return True

    eventually(tried, seconds=60)


def test_a_database_that_holds_a_later_moment_of_the_home_is_not_overwritten(home: Path) -> None:
    with fresh_database() as url:
        with Control.open(home) as control:
            move(control, LOCAL, database=url)
        with Control.open(home) as control, control.database.write() as connection:
            audit.append(connection, LOCAL, "look", "later", {}, now=control.clock.now())
        (home / "settings.toml").unlink()  # as if somebody had brought back the folder of before
        with Control.open(home) as control, pytest.raises(Conflict, match="a later moment of this home"):
            move(control, LOCAL, database=url)


def test_a_text_that_postgresql_cannot_keep_is_named(home: Path) -> None:
    with Control.open(home) as control, control.database.write() as connection:
        connection.execute(text("UPDATE run SET error = :said"), {"said": "half a\x00word"})
    with fresh_database() as url, Control.open(home) as control:
        with pytest.raises(Refused, match=r"error of run .* holds a NUL character"):
            move(control, LOCAL, database=url)
        assert told_settings(home) == ""


def told_settings(home: Path) -> str:
    file = home / "settings.toml"
    return file.read_text(encoding="utf-8") if file.exists() else ""
