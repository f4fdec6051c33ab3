"""How long a lift with its proof takes, beside running the notebook itself in the same sitting.

    python benchmarks/lifting.py [NOTEBOOK …]

Without notebooks: those of examples/notebooks, with their data. The notebook is run plainly before and after the lift,
as one script in a process of its own, and its mean counts. Promised: at most 6 times the notebook, and 10 s. Wall time
counts what else the machine does; CPU time is summed over all processes.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from unshelve.notebook.lifting import lift
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.unfolding import unfolded
from unshelve.notebook.watching import watch_repaired

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "notebooks"
TIMES, PLUS_SECONDS = 6.0, 10.0
BEGINNING = """import matplotlib
matplotlib.use("Agg")
from unshelve.notebook import stubs
from pathlib import Path as _Path
globals().update(stubs.install(_Path("."), stubs.Answers()))
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one thing."""

    wall: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", type=Path, nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for path in given.notebooks or examples(room):
            measure(path.resolve(), room)


def examples(room: Path) -> list[Path]:
    """The example notebooks with their data, in a folder of their own."""
    found = room / "examples"
    shutil.copytree(EXAMPLES, found)
    spec = importlib.util.spec_from_file_location("fetch_notebook_data", EXAMPLES / "fetch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(found)
    return sorted(found.glob("*/*.ipynb"))


def measure(path: Path, room: Path) -> None:
    """Print how long one notebook takes, and its lift."""
    repaired, watched = watch_repaired(unfolded(read_notebook(path)), path.parent)
    if not watched.ran:
        print(f"{path.stem}: it does not run: {watched.ended}")
        return
    before = plain(repaired.notebook, room)
    with tempfile.TemporaryDirectory(dir=room) as folder:
        start, cpu = time.perf_counter(), cpu_seconds()
        outcome = lift(path, Path(folder) / "lifted").proof.outcome
        took = Took(time.perf_counter() - start, cpu_seconds() - cpu)
    runs = [before, plain(repaired.notebook, room)]
    own = Took(statistics.mean(run.wall for run in runs), statistics.mean(run.cpu for run in runs))
    most = TIMES * own.wall + PLUS_SECONDS
    print(
        f"{path.stem}: {outcome}; the notebook {own.wall:.1f} s ({own.cpu:.1f} s of CPU), the lift {took.wall:.1f} s "
        f"({took.cpu:.1f} s of CPU): {took.wall / own.wall:.1f} times; {took.wall / most:.0%} of the {most:.0f} s "
        f"promised, by CPU {took.cpu / (TIMES * own.cpu + PLUS_SECONDS):.0%}",
        flush=True,
    )


def plain(notebook: Notebook, room: Path) -> Took:
    """Run a notebook as one script, in a copy of its folder."""
    with tempfile.TemporaryDirectory(dir=room) as name:
        folder = Path(name) / "notebook"
        shutil.copytree(notebook.path.resolve().parent, folder, ignore=shutil.ignore_patterns(".unshelve"))
        script = folder / "plain_run.py"
        script.write_text(BEGINNING + "\n".join(map(text_of, notebook.statements)) + "\n", encoding="utf-8")
        start, cpu = time.perf_counter(), cpu_seconds()
        subprocess.run([sys.executable, script.name], cwd=folder, capture_output=True, check=True)
        return Took(time.perf_counter() - start, cpu_seconds() - cpu)


def text_of(statement: Statement) -> str:
    """A statement as a script has it: what a notebook shows is printed."""
    tree = ast.parse(statement.source)
    last = tree.body[-1] if tree.body else None
    if not statement.shown or not isinstance(last, ast.Expr):
        return statement.source
    last.value = ast.Call(ast.Name("display", ast.Load()), [last.value], [])
    return ast.unparse(tree)


def cpu_seconds() -> float:
    """Seconds of CPU of this process and of all that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
