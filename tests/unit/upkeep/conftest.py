"""A small solution that was run in a home of its own, for tests of what looks after the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli_solution import SOLUTION, write_solution
from databases import ON_POSTGRESQL, settle
from unshelve.models.package import manifest_from
from unshelve.registry.tables import solution
from unshelve.registry.versions import get_version
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.running import RunResult, run_solution

MODEL = "parcels.lateness"
ROW = {"weight": 9.5, "service": "sea", "postcode": "00003"}


@dataclass
class Kept:
    """An opened home with a solution."""

    control: Control
    folder: Path

    def run(self, depth: int) -> RunResult:
        done = run_solution(self.control, self.folder, Cause(LOCAL, "a test"), arguments={"lateness": {"depth": depth}})
        assert not done.failures, done.failures
        return done

    def estimator(self, number: int) -> str:
        """The digest of a version's estimator."""
        with self.control.database.read() as connection:
            version = get_version(connection, MODEL, number)
        return manifest_from(self.control.blobs.get(version.manifest)).files["estimator"].digest


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A solution and a home in which it was run once; tests get copies, for a run takes seconds."""
    root = tmp_path_factory.mktemp("once")
    folder = write_solution(root / "parcels", SOLUTION)
    with Control.open(root / "home") as control:
        Kept(control, folder).run(1)
    return root


@pytest.fixture
def kept(once: Path, tmp_path: Path) -> Iterator[Kept]:
    folder = Path(shutil.copytree(once / "parcels", tmp_path / "parcels"))
    if ON_POSTGRESQL:
        settle(tmp_path / "home")
    else:
        shutil.copytree(once / "home", tmp_path / "home")
    with Control.open(tmp_path / "home") as control, control.answering() as address:
        control.address = address  # each run asks the same process for its Proof
        made = Kept(control, folder)
        if ON_POSTGRESQL:
            made.run(1)
        else:
            with control.database.write() as connection:
                connection.execute(solution.update().values(folder=str(folder)))
        yield made
