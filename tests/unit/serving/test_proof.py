"""The Proof compares what was served with what training computed, and nothing is proven that was not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from unshelve.errors import Unavailable
from unshelve.serving.proof import Proof, compare, held_out_from, prove

LINES = b"\n".join(
    [
        msgspec.json.encode({"tried": 5, "refused": 2, "of": 9}),
        *(
            msgspec.json.encode({"position": i, "row": {"x": i}, "answer": {"label": i > 1, "score": i / 7}})
            for i in range(3)
        ),
    ]
)


def served(rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
    answers = [{"id": "…", "version": 3, "label": row["x"] > 1, "score": row["x"] / 7} for row in rows]
    return 200, {"answers": answers}


def proof_of(ask: Any, lines: bytes = LINES, not_covered: tuple[str, ...] = ()) -> Proof:
    return prove(
        ask, held_out_from(lines), model="s.m", version=3, manifest="d", not_covered=not_covered, now="2026-01-01"
    )


def test_equal_answers_in_every_way_are_proven() -> None:
    proof = proof_of(served)
    assert proof.outcome == "proven"
    assert (proof.rows, proof.tried, proof.refused) == (3, 5, 2)
    assert proof.values == {"proven": 18, "equal": 0, "different": 0}
    assert len(proof.latency_seconds) == 3


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"label": 1}, "label"),
        ({"score": 0.5}, "score"),
        ({"score": None}, "score"),
        ({"extra": 1}, "extra"),
    ],
)
def test_any_difference_stops_it_and_names_row_and_value(change: dict[str, Any], value: str) -> None:
    def ask(rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        status, body = served(rows)
        for row, answer in zip(rows, body["answers"], strict=True):
            if row["x"] == 2:
                answer.update(change)
        return status, body

    proof = proof_of(ask)
    assert proof.outcome == "not-proven"
    assert proof.difference is not None
    assert (proof.difference.position, proof.difference.value) == (2, value)


def test_a_difference_that_only_a_batch_shows_is_found() -> None:
    def ask(rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        status, body = served(rows)
        if len(rows) > 1:
            body["answers"][-1]["score"] = 9.0
        return status, body

    proof = proof_of(ask)
    assert proof.difference is not None
    assert proof.difference.way == "in batches"


def test_a_refused_request_is_a_difference() -> None:
    proof = proof_of(lambda rows: (422, {"detail": "x is too large"}))
    assert proof.outcome == "not-proven"
    assert proof.difference is not None
    assert "422: x is too large" in proof.difference.message


def test_without_rows_or_with_something_not_covered_nothing_is_proven() -> None:
    assert proof_of(served, LINES.split(b"\n")[0]).outcome == "not-proven"
    assert proof_of(served, b'{"tried":0,"refused":0}').outcome == "not-covered"
    assert proof_of(served, not_covered=("cleaning comes before",)).outcome == "not-covered"


def test_an_overloaded_server_interrupts_and_proves_nothing() -> None:
    with pytest.raises(Unavailable):
        proof_of(lambda rows: (503, {}))


@pytest.mark.parametrize(
    ("trained", "other", "size", "verdict"),
    [
        (0.1, 0.1, 0.1, "proven"),
        (0.1, 0.1 + 1e-15, 0.1, "equal"),
        (0.1, 0.1 + 1e-9, 0.1, "different"),
        (1e-17, 2e-17, 1.0, "equal"),
        (True, 1, 0.0, "different"),
        (1, 1.0, 1.0, "proven"),
        ("a", "a", 0.0, "proven"),
        ("a", None, 0.0, "different"),
        (float("nan"), float("nan"), 0.0, "different"),
    ],
)
def test_verdicts_on_single_values(trained: object, other: object, size: float, verdict: str) -> None:
    assert compare(trained, other, size) == verdict
