"""A run reads its solution anew: what it declares may come from a file, and change without the code."""

from __future__ import annotations

from pathlib import Path

from solution_house import open_house

SOLUTION = '''"""Rows: as many as a file says."""
from pathlib import Path

import pandas as pd

from unshelve import chart, source

MANY = int((Path(__file__).parent / "many.txt").read_text())


@source
def rows(many=MANY):
    """Numbered rows."""
    return pd.DataFrame({"number": range(many)})


@chart
def numbers(rows):
    """All of them."""
    return rows["number"]
'''


def test_a_default_that_a_file_holds_is_read_by_each_run(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        for many in ("3", "5"):
            ran = house.run("rows", SOLUTION, {"many.txt": many})
            assert ran.steps["rows"].outputs[""]["summary"]["rows"] == int(many), ran.steps["rows"]
