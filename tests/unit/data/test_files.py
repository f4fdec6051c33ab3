"""Files that people bring, and files that are not what they say."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from unshelve.data.files import read_file, read_table
from unshelve.data.formats import FileKind
from unshelve.errors import NotFound, Refused, TooLarge, UnshelveError, UnsupportedType

TABLE = pd.DataFrame({"name": ["Zürich", "Genève", None], "n": [1, 2, 3], "x": [0.1, np.nan, 1e-300]})


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xlsx", "a.jsonl"])
def test_a_table_comes_back_from_every_kind_of_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    {
        ".csv": lambda: TABLE.to_csv(path, index=False),
        ".parquet": lambda: TABLE.to_parquet(path),
        ".xlsx": lambda: TABLE.to_excel(path, index=False),
        ".jsonl": lambda: TABLE.to_json(path, orient="records", lines=True, double_precision=15, force_ascii=False),
    }[path.suffix]()
    read = read_table(path)
    wanted = TABLE if name != "a.jsonl" else TABLE.assign(x=[0.1, np.nan, 0.0])
    assert_frame_equal(read.table, wanted)
    assert read.findings == ()


@pytest.mark.parametrize(
    ("content", "wanted", "finding"),
    [
        ("a;b\n1;2,5\n3;4,25\n", {"a": [1, 3], "b": [2.5, 4.25]}, "decimal comma"),
        ("a;b\n1;2.5\n3;x,y\n", {"a": [1, 3], "b": ["2.5", "x,y"]}, "semicolons"),
        ("a\tb\n1\tx y\n", {"a": [1], "b": ["x y"]}, "tabs"),
        ("a|b\n1|2\n", {"a": [1], "b": [2]}, "bars"),
        ('a,b\n"x;y;z",2\n"x;y;z",3\n', {"a": ["x;y;z"] * 2, "b": [2, 3]}, None),
        ('a,b\n"two\nlines",2\r\n', {"a": ["two\nlines"], "b": [2]}, None),
        ("a\n1\n2\n", {"a": [1, 2]}, None),
        ("\ufeffa,b\n1,2\n", {"a": [1], "b": [2]}, None),
        ("a,b\nZürich,2\n".encode("cp1252"), {"a": ["Zürich"], "b": [2]}, "read as Windows-1252"),
        (b"a,b\nx\x81y,2\n", {"a": ["x\x81y"], "b": [2]}, "read as Latin-1"),
        ("a\tb\nZürich\t2\n".encode("utf-16"), {"a": ["Zürich"], "b": [2]}, "tabs"),
        ("a,b\n0.1,0.30000000000000004\n", {"a": [0.1], "b": [0.30000000000000004]}, None),
    ],
    ids=repr,
)
def test_a_csv_is_read_as_it_was_meant(
    content: bytes | str, wanted: dict[str, object], finding: str | None, tmp_path: Path
) -> None:
    read = read_table(written(tmp_path, "a.csv", content))
    assert_frame_equal(read.table, pd.DataFrame(wanted))
    assert any(finding in said for said in read.findings) if finding else read.findings == ()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_numbers_in_a_csv_keep_every_bit(tmp_path: Path, values: list[float]) -> None:
    path = written(tmp_path, "a.csv", "x\n" + "\n".join(map(repr, values)) + "\n")
    assert [value.hex() for value in read_file(path)["x"].tolist()] == [value.hex() for value in values]


def test_columns_that_must_stay_texts_keep_their_zeros(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "code,n\n00123,1\n,2\n")
    assert read_table(path, texts=["code", "not there"]).table["code"].tolist()[0] == "00123"
    book = tmp_path / "a.xlsx"
    pd.DataFrame({"code": [7], "n": [1]}).to_excel(book, index=False)
    assert read_table(book, texts=["code"]).table["code"].tolist() == ["7"]


def test_a_workbook_gives_its_first_sheet_or_the_named_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as writer:
        TABLE.to_excel(writer, sheet_name="First", index=False)
        TABLE[["n"]].to_excel(writer, sheet_name="Second", index=False)
    read = read_table(path)
    assert list(read.table.columns) == ["name", "n", "x"]
    assert read.findings == ("a.xlsx has 2 sheets; 'First' was read.",)
    assert list(read_table(path, sheet="Second").table.columns) == ["n"]
    with pytest.raises(NotFound) as caught:
        read_table(path, sheet="Secnd")
    assert caught.value.near == ("Second",)


def _parquet() -> bytes:
    data = io.BytesIO()
    TABLE.to_parquet(data)
    return data.getvalue()


def _workbook(**options: Any) -> bytes:
    data = io.BytesIO()
    TABLE.to_excel(data, index=False, **options)
    return data.getvalue()


def _zip(entries: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", "a,b\n", "a.csv has no rows"),
        ("a.csv", "\n\n", "No columns to parse"),
        ("a.csv", _parquet(), "not a text file, as its name says, but a Parquet file"),
        ("a.csv", _workbook(), "not a text file, as its name says, but an Excel workbook"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n"), "but a gzip archive"),
        ("a.csv", b"a,b\n1,\0\n", "but a binary file"),
        ("a.csv", b"a,b\n" + b"1,2\n" * 30_000 + b"\0", "it holds zero bytes"),
        ("a.csv", '{"a": 1}\n{"a": 2}\n', "not CSV, as its name says, but JSON"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "cannot be read as CSV"),
        ("a.csv", "a,b\n1,2,3\n1,2,3\n", "cannot be read as CSV"),
        ("a.csv", 'a,b\n1,"2\n', "cannot be read as CSV"),
        ("a.csv", "a,b,a\n1,2,3\n", "the column 'a' is there twice"),
        ("a.csv", "a,b\n1," + "x" * 200_000 + "\n", None),
        ("a.parquet", "a,b\n1,2\n", "not a Parquet file, as its name says, but something else"),
        ("a.parquet", _parquet()[:-20], "damaged Parquet file"),
        ("a.parquet", _parquet()[:200] + b"x" * 50 + _parquet()[250:], None),
        ("a.xlsx", "a,b\n1,2\n", "not an Excel workbook, as its name says, but something else"),
        ("a.xlsx", _zip({"readme.txt": b"hello"}), "but another ZIP archive"),
        ("a.xlsx", _zip({"xl/workbook.xml": b"<no"}), "damaged Excel workbook"),
        ("a.xlsx", _workbook()[:2000], "damaged Excel workbook"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "an old or locked Office file"),
        ("a.xlsx", _workbook(startrow=2), "holds no names of columns"),
        ("a.jsonl", '{"a": 1}\nnot json\n', "Line 2 of a.jsonl is not a JSON object"),
        ("a.jsonl", '[{"a": 1}]', "Line 1 of a.jsonl"),
        ("a.jsonl", '{"a": NaN}\n', "Line 1 of a.jsonl"),
        ("a.jsonl", '{"a": ' + "[" * 100_000, "Line 1 of a.jsonl"),
        ("a.jsonl", "\n\n", "has no columns"),
    ],
    ids=lambda value: repr(value)[:50] if isinstance(value, str) else "bytes",
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused_with_what_it_is(
    name: str, content: bytes | str, said: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, name, content)
    try:
        read_file(path)
    except Refused as error:
        assert said is None or said in str(error)
    else:
        assert said is None


def test_a_workbook_that_would_unpack_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, "bomb.xlsx", _zip({"xl/workbook.xml": b"<x/>", "xl/sharedStrings.xml": b"0" * 30_000_000}))
    assert path.stat().st_size < 100_000
    with pytest.raises(TooLarge, match="unpacked, has 30 MB; at most 20 MB"):
        read_table(path, most_bytes=20_000_000)


def test_a_parquet_file_of_endless_equal_rows_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    block = pa.table({"x": pa.array(np.zeros(1_000_000, dtype=np.int8))})
    with pq.ParquetWriter(path, block.schema) as writer:
        for _ in range(6):
            writer.write_table(block)
    assert path.stat().st_size < 100_000
    with pytest.raises(TooLarge, match="6,000,000 rows; at most 5,000,000"):
        read_file(path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="at most"):
        read_table(written(tmp_path, "a.csv", "a\n" + "1\n" * 1000), most_bytes=1000)


def test_an_unknown_ending_is_refused_unless_the_kind_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "a.dat", "a,b\n1,2\n")
    with pytest.raises(UnsupportedType, match=r"\.csv"):
        read_file(path)
    assert_frame_equal(read_file(path, kind=FileKind.CSV), pd.DataFrame({"a": [1], "b": [2]}))


def test_a_file_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, "flights.csv", "a\n1\n")
    with pytest.raises(NotFound) as caught:
        read_file(tmp_path / "flight.csv")
    assert caught.value.near == ("flights.csv",)


def test_a_formula_without_a_stored_value_reads_as_missing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, "=A2*2"])
    book.save(tmp_path / "a.xlsx")
    assert read_file(tmp_path / "a.xlsx").isna().to_dict("list") == {"a": [False], "b": [True]}


@pytest.mark.parametrize(("name", "whole"), [("a.xlsx", _workbook()), ("a.parquet", _parquet())])
def test_broken_bytes_are_refused_and_raise_nothing_else(name: str, whole: bytes, tmp_path: Path) -> None:
    random = Random(0)
    for _ in range(100):
        broken = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(broken))
            broken[place : place + random.randint(0, 9)] = random.randbytes(random.randint(0, 3))
        with contextlib.suppress(UnshelveError):
            read_file(written(tmp_path, name, bytes(broken)))
