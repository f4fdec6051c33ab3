"""`unshelve profile` as a person calls it: of files and of solutions, and what it writes when asked to."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from cli_solution import unshelve, write_solution


def test_a_file_is_looked_at_and_expectations_are_suggested(tmp_path: Path) -> None:
    table = pd.DataFrame({"order_id": range(200), "land": ["DE", "FR"] * 100, "price": [0.5 * n for n in range(200)]})
    table.to_csv(tmp_path / "My orders.csv", index=False)
    table.to_parquet(tmp_path / "orders.parquet")
    said = unshelve("profile", tmp_path / "My orders.csv")
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0] == "my_orders: 200 rows, 3 columns"
    assert lines[5].split() == ["price", "float", "–", "200", "█" * 16, "0", "to", "99.5"] or "█" in lines[5]
    assert "It needs: from unshelve import column, expect, key, row_count" in lines
    told = unshelve("profile", tmp_path / "orders.parquet", "--json")
    (one,) = json.loads(told.out.splitlines()[-1])["tables"]
    assert one["suggested"] in said.out.replace("my_orders", "orders")


def test_a_suggestion_is_written_where_it_is_asked_for_and_then_runs(tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels")
    before = (folder / "solution.py").read_text()
    assert unshelve("profile", folder).code == 0
    assert (folder / "solution.py").read_text() == before
    assert unshelve("profile", folder, "--write").code == 0
    after = (folder / "solution.py").read_text()
    assert 'parcels_hold = expect(\n    "parcels",' in after
    assert after.startswith(before.partition("from unshelve")[0])
    assert unshelve("check", folder).code == 0
    assert unshelve("run", folder, "--only", "parcels_hold", "--json").code == 0
    again = unshelve("profile", folder, "--write", "--json")
    assert again.code == 1
    assert json.loads(again.out.splitlines()[-1])["error"]["code"] == "expectation-there"


def test_what_is_not_there_is_said_with_what_is_near(tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels")
    said = unshelve("profile", folder, "--source", "parcel", "--json")
    error = json.loads(said.out.splitlines()[-1])["error"]
    assert (said.code, error["code"], error["near"]) == (1, "source-not-found", ["parcels"])
    assert unshelve("profile", tmp_path / "none.csv").code == 1
