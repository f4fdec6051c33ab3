"""Files as a source: sorted, read once, their differences said, and bad ones refused by name."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unshelve import Dataset
from unshelve.data import streams
from unshelve.data.loaded import record_from
from unshelve.errors import NotFound, Refused, TooLarge, UnshelveError
from unshelve.pipeline import file_loads, loads
from unshelve.pipeline.declared import files
from unshelve.pipeline.load_outcome import Loaded, Past
from unshelve.pipeline.loads import load, table_of, value_of
from unshelve.storage.blobs import FolderBlobs


class Folder:
    """A solution's folder with files, and what loads of them left."""

    def __init__(self, root: Path) -> None:
        self.root = root / "solution"
        self.root.mkdir()
        self.blobs = FolderBlobs(root / "blobs")
        self.past = Past(now=datetime(2026, 11, 27, tzinfo=UTC))

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def load(self, *patterns: str, **options: Any) -> Loaded:
        loaded = load("rows", files(*patterns, **options).options, {}, self.past, self.blobs, folder=self.root)
        self.past = Past(now=self.past.now, load=record_from(msgspec.json.encode(loaded.record)))
        return loaded

    def rows(self, loaded: Loaded) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = table_of(loaded, self.blobs).to_pydict()
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_files_are_read_in_the_order_of_their_names(folder: Folder) -> None:
    for name in ("b", "c", "a"):
        folder.write(f"data/{name}.csv", f"id,name\n1,{name}\n")
    assert folder.rows(folder.load("data/*.csv"))["name"] == ["a", "b", "c"]


def test_a_folder_means_all_files_in_it_that_hold_rows(folder: Folder) -> None:
    folder.write("data/2025/a.csv", "id\n1\n")
    folder.write("data/2026/b.jsonl", '{"id": 2}\n')
    folder.write("data/_SUCCESS", "")
    folder.write("data/.hidden.csv", "nothing")
    folder.write("data/readme.md", "# no rows")
    assert folder.rows(folder.load("data"))["id"] == [1, 2]


def test_every_kind_of_file_gives_the_same_rows(folder: Folder) -> None:
    table = pd.DataFrame({"id": [1, 2], "x": [0.5, 1.5], "name": ["å", "b"]})
    table.to_csv(folder.root / "a.csv", index=False)
    table.to_parquet(folder.root / "a.parquet")
    table.to_excel(folder.root / "a.xlsx", index=False)
    table.to_json(folder.root / "a.jsonl", orient="records", lines=True)
    found = [folder.rows(folder.load(f"a.{kind}")) for kind in ("csv", "parquet", "xlsx", "jsonl")]
    assert found == [{"id": [1, 2], "x": [0.5, 1.5], "name": ["å", "b"]}] * 4


def test_only_changed_files_are_read_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_loads, "GROUP_BYTES", 1)
    for name in ("a", "b", "c"):
        folder.write(f"{name}.csv", f"id,name\n1,{name}\n")
    first = folder.load("*.csv")
    folder.write("b.csv", "id,name\n1,B\n")
    second = folder.load("*.csv")
    assert folder.rows(second)["name"] == ["a", "B", "c"]
    assert (second.record.read, second.record.why) == (1, "1 of 3 files are new or changed")
    assert [one.digest == other.digest for one, other in zip(first.parts, second.parts, strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_file_that_is_gone_takes_its_rows_with_it(folder: Folder) -> None:
    folder.write("a.csv", "id\n1\n")
    folder.write("b.csv", "id\n2\n")
    folder.load("*.csv")
    (folder.root / "a.csv").unlink()
    assert folder.rows(folder.load("*.csv"))["id"] == [2]


def test_numbers_that_become_wider_in_a_later_file_are_numbers_in_all(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_loads, "GROUP_BYTES", 1)
    folder.write("a.csv", "x\n1\n")
    folder.write("b.csv", "x\n1.5\n")
    assert folder.rows(folder.load("*.csv"))["x"] == [1.0, 1.5]


def test_other_columns_in_a_later_file_are_refused_by_name(folder: Folder) -> None:
    folder.write("a.csv", "id,name\n1,a\n")
    folder.write("b.csv", "id,nmae\n1,a\n")
    with pytest.raises(Refused, match=r"b\.csv came without name; with nmae.*The first file is a\.csv"):
        folder.load("*.csv")


def test_a_union_of_columns_leaves_missing_what_a_file_lacks(folder: Folder) -> None:
    folder.write("a.csv", "id,name\n1,a\n")
    folder.write("b.csv", "id,city\n2,X\n")
    loaded = folder.load("*.csv", columns="union")
    assert folder.rows(loaded) == {"id": [1, 2], "name": ["a", None], "city": [None, "X"]}
    assert "b.csv has other columns than a.csv" in loaded.record.notes[0]


def test_a_pattern_without_a_file_names_what_is_near(folder: Folder) -> None:
    folder.write("data/sales.csv", "id\n1\n")
    with pytest.raises(NotFound, match=r"data/sales\.csv"):
        folder.load("data/sale.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,a\n1,2\n", "twice"),
        ("a.csv", b"a,b\n1,2,3\n", "cannot be read as CSV"),
        ("a.csv", b"a,b\n\x001,2\n", "not a text file"),
        ("a.csv", b"PK\x03\x04nonsense", "ZIP|zip|Excel"),
        ("a.parquet", b"PAR1nonsensePAR1", "damaged Parquet"),
        ("a.parquet", b"id,name\n1,2\n", "not a Parquet file"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "Line 2"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "Line 2"),
        ("a.xlsx", b"PK\x03\x04nonsense", "damaged|not an Excel"),
        ("a.doc", b"x", "ending"),
    ],
)
def test_a_bad_file_is_refused_by_its_name(folder: Folder, name: str, content: bytes, said: str) -> None:
    folder.write(name, content)
    with pytest.raises(UnshelveError, match=said) as caught:
        folder.load(name)
    assert name in str(caught.value)


