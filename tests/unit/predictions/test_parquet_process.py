"""Sealed files in another process: the same answers, and no harm when it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from predictions_log_files import NOON, closed, record
from unshelve.errors import Damaged, Unavailable
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.parquet_process import ParquetProcess


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ParquetProcess]:
    made = ParquetProcess(tmp_path)
    yield made
    made.close()


def test_it_gives_what_the_files_give_here(process: ParquetProcess, tmp_path: Path) -> None:
    written = [record(NOON + n) for n in range(3)]
    path = closed(tmp_path, written, name="s1")

    sealed = process.seal(path)

    files = ParquetFiles(tmp_path)
    assert sealed == files.seal(path)
    assert process.recent(sealed.files[0].path, model=None, before=None, limit=2) == written[:0:-1]
    assert process.find(sealed.files[0].path, written[0].id) == written[0]
    assert process.find(sealed.files[0].path, "0" * 26) is None


def test_a_file_that_is_no_parquet_is_damaged_and_the_process_goes_on(process: ParquetProcess, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"nothing of the kind")
    written = record(NOON)
    path = closed(tmp_path, [written], name="s1")

    for name in ("broken.parquet", "absent.parquet"):
        with pytest.raises(Damaged):
            process.find(name, written.id)

    assert process.seal(path).records == 1


def test_a_process_that_was_killed_is_started_again(process: ParquetProcess, tmp_path: Path) -> None:
    path = closed(tmp_path, [record(NOON)], name="s1")
    process.seal(path)
    assert process._process is not None
    os.kill(process._process.pid, signal.SIGKILL)

    try:
        again = process.seal(path)
    except Unavailable:  # killed before it read, or after: both are said, and the next call works
        again = process.seal(path)

    assert again.records == 1
