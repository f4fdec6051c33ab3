"""Answer processes: started, started again, replaced and stopped, without a caller being refused."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from serving_tiny import Response, ask, make_key, new_home, promote, wait_for
from unshelve.errors import Conflict, Unavailable
from unshelve.predictions.segment import read_records, segments
from unshelve.serving.limits import Limits
from unshelve.serving.listening import listen
from unshelve.serving.orders import running
from unshelve.serving.process import AnswerProcesses, AnswerSettings, State

TESTS = str(Path(__file__).parents[2])


class Place:
    """A home with a released tiny model, and how its answer processes are run."""

    def __init__(self, folder: Path) -> None:
        self.home, self.database = new_home(folder)
        promote(self.database, 1)
        self.key = make_key(self.database)
        self.settings = AnswerSettings(
            home=self.home.root,
            database=self.database.address,
            blobs=str(self.home.blobs),
            control=self.home.root / "run" / "control.sock",
            releases="serving_tiny:releases",
            port=0,
            grace_seconds=0.5,
            limits=Limits(drain_seconds=3),
        )

    def ask(self, port: int) -> Response:
        return ask(port, self.key, {"x": 1})

    def logged(self) -> list[str]:
        paths = segments(self.home.predictions / "open")
        return [record.id for path in paths for record in read_records(path.read_bytes())[0]]

    def run(self, check: Callable[[AnswerProcesses], Awaitable[None]], **changes: object) -> None:
        """Starts answer processes, checks something, and stops them whatever it showed."""

        async def checked() -> None:
            processes = AnswerProcesses(replace(self.settings, **changes))  # type: ignore[arg-type]
            await processes.start()
            try:
                await check(processes)
            finally:
                await processes.stop()

        asyncio.run(checked())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PYTHONPATH", TESTS)
    made = Place(tmp_path)
    yield made
    made.database.close()


class Callers:
    """Somebody who asks all the time, and what became of it."""

    def __init__(self, place: Place, port: int) -> None:
        self.answered: list[str] = []
        self.failures: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(place, port))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _ask(self, place: Place, port: int) -> None:
        while not self._stop.is_set():
            try:
                response = place.ask(port)
            except (OSError, EOFError) as error:
                self.failures.append(error)
                continue
            if response.status == 200:
                self.answered.append(response.json["answers"][0]["id"])
            else:
                self.failures.append(response)


def test_processes_answer_together_and_leave_nothing_running(place: Place) -> None:
    pids: list[int | None] = []

    async def check(processes: AnswerProcesses) -> None:
        assert [each.state for each in processes.processes] == [State.READY] * 2
        pids.extend(each.pid for each in processes.processes)
        responses = await asyncio.gather(*(asyncio.to_thread(place.ask, processes.port) for _ in range(20)))
        assert {response.status for response in responses} == {200}

    place.run(check, processes=2)

    assert running(place.home.root) == []
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert len(place.logged()) == 20


def test_a_process_that_is_killed_is_started_again_and_callers_wait_for_it(place: Place) -> None:
    async def check(processes: AnswerProcesses) -> None:
        await asyncio.to_thread(place.ask, processes.port)
        pid = processes.processes[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        response = await asyncio.to_thread(place.ask, processes.port)

        assert response.status == 200
        assert processes.processes[0].restarts == 1
        assert processes.processes[0].pid != pid

    place.run(check)


def test_replacing_processes_fails_no_call(place: Place) -> None:
    callers: list[Callers] = []

    async def check(processes: AnswerProcesses) -> None:
        before = {each.pid for each in processes.processes}
        callers.extend(Callers(place, processes.port) for _ in range(3))
        await processes.replace()
        await asyncio.to_thread(wait_for, lambda: all(len(each.answered) > 3 for each in callers))
        for each in callers:
            await asyncio.to_thread(each.stop)
        assert before.isdisjoint({each.pid for each in processes.processes})

    place.run(check, processes=2)

    assert [each.failures for each in callers] == [[], [], []]
    assert sorted(name for each in callers for name in each.answered) == sorted(place.logged())


def test_a_port_in_use_starts_nothing(place: Place) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(Conflict, match="in use"):
        place.run(_nothing, port=taken.getsockname()[1])

    assert running(place.home.root) == []


def test_a_process_that_cannot_start_says_why(place: Place) -> None:
    with pytest.raises(Unavailable, match="no_such_function"):
        place.run(_nothing, releases="serving_tiny:no_such_function")


def test_a_process_that_takes_too_long_to_start_is_ended(place: Place) -> None:
    with pytest.raises(Unavailable, match="too long"):
        place.run(_nothing, start_seconds=0.05)

    assert running(place.home.root) == []


CONTROL = """
import asyncio, sys
from pathlib import Path
from unshelve.serving.process import AnswerProcesses, AnswerSettings
import msgspec

async def control():
    settings = msgspec.json.decode(sys.argv[1], type=AnswerSettings, dec_hook=lambda kind, value: kind(value))
    processes = AnswerProcesses(settings)
    await processes.start()
    print(processes.port, flush=True)
    await asyncio.sleep(1000)

asyncio.run(control())
"""


def start_control(settings: AnswerSettings) -> tuple[subprocess.Popen[str], int]:
    text = msgspec.json.encode(settings, enc_hook=str).decode()
    process = subprocess.Popen([sys.executable, "-c", CONTROL, text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_answer_processes_end_when_control_has_died_for_good(place: Place) -> None:
    control, port = start_control(place.settings)
    assert place.ask(port).status == 200
    kill(control)

    assert place.ask(port).status == 200
    wait_for(lambda: running(place.home.root) == [])


def test_control_that_comes_back_takes_over_the_port_without_a_refused_call(place: Place) -> None:
    settings = replace(place.settings, grace_seconds=60.0)
    first, port = start_control(settings)
    former = running(place.home.root)
    callers = Callers(place, port)
    kill(first)

    second, again = start_control(replace(settings, port=port))
    wait_for(lambda: not set(former) & set(running(place.home.root)))
    asked = len(callers.answered)
    wait_for(lambda: len(callers.answered) > asked + 3)
    callers.stop()
    kill(second)
    for each in running(place.home.root):
        os.kill(each.pid, signal.SIGTERM)
    wait_for(lambda: running(place.home.root) == [])

    assert again == port
    assert callers.failures == []
    assert sorted(callers.answered) == sorted(place.logged())


async def _nothing(processes: AnswerProcesses) -> None:
    raise AssertionError("it should not have started")
