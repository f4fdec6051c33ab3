"""Files of answers: whole or not at all, once per batch, and only what changed where that is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from answers_spool import batch_of, scores
from unshelve.data import write_files
from unshelve.data.spool import Batch, Written
from unshelve.data.write_files import write_file
from unshelve.errors import Refused


def read(path: Path) -> list[dict[Any, Any]]:
    if path.suffix == ".csv":
        return list(pd.read_csv(path).to_dict("records"))
    if path.suffix == ".parquet":
        return list(pd.read_parquet(path).to_dict("records"))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    head, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "xlsx"])
def test_every_kind_of_file_holds_the_rows_with_their_stamps(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "out" / f"scores.{ending}"
    written = write_file(batch_of(tmp_path, scores(0.5, 0.25, 1.5)), path, tmp_path / "memory")
    found = read(path)
    assert written == Written(rows=3, written=3)
    assert [(row["id"], row["label"], row["version"]) for row in found] == [(1, 0.5, 1), (2, 0.25, 1), (3, 1.5, 1)]
    assert list(found[0]) == ["id", "label", "version", "answer_id", "answered_at"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_text_that_begins_with_an_equals_sign_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "scores.xlsx"
    write_file(batch_of(tmp_path, scores("=1+1")), path, tmp_path / "memory")
    cell = openpyxl.load_workbook(path).active["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_a_batch_that_was_written_is_not_written_again_when_its_file_was_fetched(tmp_path: Path) -> None:
    batch, path, memory = batch_of(tmp_path, scores(1, 2)), tmp_path / "scores.csv", tmp_path / "memory"
    write_file(batch, path, memory)
    path.unlink()  # somebody fetched it
    assert write_file(batch, path, memory) == Written(rows=2, written=2, again=True)
    assert not path.exists()


def test_a_batch_that_was_killed_before_its_rename_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, path, memory = batch_of(tmp_path, scores(1, 2)), tmp_path / "scores.csv", tmp_path / "memory"

    def killed(*_: object) -> Written:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(write_files, "_finish", killed)
        write_file(batch, path, memory)
    assert not path.exists()
    assert write_file(batch, path, memory).again is False
    assert len(read(path)) == 2


def test_only_rows_that_changed_are_in_the_next_file(tmp_path: Path) -> None:
    memory = tmp_path / "memory"

    def write(batch: Batch, name: str) -> Written:
        return write_file(batch, tmp_path / name, memory)

    write(batch_of(tmp_path, scores("a", "b", "c"), changed=True), "one.csv")
    second = batch_of(tmp_path, scores("a", "B", "c", "d"), batch="b2", changed=True, version=2)
    assert write(second, "two.csv") == Written(rows=4, written=2, unchanged=2)
    assert [row["id"] for row in read(tmp_path / "two.csv")] == [2, 4]
    third = batch_of(tmp_path, scores("a", "B", "c", "d"), batch="b3", changed=True)
    assert write(third, "three.csv") == Written(rows=4, written=0, unchanged=4)


def test_a_folder_in_the_way_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(Refused) as refused:
        write_file(batch_of(tmp_path, scores(1)), tmp_path / "out" / "scores.csv", tmp_path / "memory")
    assert refused.value.subject_code == "sink-target-odd"


def test_columns_of_parts_with_other_types_become_one(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    write_file(batch_of(tmp_path, scores(None, None, 1, 2, 0.5, 1.5)), path, tmp_path / "memory")
    frame = pd.read_parquet(path)
    assert frame["label"].dtype == "float64"
    assert frame["label"].dropna().tolist() == [1.0, 2.0, 0.5, 1.5]
