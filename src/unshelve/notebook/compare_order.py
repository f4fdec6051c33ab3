"""What the parent of a proof asks of the child that compares, and what comes back."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from unshelve.solution.origin import ProvenValue

ORDER: Final = "order.json"
ANSWER: Final = "answer.json"
ROWS: Final = "rows.jsonl"


class TypedRows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that the author typed in and asked the model about."""

    statement: int
    cell: int
    call: int
    """The call that predicted."""
    method: str
    rows: tuple[dict[str, Any] | list[Any], ...]
    """As they were typed: by name, or by position."""
    taken_by: int | None
    """The call that fitted the estimator which took them as they are; None where the author's code came first."""


class TypedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the author typed in, as a caller sends it, and what the notebook answered."""

    statement: int
    what: str
    """In words: "the author's own row in cell 12"."""
    cell: int
    row: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    why: str = ""
    """Why it is no row that could be asked about; "" where it is one."""


class CompareOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be compared. `inputs` are the artifacts of the run under the labels that `parameters` uses."""

    kept: str
    blobs: str
    model: str
    features: str | None
    fit_call: int | None
    predict_call: int | None
    answered: str | None
    typed: tuple[TypedRows, ...]
    results: dict[str, tuple[str, str]] = {}
    """Of a notebook that was not sliced: name -> the kept file with its value, and the part that it counts for."""
    parameters: dict[str, Any]
    inputs: dict[str, dict[str, Any]]


class CompareAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. There are `of` test rows in all; `why_none` says why none of them were written down."""

    values: list[ProvenValue]
    of: int = 0
    why_none: str | None = None
    typed: list[TypedAsk] = []
