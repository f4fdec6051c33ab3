"""What is found in declared sources before any of them is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.solution.check import check
from unshelve.solution.loading import declare

HEAD = '"""A shop."""\nfrom unshelve import http, model, source, sql\n'
TAIL = "\n@model\ndef one(rows): ...\n"


@pytest.mark.parametrize(
    ("code", "says", "advises"),
    [
        ('sql("select a, w from t", connection="c", watermark="w")', "does not ask for what is beyond", "> :mark"),
        ('sql("select a from t where w > :mark", connection="c")', "has no watermark", "watermark="),
        ('sql("select a from t where w > :mark", connection="c", watermark="w")', "does not give", "Add w"),
        ('sql("select a from t where a = :b", connection="c")', "takes b, which has no value", "parameters="),
        ('sql("select a from t", connection="c", parameters={"b": 1})', "nothing takes", "leave it out"),
        ('sql("select a from t where a = :one", connection="c", parameters={"one": 1})', "name of a step", "another"),
        (
            'sql("select w from t where w > :mark", connection="c", watermark="w", zone="Mars")',
            "no time zone",
            "Berlin",
        ),
        ('sql("select a, t from t", connection="c", lookup=True, key="k", at="t")', "has key='k'", "Add k"),
        ('sql("select k from t", connection="c", lookup=True, key="k", at="t")', "has at='t'", "Add t"),
        ('http("https://x/?s={mark}", watermark="w")', "where its first load begins", "start="),
        ('http("https://x/?s={s}")', "takes s", "parameters="),
    ],
)
def test_it_is_found_with_its_place_and_its_repair(tmp_path: Path, code: str, says: str, advises: str) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "solution.py").write_text(f"{HEAD}\nrows = {code}\n{TAIL}", encoding="utf-8")
    found = [each for each in check(declare(folder)) if each.number == "U040"]
    assert any(says in each.message and advises in each.repair for each in found), [str(each) for each in found]
    assert found[0].place.line == 4
