"""What follows from the verdicts of a proof: never "proven" for what was not compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from unshelve.notebook.outcome import outcome_of
from unshelve.solution.origin import ProvenValue, Requests, Verdict

ALL = Requests(rows=5, equal=5)


@dataclass(frozen=True)
class Case:
    """A full proof in which some parts are otherwise; None leaves a part out."""

    parts: dict[str, Verdict | None]

    def values(self) -> list[ProvenValue]:
        usual: dict[str, Verdict | None] = dict.fromkeys(PARTS, Verdict.PROVEN)
        found: dict[Any, Verdict | None] = {**usual, **self.parts}
        return [
            ProvenValue(what=f"the {part}", part=part, verdict=verdict, detail="as was seen")
            for part, verdict in found.items()
            if verdict is not None
        ]


PARTS = ("features", "model", "prediction", "metric", "request", "mutation")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"metric": None},
        {"metric": Verdict.UNSTABLE},
        {"features": Verdict.NOT_COVERED},
        {"model": Verdict.WITHIN, "request": Verdict.WITHIN},
    ],
)
def test_this_is_proven(parts: dict[str, Verdict | None]) -> None:
    assert outcome_of(Case(parts).values(), ALL) == ("proven", None)


@pytest.mark.parametrize("part", PARTS)
def test_a_difference_anywhere_stands_against_it(part: str) -> None:
    values = Case({part: Verdict.DIFFERENT}).values()
    assert outcome_of(values, ALL) == ("not-proven", f"Not equal: the {part}: as was seen.")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": None}, "Not compared: the fitted model: there was nothing to compare."),
        ({"model": Verdict.NOT_COVERED}, "Not compared: the fitted model: as was seen."),
        ({"model": Verdict.UNSTABLE}, "Not stable: the fitted model"),
        ({"prediction": None}, "Not compared: the predictions of the test rows"),
        ({"prediction": Verdict.UNSTABLE}, "Not stable: the predictions of the test rows"),
        ({"metric": Verdict.NOT_COVERED}, "Not compared: the metric: as was seen."),
        ({"request": Verdict.UNSTABLE}, "Not stable: the answers to test rows"),
        ({"request": None}, "Not stable: the answers to test rows"),
    ],
)
def test_what_was_not_compared_or_is_not_stable_is_not_proven(parts: dict[str, Verdict | None], said: str) -> None:
    outcome, reason = outcome_of(Case(parts).values(), ALL)
    assert outcome == "not-proven"
    assert str(reason).startswith(said)


def test_the_cause_is_told_before_its_effects() -> None:
    values = Case(dict.fromkeys(PARTS, Verdict.DIFFERENT)).values()[::-1]
    assert outcome_of(values, ALL)[1] == "Not equal: the features: as was seen."


def test_test_rows_must_have_been_asked_unless_the_notebook_was_not_sliced() -> None:
    values = Case({"request": None}).values()
    assert outcome_of(values, None)[1] == "Not asked: raw test rows: none were at hand."
    assert outcome_of(values, Requests(rows=0, equal=0))[0] == "not-proven"
    assert outcome_of(values, None, entry="script") == ("proven", None)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": Verdict.UNSTABLE}, "Not stable: the model"),
        ({"metric": Verdict.NOT_COVERED}, "Not compared: the metric"),
        ({"model": None, "metric": None}, "The notebook ends with no stable model and no stable metric"),
        ({"model": None, "metric": Verdict.UNSTABLE}, "The notebook ends with no stable model and no stable metric"),
    ],
)
def test_what_a_notebook_ends_with_must_be_held_where_it_was_not_sliced(
    parts: dict[str, Verdict | None], said: str
) -> None:
    outcome, reason = outcome_of(Case(parts).values(), None, entry="script")
    assert outcome == "not-proven"
    assert str(reason).startswith(said)


def test_one_answer_that_differs_is_enough() -> None:
    assert outcome_of(Case({}).values(), Requests(rows=5, equal=4))[1] == "Not equal: 1 of 5 answers to test rows."


def test_a_solution_that_did_not_run_is_not_proven() -> None:
    assert outcome_of(Case({}).values(), ALL, failure="Step a failed.") == (
        "not-proven",
        "The solution did not run to its end: Step a failed.",
    )


def test_nothing_at_all_is_not_proven() -> None:
    assert outcome_of([], None, entry="script")[0] == "not-proven"
