"""Rules for tables: what pandas no longer does, loses, or refuses to write.

Each is given a failure and what its error said, and yields the edits that write the statement as of today.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.editing import Edit, tail, text_of
from unshelve.notebook.failing import Failure, module_of
from unshelve.notebook.rewriting import KEEPS_LENGTH, Note, keyword_text

_REDUCTIONS: Final = frozenset(
    {"corr", "cov", "mean", "median", "std", "var", "skew", "kurt", "kurtosis", "sem", "quantile", "corrwith", "sum"}
)


def filled_from_neighbours(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`fillna(method="ffill")` is `ffill()` today, of groups too."""
    source = failure.source
    for call in failure.calls():
        method = next((each.value for each in call.keywords if each.arg == "method"), None)
        if (
            tail(call.func) != "fillna"
            or not isinstance(call.func, ast.Attribute)
            or not isinstance(method, ast.Constant)
        ):
            continue
        new = {"ffill": "ffill", "pad": "ffill", "bfill": "bfill", "backfill": "bfill"}.get(str(method.value))
        if new is not None:
            texts = [keyword_text(source, each) for each in call.keywords if each.arg != "method"]
            notes.append(Note(rule="N204", message=f"fillna(method={method.value!r}) is {new}() today"))
            yield Edit(call, f"{text_of(source, call.func.value)}.{new}({', '.join(texts)})")


