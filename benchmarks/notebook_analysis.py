"""How long it takes to understand a notebook of 100 cells without running it. Promised: at most 1 second.

    python benchmarks/notebook_analysis.py [NOTEBOOK]

Without a notebook, the cells of the examples are repeated until there are 100 of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from unshelve.notebook.flow import flow_of
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.remarks import remarks
from unshelve.notebook.repairs import repair

EXAMPLES = Path(__file__).parents[1] / "examples" / "notebooks"
CELLS = 100
TIMES = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as room:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else _made(Path(room))
        notebook = read_notebook(path)
        works: dict[str, Callable[[], object]] = {
            "read": lambda: read_notebook(path),
            "findings": lambda: remarks(notebook, path.parent),
            "repairs": lambda: repair(notebook, path.parent),
            "dependence graph": lambda: flow_of(notebook),
        }
        found = {name: sorted(_seconds(work) for _ in range(TIMES)) for name, work in works.items()}
    print(f"{len(notebook.cells)} cells, {len(notebook.statements)} statements, the middle of {TIMES}")
    whole = 0.0
    for name, seconds in found.items():
        whole += seconds[TIMES // 2]
        print(f"{name:18}{seconds[TIMES // 2]:8.3f} s")
    print(f"{'together':18}{whole:8.3f} s")


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _made(room: Path) -> Path:
    cells = [
        cell
        for path in sorted(EXAMPLES.glob("*/*.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    path = room / "hundred.ipynb"
    made = [cells[number % len(cells)] for number in range(CELLS)]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
