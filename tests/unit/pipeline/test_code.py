from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from unshelve.pipeline.code import Project, Reach


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(folder: Path, text: str, name: str = "solution") -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"loaded_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")


def reach(folder: Path, text: str, step: str = "work") -> Reach:
    function: Callable[..., object] = getattr(load(folder, text), step)
    return Project(folder).reach(function)


def test_comments_docstrings_hints_and_moved_lines_do_not_count(folder: Path) -> None:
    plain = reach(folder, "def work(rows):\n    return rows + 1\n")
    dressed = reach(
        folder,
        '''
        """A solution."""
        # a remark


        def work(rows: int) -> int:
            """Add one."""
            return (rows
                    + 1)  # another
        ''',
    )
    assert dressed == plain


def test_the_decorator_of_a_step_does_not_count_and_another_does(folder: Path) -> None:
    bare = reach(folder, "def work(rows):\n    return rows\n")
    ours = reach(folder, "from unshelve import step\n@step(retries=3)\ndef work(rows):\n    return rows\n")
    other = reach(folder, "from functools import cache\n@cache\ndef work(rows):\n    return rows\n")
    assert ours == bare
    assert other != bare


def test_functions_classes_and_constants_that_are_reached_are_named(folder: Path) -> None:
    found = reach(
        folder,
        """
        LIMIT = 15
        FACTOR = LIMIT * 2
        UNUSED = 3

        class Cleaner:
            def clean(self, rows):
                return rows[:LIMIT]

        def helper(rows):
            return Cleaner().clean(rows) * FACTOR

        def unused(rows):
            return rows

        def work(rows):
            return helper(rows)
        """,
    )
    assert list(found.code) == [
        "class Cleaner in solution.py",
        "constant FACTOR in solution.py",
        "constant LIMIT in solution.py",
        "function helper in solution.py",
        "function work in solution.py",
    ]


def test_a_parameter_named_like_another_step_reaches_nothing(folder: Path) -> None:
    found = reach(folder, "def flights():\n    return 1\n\ndef work(flights):\n    return flights\n")
    assert list(found.code) == ["function work in solution.py"]


def test_a_step_called_by_name_is_reached_through_its_decorator(folder: Path) -> None:
    text = (
        "from unshelve import step\n@step\ndef tidy(rows):\n    return rows\n\ndef work(rows):\n    return tidy(rows)\n"
    )
    assert "function tidy in solution.py" in reach(folder, text).code


def test_names_are_followed_into_other_files_of_the_project(folder: Path) -> None:
    write(folder, "pkg/__init__.py", "from .texts import clean\n")
    write(
        folder,
        "pkg/texts.py",
        "from . import shared\n\ndef clean(x):\n    return shared.strip(x)\n\ndef other():\n    pass\n",
    )
    write(folder, "pkg/shared.py", "PAD = 1\n\ndef strip(x):\n    return x + PAD\n")
    write(folder, "numbers_here.py", "def double(x):\n    return 2 * x\n")
    found = reach(
        folder,
        """
        import numbers_here as n
        from pkg import clean

        def work(x):
            from pkg.shared import PAD
            return n.double(clean(x)) + PAD
        """,
    )
    assert set(found.code) == {
        "function work in solution.py",
        "function double in numbers_here.py",
        "function clean in pkg/texts.py",
        "function strip in pkg/shared.py",
        "constant PAD in pkg/shared.py",
    }


def test_files_that_import_each_other_are_followed_once(folder: Path) -> None:
    write(folder, "left.py", "from right import *\n\ndef a():\n    return b()\n")
    write(folder, "right.py", "from left import *\n\ndef b():\n    return a() + missing\n")
    found = reach(folder, "def work():\n    from left import a\n    return a()\n")
    assert set(found.code) == {"function work in solution.py", "function a in left.py", "function b in right.py"}


@pytest.mark.parametrize(
    "body",
    [
        "import importlib\n    return importlib.import_module('helper_file').f(x)",
        "from importlib import import_module as load\n    return load('helper_file').f(x)",
        "return __import__('helper_file').f(x)",
        "import helper_file\n    return getattr(helper_file, x)(x)",
        "import importlib\n    return importlib.import_module(x).f(x)",
    ],
)
def test_a_dynamic_import_counts_as_the_whole_file(folder: Path, body: str) -> None:
    write(folder, "helper_file.py", "def f(x):\n    return x\n\ndef g(x):\n    return x\n")
    before = reach(folder, f"def work(x):\n    {body}\n")
    write(folder, "helper_file.py", "def f(x):\n    return x\n\ndef g(x):\n    return x + 1\n")
    assert "file helper_file.py" in before.code
    assert reach(folder, f"def work(x):\n    {body}\n") != before


