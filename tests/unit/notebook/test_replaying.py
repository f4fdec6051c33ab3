"""A copy of a solution in which the random state is put back; the solution itself stays as it is."""

from __future__ import annotations

import pickle
import random
import runpy
from pathlib import Path

import numpy as np
import pytest

from unshelve.errors import NotFound
from unshelve.notebook.expected import Drawing
from unshelve.notebook.replaying import copy_solution, insert_before, put_random_back

LOOP = "    for a in x:\n        a\n"
INNER = "    @b\n    def g(): pass\n    return g\n"


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("def f(x):\n    return x\n", "def f(x):\n    go()\n    return x\n"),
        (f'def f(x):\n    """Says."""\n{LOOP}', f'def f(x):\n    """Says."""\n    go()\n{LOOP}'),
        ("def f(x): return x\n", "def f(x): go(); return x\n"),
        ('def f(x):\n    """Says é."""\n', 'def f(x):\n    """Says é."""; go()\n'),
        (f"@a\ndef f(x):\n{INNER}", f"@a\ndef f(x):\n    go()\n{INNER}"),
        ("def f(\n    x,\n):\n    # why\n    return x\n", "def f(\n    x,\n):\n    # why\n    go()\n    return x\n"),
    ],
)
def test_a_statement_comes_first_after_the_docstring(function: str, wanted: str) -> None:
    assert insert_before(function, "f", None, "go()") == wanted
    compile(wanted, "solution.py", "exec")


def test_a_function_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound, match="no function g"):
        insert_before("def f(): pass\n", "g", None, "go()")


def test_the_copy_draws_what_the_notebook_drew(tmp_path: Path) -> None:
    folder, kept = tmp_path / "draws", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    lines = ["first = random.random()", "second = np.random.rand()", "return first, second"]
    text = "import random\nimport numpy as np\n\n\ndef step():\n" + "".join(f"    {line}\n" for line in lines)
    (folder / "solution.py").write_text(text, encoding="utf-8")
    (folder / "data.csv").write_text("a\n1\n", encoding="utf-8")
    _keep_state(kept / "random-4.pkl")
    first = random.random()
    np.random.rand(5)  # statements of the notebook that the solution does not have
    _keep_state(kept / "random-6.pkl")
    second = np.random.rand()

    copy = copy_solution(folder, tmp_path / "copies")
    drawings = (Drawing(statement=4, source=lines[0]), Drawing(statement=6, source=lines[1]))
    lacking = put_random_back(copy, {"step": drawings, "other": (Drawing(statement=5, source=""),)}, kept)
    assert lacking == ("other",)
    assert (copy / "data.csv").read_text(encoding="utf-8") == "a\n1\n"
    assert (folder / "solution.py").read_text(encoding="utf-8") == text

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(copy))
        assert runpy.run_path(str(copy / "solution.py"))["step"]() == (first, second)


def _keep_state(file: Path) -> None:
    file.write_bytes(pickle.dumps({"numpy": np.random.get_state(), "random": random.getstate()}))