def numeric_only(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df.corr()` left text columns out by itself until pandas 2."""
    for call in failure.calls():
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _REDUCTIONS:
            continue
        if any(each.arg == "numeric_only" for each in call.keywords):
            continue
        if module_of(failure.value_of(call.func.value)).split(".")[0] == "numpy":
            continue
        texts = [text_of(failure.source, each) for each in call.args]
        texts += [*(keyword_text(failure.source, each) for each in call.keywords), "numeric_only=True"]
        notes.append(Note(rule="N208", message=f"{call.func.attr}() leaves text columns out only if it is told to"))
        yield Edit(call, f"{text_of(failure.source, call.func)}({', '.join(texts)})")


def attribute(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    new = drift_table().attributes.get(found["name"])
    if new is None:
        return
    tree = ast.parse(failure.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == found["name"]:
            notes.append(Note(rule="N206", message=f".{node.attr} is .{new} today"))
            yield Edit(node, f"{text_of(failure.source, node.value)}.{new}")


def pandas_function(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """`pd.value_counts(s)`: the functions that are methods only today."""
    for call in failure.calls():
        if not isinstance(call.func, ast.Attribute) or call.func.attr != found["name"] or not call.args:
            continue
        if failure.value_of(call.func.value) is not sys.modules.get("pandas"):
            continue
        first, *rest = call.args
        mine = text_of(failure.source, first)
        if not isinstance(first, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            continue
        texts = [text_of(failure.source, each) for each in rest]
        texts += [keyword_text(failure.source, each) for each in call.keywords]
        notes.append(Note(rule="N206", message=f"pd.{found['name']} is a method of the series today"))
        yield Edit(call, f"{mine}.{found['name']}({', '.join(texts)})")


def append(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    pandas = next((name for name, value in failure.names.items() if value is sys.modules.get("pandas")), None)
    for call in failure.calls():
        if pandas is None or not isinstance(call.func, ast.Attribute) or call.func.attr != "append" or not call.args:
            continue
        source, added = failure.source, call.args[0]
        text = text_of(source, added)
        if isinstance(added, ast.Dict) or isinstance(failure.value_of(added), dict):
            text = f"{pandas}.DataFrame([{text}])"
        elif isinstance(added, ast.List) or isinstance(failure.value_of(added), list):
            text = f"*{text}"
        elif type(failure.value_of(added)).__name__ == "Series" and found["kind"] == "DataFrame":
            text = f"{text}.to_frame().T"
        options = "".join(f", {keyword_text(source, each)}" for each in call.keywords)
        notes.append(Note(rule="N209", message=f"{found['kind']}.append is pd.concat today"))
        yield Edit(call, f"{pandas}.concat([{text_of(source, call.func.value)}, {text}]{options})")


def text_cast(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """A value of another type written into a column: pandas 3 wants the column to be of a type that holds both."""
    for node in ast.walk(ast.parse(failure.source)):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not node.lineno <= failure.line:
            continue
        if failure.line > (node.end_lineno or node.lineno):
            continue
        column = _column_written(failure.source, node.targets[0])
        if column is not None:
            indent = " " * node.col_offset
            notes.append(Note(rule="N202", message=f"{column} holds values of two types, which it must be told"))
            one = f"{column} = {column}.astype(object)"
            whole = isinstance(ast.parse(failure.source).body[0], ast.Assign)
            text = text_of(failure.source, node)
            rows = _rows_by_truth(failure, node)
            if rows is not None:
                value = text_of(failure.source, node.value)
                yield Edit(node, f"{column} = {column}.astype(object).mask({rows}, {value})")
                continue
            # One statement stays one: the cast is made in an `if` that is always true.
            yield Edit(node, f"if True:\n    {one}\n    {text}" if whole else f"{one}\n{indent}{text}")


def chained(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """What pandas 3 would write into a copy: `df["c"].fillna(v, inplace=True)`, `df["c"][rows] = v`."""
    source = failure.source
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt) or not node.lineno <= failure.line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if not isinstance(call.func, ast.Attribute) or not any(each.arg == "inplace" for each in call.keywords):
                continue
            receiver = text_of(source, call.func.value)
            if not _names_column(failure, call.func.value) or call.func.attr not in KEEPS_LENGTH:
                continue
            texts = [text_of(source, each) for each in call.args]
            texts += [keyword_text(source, each) for each in call.keywords if each.arg != "inplace"]
            notes.append(Note(rule="N202", message=f"pandas 3 loses what `{text_of(source, node)[:80]}` does"))
            yield Edit(node, f"{receiver} = {text_of(source, call.func)}({', '.join(texts)})")
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            new = _direct(failure, target)
            if new is not None:
                notes.append(Note(rule="N202", message=f"pandas 3 loses what `{text_of(source, node)[:80]}` does"))
                yield Edit(target, new)


def _names_column(failure: Failure, node: ast.expr) -> bool:
    """Whether it is one column of a table: `df["c"]`, `df[c]` with a text in c, `df.c`."""
    if isinstance(node, ast.Subscript):
        column = node.slice.value if isinstance(node.slice, ast.Constant) else failure.value_of(node.slice)
        return isinstance(column, (str, int)) and not isinstance(column, bool)
    return isinstance(node, ast.Attribute) and node.attr not in ("loc", "iloc", "T", "values", "str")


def _direct(failure: Failure, target: ast.expr) -> str | None:
    """`df["c"][rows]` and `df.c.loc[rows]` as `df.loc[rows, "c"]`; slices of places as iloc."""
    source = failure.source
    if not isinstance(target, ast.Subscript):
        return None
    inner, accessor = target.value, "loc"
    if isinstance(inner, ast.Attribute) and inner.attr in ("loc", "iloc", "at", "iat"):
        accessor, inner = inner.attr, inner.value
    elif isinstance(target.slice, ast.Slice):
        accessor = "iloc"
    if not _names_column(failure, inner):
        return None
    if isinstance(inner, ast.Subscript):
        frame, column = text_of(source, inner.value), text_of(source, inner.slice)
    elif isinstance(inner, ast.Attribute):
        frame, column = text_of(source, inner.value), repr(inner.attr)
    else:
        return None
    rows = text_of(source, target.slice)
    if accessor in ("iloc", "iat"):
        column = f"{frame}.columns.get_loc({column})"
    return f"{frame}.{accessor}[{rows}, {column}]"


def _rows_by_truth(failure: Failure, node: ast.Assign) -> str | None:
    """The rows that `df.loc[rows, "c"] = constant` writes, where they are told by True and False."""
    target = node.targets[0]
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Tuple):
        return None
    if not isinstance(node.value, ast.Constant | ast.UnaryOp) or not isinstance(target.value, ast.Attribute):
        return None
    rows = target.slice.elts[0]
    if isinstance(rows, ast.Slice) or any(isinstance(each, ast.Call) for each in ast.walk(rows)):
        return None
    text = text_of(failure.source, rows)
    found = eval(text, dict(failure.names))  # noqa: S307 - the notebook's own expression, which was just computed
    return text if str(getattr(found, "dtype", "")) in ("bool", "boolean") and hasattr(found, "index") else None


def filled(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df.fillna(0)` over text columns: these become columns of any values first."""
    source = failure.source
    for node in ast.walk(ast.parse(source)):
        call = node.value if isinstance(node, ast.Expr) else node
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr not in ("fillna", "replace", "where", "mask") or not call.lineno <= failure.line:
            continue
        receiver = call.func.value
        mine = text_of(source, receiver)
        texts = [text_of(source, each) for each in call.args]
        in_place = any(each.arg == "inplace" for each in call.keywords)
        texts += [keyword_text(source, each) for each in call.keywords if each.arg != "inplace"]
        if type(failure.value_of(receiver)).__name__ == "DataFrame":
            cast = f'{mine}.astype(dict.fromkeys({mine}.select_dtypes("str"), object))'
        else:
            cast = f"{mine}.astype(object)"
        new = f"{cast}.{call.func.attr}({', '.join(texts)})"
        if in_place and isinstance(node, ast.Expr) and isinstance(receiver, ast.Name | ast.Subscript):
            yield Edit(node.value, f"{mine} = {new}")
        elif not in_place:
            yield Edit(call, new)
        else:
            continue
        notes.append(Note(rule="N202", message=f"{mine} gets values of another type than text, which it must be told"))


def by_place(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`row[0]`: a number was a place where no label is a number; today it is `row.iloc[0]`."""
    tree = ast.parse(failure.source)
    subscripts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    for node in subscripts:
        series = failure.value_of(node.value)
        if type(series).__name__ != "Series" or not isinstance(node.slice, ast.Constant | ast.UnaryOp | ast.Name):
            continue
        place = failure.value_of(node.slice) if isinstance(node.slice, ast.Name) else ast.literal_eval(node.slice)
        labels = getattr(getattr(series, "index", None), "dtype", None)
        if type(place) is int and getattr(labels, "kind", "O") not in "iuf":
            mine = text_of(failure.source, node.value)
            notes.append(Note(rule="N206", message=f"`{text_of(failure.source, node)}` is a label today, not a place"))
            yield Edit(node.value, f"{mine}.iloc")


def to_numpy(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`.values` of a text column is no numpy array in pandas 3."""
    for node in ast.walk(ast.parse(failure.source)):
        if isinstance(node, ast.Attribute) and node.attr == "values" and node.lineno <= failure.line:
            notes.append(Note(rule="N206", message=".values of a text column is .to_numpy(dtype=object) today"))
            yield Edit(node, f"{text_of(failure.source, node.value)}.to_numpy(dtype=object)")


def _column_written(source: str, target: ast.expr) -> str | None:
    """The column that `df.loc[rows, "c"] = …`, `df.at[…]` or `df["c"][…] = …` writes into."""
    if not isinstance(target, ast.Subscript):
        return None
    inner = target.value
    if isinstance(inner, ast.Attribute) and inner.attr in ("loc", "at") and isinstance(target.slice, ast.Tuple):
        column = target.slice.elts[-1]
        if isinstance(column, ast.Constant | ast.Name) and len(target.slice.elts) == 2:
            return f"{text_of(source, inner.value)}[{text_of(source, column)}]"
    return text_of(source, inner) if isinstance(inner, ast.Subscript) else None