def test_a_csv_with_a_million_columns_is_refused(folder: Folder) -> None:
    folder.write("wide.csv", ",".join(f"c{n}" for n in range(1_000_000)) + "\n")
    with pytest.raises(TooLarge, match="1,000,000 columns"):
        folder.load("wide.csv")


def test_a_zip_bomb_is_refused(folder: Folder) -> None:
    with zipfile.ZipFile(folder.root / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        for each in range(12):
            archive.writestr(f"xl/{each}.xml", b"\0" * (100 << 20))
    # The limit of a workbook is that of any file that people bring.
    with pytest.raises(UnshelveError, match=r"bomb\.xlsx"):
        folder.load("bomb.xlsx")


def test_a_parquet_file_that_lies_about_its_rows_is_refused(folder: Folder) -> None:
    pq.write_table(pa.table({"x": list(range(1000))}), folder.root / "a.parquet", compression="none")
    data = (folder.root / "a.parquet").read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8].replace(b"\xd0\x0f", b"\xd2\x0f")  # 1,000 as a zig-zag number is 1,001 then
    assert footer != data[-8 - length : -8]
    folder.write("a.parquet", data[: -8 - length] + footer + data[-8:])
    with pytest.raises(UnshelveError, match=r"a\.parquet"):
        folder.load("a.parquet")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("a;b\n1,5;x\n", [1.5, "x"]),
        ("a\tb\n1.5\tx\n", [1.5, "x"]),
        ('a,b\n1.5,"x, ""y"""\n', [1.5, 'x, "y"']),
        ("﻿a,b\n1.5,é\n", [1.5, "é"]),
        ("a,b\n1.5,é\n".encode("cp1252"), [1.5, "é"]),
        ("a,b\n1.5,é\n".encode("utf-16"), [1.5, "é"]),
    ],
)
@pytest.mark.parametrize("small", [True, False])
def test_a_csv_of_any_form_is_read_alike_small_or_large(
    folder: Folder, content: str | bytes, row: list[Any], small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(streams, "SMALL_BYTES", 0)
    folder.write("a.csv", content)
    assert [values[0] for values in folder.rows(folder.load("a.csv")).values()] == row


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jsonl", b'{"a": "x\\u0000y"}\n', "x\0y"),
        ("a.jsonl", b'{"a": "\xe9t\xe9"}\n', "été"),
        ("a.csv", b"a\n\xe9t\xe9\n", "été"),
    ],
)
def test_bytes_that_are_no_utf8_are_read_in_another_encoding(
    folder: Folder, name: str, content: bytes, text: str
) -> None:
    folder.write(name, content)
    assert folder.rows(folder.load(name)) == {"a": [text]}


def test_a_large_csv_is_read_in_pieces_with_one_type(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SMALL_BYTES", 0)
    monkeypatch.setattr(streams, "_ROWS", 3)
    folder.write("a.csv", "a,b\n" + "".join(f"{n},\n" for n in range(8)) + "8.5,late\n")
    rows = folder.rows(folder.load("a.csv"))
    assert rows["a"] == [float(n) for n in range(8)] + [8.5]
    assert rows["b"] == [None] * 8 + ["late"]


def test_postcodes_stay_texts_where_that_is_asked_for(folder: Folder) -> None:
    folder.write("a.csv", "zip\n00123\n")
    assert folder.rows(folder.load("a.csv", texts=["zip"])) == {"zip": ["00123"]}


def test_odd_types_of_parquet_become_plain_ones_and_it_is_said(folder: Folder) -> None:
    table = pa.table(
        {
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "tags": pa.array([["a", "b"], []], pa.list_(pa.string())),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "early": pa.array([datetime(1500, 1, 1), datetime(2500, 1, 1)], pa.timestamp("ms")),
            "x": pa.array([float("inf"), float("nan")]),
            "whole": pa.array([1, 2**63], pa.uint64()),
        }
    )
    pq.write_table(table, folder.root / "a.parquet")
    loaded = folder.load("a.parquet")
    assert {each.name: each.type for each in loaded.record.columns} == {
        "price": "double",
        "tags": "string",
        "kind": "string",
        "early": "timestamp[us]",
        "x": "double",
        "whole": "double",
    }
    assert folder.rows(loaded)["early"] == [datetime(1500, 1, 1), datetime(2500, 1, 1)]
    assert any("price holds decimals" in note for note in loaded.record.notes)
    assert any("tags holds list" in note for note in loaded.record.notes)


def test_a_load_of_many_rows_is_kept_as_the_parts_that_are_stored_already(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a.csv", "id,name\n1,x\n2,y\n")
    loaded = folder.load("*.csv")
    table = value_of(loaded, folder.blobs)
    monkeypatch.setattr(loads, "MOST_WHOLE", 10)
    dataset = value_of(loaded, folder.blobs)
    assert isinstance(table, pd.DataFrame) and isinstance(dataset, Dataset)
    assert [part.digest for part in dataset.parts] == [part.digest for part in loaded.parts]
    assert dataset.to_pandas().equals(table)
