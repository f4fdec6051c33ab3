"""A control that does nothing but write batches of a sink, made to be killed: run as a program by `Kills`.

    python tests/sink_kills.py HOME ADDRESS

It takes batches until it is killed. Answers come from answer processes that the test keeps, so that a control can be
killed and started again many times in a minute.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sink_house import sql
from unshelve.errors import HomeInUse
from unshelve.registry.sinks import BatchState, SinkBatch, get_batch
from unshelve.security.actors import LOCAL
from unshelve.settings import read_settings
from unshelve.solution.control import Cause, Control
from unshelve.solution.sink_runner import SinkRunner
from unshelve.solution.sinking import order_batch
from unshelve.storage.database import Database

LEDGER = "select batch from unshelve_batches"
WATCHED = (
    "create table hist (id integer, answer_id varchar(26))",
    "create function keep() returns trigger language plpgsql as $$ begin insert into hist values "
    "(new.id, new.answer_id); return new; end $$",
    "create trigger keep after insert or update on scores for each row execute function keep()",
)
"""Makes the target remember each time that a row was written: one that is written twice is there twice."""


@dataclass
class Kills:
    """Kills controls, the processes that write, and the connections of the target, and counts what became of it."""

    home: Path
    address: str
    target: str
    run_id: str
    rng: random.Random
    kills: dict[str, int] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)

    def go_on(self, kills: int, seconds: float) -> None:
        """Order batches and kill so many times, each after a time of up to `seconds`; then let all of them end."""
        while sum(self.kills.values()) < kills:
            self.order()
            with self._control() as process:
                self._until_under_way(process)
                time.sleep(self.rng.uniform(0, seconds))
                self._kill(process)
        self.one_in_peace()

    def one_in_peace(self) -> float:
        """Order a batch and let all that wait end; the seconds that it took from the start of what writes."""
        self.order()
        with self._control() as process:
            self._until_under_way(process)
            begin = time.monotonic()
            while any(batch.state not in (BatchState.DONE, BatchState.FAILED) for batch in self.found()):
                time.sleep(0.1)
        return time.monotonic() - begin

    def order(self) -> None:
        """Order a batch, unless one is under way: then that one is meant."""
        with Control.open(self.home) as control, control.database.write() as connection:
            cause = Cause(LOCAL, "the kill test")
            batch = order_batch(connection, "parcels", "nightly", cause, now=control.clock.now(), run_id=self.run_id)
        if batch not in self.batches:
            self.batches.append(batch)

    def found(self) -> list[SinkBatch]:
        settings = read_settings(self.home / "settings.toml", {})
        database = Database.open(settings.database or self.home / "unshelve.db", read_only=True)
        try:
            with database.read() as connection:
                return [get_batch(connection, batch) for batch in self.batches]
        finally:
            database.close()

    def lost_and_twice(self, rows: int) -> tuple[int, int]:
        """Rows of batches that are done and not in the target, and rows that were written more than once."""
        ledger = {batch for (batch,) in sql(self.target, LEDGER)}
        done = {batch.id for batch in self.found() if batch.state is BatchState.DONE}
        (written,) = sql(self.target, "select count(*), count(distinct (id, answer_id)) from hist")
        lost = rows * len(done - ledger) + max(rows * len(ledger) - written[1], 0)
        return lost, written[0] - written[1] + max(written[1] - rows * len(ledger), 0)

    def _until_under_way(self, control: subprocess.Popen[bytes]) -> None:
        """Wait until the control has started the process that writes."""
        until = time.monotonic() + 60
        while not children_of(control.pid) and time.monotonic() < until:
            time.sleep(0.01)

    @contextmanager
    def _control(self) -> Iterator[subprocess.Popen[bytes]]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        process = subprocess.Popen([sys.executable, __file__, str(self.home), self.address], env=environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _kill(self, control: subprocess.Popen[bytes]) -> None:
        kind = self.rng.choice(("control", "process", "connection"))
        if kind == "connection":
            said = (
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = "
                "current_database()"
            )
            if not sql(self.target, said):
                kind = "control"
        elif kind == "process" and not _kill_children(control.pid):
            kind = "control"
        if kind == "control":
            control.kill()
        else:
            time.sleep(self.rng.uniform(0, 1))  # as long as it takes to see that it is gone, or less
        self.kills[kind] = self.kills.get(kind, 0) + 1


def children_of(parent: int) -> list[int]:
    """The processes that a control has started."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(each.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(each.parent.name))
    return found


def _kill_children(parent: int) -> int:
    """Kills the processes that a control has started, and tells how many there were."""
    children = children_of(parent)
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return len(children)


def main(home: Path, address: str) -> None:
    while True:
        try:
            control = Control.open(home)
            break
        except HomeInUse:
            time.sleep(0.02)
    with control:
        control.address = address
        runner = SinkRunner(control, lasts=timedelta(seconds=1), again_after=[timedelta(0)] * 50)
        while True:
            if runner.take() is None:
                time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
