"""Parameters of a query: found where they are meant, and nowhere else."""

from __future__ import annotations

import pytest

from unshelve.data.placeholders import parse


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("select * from t where a > :mark and b = :b", ("mark", "b")),
        ("select ':no', \":no\", `:no` from t", ()),
        ("select 1 -- :no\n where a > :yes /* :no */", ("yes",)),
        ("select a::text, b[1:2] from t where x = :x::int", ("x",)),
        ("select $$ :no $$, $tag$ :no $tag$ from t", ()),
        ("select 'it''s :no' from t where a = :a", ("a",)),
        ("select time '10:30:00'", ()),
    ],
)
def test_parameters_are_found_outside_of_texts_names_and_comments(text: str, names: tuple[str, ...]) -> None:
    assert parse(text).names == names


def test_a_query_is_written_with_the_placeholders_of_its_database() -> None:
    query = parse("select * from t where a > :mark and b < :mark and c = :c ;")
    assert query.written(lambda name: f"${name}") == "select * from t where a > $mark and b < $mark and c = $c"
    assert query.parameters == ("mark", "c")


@pytest.mark.parametrize(
    ("text", "ties"),
    [
        ("where a > :mark", False),
        ("where a >= :mark", True),
        ("where a >=\n :mark", True),
        ("where a >= cast(:mark as date)", True),
        ("where a >= :mark or b > :mark", False),
        ("where a > :mark -- not >=", False),
    ],
)
def test_a_query_tells_whether_it_takes_what_equals_the_mark(text: str, ties: bool) -> None:
    assert parse(text).takes_ties("mark") is ties
