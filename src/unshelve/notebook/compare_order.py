"""What the parent of a proof asks of the child that compares, and what comes back."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from unshelve.solution.origin import ProvenValue

ORDER: Final = "order.json"
ANSWER: Final = "answer.json"
ROWS: Final = "rows.jsonl"


class CompareOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be compared. `inputs` are the artifacts of the run under the labels that `parameters` uses."""

    kept: str
    blobs: str
    model: str
    features: str | None
    fit_call: int | None
    predict_call: int | None
    answered: str | None
    results: dict[str, tuple[str, str]] = {}
    """Of a notebook that was not sliced: name -> the kept file with its value, and the part that it counts for."""
    parameters: dict[str, Any]
    inputs: dict[str, dict[str, Any]]


class CompareAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. There are `of` test rows in all; `why_none` says why none of them were written down."""

    values: list[ProvenValue]
    of: int = 0
    why_none: str | None = None
