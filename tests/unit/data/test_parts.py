"""Parts of a table that grows: some of their rows are read without the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from unshelve.data import parts
from unshelve.data.parts import Noted, read_part, read_rows, write_part
from unshelve.errors import NotFound
from unshelve.storage.blobs import FolderBlobs

ROWS = pa.table({"id": list(range(25)), "name": [f"n{number}" for number in range(25)]})


@pytest.mark.parametrize("wanted", [[], [0], [9, 10], [24], [3, 19, 20], range(25)])
def test_the_rows_of_a_mask_are_those_of_the_whole_part(
    wanted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "GROUP_ROWS", 10)  # groups end at 10, 20 and 25
    blobs = FolderBlobs(tmp_path)
    part = write_part(blobs, ROWS, Noted())
    mask = np.isin(np.arange(25), list(wanted))
    assert read_rows(blobs, part, mask).equals(read_part(blobs, part).filter(pa.array(mask)))


def test_rows_of_a_part_that_is_gone_are_not_found(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    part = write_part(blobs, ROWS, Noted())
    blobs.delete(part.digest)
    with pytest.raises(NotFound, match="No bytes are stored"):
        read_rows(blobs, part, np.ones(25, dtype=bool))
