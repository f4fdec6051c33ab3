"""The rows of a batch, a part at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unshelve.data.dataset import Dataset, write_dataset
from unshelve.solution.sink_rows import SinkRows
from unshelve.storage.blobs import FolderBlobs

TABLE = pd.DataFrame({"id": range(10), "score": [n / 2 for n in range(10)]})


@pytest.fixture(params=["frame", "held", "stored"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> SinkRows:
    """The same ten rows as a table, as a dataset in memory, and as one in a store."""
    stored = write_dataset((TABLE.iloc[first : first + 4] for first in (0, 4, 8)), FolderBlobs(tmp_path))
    values: dict[str, Any] = {"frame": TABLE, "held": Dataset.of(TABLE), "stored": stored}
    return SinkRows.of(values[request.param])


def test_parts_hold_each_row_once_from_any_row_on(rows: SinkRows) -> None:
    assert (len(rows), rows.columns) == (10, ["id", "score"])
    for start in range(11):
        parts = list(rows.parts(start, 3))
        assert [row for part in parts for row in part["id"]] == list(range(start, 10))
        assert all(0 < len(part) <= 3 for part in parts)


def test_some_columns_up_to_a_row(rows: SinkRows) -> None:
    parts = list(rows.parts(0, 4, end=6, columns=["id"]))
    assert [row for part in parts for row in part["id"]] == list(range(6))
    assert [list(part) for part in parts] == [["id"]] * len(parts)


def test_whole_numbers_of_a_dataset_stay_whole_where_one_is_missing() -> None:
    large = 2**53 + 1
    table = pd.DataFrame({"id": pd.array([large, None], dtype="Int64")})
    (part,) = SinkRows.of(Dataset.of(table)).parts(0, 5)
    assert part["id"].tolist() == [large, pd.NA]
