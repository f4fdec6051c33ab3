"""The folds of `sklearn.cross_validation`: they were told the rows when they were made, and were gone through at once.

`KFold(n, n_folds=5)` is written as the list of pairs that it was: `list(KFold(n_splits=5).split([0] * n))`.
"""

from __future__ import annotations

import ast
from typing import Final

from unshelve.notebook.editing import tail, text_of

_FOLDS: Final = {
    "KFold": ("n", "n_folds"),
    "StratifiedKFold": ("y", "n_folds"),
    "ShuffleSplit": ("n", "n_iter"),
    "StratifiedShuffleSplit": ("y", "n_iter"),
}
"""Class: its first two parameters then."""
_COUNTS: Final = {"n_folds": 3, "n_iter": 10}


def names_of_old_folds(statement: ast.stmt) -> frozenset[str]:
    """The names under which an import brings old folds: "KFold", or "cross_validation.KFold"."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "sklearn.cross_validation":
        return frozenset(
            each.asname or each.name for each in statement.names if each.name in _FOLDS and not each.asname
        )
    if isinstance(statement, ast.ImportFrom) and statement.module == "sklearn":
        modules = [each.asname or each.name for each in statement.names if each.name == "cross_validation"]
        return frozenset(f"{module}.{name}" for module in modules for name in _FOLDS)
    return frozenset()


def as_written_today(call: ast.Call, source: str) -> str | None:
    """The text of a call of an old class of folds today; None where it is not certain."""
    first, count = _FOLDS[tail(call.func)]
    if any(isinstance(each, ast.Starred) for each in call.args) or len(call.args) > 2:
        return None
    given = dict(zip((first, count), (text_of(source, each) for each in call.args), strict=False))
    for word in call.keywords:
        if word.arg is None or word.arg in given or word.arg == "indices":
            return None
        given[word.arg] = text_of(source, word.value)
    rows, folds = given.pop(first, None), given.pop(count, str(_COUNTS[count]))
    if rows is None:
        return None
    if count == "n_folds" and given.get("shuffle", "False") == "False":
        given.pop("random_state", None)  # it chose nothing
    options = "".join(f", {name}={text}" for name, text in given.items())
    split = f"[0] * ({rows})" if first == "n" else f"[0] * len({rows}), {rows}"
    return f"list({text_of(source, call.func)}(n_splits={folds}{options}).split({split}))"
