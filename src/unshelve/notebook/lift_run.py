"""A lifted solution, run once through the platform so that it can be proven: home, run, version, and who compares."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from unshelve.errors import NotFound
from unshelve.notebook.expected import Expected
from unshelve.notebook.replaying import copy_solution, put_random_back
from unshelve.pipeline.outcome import RunEvent, RunEventKind
from unshelve.registry.runs import RunState, RunStep, steps_of
from unshelve.registry.versions import attestations_of, get_version
from unshelve.security.actors import LOCAL, PROVER
from unshelve.security.keys import create_prover_key, revoke_key
from unshelve.serving.asker import VersionAsker
from unshelve.serving.proof import Difference
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import Reading
from unshelve.solution.files import code_files
from unshelve.solution.purpose import Purpose
from unshelve.solution.running import RunResult, program_of, run_solution
from unshelve.solution.training import ModelTasks, training

KEY_LASTS: Final = timedelta(hours=2)

Told = Callable[[str], None]


class Child:
    """The process that compares; it loads the solution from now on, and is told later what to compare."""

    def __init__(self, folder: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "unshelve.notebook.compare_process", str(folder)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env={**os.environ, "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"},
        )

    def compare(self, place: Path, timeout_seconds: float) -> str | None:
        """Let it compare what the order in that folder names; why it did not come to an end, if it did not."""
        try:
            self._process.communicate(f"{place}\n".encode(), timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return f"it took longer than {timeout_seconds:g} seconds"
        if self._process.returncode == 0:
            return None
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return said[-1][:300] if said else f"its process ended with {self._process.returncode}"

    def close(self) -> None:
        """End it, whatever it does; a second time changes nothing."""
        self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftRun:
    """A run of a lifted solution, with what is needed to read its results."""

    control: Control
    folder: Path
    room: Path
    """A folder for files of the proof; gone when the proof is done."""
    declaration: Declaration
    tasks: ModelTasks | None
    """Those of the model; None where the notebook was not sliced, so that there is none."""
    parameters: Mapping[str, Any]
    """Those of the held-out task: how the model's rows are put together. Empty where there is no model."""
    inputs: Mapping[str, Mapping[str, Any]]
    """Artifacts under the labels that `parameters` uses."""
    artifacts: Mapping[str, Mapping[str, Any]]
    """Artifacts by the name that tasks use: "task" or "task.output"."""
    result: RunResult
    lacking: tuple[str, ...] = ()
    """Steps whose random state was to be put back and was not kept."""
    _child: list[Child] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """A JSON artifact's value; None where the run did not make it."""
        artifact = self.artifacts.get(name)
        return None if artifact is None else msgspec.json.decode(self.control.blobs.get(str(artifact["digest"])))

    @property
    def failure(self) -> tuple[str, str | None, str] | None:
        """Why the run failed: message, step and code; None where it did not."""
        if self.result.failures:
            first = self.result.failures[0]
            return first.message, self._guilty(first.message) or first.step.partition(" · ")[0], first.code
        if self.result.run.state is not RunState.DONE:
            return self.result.run.error or f"The run ended as {self.result.run.state.value}.", None, "run-ended"
        return None

    @property
    def version(self) -> int | None:
        """The number of the model's version that came of the run."""
        return next((each.number for each in self.result.decisions if each.model == self.full_name), None)

    @property
    def full_name(self) -> str:
        """The model's name with that of the solution; "" where there is no model."""
        return "" if self.tasks is None else f"{self.declaration.name}.{self.tasks.model}"

    def difference(self) -> str:
        """The first difference that the platform's own Proof found, in words; "" without one."""
        with self.control.database.read() as connection:
            manifest = get_version(connection, self.full_name, self.version or 0).manifest
            attested = attestations_of(connection, [manifest]).get((manifest, "proof"))
        proof = {} if attested is None else msgspec.json.decode(self.control.blobs.get(attested.blob))
        found = proof.get("difference")
        return Difference(**found).message if isinstance(found, dict) else ""

    def child(self) -> Child:
        """A process that compares, to be closed afterwards."""
        return self._child.pop() if self._child else Child(self.folder)

    def _guilty(self, message: str) -> str | None:
        """The step that a message names first: the platform's checks find faults of other steps than their own."""
        found = re.match(r"[A-Z][a-z]+ (\w+)", message)
        return found[1] if found and self.declaration.has(found[1]) else None


