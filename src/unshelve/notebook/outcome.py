"""What follows from the verdicts of a proof: "proven", or the first thing that stands against it, in words.

What was not compared is never called proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from unshelve.solution.origin import ProvenValue, Requests, Verdict

Outcome = Literal["proven", "not-proven"]

GOOD: Final = frozenset({Verdict.PROVEN, Verdict.WITHIN})
OF_ESTIMATOR: Final = "its fitted model was asked"
"""Said of predictions that the notebook did not make itself."""

_FROM_THE_CAUSE: Final = ("features", "model", "prediction", "metric", "request", "mutation")
"""A difference in an earlier one explains those in later ones."""


def outcome_of(
    values: Sequence[ProvenValue], request: Requests | None, *, failure: str | None = None, entry: str = "raw"
) -> tuple[Outcome, str | None]:
    """Whether all this makes a proof, and if not, the first thing that stands against it.

    `entry` is what a request is, as Expected.entry says; a "script" answers none.
    """
    if failure is not None:
        return "not-proven", f"The solution did not run to its end: {failure}"
    for part in _FROM_THE_CAUSE:
        for value in values:
            if value.part == part and value.verdict is Verdict.DIFFERENT:
                return "not-proven", _against(value)
    against = _not_held(values) if entry == "script" else _not_compared(values) or _not_asked(values, request)
    return ("not-proven", against) if against else ("proven", None)


def _against(value: ProvenValue) -> str:
    said = [f"the notebook has {value.notebook}, the solution {value.solution}"] if value.notebook else []
    if value.detail:
        said.append(value.detail)
    return f"Not equal: {value.what}: {'; '.join(said)}." if said else f"Not equal: {value.what}."


def _not_compared(values: Sequence[ProvenValue]) -> str | None:
    """What of the model, its predictions and metrics was not compared, or is not stable; None where all is well."""
    for part, words in (("model", "the fitted model"), ("prediction", "the predictions of the test rows")):
        found = [value for value in values if value.part == part]
        if any(value.verdict is Verdict.UNSTABLE for value in found):
            return f"Not stable: {words}: the notebook itself gives others each time it runs, so nothing can be held."
        if not any(value.verdict in GOOD for value in found):
            why = next((value.detail for value in found if value.detail), "there was nothing to compare")
            return f"Not compared: {words}: {why}."
    for value in values:
        if value.part == "metric" and value.verdict is Verdict.NOT_COVERED:
            return f"Not compared: {value.what}: {value.detail}."
    evidence = [value for value in values if value.part in ("metric", "features") and value.verdict in GOOD]
    own = [value for value in values if value.part == "prediction" and OF_ESTIMATOR not in value.detail]
    if not evidence and not own:
        return "The notebook computed no stable metric and no prediction of test rows: there is nothing to hold."
    return None


def _not_held(values: Sequence[ProvenValue]) -> str | None:
    """What of the values that a notebook ends with stands against a proof; None where all is well."""
    held = [value for value in values if value.part in ("model", "metric")]
    unstable = next((value for value in held if value.part == "model" and value.verdict is Verdict.UNSTABLE), None)
    if unstable is not None:
        return f"Not stable: {unstable.what}: the notebook itself gives another each time it runs."
    lacking = next((value for value in held if value.verdict is Verdict.NOT_COVERED), None)
    if lacking is not None:
        return f"Not compared: {lacking.what}: {lacking.detail}."
    if not any(value.verdict in GOOD for value in held):
        return "The notebook ends with no stable model and no stable metric: there is nothing to hold."
    return None


def _not_asked(values: Sequence[ProvenValue], request: Requests | None) -> str | None:
    if request is None or request.rows == 0:
        found = (value.detail for value in values if value.part == "request" and value.detail)
        return f"Not asked: raw test rows: {next(found, 'none were at hand')}."
    if request.equal != request.rows:
        return f"Not equal: {request.rows - request.equal:,} of {request.rows:,} answers to test rows."
    if not any(value.part == "request" and value.verdict in GOOD for value in values):
        return "Not stable: the answers to test rows: the notebook itself gives others each time it runs."
    return None
