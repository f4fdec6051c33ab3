"""How the rows of a model are divided into those it learns from and those it is judged by.

A split is a frozen value that a solution file names; `partition.py` applies it to rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from unshelve.errors import SolutionInvalid

TEST_SHARE = 0.25
"""The share of rows that a model is judged by, when the author does not say."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AtRandom:
    """Rows drawn at random; with `stratify`, every class has the same share in both parts."""

    test: float = TEST_SHARE
    seed: int = 0
    stratify: bool = True

    def __repr__(self) -> str:
        return f"at_random(test={self.test}, seed={self.seed}, stratify={self.stratify})"

    def __str__(self) -> str:
        return f"{_percent(self.test)} of the rows, drawn at random (seed {self.seed})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ByTime:
    """Learn from earlier rows, be judged by later ones; exactly one of `test` and `test_from` is set."""

    column: str
    test: float | None = None
    test_from: str | None = None
    until: str | None = None

    def __repr__(self) -> str:
        start = f"test={self.test}" if self.test_from is None else f"test_from={self.test_from!r}"
        end = "" if self.until is None else f", until={self.until!r}"
        return f"by_time({self.column!r}, {start}{end})"

    def __str__(self) -> str:
        end = "" if self.until is None else f", of those before {self.until}"
        if self.test is not None:
            return f"the last {_percent(self.test)} of the rows by {self.column}{end}"
        return f"the rows from {self.test_from} on by {self.column}{end}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ByGroup:
    """Whole groups (customers, patients, machines) on one side: the model is judged by groups it never saw."""

    column: str
    test: float = TEST_SHARE
    seed: int = 0

    def __repr__(self) -> str:
        return f"by_group({self.column!r}, test={self.test}, seed={self.seed})"

    def __str__(self) -> str:
        return f"{_percent(self.test)} of the rows, in whole groups of {self.column} (seed {self.seed})"


Split: TypeAlias = AtRandom | ByTime | ByGroup


def at_random(test: float = TEST_SHARE, seed: int = 0, stratify: bool = True) -> AtRandom:
    """A random share `test` of the rows is kept for judging.

    A row's side depends on its place and the seed, hardly on how many rows follow: when rows are appended,
    nearly all earlier ones stay on their side, so that versions share rows that neither was trained on.
    """
    return AtRandom(test=_share("at_random", test), seed=_seed("at_random", seed), stratify=bool(stratify))


def by_time(
    column: str, *, test: float | None = None, test_from: str | None = None, until: str | None = None
) -> ByTime:
    """The last share `test` of the rows by `column` (a quarter, if nothing is said) is kept for judging.

    Rows of equal time stay together, so the share is met as nearly as the times allow. `test_from` names the first
    moment of the test rows instead ("2013-07-01", or a number for a numeric column); rows at or after `until`
    belong to neither part. A moment without an offset is read in the zone of the column.
    """
    if test is not None and test_from is not None:
        raise SolutionInvalid("by_time takes either test= (a share) or test_from= (a moment), not both.")
    if test_from is None:
        test = _share("by_time", TEST_SHARE if test is None else test)
    moments = [moment if moment is None else _moment(moment) for moment in (test_from, until)]
    return ByTime(column=_column("by_time", column), test=test, test_from=moments[0], until=moments[1])


def by_group(column: str, test: float = TEST_SHARE, seed: int = 0) -> ByGroup:
    """Whole groups of `column`, about a share `test` of the rows, are kept for judging.

    A group's side depends on its value and the seed alone as far as the share allows, not on the order of rows.
    """
    return ByGroup(column=_column("by_group", column), test=_share("by_group", test), seed=_seed("by_group", seed))


def _share(kind: str, test: object) -> float:
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 < test < 1:
        raise SolutionInvalid(
            f"{kind} was given test={test!r}; the share of test rows lies between 0 and 1.",
            hint="A usual one is test=0.25.",
        )
    return float(test)


def _seed(kind: str, seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SolutionInvalid(f"{kind} was given seed={seed!r}; a seed is a whole number, 0 or more.")
    return seed


def _column(kind: str, column: object) -> str:
    if not isinstance(column, str) or not column:
        raise SolutionInvalid(f"{kind} needs the name of a column; it was given {column!r}.")
    return column


def _moment(moment: object) -> str:
    text = str(moment)
    for read in (datetime.fromisoformat, float):
        try:
            read(text)
        except ValueError:
            continue
        return text
    raise SolutionInvalid(
        f"by_time was given the moment {moment!r}, which is neither a date or time in ISO 8601 nor a number.",
        hint='Write it like "2013-07-01" or "2013-07-01T06:00:00".',
    )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