@contextmanager
def lift_run(solution: Path, expected: Expected, *, control: Control | None, told: Told) -> Iterator[LiftRun]:
    """Run a lifted solution; the random state is put back where `expected` says so, in a copy.

    Raises what stands against its being run at all: SolutionInvalid, UserCodeFailed.
    """
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unshelve-proof-")))
        stack.enter_context(_own_storage())
        folder, lacking = _folder(solution.resolve(), expected, room, in_place=control is not None)
        reading = Reading(folder)
        stack.callback(reading.close)
        opened = control or stack.enter_context(Control.open(room / "home"))
        opened.pool.warm(program_of(code_files(folder)[1], folder.resolve()))  # it loads while the declaration is read
        if opened.address is None:  # one start of the answer processes serves the run's own Proof and this one
            opened.address = stack.enter_context(opened.answering())
            stack.callback(_forget_address, opened)
        purpose = Purpose.COMPARISON if control is None else Purpose.RELEASE
        declaration = reading.declaration()
        yield _run(_Place(opened, folder, room, lacking, purpose), declaration, expected, told, stack)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a solution is run."""

    control: Control
    folder: Path
    room: Path
    lacking: tuple[str, ...]
    purpose: Purpose


def _run(place: _Place, declaration: Declaration, expected: Expected, told: Told, stack: ExitStack) -> LiftRun:
    plan = training(declaration)
    tasks = next((each for each in plan.models if each.model == expected.model), None)
    if tasks is None and not expected.results:
        declaration.step(expected.model)
        raise NotFound(f"{expected.model} is no model of the solution.", code="model-not-found")
    child: list[Child] = []

    def listen(event: RunEvent) -> None:
        if event.kind is RunEventKind.STARTED:
            told(f"Running {event.task}")
            if not child:  # not before: workers that load the solution need the processor first
                child.append(Child(place.folder))
                stack.callback(child[0].close)

    result = run_solution(
        place.control,
        place.folder,
        Cause(LOCAL, "The proof of a lift runs it."),
        known=declaration,
        purpose=place.purpose,
        listener=listen,
        progress=_once(told),
    )
    with place.control.database.read() as connection:
        artifacts = _artifacts(steps_of(connection, result.run.id))
    task = None if tasks is None else plan.graph.task(tasks.heldout)
    inputs = {expected.model: expected.model} if task is None else task.inputs
    return LiftRun(
        control=place.control,
        folder=place.folder,
        room=place.room,
        declaration=declaration,
        tasks=tasks,
        parameters={} if task is None else task.parameters,
        inputs={label: artifacts[name] for label, name in inputs.items() if name in artifacts},
        artifacts=artifacts,
        result=result,
        lacking=place.lacking,
        _child=list(child),
    )


def _once(told: Told) -> Callable[[str, int, int], None]:
    """Tells what is being done when it begins."""
    said: set[str] = set()

    def progress(what: str, _done: int, _of: int) -> None:
        if what not in said:
            said.add(what)
            told(what)

    return progress


def _artifacts(steps: Sequence[RunStep]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{step.task}.{name}" if name else step.task: artifact
        for step in steps
        for name, artifact in step.outputs.items()
    }


def _folder(solution: Path, expected: Expected, room: Path, *, in_place: bool) -> tuple[Path, tuple[str, ...]]:
    """The folder that is run, and the steps whose random state was asked for and not kept."""
    if in_place and not expected.random:
        return solution, ()
    copy = copy_solution(solution, room / "solution")
    return copy, put_random_back(copy, expected.random, expected.kept) if expected.random else ()


@contextmanager
def _own_storage() -> Iterator[None]:
    """Keep the settings of this machine's server from sending a proof's home into its database and blobs."""
    held = {name: os.environ.pop(name) for name in ("UNSHELVE_DATABASE", "UNSHELVE_BLOBS") if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)


def _forget_address(control: Control) -> None:
    control.address = None


@contextmanager
def asker(control: Control, model: str, version: int) -> Iterator[VersionAsker]:
    """Asks one version at its own route, with a key that is gone afterwards."""
    now = control.clock.now()
    with control.database.write() as connection:
        key = create_prover_key(connection, actor=PROVER, now=now, expires=now + KEY_LASTS)
    try:
        with control.answering() as address, VersionAsker(address, key.text, model, version) as ask:
            yield ask
    finally:
        with control.database.write() as connection:
            revoke_key(connection, key.id, actor=PROVER, now=control.clock.now())
