"""Notebooks are read in every version of their format, and what is none is refused with a reason."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from unshelve.errors import BadRequest, NotFound, Refused, UnshelveError
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.syntax import to_python


def written(path: Path, **notebook: object) -> Path:
    path.write_text(json.dumps(notebook))
    return path


def four(path: Path, *cells: str, **metadata: object) -> Path:
    made = [{"cell_type": "code", "source": each, "outputs": [], "execution_count": 1} for each in cells]
    return written(path, cells=made, metadata=metadata, nbformat=4, nbformat_minor=5)


def test_a_statement_knows_its_place_and_its_comments(tmp_path: Path) -> None:
    path = four(tmp_path / "a.ipynb", "import os", "# of the year\nx = (1 +\n     2); y = 3\nx")
    found = read_notebook(path).statements
    assert [(each.cell, each.line, each.end_line, each.source, each.comments, each.shown) for each in found] == [
        (1, 1, 1, "import os", (), False),
        (2, 2, 3, "x = (1 +\n     2)", ("of the year",), False),
        (2, 3, 3, "y = 3", (), False),
        (2, 4, 4, "x", (), True),
    ]


@pytest.mark.parametrize("version", [2, 3])
def test_formats_before_4_are_read(tmp_path: Path, version: int) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Data"},
        {"cell_type": "code", "input": ["x = 1\n", "x"], "prompt_number": 7, "outputs": [{"text": ["1"]}]},
    ]
    path = written(tmp_path / "a.ipynb", worksheets=[{"cells": cells}], metadata={}, nbformat=version, nbformat_minor=0)
    heading, code = read_notebook(path).cells
    assert (heading.kind, heading.source) == ("markdown", "## Data")
    assert (code.source, code.execution_count, code.outputs) == ("x = 1\nx", 7, ("1",))


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline\nx = 1", "pass  # %matplotlib inline\nx = 1"),
        ("%time y = f(x)", "y = f(x)"),
        ("%%time\nx = 1", "# %%time\nx = 1"),
        ("%%bash\nls\necho hi", "# %%bash\n# ls\n# echo hi"),
        ("!pip install a", "pass  # !pip install a"),
        ("files = !ls *.csv", "files = []  # files = !ls *.csv"),
        ("pip install a", "pass  # pip install a"),
        ("df.head?", "pass  # df.head?"),
        ("if a:\n    !ls\n", "if a:\n    pass  # !ls\n"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("x = '''\n%a\n!b\n'''", "x = '''\n%a\n!b\n'''"),
        ("x = (a\n % b)", "x = (a\n % b)"),
        ("x = a % b\ny = a != b", "x = a % b\ny = a != b"),
    ],
)
def test_what_is_not_python_becomes_python_of_as_many_lines(source: str, python: str) -> None:
    assert to_python(source)[0] == python


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("", BadRequest, "not-a-notebook"),
        ('{"cells": [', BadRequest, "not-a-notebook"),
        ("[1, 2]", BadRequest, "not-a-notebook"),
        ('{"a": 1}', BadRequest, "not-a-notebook"),
        ('{"nbformat": 3, "worksheets": [{"cells": 3}]}', BadRequest, "not-a-notebook"),
        ('{"nbformat": 4, "cells": [{"source": "\\q"}]}', BadRequest, "not-a-notebook"),
        ('{"nbformat": 4, "cells": [{"source": ' + "[" * 9000 + "]" * 9000 + "}]}", BadRequest, "not-a-notebook"),
        ('{"nbformat": 4, "cells": [], "metadata": {}}', Refused, "notebook-empty"),
        (
            '{"nbformat": 4, "cells": [], "metadata": {"language_info": {"name": "R"}}}',
            Refused,
            "notebook-not-python",
        ),
        (
            '{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": "julia-1.9", "language": "julia"}}}',
            Refused,
            "notebook-not-python",
        ),
        (
            '{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": "julia-1.10"}}}',
            Refused,
            "notebook-not-python",
        ),
    ],
)
def test_what_is_no_notebook_of_python_is_refused(
    tmp_path: Path, text: str, kind: type[UnshelveError], code: str
) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(kind) as error:
        read_notebook(path)
    assert error.value.subject_code == code


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n", "It is empty"),
        (b"\x89PNG\r\n\x1a\n", "It is a picture"),
        (b"\n<!DOCTYPE html><html>", "It is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git-lfs"),
        (b"print(1)", "It is not JSON"),
        (
            '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\xe9"}]}'.encode("latin-1"),
            "not written in UTF-8",
        ),
    ],
)
def test_what_is_no_notebook_is_called_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(data)
    with pytest.raises(BadRequest, match=said):
        read_notebook(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_that_windows_puts_in_front_is_passed_over(tmp_path: Path, encoding: str) -> None:
    path = four(tmp_path / "a.ipynb", "x = 1")
    path.write_bytes(path.read_text().encode(encoding))
    assert [each.source for each in read_notebook(path).statements] == ["x = 1"]


def test_a_heading_of_an_odd_level_is_a_heading(tmp_path: Path) -> None:
    cells = [{"cell_type": "heading", "level": "x", "source": "Data"}, {"cell_type": "code", "input": "x = 1"}]
    path = written(tmp_path / "a.ipynb", worksheets=[{"cells": cells}], metadata={}, nbformat=3, nbformat_minor=0)
    assert read_notebook(path).cells[0].source == "# Data"


def test_a_notebook_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    four(tmp_path / "churn.ipynb", "x = 1")
    with pytest.raises(NotFound, match=r"churn\.ipynb"):
        read_notebook(tmp_path / "chrun.ipynb")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("x = 1\nprint 'a'", "notebook-python-2"),
        ("try: f()\nexcept IOError, e: g()", "notebook-python-2"),
        ("x = 1\ny = 10L", "notebook-python-2"),
        ("x = 1\ny = (", "notebook-syntax"),
        ("x = 1\ny = 10M", "notebook-syntax"),
    ],
)
def test_a_cell_that_does_not_parse_is_named_with_its_line(tmp_path: Path, source: str, code: str) -> None:
    with pytest.raises(Refused, match=r"cell 2, line 2") as error:
        read_notebook(four(tmp_path / "a.ipynb", "import os", source))
    assert error.value.subject_code == code


def test_large_outputs_are_not_kept(tmp_path: Path) -> None:
    output = {"output_type": "stream", "text": "x" * 5_000_000}
    cell = {"cell_type": "code", "source": "x = 1", "outputs": [output], "execution_count": 1}
    path = written(tmp_path / "a.ipynb", cells=[cell], metadata={}, nbformat=4, nbformat_minor=5)
    assert len(read_notebook(path).cells[0].outputs[0]) == 2000


def test_five_thousand_cells_are_read(tmp_path: Path) -> None:
    path = four(tmp_path / "a.ipynb", *(f"x{number} = {number}" for number in range(5000)))
    began = time.process_time()
    assert len(read_notebook(path).statements) == 5000
    assert time.process_time() - began < 20  # it grows with the cells, and not with their square
