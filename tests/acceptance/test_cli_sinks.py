"""Answers that are written back by the command line alone, as a cron job does it: no server, a home made on the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cli_solution import SOLUTION, unshelve, write_solution

SINK = """
from unshelve import sink, to_table


@source
def waiting(many=5):
    rows = parcels().head(many)
    return rows.drop(columns="days").assign(parcel=range(many))


@sink(to_table("lateness", connection="depot", key="parcel", columns=["label"]), changed=True)
def answers(lateness, waiting):
    "Which parcels of today come late."
"""


def test_a_run_writes_its_answers_where_nobody_serves_the_home(tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels", SOLUTION + SINK)
    home = folder / ".unshelve"
    file = tmp_path / "depot.db"
    finding = unshelve("check", folder).out
    assert f"unshelve secret set depot --home {home}" in finding
    assert not home.exists()
    kept = unshelve("secret", "set", "depot", "--home", home, "--json", stdin=f"sqlite:///{file}\n")
    assert (kept.code, kept.json) == (0, {"name": "DEPOT"})

    with closing(sqlite3.connect(file)) as depot:
        depot.execute("create table lateness (parcel integer primary key, label, version, answer_id, answered_at)")
    said = unshelve("run", folder)
    assert said.code == 0, said
    assert "parcels.answers: 5 of 5 rows written to table lateness of depot." in said.out
    again = unshelve("run", folder, "--set", "waiting.many=7", "--json").json["batches"]
    assert [(each["written"], each["unchanged"]) for each in again] == [(2, 5)]
    with closing(sqlite3.connect(file)) as depot:
        depot.execute("alter table lateness drop column label")
    refused = unshelve("run", folder, "--json")
    assert (refused.code, refused.json["batches"][0]["state"]) == (1, "failed"), refused
    assert "no column 'label'" in refused.json["batches"][0]["error"]
    with closing(sqlite3.connect(file)) as depot:
        assert depot.execute("select count(*), min(version) from lateness").fetchone() == (7, 1)
