"""Targets: what can be said of where answers go, and what is refused while the solution file is read."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from unshelve.data.target import FileTarget, TableTarget, target_from, to_files, to_table
from unshelve.errors import Refused

AT = datetime(2026, 3, 14, 2, 0, 5, tzinfo=UTC)


def test_a_key_may_be_one_name_or_several() -> None:
    assert to_table("scores", connection="dwh", key="id").key == ("id",)
    assert to_table("dbo.scores", connection="dwh", key=["day", "id"]).key == ("day", "id")


def test_a_target_comes_back_from_its_json() -> None:
    for target in (to_table("scores", connection="dwh", key="id"), to_files("out/{day}.csv", columns=["label"])):
        assert target_from({"type": type(target).__name__, **msgspec.to_builtins(target)}) == target


def test_places_in_a_path_are_filled_in_by_the_time_of_the_order() -> None:
    assert to_files("out/{day}/{time}-{batch}.csv").path_at(AT, "b1") == "out/2026-03-14/2026-03-14T020005-b1.csv"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: to_table("scores", connection="dwh", key=()), "sink-without-key"),
        (lambda: to_table("scores; drop table x", connection="dwh", key="id"), "sink-target-odd"),
        (lambda: to_table("scores", connection="dwh", key=["id", "id"]), "sink-target-odd"),
        (lambda: to_table("scores", connection="dwh", key="version"), "sink-target-odd"),
        (lambda: to_table("scores", connection="dwh", key="id", columns={"label": "id"}), "sink-target-odd"),
        (lambda: to_files("out/scores.txt"), "sink-target-odd"),
        (lambda: to_files("out/{today}.csv"), "sink-target-odd"),
        (lambda: to_files("out/{day.csv"), "sink-target-odd"),
        (lambda: to_files("out/{day}.csv", connection="lake"), "sink-target-odd"),
        (lambda: to_files("s3://lake/x.csv?region=eu"), "sink-target-odd"),
        (lambda: to_files("s3://lake/out"), "sink-target-odd"),
        (lambda: to_files("ftp://lake/x.csv"), "sink-target-odd"),
        (lambda: to_files("s3://{day}/x.csv"), "sink-target-odd"),
    ],
)
def test_what_cannot_be_written_to_is_refused_where_it_stands(made: object, code: str) -> None:
    assert callable(made)
    with pytest.raises(Refused) as refused:
        made()
    assert refused.value.subject_code == code


def test_columns_as_one_text_are_refused() -> None:
    with pytest.raises(Refused, match="one text"):
        to_table("scores", connection="dwh", key="id", columns="label")


def test_the_words_name_the_place_and_no_address() -> None:
    assert TableTarget(table="scores", connection="dwh", key=("id",), columns={}).words == "table scores of dwh"
    assert FileTarget(path="a.csv", key=(), columns={}).words == "a.csv"


def test_a_key_in_the_address_of_an_object_is_refused_and_not_repeated() -> None:
    with pytest.raises(Refused) as refused:
        to_files("s3://KEY:geheim@lake/x")
    assert "geheim" not in str(refused.value)


def test_an_object_is_told_from_a_path() -> None:
    target = to_files("s3://lake/scores/{day}.parquet", connection="lake")
    assert target.is_object
    assert target.path_at(datetime(2026, 3, 14, 2), "b1") == "s3://lake/scores/2026-03-14.parquet"
    assert not to_files("scores.csv").is_object
