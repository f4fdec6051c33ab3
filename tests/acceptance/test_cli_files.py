"""`unshelve predict`: files scored by a released model, asked where it is served and worked out here where not."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from openpyxl.styles import Font

from cli_solution import CSV, MODEL, Said, Trained, Up, unshelve_here
from unshelve.errors import Refused
from unshelve.security.actors import LOCAL
from unshelve.solution.scoring import ScoreOrders, score_file

ROWS = pd.DataFrame({"weight": [9.5, 0.5], "service": ["sea", "air"], "postcode": ["00003", "00001"]})


@pytest.fixture(scope="module")
def home(trained: Trained) -> Path:
    """A home that nobody serves, and that nothing here changes."""
    return trained.copy


def predict(home: Path, *words: object) -> Said:
    return unshelve_here("predict", MODEL, *words, "--home", home, "--json")


def test_a_csv_file_comes_back_with_columns_and_all_that_it_held(home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV)
    told = predict(home, tmp_path / "june.csv").json
    assert (told["rows"], told["refused"], told["version"], told["logged"]) == (2, 0, 2, False)
    assert told["file"] == str(tmp_path / "june-lateness.csv")
    lines = (tmp_path / "june-lateness.csv").read_text().splitlines()
    assert lines[0] == "weight,service,postcode,note,lateness_label,lateness_score,lateness_version"
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["9.5", "sea", "00003", "first", "true"],
        ["0.5", "air", "00001", "", "false"],
    ]


def test_parquet_and_json_lines_come_back_as_they_are(home: Path, tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "june.parquet")
    ROWS.to_json(tmp_path / "june.jsonl", orient="records", lines=True)
    for name in ("june.parquet", "june.jsonl"):
        assert predict(home, tmp_path / name, "-o", tmp_path / f"scored-{name}").code == 0
    table = pd.read_parquet(tmp_path / "scored-june.parquet")
    lines = [json.loads(line) for line in (tmp_path / "scored-june.jsonl").read_text().splitlines()]
    assert table["lateness_label"].tolist() == [line["lateness_label"] for line in lines] == [True, False]


def test_a_workbook_keeps_its_formats_and_formulas(home: Path, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["weight", "service", "postcode", "double"], [9.5, "sea", "00003", "=A2*2"], [0.5, "air", "00001", ""]):
        sheet.append(row)
    sheet["A2"].number_format = '0.00 "kg"'
    sheet["B2"].font = Font(bold=True)
    book.save(tmp_path / "june.xlsx")
    assert predict(home, tmp_path / "june.xlsx").code == 0
    scored = openpyxl.load_workbook(tmp_path / "june-lateness.xlsx").active
    assert scored is not None
    assert [cell.value for cell in scored[1]][3:6] == ["double", "lateness_label", "lateness_score"]
    assert (scored["A2"].number_format, scored["B2"].font.b, scored["D2"].value) == ('0.00 "kg"', True, "=A2*2")
    assert (scored["E2"].value, scored["E3"].value) == (True, False)


def test_rows_that_do_not_fit_stay_in_the_file_with_the_reason(home: Path, tmp_path: Path) -> None:
    text = CSV + "heavy,sea,00003,x\n3,rail,00003,x\n,air,00001,x\n9000,air,00001,x\n"
    (tmp_path / "june.csv").write_text(text)
    told = predict(home, tmp_path / "june.csv").json
    assert (told["rows"], told["refused"]) == (6, 4)
    assert [each.partition(":")[0] for each in told["problems"]] == ["line 4", "line 5", "line 6", "line 7"]
    with (tmp_path / "june-lateness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["lateness_label"] for row in rows] == ["true", "false", "", "", "", ""]
    assert [row["lateness_problem"].partition(":")[0] for row in rows] == [
        "", "", "weight", "service", "weight", "weight",
    ]  # fmt: skip


def test_a_version_that_is_named_answers_instead(home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV)
    told = predict(home, tmp_path / "june.csv", "--version", 1).json
    assert told["version"] == 1


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("june.csv", b"", "file-empty"),
        ("june.csv", b"weight\n3\n", "column-gone"),
        ("june.csv", b"weight,service,postcode\n3,rail,9\n", "schema-mismatch"),
        ("june.xlsx", CSV.encode(), "file-not-what-it-says"),
        ("june.doc", b"anything", "unsupported-type"),
    ],
)
def test_a_file_that_cannot_be_scored_leaves_nothing_behind(
    name: str, content: bytes, code: str, home: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    refused = predict(home, tmp_path / name)
    assert (refused.code, refused.json["error"]["code"]) == (1, code)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_column_is_named_with_what_is_near(home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV.replace("weight", "wheight"))
    error = predict(home, tmp_path / "june.csv").json["error"]
    assert error["message"] == "june.csv has no column 'weight'."
    assert (error["near"], error["hint"]) == (["wheight"], "It must have weight, service, postcode.")


def test_what_is_there_is_not_written_over_unless_it_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV)
    (tmp_path / "june-lateness.csv").write_text("mine")
    assert predict(home, tmp_path / "june.csv").json["error"]["code"] == "file-exists"
    assert predict(home, tmp_path / "june.csv", "-o", tmp_path / "june.csv").json["error"]["code"] == "file-exists"
    assert predict(home, tmp_path / "june.csv", "-o", tmp_path / "x.xlsx").json["error"]["code"] == "other-ending"
    assert (tmp_path / "june-lateness.csv").read_text() == "mine"
    assert predict(home, tmp_path / "june.csv", "-o", tmp_path / "june-lateness.csv").code == 0


def test_a_model_or_file_that_is_not_there_is_named_with_what_is_near(home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV)
    gone = unshelve_here("predict", "parcels.latenes", tmp_path / "june.csv", "--home", home, "--json").json["error"]
    assert (gone["code"], gone["near"]) == ("model-not-found", [MODEL])
    assert predict(home, tmp_path / "jun.csv").json["error"]["near"] == ["june.csv"]


def orders(home: Path, source: Path, target: Path, name: str) -> ScoreOrders:
    return ScoreOrders(home=str(home), model=MODEL, source=str(source), target=str(target), name=name, actor=LOCAL)


def test_an_upload_is_read_as_what_its_sender_calls_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sent").write_text(CSV)
    seen: list[tuple[int, int]] = []
    scored = score_file(orders(home, tmp_path / "sent", tmp_path / "out", "June.CSV"), lambda *so: seen.append(so))
    assert (scored.rows, scored.columns[0], seen) == (2, "lateness_label", [(0, 2), (2, 2)])


@pytest.mark.parametrize("name", ["../june.csv", "con.csv"])
def test_a_name_from_outside_leads_nowhere(name: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "sent").write_text(CSV)
    with pytest.raises(Refused, match="is refused"):
        score_file(orders(home, tmp_path / "sent", tmp_path / "out", name))
    assert [path.name for path in tmp_path.iterdir()] == ["sent"]


@pytest.fixture(scope="module")
def served(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that is served."""
    folder = tmp_path_factory.mktemp("files")
    home = Path(shutil.copytree(trained.copy, folder / "home"))
    with (folder / "errors").open("w") as errors, Up("serve", "--home", home, errors=errors):
        yield home


def test_a_served_home_answers_the_same_and_logs_it(served: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV)
    told = predict(served, tmp_path / "june.csv", "-o", tmp_path / "asked.csv").json
    predict(home, tmp_path / "june.csv", "-o", tmp_path / "here.csv")
    assert told["logged"] is True
    with (tmp_path / "asked.csv").open() as asked, (tmp_path / "here.csv").open() as here:
        rows, expected = list(csv.DictReader(asked)), list(csv.DictReader(here))
    ids = [row.pop("lateness_answer_id") for row in rows]
    assert rows == expected
    assert len(set(ids)) == 2
