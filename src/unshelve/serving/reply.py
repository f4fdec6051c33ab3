"""The reply to a prediction request: its body, and what the log keeps of it, from the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from unshelve.errors import UserCodeFailed
from unshelve.ids import new_id
from unshelve.predictions.record import Record
from unshelve.schema.rows import Rows
from unshelve.serving.lane import Answers
from unshelve.serving.predictor import Predictor

ROUTE_HEADER: Final = "x-unshelve-route"
"""How control says, when it asks for somebody, whether a form, a file or a sink brought the rows."""
ROUTES: Final = frozenset({"form", "file", "sink"})
COPIES_HEADER: Final = "x-unshelve-copies"
"""How control says which copies of lookups are to be asked: JSON of {lookup: digest}."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, by which kind of route, and when."""

    actor: str
    route: str
    moment: int
    """Whole milliseconds since 1970."""
    logged: bool = True
    """False for the Proof: its answers stand in its certificate, and nobody used the model."""
    copies: Mapping[str, str] | None = None
    """The copies of lookups to be asked, by digest; None for the newest."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What leaves, and what is logged before it does."""

    body: bytes
    records: list[Record]


def reply(predictor: Predictor, rows: Rows, answers: Answers, asking: Asking, seconds: float) -> Reply:
    """The reply with one answer for each row; UserCodeFailed when the version's answers cannot be sent as JSON."""
    if len(answers) != rows.n:
        raise UserCodeFailed(
            f"Version {predictor.version} of {predictor.model} gave {len(answers)} answers to {rows.n} rows.",
            code="answers-not-one-a-row",
        )
    texts, records = [], []
    for i, answer in enumerate(answers):
        name = new_id(asking.moment)
        warnings = rows.warnings(i)
        used = answer.pop("lookups", None)
        try:
            text = _ENCODER.encode({"id": name, "version": predictor.version, **answer, "warnings": warnings})
        except (TypeError, ValueError) as error:
            raise UserCodeFailed(
                f"An answer of version {predictor.version} of {predictor.model} cannot be sent as JSON: {error}.",
                code="answer-not-json",
                hint="Answer with text, numbers, true, false, lists and dataclasses of these.",
            ) from error
        texts.append(text)
        records.append(
            Record(
                id=name,
                time=asking.moment,
                model=predictor.model,
                version=predictor.version,
                actor=asking.actor,
                route=asking.route,
                row=_ENCODER.encode(rows.raw(i)),
                answer=text,
                seconds=seconds,
                lookups=_ENCODER.encode(_with_age(used, asking.moment)) if used else b"",
            )
        )
    head = b'{"model":' + _ENCODER.encode(predictor.model) + b',"answers":['
    return Reply(head + b",".join(texts) + b"]}", records)


def _with_age(used: Mapping[str, Mapping[str, Any]], moment: int) -> dict[str, dict[str, Any]]:
    """Copies with their age when they were asked, which is not known of one that only a version holds."""
    return {
        name: {
            "copy": one["copy"],
            "age_seconds": None if one["made_ms"] is None else max(0, moment - one["made_ms"]) / 1000,
            "found": one["found"],
        }
        for name, one in used.items()
    }


def _plain(value: Any) -> Any:  # whatever a version's own code put into its answer
    """The plain value of a NumPy scalar or array; TypeError for anything else."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)
