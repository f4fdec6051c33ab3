"""Findings: numbered remarks on a solution, each with its place and its repair. Numbers are never given twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from unshelve.errors import SolutionInvalid
from unshelve.solution.declaration import Place

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a number means."""

    number: str
    severity: Severity
    title: str


RULES = {
    rule.number: rule
    for rule in (
        Rule("U001", "error", "A parameter names nothing"),
        Rule("U002", "error", "Steps wait for each other"),
        Rule("U003", "error", "Two steps have one name"),
        Rule("U004", "error", "A model has no rows"),
        Rule("U005", "error", "A transform depends on the target"),
        Rule("U006", "warning", "State was learned from test rows too"),
        Rule("U007", "warning", "A step reads a file that the cache cannot see"),
        Rule("U008", "warning", "Nothing uses a step"),
        Rule("U009", "warning", "Something before the request path is not covered"),
        Rule("U010", "error", "A model learns from its test rows"),
        Rule("U011", "error", "Rows are divided in a way nobody said"),
        Rule("U012", "error", "An option does not fit"),
        Rule("U013", "error", "An endpoint cannot be asked"),
        Rule("U014", "error", "A row step has no rows"),
        Rule("U015", "warning", "A frozen source is as old as the version"),
        Rule("U016", "error", "A step has several answers or targets where one is meant"),
        Rule("U017", "warning", "What answers a request depends on more than the request"),
        Rule("U018", "warning", "What says where the solution comes from cannot be used"),
        Rule("U019", "error", "An own measure has the name of one of the platform's"),
        Rule("U050", "error", "An expectation cannot set rows aside"),
        Rule("U051", "error", "An expectation is about no table"),
        Rule("U040", "error", "A source says what does not fit together"),
        Rule("U041", "warning", "A connection is not set"),
        Rule("U060", "error", "A sink has no answers or no rows to write"),
        Rule("U061", "error", "Two sinks write to one place"),
        Rule("U062", "warning", "A sink has a body that is not run"),
        Rule("U070", "error", "Rows are asked for in batches that are only kept as one table"),
        Rule("U080", "error", "A lookup cannot be joined"),
        Rule("U081", "warning", "A lookup holds the present state only"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark: which rule, about which step, where, what it is and how to mend it."""

    number: str
    severity: Severity
    step: str
    place: Place
    message: str
    repair: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {self.number} {self.message} {self.repair}"

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def finding(number: str, step: str, place: Place, message: str, repair: str) -> Finding:
    """A finding with the severity that its rule has."""
    return Finding(
        number=number, severity=RULES[number].severity, step=step, place=place, message=message, repair=repair
    )


def refuse(findings: tuple[Finding, ...]) -> None:
    """Raise SolutionInvalid when there is an error among the findings."""
    errors = [each for each in findings if each.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1} more: see `unshelve check`)" if len(errors) > 1 else ""
        raise SolutionInvalid(
            f"{errors[0].place.file}, line {errors[0].place.line}: {errors[0].message}{more}",
            code=f"finding-{errors[0].number}",
            hint=errors[0].repair,
            details={"findings": [each.to_json() for each in findings]},
        )
