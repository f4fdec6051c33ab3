"""Several servers on one PostgreSQL database: each can be killed at any moment, nothing runs twice, nothing is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from cli_solution import Up, eventually, unshelve, write_solution
from postgres_server import fresh_database
from unshelve.registry.releases import history
from unshelve.registry.runs import RunState, runs_of, steps_of
from unshelve.security import audit
from unshelve.storage.database import Database

SOLUTION = '''"""Slow: a step that takes its time and writes down when it began and when it ended."""
import time
from pathlib import Path

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import model, source, step, target, transform

RAN = Path(__file__).parent.parent / "ran"


def note(word):
    with RAN.open("a", encoding="utf-8") as file:
        file.write(word + "\\n")


@source(fresh="30d")
def rows():
    return pd.DataFrame({"x": range(200), "y": [number % 3 == 0 for number in range(200)]})


@step
def slowly(number=0):
    note(f"began {number}")
    time.sleep(0.7)
    note(f"ended {number}")
    return number


@target
def wanted(rows):
    return rows["y"]


@transform
def features(rows, slowly):
    return pd.DataFrame({"x": rows["x"] % 3 + slowly * 0.0})


@model
def third(features_train, wanted_train):
    return DecisionTreeClassifier(random_state=0).fit(features_train, wanted_train)
'''
RUNS = 5
KILLS = 4


class Servers:
    """Three homes with the same keys, database and blobs."""

    def __init__(self, root: Path, database: str) -> None:
        self.root = root
        self.database = database
        self.errors = (root / "errors").open("a", encoding="utf-8")
        self.folder = write_solution(root / "slow", SOLUTION)
        self.ran = root / "ran"
        self.first = self.home("one")
        said = unshelve("run", self.folder, "--home", self.first)
        assert said.code == 0, said
        self.homes = [self.first]
        for name in ("two", "three"):
            other = self.home(name)
            shutil.copytree(self.first / "keys", other / "keys")
            self.homes.append(other)
        self.key = unshelve("key", "create", "k", "--role", "owner", "--home", self.first, "--json").json["key"]

    def home(self, name: str) -> Path:
        home = self.root / name
        home.mkdir(mode=0o700)
        settings = {"database": self.database, "blobs": str(self.root / "blobs")}
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (home / "settings.toml").write_text("\n".join([*lines, "lease_seconds = 2", "workers = 1"]) + "\n")
        return home

    def serve(self, home: Path) -> Up:
        up = Up("serve", "--home", home, errors=self.errors)
        assert up.first, (self.root / "errors").read_text()
        return up


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with fresh_database() as url:
        made = Servers(tmp_path_factory.mktemp("servers"), url)
        yield made
        made.errors.close()


def queue(servers: Servers, home: Path, number: int) -> None:
    """Queue a run at a server, as a program with a key does."""
    answer = ask(servers, home, "/api/solutions/slow/runs", {"parameters": {"slowly.number": number}})
    assert answer.status_code == 202, answer.text


def ask(servers: Servers, home: Path, path: str, body: Mapping[str, object]) -> httpx.Response:
    url = json.loads((home / "run" / "served.json").read_text())["url"]
    return httpx.post(f"{url}{path}", json=body, headers={"Authorization": f"Bearer {servers.key}"}, timeout=30)


def test_runs_outlive_the_servers_that_are_killed_and_none_is_done_twice(servers: Servers) -> None:
    rng = random.Random(4)
    database = Database.open(servers.database, read_only=True)
    with ExitStack() as stack:
        ups = [stack.enter_context(servers.serve(home)) for home in servers.homes]
        for number in range(1, RUNS + 1):
            queue(servers, servers.homes[number % 3], number)
        kills = 0
        ends = time.monotonic() + 150
        while open_runs(database):
            assert time.monotonic() < ends, (servers.root / "errors").read_text()[-3000:]
            time.sleep(rng.uniform(0.3, 1.5))
            if kills < KILLS:
                place = rng.randrange(3)
                ups[place].end(signal.SIGKILL)
                ups[place] = stack.enter_context(servers.serve(servers.homes[place]))
                kills += 1
    with database.read() as connection:
        done = runs_of(connection, "slow")
        assert [run.number for run in done] == list(range(RUNS + 1, 0, -1))
        assert [run.error for run in done if run.state is not RunState.DONE] == []
        for run in done:
            tasks = [step.task for step in steps_of(connection, run.id)]
            assert len(tasks) == len(set(tasks)) and "slowly" in tasks
        released = [change.to_version for change in history(connection, "slow.third")]
        assert len(released) == len(set(released)), released
        audit.verify(connection)
    ended = [line for line in servers.ran.read_text().splitlines() if line.startswith("ended")]
    # A step whose end was not yet written down when its server was killed is the one thing that is done again.
    assert set(ended) == {f"ended {number}" for number in range(RUNS + 1)}
    assert len(ended) <= RUNS + 1 + kills
    database.close()


def test_a_server_that_is_stopped_hands_its_run_to_another(servers: Servers) -> None:
    database = Database.open(servers.database, read_only=True)
    with servers.serve(servers.homes[0]) as one:
        queue(servers, servers.homes[0], 50)
        eventually(lambda: servers.ran.read_text().count("began 50") == 1)
        with servers.serve(servers.homes[1]):
            one.end()
            eventually(lambda: not open_runs(database), 60)
    with database.read() as connection:
        assert runs_of(connection, "slow")[0].state is RunState.DONE
    database.close()


def test_a_run_is_stopped_from_another_server(servers: Servers) -> None:
    database = Database.open(servers.database, read_only=True)
    with servers.serve(servers.homes[0]), servers.serve(servers.homes[1]):
        queue(servers, servers.homes[0], 60)
        eventually(lambda: servers.ran.read_text().count("began 60") == 1)
        with database.read() as connection:
            run = runs_of(connection, "slow")[0]
        # Whichever of the two has it: asked at both, one stops its own and the other passes the word on.
        for home in servers.homes[:2]:
            ask(servers, home, f"/api/runs/{run.id}/stop", {})
        eventually(lambda: not open_runs(database), 30)
    with database.read() as connection:
        assert runs_of(connection, "slow")[0].state is RunState.STOPPED
    database.close()


def test_a_server_with_keys_of_its_own_is_refused(servers: Servers) -> None:
    stranger = servers.home("stranger")
    said = unshelve("run", servers.folder, "--home", stranger)
    assert said.code == 1
    assert "copy `keys/` of the first one" in said.err


def open_runs(database: Database) -> list[str]:
    with database.read() as connection:
        found = runs_of(connection, "slow")
    return [run.id for run in found if run.state in (RunState.QUEUED, RunState.RUNNING, RunState.INTERRUPTED)]
