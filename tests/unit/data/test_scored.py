"""Files with columns added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from pandas.testing import assert_frame_equal

from unshelve.data.files import read_file, read_table
from unshelve.data.scored import free_names, write_scored
from unshelve.errors import Refused

COLUMNS: dict[str, Sequence[Any]] = {"label": [True, None], "score": [0.1, np.float64(1e-300)]}


def scored_csv(folder: Path, content: bytes, columns: dict[str, Sequence[Any]] = COLUMNS) -> bytes:
    (folder / "in.csv").write_bytes(content)
    write_scored(folder / "in.csv", folder / "out.csv", columns)
    return (folder / "out.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"a,b\n1,2\n3,4\n", b"a,b,label,score\n1,2,true,0.1\n3,4,,1e-300\n"),
        (b"a,b\n1,2\n3,4", b"a,b,label,score\n1,2,true,0.1\n3,4,,1e-300"),
        (b"a;b\r\n1;2\r\n3;4\r\n", b"a;b;label;score\r\n1;2;true;0.1\r\n3;4;;1e-300\r\n"),
        (b'a,b\n"two\nlines",2\n\n"x ""y""",4\n', b'a,b,label,score\n"two\nlines",2,true,0.1\n\n"x ""y""",4,,1e-300\n'),
        (b"\xef\xbb\xbfa,b\n1,2\n3,4\n", b"\xef\xbb\xbfa,b,label,score\n1,2,true,0.1\n3,4,,1e-300\n"),
        (b"a,b\n\xfc,2\n3,4\n", b"a,b,label,score\n\xfc,2,true,0.1\n3,4,,1e-300\n"),
        (b"a, score\n1,2\n3,4\n", b"a, score,label,score\n1,2,true,0.1\n3,4,,1e-300\n"),
        (b"\n  \na,b\n1,2\n \t\n3\n", b"\n  \na,b,label,score\n1,2,true,0.1\n \t\n3,,,1e-300\n"),
        (b"a,b\r1,2\r,\r", b"a,b,label,score\r1,2,true,0.1\r,,,1e-300\r"),
        (b"label,label_2\n1,2\n3,4\n", b"label,label_2,label_3,score\n1,2,true,0.1\n3,4,,1e-300\n"),
    ],
)
def test_the_lines_of_a_csv_are_only_lengthened(content: bytes, wanted: bytes, tmp_path: Path) -> None:
    assert scored_csv(tmp_path, content) == wanted


def test_letters_that_the_encoding_lacks_turn_the_file_to_utf8(tmp_path: Path) -> None:
    made = scored_csv(tmp_path, b"a,b\n\xfc,2\n", {"label": ["☃"]})
    assert made.decode("utf-8-sig") == "a,b,label\nü,2,☃\n"


def test_a_scored_csv_reads_as_the_source_with_columns(tmp_path: Path) -> None:
    table = pd.DataFrame({"t": ['q"uo,te', "new\nline", "x;y"], "n": [1, 2, 3]})
    table.to_csv(tmp_path / "in.csv", index=False)
    write_scored(tmp_path / "in.csv", tmp_path / "out.csv", {"p": ["a,b", 'c"d', "e\nf"]})
    assert_frame_equal(read_file(tmp_path / "out.csv"), table.assign(p=["a,b", 'c"d', "e\nf"]))


def test_json_lines_keep_their_text(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"a":1.50, "score": 2 }\n\n{ }\n')
    scored = write_scored(tmp_path / "in.jsonl", tmp_path / "out.jsonl", COLUMNS)
    assert scored.names == {"label": "label", "score": "score_2"}
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"a":1.50, "score": 2, "label": true, "score_2": 0.1}\n\n{"label": null, "score_2": 1e-300}\n'
    )


def test_a_parquet_file_keeps_its_types_and_compression(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"c": pd.Categorical(["x", "y"]), "d": pd.to_datetime(["2013-01-01"] * 2, utc=True)}, index=[7, 9]
    )
    table.to_parquet(tmp_path / "in.parquet", compression="zstd")
    write_scored(tmp_path / "in.parquet", tmp_path / "out.parquet", {**COLUMNS, "scores": [{"a": 0.5}, {"a": 1.0}]})
    made = read_file(tmp_path / "out.parquet")
    assert_frame_equal(made[["c", "d"]], table)
    assert made["score"].tolist() == [0.1, 1e-300]
    assert made["scores"].tolist() == [{"a": 0.5}, {"a": 1.0}]
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def _book(path: Path, *, chart: bool = False) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Orders"
    sheet.append(["day", "price", "with tax"])
    sheet.append([date(2013, 6, 30), 12.5, "=B2*1.08"])
    sheet.append([date(2013, 7, 1), 99.0, "=B3*1.08"])
    for cell in sheet[1]:
        cell.font = Font(bold=True, color="00FF0000")
        cell.fill = PatternFill("solid", fgColor="00EEEEEE")
    sheet["B2"].number_format = "#,##0.00 €"
    sheet.column_dimensions["B"].width = 31
    sheet.freeze_panes = "A2"
    sheet.conditional_formatting.add("B2:B3", CellIsRule(operator="greaterThan", formula=["50"], font=Font(bold=True)))
    rule = DataValidation(type="list", formula1='"a,b"')
    rule.add("A2")
    sheet.add_data_validation(rule)
    # A row with a format and no value is no row.
    sheet["A9"].font = Font(italic=True)
    book.create_sheet("Notes").append(["keep me"])
    if chart:
        drawn = BarChart()
        drawn.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3))
        sheet.add_chart(drawn, "F2")
    book.save(path)


