"""The promise of the prediction log: whoever is killed, every answer that left is in it exactly once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from databases import database_of
from serving_tiny import ask, make_key, new_home, promote, wait_for
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.predictions.tables import SEGMENT_FILE
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.serving.orders import running
from unshelve.storage.database import Database
from unshelve.storage.home import Home

TESTS = Path(__file__).parents[1]
KILLS = 100
MOST_SECONDS = 300.0


class Callers:
    """People who ask all the time, and the ids of the answers that reached them."""

    def __init__(self, port: int, key: str, count: int) -> None:
        self.answered: list[str] = []
        self.refused: list[int] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, key)) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, port: int, key: str) -> None:
        while not self._stop.is_set():
            try:
                response = ask(port, key, {"x": 1}, {"x": 2})
            except (OSError, EOFError):  # the process that had the connection was killed
                time.sleep(0.01)
                continue
            if response.status == 200:
                self.answered.extend(answer["id"] for answer in response.json["answers"])
            else:
                self.refused.append(response.status)


class Machine:
    """A home, its control and the processes that control keeps, each of which may be killed."""

    def __init__(self, folder: Path) -> None:
        self.home, database = new_home(folder)
        promote(database, 1)
        self.key = make_key(database)
        database.close()
        self.port = 0
        self.killed: Counter[str] = Counter()
        self.start()

    def start(self, tries: int = 5) -> None:
        """Starts control, again if it ends at once, as a service manager does: its port may be held for a moment."""
        self.control = subprocess.Popen(
            [sys.executable, str(TESTS / "kill_control.py"), str(self.home.root), str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        assert self.control.stdout is not None
        said = self.control.stdout.readline()
        if not said and tries > 1:
            self.control.wait()
            self.control.stdout.close()
            self.start(tries - 1)
            return
        self.port = int(said)

    def kill(self, chance: random.Random) -> None:
        """Kills one process, and starts control again when it was that."""
        answering = [each.pid for each in running(self.home.root)]
        helping = [pid for pid in children(self.control.pid) if pid not in answering]
        whom = chance.choices(["answer", "control", "sealing"], [65, 15, 20])[0]
        if whom == "control":
            self.end_control()
            self.start()
        else:
            pids = answering if whom == "answer" else helping
            if not pids:
                return
            try:
                os.kill(chance.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                return
        self.killed[whom] += 1

    def end_control(self) -> None:
        self.control.kill()
        self.control.wait()
        assert self.control.stdout is not None
        self.control.stdout.close()

    def end(self) -> None:
        self.end_control()
        for each in running(self.home.root):
            os.kill(each.pid, signal.SIGKILL)
        wait_for(lambda: running(self.home.root) == [])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.end()


def sealed_ids(home: Home, database: Database) -> list[str]:
    files = ParquetFiles(home.predictions)
    with database.read() as connection:
        paths = list(connection.execute(select(SEGMENT_FILE.c.path)).scalars())
    on_disk = {path.relative_to(home.predictions).as_posix() for path in home.predictions.rglob("*.parquet")}
    assert on_disk == set(paths)
    return [each.id for path in paths for each in files.recent(path, model=None, before=None, limit=10**9)]


def test_a_hundred_kills_lose_no_answer_and_double_none(machine: Machine) -> None:
    chance = random.Random(2013)
    callers = Callers(machine.port, machine.key, 4)
    ends = time.monotonic() + MOST_SECONDS
    try:
        while sum(machine.killed.values()) < KILLS:
            assert time.monotonic() < ends, f"only {machine.killed} in {MOST_SECONDS:g} seconds"
            before = len(callers.answered)
            wait_for(lambda asked=before: len(callers.answered) > asked + 4, 30)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.1))
            machine.kill(chance)
    finally:
        callers.stop()
        machine.end()

    database = database_of(machine.home)
    log = PredictionLog(database, machine.home.predictions, ParquetFiles(machine.home.predictions))
    unsealed = {each.id for each in log.recent(limit=10**9)}
    Sealer(database, machine.home.predictions, ParquetFiles(machine.home.predictions), actor=LOCAL).seal()
    sealed = sealed_ids(machine.home, database)
    with database.read() as connection:
        audit.verify(connection)
    database.close()
    assert Counter(sealed).most_common(1)[0][1] == 1
    assert set(callers.answered) <= set(sealed)
    assert unsealed == set(sealed)
    assert len(callers.answered) == len(set(callers.answered))
    assert set(machine.killed) == {"answer", "control", "sealing"}
    assert set(callers.refused) <= {503}
