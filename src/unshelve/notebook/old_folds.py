"""The folds of `sklearn.cross_validation`: they were told the rows when they were made, and were gone through at once.

`KFold(n, n_folds=5)` is written as the list of pairs that it was: `list(KFold(n_splits=5).split([0] * n))`. A notebook
whose imports are of today and whose calls are not has the same call.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from unshelve.notebook.editing import tail, text_of

_FOLDS: Final = {
    "KFold": ("n", "n_folds"),
    "StratifiedKFold": ("y", "n_folds"),
    "ShuffleSplit": ("n", "n_iter"),
    "StratifiedShuffleSplit": ("y", "n_iter"),
    "LeaveOneOut": ("n", None),
}
"""Class: its first two parameters then."""
_COUNTS: Final = {"n_folds": 3, "n_iter": 10}
_OLD: Final = "sklearn.cross_validation"
_NEW: Final = "sklearn.model_selection"


def names_of_folds(statement: ast.stmt) -> Mapping[str, tuple[str, bool]]:
    """What an import lets folds be called by: "cross_validation.KFold" -> its class, and whether it is an old one."""
    found: dict[str, tuple[str, bool]] = {}
    if isinstance(statement, ast.ImportFrom) and statement.module in (_OLD, _NEW):
        old = statement.module == _OLD
        for each in statement.names:
            kinds = _FOLDS if each.name == "*" else _FOLDS.keys() & {each.name}
            found.update({each.asname or kind: (kind, old) for kind in kinds})
    elif isinstance(statement, ast.ImportFrom) and statement.module == "sklearn":
        for each in statement.names:
            if f"sklearn.{each.name}" in (_OLD, _NEW):
                found.update(_inside(each.asname or each.name, old=f"sklearn.{each.name}" == _OLD))
    elif isinstance(statement, ast.Import):
        for each in statement.names:
            if each.name in (_OLD, _NEW):
                found.update(_inside(each.asname or each.name, old=each.name == _OLD))
    return found


def is_told_rows(call: ast.Call, kind: str) -> bool:
    """Whether a call can only be an old one: it names what is not known today, or two numbers by their places."""
    first, count = _FOLDS[kind]
    named = {each.arg for each in call.keywords}
    if kind == "LeaveOneOut":
        return len(call.args) == 1 or "n" in named
    if count in named:
        return bool(call.args) or first in named
    return len(call.args) == 2 and isinstance(call.args[1], ast.Constant) and is_count(call.args[1].value)


def is_count(value: object) -> bool:
    """Whether it says how many folds: the second parameter today is True or False."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def as_written_today(call: ast.Call, source: str, kind: str, function: str | None = None) -> str | None:
    """The text of a call of an old class of folds today, under another name if one is given; None where it is not
    certain."""
    first, count = _FOLDS[kind]
    places = [first] if count is None else [first, count]
    if any(isinstance(each, ast.Starred) for each in call.args) or len(call.args) > len(places):
        return None
    given = dict(zip(places, (text_of(source, each) for each in call.args), strict=False))
    for word in call.keywords:
        if word.arg is None or word.arg in given:
            return None
        given[word.arg] = text_of(source, word.value)
    if given.pop("indices", "True") != "True":
        return None  # masks were given, not places
    rows = given.pop(first, None)
    if rows is None:
        return None
    options = [] if count is None else [f"n_splits={given.pop(count, str(_COUNTS[count]))}"]
    if count != "n_iter" and given.get("shuffle", "False") == "False":
        given.pop("random_state", None)  # it chose nothing
    options += [f"{name}={text}" for name, text in given.items()]
    split = f"[0] * ({rows})" if first == "n" else f"[0] * len({rows}), {rows}"
    return f"list({function or text_of(source, call.func)}({', '.join(options)}).split({split}))"


def told_rows_today(call: ast.Call, source: str, count: object) -> str | None:
    """The same for a call whose second argument is seen to be a number of folds while it runs."""
    kind = tail(call.func)
    if kind not in _FOLDS or len(call.args) != 2 or not is_count(count):
        return None
    return as_written_today(call, source, kind)


def _inside(module: str, *, old: bool) -> Mapping[str, tuple[str, bool]]:
    return {f"{module}.{kind}": (kind, old) for kind in _FOLDS}