def test_a_workbook_keeps_formats_and_formulas(tmp_path: Path) -> None:
    _book(tmp_path / "in.xlsx")
    assert len(read_file(tmp_path / "in.xlsx")) == 2
    scored = write_scored(tmp_path / "in.xlsx", tmp_path / "out.xlsx", {"score": [0.25, 0.75], "price": ["=1+1", None]})
    assert scored.names == {"score": "score", "price": "price_2"}
    assert scored.findings == ()
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["Orders"]
    assert [[cell.value for cell in row][1:] for row in sheet.iter_rows(max_row=3)] == [
        ["price", "with tax", "score", "price_2"],
        [12.5, "=B2*1.08", 0.25, "=1+1"],
        [99, "=B3*1.08", 0.75, None],
    ]
    assert sheet["E2"].data_type == "s"
    assert (sheet["D1"].font.bold, sheet["D1"].fill.fgColor.rgb) == (True, "00EEEEEE")
    assert (sheet["B2"].number_format, sheet.column_dimensions["B"].width, sheet.freeze_panes) == (
        "#,##0.00 €",
        31,
        "A2",
    )
    assert len(sheet.conditional_formatting) == 1
    assert len(sheet.data_validations.dataValidation) == 1
    assert openpyxl.load_workbook(tmp_path / "out.xlsx")["Notes"]["A1"].value == "keep me"


def test_the_text_that_begins_like_a_formula_stays_a_text_in_the_file(tmp_path: Path) -> None:
    _book(tmp_path / "in.xlsx")
    write_scored(tmp_path / "in.xlsx", tmp_path / "out.xlsx", {"label": ["=cmd|x", "ok\x00"]})
    assert read_table(tmp_path / "out.xlsx", sheet="Orders").table["label"].tolist() == ["=cmd|x", "ok"]


def test_lost_charts_are_said(tmp_path: Path) -> None:
    _book(tmp_path / "in.xlsx", chart=True)
    (finding,) = write_scored(tmp_path / "in.xlsx", tmp_path / "out.xlsx", COLUMNS).findings
    assert "charts or pictures" in finding


@pytest.mark.parametrize("name", ["in.csv", "in.xlsx", "in.jsonl", "in.parquet"])
def test_another_number_of_values_than_rows_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2, 3]})
    path = tmp_path / name
    {
        ".csv": lambda: table.to_csv(path, index=False),
        ".parquet": lambda: table.to_parquet(path),
        ".xlsx": lambda: table.to_excel(path, index=False),
        ".jsonl": lambda: table.to_json(path, orient="records", lines=True),
    }[path.suffix]()
    before = path.read_bytes()
    with pytest.raises(Refused, match="3 rows, and 2 values"):
        write_scored(path, tmp_path / f"out{path.suffix}", COLUMNS)
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == before


def test_taken_names_get_the_first_free_number() -> None:
    assert free_names(["a", "b", "a_2"], ["a", "a_2"]) == {"a": "a_3", "b": "b", "a_2": "a_2_2"}


def test_an_uploaded_file_is_known_by_the_name_that_people_gave_it(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"a\n00123\n")
    assert read_file(tmp_path / "upload", name="codes.csv", texts=["a"])["a"].tolist() == ["00123"]
    write_scored(tmp_path / "upload", tmp_path / "scored", {"score": [0.5]}, name="codes.csv")
    assert (tmp_path / "scored").read_bytes() == b"a,score\n00123,0.5\n"
    with pytest.raises(Refused, match=r"codes\.parquet is not a Parquet file"):
        read_file(tmp_path / "upload", name="codes.parquet")
    _book(tmp_path / "book.xlsx")
    (tmp_path / "book.xlsx").rename(tmp_path / "upload")
    assert len(read_file(tmp_path / "upload", name="orders.xlsx")) == 2
    write_scored(tmp_path / "upload", tmp_path / "scored", COLUMNS, name="orders.xlsx")
    assert read_file(tmp_path / "scored", name="scored.xlsx")["score"].tolist() == [0.1, 1e-300]
