"""When two plain values count as the same: numbers within a tolerance, all else exactly.

Equal to the last bit is "proven"; up to 1e-9 of their size is "equal within tolerance" (matrix products over one row,
over many and on another number of threads sum up in another order); anything else is "different".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from unshelve.solution.origin import Verdict

TOLERANCE: Final = 1e-9
"""Relative to the larger of the two numbers and the usual size of such numbers."""
LONGEST_SHOWN: Final = 60


def compare_plain(notebook: object, solution: object, usual: float = 0.0) -> Verdict:
    """The verdict on two JSON values. An int and a float of equal value are equal; True and 1 are not."""
    if _is_number(notebook) and _is_number(solution):
        return _compare_numbers(notebook, solution, usual)
    if isinstance(notebook, Mapping) and isinstance(solution, Mapping):
        if set(notebook) != set(solution):
            return Verdict.DIFFERENT
        return worst(compare_plain(notebook[name], solution[name], usual) for name in notebook)
    if isinstance(notebook, list) and isinstance(solution, list):
        if len(notebook) != len(solution):
            return Verdict.DIFFERENT
        return worst(compare_plain(one, other, usual) for one, other in zip(notebook, solution, strict=True))
    return Verdict.PROVEN if type(notebook) is type(solution) and notebook == solution else Verdict.DIFFERENT


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a whole whose parts have these; PROVEN for no parts."""
    found = set(verdicts)
    return next((each for each in _FROM_WORST if each in found), Verdict.PROVEN)


def usual_size(numbers: Iterable[object]) -> float:
    """The median magnitude of the numbers among these values; 0 where there are none."""
    sizes = sorted(abs(float(each)) for each in numbers if isinstance(each, int | float) and math.isfinite(each))
    return sizes[len(sizes) // 2] if sizes else 0.0


def shown(value: object) -> str:
    """A value in a few letters, for reports."""
    text = f"{value:.12g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def shown_row(row: Mapping[str, object], private: Collection[str] = (), most: int = 6) -> str:
    """A row in a few letters: "Age 22, Fare 7.25, …". Values of `private` fields are not shown."""
    names = list(row)
    said = ", ".join(f"{name} {'(hidden)' if name in private else shown(row[name])}" for name in names[:most])
    return f"{said}, …" if len(names) > most else said


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare_numbers(notebook: object, solution: object, usual: float) -> Verdict:
    assert isinstance(notebook, int | float) and isinstance(solution, int | float)
    if notebook == solution or (notebook != notebook and solution != solution):
        return Verdict.PROVEN
    if isinstance(notebook, int) and isinstance(solution, int):
        return Verdict.DIFFERENT
    if not (math.isfinite(notebook) and math.isfinite(solution)):
        return Verdict.DIFFERENT
    limit = TOLERANCE * max(abs(notebook), abs(solution), usual)
    return Verdict.WITHIN if abs(notebook - solution) <= limit else Verdict.DIFFERENT


_FROM_WORST: Final = (Verdict.DIFFERENT, Verdict.UNSTABLE, Verdict.NOT_COVERED, Verdict.WITHIN)
