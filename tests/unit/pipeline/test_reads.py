from __future__ import annotations

import importlib.util
from pathlib import Path

from unshelve.pipeline.code import Project
from unshelve.pipeline.reads import FileRead, file_reads

SOLUTION = """
from pathlib import Path

FOLDER = Path("data")
URL = "https://example.org/x.csv"


def helper():
    return (FOLDER / "names.txt").read_text()


def work(rows, name):
    import numpy as np
    import pandas as pd
    a = pd.read_csv("flights.csv")
    b = open("notes.txt").read()
    c = np.load(f"{name}.npy")
    open("out.txt", "w").write("x")
    pd.read_csv(URL)
    pd.read_csv(name)
    return helper()
"""


def test_files_named_in_the_code_are_found_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "solution.py"
    path.write_text(SOLUTION, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("solution_that_reads", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert file_reads(module.work, Project(tmp_path)) == (
        FileRead("flights.csv", "solution.py", 15),
        FileRead("notes.txt", "solution.py", 16),
        FileRead("….npy", "solution.py", 17),
        FileRead("data/names.txt", "solution.py", 9),
    )
