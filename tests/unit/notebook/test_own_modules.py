"""The author's own modules go into a solution's folder, with all that they import themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.own_modules import own_modules


def test_modules_and_packages_beside_a_notebook_are_found_with_what_they_import(tmp_path: Path) -> None:
    (tmp_path / "prep.py").write_text("from tools import scale\nimport numpy\n")
    (tmp_path / "tools.py").write_text("import prep\n")
    (tmp_path / "kit").mkdir()
    for name in ("__init__", "part"):
        (tmp_path / "kit" / f"{name}.py").write_text("")
    (tmp_path / "unused.py").write_text("")
    notebook = notebook_of("import pandas\nfrom prep import clean", "from kit.part import x", folder=tmp_path)
    found = [each.name for each in own_modules(notebook, tmp_path)]
    assert found == ["prep.py", "kit/__init__.py", "kit/part.py", "tools.py"]


def test_a_module_that_does_not_parse_is_no_end(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'a'\n")
    (found,) = own_modules(notebook_of("import old", folder=tmp_path), tmp_path)
    assert found.path == tmp_path / "old.py"


@pytest.mark.parametrize(
    "said",
    [
        "sys.path.append('../')",
        "sys.path.append(os.path.join(os.getcwd(), '..'))",
        "sys.path += [str(Path.cwd().parent)]",
    ],
)
def test_modules_above_a_notebook_are_found_where_it_puts_them_on_the_path(tmp_path: Path, said: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "prep.py").write_text("")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    assert own_modules(notebook_of("from src.prep import x", folder=folder), folder) == ()
    (found,) = own_modules(notebook_of(said, "from src.prep import x", folder=folder), folder)
    assert (found.path, found.name, found.beside) == (tmp_path / "src" / "prep.py", "src/prep.py", False)
