"""Test rows and spoiled rows, asked of a version that is played by a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unshelve.notebook.asking import TestRow, ask_rows
from unshelve.notebook.mutating import UNSEEN, ask_mutations, mutations
from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.solution.origin import Requests, Verdict

SCHEMA = Schema(
    (
        Field(name="age", type=FieldType.FLOAT, dtype="float64"),
        Field(name="fare", type=FieldType.FLOAT, dtype="float64", missing=True),
        Field(name="port", type=FieldType.CATEGORY, dtype="str", categories=(Category(value="S", share=1.0),)),
    )
)
Answer = tuple[int, dict[str, Any]]


def _rows(count: int) -> list[TestRow]:
    return [
        TestRow(position=n, number=10 * n, row={"age": n / 2, "fare": 1.0, "port": "S"}, answer={"label": n % 2})
        for n in range(count)
    ]


def honest(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """Answers as the notebook did, and refuses by name what the Schema does not allow."""
    for row in rows:
        for one in SCHEMA.fields:
            value = row.get(one.name)
            fits = isinstance(value, float) if one.type is FieldType.FLOAT else value == "S"
            if not (fits or (value is None and one.missing)):
                return 422, {"detail": "It does not fit.", "problems": [{"field": one.name, "problem": "is odd"}]}
    return 200, {"answers": [{"label": int(2 * row["age"]) % 2, "id": "x"} for row in rows]}


def test_rows_that_are_answered_as_the_notebook_did_are_proven() -> None:
    request, (value,) = ask_rows(honest, _rows(250), 400, "model")
    assert request == Requests(rows=250, equal=250)
    assert (value.verdict, value.what) == (Verdict.PROVEN, "250 raw test rows (of 400) asked through HTTP")


def test_a_row_that_is_answered_differently_only_in_a_batch_is_found() -> None:
    def by_batch(rows: Sequence[Mapping[str, Any]]) -> Answer:
        status, body = honest(rows)
        if len(rows) > 1:
            for row, answer in zip(rows, body["answers"], strict=True):
                answer["label"] = 5 if row["age"] == 3.5 else answer["label"]
        return status, body

    request, (value,) = ask_rows(by_batch, _rows(50), 50, "model")
    assert request == Requests(rows=50, equal=49)
    assert value.detail == (
        "1 of 50 are answered differently, first test row 7 (row 70 of the data: age 3.5, fare 1, port 'S'), "
        "asked in a shuffled batch"
    )


def test_rows_that_differ_are_told_apart_by_what_they_miss() -> None:
    filled = [
        TestRow(position=20, number=7, row={"age": 1.0, "fare": None, "port": "S"}, answer={"label": 1}),
        TestRow(position=21, number=8, row={"age": 2.0, "fare": None, "port": "S"}, answer={"label": 1}),
    ]
    request, (value,) = ask_rows(honest, [*_rows(20), *filled], 22, "model")
    assert request == Requests(rows=22, equal=20)
    assert "each of them has a missing value in fare, and no other row has" in value.detail


def test_rows_that_the_schema_refuses_are_counted_out_and_explained() -> None:
    odd = [
        TestRow(
            position=20 + n,
            number=n,
            row={"age": None, "fare": 1.0, "port": "S"},
            answer={"label": 1},
            problems=[{"field": "age"}],
        )
        for n in range(3)
    ]
    request, (good, refused) = ask_rows(honest, [*_rows(20), *odd], 23, "model")
    assert request == Requests(rows=20, equal=20)
    assert good.verdict is Verdict.PROVEN
    assert (refused.verdict, refused.what) == (Verdict.NOT_COVERED, "3 of 23 test rows are refused")
    assert refused.detail == "3 rows have a missing value in age, which training never had"


def test_a_model_that_would_refuse_most_rows_is_no_equal_of_the_notebook() -> None:
    odd = [
        TestRow(
            position=n, number=n, row={"age": None, "fare": 1.0, "port": "S"}, answer={}, problems=[{"field": "age"}]
        )
        for n in range(5, 12)
    ]
    _, (_, refused) = ask_rows(honest, [*_rows(5), *odd], 12, "model")
    assert refused.verdict is Verdict.DIFFERENT


def test_one_row_that_fails_in_a_batch_is_found_alone() -> None:
    def failing(rows: Sequence[Mapping[str, Any]]) -> Answer:
        return (422, {"detail": "The code failed."}) if any(row["age"] == 200.5 for row in rows) else honest(rows)

    request, (value,) = ask_rows(failing, _rows(700), 700, "model")
    assert request == Requests(rows=700, equal=699)
    assert "first test row 401" in value.detail


def test_spoiled_rows_are_refused_by_name_or_answered_as_the_schema_allows() -> None:
    value = ask_mutations(honest, [row.row for row in _rows(2)], SCHEMA, "model")
    assert value.verdict is Verdict.PROVEN
    assert value.what == "20 requests with one field spoiled"
    assert value.detail == "16 refused with the field's name, 4 answered as the Schema allows"


def test_each_field_is_spoiled_in_every_way() -> None:
    made = list(mutations([_rows(1)[0].row], SCHEMA))
    assert [(each.field, each.how) for each in made if each.allowed] == [("fare", "absent"), ("fare", "null")]
    assert {"age": 0.0, "fare": 1.0, "port": UNSEEN} in [each.row for each in made]
    assert len(made) == 10


def test_an_answer_to_a_spoiled_row_is_a_difference() -> None:
    def lenient(rows: Sequence[Mapping[str, Any]]) -> Answer:
        return honest([{**row, "port": "S"} for row in rows])

    value = ask_mutations(lenient, [_rows(1)[0].row], SCHEMA, "model")
    assert (value.verdict, value.solution, value.detail) == (Verdict.DIFFERENT, "an answer", "port absent")


def test_a_failure_or_a_refusal_without_the_field_is_a_difference() -> None:
    failing = ask_mutations(lambda rows: (500, {"title": "Oh"}), [_rows(1)[0].row], SCHEMA, "model")
    nameless = ask_mutations(lambda rows: (422, {"detail": "No"}), [_rows(1)[0].row], SCHEMA, "model")
    assert (failing.verdict, failing.solution) == (Verdict.DIFFERENT, "500: 'Oh'")
    assert (nameless.verdict, nameless.solution) == (Verdict.DIFFERENT, "422 without the field's name: 'No'")
