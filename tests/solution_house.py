"""A home and its answer process for tests that carry out whole runs of small solutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from databases import settle
from unshelve.registry.releases import champion_of
from unshelve.registry.runs import RunStep, steps_of
from unshelve.registry.versions import Version, get_version
from unshelve.security.actors import LOCAL, Role
from unshelve.security.keys import create_key
from unshelve.solution.control import Cause, Control
from unshelve.solution.findings import Finding
from unshelve.solution.releasing import Decision
from unshelve.solution.running import RunResult, run_solution

CAUSE = Cause(LOCAL, "a test ran it")


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a run: its result, and its steps by task."""

    result: RunResult
    steps: Mapping[str, RunStep]

    def decision(self, model: str) -> Decision:
        """What was decided on a model or endpoint of the solution."""
        return next(each for each in self.result.decisions if each.model.endswith(f".{model}"))

    def decided(self, model: str) -> bool:
        return any(each.model.endswith(f".{model}") for each in self.result.decisions)

    def errors(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """The errors of failed tasks whose name begins so."""
        return {
            task: dict(step.error)
            for task, step in self.steps.items()
            if step.error is not None and task.startswith(prefix)
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.result.findings


@dataclass(slots=True)
class House:
    """An opened home whose versions answer. Solutions are written into folders beside it."""

    control: Control
    root: Path
    _key: str = field(default="", repr=False)

    def write(self, name: str, text: str, files: Mapping[str, str] | None = None) -> Path:
        """A solution folder with this solution file and these other files."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        for path, content in {**(files or {}), "solution.py": text}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        return folder

    def run(self, name: str, text: str, files: Mapping[str, str] | None = None, **options: Any) -> Ran:
        """Write a solution and carry out one run of it."""
        result = run_solution(self.control, self.write(name, text, files), CAUSE, **options)
        with self.control.database.read() as connection:
            steps = {step.task: step for step in steps_of(connection, result.run.id)}
        return Ran(result, steps)

    def champion(self, model: str) -> int | None:
        """The number of the version that answers."""
        with self.control.database.read() as connection:
            return champion_of(connection, model)

    def version(self, model: str, number: int) -> Version:
        with self.control.database.read() as connection:
            return get_version(connection, model, number)

    def package(self, model: str, number: int) -> dict[str, Any]:
        """The manifest of a version as JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.control.blobs.get(self.version(model, number).manifest))
        return found

    def json_file(self, model: str, number: int, path: str) -> Any:
        """A JSON file of a version's package."""
        return msgspec.json.decode(self.control.blobs.get(self.package(model, number)["files"][path]["digest"]))

    def ask(self, model: str, *rows: Mapping[str, Any], version: int | None = None) -> httpx.Response:
        """Ask a model, or one of its versions, about rows."""
        if not self._key:
            with self.control.database.write() as connection:
                made = create_key(connection, "test", Role.OWNER, actor=LOCAL, now=self.control.clock.now())
            self._key = made.text
        own = "" if version is None else f"/versions/{version}"
        return httpx.post(
            f"{self.control.address}/api/models/{model}{own}/predict",
            headers={"authorization": f"Bearer {self._key}"},
            json={"rows": list(rows)},
            timeout=60,
        )


@contextmanager
def open_house(root: Path) -> Iterator[House]:
    """A new home below `root`, with an answer process that serves as long as the block lasts."""
    with Control.open(settle(root / "home")) as control, control.answering() as address:
        control.address = address
        yield House(control, root)
