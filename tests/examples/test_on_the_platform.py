"""Examples, starter, README and docs as solutions: nothing is found against them, and all of their tasks run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import unshelve
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.solution.check import check
from unshelve.solution.declaration import Declaration
from unshelve.solution.loading import declare, load_functions
from unshelve.solution.operations import OPERATIONS
from unshelve.solution.training import training
from unshelve.testing.memory import MemoryBlobs

ROOT = Path(__file__).parents[2]
STARTER = Path(unshelve.__file__).parent / "cli" / "starter"
NAMES = ("readme", "solution_file", "starter", "runtimes", "flights")
SMALL = NAMES[:-1]
"""All but flights, which `make demo` runs."""


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the solution that the test is about, without a trace of it in the process afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield _folder(request.param, tmp_path / request.param)
    sys.modules.pop("solution", None)


def _folder(name: str, empty: Path) -> Path:
    if (ROOT / "examples" / name).is_dir():
        return ROOT / "examples" / name
    empty.mkdir()
    if name == "starter":
        for file in STARTER.iterdir():
            text = file.read_text(encoding="utf-8").replace("{{NAME}}", "starter")
            (empty / file.name.removesuffix(".template")).write_text(text, encoding="utf-8")
        return empty
    page = {"readme": ROOT / "README.md", "solution_file": ROOT / "docs" / "solution-file.md"}[name]
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (empty / "solution.py").write_text("\n\n".join(blocks), encoding="utf-8")
    return empty


@pytest.mark.parametrize("folder", NAMES, indirect=True)
def test_nothing_is_found_against_it(folder: Path) -> None:
    assert check(declare(folder)) == ()


@pytest.mark.parametrize("folder", NAMES[1:], indirect=True)
def test_every_step_says_what_it_is(folder: Path) -> None:
    unsaid = [step.name for step in declare(folder).steps if step.title == step.name.replace("_", " ")]
    assert unsaid == []


@pytest.mark.parametrize("folder", SMALL, indirect=True)
def test_all_of_its_tasks_run_and_its_gates_pass(folder: Path) -> None:
    declaration = declare(folder)
    values = _run(declaration, folder)
    judged = [values[f"{model.model}:gates"] for model in training(declaration).models]
    assert judged
    for verdicts in judged:
        assert isinstance(verdicts, dict)
        assert {str(verdict["name"]): str(verdict["outcome"]) for verdict in verdicts["verdicts"]} == {
            str(verdict["name"]): "passed" for verdict in verdicts["verdicts"]
        }


def _run(declaration: Declaration, folder: Path) -> dict[str, object]:
    """Every task in order, in this process and without a store: what each one gave."""
    functions = load_functions(folder)
    graph = training(declaration).graph
    values: dict[str, object] = {}
    for name in graph.order:
        task = graph.task(name)
        inputs: dict[str, object] = {}
        for label, text in task.inputs.items():
            owner, output = graph.references[text]
            made = values[owner]
            inputs[label] = made.values.get(output, made) if isinstance(made, Outputs) else made
        function = functions[task.function] if task.function else _none
        context = Context(task=name, folder=folder, functions=functions, blobs=MemoryBlobs())
        values[name] = OPERATIONS[task.operation](function, inputs, dict(task.parameters), context)
    return values


def _none() -> None:
    """The function of a task that has none of the author's."""