@pytest.mark.parametrize("body", ["return eval('LIMIT')", "exec('y = LIMIT')", "return globals()['LIMIT']"])
def test_text_that_is_run_counts_as_the_whole_own_file(folder: Path, body: str) -> None:
    first = reach(folder, f"LIMIT = 1\n\ndef work():\n    {body}\n")
    second = reach(folder, f"LIMIT = 2\n\ndef work():\n    {body}\n")
    assert first != second


def test_a_method_called_eval_is_no_dynamic_code(folder: Path) -> None:
    found = reach(folder, "def work(frame):\n    return frame.eval('a + b')\n")
    assert list(found.code) == ["function work in solution.py"]


def test_what_changes_a_constant_in_place_belongs_to_it(folder: Path) -> None:
    text = "CATS = []\nCATS.append('{}')\nOTHER = 1\n\ndef work():\n    return CATS\n\ndef apart():\n    return OTHER\n"
    assert reach(folder, text.format("a")) != reach(folder, text.format("b"))
    assert reach(folder, text.format("a"), "apart") == reach(folder, text.format("b"), "apart")


def test_what_a_file_does_at_import_counts_for_all_its_functions(folder: Path) -> None:
    text = "import random\nSEED = {}\nrandom.seed(SEED)\nprint('hello')\n\ndef work():\n    return random.random()\n"
    found = reach(folder, text.format(1))
    assert list(found.code) == [
        "constant SEED in solution.py",
        "function work in solution.py",
        "what solution.py does at import",
    ]
    assert reach(folder, text.format(2)) != found


def test_defaults_that_the_run_gives_are_left_out(folder: Path) -> None:
    reader = "def work(rows, rate=0.1, *, seed={}):\n    return rows\n"
    one, two = load(folder, reader.format(1)), Project(folder)
    first = two.reach(one.work, parameters=["seed"])
    again = Project(folder).reach(load(folder, reader.format(2)).work, parameters=["seed"])
    assert first == again
    assert Project(folder).reach(one.work, parameters=["rate"]) != again


def test_libraries_are_those_that_reached_code_names(folder: Path) -> None:
    found = reach(
        folder,
        """
        import json
        import matplotlib.pyplot as plt
        import pandas as pd
        from sklearn.linear_model import Ridge

        def work(rows):
            return Ridge().fit(pd.DataFrame(json.loads(rows)))
        """,
    )
    assert set(found.libraries) == {"pandas", "scikit-learn"}


def test_a_function_without_a_file_counts_by_its_bytecode() -> None:
    def made(body: str) -> Callable[..., object]:
        space: dict[str, Callable[..., object]] = {}
        exec(body, space)
        return space["f"]

    reader = Project(Path("/nowhere"))
    one = reader.reach(made("def f(x):\n    return x + 1\n"))
    assert one == reader.reach(made("\n\ndef f(x):\n    return x + 1\n"))
    assert one != reader.reach(made("def f(x):\n    return x + 2\n"))


def test_a_lambda_counts_as_the_statement_that_made_it(folder: Path) -> None:
    found = reach(folder, "BASE = 2\nwork = lambda x: x + BASE\n")
    assert set(found.code) == {"constant BASE in solution.py", "constant work in solution.py"}


def test_functions_under_a_condition_count_with_the_condition(folder: Path) -> None:
    text = """
        try:
            import absent_module as fast
        except ImportError:
            fast = None
        if fast:
            def work():
                return fast.go()
        else:
            def work():
                return {}
        """
    assert reach(folder, text.format(1)) != reach(folder, text.format(2))


def test_every_test_file_of_the_project_parses_the_same_in_another_order(folder: Path) -> None:
    write(folder, "helper_file.py", "A = 1\nB = A\n\ndef f():\n    return B\n")
    module = load(
        folder, "import helper_file\n\ndef one():\n    return helper_file.f()\n\ndef two():\n    return helper_file.B\n"
    )
    there, back = Project(folder), Project(folder)
    first = (there.reach(module.one), there.reach(module.two))
    second = (back.reach(module.two), back.reach(module.one))
    assert first == (second[1], second[0])
